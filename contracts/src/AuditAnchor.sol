// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Checkpoints of audit logs
/// @notice Whoever keeps an audit log posts the size and the root of its tree here. A log's size only rises, so a poster
/// cannot show a shorter log later, nor two roots of one size.
/// @dev The poster is the sender. There is no owner, no money and no upgrade. What a root is computed from, and whether a
/// later tree extends an earlier one, is checked off the chain.
contract AuditAnchor {
    /// @dev Two words.
    struct Head {
        uint64 size;
        bytes32 root;
    }

    mapping(address poster => mapping(bytes32 origin => Head)) private _heads;

    /// @notice A poster's log has that many events under that root. `origin` is SHA-256 of the log's name.
    event Anchored(address indexed poster, bytes32 indexed origin, uint64 size, bytes32 root);

    /// @notice The log has no more events than the poster's last anchor of it says.
    error NotLarger();

    /// @notice Anchor a checkpoint of the sender's log `origin`: `size` is above that of the one before.
    function post(bytes32 origin, uint64 size, bytes32 root) external {
        Head storage head = _heads[msg.sender][origin];
        if (size <= head.size) revert NotLarger();
        (head.size, head.root) = (size, root);
        emit Anchored(msg.sender, origin, size, root);
    }

    /// @notice A poster's latest anchor of a log; zeros where there is none.
    function headOf(address poster, bytes32 origin) external view returns (uint64 size, bytes32 root) {
        Head storage head = _heads[poster][origin];
        return (head.size, head.root);
    }
}
