"""Reconciliation for Dagster: what each ledger shows, and the whole run with the judgement of each check."""

from __future__ import annotations

from typing import Any, NamedTuple

from fntx_dagster.model.finding import Finding
from fntx_dagster.reconciliation.catalogue import CHECKS
from fntx_dagster.reconciliation.items import ReconItem, ReconStatus
from fntx_dagster.reconciliation.reading import number, said
from fntx_dagster.services.governance.configuration import configured
from fntx_dagster.services.reconciling.observing import observe
from fntx_dagster.services.reconciling.running import run
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database

BY = "system:dagster"


class ReconCheckDescription(NamedTuple):
    """A check for Dagster: its id, a name of letters, digits and underscores, and what it compares."""

    id: str
    name: str
    words: str


class ShownLedger(NamedTuple):
    """What a ledger showed: its number (None: it gave no answer, and `problem` says why), a row for each account
    (role, balance, entries, what is odd), and how many escrows the accounts own (None on Stellar)."""

    number: int | None
    problem: str
    rows: list[tuple[str, ...]]
    escrows: int | None


class CheckedLedgers(NamedTuple):
    """A run: its number, what it came to, the counts, the file of its report, and each check by its id."""

    run_no: int
    status: str
    counts: dict[str, int]
    file: str
    findings: dict[str, Finding]
    severe: frozenset[str]
    words: dict[str, str]


def descriptions() -> list[ReconCheckDescription]:
    """Every check of the scope `deep`, in the order of the report."""
    return [ReconCheckDescription(each.id, each.id.replace(".", "_"), each.compares) for each in CHECKS]


def shown_ledger(settings: Settings, ledger: str) -> ShownLedger:
    """Ask a ledger for our accounts, `xrpl` or `stellar`. It keeps nothing."""
    state: dict[str, Any] = observe(settings, configured(settings), ledger, {})[ledger]
    if "error" in state:
        return ShownLedger(None, state["error"], [], None)
    on_xrpl = ledger == "xrpl"
    rows = [_row(role, account, on_xrpl=on_xrpl) for role, account in state["accounts"].items()]
    escrows = len(state["escrows"].get("rows", [])) if on_xrpl else None
    return ShownLedger(state["ledger_index" if on_xrpl else "ledger"], "", rows, escrows)


def _row(role: str, account: dict[str, Any], *, on_xrpl: bool) -> tuple[str, ...]:
    if "error" in account:
        return role, "", "", account["error"]
    if not account["found"]:
        return role, "", "", "is not on the ledger"
    balance = number(account["balance"]) / (1_000_000 if on_xrpl else 1)
    entries = account["owner_count" if on_xrpl else "subentries"]
    return role, f"{said(balance)} {'XRP' if on_xrpl else 'XLM'}", f"{entries}", ""


def checked_ledgers(settings: Settings, db: Database) -> CheckedLedgers:
    """Reconcile everything, and keep it with its alerts."""
    done = run(settings, db, "deep", by=BY)
    findings = {item.id: Finding(item.id, _words(item)) for item in done.items if _is_bad(item)}
    severe = frozenset(item.id for item in done.items if item.status is ReconStatus.MISMATCH)
    words = {item.id: item.details[0] if item.details else f"{item.actual}, as expected" for item in done.items}
    summary = done.summary._asdict()
    status = summary.pop("overall_status")
    return CheckedLedgers(done.run.run_no, status, summary, done.file.name, findings, severe, words)


def _is_bad(item: ReconItem) -> bool:
    return item.status in (ReconStatus.MISMATCH, ReconStatus.ERROR)


def _words(item: ReconItem) -> str:
    return f"{item.status.value}: {'; '.join(item.details)}"
