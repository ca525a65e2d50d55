"""`fntx demo --signals`: one message, one execution, fair shares, over HTTP with tokens.

First five users and one signal, in at 100 and out at 110. Then a hundred users: a block order that a ladder fills in
part, some who may not take part, the same message a hundred times at once, one who leaves early, an exit in parts. Time
is simulated. The demo has a home of its own, which it makes anew each time, and it ends the servers that it started.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from fntx_dagster.api.app import make_app
from fntx_dagster.api.serving import served
from fntx_dagster.cli.live_demo import home_of_its_own
from fntx_dagster.cli.terminal import GOOD, line, new_table, note, out, title
from fntx_dagster.client import Client
from fntx_dagster.errors import Permanent
from fntx_dagster.model.signal_answers import EntryAnswer, ExecutionData, ExitData
from fntx_dagster.report.money import cents, display
from fntx_dagster.services.database import open_database
from fntx_dagster.services.orders.access import make_token
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.orders.verifying import verify
from fntx_dagster.services.signals.checking_shares import check_share
from fntx_dagster.services.signals.following import StrategyChange, keep_strategy, subscribe
from fntx_dagster.services.signals.overview import count_rows
from fntx_dagster.services.signals.proving import prove, written_proof
from fntx_dagster.settings import Settings

_FOLDER = "demo-signals"
_IN, _OUT = datetime(2025, 12, 15, 9, 30, tzinfo=UTC), datetime(2025, 12, 15, 15, 20, tzinfo=UTC)
_FIVE, _HUNDRED = "STRATEGY_001", "STRATEGY_100"
_OPTION = {"exchange": "NFO", "index_name": "NIFTY", "DOE": "2025-12-23", "strike_price": "23500", "position": "CE"}
_LOT = 75
_TIMES = 100
_SHOWN = 8


class Provider:
    """A source of signals of one strategy: what it sends, and what time it is there."""

    def __init__(self, client: Client, strategy: str, unique_id: str, lot: int) -> None:
        self.client = client
        self._names = (strategy, unique_id)
        self._option = {**_OPTION, "symbol": "NIFTY23DEC23500CE", "lot_qty": lot}
        self._token = f"{45678 + lot}"

    def enter(self, at: datetime, **quote: Any) -> EntryAnswer:
        """Enter the signal: for all who follow."""
        self.client.now = at
        asked = (*self._names, "BUY_ENTRY", "23", self._token)
        return self.client.enter_signal(*asked, strike_data=self._option, quote=quote)

    def leave(self, at: datetime, users: list[str] | None = None, **quote: Any) -> ExitData:
        """Leave the signal: for all who hold, or for some."""
        self.client.now = at
        asked = (*self._names, "BUY_EXIT", "23", self._token)
        return self.client.exit_signal(*asked, user_ids=users, quote=quote)["data"]


def run_signals_demo(settings: Settings) -> None:
    """Run and show it. Permanent where the settings name a database of somebody's, or a figure is not what it is."""
    if settings.database.url:
        raise Permanent(
            "the demo is about made-up signals, and the settings name a database", "Unset FNTX_DATABASE_URL"
        )
    folder = settings.paths.home / _FOLDER
    with home_of_its_own(folder):
        own = Settings(home=folder, orders=settings.orders)
        note("Starting the embedded database …")
        db = open_database(own)
        desk = desk_of(own, db)
        with served(make_app(desk, simulated_time=True)) as url:
            token = make_token(db, "provider", "signal_source")
            _five(desk, Client(token, url))
            _prove(desk, folder, _hundred(desk, Client(token, url), token, url))
        books = verify(desk)
        _hold(not any(book.faults for book in books), "the ledger does not hold")
        entries = sum(book.entries for book in books)
        out(line(GOOD, f" The chains of {entries} entries hold, and a replay of them equals the tables."))
        out(f"All of it stays in a home of its own: `FNTX_HOME={shlex.quote(str(folder))} fntx signals executions`.")


