"""What signers get of a transaction, and their signatures: verified against the saved bytes, and combined."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

from fntx_dagster.adapters.stellar import combining as stellar
from fntx_dagster.adapters.xrpl import combining as xrpl
from fntx_dagster.governance.config import TreasuryConfig
from fntx_dagster.intents.fields import SpecFields
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.services.treasury.signing import SINGLE, NamedSigner, stellar_file, xrpl_file
from fntx_dagster.store.treasury.transactions import LedgerTxRow

MASTER = "master"
"""Who signs for an account before it has signers: whoever holds its own key."""
_SECONDS_PER_LEDGER = 3.5


class SignedBytes(NamedTuple):
    """What is sent, and the hash by which its ledger knows it."""

    text: str
    hash: str


def signing_file(row: LedgerTxRow, payload: dict[str, Any], config: TreasuryConfig) -> dict[str, Any]:
    """The file that signers get; the bytes in it are those that were saved."""
    on_xrpl = row.ledger == "xrpl"
    addresses = [(each.id, each.xrpl if on_xrpl else each.stellar) for each in config.signers]
    signers = [NamedSigner(*each) for each in addresses if each[1] in row.signers]
    if by_master := signed_by_master(row):
        signers = [NamedSigner(MASTER, row.account)]
    if not on_xrpl:
        return stellar_file(row.network, row.unsigned, signers, payload)
    wait = timedelta(seconds=_SECONDS_PER_LEDGER * (row.ends_at - row.prepared_ledger))
    ends_about = f"about {row.prepared_at + wait:%Y-%m-%d %H:%M} UTC"
    return xrpl_file(int(row.network), row.unsigned, signers, payload, ends_about, single=by_master)


def signed_by_master(row: LedgerTxRow) -> bool:
    """Whether the account's own key signs the transaction, and no signer of the treasury."""
    return [*row.signers] == [row.account]


def valid_parts(row: LedgerTxRow, kept: list[dict[str, Any]], part: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The signatures of a part, by signer, each as a part of its own. TransactionRefused as `combine` refuses; of one
    who is among those that are `kept`, as duplicate_signer."""
    case = _case(row, [*kept, part])
    valid = xrpl.valid_parts(case) if row.ledger == "xrpl" else stellar.valid_parts(case)
    return {signer: single for signer, single in valid.items() if single not in kept}


def combined(row: LedgerTxRow, parts: list[dict[str, Any]]) -> SignedBytes | None:
    """The signed bytes with exactly as many signatures as are needed, the lowest signers first; None while they are
    too few."""
    try:
        if row.ledger == "xrpl":
            signed = xrpl.combine(_case(row, parts))
            return SignedBytes(signed.signed_blob, signed.hash)
        envelope = stellar.combine(_case(row, parts))
        return SignedBytes(envelope.signed_xdr, envelope.hash)
    except TransactionRefused as refusal:
        if refusal.code == "below_quorum":
            return None
        raise


def _case(row: LedgerTxRow, parts: list[dict[str, Any]]) -> SpecFields:
    weights = row.signers.items()
    if row.ledger == "xrpl":
        listed = [{"account": address, "weight": weight} for address, weight in weights]
        signer_list = {"quorum": row.needed, "signers": listed}
        is_single = row.standing_id is not None or signed_by_master(row)
        how = {"signing": SINGLE} if is_single else {}
        return SpecFields({"unsigned_blob": row.unsigned, "signer_list": signer_list, "parts": parts} | how)
    listed = [{"key": key, "weight": weight} for key, weight in weights]
    threshold = {"needed": row.needed, "signers": listed}
    case = {"unsigned_xdr": row.unsigned, "passphrase": row.network, "threshold": threshold, "parts": parts}
    return SpecFields(case)
