// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title What witnesses say of signed days
/// @notice A witness has another way to the statements behind a trader's days, recomputes a day, and says here that it
/// agrees with the root of the record. Who a witness is, a reader decides.
/// @dev The witness is the sender. There is no owner, no money and no upgrade. An attestation of a root that is not the
/// record's counts for nothing, so `records` is asked nothing.
contract Attestations {
    /// @dev One word.
    struct Attestation {
        uint8 level;
        uint64 attestedAt;
        uint64 revokedAt;
    }

    /// @notice Most days in one transaction, which may use 16,777,216 gas (EIP-7825).
    uint256 public constant MAX_BATCH = 250;
    /// @notice Longest reason of a revocation, in bytes.
    uint256 public constant MAX_REASON = 256;

    /// @notice The TrackRecord whose days are attested.
    address public immutable records;

    mapping(address witness => mapping(bytes32 day => Attestation)) private _attestations;

    /// @notice A witness agrees with a version of a trader's day. `evidence` is the hash of its report.
    event Attested(
        address indexed witness,
        address indexed trader,
        uint32 indexed date,
        uint32 version,
        bytes32 root,
        uint8 level,
        bytes32 evidence
    );
    /// @notice A witness takes an attestation back, for ever.
    event Revoked(
        address indexed witness, address indexed trader, uint32 indexed date, uint32 version, bytes32 root, string reason
    );
    /// @notice The key that packages for a witness are sealed with; the latest counts.
    event KeyPublished(address indexed witness, bytes key);

    /// @notice A level is 0.
    error InvalidLevel();
    /// @notice A root or a version is 0, or the address of the records.
    error InvalidRecord();
    /// @notice A trader does not witness for itself.
    error OwnRecord();
    /// @notice The witness has attested it with the same or a higher level, or has revoked it.
    error AlreadyAttested();
    /// @notice The batch is empty, has more than MAX_BATCH days, or its lists differ in length.
    error InvalidBatch();
    /// @notice There is nothing to revoke.
    error NotAttested();
    /// @notice The reason is empty or longer than MAX_REASON bytes.
    error InvalidReason();

    constructor(address records_) {
        if (records_ == address(0)) revert InvalidRecord();
        records = records_;
    }

    /// @notice Attest one version of a trader's day. A higher level later takes the place of this one.
    /// @param level in its low 4 bits where the statements are from, in its high 4 bits what was compared
    /// @param evidence the hash of the report, which the trader hands on
    function attest(address trader, uint32 date, uint32 version, bytes32 root, uint8 level, bytes32 evidence) external {
        _check(trader, level);
        _attest(trader, date, version, root, level, evidence);
    }

    /// @notice Attest several days of a trader under one report: all or none.
    function attestBatch(
        address trader,
        uint32[] calldata dates,
        uint32[] calldata versions,
        bytes32[] calldata roots,
        uint8 level,
        bytes32 evidence
    ) external {
        _check(trader, level);
        uint256 days_ = dates.length;
        if (days_ == 0 || days_ > MAX_BATCH || versions.length != days_ || roots.length != days_) revert InvalidBatch();
        for (uint256 n = 0; n < days_; ++n) {
            _attest(trader, dates[n], versions[n], roots[n], level, evidence);
        }
    }

    /// @notice Take an attestation back, for ever: this root of that version is never attested by the sender again.
    function revoke(address trader, uint32 date, uint32 version, bytes32 root, string calldata reason) external {
        uint256 length = bytes(reason).length;
        if (length == 0 || length > MAX_REASON) revert InvalidReason();
        Attestation storage attestation = _attestations[msg.sender][_key(trader, date, version, root)];
        if (attestation.level == 0 || attestation.revokedAt > 0) revert NotAttested();
        attestation.revokedAt = uint64(block.timestamp);
        emit Revoked(msg.sender, trader, date, version, root, reason);
    }

    /// @notice Publish the key that packages for the sender are sealed with.
    /// @param key a byte that says of which kind it is, and the key: 0x01 and the 32 bytes of an X25519 key
    function publishKey(bytes calldata key) external {
        emit KeyPublished(msg.sender, key);
    }

    /// @notice A witness' attestation of one version of a trader's day; zeros where there is none.
    function attestationOf(address witness, address trader, uint32 date, uint32 version, bytes32 root)
        external
        view
        returns (uint8 level, uint64 attestedAt, uint64 revokedAt)
    {
        Attestation storage attestation = _attestations[witness][_key(trader, date, version, root)];
        return (attestation.level, attestation.attestedAt, attestation.revokedAt);
    }

    /// @notice The levels of a witness' attestations of several days; 0 where there is none or it is revoked.
    /// @dev For reading by eth_call: 252 days cost about a million gas.
    function levelsOf(
        address witness,
        address trader,
        uint32[] calldata dates,
        uint32[] calldata versions,
        bytes32[] calldata roots
    ) external view returns (uint8[] memory levels) {
        uint256 days_ = dates.length;
        if (versions.length != days_ || roots.length != days_) revert InvalidBatch();
        levels = new uint8[](days_);
        for (uint256 n = 0; n < days_; ++n) {
            Attestation storage attestation = _attestations[witness][_key(trader, dates[n], versions[n], roots[n])];
            if (attestation.revokedAt == 0) levels[n] = attestation.level;
        }
    }

    function _check(address trader, uint8 level) private view {
        if (level == 0) revert InvalidLevel();
        if (trader == msg.sender) revert OwnRecord();
    }

    function _attest(address trader, uint32 date, uint32 version, bytes32 root, uint8 level, bytes32 evidence) private {
        if (root == 0 || version == 0) revert InvalidRecord();
        Attestation storage attestation = _attestations[msg.sender][_key(trader, date, version, root)];
        if (attestation.level >= level || attestation.revokedAt > 0) revert AlreadyAttested();
        (attestation.level, attestation.attestedAt) = (level, uint64(block.timestamp));
        emit Attested(msg.sender, trader, date, version, root, level, evidence);
    }

    function _key(address trader, uint32 date, uint32 version, bytes32 root) private pure returns (bytes32) {
        return keccak256(abi.encode(trader, date, version, root));
    }
}
