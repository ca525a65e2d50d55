"""`/a/{n}/raw/{table}/{row}`: a row of a statement as delivered, its file, and what was made of it."""

from __future__ import annotations

from fntx_dagster.services.dashboard.sources import row_source
from fntx_dagster.web.asking import Answer, Asked, NotFound, Shown
from fntx_dagster.web.pages.sources import TABLES
from fntx_dagster.web.pages.trades import trip_address
from fntx_dagster.web.words import block_number, cell

_MOST_DIGITS = 18


def show(asked: Asked) -> Answer:
    """The row that the address names by its table and its number."""
    table, row = asked.part("table"), asked.part("row")
    if not (row.isascii() and row.isdigit() and len(row) <= _MOST_DIGITS):
        raise NotFound
    number = asked.account.number
    found = row_source(asked.site.db, asked.account.account_id, table, int(row), masked=not asked.visitor.sees_names)
    if found is None:
        raise NotFound
    values = {
        "row": found.row,
        "section": TABLES.get(table, found.row.row_kind),
        "read": [(each.name, each.text, each.column, cell(each.value)) for each in found.row.attributes if each.column],
        "kept": [(each.name, each.text) for each in found.row.attributes if not each.column],
        "events": [
            {
                "what": each.event.event_type.replace("_", " "),
                "day": each.trading_day,
                "impact": each.event.nav_impact,
                "block": f"/a/{number}/day/{each.trading_day}#block-{block_number(each.block_id)}",
            }
            for each in found.events
        ],
        "counts_in": found.counts_in,
        "lots": [
            (lot_id, opened, trip_address(number, trip) if trip in found.ended else "")
            for lot_id, trip, opened in found.lots
        ],
    }
    return Shown("raw.html.j2", f"A row of {values['section']}", values)
