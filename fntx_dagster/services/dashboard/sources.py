"""Where the figures of a day come from: its blocks with their rows, the rows of its NAV, and one row as delivered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from fntx_dagster.errors import without_accounts
from fntx_dagster.model.period import Period
from fntx_dagster.report.narrative import Story
from fntx_dagster.services.reporting import stories_of
from fntx_dagster.store.database import Database
from fntx_dagster.store.marts.benchmark import sessions_before
from fntx_dagster.store.marts.story import ToldEvent, events_of
from fntx_dagster.store.marts.summaries import session_of
from fntx_dagster.store.raw_flex import rows
from fntx_dagster.store.raw_flex.rows import RawRow, SectionRows

MOST_ROWS = 50
"""Rows of one table on the page of a day."""

MASKED = "masked"
"""Stands for a text that names an account or a person."""
_UNKNOWN = "other_sections"
_NAMES = (
    *("accountId", "acctAlias", "accountName", "account", "model", "traderID", "clientReference", "orderReference"),
    *("deliveringBroker", "fromAcct", "toAcct"),
)
_FREE_TEXT = ("cash_transactions", "transfers")
"""The tables whose descriptions the broker writes freely."""


class DaySources(NamedTuple):
    """`story` is the day with its blocks; `made_from` event → the table and the id of its row; `rows` what the NAV and
    its parts are read from, by table."""

    story: Story
    made_from: Mapping[str, tuple[str, int]]
    rows: Sequence[SectionRows]


class RowSource(NamedTuple):
    """A row as delivered, and what was made of it: events of the story, and lots as (lot_id, the id of its round trip,
    whether the fill opened it); `ended` are the round trips that have ended. `counts_in` is the built session of the
    row's day."""

    row: RawRow
    events: Sequence[ToldEvent]
    lots: Sequence[tuple[str, str, bool]]
    ended: set[str]
    counts_in: date | None


def day_sources(
    db: Database, account: str, day: date, observer: ZoneInfo, *, masked: bool = False
) -> DaySources | None:
    """Read what one official day is made from, from one snapshot; None where it is not built. Without the broker's own
    words where `masked`."""
    with db.snapshot() as snapshot:
        stories = stories_of(snapshot, account, Period.on(day), observer, masked=masked)
        if not stories:
            return None
        events = [event.event_id for block in stories[0].day.blocks for event in block.events]
        before = sessions_before(snapshot, account, Period.on(day)).get(day)
        since = before + timedelta(days=1) if before else day
        return DaySources(
            stories[0],
            rows.row_ids(snapshot, account, events),
            rows.rows_of_day(snapshot, account, Period(since, day), MOST_ROWS),
        )


def row_source(db: Database, account: str, table: str, row_id: int, *, masked: bool = False) -> RowSource | None:
    """Read one row of an account, from one snapshot; None where there is none. With `masked` what names an account or a
    person is left out; of a section that the system does not know, that may be anything."""
    with db.snapshot() as snapshot:
        row = rows.raw_row(snapshot, account, table, row_id)
        if row is None or (masked and table == _UNKNOWN):
            return None
        events = rows.events_from(table, row.row_key)
        told = events_of(snapshot, account, events) if events else []
        fills = [event.removeprefix("fill:") for event in events if event.startswith("fill:")]
        lots = [lot for fill in fills for lot in rows.lots_of(snapshot, account, fill)]
        ended = rows.ended_trips(snapshot, account, [trip for _, trip, _ in lots])
        counts_in = session_of(snapshot, account, row.row_date)
        return RowSource(_masked(row) if masked else row, told, lots, ended, counts_in)


def _masked(row: RawRow) -> RawRow:
    hidden = (*_NAMES, "description") if row.table in _FREE_TEXT else _NAMES

    def text_of(name: str, text: str) -> str:
        return MASKED if name in hidden and text else without_accounts(text)

    attributes = [
        each._replace(
            text=text_of(each.name, each.text),
            value=text_of(each.name, each.value) if isinstance(each.value, str) else each.value,
        )
        for each in row.attributes
    ]
    replaced = [
        each._replace(
            attributes={name: text_of(name, text) for name, text in each.attributes.items()},
            file_name=without_accounts(each.file_name),
        )
        for each in row.replaced
    ]
    delivery = row.delivery._replace(file_name=without_accounts(row.delivery.file_name))
    return row._replace(attributes=attributes, replaced=replaced, delivery=delivery)
