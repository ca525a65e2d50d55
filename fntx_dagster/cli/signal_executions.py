"""`fntx signals`: what became of signals: executions, the log, settlements at expiry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import typer

from fntx_dagster.cli.options import AsJson, day_option, print_json
from fntx_dagster.cli.signal_following import amount_option, signals_desk

AnyCode = Annotated[
    str | None, typer.Argument(metavar="[CODE]", help="The strategy; all where it is left out.", show_default=False)
]
Limit = Annotated[int, typer.Option(min=1, max=100_000, help="So many at most, the newest first.")]


def executions(code: AnyCode = None, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List the executions of signals: what was filled, what is closed, what it made.

    One that is open past its expiry is marked: it waits for its settlement price.

    fntx signals executions NIFTY_OPTIONS
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.report.money import display, plain
    from fntx_dagster.services.signals.overview import is_overdue, list_executions

    desk = signals_desk()
    rows = list_executions(desk.db, code, limit)
    if as_json:
        print_json([row._asdict() | {"overdue": is_overdue(desk, row)} for row in rows])
        return
    right = ("filled", "entry", "closed", "exit", "P&L", "fees", "net", "")
    table = new_table("no.", "strategy", "unique id", "symbol", "signal", "status", right=right)
    for row in rows:
        table.add_row(
            f"{row.signal_execution_id}",
            row.strategy_code,
            row.unique_id,
            row.symbol,
            row.signal_type if row.is_paper else f"{row.signal_type} (live)",
            row.status,
            f"{plain(row.total_qty)} of {plain(row.requested_qty)}",
            _average(row.entry_money, row.total_qty),
            plain(row.exit_qty),
            _average(row.exit_money, row.exit_qty),
            display(row.total_pnl),
            display(row.fees_total),
            f"{display(row.total_pnl - row.fees_total)} {row.currency}",
            f"expired {row.expiry}: needs its settlement price" if is_overdue(desk, row) else row.exit_reason or "",
        )
    out(table if rows else "There is no execution yet: `fntx signals enter` or the API enters a signal.")


def show(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="The execution, as `executions` lists it.")],
    after: Annotated[int, typer.Option(min=0, help="Participants from this place of the entry on.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Show an execution: its entry, each exit, a hundred participants and their shares, its trade.

    fntx signals show 17
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.services.orders.access import Caller
    from fntx_dagster.services.orders.fields import Declined
    from fntx_dagster.services.signals.reading import execution

    desk = signals_desk()
    try:
        found = execution(desk, Caller("operator", "admin"), number, after, 100)["data"]
    except Declined as declined:
        raise typer.BadParameter(f"{declined.faults[0].message}: see `fntx signals executions`") from None
    if as_json:
        print_json(found)
        return
    out(
        f"{found['strategy_code']} {found['unique_id']}: {found['signal_type']} of {found['symbol']}, "
        f"{found['status']}; {found['exit_qty']} of {found['total_qty']} closed (wished: {found['requested_qty']})."
    )
    for name, words in (("description", ""), ("reason", "nothing was filled: ")):
        if found[name]:
            out(f"{words}{found[name]}")
    exits = ("exit_reason", "timestamp", "qty", "exit_price", "pnl", "fees")
    if found["exits"]:
        out(_shown(new_table("exit", "time (UTC)", right=("qty", "at", "P&L", "fees")), found["exits"], exits))
    of_users = ("requested_qty", "qty", "closed_qty", "entry_price", "exit_price", "pnl", "net_pnl", "status", "reason")
    right = ("wished", "got", "closed", "in", "out", "P&L", "net", "", "why not")
    out(_shown(new_table("user", right=right), found["trader_results"], ("user_id", *of_users)))
    if found["trader_results_next"]:
        out(f"{found['total_traders']} participants in all: `fntx signals show {number} --after {after + 100}`.")
    if (trade := found["trade"]) is not None:
        figures = {name: _figure(name, trade[name]) for name in trade}
        out(
            f"Trade {trade['trade_id']}: {trade['total_qty']} in at {figures['entry_price']}, out at "
            f"{figures['exit_price']} after {trade['holding_time']} minutes ({trade['exit_reason']}): P&L "
            f"{figures['total_pnl']} {found['currency']}, {trade['pnl_percent']} %, net {figures['net_pnl']}."
        )


def log(code: AnyCode = None, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List the messages that arrived, the newest first, each with what became of it: processed, duplicate (of which
    message), or refused (why).

    fntx signals log NIFTY_OPTIONS --limit 10
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.services.signals.overview import list_log

    rows = list_log(signals_desk().db, code, limit)
    if as_json:
        print_json([row._asdict() for row in rows])
        return
    table = new_table("no.", "time (UTC)", "strategy", "unique id", "message", "from", "outcome", right=())
    for row in rows:
        outcome = {"duplicate": f"duplicate of {row.duplicate_of}", "refused": f"refused: {row.code}"}
        message = row.signal_type or row.direction
        names = (row.strategy_code or "", row.unique_id or "", message, row.source)
        at = f"{row.at:%Y-%m-%d %H:%M:%S}"
        table.add_row(f"{row.signal_log_id}", at, *names, outcome.get(row.outcome, row.outcome))
    out(table if rows else "No message has arrived yet.")


def settlement(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="The token of the instrument.")],
    expiry: Annotated[datetime, typer.Argument(parser=day_option, metavar="YYYY-MM-DD", help="The day it expires.")],
    price: Annotated[Decimal, typer.Argument(parser=amount_option, metavar="PRICE", help="0 where it ends worthless.")],
    source: Annotated[str, typer.Option(help="Who published it, in words.")],
    as_json: AsJson = False,
) -> None:
    """Keep the official settlement price of an instrument. It is final; `fntx signals settle` closes with it what is
    open, and Dagster does so by itself.

    fntx signals settlement 45678 2026-03-26 152.35 --source "NSE bhavcopy"
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.signals.settling import keep_settlement

    keep_settlement(signals_desk(), token, expiry.date(), price, source)
    if as_json:
        print_json({"token": token, "expiry": expiry.date(), "price": price, "source": source})
    else:
        out(f"{token} settles at {price:f} on {expiry.date()}.")


