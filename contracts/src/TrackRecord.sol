// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";

/// @title TrackRecord, one Merkle root per trader and trading day
/// @notice Posting burns FNTX of the trader. A stored record is never overwritten or deleted, and nobody owns the
/// contract. The root commits to up to 64 metrics; anyone can check one of them without seeing the others.
/// @dev A record takes two storage slots so that a post stays under 90,000 gas: the hash of the metrics' schema is
/// kept once, in a register that any first use extends, and a record holds only its number there. There is no list
/// of days (a third slot): the event DailyRecordPosted is the list.
contract TrackRecord {
    struct Record {
        bytes32 root;
        bytes32 schemaHash;
        uint64 postedAt;
        uint64 postedBlock;
        uint32 version;
    }

    /// @dev `packed` is version (32 bits) | schema's number (64) | postedAt (64) | postedBlock (64), lowest first, packed
    /// by hand because the compiler would write the slot once per field.
    struct Entry {
        bytes32 root;
        uint256 packed;
    }

    /// @notice What one record costs, in the smallest unit of FNTX. A uint256: `10 ether * n` overflows a smaller type.
    uint256 public constant BURN_AMOUNT = 10 ether;
    /// @notice Number of metrics that a root commits to: a tree of this depth has 64 slots.
    uint256 public constant TREE_DEPTH = 6;
    uint256 public constant SLOTS = 64;

    ERC20Burnable public immutable fntx;

    mapping(address trader => mapping(uint32 date => Entry)) private _entries;
    mapping(bytes32 schemaHash => uint256) private _schemaNumbers;
    bytes32[] private _schemas;

    event DailyRecordPosted(
        address indexed trader, uint32 indexed date, bytes32 schemaHash, bytes32 root, uint32 version
    );
    event SchemaRegistered(bytes32 indexed schemaHash, uint256 number);

    error InvalidDate(uint32 date);
    error ZeroRoot();
    error ZeroSchema();
    error RecordExists(uint32 date, bytes32 root);

    constructor(ERC20Burnable fntx_) {
        fntx = fntx_;
    }

    /// @notice Store the root of the sender's metrics for one day and burn BURN_AMOUNT of the sender's FNTX.
    /// @param date the trading day as the number yyyymmdd
    /// @param schemaHash keccak256 of the catalogue that says what each slot means
    /// @param root Merkle root over the 64 slots
    function postDailyRecord(uint32 date, bytes32 schemaHash, bytes32 root) external {
        if (!_isDate(date)) revert InvalidDate(date);
        if (root == 0) revert ZeroRoot();
        if (schemaHash == 0) revert ZeroSchema();
        Entry storage entry = _entries[msg.sender][date];
        if (entry.packed != 0) revert RecordExists(date, entry.root);

        entry.root = root;
        entry.packed = 1 | (_register(schemaHash) << 32) | (block.timestamp << 96) | (block.number << 160);
        emit DailyRecordPosted(msg.sender, date, schemaHash, root, 1);
        fntx.burnFrom(msg.sender, BURN_AMOUNT);
    }

    /// @notice The record of a trader's day; version 0 and zeros where there is none.
    function recordOf(address trader, uint32 date) external view returns (Record memory) {
        Entry storage entry = _entries[trader][date];
        uint256 packed = entry.packed;
        return Record({
            root: entry.root,
            schemaHash: _schemaHash(packed),
            postedAt: uint64(packed >> 96),
            postedBlock: uint64(packed >> 160),
            version: uint32(packed)
        });
    }

    /// @notice Whether the record of a trader's day says that metric `index` has `scaledValue`.
    /// @param index the metric's place in the catalogue; 64 and above is never true
    /// @param scaledValue the value as an integer in the metric's smallest unit; type(int256).min stands for null
    /// @param salt the salt that the trader disclosed with the value
    /// @param proof the six sibling hashes from the leaf up to the root
    function verifyMetric(
        address trader,
        uint32 date,
        uint256 index,
        int256 scaledValue,
        bytes32 salt,
        bytes32[TREE_DEPTH] calldata proof
    ) external view returns (bool) {
        Entry storage entry = _entries[trader][date];
        if (index >= SLOTS || entry.packed == 0) return false;
        bytes32 node = keccak256(
            bytes.concat(
                keccak256(
                    abi.encode(
                        _schemaHash(entry.packed), block.chainid, address(this), trader, date, index, scaledValue, salt
                    )
                )
            )
        );
        for (uint256 level = 0; level < TREE_DEPTH; ++level) {
            bytes32 sibling = proof[level];
            bool isRight = (index >> level) & 1 == 1;
            node = isRight
                ? keccak256(abi.encodePacked(bytes1(0x01), sibling, node))
                : keccak256(abi.encodePacked(bytes1(0x01), node, sibling));
        }
        return node == entry.root;
    }

    function _schemaHash(uint256 packed) private view returns (bytes32) {
        return packed == 0 ? bytes32(0) : _schemas[uint64(packed >> 32) - 1];
    }

    /// @dev The schema's number in the register, counted from 1.
    function _register(bytes32 schemaHash) private returns (uint256 number) {
        number = _schemaNumbers[schemaHash];
        if (number == 0) {
            _schemas.push(schemaHash);
            number = _schemas.length;
            _schemaNumbers[schemaHash] = number;
            emit SchemaRegistered(schemaHash, number);
        }
    }

    function _isDate(uint256 date) private pure returns (bool) {
        unchecked {
            uint256 year = date / 10_000;
            uint256 month = (date / 100) % 100;
            uint256 day = date % 100;
            if (year - 1970 > 9999 - 1970 || month - 1 > 11 || day - 1 > 30) return false; // below 1 wraps to huge
            if (day < 29) return true;
            if (month == 2) return day == 29 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            return day < 31 || (0x15AA >> month) & 1 == 1; // bits 1, 3, 5, 7, 8, 10 and 12: the months of 31 days
        }
    }
}
