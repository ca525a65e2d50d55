"""A ledger that closed: its header as XDR with the real hash over it, and what Horizon says of it."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from stellar_sdk import xdr

PROTOCOL = 23
TOTAL = 10**18
"""Stroops that exist: 100 billion lumens."""
MOST_TRANSACTIONS = 1000
_ZERO = bytes(32)


@dataclass(frozen=True)
class StellarLedger:
    """One closed ledger. `closed_at` in seconds since 1970; `fee_pool` in stroops."""

    sequence: int
    hash: str
    previous: str
    closed_at: int
    fee_pool: int
    base_fee: int
    base_reserve: int
    successful: int
    failed: int
    operations: int
    """Of its successful transactions."""
    all_operations: int
    header_xdr: str


def first_ledger(base_fee: int, base_reserve: int, closed_at: int) -> StellarLedger:
    """The ledger that a network begins with."""
    return _sealed(1, _ZERO.hex(), closed_at, 0, (base_fee, base_reserve), (), (0, 0, 0, 0))


def next_ledger(
    last: StellarLedger, closed_at: int, fee_pool: int, hashes: tuple[str, ...], counts: tuple[int, int, int, int]
) -> StellarLedger:
    """The ledger after another. `hashes` of its transactions; `counts`: successful and failed ones, operations of the
    successful and of all."""
    fees = last.base_fee, last.base_reserve
    return _sealed(last.sequence + 1, last.hash, closed_at, fee_pool, fees, hashes, counts)


def _sealed(
    sequence: int,
    previous: str,
    closed_at: int,
    fee_pool: int,
    fees: tuple[int, int],
    hashes: tuple[str, ...],
    counts: tuple[int, int, int, int],
) -> StellarLedger:
    # The hashes of the set, of the results and of the state are no more than unique here: nobody else computes them.
    digest = xdr.Hash(hashlib.sha256("".join(hashes).encode()).digest())
    value = xdr.StellarValue(
        digest,
        xdr.TimePoint(xdr.Uint64(closed_at)),
        [],
        xdr.StellarValueExt(xdr.StellarValueType.STELLAR_VALUE_BASIC),
    )
    header = xdr.LedgerHeader(
        ledger_version=xdr.Uint32(PROTOCOL),
        previous_ledger_hash=xdr.Hash(bytes.fromhex(previous)),
        scp_value=value,
        tx_set_result_hash=digest,
        bucket_list_hash=xdr.Hash(_ZERO),
        ledger_seq=xdr.Uint32(sequence),
        total_coins=xdr.Int64(TOTAL),
        fee_pool=xdr.Int64(fee_pool),
        inflation_seq=xdr.Uint32(0),
        id_pool=xdr.Uint64(0),
        base_fee=xdr.Uint32(fees[0]),
        base_reserve=xdr.Uint32(fees[1]),
        max_tx_set_size=xdr.Uint32(MOST_TRANSACTIONS),
        skip_list=[xdr.Hash(_ZERO)] * 4,
        ext=xdr.LedgerHeaderExt(0),
    )
    packed = header.to_xdr_bytes()
    text = base64.b64encode(packed).decode()
    own_hash = hashlib.sha256(packed).hexdigest()
    return StellarLedger(sequence, own_hash, previous, closed_at, fee_pool, *fees, *counts, text)