def _five(desk: Desk, client: Client) -> None:
    title("Five users, one signal")
    users = [f"{number}" for number in range(1, 6)]
    _follow(desk, _FIVE, {user: {"qty": "1"} for user in users})
    provider = Provider(client, _FIVE, "unique_123", 1)
    entered = provider.enter(_IN, bid="99.95", ask="100")["data"]
    left = provider.leave(_OUT, bid="110", ask="110.05")
    out(
        f"In at {_two(entered['entry_price'])} at {_IN:%H:%M} for {entered['total_qty']}, out at "
        f"{_two(left['exit_price'])} at {_OUT:%H:%M} after {left['holding_time']} minutes ({left['exit_reason']})."
    )
    table = new_table("user", right=("qty", "in", "out", "P&L"))
    for share in left["trader_results"]:
        prices = (_two(share["entry_price"]), _two(share["exit_price"]))
        table.add_row(share["user_id"], share["qty"], *prices, _two(share["pnl"]))
    table.add_row("all", left["total_qty"], "", "", f"{_two(left['total_pnl'])} ({left['pnl_percent']} %)")
    out(table)
    rows = count_rows(desk.db, _FIVE)
    table = new_table("rows in the database", right=("a position, an order, a trade for each user", "here"))
    table.add_row("messages (log)", "2", f"{rows.signal_log}")
    table.add_row("executions", "5 orders", f"{rows.signal_executions}")
    table.add_row("allocations", "5 positions", f"{rows.user_signal_allocations}")
    table.add_row("trades", "5", f"{rows.trades}")
    out(table)
    figures = (left["total_pnl"], left["pnl_percent"], left["holding_time"], left["exit_reason"], left["status"])
    _hold(figures == ("50", "10", 350, "SIGNAL", "CLOSED"), "the signal came to other figures")
    _hold([share["pnl"] for share in left["trader_results"]] == ["10"] * 5, "the shares are others")
    _hold(rows == (2, 1, 5, 1), f"there are other rows: {rows}")


def _hundred(desk: Desk, client: Client, token: str, url: str) -> int:
    """The number of the execution."""
    title("A hundred users, filled in part, out in parts")
    wishes = dict(_wishes())
    _follow(desk, _HUNDRED, wishes)
    provider = Provider(client, _HUNDRED, "monday-1", _LOT)
    first = provider.enter(_IN, **_LADDER)
    data = first["data"]
    got, price = f"{data['total_qty']} of {data['requested_qty']}", _four(data["entry_price"])
    out(f"The block order got {got} at {price}: a share for {data['successful_entries']} of {data['total_traders']}.")
    refused = [share for share in data["trader_results"] if share["status"] == "FAILED"]
    for share in refused:
        wished = share["requested_qty"]
        out(f"  {share['user_id']} wished for {wished}: refused, {share['reason']}. Nobody's share moved.")
    answers = _at_once(token, url)
    _hold(all(answer == first for answer in answers), "the same message was answered in two ways")
    rows = count_rows(desk.db, _HUNDRED)
    out(f"The same message {_TIMES} times at once: {_TIMES} equal answers, {rows.signal_executions} execution.")
    _hold(rows[1:] == (1, 100, 0), f"there are other rows: {rows}")
    early = provider.leave(_IN + timedelta(minutes=30), ["user-003"], bid="101.35")
    out(f"user-003 left early, at {early['exit_price']}: the others hold what they held.")
    for left in (
        provider.leave(_IN + timedelta(minutes=200), bid="104.2", bid_size="3000"),
        provider.leave(_OUT, bid="110.15"),
    ):
        out(f"{left['exit_qty']} of {left['total_qty']} are closed, at {_four(left['exit_price'])} on average.")
    left = client.signal_execution(data["signal_execution_id"])["data"]
    _sums(left)
    return data["signal_execution_id"]


