"""What programs read of the record over HTTP: an account's days, metrics, risk, trades and signed days, as rows.

What belongs here: which rows an address means, and how many at most. The rows are those that the commands print with
`--json`. A range is answered from its first day, at most `MOST_DAYS` days at once: `next` is the day to ask from then.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from datetime import date, timedelta
from typing import Any, NamedTuple

from fntx_dagster.model.chain import DayProof
from fntx_dagster.model.period import EVER, Period
from fntx_dagster.report.clock import zone
from fntx_dagster.report.document import to_json
from fntx_dagster.report.story import narrate
from fntx_dagster.services.accounts import NumberedAccount, numbered_accounts
from fntx_dagster.services.current_day import provisional_days
from fntx_dagster.services.live.stream import message
from fntx_dagster.services.orders.access import Caller
from fntx_dagster.services.orders.requests import Declined, FieldFault
from fntx_dagster.services.performance import rolling_metrics, summary_rows
from fntx_dagster.services.reporting import report
from fntx_dagster.services.risk import closing_risk
from fntx_dagster.services.sessions import latest_session
from fntx_dagster.services.signatures.proofs import day_proofs
from fntx_dagster.services.signatures.register import registered
from fntx_dagster.services.status import Status, account_states, open_alerts
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.live.events import ends, events_after
from fntx_dagster.store.marts import data_tables
from fntx_dagster.store.marts.status import built_span_of

MOST_DAYS = 366
"""Days of one answer."""
MOST_SHOWN = 1000
"""Rows of one answer of the register."""
TABLES = {"events": "events", "fills": "fills", "trades": "round_trips", "verification": "verification"}
"""What an address calls a table → its name for `fntx table`."""


class Rows(NamedTuple):
    """Rows of a range; `next` is the day to ask from for those after them, None where they are all."""

    rows: list[dict[str, Any]]
    next: date | None


def seen_by(db: Readable, caller: Caller) -> list[NumberedAccount]:
    """The accounts whose record a token may read: an admin's and a reader's all of them, no other's any."""
    return numbered_accounts(db) if caller.reads_every_account else []


def account_of(db: Readable, caller: Caller, number: int) -> str:
    """The account of a number. Raises Declined (404) where there is none, or the token may not read it."""
    for account in seen_by(db, caller):
        if account.number == number:
            return account.account_id
    raise Declined([FieldFault("number", "account_not_found", f"no account {number}")], "account_not_found", 404)


def accounts(db: Database, seen: Collection[NumberedAccount]) -> list[dict[str, Any]]:
    """The state of each account as `fntx status` gives it, with its number."""
    numbers = {account.account_id: account.number for account in seen}
    rows = Status(account_states(db), [], []).account_rows()
    return [{"number": numbers[row["account_id"]]} | row for row in rows if row["account_id"] in numbers]


def days(settings: Settings, db: Database, account: str, first: date | None, last: date | None) -> Rows:
    """The summary of each built day, as `fntx summary` gives it."""
    return _in_range(db, account, first, last, lambda part: summary_rows(settings, db, part, account))


def day(settings: Settings, db: Database, account: str, on: date) -> str:
    """The report of a day as a JSON document (docs/report.md). Raises Declined (404) where the day is not built."""
    _require_built(db, account, on)
    return report(settings, db, Period.on(on), zone(settings.report.time_zone), account, "json", lambda problem: None)


def metrics(db: Database, account: str, on: date | None) -> list[dict[str, Any]]:
    """The metrics up to a day, the newest built one where none is named, as `fntx metrics` gives them."""
    return rolling_metrics(db, Period.on(_require_built(db, account, on)), account)


def positions(settings: Settings, db: Database, account: str, on: date | None) -> list[dict[str, Any]]:
    """Greeks and risk at a close, the newest where no day is named, as `fntx greeks` gives them."""
    return [each._asdict() for each in closing_risk(settings, db, _require_built(db, account, on), account)]


