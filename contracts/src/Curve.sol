// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title G1 of BLS12-381, through the precompiles of EIP-2537
/// @dev A point in memory is three words, x ‖ y of 48 bytes each, all zeros for the identity. A sum of multiples is
/// computed over pairs in memory that the caller places one after another: 160 bytes each, which are x and y with 16
/// zero bytes before each, and the scalar. Memory beyond the free pointer is not zero, so a pair is written whole.
///
/// `sum` says that every point is of the group, whatever its scalar; `addTo` only that both are on the curve. A call of a
/// precompile that the chain does not have succeeds and answers nothing, so the length of an answer is checked. A
/// precompile that refuses burns all gas that it is given.
library Curve {
    /// @dev The order of the group; a scalar is below it.
    // slither-disable-next-line too-many-digits
    uint256 internal constant ORDER = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001;
    uint256 internal constant POINT = 96;
    uint256 internal constant PAIR = 160;

    /// @dev The field's prime: its first 16 bytes and its last 32.
    uint256 private constant PRIME_HIGH = 0x1a0111ea397fe69a4b1ba7b6434bacd7;
    uint256 private constant PRIME_LOW = 0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;

    function generator() internal pure returns (uint256[3] memory) {
        return [
            0x17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac58,
            0x6c55e83ff97a1aeffb3af00adb22c6bb08b3f481e3aaa0f1a09e30ed741d8ae4,
            0xfcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1
        ];
    }

    /// @dev The point at byte `offset` of `data`, which must be long enough.
    function pointAt(bytes calldata data, uint256 offset) internal pure returns (uint256[3] memory point) {
        assembly ("memory-safe") {
            calldatacopy(point, add(data.offset, offset), 96)
        }
    }

    /// @dev Memory for `count` pairs, to be written by `put`.
    function pairsFor(uint256 count) internal pure returns (uint256 pairs) {
        assembly ("memory-safe") {
            pairs := mload(0x40)
            mstore(0x40, add(pairs, mul(count, 160)))
        }
    }

    /// @dev Write the pair at `place`, and where the next one comes.
    function put(uint256 place, uint256[3] memory point, uint256 scalar) internal pure returns (uint256) {
        assembly ("memory-safe") {
            mstore(place, 0)
            mcopy(add(place, 16), point, 48)
            mstore(add(place, 64), 0)
            mcopy(add(place, 80), add(point, 48), 48)
            mstore(add(place, 128), scalar)
        }
        return place + PAIR;
    }

    /// @dev The sum of the pairs from `begin` to `end`, for `limit` gas at most. False, and nothing, if one is no point of
    /// the group, if the gas does not pay for it or if the chain has no such precompile.
    function sum(uint256 begin, uint256 end, uint256 limit) internal view returns (bool ok, uint256[3] memory point) {
        assembly ("memory-safe") {
            let answer := mload(0x40)
            ok := staticcall(limit, 0x0c, begin, sub(end, begin), answer, 128)
            ok := and(ok, eq(returndatasize(), 128))
            if ok {
                mcopy(point, add(answer, 16), 48)
                mcopy(add(point, 48), add(answer, 80), 48)
            }
        }
    }

    /// @dev Whether the pairs are summed up at all: see `sum`.
    function sums(uint256 begin, uint256 end, uint256 limit) internal view returns (bool ok) {
        (ok,) = sum(begin, end, limit);
    }

    /// @dev Whether the pairs are summed up, and to the identity.
    function sumsToZero(uint256 begin, uint256 end) internal view returns (bool) {
        (bool ok, uint256[3] memory point) = sum(begin, end, gasleft());
        return ok && isIdentity(point);
    }

    /// @dev Add `point` to `total`. False, and nothing is stored, if one of them is not on the curve.
    function addTo(uint256[3] storage total, uint256[3] memory point) internal returns (bool ok) {
        assembly ("memory-safe") {
            let asked := mload(0x40)
            let words := add(asked, 256)
            mstore(words, sload(total.slot))
            mstore(add(words, 32), sload(add(total.slot, 1)))
            mstore(add(words, 64), sload(add(total.slot, 2)))
            mstore(asked, 0)
            mcopy(add(asked, 16), words, 48)
            mstore(add(asked, 64), 0)
            mcopy(add(asked, 80), add(words, 48), 48)
            mstore(add(asked, 128), 0)
            mcopy(add(asked, 144), point, 48)
            mstore(add(asked, 192), 0)
            mcopy(add(asked, 208), add(point, 48), 48)
            ok := staticcall(gas(), 0x0b, asked, 256, asked, 128)
            ok := and(ok, eq(returndatasize(), 128))
            if ok {
                mcopy(words, add(asked, 16), 48)
                mcopy(add(words, 48), add(asked, 80), 48)
                sstore(total.slot, mload(words))
                sstore(add(total.slot, 1), mload(add(words, 32)))
                sstore(add(total.slot, 2), mload(add(words, 64)))
            }
        }
    }

    /// @dev −a, of a point on the curve.
    function negative(uint256[3] memory a) internal pure returns (uint256[3] memory) {
        uint256 high = a[1] & type(uint128).max;
        if (high == 0 && a[2] == 0) return a; // the identity: no other point has y = 0
        unchecked {
            uint256 borrowed = a[2] > PRIME_LOW ? 1 : 0;
            high = PRIME_HIGH - high - borrowed;
            return [a[0], (a[1] & ~uint256(type(uint128).max)) | high, PRIME_LOW - a[2]];
        }
    }

    function isIdentity(uint256[3] memory a) internal pure returns (bool) {
        return a[0] | a[1] | a[2] == 0;
    }

    /// @dev A hash as a scalar.
    function reduced(bytes32 hash) internal pure returns (uint256) {
        return addmod(uint256(hash), 0, ORDER);
    }

    /// @dev What `scalar` times this is one, of a scalar that is not zero; 0 where the precompile does not answer.
    function inverse(uint256 scalar) internal view returns (uint256 found) {
        uint256 order = ORDER; // assembly reads no constant of a library
        assembly ("memory-safe") {
            let asked := mload(0x40)
            mstore(asked, 32)
            mstore(add(asked, 32), 32)
            mstore(add(asked, 64), 32)
            mstore(add(asked, 96), scalar)
            mstore(add(asked, 128), sub(order, 2))
            mstore(add(asked, 160), order)
            let ok := staticcall(gas(), 0x05, asked, 192, asked, 32)
            if and(ok, eq(returndatasize(), 32)) { found := mload(asked) }
        }
    }
}
