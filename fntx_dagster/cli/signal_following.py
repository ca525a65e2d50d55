"""`fntx signals`: who trades what, and who follows: strategies, instruments, subscriptions."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.loaded_rows import show_loaded
from fntx_dagster.cli.options import AsJson, print_json, settings_and_database

if TYPE_CHECKING:
    from fntx_dagster.services.orders.turn import Desk

Code = Annotated[str, typer.Argument(metavar="CODE", help="The strategy's code.")]
Participant = Annotated[str, typer.Argument(metavar="USER", help="The participant's id.")]


def amount_option(text: str) -> Decimal:
    """An amount as it is typed; anything else is a wrong command line."""
    if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
        raise typer.BadParameter(f"{text!r} is no number in plain digits, such as 12.5")
    return Decimal(text)


def signals_desk() -> Desk:
    """The desk of the settings."""
    from fntx_dagster.services.orders.desk import desk_of

    return desk_of(*settings_and_database())


def strategies(as_json: AsJson = False) -> None:
    """List the strategies: how each trades, in which currency, with which capital.

    A strategy is known from its first signal, or from `fntx signals strategy`.

    fntx signals strategies
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.services.signals.following import list_strategies

    _, db = settings_and_database()
    rows = list_strategies(db)
    if as_json:
        print_json([row._asdict() for row in rows])
        return
    table = new_table("strategy", "accounts", "currency", "committed", right=("capital", "expected edge bps"))
    for row in rows:
        capital = "as needed" if row.capital is None else f"{row.capital:,f}"
        table.add_row(
            row.code, row.accounts, row.currency, "yes" if row.commits else "", capital, f"{row.expected_edge_bps:f}"
        )
    out(table if rows else "There is no strategy yet: its first signal makes it known.")


