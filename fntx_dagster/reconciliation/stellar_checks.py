"""The checks of Stellar: balances, the issuer's flags, signers and thresholds, the supply of the asset."""

from __future__ import annotations

from collections.abc import Mapping

from fntx_dagster.reconciliation.items import ReconFinding
from fntx_dagster.reconciliation.reading import (
    Document,
    NoAnswer,
    NotOnLedger,
    account_of,
    inner,
    names,
    number,
    part,
    rows,
    said,
    text,
    whole,
)

_THRESHOLDS = ("master", "low", "med", "high")


def stellar_balance(config: Document, observed: Document, role: str) -> ReconFinding:
    """Lumens above zero, and enough for the account's reserve."""
    account = account_of(observed, "stellar", role)
    balance, entries = number(part(account, "balance")), whole(part(account, "subentries"))
    needed = (2 + entries) * number(part(config, "stellar", "base_reserve"))
    poor = balance <= 0 or balance < needed
    faults = [f"{said(needed - balance)} XLM are missing"] if poor else []
    return ReconFinding(f"at least {said(needed)} XLM for {entries} entries", f"{said(balance)} XLM", faults)


def stellar_flag(config: Document, observed: Document, flag: str) -> ReconFinding:
    """A flag of the issuer has the configured value."""
    account = account_of(observed, "stellar", "issuer")
    found = part(account, "flags", flag)
    if not isinstance(found, bool):
        raise NoAnswer(f"{flag} of the issuer is neither true nor false")
    wanted = inner(config, "stellar", "accounts", "issuer", "flags").get(flag) is True
    faults = [f"{flag} is {_on(found)}, and should be {_on(wanted)}"] if found is not wanted else []
    return ReconFinding(_on(wanted), _on(found), faults)


def _on(value: bool) -> str:
    return "on" if value else "off"


def stellar_signers(config: Document, observed: Document, records: Document, role: str) -> ReconFinding:
    """Exactly the configured keys sign, each with the weight 1, and the thresholds are those of the configuration."""
    account = account_of(observed, "stellar", role)
    own = text(part(config, "stellar", "accounts", role, "address"))
    weights = signer_weights(account)
    own_weight = weights.pop(own, None)
    wanted = {text(part(each, "stellar")): each for each in rows(config, "signers")}
    standing = standing_keys(records, "stellar", role)
    thresholds = {name: whole(part(account, "thresholds", name)) for name in _THRESHOLDS}
    due = {name: whole(part(config, "stellar", "thresholds", name)) for name in _THRESHOLDS}
    faults = [f"{key} signs and is not configured" for key in weights if key not in wanted and key not in standing]
    faults += [f"{each.get('id')} does not sign" for key, each in wanted.items() if key not in weights]
    faults += [
        f"{each.get('id')} has the weight {weights[key]} instead of 1"
        for key, each in wanted.items()
        if weights.get(key, 1) != 1
    ]
    # one key alone may do what a standing approval lets it do, and never what changes who signs
    faults += [f"{key} signs alone for every change" for key in standing if weights.get(key, 0) >= due["high"]]
    faults += [f"{name} is {thresholds[name]} instead of {due[name]}" for name in due if thresholds[name] != due[name]]
    if own_weight is not None and own_weight != due["master"] and thresholds["master"] == due["master"]:
        faults.append(f"the account's own key has the weight {own_weight} instead of {due['master']}")
    return ReconFinding(_who(wanted, due), _who(weights, thresholds), faults)


def signer_weights(account: Document) -> dict[str, int]:
    """The keys of an account that have a weight above zero; its own key is among them."""
    found = {text(part(row, "account")): whole(part(row, "weight")) for row in rows(account, "signers")}
    return {key: weight for key, weight in found.items() if weight > 0}


def standing_keys(records: Document, ledger: str, role: str) -> frozenset[str]:
    """The keys that standing approvals in force let sign alone for an account; `records` may name none."""
    return frozenset(map(str, records.get("standing_keys", {}).get(ledger, {}).get(role, ())))


def _who(keys: Mapping[str, object], thresholds: Mapping[str, int]) -> str:
    return f"{len(keys)} keys ({names(keys)}); {', '.join(f'{name} {thresholds[name]}' for name in _THRESHOLDS)}"


def supply_on_stellar(observed: Document, records: Document) -> ReconFinding:
    """As much of the asset is out as our confirmed payments issued."""
    supply = inner(observed, "stellar", "supply")
    if supply.get("found") is False:
        raise NotOnLedger("the asset is not on the ledger")
    found, issued = number(part(supply, "total")), number(part(records, "stellar_issued"))
    faults = [f"{said(found)} are out instead of {said(issued)}"] if found != issued else []
    return ReconFinding(said(issued), said(found), faults)
