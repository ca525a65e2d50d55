// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {Calendar} from "./Calendar.sol";
import {Curve} from "./Curve.sol";
import {SubmissionVerifier} from "./SubmissionVerifier.sol";
import {TrackRecord} from "./TrackRecord.sol";

/// @dev What a pool is, for ever.
/// @param records the TrackRecord in which its traders post
/// @param verifier the SubmissionVerifier that a challenge asks
/// @param slot of a record, which holds the digest of the commitments
/// @param currency in which the figures are, three letters
/// @param scale the power of ten that a figure is counted in: 0 for whole units
/// @param minUsers fewest traders of a day that is opened
/// @param submitSeconds how long a day takes submissions, from the first one on
/// @param challengeSeconds how long submissions can be challenged after that
/// @param bond in wei, that a trader deposits
/// @param registrar who admits traders; 0: everybody is admitted
/// @param minAge seconds since a trader posted an old record, to register; 0: none is asked for
/// @param minCohort fewest traders that become active together, from the first of a month; 0: each at once
struct Pool {
    TrackRecord records;
    SubmissionVerifier verifier;
    uint256 slot;
    bytes3 currency;
    uint8 scale;
    uint32 minUsers;
    uint64 submitSeconds;
    uint64 challengeSeconds;
    uint256 bond;
    address registrar;
    uint64 minAge;
    uint32 minCohort;
}

