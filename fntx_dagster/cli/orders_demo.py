"""`fntx demo --orders`: a bot sends orders through the four gates, over HTTP, until its breaker trips and is reset;
then to an exchange, whose answer is lost.

The API listens on loopback and the paper market is its own; time is simulated there, so that a trading day takes
seconds. The exchange of the live orders is on loopback too, and the settings name it as they would the real one. The
demo has a home of its own, which it makes anew each time, and it ends the servers that it started.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from rich.table import Table

from fntx_dagster.api.app import make_app
from fntx_dagster.api.serving import served
from fntx_dagster.cli.demo_bot import DemoBot
from fntx_dagster.cli.exchange_demo import demo_exchange, live_orders
from fntx_dagster.cli.live_demo import home_of_its_own
from fntx_dagster.cli.terminal import GOOD, line, note, out, title
from fntx_dagster.errors import Permanent
from fntx_dagster.model.answers import SubmitAnswer
from fntx_dagster.services.database import open_database
from fntx_dagster.services.orders.access import make_token
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.services.orders.verifying import verify
from fntx_dagster.settings import Settings

_FOLDER = "demo-orders"


def run_orders_demo(settings: Settings) -> None:
    """Run and show it. Permanent where the settings name a database of somebody's, or the ledger does not hold."""
    if settings.database.url:
        raise Permanent("the demo is about made-up orders, and the settings name a database", "Unset FNTX_DATABASE_URL")
    folder = settings.paths.home / _FOLDER
    with demo_exchange() as (server, exchanges), home_of_its_own(folder):
        own = Settings(home=folder, orders=settings.orders, exchanges=exchanges)
        note("Starting the embedded database …")
        db = open_database(own)
        desk = desk_of(own, db)
        with served(make_app(desk, simulated_time=True)) as url:
            trader = DemoBot(url, make_token(db, "ada", "trader"))
            _gates(trader)
            _trip_and_reset(trader)
            live_orders(trader, desk, server)
            _what_it_came_to(trader)
        books = verify(desk)
        if faults := [fault for book in books for fault in book.faults]:
            raise Permanent(f"the ledger does not hold: {faults[0]}", "Report it: this is a fault of the program")
        entries = sum(book.entries for book in books)
        out(line(GOOD, f" The chains of {entries} entries hold, and a replay of them equals the tables."))
        out(f"The books stay in a home of their own: `FNTX_HOME={shlex.quote(str(folder))} fntx ledger verify`.")


def _gates(bot: DemoBot) -> None:
    title("Four gates")
    bot.paper.fund("10000", description="to begin with")
    table = _orders()
    _add(table, "a market order", bot.order("100"))
    _add(table, "the same key again", _twice(bot))
    _add(table, "without an edge", bot.order("100", expected_edge_bps=None))
    _add(table, "an edge that costs eat", bot.order("100", expected_edge_bps="40"))
    for _ in range(10):
        bot.order("100", later=0.5, amount="0.01")
    _add(table, "one more within ten seconds", bot.order("100", later=0.5, amount="0.01"))
    out(table)


def _twice(bot: DemoBot) -> SubmitAnswer:
    first = bot.order("100", amount="0.1", idempotency_key="monday-1")
    again = bot.order("100", later=0, amount="0.1", idempotency_key="monday-1")
    if again != first:
        raise Permanent("a key was answered twice with different answers", "Report it: this is a fault of the program")
    return again


def _trip_and_reset(bot: DemoBot) -> None:
    title("A trip, an exit, a reset")
    table = _orders()
    scalper: dict[str, Any] = {"bot_id": "scalper"}
    bot.order("20", symbol="ETH/USDT", **scalper)
    for _ in range(5):
        bot.order("100", **scalper)
        bot.order("99", side="sell", **scalper)
    _add(table, "after five losses", bot.order("99", **scalper))
    out_of_it: dict[str, Any] = {"symbol": "ETH/USDT", "side": "sell", "reduce_only": True, "expected_edge_bps": None}
    _add(table, "an exit", bot.order("20", **out_of_it, **scalper))
    tripped = bot.paper.breaker("scalper")
    bot.paper.reset("the signal was inverted, and is mended", **scalper)
    _add(table, "after the reset", bot.order("99", **scalper))
    out(table)
    figures = _pairs(tripped["metrics_at_trip"] or {})
    out(f"The breaker tripped: {tripped['trigger_reason']}. Its figures were {figures}.")


def _what_it_came_to(bot: DemoBot) -> None:
    title("The ledger")
    summary: Mapping[str, object] = {**bot.paper.portfolio()}
    names = ("starting_capital", "realized_pnl", "unrealized_pnl", "fees_total", "equity")
    out(_pairs({name: summary[name] for name in names}))
    table = Table("entry", "time (UTC)", "what", "hash")
    for entry in reversed(bot.paper.audit_trail(6)["audit_trail"]):
        what = f"{entry['event_type']}"
        if entry["type"] == "fill":
            what = f"fill: {entry['side']} {entry['qty']} {entry['symbol']} at {entry['price']}"
        table.add_row(f"{entry['entry_no']}", f"{entry['timestamp']}", what, f"{entry['hash']:.16}…")
    out(table)


def _orders() -> Table:
    return Table("order", "answer", "reason")


def _add(table: Table, what: str, answer: SubmitAnswer) -> None:
    gate = f", {answer['gate_failed']}" if answer["gate_failed"] else ""
    table.add_row(what, f"{answer['state']}{gate}", answer["rejection_reason"] or "")


def _pairs(figures: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in figures.items())
