"""Calculators of transactions: a specification into unsigned bytes, signatures into signed bytes, on both ledgers.

No database, no network and no key: a case holds everything that its result is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fntx_dagster.adapters.stellar import building as stellar
from fntx_dagster.adapters.stellar import combining as stellar_signatures
from fntx_dagster.adapters.xrpl import building as xrpl
from fntx_dagster.adapters.xrpl import combining as xrpl_signatures
from fntx_dagster.intents.fields import SpecFields
from fntx_dagster.intents.preparing import prepared
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.services.calculators import Calculate, Case, CaseRefused, field
from fntx_dagster.settings import Settings


def builder(settings: Settings) -> Calculate:
    """The calculator of `{id, spec}`: the unsigned transaction."""

    def on_xrpl(spec: Case) -> Mapping[str, Any]:
        return xrpl.build(spec, settings.treasury.xrpl_fee_cap)._asdict()

    def on_stellar(spec: Case) -> Mapping[str, Any]:
        return stellar.build(spec)._asdict()

    ledgers = {"xrpl": on_xrpl, "stellar": on_stellar}
    return lambda case: _on(ledgers, field(case, "spec", dict))


def require_buildable(settings: Settings, payload: Mapping[str, Any]) -> None:
    """Raise TransactionRefused for an intent of which no ledger would take the transaction, whatever preparing fills
    in."""
    try:
        if payload["ledger"] == "xrpl":
            fills = {"base_fee": 10, "signers": 1, "sequence": 1, "last_ledger_sequence": 2}
            xrpl.build(prepared(payload, fills), settings.treasury.xrpl_fee_cap)
        else:
            stellar.build(prepared(payload, {"sequence": 0, "base_fee": 100, "time_bounds": {"min": 0, "max": 1}}))
    except TransactionRefused as refusal:
        raise TransactionRefused(
            refusal.code, f"no ledger would take this: {refusal.message} ({refusal.code})"
        ) from None


def combined(case: Case) -> Mapping[str, Any]:
    """The calculator of `{id, kind: "combine", ledger, unsigned_blob, signer_list, parts}`, on Stellar
    `{…, unsigned_xdr, passphrase, threshold, parts}`: the signed transaction."""
    if case.get("kind", "combine") != "combine":
        raise CaseRefused("unknown_kind", "kind is not combine")
    ledgers = {"xrpl": xrpl_signatures.combine, "stellar": stellar_signatures.combine}
    return _on({ledger: lambda case, by=by: by(SpecFields(case))._asdict() for ledger, by in ledgers.items()}, case)


def _on(ledgers: Mapping[str, Callable[[Case], Mapping[str, Any]]], content: Case) -> Mapping[str, Any]:
    """What the ledger that `content` names makes of it."""
    ledger = content.get("ledger")
    if type(ledger) is not str or ledger not in ledgers:
        raise CaseRefused("unknown_ledger", f"ledger is none of {', '.join(ledgers)}")
    try:
        return ledgers[ledger](content)
    except TransactionRefused as refusal:
        raise CaseRefused(refusal.code, refusal.message) from None