def table(db: Database, account: str, name: str, first: date | None, last: date | None) -> Rows:
    """The rows of one of `TABLES`, with its columns."""

    def rows(part: Period) -> list[dict[str, Any]]:
        found = data_tables.data_table(db, TABLES[name], part, account)
        return [dict(zip(found.columns, row, strict=True)) for row in found.rows]

    return _in_range(db, account, first, last, rows)


def signatures(db: Database, account: str, first: date | None, last: date | None) -> Rows:
    """Each signed day: its root, its receipt, and whether today's tables still say what was signed."""

    def rows(part: Period) -> list[dict[str, Any]]:
        asked = [part.first + timedelta(days=number) for number in range((part.last - part.first).days + 1)]
        with db.snapshot() as snapshot:
            return [_signed(proof) for _, proof in sorted(day_proofs(snapshot, account, asked).items())]

    return _in_range(db, account, first, last, rows)


def shown(db: Database, account: str, before: int | None) -> list[dict[str, Any]]:
    """What was shown of an account, newest first, as `fntx signature shown` gives it: `MOST_SHOWN` rows before that of
    an id."""
    return [row._asdict() for row in registered(db, {account}, MOST_SHOWN, before)]


def current(settings: Settings, db: Database, account: str) -> str:
    """The day that still runs, as a JSON document (docs/report.md); its `days` are empty where none is known."""
    session, observer = latest_session(), zone(settings.report.time_zone)
    with db.snapshot() as snapshot:
        running = Period(session, session + timedelta(days=7))
        days = provisional_days(settings, snapshot, running, account, lambda problem: None)
    return to_json([narrate(each, observer) for each in days])


def alerts(db: Database) -> list[dict[str, Any]]:
    """The open alerts, as `fntx alerts` gives them."""
    names = ("alert_id", "kind", "subject", "text", "raised_at")
    return [{name: getattr(alert, name) for name in names} for alert in open_alerts(db)]


def events(db: Database, caller: Caller, after: int, limit: int) -> dict[str, Any]:
    """Up to `limit` events of the stream behind an id, as `/live` sends them, none for a token that may not read every
    account; `last` is the id that was got to, `oldest` the oldest that is kept (docs/live.md)."""
    numbers = {account.account_id: account.number for account in seen_by(db, caller)}
    with db.snapshot() as snapshot:
        found = events_after(snapshot, after, limit) if caller.reads_every_account else []
        kept = ends(snapshot)
    shown = [json.loads(message(event, numbers)) for event in found]
    return {"events": shown, "last": found[-1].event_id if found else after, "oldest": kept.oldest}


def _in_range(
    db: Readable,
    account: str,
    first: date | None,
    last: date | None,
    rows: Callable[[Period], list[dict[str, Any]]],
) -> Rows:
    asked = Period(first or EVER.first, last or EVER.last)
    span = built_span_of(db, account, asked)
    if span is None:
        return Rows([], None)
    until = min(span.last, span.first + timedelta(days=MOST_DAYS - 1))
    return Rows(rows(Period(span.first, until)), until + timedelta(days=1) if until < span.last else None)


def _require_built(db: Readable, account: str, on: date | None) -> date:
    span = built_span_of(db, account, Period.on(on) if on else EVER)
    if span is None:
        words = "no day of the account is built" if on is None else f"{on} is no built day of the account"
        raise Declined([FieldFault("day", "day_not_found", words)], "day_not_found", 404)
    return on or span.last


def _signed(proof: DayProof) -> dict[str, Any]:
    signed, posted = proof.signed, proof.posted
    return {
        "trading_day": signed.trading_day,
        "version": signed.version,
        "root": f"0x{signed.root.hex()}",
        "extension_root": signed.extension_root,
        "chain_id": signed.chain_id,
        "contract": signed.contract,
        "trader": signed.trader,
        "transaction": posted and posted.tx_hash,
        "block": posted and posted.block_number,
        "posted_at": posted and posted.posted_at,
        "is_final": bool(posted and posted.is_final),
        "is_late": proof.is_late,
        "is_early": proof.is_early,
        "changed": proof.changed,
        "failed_equations": proof.failed,
    }
