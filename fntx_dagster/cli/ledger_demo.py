"""`fntx demo --ledger`: two bots trade a paper book for thirty simulated days, weekends included, over HTTP; then each
day is closed, explained, signed and posted, and a stranger verifies one of them.

The demo has a home of its own, which it makes anew each time, and it ends the servers that it started.
"""

from __future__ import annotations

import json
import random
import shlex
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from fntx_dagster.api.app import make_app
from fntx_dagster.api.serving import served
from fntx_dagster.cli.demo_bot import DemoBot
from fntx_dagster.cli.live_demo import home_of_its_own
from fntx_dagster.cli.tables import summary_tables
from fntx_dagster.cli.terminal import GOOD, line, narrative, note, out, title
from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period
from fntx_dagster.report import clock
from fntx_dagster.services.chain import serve
from fntx_dagster.services.database import Database, open_database
from fntx_dagster.services.ledger_accounts.accounts import account_id_of
from fntx_dagster.services.ledger_accounts.closing import close_days
from fntx_dagster.services.ledger_accounts.explaining import explain_days, prove_days
from fntx_dagster.services.ledger_accounts.following import follows
from fntx_dagster.services.ledger_accounts.statements import statement_of_day
from fntx_dagster.services.orders.access import make_token
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.services.orders.overview import export_entries
from fntx_dagster.services.performance import summary_days
from fntx_dagster.services.reporting import report
from fntx_dagster.services.sharing.making import TERMINAL, make_file
from fntx_dagster.services.signatures.verifying import verify_record
from fntx_dagster.settings import Settings

FIRST, LAST = date(2026, 2, 20), date(2026, 3, 21)
DAYS = Period(FIRST, LAST)
QUIET = (date(2026, 3, 1), date(2026, 3, 14))
"""A Sunday and a Saturday on which nobody trades."""
SHOWN = date(2026, 3, 8)
USER = "ada"
DISCLOSED = ("net_pnl", "base_currency", "statements_digest", "ledger_entries", "ledger_head")

_FOLDER = "demo-ledger"
_VERIFIER = Path(__file__).parents[2] / "verify" / "verify.py"


def run_ledger_demo(settings: Settings) -> None:
    """Run and show it. Permanent where the settings name a database or a chain of somebody's, or a step fails."""
    if settings.database.url or settings.chain.rpc_url:
        raise Permanent(
            "the demo signs made-up days, and the settings name a database or a chain",
            "Unset FNTX_DATABASE_URL and FNTX_RPC_URL",
        )
    folder = settings.paths.home / _FOLDER
    with home_of_its_own(folder):
        own = Settings(home=folder, orders=settings.orders)
        note("Starting the embedded database …")
        db = open_database(own)
        title(f"Thirty days of a paper book: {FIRST} to {LAST}")
        with served(make_app(desk_of(own, db), simulated_time=True)) as url:
            orders = trade_thirty_days(DemoBot(url, make_token(db, USER, "trader")))
        out(f"Two bots sent {orders} orders over HTTP, on weekdays and weekends.")
        close_and_show(own, db)
        prove(own, db)


def trade_thirty_days(bot: DemoBot) -> int:
    """Purchases, sales and short sales of two bots on every day but the quiet ones; money that comes and goes. Returns
    the number of orders. Raises Permanent where one is refused."""
    chance, prices, orders = random.Random(20), {"BTC/USDT": Decimal(60000), "ETH/USDT": Decimal(2500)}, 0
    bot.now = datetime.combine(FIRST, datetime.min.time(), UTC) + timedelta(hours=7, minutes=30)
    bot.paper.fund("20000", description="to begin with")
    for day in (FIRST + timedelta(days=number) for number in range(30)):
        bot.now = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=8)
        for _ in range(0 if day in QUIET else 3):
            symbol = chance.choice([*prices])
            moved = prices[symbol] * chance.randint(9850, 10160) / 10000
            prices[symbol] = moved.quantize(Decimal("0.01"))
            size = chance.randint(1, 15) / (1000 if symbol == "BTC/USDT" else 25)
            deal = {"symbol": symbol, "side": chance.choice(["buy", "sell"]), "amount": f"{size:.4f}"}
            later = chance.randint(1200, 18000) + chance.randint(0, 9) / 10**6
            answer = bot.order(f"{prices[symbol]}", later, bot_id=chance.choice(["trend", "grid"]), **deal)
            if not answer["success"]:
                raise Permanent(f"an order was refused: {answer['rejection_reason']}")
            orders += 1
        if day == SHOWN:
            bot.paper.fund("250.125", type="withdrawal", description="rent")
        if day == date(2026, 3, 11):
            bot.paper.fund("500")
    return orders


def close_and_show(settings: Settings, db: Database) -> None:
    """Close the days, sign and post them, and show what they came to. Raises Permanent where a day is not closed,
    verified or posted."""
    title("Each day closed, explained, signed and posted")
    refused = [closed.refused for closed in close_days(settings, db, LAST) if closed.refused]
    explained = explain_days(settings, db, DAYS, note)
    proved = prove_days(settings, db, DAYS, note)
    if refused or explained.failed or proved.refused:
        raise Permanent(
            "; ".join(map(str, [*refused, *explained.failed, *proved.refused])), "Report it: this is a fault of FNTX"
        )
    account = account_id_of(USER, True)
    out(*summary_tables(summary_days(settings, db, DAYS, account)))
    title(f"Why the account moved: Sunday, {SHOWN}")
    narrative(report(settings, db, Period.on(SHOWN), clock.HONG_KONG, account))


def prove(settings: Settings, db: Database) -> None:
    """Verify a Sunday: the database, the record and the chain; then what a stranger has: a disclosure and the chain, a
    statement and the entries. Raises Permanent where something does not hold."""
    title(f"The signed day: Sunday, {SHOWN}")
    account, folder = account_id_of(USER, True), settings.paths.home
    verdict = verify_record(settings, db, account, SHOWN)
    if not verdict.holds:
        raise Permanent(f"{SHOWN} does not verify: {'; '.join(verdict.problems)}", "Report it: this is a fault of FNTX")
    out(line(GOOD, " verified: the database, the signed record and the chain agree"))
    disclosure, statement, entries = (folder / name for name in ("disclosure.json", "statement.xml", "entries.jsonl"))
    disclosure.write_text(make_file(settings, db, account, SHOWN, DISCLOSED, by=TERMINAL), encoding="utf-8")
    statement.write_text(statement_of_day(db, USER, True, SHOWN), encoding="utf-8")
    exported = (json.dumps(entry, sort_keys=True) + "\n" for entry in export_entries(db, USER, True))
    entries.write_text("".join(exported), encoding="utf-8")
    if _VERIFIER.exists():  # a checkout: what a stranger runs
        with serve(settings, 0) as chain:
            command = [sys.executable, "-I", str(_VERIFIER), str(disclosure), "--rpc", chain.url]
            said = subprocess.run(command, capture_output=True, text=True)
        out(*said.stdout.rstrip().splitlines())
        if said.returncode:
            raise Permanent(f"verify.py ends with {said.returncode}: {said.stderr}")
    followed = follows(statement, entries)
    if followed.problems:
        raise Permanent(followed.problems[0], "Report it: this is a fault of FNTX")
    out(line(GOOD, f" the day's statement follows from the {followed.head.entry_no} entries up to that head"))
    out(
        f"The books, reports and files stay in a home of their own: `FNTX_HOME={shlex.quote(str(folder))} fntx status`."
    )