def settle(as_json: AsJson = False) -> None:
    """Close what is open of instruments that have expired, at their official settlement prices, free of fees. A second
    run changes nothing. Exit code 1 where a price is missing.

    fntx signals settle
    """
    from fntx_dagster.cli.terminal import error, out
    from fntx_dagster.services.signals.settling import settle as settle_expired

    done = settle_expired(signals_desk())
    if as_json:
        print_json([each._asdict() for each in done])
    else:
        for each in done:
            name = f"Execution {each.signal_execution_id}, {each.symbol} of {each.expiry}"
            if each.message is None:
                error(f"{name}: no settlement price; `fntx signals settlement` keeps one")
            else:
                out(f"{name}: {each.message}.")
        if not done:
            out("Nothing is open of an instrument that has expired.")
    if any(each.message is None for each in done):
        raise typer.Exit(1)


def _average(money: Decimal, quantity: Decimal) -> str:
    from fntx_dagster.report.money import plain

    return plain(round(money / quantity, 4)) if quantity else ""


def _shown(table: Any, rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Any:
    for row in rows:
        table.add_row(*(_figure(name, row[name]) for name in names))
    return table


def _figure(name: str, value: object) -> str:
    """A figure of an answer for a person: prices to four decimals at most, money to cents."""
    from fntx_dagster.report.money import display, plain

    if value is None:
        return ""
    if name.endswith("price"):
        return plain(round(Decimal(f"{value}"), 4))
    return display(Decimal(f"{value}")) if name in _MONEY else f"{value}"


_MONEY = ("pnl", "net_pnl", "fees", "total_pnl", "fees_total")
