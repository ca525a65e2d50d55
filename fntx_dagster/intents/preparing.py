"""An approved intent made into a specification: preparing fills in the turn, the fee and the end, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fntx_dagster.intents.fields import SpecFields
from fntx_dagster.intents.refusal import TransactionRefused

XRPL_FILLS = frozenset({"base_fee", "signers", "sequence", "ticket", "last_ledger_sequence"})
STELLAR_FILLS = frozenset({"sequence", "base_fee", "time_bounds"})
"""What preparing may say; the rest is the intent's."""


def prepared(payload: Mapping[str, Any], fills: Mapping[str, Any]) -> dict[str, Any]:
    """The specification of a proposal's payload, `{ledger, network_id, intent: {op, account, params}}`; on Stellar
    `network_id` is the passphrase, the intent may have a `memo`, and the op `batch` has `operations` as its parameter,
    which are applied together or not at all. TransactionRefused for a payload that is none, and
    for a fill that is not one of its ledger's."""
    fields = SpecFields(payload)
    ledger, network = fields.one_of("ledger", ["xrpl", "stellar"]), fields.raw("network_id")
    intent = fields.inner("intent")
    fields.close()
    op, account, params = intent.text("op"), intent.text("account"), intent.raw("params")
    if ledger == "xrpl":
        spec = {"network_id": network, "op": op, "account": account, "params": params}
    else:
        memo = intent.raw("memo") if intent.has("memo") else _memo_of(op, params)
        operations = _batch(intent.inner("params")) if op == "batch" else [{"op": op, "params": params}]
        spec = {"passphrase": network, "source": account, "memo": memo, "operations": operations}
    intent.close()
    if strange := sorted({*fills} - (XRPL_FILLS if ledger == "xrpl" else STELLAR_FILLS)):
        raise TransactionRefused("unknown_field", f"preparing does not fill in {strange[0]}: the intent decides it")
    return {"ledger": ledger, **spec, **fills}


def _batch(params: SpecFields) -> Any:
    operations = params.raw("operations")
    params.close()
    return operations


def _memo_of(op: str, params: Any) -> dict[str, Any]:
    """The memo of an operation that asks for one: an anchor's is its root."""
    if op == "anchor" and isinstance(params, Mapping):
        return {"type": "hash", "value": params.get("root")}
    return {"type": "none"}
