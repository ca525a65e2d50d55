"""A specification made into an unsigned transaction of the XRP Ledger, which the signers of a list shall sign."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeGuard

from fntx_dagster.adapters.xrpl.amounts import exact, is_same, read_account
from fntx_dagster.adapters.xrpl.codec import TxJson, decoded, encoded
from fntx_dagster.adapters.xrpl.costs import fee
from fntx_dagster.adapters.xrpl.operations import MOST, MOST_SIGNERS, OPERATIONS
from fntx_dagster.intents.fields import SpecFields
from fntx_dagster.intents.refusal import TransactionRefused

FILLED = frozenset({"Sequence", "TicketSequence", "Fee", "LastLedgerSequence", "SigningPubKey"})
"""What preparing decides; every other field is decided by people."""
LAST_NETWORK_WITHOUT_ID = 1024
"""A transaction of a network with a higher number names it; of one up to here it must not."""


class UnsignedXrpl(NamedTuple):
    """What signers are given: the bytes in upper-case hex, and the same as JSON."""

    unsigned_blob: str
    tx_json: TxJson


def build(spec: Mapping[str, Any], fee_cap: int) -> UnsignedXrpl:
    """The transaction that a specification describes; TransactionRefused for one that no ledger would take, that could
    never be applied, or whose fee is above `fee_cap` drops."""
    fields = SpecFields(spec)
    fields.one_of("ledger", ["xrpl"])
    network = fields.whole("network_id", 0, MOST)
    account = read_account(fields, "account")
    params = fields.inner("params")
    tx = OPERATIONS[fields.one_of("op", OPERATIONS)](account, params)
    params.close()
    tx["Account"] = account
    signers = fields.whole("signers", 0, MOST_SIGNERS)
    fulfillment = len(tx["Fulfillment"]) // 2 if "Fulfillment" in tx else None
    tx["Fee"] = str(fee(fields.whole("base_fee", 1, 10**9), signers, fulfillment, fee_cap))
    if not fields.has("last_ledger_sequence"):
        raise TransactionRefused("no_expiry", "last_ledger_sequence is missing: signed bytes would never expire")
    tx["LastLedgerSequence"] = fields.whole("last_ledger_sequence", 1, MOST)
    tx |= _turn(fields)
    if network > LAST_NETWORK_WITHOUT_ID:
        tx["NetworkID"] = network
    tx["SigningPubKey"] = ""
    fields.close()
    return UnsignedXrpl(_encoded(tx), tx)


def decided(blob: str) -> TxJson:
    """What people decided of a transaction: two of the same intent have the same."""
    return {name: value for name, value in decoded(blob).items() if name not in FILLED}


def _encoded(tx: TxJson) -> str:
    """The bytes of a transaction, read back: people sign what the bytes say."""
    blob = encoded({name: exact(value) if _is_amount(value) else value for name, value in tx.items()})
    read = decoded(blob)
    said = read.keys() == tx.keys() and all(
        is_same(value, read[name]) if _is_amount(value) else value == read[name] for name, value in tx.items()
    )
    if not said:
        raise TransactionRefused("malformed", "the bytes of this transaction would say something else than it")
    return blob


def _is_amount(value: object) -> TypeGuard[dict[str, str]]:
    return isinstance(value, dict)


def _turn(fields: SpecFields) -> TxJson:
    """The sequence of the account, or a ticket that stands for one."""
    if fields.has("sequence") == fields.has("ticket"):
        raise TransactionRefused("bad_sequence", "a transaction has either a sequence or a ticket")
    if fields.has("ticket"):
        return {"Sequence": 0, "TicketSequence": fields.whole("ticket", 1, MOST)}
    return {"Sequence": fields.whole("sequence", 1, MOST)}
