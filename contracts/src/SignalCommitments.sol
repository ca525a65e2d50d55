// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Commitments to signals of trading, made at their entry
/// @notice A provider commits to each signal when it is entered, before its outcome is known. The commitments of a
/// provider under one strategy are numbered 0, 1, 2 … without a gap, and none can be changed or removed: who reveals
/// the signals behind them must reveal them all.
/// @dev The provider is the sender. There is no owner, no money and no upgrade. What a commitment is made of, the
/// contract does not know: see docs/contracts.md.
contract SignalCommitments {
    /// @dev `times` says how many there are; four of them share a word.
    struct Book {
        mapping(uint256 number => bytes32) commitments;
        uint64[] times;
    }

    /// @notice Most commitments in one transaction, which may use 16,777,216 gas (EIP-7825).
    uint256 public constant MAX_BATCH = 150;

    mapping(address provider => mapping(bytes32 strategy => Book)) private _books;

    /// @notice A commitment was stored under its number.
    event SignalCommitted(
        address indexed provider, bytes32 indexed strategy, uint256 indexed number, bytes32 commitment
    );

    /// @notice The batch is empty or has more than MAX_BATCH commitments.
    error InvalidCount(uint256 commitments);
    /// @notice The provider has made `count` commitments under the strategy, not as many as the sender took for granted.
    error WrongNumber(uint256 count);
    /// @notice A commitment is zero.
    error ZeroCommitment();

    /// @notice Store commitments of the sender under the next numbers of a strategy, in the order given: all or none.
    /// @param strategy which of the sender's strategies, by a hash that the sender chooses
    /// @param first the number of the first of them, so that the same call takes effect once
    function commit(bytes32 strategy, uint256 first, bytes32[] calldata commitments_) external {
        if (commitments_.length == 0 || commitments_.length > MAX_BATCH) revert InvalidCount(commitments_.length);
        Book storage book = _books[msg.sender][strategy];
        if (book.times.length != first) revert WrongNumber(book.times.length);
        for (uint256 n = 0; n < commitments_.length; ++n) {
            if (commitments_[n] == 0) revert ZeroCommitment();
            book.commitments[first + n] = commitments_[n];
            book.times.push(uint64(block.timestamp));
            emit SignalCommitted(msg.sender, strategy, first + n, commitments_[n]);
        }
    }

    /// @notice How many commitments a provider has made under a strategy; their numbers are 0 to this less 1.
    function count(address provider, bytes32 strategy) external view returns (uint256) {
        return _books[provider][strategy].times.length;
    }

    /// @notice One commitment, and the time of its block; zeros where there is none.
    function commitment(address provider, bytes32 strategy, uint256 number) external view returns (bytes32, uint64) {
        Book storage book = _books[provider][strategy];
        return number < book.times.length ? (book.commitments[number], book.times[number]) : (bytes32(0), 0);
    }

    /// @notice Up to `limit` commitments from number `first` on, and the times of their blocks.
    /// @dev For reading by eth_call: a thousand cost about 4 million gas.
    function commitments(address provider, bytes32 strategy, uint256 first, uint256 limit)
        external
        view
        returns (bytes32[] memory hashes, uint64[] memory times)
    {
        Book storage book = _books[provider][strategy];
        uint256 left = first < book.times.length ? book.times.length - first : 0;
        uint256 size = left < limit ? left : limit;
        (hashes, times) = (new bytes32[](size), new uint64[](size));
        for (uint256 n = 0; n < size; ++n) {
            (hashes[n], times[n]) = (book.commitments[first + n], book.times[first + n]);
        }
    }
}