def strategy(
    code: Code,
    accounts: Annotated[
        str | None, typer.Option(help="omnibus: one block order; separate: an order in each participant's own account.")
    ] = None,
    currency: Annotated[str | None, typer.Option(help="The currency that its instruments are priced in.")] = None,
    capital: Annotated[
        Decimal | None, typer.Option(parser=amount_option, help="The notional capital of its paper book.")
    ] = None,
    edge_bps: Annotated[
        Decimal | None,
        typer.Option("--edge-bps", parser=amount_option, help="What an entry is expected to earn, for the fee gate."),
    ] = None,
    commit: Annotated[
        bool | None,
        typer.Option("--commit/--no-commit", help="Commit each signal on the chain at its entry, from now on."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a strategy, or let one trade otherwise from now on; what is left out stays as it is.

    fntx signals strategy NIFTY_OPTIONS --currency INR
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.signals.following import StrategyChange, keep_strategy

    kept = keep_strategy(signals_desk(), code, StrategyChange(accounts, currency, capital, edge_bps, commit))
    if as_json:
        print_json(kept._asdict())
        return
    capital_words = "as its entries need" if kept.capital is None else f"{kept.capital:,f}"
    out(
        f"{kept.code} trades in {kept.currency}, {kept.accounts} accounts, capital {capital_words}, expected edge "
        f"{kept.expected_edge_bps:f} basis points."
        + (" Its signals are committed on the chain." if kept.commits else "")
    )


def instruments(
    token: Annotated[str | None, typer.Option(help="What this token names, and named before.")] = None,
    symbol: Annotated[str | None, typer.Option(help="Symbols that begin like this.")] = None,
    load: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the rows of this instrument master (CSV or JSONL).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the instruments that signals may name by their token; or keep those of a file, whose columns are token,
    symbol, exchange, underlying, strike, option_type, expiry, lot_size, valid_from.

    A bad row is named, and the good ones are kept (exit code 1). What a token names changes with a row of a later
    valid_from; entries before it keep what it named then.

    fntx signals instruments --load nfo.csv
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.report.clock import utc_minute
    from fntx_dagster.services.signals.following import list_instruments, load_instruments

    if load is not None:
        done = load_instruments(signals_desk(), load)
        words = f"{done.added} instruments are new or changed; {done.known} were known."
        show_loaded(done, words, as_json=as_json)
        return
    _, db = settings_and_database()
    rows = list_instruments(db, token, symbol)
    if as_json:
        print_json([row.instrument._asdict() | {"valid_from": row.valid_from} for row in rows])
        return
    table = new_table("token", "symbol", "exchange", "underlying", "type", right=("strike", "expiry", "lot", "from"))
    for listed in rows:
        row = listed.instrument
        strike = "" if row.strike is None else f"{row.strike:f}"
        names = (row.token, row.symbol, row.exchange, row.underlying or "", row.option_type or "")
        table.add_row(*names, strike, f"{row.expiry or ''}", f"{row.lot_size:f}", utc_minute(listed.valid_from))
    out(table if rows else "No such instrument: `fntx signals instruments --load FILE` keeps those of a master.")


def subscribe(
    code: Code,
    user: Annotated[str | None, typer.Argument(metavar="USER", help="The participant; or give --load.")] = None,
    qty: Annotated[
        Decimal | None, typer.Option(parser=amount_option, help="How much of each entry, in units of the instrument.")
    ] = None,
    fee_bps: Annotated[
        Decimal | None, typer.Option("--fee-bps", parser=amount_option, help="His fee of each side, in basis points.")
    ] = None,
    fee_fixed: Annotated[
        Decimal | None, typer.Option("--fee-fixed", parser=amount_option, help="His fixed fee of each side.")
    ] = None,
    max_notional: Annotated[
        Decimal | None,
        typer.Option("--max-notional", parser=amount_option, help="Leave out entries that are worth more for him."),
    ] = None,
    load: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The participants of a CSV: user_id, qty, fee_bps, fee_fixed, max_notional."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let a participant follow a strategy from now on, or all of a file; what is left out stays as he wished it last.

    Entries from now on count him in; an execution that is open does not change. A bad row of a file is named, and the
    good ones count (exit code 1).

    fntx signals subscribe NIFTY_OPTIONS ada --qty 75 --fee-bps 2
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.signals.following import load_subscriptions
    from fntx_dagster.services.signals.following import subscribe as subscribe_one

    wished = {"qty": qty, "fee_bps": fee_bps, "fee_fixed": fee_fixed, "max_notional": max_notional}
    if (user is None) == (load is None) or (load is not None and any(value is not None for value in wished.values())):
        raise typer.BadParameter("give a participant with what he wishes, or --load FILE alone")
    if load is not None:
        done = load_subscriptions(signals_desk(), code, load)
        words = f"{done.added} participants are new or changed; {done.known} were known."
        show_loaded(done, words, as_json=as_json)
        return
    assert user is not None  # one of the two was given
    given = {name: None if value is None else f"{value:f}" for name, value in wished.items()}
    wish = subscribe_one(signals_desk(), code, user, given)
    if as_json:
        print_json({"strategy_code": code, **wish._asdict()})
    else:
        out(f"{user} takes {wish.qty:f} of each entry of {code} from now on.")


def pause(code: Code, user: Participant, as_json: AsJson = False) -> None:
    """Let a participant follow a strategy no longer, from now on; what he holds of an open execution goes on to its
    exit. `fntx signals subscribe CODE USER` lets him follow again as before.

    fntx signals pause NIFTY_OPTIONS ada
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.signals.following import pause as pause_one

    pause_one(signals_desk(), code, user)
    if as_json:
        print_json({"strategy_code": code, "user_id": user})
    else:
        out(f"{user} takes no further entry of {code}.")


def subscriptions(
    code: Annotated[
        str | None, typer.Argument(metavar="[CODE]", help="The strategy; all where it is left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List who follows, with what he wishes, since when; those that ended too.

    fntx signals subscriptions NIFTY_OPTIONS
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.report.clock import utc_minute
    from fntx_dagster.services.signals.following import list_subscriptions

    _, db = settings_and_database()
    rows = list_subscriptions(db, code)
    if as_json:
        print_json(
            [
                {"strategy_code": row.strategy_code, **row.wish._asdict()}
                | {"valid_from": row.valid_from, "valid_to": row.valid_to}
                for row in rows
            ]
        )
        return
    table = new_table("strategy", "user", right=("qty", "fee bps", "fixed fee", "at most", "from", "to"))
    for row in rows:
        wish = row.wish
        most = "" if wish.max_notional is None else f"{wish.max_notional:f}"
        moments = (utc_minute(at) if at else "" for at in (row.valid_from, row.valid_to))
        figures = (f"{wish.qty:f}", f"{wish.fee_bps:f}", f"{wish.fee_fixed:f}", most)
        table.add_row(row.strategy_code, wish.user_id, *figures, *moments)
    out(table if rows else "Nobody follows: `fntx signals subscribe CODE USER --qty 1` lets somebody.")
