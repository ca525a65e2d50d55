"""What a transaction costs on Stellar, and what an account must hold back. In stroops: ten million are one lumen."""

from __future__ import annotations

from fntx_dagster.intents.refusal import TransactionRefused

MOST_FEE = 2**32 - 1


def fee(base_fee: int, operations: int) -> int:
    """The most that a transaction may cost, in stroops: the base fee for each operation."""
    stroops = base_fee * operations
    if stroops > MOST_FEE:
        raise TransactionRefused("fee_above_cap", f"the fee would be {stroops} stroops, above {MOST_FEE}")
    return stroops


def reserve(subentries: int, base_reserve: int) -> int:
    """What an account with so many lines, offers, signers and data entries must hold, in stroops. `base_reserve` is
    what the ledger says, 5,000,000 today."""
    return (2 + subentries) * base_reserve
