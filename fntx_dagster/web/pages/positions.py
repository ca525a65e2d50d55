"""`/a/{n}/positions` and `/a/{n}/positions/{date}`: what an account holds at a close, and what can hurt it."""

from __future__ import annotations

from collections.abc import Iterator

from fntx_dagster.report import money
from fntx_dagster.report.account_risk import assignment_table, margin_table, stress_table
from fntx_dagster.report.holdings import in_order, positions_table
from fntx_dagster.report.risk_tables import by_expiry_table, early_assignments_table, exposure_table, greeks_table
from fntx_dagster.report.tables import Table
from fntx_dagster.services.dashboard.positions import PositionsShown, positions_of
from fntx_dagster.web.asking import Answer, Asked, NotFound, Shown


def show(asked: Asked) -> Answer:
    """The close that the address names, or the newest."""
    day = asked.day()
    found = positions_of(asked.site.settings, asked.site.db, asked.account.account_id, day)
    if found is None and day is not None:
        raise NotFound
    values = {
        "found": found,
        "held": positions_table(found.day, found.marks, asked.site.observer) if found else None,
        "tables": list(_tables(found)) if found else [],
        "at_risk": money.ratio(found.portfolio["var_95_historical"], in_percent=True)
        if found and found.portfolio
        else "–",
    }
    return Shown("positions.html.j2", "Positions", values)


def _tables(found: PositionsShown) -> Iterator[Table]:
    """What has rows, in the order of the page."""
    tables = [by_expiry_table(found.by_expiry)]
    if found.portfolio:
        tables += [
            greeks_table(found.options, in_order(found.day.open_at_close)),
            exposure_table(found.portfolio),
            early_assignments_table(found.early, found.options),
        ]
    if found.risk:
        tables += [
            stress_table(found.risk),
            assignment_table(found.risk.assignments, found.risk.base_currency),
            margin_table(found.risk),
        ]
    yield from (table for table in tables if table.rows)
