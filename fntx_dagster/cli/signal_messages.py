"""`fntx signals enter` and `exit`: the messages of a signal from a terminal, as the API takes them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.options import AsJson
from fntx_dagster.cli.plain import write_json
from fntx_dagster.cli.signal_following import amount_option, signals_desk

if TYPE_CHECKING:
    from fntx_dagster.services.orders.replies import Reply

SOURCE = "operator"
"""Whose the signals of a terminal are in the log."""

Message = Annotated[
    str | None, typer.Argument(metavar="[FILE]", help="The message as JSON, as the API takes it; - is standard input.")
]
Strategy = Annotated[str | None, typer.Option(metavar="CODE", help="The strategy's code.")]
UniqueId = Annotated[str | None, typer.Option("--id", metavar="UNIQUE_ID", help="The signal's unique id.")]
Underlying = Annotated[str | None, typer.Option(metavar="TOKEN", help="The token of the underlying.")]
Instrument = Annotated[str | None, typer.Option(metavar="TOKEN", help="The token of what is traded.")]
Bid = Annotated[Decimal | None, typer.Option(parser=amount_option, help="Paper: the best bid, for any quantity.")]
Ask = Annotated[Decimal | None, typer.Option(parser=amount_option, help="Paper: the best ask, for any quantity.")]


def enter(
    file: Message = None,
    strategy: Strategy = None,
    unique_id: UniqueId = None,
    signal: Annotated[str, typer.Option(help="BUY_ENTRY or SELL_ENTRY.")] = "BUY_ENTRY",
    token: Underlying = None,
    instrument: Instrument = None,
    bid: Bid = None,
    ask: Ask = None,
    stop_loss: Annotated[
        Decimal | None, typer.Option(parser=amount_option, help="The price that ends it at a loss.")
    ] = None,
    target: Annotated[Decimal | None, typer.Option(parser=amount_option, help="The price that ends it.")] = None,
    description: Annotated[str | None, typer.Option(help="Words that stay with it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Enter a signal for those who follow its strategy: one block order, shared among them. The same message again is
    answered with the same answer, and trades nothing.

    Exit code 1 where the message is refused; each fault is named.

    fntx signals enter --strategy NIFTY_OPTIONS --id monday-1 --token 26000 --instrument 45678 --ask 100

    A message with participants, ladders or a description of its instrument comes as a file: fntx signals enter FILE
    """
    from fntx_dagster.services.signals.receiving import enter_signal

    more = {"stop_loss": stop_loss, "target": target, "description": description}
    body = _message(file, (strategy, unique_id, token, instrument), signal, _quote(bid, ask), more)
    desk = signals_desk()
    _answer(lambda: enter_signal(desk, SOURCE, body, desk.clock()), as_json)


def leave(
    file: Message = None,
    strategy: Strategy = None,
    unique_id: UniqueId = None,
    signal: Annotated[str, typer.Option(help="BUY_EXIT or SELL_EXIT.")] = "BUY_EXIT",
    token: Underlying = None,
    instrument: Instrument = None,
    bid: Bid = None,
    ask: Ask = None,
    user: Annotated[
        list[str] | None, typer.Option(help="Who leaves; all where it is left out. May be repeated.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="MANUAL, SQUARE_OFF …; SIGNAL where it is left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Leave a signal, for all who hold or for those who are named. What the market does not take stays open, and the
    same message goes on with it.

    Exit code 1 where the message is refused; each fault is named.

    fntx signals exit --strategy NIFTY_OPTIONS --id monday-1 --token 26000 --instrument 45678 --bid 110
    """
    from fntx_dagster.services.signals.receiving import leave_signal

    more = {"user_ids": user or None, "exit_reason": reason}
    body = _message(file, (strategy, unique_id, token, instrument), signal, _quote(bid, ask), more)
    desk = signals_desk()
    _answer(lambda: leave_signal(desk, SOURCE, body, desk.clock()), as_json)


def _message(
    file: str | None,
    names: tuple[str | None, ...],
    signal: str,
    quote: Mapping[str, object] | None,
    more: Mapping[str, object],
) -> bytes:
    """The message of the file, or of the options."""
    given = {"quote": quote, **more}
    if file is not None:
        if any(value is not None for value in (*names, *given.values())):
            raise typer.BadParameter("give a file, or the options; not both")
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    if None in names:
        raise typer.BadParameter("give FILE, or --strategy, --id, --token and --instrument")
    named = zip(("strategy_code", "unique_id", "token", "strike_price_token"), names, strict=True)
    message = {**dict(named), "signal": signal, **{name: value for name, value in given.items() if value is not None}}
    return json.dumps(message, default=lambda amount: f"{amount:f}").encode()


def _quote(bid: Decimal | None, ask: Decimal | None) -> Mapping[str, object] | None:
    given = {name: price for name, price in (("bid", bid), ("ask", ask)) if price is not None}
    return given or None


def _answer(send: Callable[[], Reply], as_json: bool) -> None:
    """Send and show what came of it; a refusal names each fault, and ends with exit code 1."""
    from fntx_dagster.cli.terminal import error, out
    from fntx_dagster.services.orders.fields import Declined

    try:
        reply = send()
    except Declined as declined:
        for fault in declined.faults:
            error(
                f"{declined.code}: {fault.field}: {fault.message}"
                if fault.field
                else f"{declined.code}: {fault.message}"
            )
        raise typer.Exit(1) from None
    if as_json:
        write_json(f"{json.dumps(json.loads(reply.body), indent=2, ensure_ascii=False)}\n")
        return
    answer = json.loads(reply.body)
    again = " (answered before)" if reply.replayed else ""
    out(f"Execution {answer['data']['signal_execution_id']}: {answer['message']}{again}.")
