"""What a transaction costs on the XRP Ledger, and what an account must hold back. In drops: a million are one XRP."""

from __future__ import annotations

from fntx_dagster.intents.refusal import TransactionRefused


def fee(base_fee: int, signers: int, fulfillment_bytes: int | None, cap: int) -> int:
    """The fee of a transaction that `signers` of a signer list sign (0: the account's own key alone), in drops. One
    that finishes an escrow with a fulfillment pays for its bytes, not for the characters that they are written in.
    Refused above `cap`: people sign the fee, and would sign one that a mistaken base fee has made."""
    units = 1 + signers if fulfillment_bytes is None else 33 + fulfillment_bytes // 16 + signers
    drops = base_fee * units
    if drops > cap:
        raise TransactionRefused(
            "fee_above_cap",
            f"the fee would be {drops} drops, above the cap of {cap}: wait for a calmer ledger, or raise "
            "FNTX_XRPL_FEE_CAP",
        )
    return drops


def reserve(owner_count: int, base: int, increment: int) -> int:
    """What an account that owns so many entries (lines, escrows, offers, tickets, a signer list) must hold, in drops.
    `base` and `increment` are what the server says."""
    return base + owner_count * increment


def reserve_for_line(owner_count: int, base: int, increment: int) -> int:
    """What an account must hold to open one more trust line, in drops: the first two entries ask for no reserve."""
    return 0 if owner_count < 2 else reserve(owner_count + 1, base, increment)
