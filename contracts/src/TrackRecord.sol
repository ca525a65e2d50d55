// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";

/// @title TrackRecord, one Merkle root per trader and trading day
/// @notice A trader (whoever sends the transaction) posts the root of a day once, and FNTX is burned. A record that is
/// stored is never overwritten and never deleted: a correction is a further version beside it, with a reason. Nobody
/// owns the contract; there is nothing to administer, pause or upgrade. The root commits to up to 64 metrics, and
/// anyone can check one of them without seeing the others.
/// @dev Dates are calendar dates written as the number yyyymmdd, 19700101 to 99991231.
///
/// Storage is what costs. A first version takes one slot of its own, the root, and a lane in a word that the days from
/// Monday to Friday share (Saturday and Sunday have another), so that a week of sessions takes six new slots. A lane is
/// postedAt and the number of the schema, counted for each trader from 1, so that nobody can fill another's register;
/// an empty lane means that the day has no record. Later versions are amendments, and touch nothing of the first. There
/// is no list of days: `history` looks at each.
contract TrackRecord {
    /// @notice One version of a day's record. `version` counts from 1; version 0, and all else zero, is no record.
    /// @param postedAt time of the block that stored this version, in seconds since 1970-01-01 UTC
    struct Record {
        bytes32 root;
        bytes32 schemaHash;
        uint64 postedAt;
        uint32 version;
    }

    /// @notice The latest version of a day's record, with its date.
    /// @param postedAt time of the block that stored that version, in seconds since 1970-01-01 UTC
    struct DatedRecord {
        uint32 date;
        bytes32 root;
        bytes32 schemaHash;
        uint64 postedAt;
        uint32 version;
    }

    /// @dev A version after the first, with the lane that it would have.
    struct Amendment {
        bytes32 root;
        uint256 lane;
        string reason;
    }

    /// @dev All that is stored of one trader.
    struct Book {
        mapping(uint256 week => uint256 word) lanes;
        mapping(uint32 date => bytes32 root) roots; // of first versions
        mapping(uint32 date => Amendment[]) amendments; // versions 2, 3, ...
        mapping(bytes32 schemaHash => uint256 number) schemaNumbers;
        bytes32[] schemas; // by number - 1
    }

    /// @notice Of this interface. A client refuses a contract with another one.
    uint256 public constant VERSION = 2;
    /// @notice What one version of one day costs, in the smallest unit of FNTX.
    /// @dev A uint256: `10 ether * n` overflows a smaller type.
    uint256 public constant BURN_AMOUNT = 10 ether;
    /// @notice Depth of the tree under a root.
    uint256 public constant TREE_DEPTH = 6;
    /// @notice Number of metrics that a root can commit to.
    uint256 public constant SLOTS = 64;
    /// @notice Most days in one transaction, which may use 16,777,216 gas (EIP-7825).
    uint256 public constant MAX_BATCH = 150;
    /// @notice Longest reason, in bytes of UTF-8.
    uint256 public constant MAX_REASON = 256;
    /// @notice Most calendar days that one call of `history` covers.
    uint256 public constant MAX_RANGE = 366;

    uint256 private constant LANES = 5;
    uint256 private constant LANE_BITS = 51;
    uint256 private constant TIME_BITS = 35; // seconds until the year 3058
    uint256 private constant MAX_SCHEMAS = 2 ** (LANE_BITS - TIME_BITS) - 1; // of one trader

    /// @dev Five bits a month, January's from bit 5; February may have 29 days.
    uint256 private constant MONTH_LENGTHS = (31 << 5) | (29 << 10) | (31 << 15) | (30 << 20) | (31 << 25) | (30 << 30)
        | (31 << 35) | (31 << 40) | (30 << 45) | (31 << 50) | (30 << 55) | (31 << 60);

    /// @notice The token that is burned. It cannot be changed.
    ERC20Burnable public immutable fntx;

    mapping(address trader => Book) private _books;

    /// @notice A version was stored: the first one, or an amendment.
    event DailyRecordPosted(
        address indexed trader, uint32 indexed date, bytes32 schemaHash, bytes32 root, uint32 version
    );
    /// @notice Beside DailyRecordPosted, for version 2 and later.
    /// @param previousRoot root of the version before, which stays readable
    event DailyRecordAmended(
        address indexed trader, uint32 indexed date, uint32 version, bytes32 previousRoot, string reason
    );
    /// @notice A trader used a schema for the first time.
    event SchemaRegistered(address indexed trader, bytes32 indexed schemaHash, uint256 number);

    /// @notice The number is no calendar date of the years 1970 to 9999.
    error InvalidDate(uint32 date);
    error ZeroRoot();
    error ZeroSchema();
    /// @notice The day has a record. `root` is the one of its latest version.
    error RecordExists(uint32 date, bytes32 root);
    /// @notice There is nothing to amend.
    error NoRecord(uint32 date);
    /// @notice The amendment names another root than the latest version has, which is `root`.
    error PreviousRootDiffers(uint32 date, bytes32 root);
    /// @notice The amendment would change nothing.
    error SameRoot(uint32 date);
    /// @notice The reason is empty or longer than MAX_REASON bytes.
    error InvalidReason(uint256 length);
    /// @notice The batch is empty, has not one root for each date, or has more than MAX_BATCH dates.
    error InvalidBatch(uint256 dates, uint256 roots);
    /// @notice The range runs backwards or covers more than MAX_RANGE days.
    error InvalidRange(uint32 firstDate, uint32 lastDate);
    /// @notice The sender has used 65,535 schemas.
    error TooManySchemas();

    constructor(ERC20Burnable fntx_) {
        fntx = fntx_;
    }

    /// @notice Store the root of the sender's metrics for one day, and burn BURN_AMOUNT of the sender's FNTX.
    /// @param date the trading day
    /// @param schemaHash keccak256 of the catalogue that says what each slot means
    /// @param root Merkle root over the 64 slots
    function postDailyRecord(uint32 date, bytes32 schemaHash, bytes32 root) external {
        Book storage book = _books[msg.sender];
        _store(book, date, schemaHash, _register(book, schemaHash), root);
        _burn(1);
    }

    /// @notice Store the roots of up to MAX_BATCH days, and burn BURN_AMOUNT for each: all of them or none.
    /// @param dates the trading days, in any order, each once
    /// @param roots a root for each date
    function postDailyRecords(bytes32 schemaHash, uint32[] calldata dates, bytes32[] calldata roots) external {
        if (dates.length == 0 || dates.length != roots.length || dates.length > MAX_BATCH) {
            revert InvalidBatch(dates.length, roots.length);
        }
        Book storage book = _books[msg.sender];
        uint256 lane = _register(book, schemaHash);
        for (uint256 n = 0; n < dates.length; ++n) {
            _store(book, dates[n], schemaHash, lane, roots[n]);
        }
        _burn(dates.length);
    }

    /// @notice Store a further version of a day that the sender has posted, and burn BURN_AMOUNT of the sender's FNTX.
    /// The versions before it stay as they are.
    /// @param previousRoot root of the latest version, which the sender must know
    /// @param reason why, 1 to MAX_REASON bytes; that they are UTF-8 is not checked
    function amendDailyRecord(
        uint32 date,
        bytes32 previousRoot,
        bytes32 schemaHash,
        bytes32 root,
        string calldata reason
    ) external {
        if (_dayNumber(date) == 0) revert InvalidDate(date);
        if (root == 0) revert ZeroRoot();
        if (bytes(reason).length == 0 || bytes(reason).length > MAX_REASON) revert InvalidReason(bytes(reason).length);
        Book storage book = _books[msg.sender];
        bytes32 latest = _latestRoot(book, date);
        if (latest == 0) revert NoRecord(date);
        if (latest != previousRoot) revert PreviousRootDiffers(date, latest);
        if (latest == root) revert SameRoot(date);

        book.amendments[date].push(Amendment({root: root, lane: _register(book, schemaHash), reason: reason}));
        uint32 version = _latestVersion(book, date);
        emit DailyRecordPosted(msg.sender, date, schemaHash, root, version);
        emit DailyRecordAmended(msg.sender, date, version, previousRoot, reason);
        _burn(1);
    }

    /// @notice The latest version of a trader's day; version 0 and zeros where there is none.
    function recordOf(address trader, uint32 date) external view returns (Record memory) {
        Book storage book = _books[trader];
        return _versionOf(book, date, _latestVersion(book, date));
    }

    /// @notice One version of a trader's day, counted from 1; zeros where there is none.
    /// @return record the version as it was stored
    /// @return previousRoot root of the version before it; zero for the first
    /// @return reason why it was amended; empty for the first
    function versionOf(address trader, uint32 date, uint32 version)
        external
        view
        returns (Record memory record, bytes32 previousRoot, string memory reason)
    {
        Book storage book = _books[trader];
        record = _versionOf(book, date, version);
        if (record.version > 1) {
            previousRoot = _versionOf(book, date, version - 1).root;
            reason = book.amendments[date][version - 2].reason;
        }
    }

    /// @notice The latest version of every day of a trader from `firstDate` to `lastDate`, both included, by date. A
    /// day without a record is absent.
    /// @dev For reading by eth_call: a year of sessions costs about 3 million gas.
    function history(address trader, uint32 firstDate, uint32 lastDate) external view returns (DatedRecord[] memory) {
        (uint256 firstDay, uint256 lastDay) = (_dayNumber(firstDate), _dayNumber(lastDate));
        if (firstDay == 0) revert InvalidDate(firstDate);
        if (lastDay == 0) revert InvalidDate(lastDate);
        if (firstDay > lastDay || lastDay - firstDay >= MAX_RANGE) revert InvalidRange(firstDate, lastDate);
        Book storage book = _books[trader];
        uint256 count = 0;
        for (uint32 date = firstDate; date <= lastDate; date = _dayAfter(date)) {
            if (_laneOf(book, date) != 0) ++count;
        }
        DatedRecord[] memory records = new DatedRecord[](count);
        uint256 next = 0;
        for (uint32 date = firstDate; next < count; date = _dayAfter(date)) {
            if (_laneOf(book, date) == 0) continue;
            Record memory record = _versionOf(book, date, _latestVersion(book, date));
            records[next++] = DatedRecord(date, record.root, record.schemaHash, record.postedAt, record.version);
        }
        return records;
    }

    /// @notice Whether a version of a trader's day says that metric `index` has `scaledValue`. False where that version
    /// does not exist; never an error.
    /// @param version the version, counted from 1
    /// @param index the metric's place in the catalogue; 64 and above is never true
    /// @param scaledValue the value as an integer in the metric's smallest unit; type(int256).min stands for null
    /// @param salt the salt that the trader disclosed with the value
    /// @param proof the six sibling hashes from the leaf up to the root
    function verifyMetric(
        address trader,
        uint32 date,
        uint32 version,
        uint256 index,
        int256 scaledValue,
        bytes32 salt,
        bytes32[TREE_DEPTH] calldata proof
    ) external view returns (bool) {
        Record memory record = _versionOf(_books[trader], date, version);
        if (index >= SLOTS || record.version == 0) return false;
        bytes32 leaf = keccak256(
            abi.encode(record.schemaHash, block.chainid, address(this), trader, date, index, scaledValue, salt)
        );
        bytes32 node = keccak256(abi.encode(leaf));
        for (uint256 level = 0; level < TREE_DEPTH; ++level) {
            bool isRight = (index >> level) & 1 == 1;
            node = isRight
                ? keccak256(abi.encodePacked(bytes1(0x01), proof[level], node))
                : keccak256(abi.encodePacked(bytes1(0x01), node, proof[level]));
        }
        return node == record.root;
    }

    /// @dev What a lane says about a version of the sender's `book` that is stored now: postedAt in the low bits, the
    /// schema's number above. The number is not 0, so neither is the lane.
    function _register(Book storage book, bytes32 schemaHash) private returns (uint256 lane) {
        if (schemaHash == 0) revert ZeroSchema();
        uint256 number = book.schemaNumbers[schemaHash];
        if (number == 0) {
            number = book.schemas.length + 1;
            if (number > MAX_SCHEMAS) revert TooManySchemas(); // a larger number would spill into another day
            book.schemas.push(schemaHash);
            book.schemaNumbers[schemaHash] = number;
            emit SchemaRegistered(msg.sender, schemaHash, number);
        }
        return (number << TIME_BITS) | block.timestamp;
    }

    /// @dev Store a first version of a day in the sender's `book`.
    function _store(Book storage book, uint32 date, bytes32 schemaHash, uint256 lane, bytes32 root) private {
        uint256 day = _dayNumber(date);
        if (day == 0) revert InvalidDate(date);
        if (root == 0) revert ZeroRoot();
        (uint256 week, uint256 shift) = _placeOf(day);
        uint256 lanes = book.lanes[week];
        if (_laneAt(lanes, shift) != 0) revert RecordExists(date, _latestRoot(book, date));

        book.lanes[week] = lanes | (lane << shift);
        book.roots[date] = root;
        emit DailyRecordPosted(msg.sender, date, schemaHash, root, 1);
    }

    /// @dev Always the last thing that a function does: what it calls finds finished storage.
    function _burn(uint256 versions) private {
        unchecked {
            fntx.burnFrom(msg.sender, versions * BURN_AMOUNT);
        }
    }

    /// @dev Zeros where there is no such version.
    function _versionOf(Book storage book, uint32 date, uint32 version) private view returns (Record memory record) {
        if (version == 0 || version > _latestVersion(book, date)) return record;
        uint256 lane;
        if (version == 1) {
            (lane, record.root) = (_laneOf(book, date), book.roots[date]);
        } else {
            Amendment storage amendment = book.amendments[date][version - 2];
            (lane, record.root) = (amendment.lane, amendment.root);
        }
        record.schemaHash = book.schemas[(lane >> TIME_BITS) - 1];
        record.postedAt = uint64(lane & (2 ** TIME_BITS - 1));
        record.version = version;
    }

    /// @dev 0 where there is no record.
    function _latestVersion(Book storage book, uint32 date) private view returns (uint32) {
        return book.roots[date] == 0 ? 0 : uint32(book.amendments[date].length + 1);
    }

    /// @dev 0 where there is no record.
    function _latestRoot(Book storage book, uint32 date) private view returns (bytes32) {
        Amendment[] storage amendments = book.amendments[date];
        return amendments.length == 0 ? book.roots[date] : amendments[amendments.length - 1].root;
    }

    /// @dev Of a valid date; 0 where there is no record.
    function _laneOf(Book storage book, uint32 date) private view returns (uint256) {
        (uint256 week, uint256 shift) = _placeOf(_dayNumber(date));
        return _laneAt(book.lanes[week], shift);
    }

    function _laneAt(uint256 lanes, uint256 shift) private pure returns (uint256) {
        return (lanes >> shift) & (2 ** LANE_BITS - 1);
    }

    /// @dev Where the lane of a day is. A week has two words: Monday to Friday, and Saturday and Sunday.
    function _placeOf(uint256 day) private pure returns (uint256 week, uint256 shift) {
        unchecked {
            uint256 weekday = day % 7; // Monday is 0
            week = (day / 7) * 2 + weekday / LANES;
            shift = (weekday % LANES) * LANE_BITS;
        }
    }

    /// @dev The date after a valid date.
    function _dayAfter(uint256 date) private pure returns (uint32) {
        unchecked {
            if (_dayNumber(date + 1) != 0) return uint32(date + 1);
            uint256 month = date / 100 + 1; // the next one of the same year, if there is one
            return uint32(date / 100 % 100 < 12 ? month * 100 + 1 : (date / 10_000 + 1) * 10_000 + 101);
        }
    }

    /// @dev Days from Monday 1969-12-29 to a date; 0 for a number that is no date of the years 1970 to 9999.
    function _dayNumber(uint256 date) private pure returns (uint256) {
        unchecked {
            uint256 year = date / 10_000;
            uint256 month = (date / 100) % 100;
            uint256 day = date % 100;
            // below 1 wraps to a huge number; a month that is none has 0 days
            if (year - 1970 > 9999 - 1970 || day - 1 >= (MONTH_LENGTHS >> (5 * month)) % 32) return 0;
            if (date % 10_000 == 229 && (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0))) return 0;
            // count from March, so that the day that comes and goes is the last one of its year
            uint256 months = 12 * year + month - 3;
            year = months / 12;
            return 365 * year + year / 4 - year / 100 + year / 400 + (153 * (months % 12) + 2) / 5 + day - 719_466;
        }
    }
}
