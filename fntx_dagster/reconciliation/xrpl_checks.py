"""The checks of the XRP Ledger: balances, trust lines, the issuer's flags, escrows."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any

from fntx_dagster.reconciliation.items import ReconFinding
from fntx_dagster.reconciliation.reading import (
    Document,
    Line,
    NoAnswer,
    NotOnLedger,
    account_of,
    amount,
    inner,
    line,
    moment,
    names,
    number,
    part,
    rows,
    said,
    table,
    text,
    whole,
)

OPEN_ESCROWS = frozenset({"active", "finishing", "cancelling", "disputed"})
"""The states in which the ledger holds an escrow of ours."""
_DROPS = 1_000_000
_TERMS = ("destination", "amount", "condition", "finish_after", "cancel_after")


def xrpl_balance(config: Document, observed: Document, role: str) -> ReconFinding:
    """Drops above zero, and enough for the reserve and a margin for fees."""
    account = account_of(observed, "xrpl", role)
    balance, owned = number(part(account, "balance")), whole(part(account, "owner_count"))
    of_xrpl = inner(config, "xrpl")
    base, each, margin = (number(part(of_xrpl, name)) for name in ("reserve_base", "reserve_inc", "margin_drops"))
    needed = base + each * owned + margin
    words = f"at least {said(needed / _DROPS)} XRP for {owned} entries"
    poor = balance <= 0 or balance < needed
    faults = [f"{said((needed - balance) / _DROPS)} XRP are missing"] if poor else []
    return ReconFinding(words, f"{said(balance / _DROPS)} XRP", faults)


def trust_lines(config: Document, observed: Document, role: str) -> ReconFinding:
    """Each configured line with its limit, authorised as configured and not frozen; and, except at the issuer, no
    other."""
    there = rows(account_of(observed, "xrpl", role), "lines")
    wanted = {line(row): row for row in _configured_lines(config, role)}
    found: dict[Line, Document] = {}
    faults: list[str] = []
    for row in there:
        if line(row) in found:
            faults.append(f"{_named(line(row))} is there twice")
        found[line(row)] = row
    for token, row in wanted.items():
        faults += _line_faults(token, row, found[token]) if token in found else [f"{_named(token)} is missing"]
    strange = [token for token in found if token not in wanted]
    if role != inner(config, "xrpl").get("issuer_role", "issuer"):
        faults += [f"{_named(token)} is not configured" for token in strange]
    return ReconFinding(names(code for code, _ in wanted), names(code for code, _ in found if role != "issuer"), faults)


def _configured_lines(config: Document, role: str) -> list[Document]:
    account = inner(config, "xrpl", "accounts", role)
    return rows(account, "trustlines") if "trustlines" in account else []


def _line_faults(token: Line, wanted: Document, found: Document) -> list[str]:
    faults = []
    if number(part(found, "limit")) != (limit := number(part(wanted, "limit"))):
        faults.append(f"{_named(token)} has the limit {said(number(found['limit']))} instead of {said(limit)}")
    is_authorized, shall_be = _yes(found, "authorized"), _yes(wanted, "authorized")
    if is_authorized != shall_be:
        faults.append(f"{_named(token)} is {'' if is_authorized else 'not '}authorised")
    if _yes(found, "frozen"):
        faults.append(f"{_named(token)} is frozen by its issuer")
    return faults


def _yes(row: Document, name: str) -> bool:
    """A field that is left out where it is not so."""
    value = row.get(name)
    if value is not None and not isinstance(value, bool):
        raise NoAnswer(f"{name} of a line is neither true nor false")
    return value is True


def _named(token: Line) -> str:
    return f"the line {token[0]} of {token[1]}"


def issuer_flags(config: Document, observed: Document) -> ReconFinding:
    """Every flag that the configuration names has the value that it names."""
    role = inner(config, "xrpl").get("issuer_role", "issuer")
    account = account_of(observed, "xrpl", role)
    flags = part(account, "flags")
    if not isinstance(flags, list):
        raise NoAnswer("flags of the issuer are no list")
    wanted = inner(config, "xrpl", "accounts", role, "flags")
    faults = [
        f"{name} is {'on' if name in flags else 'off'}, and should be {'on' if value else 'off'}"
        for name, value in wanted.items()
        if (name in flags) is not (value is True)
    ]
    expected = ", ".join(f"{name} {'on' if value is True else 'off'}" for name, value in wanted.items())
    return ReconFinding(expected or "no flag", names(map(str, flags)), faults)


def escrows(observed: Document, records: Document) -> ReconFinding:
    """The escrows on the ledger are those of ours that are open, each with the same terms."""
    there = _by_key(rows(observed, "xrpl", "escrows", "rows"))
    ours = _by_key([row for row in rows(records, "escrows") if text(part(row, "state")).lower() in OPEN_ESCROWS])
    faults = [f"{_escrow(key)} is none of ours" for key in there if key not in ours]
    faults += [f"{_escrow(key)} is gone from the ledger" for key in ours if key not in there]
    for key in ours.keys() & there.keys():
        faults += [
            f"{_escrow(key)} has the {name} {there[key].get(name)!s} instead of {ours[key].get(name)!s}"
            for name in _TERMS
            if _term(there[key], name) != _term(ours[key], name)
        ]
    return ReconFinding(f"{len(ours)} of our escrows", f"{len(there)} on the ledger", sorted(faults))


def _by_key(found: list[Document]) -> dict[tuple[str, int], Document]:
    keyed = {(text(part(row, "owner")), whole(part(row, "sequence"))): row for row in found}
    if len(keyed) < len(found):
        twice = Counter((row["owner"], row["sequence"]) for row in found).most_common(1)[0][0]
        raise NoAnswer(f"{_escrow(twice)} is there twice")
    return keyed


def _term(escrow: Document, name: str) -> Any:
    value = escrow.get(name)
    if name == "amount":
        return amount(value)
    if name == "condition":
        return None if value is None else text(value).upper()
    return text(value) if name == "destination" else moment(value)


def _escrow(key: tuple[str, int]) -> str:
    return f"the escrow {key[1]} of {key[0]}"


def supply_on_xrpl(observed: Document, records: Document) -> ReconFinding:
    """Of each token as much is out, to holders and in escrows, as our confirmed payments issued less what came back,
    and no more than is funded."""
    owed = inner(observed, "xrpl", "obligations")
    if owed.get("found") is False:
        raise NotOnLedger("the issuer is not on the ledger")
    out = _sum(table(part(owed, "rows")), table(owed.get("locked") or {}))
    issued, redeemed = table(part(records, "issued")), table(records.get("redeemed") or {})
    funded = table(part(records, "funded"))
    ours = {
        token: issued.get(token, Fraction(0)) - redeemed.get(token, Fraction(0)) for token in {**issued, **redeemed}
    }
    faults = [f"{token}: {said(out[token])} are out, and we know no such token" for token in out if token not in ours]
    for token, wanted in ours.items():
        found, limit = out.get(token, Fraction(0)), funded.get(token, Fraction(0))
        if found != wanted:
            faults.append(f"{token}: {said(found)} are out instead of {said(wanted)}")
        if found > limit:
            faults.append(f"{token}: {said(found)} are out, and {said(limit)} are funded")
    return ReconFinding(_amounts(ours), _amounts(out), sorted(faults))


def _sum(*tables: dict[str, Fraction]) -> dict[str, Fraction]:
    return {
        token: sum((each.get(token, Fraction(0)) for each in tables), Fraction(0))
        for token in dict.fromkeys(name for each in tables for name in each)
    }


def _amounts(by_token: dict[str, Fraction]) -> str:
    return ", ".join(f"{token} {said(by_token[token])}" for token in sorted(by_token)) or "none"
