"""The audit log read back as what it tells of each proposal and each transaction: a walk through the table of its kind.
Every step is told once, from the state in which the one before ended, and the last one ends where the row stands."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

from fntx_dagster.audit.sealing import unsealed
from fntx_dagster.governance.machines import LEDGER_TX, PROPOSAL, START, Transition, step
from fntx_dagster.services.auditing.keys import key_of
from fntx_dagster.services.auditing.looking import look_at_everything
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.audit_log import stored_events

_TABLES: dict[str, tuple[str, tuple[Transition, ...], str]] = {
    "proposal": ("proposal_", PROPOSAL, "select proposal_id::text, state from treasury.proposal"),
    "ledger_tx": ("transaction_", LEDGER_TX, "select tx_id::text, state from treasury.ledger_tx"),
}


class Told(NamedTuple):
    """What the log tells of a proposal or a transaction: its steps in order, and the types of its other events."""

    steps: tuple[str, ...]
    others: tuple[str, ...]


def opened_events(settings: Settings, db: Database) -> list[dict[str, Any]]:
    """Every event of the log, opened."""
    return [unsealed(each.line, key_of(settings, each.line.key_id).secret) for each in stored_events(db, 0, 2**60)]


def walked(settings: Settings, db: Database) -> dict[str, Told]:
    """What the log tells of each proposal and transaction, by id. Fails where it is no walk through the tables to the
    state in which the row is, or where the log does not hold."""
    assert look_at_everything(settings, db).problems == []
    at: dict[str, str] = defaultdict(lambda: START)
    steps: dict[str, list[str]] = defaultdict(list)
    others: dict[str, list[str]] = defaultdict(list)
    for event in opened_events(settings, db):
        kind, name = event["subject"]["kind"], event["subject"]["id"]
        prefix, table, _ = _TABLES.get(kind, ("", (), ""))
        details = event["details"]
        if not prefix or not event["type"].startswith(prefix) or "from" not in details:
            others[name].append(event["type"])
            continue
        taken = event["type"].removeprefix(prefix)
        if taken == "sign" and details["from"] == details["to"]:
            others[name].append(event["type"])  # one more signature changes no state
            continue
        assert details["from"] == at[name], (name, event)
        after = step(table, at[name], taken).next
        assert details["to"] == after, (name, event)
        at[name] = after
        steps[name].append(taken)
    for _, _, query in _TABLES.values():
        with db.connect() as connection:
            for name, state in connection.execute(query.encode()).fetchall():
                assert at[name] == state, name
    return {name: Told(tuple(steps[name]), tuple(others[name])) for name in {*steps, *others}}
