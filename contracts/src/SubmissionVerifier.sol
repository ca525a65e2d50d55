// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Curve} from "./Curve.sol";

/// @title Whether a trader's encrypted figures are what they must be
/// @notice A submission holds nine points and one proof: that three ciphertexts and three commitments hold the same three
/// values, and that each value is at least 0 and below 2^32. The proof is a sigma proof and an aggregated Bulletproof;
/// all its equations are added up with powers of a challenge and computed as one sum of 290 multiples.
/// @dev The format and the equations are in docs/contracts.md. There is no state, no owner and no money.
contract SubmissionVerifier {
    /// @dev All challenges, and what of the submission is no point.
    struct Proof {
        uint256 e;
        uint256 c;
        uint256 y;
        uint256 z;
        uint256 x;
        uint256 w;
        uint256 o;
        uint256[7] u;
        uint256 zr;
        uint256 zm;
        uint256 tau;
        uint256 mu;
        uint256 t;
        uint256 a;
        uint256 b;
    }

    uint256 private constant Q = Curve.ORDER;
    uint256 private constant LENGTH = 3104;
    uint256 private constant BITS = 128;
    uint256 private constant ROUNDS = 7;

    /// @dev Where the parts of a submission begin: T_1 after A_1..3 B_1..3 C_1..3.
    uint256 private constant SIGMA = 864;
    uint256 private constant RANGE = 1216;
    uint256 private constant SCALARS = 1600;
    uint256 private constant FOLDS = 1696;
    uint256 private constant LAST = 3040;

    /// @dev Pairs: the 30 points of a submission, then G H U, the key, the 128 g and the 128 h.
    uint256 private constant SUBMITTED = 30;
    uint256 private constant FIXED = 34;
    uint256 private constant PAIRS = FIXED + 2 * BITS;

    /// @dev Pays for 30 points at any price so far, and bounds what a wrong one burns.
    uint256 private constant GROUP_GAS = 1_000_000;

    bytes32 private constant CODE_G = 0xaddd114f62ad072ebe7c7b3f0a312efc5c1240290c521eed70b61413c3b38bbe;
    bytes32 private constant CODE_H = 0x9af19d6e0cf3bd933ee3756c2eee9cc5a6b6484783b2628314e6f7cb52197858;

    /// @notice Contracts whose code is a zero byte and 128 points of 96 bytes. They cannot be changed.
    address public immutable generatorsG;
    address public immutable generatorsH;

    /// @notice The chain does not compute in BLS12-381 as EIP-2537 says, or not at the prices that this contract knows.
    error PrecompileFails();
    /// @notice The code of one of the two contracts is not what it must be.
    error WrongGenerators();

    constructor(address generatorsG_, address generatorsH_) {
        if (generatorsG_.codehash != CODE_G || generatorsH_.codehash != CODE_H) revert WrongGenerators();
        (generatorsG, generatorsH) = (generatorsG_, generatorsH_);
        uint256[3] memory generator = Curve.generator();
        uint256 pairs = Curve.pairsFor(2);
        uint256 end = Curve.put(Curve.put(pairs, generator, 1), generator, Q - 1);
        if (!Curve.sumsToZero(pairs, end)) revert PrecompileFails();
    }

    /// @notice Whether a submission holds for a context and a pool's key. False for anything else, of whatever length.
    /// PrecompileFails if this cannot be said: too little gas, a chain whose prices changed, a key that is no point.
    /// @param ctx what the submission is bound to: chain, aggregator, trader and day
    /// @param key the pool's key, a point of 96 bytes
    function holds(bytes32 ctx, bytes calldata key, bytes calldata submission) external view returns (bool) {
        if (submission.length != LENGTH || key.length != Curve.POINT) return false;
        (bool ok, Proof memory proof) = _read(ctx, key, submission);
        if (!ok) return false;
        uint256 pairs = _points(key, submission);
        if (!_areOfTheGroup(pairs)) return false;
        _weigh(pairs, proof);
        (bool answered, uint256[3] memory sum) = Curve.sum(pairs, pairs + PAIRS * Curve.PAIR, gasleft());
        if (!answered) revert PrecompileFails();
        return Curve.isIdentity(sum);
    }

    /// @dev False if a scalar is not below the order, or a challenge has no inverse.
    function _read(bytes32 ctx, bytes calldata key, bytes calldata submission)
        private
        pure
        returns (bool ok, Proof memory proof)
    {
        (proof.zr, proof.zm) = (_word(submission, RANGE - 64), _word(submission, RANGE - 32));
        (proof.tau, proof.mu) = (_word(submission, SCALARS), _word(submission, SCALARS + 32));
        proof.t = _word(submission, SCALARS + 64);
        (proof.a, proof.b) = (_word(submission, LAST), _word(submission, LAST + 32));
        ok = proof.zr < Q && proof.zm < Q && proof.tau < Q && proof.mu < Q && proof.t < Q && proof.a < Q && proof.b < Q;

        bytes32 h = keccak256(bytes.concat(bytes1(0), ctx, key, submission[:SIGMA]));
        proof.e = Curve.reduced(h);
        h = _next(1, h, submission, SIGMA, RANGE - 64);
        proof.c = Curve.reduced(h);
        h = _next(2, h, submission, RANGE - 64, RANGE + 192);
        proof.y = Curve.reduced(h);
        h = _next(3, h, submission, 0, 0);
        proof.z = Curve.reduced(h);
        h = _next(4, h, submission, RANGE + 192, SCALARS);
        proof.x = Curve.reduced(h);
        h = _next(5, h, submission, SCALARS, FOLDS);
        proof.w = Curve.reduced(h);
        ok = ok && proof.y != 0;
        for (uint256 k = 0; k < ROUNDS; ++k) {
            h = _next(uint8(6 + k), h, submission, FOLDS + 192 * k, FOLDS + 192 * (k + 1));
            proof.u[k] = Curve.reduced(h);
            ok = ok && proof.u[k] != 0;
        }
        proof.o = Curve.reduced(_next(13, h, submission, LAST, LENGTH));
    }

    /// @dev The hash of challenge `number`, over the hash before it and what the prover says next.
    function _next(uint8 number, bytes32 h, bytes calldata submission, uint256 begin, uint256 end)
        private
        pure
        returns (bytes32)
    {
        return keccak256(bytes.concat(bytes1(number), h, submission[begin:end]));
    }

    function _word(bytes calldata data, uint256 offset) private pure returns (uint256) {
        return uint256(bytes32(data[offset:offset + 32]));
    }

    /// @dev All pairs, each with the scalar 1.
    function _points(bytes calldata key, bytes calldata submission) private view returns (uint256 pairs) {
        pairs = Curve.pairsFor(PAIRS);
        uint256 place = pairs;
        for (uint256 offset = 0; offset < LAST; offset += Curve.POINT) {
            if (offset == RANGE - 64) offset = RANGE; // behind the scalars of the sigma proof
            if (offset == SCALARS) offset = FOLDS;
            place = Curve.put(place, Curve.pointAt(submission, offset), 1);
        }
        place = Curve.put(place, Curve.generator(), 1);
        place = Curve.put(place, _h(), 1);
        place = Curve.put(place, _u(), 1);
        place = Curve.put(place, Curve.pointAt(key, 0), 1);
        place = _putAll(place, generatorsG);
        place = _putAll(place, generatorsH);
    }

    /// @dev Put the 128 points that are the code of a contract after its first byte.
    function _putAll(uint256 place, address source) private view returns (uint256 next) {
        assembly ("memory-safe") {
            let code := mload(0x40) // which is behind the pairs, and free again afterwards
            extcodecopy(source, code, 1, 12288)
            let end := add(code, 12288)
            for { next := place } lt(code, end) { code := add(code, 96) } {
                mstore(next, 0)
                mcopy(add(next, 16), code, 48)
                mstore(add(next, 64), 0)
                mcopy(add(next, 80), add(code, 48), 48)
                mstore(add(next, 128), 1)
                next := add(next, 160)
            }
        }
    }

    /// @dev Whether the submitted points are of the group. A wrong one must not make this call fail, or its submission
    /// could not be evicted; and a chain that prices these calls otherwise must not get true ones evicted. So the same is
    /// asked of generators where it is refused.
    function _areOfTheGroup(uint256 pairs) private view returns (bool ok) {
        uint256 length = SUBMITTED * Curve.PAIR;
        ok = Curve.sums(pairs, pairs + length, GROUP_GAS);
        uint256 generators = pairs + FIXED * Curve.PAIR;
        if (!ok && !Curve.sums(generators, generators + length, GROUP_GAS)) revert PrecompileFails();
    }

    /// @dev Give each pair its scalar: that of the five equations, the n-th times o^n.
    function _weigh(uint256 pairs, Proof memory p) private view {
        uint256 o2 = mulmod(p.o, p.o, Q);
        uint256 o3 = mulmod(o2, p.o, Q);
        uint256 o4 = mulmod(o2, o2, Q);
        uint256 o5 = mulmod(o4, p.o, Q);
        uint256[8] memory inverses = _inverses(p);
        uint256 z2 = mulmod(p.z, p.z, Q);
        uint256 powers = _weighGenerators(pairs, p, o5, inverses);

        unchecked {
            // A B C, of the three values
            uint256 ce = p.c;
            uint256 zj = mulmod(o4, z2, Q);
            for (uint256 j = 0; j < 3; ++j) {
                _set(pairs, j, Q - mulmod(p.o, ce, Q));
                _set(pairs, 3 + j, Q - mulmod(o3, ce, Q));
                _set(pairs, 6 + j, Q - addmod(mulmod(o2, ce, Q), zj, Q));
                (ce, zj) = (mulmod(ce, p.e, Q), mulmod(zj, p.z, Q));
            }
            // T_1 T_2 T_3, A S, T'_1 T'_2
            _set(pairs, 9, Q - p.o);
            _set(pairs, 10, Q - o2);
            _set(pairs, 11, Q - o3);
            _set(pairs, 12, o5);
            _set(pairs, 13, mulmod(o5, p.x, Q));
            uint256 x4 = mulmod(o4, p.x, Q);
            _set(pairs, 14, Q - x4);
            _set(pairs, 15, Q - mulmod(x4, p.x, Q));
            // L_k R_k
            for (uint256 k = 0; k < ROUNDS; ++k) {
                (uint256 u, uint256 inverted) = (p.u[k], inverses[1 + k]);
                _set(pairs, 16 + 2 * k, mulmod(o5, mulmod(u, u, Q), Q));
                _set(pairs, 17 + 2 * k, mulmod(o5, mulmod(inverted, inverted, Q), Q));
            }
            // G H U, the key
            uint256 value = addmod(p.t, Q - _delta(p.z, z2, powers), Q);
            uint256 g = addmod(mulmod(p.o, p.zr, Q), mulmod(addmod(o2, o3, Q), p.zm, Q), Q);
            _set(pairs, 30, addmod(g, mulmod(o4, value, Q), Q));
            uint256 h = addmod(mulmod(o2, p.zr, Q), mulmod(o4, p.tau, Q), Q);
            _set(pairs, 31, addmod(h, Q - mulmod(o5, p.mu, Q), Q));
            uint256 product = addmod(p.t, Q - mulmod(p.a, p.b, Q), Q);
            _set(pairs, 32, mulmod(o5, mulmod(p.w, product, Q), Q));
            _set(pairs, 33, mulmod(o3, p.zr, Q));
        }
    }

    /// @dev (z − z²)·Σ y^i − Σ z^(3+j)·(2^32 − 1)
    function _delta(uint256 z, uint256 z2, uint256 powers) private pure returns (uint256) {
        unchecked {
            uint256 z3 = mulmod(z2, z, Q);
            uint256 z4 = mulmod(z3, z, Q);
            uint256 weights = addmod(addmod(z3, z4, Q), mulmod(z4, z, Q), Q);
            uint256 first = mulmod(addmod(z, Q - z2, Q), powers, Q);
            return addmod(first, Q - mulmod(weights, 2 ** 32 - 1, Q), Q);
        }
    }

    /// @dev Of y and of each u_k, none of which is zero, by one inversion of their product.
    function _inverses(Proof memory p) private view returns (uint256[8] memory found) {
        unchecked {
            uint256 product = p.y;
            for (uint256 k = 0; k < ROUNDS; ++k) {
                found[1 + k] = product; // of y and the u before it
                product = mulmod(product, p.u[k], Q);
            }
            uint256 inverted = Curve.inverse(product);
            if (inverted == 0) revert PrecompileFails();
            for (uint256 k = ROUNDS; k > 0; --k) {
                found[k] = mulmod(inverted, found[k], Q);
                inverted = mulmod(inverted, p.u[k - 1], Q);
            }
            found[0] = inverted;
        }
    }

    /// @dev The scalars of the g, o^5·(−z − a·s_i), and of the h, o^5·(z + y^(−i)·(weight_i − b·s_(127−i))).
    /// @return powers Σ y^i
    function _weighGenerators(uint256 pairs, Proof memory p, uint256 o5, uint256[8] memory inverses)
        private
        pure
        returns (uint256 powers)
    {
        uint256[BITS] memory s = _foldings(p.u, inverses);
        uint256 place = pairs + FIXED * Curve.PAIR + 128; // of the scalar of g_0
        unchecked {
            uint256 base = mulmod(o5, p.z, Q);
            uint256 a = mulmod(o5, Q - p.a, Q);
            uint256 b = Q - p.b;
            uint256 weight = p.z;
            uint256 field = p.z; // z^(1+j)
            (uint256 yi, uint256 inverted) = (1, o5); // y^i, o^5·y^(−i)
            for (uint256 i = 0; i < BITS; ++i) {
                if (i == 96) {
                    weight = 0;
                } else if (i % 32 == 0) {
                    field = mulmod(field, p.z, Q);
                    weight = field;
                }
                uint256 g = addmod(Q - base, mulmod(a, _at(s, i), Q), Q);
                uint256 h = addmod(weight, mulmod(b, _at(s, 127 - i), Q), Q);
                h = addmod(base, mulmod(inverted, h, Q), Q);
                assembly ("memory-safe") {
                    mstore(place, g)
                    mstore(add(place, 20480), h) // 128 pairs on
                }
                place += Curve.PAIR;
                powers = addmod(powers, yi, Q);
                (yi, inverted) = (mulmod(yi, p.y, Q), mulmod(inverted, inverses[0], Q));
                weight = addmod(weight, weight, Q);
            }
        }
    }

    /// @dev s_i = Π u_k^(±1), with + where bit 7−k of i is set: from s_i to s_(i + 2^(7−k)) it is u_k².
    function _foldings(uint256[ROUNDS] memory u, uint256[8] memory inverses)
        private
        pure
        returns (uint256[BITS] memory s)
    {
        unchecked {
            uint256 first = 1;
            for (uint256 k = 1; k <= ROUNDS; ++k) {
                first = mulmod(first, inverses[k], Q);
            }
            s[0] = first;
            for (uint256 bit = 0; bit < ROUNDS; ++bit) {
                uint256 square = mulmod(u[ROUNDS - 1 - bit], u[ROUNDS - 1 - bit], Q);
                uint256 width = 1 << bit;
                for (uint256 i = 0; i < width; ++i) {
                    uint256 folded = mulmod(_at(s, i), square, Q);
                    assembly ("memory-safe") {
                        mstore(add(s, shl(5, add(i, width))), folded)
                    }
                }
            }
        }
    }

    /// @dev Without a check of the index: 500 of them a call.
    function _at(uint256[BITS] memory s, uint256 index) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(s, shl(5, index)))
        }
    }

    function _set(uint256 pairs, uint256 index, uint256 scalar) private pure {
        assembly ("memory-safe") {
            mstore(add(pairs, add(mul(index, 160), 128)), scalar)
        }
    }

    /// @dev RFC 9380's point of `H`.
    function _h() private pure returns (uint256[3] memory) {
        return [
            0x08278a1a5ff7da79dafd9390f6cfefe226e9da27f9b1c290cb2d433a52a03bc9,
            0xb956c86ab8d963db7f5cf35c6ebdc2460c8bc1bb7c53f1228ee4233b66bebb8a,
            0x38e80f051df77b7ba91a10479c75125892f82c4ae47801e74b872ec9bcf45f1e
        ];
    }

    /// @dev RFC 9380's point of `U`.
    function _u() private pure returns (uint256[3] memory) {
        return [
            0x138bb3d314aa0fa6d24d42ca4de080763ee7ef1de0d0242b1454a2599a747251,
            0xb072d0727954a6fab799c33ec9b1dc5110dacf719a416e31916b8598957e4283,
            0x61ea9557b1fea0d32f1b16b2798ea6b0caebb30bca4ac9d16e34cae871a8b542
        ];
    }
}
