"""`fntx signals performance`: how a strategy of signals did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from fntx_dagster.cli.options import AsJson, MaybeFrom, MaybeTo, print_json
from fntx_dagster.cli.signal_following import Code, signals_desk

_GROUP = ("trades", "wins", "losses", "break_evens", "win_rate", "net_pnl", "expectancy")
_USER = ("signals", "taken", "pnl", "fees", "net_pnl")
_HEAD = (
    ("signals", ("signals", "executed", "failed", "open", "fill_ratio")),
    ("trades", ("trades", "wins", "losses", "break_evens", "win_rate", "profit_factor", "average_holding_time")),
    ("money", ("total_pnl", "fees_total", "net_pnl", "expectancy", "best", "worst", "drawdown_max")),
    ("on the way", ("average_mfe", "average_mae", "slippage", "slippage_bps", "current_streak")),
)


def performance(
    code: Code,
    first: MaybeFrom = None,
    last: MaybeTo = None,
    symbol: Annotated[str | None, typer.Option(help="Signals of this symbol alone.", show_default=False)] = None,
    user: Annotated[str | None, typer.Option(help="This participant alone.", show_default=False)] = None,
    live: Annotated[bool, typer.Option("--live", help="Live signals instead of paper ones.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show how a strategy did: its signals and trades, by symbol and by weekday, and what its participants have of them
    (the first hundred by id).

    fntx signals performance NIFTY_OPTIONS --from 2026-03-01 --to 2026-03-31
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.services.orders.fields import Declined
    from fntx_dagster.services.signals import performance as figures

    desk = signals_desk()
    days = (_day(first), _day(last))
    start, end = figures.start_of(desk, "from", days[0]), figures.start_of(desk, "to", days[1], after=True)
    asked = figures.AskedPerformance(code, symbol, start, end, not live, user, "", 100)
    try:
        found = figures.performance(desk, asked)["data"]
    except Declined as declined:
        raise typer.BadParameter(f"{declined.faults[0].message}: see `fntx signals strategies`") from None
    if as_json:
        print_json(found)
        return
    for title, names in _HEAD:
        shown = ", ".join(f"{name.replace('_', ' ')} {found[name]}" for name in names if found[name] is not None)
        out(f"{title}: {shown}" if title != "money" else f"{title} ({found['currency']}): {shown}")
    for title, name in (("symbol", "by_symbol"), ("weekday", "by_weekday")):
        if found[name]:
            out(_table(new_table(title, right=_words(_GROUP)), found[name], ("name", *_GROUP)))
    rows = [each | {"missed": _reasons(each["missed"])} for each in found["users"]]
    if rows:
        out(_table(new_table("participant", right=(*_words(_USER), "missed")), rows, ("user_id", *_USER, "missed")))
    if found["users_next"]:
        out(f"{found['participants']} participants in all: the API shows them page by page.")


def _day(day: datetime | None) -> str | None:
    return None if day is None else f"{day.date()}"


def _words(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name.replace("_", " ") for name in names)


def _reasons(missed: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {reason}" for reason, number in missed.items())


def _table(table: Any, rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Any:
    for row in rows:
        table.add_row(*("" if row[name] is None else f"{row[name]}" for name in names))
    return table