def _sums(left: ExecutionData) -> None:
    """Each share beside the others, and the sums beside the trade's. Raises Permanent where they differ."""
    shares = left["trader_results"]
    right = ("wished", "got", "in", "out", "P&L", "fees", "net", "")
    table = new_table("user", right=right)
    for share in shares[:_SHOWN]:
        fees = Decimal(share["entry_fee"]) + Decimal(share["exit_fee"])
        prices = (_four(share["entry_price"]), _four(share["exit_price"]))
        money = (_two(share["pnl"]), display(fees), _two(share["net_pnl"]))
        table.add_row(share["user_id"], share["requested_qty"], share["qty"], *prices, *money, share["reason"] or "")
    table.add_row(f"… {len(shares) - _SHOWN} more", *("" for _ in right))
    summed = [sum((Decimal(share[name]) for share in shares), Decimal(0)) for name in ("qty", "pnl", "net_pnl")]
    fees = sum((Decimal(share["entry_fee"]) + Decimal(share["exit_fee"]) for share in shares), Decimal(0))
    table.add_row("their sum", "", f"{summed[0]:f}", "", "", display(summed[1]), display(fees), display(summed[2]), "")
    prices = (_four(left["entry_price"]), _four(left["exit_price"]))
    money = (_two(left["total_pnl"]), _two(left["fees_total"]), _two(left["net_pnl"]))
    table.add_row("the trade", "", left["total_qty"], *prices, *money, "")
    out(table)
    stated = [Decimal(left["total_qty"]), Decimal(left["total_pnl"]), Decimal(left["net_pnl"])]
    _hold(summed == stated and fees == Decimal(left["fees_total"]), "the shares do not add up to the trade")
    _hold(summed[1] == cents(summed[1]), "a share is no whole number of cents")
    out(line(GOOD, " The shares add up to the trade: in units, and to the cent."))


def _prove(desk: Desk, folder: Path, number: int) -> None:
    """A participant's proof of his share, and its check. Raises Permanent where it does not hold, or one that was
    altered does."""
    user = "user-003"
    text = written_proof(prove(desk.db, number, user))
    file = folder / "share.json"
    file.write_text(text, encoding="utf-8")
    checked = check_share(text.encode())
    share = checked.share
    _hold(not checked.faults, "the proof of a share does not hold")
    altered = text.replace(f'"pnl": "{share["pnl"]}"', '"pnl": "1000000"')
    _hold(altered != text and bool(check_share(altered.encode()).faults), "an altered proof of a share holds")
    shown = f"{share['qty']} units and {_two(share['pnl'])}"
    out(line(GOOD, f" {user} proves his share, {shown}, and shows nobody else's:"))
    out(f"  `fntx verify {shlex.quote(str(file))}`")


_LADDER = {"bid": "99.95", "asks": [["100", "6000"], ["100.05", "4000"], ["100.1", "3025"]]}


def _wishes() -> Iterator[tuple[str, dict[str, str]]]:
    """What a hundred users wish: one to five lots each; every third pays fees. Two wish for what they cannot have."""
    for number in range(1, 101):
        wish = {"qty": f"{_LOT * (1 + number * 7 % 5)}"}
        if not number % 3:
            wish |= {"fee_bps": "2", "fee_fixed": "1.5"}
        if number == 4:
            wish["qty"] = "100"  # no multiple of the lot
        if number == 7:
            wish["max_notional"] = "5000"
        yield f"user-{number:03}", wish


def _follow(desk: Desk, code: str, wishes: dict[str, dict[str, str]]) -> None:
    """Let users follow a strategy, from before its first signal on."""
    before = replace(desk, clock=lambda: _IN - timedelta(days=1))
    keep_strategy(before, code, StrategyChange(currency="INR"))
    for user, wish in wishes.items():
        subscribe(before, code, user, wish)


def _at_once(token: str, url: str) -> list[EntryAnswer]:
    """The entry of the hundred, sent a hundred times by as many programs."""

    def send(_number: int) -> EntryAnswer:
        return Provider(Client(token, url), _HUNDRED, "monday-1", _LOT).enter(_IN, **_LADDER)

    with ThreadPoolExecutor(_TIMES) as pool:
        return list(pool.map(send, range(_TIMES)))


def _two(amount: str | None) -> str:
    return "" if amount is None else display(Decimal(amount))


def _four(price: str | None) -> str:
    return "" if price is None else f"{Decimal(price):.4f}"


def _hold(holds: bool, words: str) -> None:
    if not holds:
        raise Permanent(words, "Report it: this is a fault of the program")