/// @title The sums of many traders' figures, of which nobody sees a single one
/// @notice Each trader submits a day's three figures, encrypted to a key that trustees hold together, with a proof that
/// they are the figures committed to in the trader's signed record. The contract adds up the ciphertexts. Whoever finds a
/// submission that does not hold has it taken off, while there is time. Then enough trustees decrypt the sums, and the
/// contract checks what they say. No coalition can open other totals than the sums hold; as many trustees as `threshold`
/// can read single submissions together.
/// @dev Formats and equations: docs/contracts.md. There is no owner and no upgrade. Days are numbers yyyymmdd, UTC. The
/// logs alone are enough to check everything that was done here.
contract Aggregator {
    /// @dev A day.
    struct Epoch {
        uint32 users;
        uint32 evicted;
        uint64 startedAt;
        uint64 openedAt;
        uint64[3] totals;
        uint256[3][6] sums; // of A_1 A_2 A_3 B_1 B_2 B_3
        mapping(address trader => bytes32) digests;
    }

    /// @notice A trader's standing: the first day that is theirs (0: every day), the time until which the bond is held,
    /// whether they are registered, and whether the registrar admitted them.
    struct Participant {
        uint32 activeFrom;
        uint64 boundUntil;
        bool isRegistered;
        bool isAdmitted;
    }

    /// @dev What the equations of an opening share: the sums, the scalars of G and of each sum, the weight, its last power
    /// in use and those of the three totals.
    struct Opening {
        uint256[3][6] sums;
        uint256[6] scalars;
        uint256 g;
        uint256 weight;
        uint256 power;
        uint256[3] powers;
    }

    uint256 private constant Q = Curve.ORDER;
    uint256 private constant SUBMISSION = 3104;
    uint256 private constant SHARE = 512;
    uint256 private constant MAX_TRUSTEES = 9;
    uint256 private constant OFFSET = 2 ** 31; // that the third figure is above what it stands for
    bytes32 private constant EVICTED = bytes32(uint256(1));

    bytes32 private constant T_SUBMISSION = keccak256("FNTX-AGGREGATE-V1/submission");
    bytes32 private constant T_OPENING = keccak256("FNTX-AGGREGATE-V1/opening");
    bytes32 private constant T_KEY = keccak256("FNTX-AGGREGATE-V1/key");

    TrackRecord public immutable records;
    SubmissionVerifier public immutable verifier;
    uint256 public immutable slot;
    bytes3 public immutable currency;
    uint8 public immutable scale;
    uint32 public immutable minUsers;
    uint64 public immutable submitSeconds;
    uint64 public immutable challengeSeconds;
    uint256 public immutable bond;
    address public immutable registrar;
    uint64 public immutable minAge;
    uint32 public immutable minCohort;

    /// @notice How many trustees open a day.
    uint256 public immutable threshold;
    /// @notice How many there are.
    uint256 public immutable trusteeCount;
    /// @notice When the key must be formed, in Unix seconds; a pool that missed it takes no submissions.
    uint64 public immutable formedBy;

    /// @notice The trustees by number, from 0 on.
    address[] public trustees;
    /// @notice Each one's key that shares are sealed to.
    bytes[] public boxKeys;
    /// @notice What traders encrypt to: a point of 96 bytes; empty until all trustees have confirmed.
    bytes public key;
    /// @notice By trustee, the point of the trustee's part of the key's secret; empty until the key is formed.
    mapping(uint256 trustee => bytes) public verificationKey;

    uint256 private _contributed; // a bit for each trustee
    uint256 private _confirmed;
    uint256[3][MAX_TRUSTEES] private _coefficients; // of the sum of their polynomials, times G

    mapping(address trader => Participant) public participants;
    /// @notice By first day of a month, how many registered in the month before to be active from then on.
    mapping(uint32 activeFrom => uint32) public cohortSize;

    mapping(uint32 epoch => Epoch) private _epochs;
    uint32 private _latest; // opened day

    event Contributed(uint256 indexed trustee, bytes commitments, bytes proof, bytes sealedShares);
    event Confirmed(uint256 indexed trustee);
    event KeyFormed(bytes key);
    event Registered(address indexed trader, uint32 activeFrom);
    event Left(address indexed trader);
    event Submitted(
        uint32 indexed epoch, address indexed trader, uint32 version, bytes32 salt, bytes32[6] path, bytes submission
    );
    event Evicted(uint32 indexed epoch, address indexed trader, address challenger);
    event ShareOffered(uint32 indexed epoch, uint256 indexed trustee, bytes share);
    event Opened(uint32 indexed epoch, uint64[3] totals, uint32 users, uint8[] trustees, bytes shares);

    /// @notice Trustees, box keys, threshold or date of the deployment are not what they must be.
    error InvalidCommittee();
    error NotATrustee();
    /// @notice Too early or too late for this call.
    error WrongTime();
    /// @notice The sender did this already.
    error Twice();
    error WrongLength();
    error ProofFails();
    error NotAdmitted();
    error NotRegistered();
    error WrongBond();
    /// @notice The sender posted no record of that day, or not long enough ago.
    error NoOldRecord();
    /// @notice A day in which the sender takes part can still be challenged.
    error StillBound();
    /// @notice The trustees have not formed the key.
    error NoKey();
    /// @notice The day is not over, or takes no submissions any more.
    error NotCollecting();
    /// @notice The day is before the sender's first one, or too few registered with the sender.
    error NotActive();
    error AlreadySubmitted();
    /// @notice The sender posted no record of the day.
    error NoRecord();
    /// @notice The latest version of the sender's record does not hold these commitments in the pool's slot.
    error NotTheRecords();
    /// @notice A point is not on the curve.
    error AdditionFailed();
    /// @notice The day has not begun, or is frozen.
    error NotChecking();
    error NoSuchSubmission();
    error SubmissionHolds();
    error NotFrozen();
    error TooFewUsers();
    error AlreadyOpened();
    error WrongTrustees();
    /// @notice A total is larger than that many traders' figures can be.
    error WrongTotals();

    constructor(
        Pool memory pool,
        address[] memory trustees_,
        bytes[] memory boxKeys_,
        uint256 threshold_,
        uint64 formedBy_
    ) {
        (records, verifier, registrar) = (pool.records, pool.verifier, pool.registrar);
        (slot, currency, scale) = (pool.slot, pool.currency, pool.scale);
        (submitSeconds, challengeSeconds) = (pool.submitSeconds, pool.challengeSeconds);
        (minUsers, minAge, minCohort, bond) = (pool.minUsers, pool.minAge, pool.minCohort, pool.bond);
        (threshold, trusteeCount, formedBy) = (threshold_, trustees_.length, formedBy_);

        uint256 count = trustees_.length;
        if (count > MAX_TRUSTEES || boxKeys_.length != count || formedBy_ <= block.timestamp) revert InvalidCommittee();
        if (threshold_ == 0 || threshold_ > count) revert InvalidCommittee();
        uint256 pairs = Curve.pairsFor(count);
        uint256 place = pairs;
        for (uint256 n = 0; n < count; ++n) {
            for (uint256 m = 0; m < n; ++m) {
                if (trustees_[m] == trustees_[n]) revert InvalidCommittee();
            }
            bytes memory boxKey = boxKeys_[n];
            if (trustees_[n] == address(0) || boxKey.length != Curve.POINT) revert InvalidCommittee();
            uint256[3] memory point = _point(boxKey);
            if (Curve.isIdentity(point)) revert InvalidCommittee(); // everybody would unseal its shares
            place = Curve.put(place, point, 0);
        }
        if (!Curve.sums(pairs, place, gasleft())) revert InvalidCommittee();
        (trustees, boxKeys) = (trustees_, boxKeys_);
    }

    // The committee

    /// @notice A trustee's contribution to the key.
    /// @param commitments as many points as `threshold`, of the coefficients of the trustee's polynomial
    /// @param proof that the trustee knows the first coefficient
    /// @param sealedShares a word for each trustee: the polynomial's value, sealed to the trustee's box key
    function contribute(bytes calldata commitments, bytes calldata proof, bytes calldata sealedShares) external {
        uint256 trustee = _trustee();
        if (block.timestamp >= formedBy) revert WrongTime();
        if (_contributed & (1 << trustee) != 0) revert Twice();
        if (commitments.length != threshold * Curve.POINT || proof.length != 128) revert WrongLength();
        if (sealedShares.length != trusteeCount * 32) revert WrongLength();
        if (!_knowsTheSecret(trustee, commitments, proof)) revert ProofFails();

        _contributed |= 1 << trustee;
        for (uint256 k = 0; k < threshold; ++k) {
            _add(_coefficients[k], Curve.pointAt(commitments, k * Curve.POINT));
        }
        emit Contributed(trustee, commitments, proof, sealedShares);
    }

    /// @notice A trustee has unsealed a share of each, and each fits the commitments. The last one's forms the key.
    function confirm() external {
        uint256 trustee = _trustee();
        uint256 everybody = (1 << trusteeCount) - 1;
        if (block.timestamp >= formedBy || _contributed != everybody) revert WrongTime();
        if (_confirmed & (1 << trustee) != 0) revert Twice();
        _confirmed |= 1 << trustee;
        emit Confirmed(trustee);
        if (_confirmed == everybody) _formKey();
    }

    // Traders

    /// @notice Admit traders to register; by the registrar alone.
    function admit(address[] calldata traders) external {
        if (msg.sender != registrar) revert NotAdmitted();
        for (uint256 n = 0; n < traders.length; ++n) {
            participants[traders[n]].isAdmitted = true;
        }
    }

    /// @notice Take part, from the first of the next month on, or at once where the pool has no cohorts.
    /// @param oldDate a day that the sender posted a record of long ago, where the pool asks for one
    function register(uint32 oldDate) external payable {
        Participant storage participant = participants[msg.sender];
        if (registrar != address(0) && !participant.isAdmitted) revert NotAdmitted();
        if (participant.isRegistered) revert Twice();
        if (msg.value != bond) revert WrongBond();
        if (minAge > 0) {
            // slither-disable-next-line unused-return
            (TrackRecord.Record memory record,,) = records.versionOf(msg.sender, oldDate, 1);
            if (record.version == 0 || record.postedAt + minAge > block.timestamp) revert NoOldRecord();
        }
        participant.isRegistered = true;
        _join(participant);
    }

    /// @notice Join the next month's cohort, where the sender's own stayed too small.
    function rejoin() external {
        Participant storage participant = participants[msg.sender];
        if (!participant.isRegistered) revert NotRegistered();
        uint32 activeFrom = participant.activeFrom;
        if (cohortSize[activeFrom] >= minCohort || activeFrom >= Calendar.nextMonth(block.timestamp)) {
            revert WrongTime();
        }
        _join(participant);
    }

    /// @notice Take part no more, and get the bond back.
    function leave() external {
        Participant storage participant = participants[msg.sender];
        if (!participant.isRegistered) revert NotRegistered();
        if (block.timestamp < participant.boundUntil) revert StillBound();
        _part(participant);
        emit Left(msg.sender);
        Address.sendValue(payable(msg.sender), bond);
    }

    /// @notice Add the sender's figures of a day. The proof is not checked here: see `challenge`.
    /// @param epoch the day, which must be over
    /// @param salt of the slot's leaf in the sender's record
    /// @param path the six hashes from the leaf to the root of the record's latest version
    /// @param submission 3,104 bytes
    function submit(uint32 epoch, bytes32 salt, bytes32[6] calldata path, bytes calldata submission) external {
        Epoch storage day = _epochs[epoch];
        uint64 freezes = _collect(epoch, day);
        Participant storage participant = participants[msg.sender];
        _checkActive(epoch, participant);
        if (day.digests[msg.sender] != 0) revert AlreadySubmitted();
        if (submission.length != SUBMISSION) revert WrongLength();
        uint32 version = _versionWith(epoch, salt, path, submission);

        day.digests[msg.sender] = keccak256(submission);
        ++day.users;
        if (freezes > participant.boundUntil) participant.boundUntil = freezes;
        for (uint256 n = 0; n < 6; ++n) {
            _add(day.sums[n], Curve.pointAt(submission, n * Curve.POINT));
        }
        emit Submitted(epoch, msg.sender, version, salt, path, submission);
    }

    // Anybody

    /// @notice Take a submission that does not hold off the sums, for ever, and end its trader's registration: half of
    /// the bond goes to the sender, half is burned. Until the day freezes.
    /// @param submission as it was submitted
    function challenge(uint32 epoch, address trader, bytes calldata submission) external {
        Epoch storage day = _epochs[epoch];
        if (day.startedAt == 0 || block.timestamp >= freezesAt(epoch)) revert NotChecking();
        if (day.digests[trader] != keccak256(submission)) revert NoSuchSubmission();
        if (verifier.holds(contextOf(epoch, trader), key, submission)) revert SubmissionHolds();

        day.digests[trader] = EVICTED;
        --day.users;
        ++day.evicted;
        for (uint256 n = 0; n < 6; ++n) {
            _add(day.sums[n], Curve.negative(Curve.pointAt(submission, n * Curve.POINT)));
        }
        emit Evicted(epoch, trader, msg.sender);
        Participant storage participant = participants[trader];
        if (participant.isRegistered) {
            _part(participant);
            Address.sendValue(payable(msg.sender), bond / 2);
            Address.sendValue(payable(address(0)), bond - bond / 2);
        }
    }

    /// @notice A trustee shows a share of a day's decryption, which is not checked here.
    function offerShare(uint32 epoch, bytes calldata share) external {
        emit ShareOffered(epoch, _trustee(), share);
    }

    /// @notice Store a frozen day's totals, which as many trustees' shares as `threshold` prove.
    /// @param totals of the three figures, the third of them 2^31 too large for each trader
    /// @param chosen the trustees by number, ascending
    /// @param shares theirs, 512 bytes each
    function open(uint32 epoch, uint64[3] calldata totals, uint8[] calldata chosen, bytes calldata shares) external {
        Epoch storage day = _epochs[epoch];
        uint32 users = day.users;
        if (day.startedAt == 0 || block.timestamp < freezesAt(epoch)) revert NotFrozen();
        if (users < minUsers) revert TooFewUsers();
        if (day.openedAt != 0) revert AlreadyOpened();
        _checkChosen(chosen);
        for (uint256 j = 0; j < 3; ++j) {
            if (totals[j] >= uint256(users) << 32) revert WrongTotals();
        }
        _checkShares(epoch, totals, chosen, shares);

        day.openedAt = uint64(block.timestamp);
        day.totals = totals;
        if (epoch > _latest) _latest = epoch;
        emit Opened(epoch, totals, users, chosen, shares);
    }

    // Views

    /// @notice The totals of the latest day that was opened, in the pool's units; zeros before there is one.
    function publicTotals()
        external
        view
        returns (uint32 epoch, uint256 totalAum, uint256 totalVolume, int256 totalNetPnl, uint256 userCount)
    {
        epoch = _latest;
        Epoch storage day = _epochs[epoch];
        userCount = day.users;
        (totalAum, totalVolume) = (day.totals[0], day.totals[1]);
        totalNetPnl = int256(uint256(day.totals[2])) - int256(userCount * OFFSET);
    }

    /// @notice A day: traders counted, traders evicted, times of the first submission and of the opening, and the totals
    /// as they were opened, the third of them 2^31 too large for each trader. Zeros where there is none.
    function epochOf(uint32 epoch)
        external
        view
        returns (uint32 users, uint32 evicted, uint64 startedAt, uint64 openedAt, uint64[3] memory totals)
    {
        Epoch storage day = _epochs[epoch];
        return (day.users, day.evicted, day.startedAt, day.openedAt, day.totals);
    }

    /// @notice A day's sums of A_1 A_2 A_3 B_1 B_2 B_3, three words of each point's 96 bytes.
    function sumsOf(uint32 epoch) external view returns (uint256[3][6] memory) {
        return _epochs[epoch].sums;
    }

    /// @notice keccak256 of a trader's submission of a day; 0 where there is none, 1 where it was evicted.
    function digestOf(uint32 epoch, address trader) external view returns (bytes32) {
        return _epochs[epoch].digests[trader];
    }

    /// @notice When a day is over and takes its first submission, in Unix seconds; the largest number for no date.
    function opensAt(uint32 epoch) public pure returns (uint256) {
        return Calendar.endOf(epoch);
    }

    /// @notice From when on a day takes no submission, in Unix seconds; 0 before its first one.
    function closesAt(uint32 epoch) public view returns (uint64) {
        uint64 startedAt = _epochs[epoch].startedAt;
        return startedAt > 0 ? startedAt + submitSeconds : 0;
    }

    /// @notice From when on a day's sums are frozen, in Unix seconds; 0 before its first submission.
    function freezesAt(uint32 epoch) public view returns (uint64) {
        uint64 startedAt = _epochs[epoch].startedAt;
        return startedAt > 0 ? startedAt + submitSeconds + challengeSeconds : 0;
    }

    /// @notice What a trader's submission of a day is bound to.
    function contextOf(uint32 epoch, address trader) public view returns (bytes32) {
        return keccak256(abi.encode(T_SUBMISSION, block.chainid, address(this), trader, epoch));
    }

    function _trustee() private view returns (uint256) {
        for (uint256 n = 0; n < trusteeCount; ++n) {
            if (trustees[n] == msg.sender) return n;
        }
        revert NotATrustee();
    }

    /// @dev Schnorr's proof of the first coefficient, and all commitments are of the group: s·G − c·F_0 − R = 0.
    function _knowsTheSecret(uint256 trustee, bytes calldata commitments, bytes calldata proof)
        private
        view
        returns (bool)
    {
        uint256 s = uint256(bytes32(proof[Curve.POINT:]));
        if (s >= Q) return false;
        bytes32 hashed = keccak256(
            bytes.concat(
                abi.encode(T_KEY, block.chainid, address(this), trustee), commitments, proof[:Curve.POINT]
            )
        );
        uint256 pairs = Curve.pairsFor(threshold + 2);
        uint256 place = Curve.put(pairs, Curve.generator(), s);
        place = Curve.put(place, Curve.pointAt(proof, 0), Q - 1);
        for (uint256 k = 0; k < threshold; ++k) {
            uint256 scalar = k == 0 ? Q - Curve.reduced(hashed) : 0;
            place = Curve.put(place, Curve.pointAt(commitments, k * Curve.POINT), scalar);
        }
        return Curve.sumsToZero(pairs, place);
    }

    /// @dev Y = Σ_i F_(i,0) and V_j = Σ_k (j+1)^k·Σ_i F_(i,k).
    function _formKey() private {
        uint256 pairs = Curve.pairsFor(threshold);
        for (uint256 j = 0; j < trusteeCount; ++j) {
            uint256 place = pairs;
            uint256 power = 1;
            for (uint256 k = 0; k < threshold; ++k) {
                place = Curve.put(place, _coefficients[k], power);
                power *= j + 1; // at most 9^9
            }
            (bool ok, uint256[3] memory sum) = Curve.sum(pairs, place, gasleft());
            if (!ok) revert ProofFails();
            verificationKey[j] = abi.encodePacked(sum);
        }
        key = abi.encodePacked(_coefficients[0]);
        emit KeyFormed(key);
    }

    function _join(Participant storage participant) private {
        uint32 activeFrom = minCohort == 0 ? 0 : Calendar.nextMonth(block.timestamp);
        participant.activeFrom = activeFrom;
        if (minCohort > 0) ++cohortSize[activeFrom];
        emit Registered(msg.sender, activeFrom);
    }

    /// @dev End a registration. It counts no more in a cohort that still gathers.
    function _part(Participant storage participant) private {
        participant.isRegistered = false;
        if (participant.activeFrom >= Calendar.nextMonth(block.timestamp)) --cohortSize[participant.activeFrom];
    }

    /// @dev When the day freezes, which takes a submission now; its first one starts the clock.
    function _collect(uint32 epoch, Epoch storage day) private returns (uint64 freezes) {
        uint64 startedAt = day.startedAt;
        if (startedAt == 0) {
            if (key.length == 0) revert NoKey();
            if (block.timestamp < opensAt(epoch)) revert NotCollecting();
            startedAt = uint64(block.timestamp);
            day.startedAt = startedAt;
        } else if (block.timestamp >= startedAt + submitSeconds) {
            revert NotCollecting();
        }
        return startedAt + submitSeconds + challengeSeconds;
    }

    function _checkActive(uint32 epoch, Participant storage participant) private view {
        if (!participant.isRegistered) revert NotRegistered();
        if (minCohort == 0) return;
        uint32 activeFrom = participant.activeFrom;
        if (epoch < activeFrom || cohortSize[activeFrom] < minCohort) revert NotActive();
    }

    /// @dev The latest version of the sender's record of a day, which holds a submission's commitments.
    function _versionWith(uint32 epoch, bytes32 salt, bytes32[6] calldata path, bytes calldata submission)
        private
        view
        returns (uint32 version)
    {
        version = records.recordOf(msg.sender, epoch).version;
        if (version == 0) revert NoRecord();
        bytes32 digest = sha256(abi.encodePacked("FNTX-COMMITMENTS-V1", currency, scale, submission[576:864]));
        if (!records.verifyMetric(msg.sender, epoch, version, slot, int256(uint256(digest)), salt, path)) {
            revert NotTheRecords();
        }
    }

    function _add(uint256[3] storage sum, uint256[3] memory point) private {
        if (!Curve.addTo(sum, point)) revert AdditionFailed();
    }

    /// @dev As many trustees as needed, each once, in ascending order.
    function _checkChosen(uint8[] calldata chosen) private view {
        if (chosen.length != threshold) revert WrongTrustees();
        for (uint256 n = 0; n < chosen.length; ++n) {
            if (chosen[n] >= trusteeCount || (n > 0 && chosen[n] <= chosen[n - 1])) revert WrongTrustees();
        }
    }

    /// @dev For each chosen trustee i: s·G = c·V_i + T_1 and s·A_f = c·S_f + T_2. For each figure j:
    /// total_j·G = ΣB_j − Σ λ_i·S_(i,j). All are added up with powers of one weight, to be zero.
    function _checkShares(uint32 epoch, uint64[3] calldata totals, uint8[] calldata chosen, bytes calldata shares)
        private
        view
    {
        if (shares.length != chosen.length * SHARE) revert ProofFails();
        Opening memory opening = _begun(epoch, totals, chosen, shares);
        uint256 pairs = Curve.pairsFor(7 + 6 * chosen.length);
        uint256 place = pairs;
        for (uint256 n = 0; n < chosen.length; ++n) {
            bytes calldata share = shares[n * SHARE:(n + 1) * SHARE];
            place = _putShare(place, opening, epoch, chosen[n], _lagrange(chosen, n), share);
        }
        place = Curve.put(place, Curve.generator(), opening.g);
        for (uint256 n = 0; n < 6; ++n) {
            place = Curve.put(place, opening.sums[n], opening.scalars[n]);
        }
        if (!Curve.sumsToZero(pairs, place)) revert ProofFails();
    }

    /// @dev The sums, the weight, and what the equations of the totals add to the scalars.
    function _begun(uint32 epoch, uint64[3] calldata totals, uint8[] calldata chosen, bytes calldata shares)
        private
        view
        returns (Opening memory opening)
    {
        opening.sums = _epochs[epoch].sums;
        opening.weight = Curve.reduced(
            keccak256(bytes.concat(_bound(epoch), abi.encode(opening.sums, totals), abi.encodePacked(chosen), shares))
        );
        opening.power = 1;
        for (uint256 j = 0; j < 3; ++j) {
            opening.power = mulmod(opening.power, opening.weight, Q);
            opening.powers[j] = opening.power;
            opening.g = addmod(opening.g, mulmod(opening.power, totals[j], Q), Q);
            opening.scalars[3 + j] = Q - opening.power;
        }
    }

    /// @dev Put the six points of a trustee's equations, and add to the scalars of G and of the sums of A.
    function _putShare(
        uint256 place,
        Opening memory opening,
        uint32 epoch,
        uint256 trustee,
        uint256 lambda,
        bytes calldata share
    ) private view returns (uint256) {
        uint256 s = uint256(bytes32(share[SHARE - 32:]));
        if (s >= Q) revert ProofFails();
        bytes memory verification = verificationKey[trustee];
        bytes32 h = keccak256(
            bytes.concat(
                _bound(epoch),
                abi.encode(trustee, opening.sums[0], opening.sums[1], opening.sums[2]),
                verification,
                share[:288]
            )
        );
        uint256 f = Curve.reduced(h);
        uint256 c = Curve.reduced(keccak256(bytes.concat(bytes1(0x01), h, share[288:480])));

        uint256 power = mulmod(opening.power, opening.weight, Q);
        opening.g = addmod(opening.g, mulmod(power, s, Q), Q);
        place = Curve.put(place, _point(verification), Q - mulmod(power, c, Q));
        place = Curve.put(place, Curve.pointAt(share, 288), Q - power);
        power = mulmod(power, opening.weight, Q);
        opening.power = power;
        place = Curve.put(place, Curve.pointAt(share, 384), Q - power);
        for (uint256 j = 0; j < 3; ++j) {
            opening.scalars[j] = addmod(opening.scalars[j], mulmod(power, s, Q), Q);
            uint256 scalar = addmod(mulmod(opening.powers[j], lambda, Q), Q - mulmod(power, c, Q), Q);
            place = Curve.put(place, Curve.pointAt(share, j * Curve.POINT), scalar);
            power = mulmod(power, f, Q);
        }
        return place;
    }

    /// @dev What begins every hash of an opening.
    function _bound(uint32 epoch) private view returns (bytes memory) {
        return abi.encode(T_OPENING, block.chainid, address(this), epoch);
    }

    /// @dev Lagrange's coefficient at 0 of the n-th chosen trustee, whose place is the number and 1.
    function _lagrange(uint8[] calldata chosen, uint256 n) private view returns (uint256) {
        uint256 above = 1;
        uint256 below = 1;
        uint256 own = uint256(chosen[n]) + 1;
        for (uint256 m = 0; m < chosen.length; ++m) {
            if (m == n) continue;
            uint256 other = uint256(chosen[m]) + 1;
            above = mulmod(above, other, Q);
            below = mulmod(below, other > own ? other - own : Q - (own - other), Q);
        }
        uint256 inverted = Curve.inverse(below);
        if (inverted == 0) revert ProofFails();
        return mulmod(above, inverted, Q);
    }

    function _point(bytes memory encoded) private pure returns (uint256[3] memory point) {
        assembly ("memory-safe") {
            mcopy(point, add(encoded, 32), 96)
        }
    }
}
