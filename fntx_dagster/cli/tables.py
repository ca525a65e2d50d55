"""What a person sees of accounts: loaded files, summary, metrics, Greeks, status, fetches and alerts as tables.

Figures come from the services as they are; `report.money` rounds them for display.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from rich.table import Table

from fntx_dagster.cli.commands import as_typed
from fntx_dagster.cli.terminal import new_table, report_table
from fntx_dagster.foreign import LONGEST_CELL, cleaned
from fntx_dagster.model.session import XNYS
from fntx_dagster.report import clock
from fntx_dagster.report.metrics_table import metrics_table
from fntx_dagster.report.risk_tables import early_assignment_sentences, exposure_table, greeks_table
from fntx_dagster.report.strategies import both_table, fitting, outcomes_table
from fntx_dagster.report.summary_table import month_tables

if TYPE_CHECKING:
    from fntx_dagster.model.day import AnyDay
    from fntx_dagster.model.strategies import OptionSelling
    from fntx_dagster.services.loading import FileLoad
    from fntx_dagster.services.risk import ClosingRisk
    from fntx_dagster.services.status import AccountState, Alert, Fetch

_SHOWN_DAYS = 6


def load_table(loads: Sequence[FileLoad]) -> Table:
    """What loading changed: a line per file, of one file a line per section. A file that was not loaded has none."""
    good = [load for load in loads if not load.error]
    alone = good[0] if len(good) == 1 else None
    table = new_table("section" if alone else "file", right=("rows",))
    table.add_column("what changed")
    table.title = cleaned(alone.file_name, LONGEST_CELL) if alone else None
    for name, counts in alone.listed.items() if alone else ((load.file_name, load.total) for load in good):
        changed = [f"{number:,} {kind}" for kind, number in counts._asdict().items() if number and kind != "unchanged"]
        table.add_row(name, f"{sum(counts):,}", ", ".join(changed) or "nothing")
    return table


def summary_tables(days: Mapping[str, Sequence[AnyDay]], observer: ZoneInfo = clock.HONG_KONG) -> Iterator[Table]:
    """A table per account and month, titled with both."""
    for account_id, own in days.items():
        for month in month_tables(own, observer):
            yield report_table(month, f"Daily summary, account {account_id}, {month.title}")


def metrics_tables(rows: Sequence[dict[str, Any]]) -> Iterator[Table]:
    """A table per account of one session's metrics: the windows side by side, a dash where a metric is undefined."""
    for (account_id, currency), windows in groupby(rows, lambda row: (row["account_id"], row["base_currency"])):
        table = metrics_table(list(windows))
        table = table._replace(headers=(f"{table.headers[0]} ({currency})", *table.headers[1:]))
        yield report_table(table, f"Performance up to {rows[0]['trading_day']}, account {account_id}")


def selling_tables(selling: Sequence[OptionSelling]) -> Iterator[Table]:
    """Per account what its trading made all-in, and its strategies by kind; `fntx strategies` says more."""
    for made in selling:
        by_kind = outcomes_table(made.by_kind, "Strategy")._replace(title="Strategies by kind")
        for table in (fitting(made, both_table(made)), fitting(made, by_kind)):
            if table.rows:
                until = f"{table.title} up to {made.last_day}"
                yield report_table(table, f"{until}, account {made.account_id} ({made.base_currency})")


def greeks_tables(days: Sequence[ClosingRisk]) -> Iterator[Table | str]:
    """Per account the options at a close, and what the portfolio is exposed to; a dash where a Greek is undefined."""
    for day in days:
        at = f"at the close of {day.trading_day}"
        if day.as_of:
            at = f"as of {clock.utc_minute(day.as_of)}, provisional"
        if day.options:
            yield report_table(greeks_table(day.options), f"Greeks {at}, account {day.account_id}")
        else:
            yield f"No option was open {at}, account {day.account_id}."
        yield from map(as_typed, early_assignment_sentences(day.early_assignments, day.options))
        yield report_table(exposure_table(day.portfolio), f"Exposure {at}, account {day.account_id}")


def status_table(states: Sequence[AccountState]) -> Table | str:
    """Each account's state in a column."""
    if not states:
        return as_typed("Nothing is loaded yet. Load statements with `fntx load PATH`, or try `fntx demo`.")
    table = new_table("", right=[state.account_id for state in states])
    if any(state.calendar != XNYS for state in states):
        table.add_row("calendar", *(state.calendar for state in states))
    for label, content in _STATUS_ROWS:
        table.add_row(label, *(content(state) for state in states))
    return table


def fetches_table(fetches: Sequence[Fetch]) -> Table:
    """What became of each Flex query when it was sent last."""
    table = new_table("token", "query", "asked", "window", "outcome", right=())
    for fetch in fetches:
        outcome = fetch.outcome.replace("_", " ") + (f", code {fetch.code}" if fetch.code else "")
        asked, window = clock.utc_minute(fetch.asked_at), f"{fetch.first_day} to {fetch.last_day}"
        table.add_row(fetch.login, fetch.query, asked, window, outcome)
    return table


def alerts_table(alerts: Sequence[Alert], missing: Mapping[str, Sequence[date]]) -> Table | str:
    """What a person has to know, oldest first. `missing`: account → the sessions that its statements lack."""
    if not alerts:
        lacking = [f"{account} misses {_days(days)}" for account, days in missing.items() if days]
        return f"No alert is open. {'; '.join(lacking)}." if lacking else "Nothing needs a person."
    table = new_table("number", "since", "kind", right=())
    table.add_column("what", overflow="fold")
    for alert in alerts:
        table.add_row(f"{alert.alert_id}", clock.utc_minute(alert.raised_at), alert.kind, as_typed(alert.text))
    return table


def _days(days: Sequence[date]) -> str:
    if not days:
        return "none"
    more = f" and {len(days) - _SHOWN_DAYS} more" if len(days) > _SHOWN_DAYS else ""
    return ", ".join(map(str, days[:_SHOWN_DAYS])) + more


_STATUS_ROWS: tuple[tuple[str, Callable[[AccountState], str]], ...] = (
    ("statement files", lambda state: str(state.files)),
    ("loaded", lambda state: f"{state.first_day} to {state.last_day}"),
    ("generated", lambda state: clock.utc_minute(state.generated_at) if state.generated_at else "unknown"),
    ("sessions without official NAV", lambda state: _days(state.missing)),
    ("sessions explained", lambda state: f"{state.built}, up to {state.last_built}" if state.built else "none"),
    ("to explain, or to explain again", lambda state: _days(state.to_build)),
    ("failing verification", lambda state: str(state.failing_verification or "none")),
    ("signed", lambda state: f"{state.signed}, up to {state.last_signed}" if state.signed else "none"),
    ("posted to the chain", lambda state: str(state.posted or "none")),
    ("waiting for the chain", lambda state: str(state.waiting or "none")),
    ("failed to be posted", lambda state: as_typed(f"{state.failed}: `fntx chain status`") if state.failed else "none"),
)
