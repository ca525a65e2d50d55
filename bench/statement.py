"""A statement of 200,000 trades in 250 MB: parsed, loaded, and loaded again: `python bench/statement.py`.

The peer is ibflex, which parses the same file in a process of its own. Loading is held against our own parse; what
holds it is the server, shown by its COPY of the loaded rows, as text that is ready, into an empty table like theirs.
Every row carries the fields of a query that has all of them selected. Loaded again means as the broker delivers it the
next day: another file, generated later, with the same rows. Four times the sections take about four times as long.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from statistics import median

from measuring import Measurement, alone, home, peak, shown, timed

from fntx_dagster.adapters.flex.statements import FlexFile
from fntx_dagster.simulate.documents import TAIL, document, head, row, section, statement, write
from fntx_dagster.store.database import Database
from fntx_dagster.store.opening import open_database
from fntx_dagster.store.queries import one_value
from fntx_dagster.store.raw_flex.statements import load_file

TRADES = 200_000
ACCOUNT = "U3000001"
FIRST, LAST = date(2024, 1, 1), date(2024, 12, 31)
RUNS = 3
SECTIONS = 5_000


def measure(trades: int = TRADES, runs: int = RUNS) -> list[Measurement]:
    with home() as settings:
        file, again = settings.home / "statement.xml", settings.home / "again.xml"
        write_statement(file, "20250101;050000", trades)
        write_statement(again, "20250102;050000", trades)
        size = f"{file.stat().st_size / 1e6:.0f} MB, {trades:,} trades"
        ours = [alone(__file__, "parse", file) for _ in range(runs)]
        peers = [alone(__file__, "ibflex", file) for _ in range(1)]
        parse, peer = (median(run["seconds"] for run in runs_of) for runs_of in (ours, peers))
        memory, peer_memory = (max(run["memory"] for run in runs_of) for runs_of in (ours, peers))
        loads = [_loads(file, again) for _ in range(runs)]
        few, many = (_load_of_sections(settings.home / "sections.xml", number) for number in (SECTIONS, 4 * SECTIONS))
    load, reload, copy = (median(figures[number] for figures in loads) for number in (0, 1, 3))
    written = max(figures[2] for figures in loads)
    return [
        Measurement(f"parse {size}", f"{parse:.1f} s", f"ibflex {peer:.1f} s", f"{peer / parse:.1f}", "3 or more"),
        Measurement("  memory of that", f"{memory} MB", f"ibflex {peer_memory:,} MB", "", "250 MB at most"),
        Measurement("  into PostgreSQL", f"{load:.1f} s", f"parse {parse:.1f} s", f"{load / parse:.2f}", "1.5 at most"),
        Measurement(
            "  the server's copy of these rows", f"{copy:.1f} s", f"load {load:.1f} s", f"{copy / load:.2f}", ""
        ),
        Measurement(
            "  again, the next day's", f"{reload:.1f} s", f"load {load:.1f} s", f"{reload / load:.2f}", "1 at most"
        ),
        Measurement("  rows written by that", f"{written}", "", "", "0"),
        Measurement(
            f"load a file of {4 * SECTIONS:,} unknown sections",
            f"{many:.1f} s",
            f"of {SECTIONS:,} {few:.1f} s",
            f"{many / few:.1f}",
            "about 4: linear",
        ),
    ]


def write_statement(path: Path, generated: str, trades: int) -> None:
    """One statement over a year: options of each day, bought and sold some hundreds of times."""
    with path.open("w", encoding="utf-8") as file:
        file.write(f'{head(1)}\n<FlexStatement accountId="{ACCOUNT}" fromDate="{FIRST}" toDate="{LAST}"')
        file.write(f' period="" whenGenerated="{generated}">\n<Trades>\n')
        file.writelines(f"{row}\n" for row in _rows(trades))
        file.write(f"</Trades>\n</FlexStatement>\n{TAIL}\n")


_TRADE = """<Trade accountId="U3000001" acctAlias="" model="" currency="USD" fxRateToBase="7.8{rate}"
    assetCategory="OPT"
    symbol="SPY   {day:%y%m%d}{side}{strike:05}000" description="SPY {strike} {side}" conid="7{day:%m%d}{strike}{code}"
    securityID="" securityIDType="" cusip="" isin="" listingExchange="CBOE" underlyingConid="756733"
    underlyingSymbol="SPY" underlyingSecurityID="US78462F1030" underlyingListingExchange="ARCA" issuer=""
    multiplier="100" strike="{strike}" expiry="{day:%Y%m%d}" tradeID="72{number:08}" putCall="{side}"
    reportDate="{day:%Y%m%d}" principalAdjustFactor="" dateTime="{at:%Y%m%d;%H%M%S}" tradeDate="{day:%Y%m%d}"
    settleDateTarget="{day:%Y%m%d}" transactionType="ExchTrade" exchange="{exchange}" quantity="{quantity}"
    tradePrice="{price}" tradeMoney="{money}" proceeds="{proceeds}" taxes="0" ibCommission="{commission}"
    ibCommissionCurrency="USD" netCash="{net}" closePrice="{close}" openCloseIndicator="{opens}" notes="{notes}"
    cost="{cost}" fifoPnlRealized="{realised}" fxPnl="0" mtmPnl="{mtm}" origTradePrice="0" origTradeDate=""
    origTradeID="" origOrderID="0" buySell="{buys}" clearingFirmID="" ibOrderID="91{number:08}"
    transactionID="394{number:08}" ibExecID="0000e.{number:08x}.01.01" brokerageOrderID="002c.{number:08x}"
    orderReference="" volatilityOrderLink="" exchOrderId="N/A" orderTime="{at:%Y%m%d;%H%M%S}" openDateTime=""
    levelOfDetail="EXECUTION" changeInPrice="0" changeInQuantity="0" orderType="LMT" isAPIOrder="N" />""".replace(
    "\n   ", ""
)
"""Thirty of the fields hold nothing, as in what the broker delivers."""


def _rows(trades: int) -> Iterator[str]:
    random = Random(1)
    weekdays = [day for n in range((LAST - FIRST).days + 1) if (day := FIRST + timedelta(days=n)).weekday() < 5]
    for number in range(trades):
        day = weekdays[number * len(weekdays) // trades]
        quantity, cents = random.choice((-3, -2, -1, 1, 2, 3)), random.randint(1, 400)
        commission = Decimal(-abs(quantity) * random.randint(40_000, 112_000)).scaleb(-5)
        side = random.choice("PC")
        yield _TRADE.format(
            day=day,
            at=datetime(day.year, day.month, day.day, 9, 30) + timedelta(seconds=random.randrange(23_400)),
            number=number,
            side=side,
            code=ord(side),
            strike=random.randint(450, 620),
            rate=random.randint(1000, 4999),
            exchange=random.choice(("CBOE", "PHLX", "ISE", "AMEX")),
            quantity=quantity,
            price=Decimal(cents).scaleb(-2),
            money=quantity * cents,
            proceeds=-quantity * cents,
            commission=commission,
            net=commission - quantity * cents,
            cost=quantity * cents - commission,
            close=Decimal(random.randint(0, 400)).scaleb(-2),
            realised=Decimal(random.randint(-40_000, 40_000)).scaleb(-2),
            mtm=Decimal(random.randint(-40_000, 40_000)).scaleb(-2),
            opens="O" if quantity < 0 else "C",
            buys="SELL" if quantity < 0 else "BUY",
            notes=random.choice(("", "P", "IA")),
        )


def _loads(file: Path, again: Path) -> tuple[float, float, int, float]:
    """Seconds of the first load and of the second, in a fresh database, the rows that the second wrote, and the seconds
    that the server takes to copy them."""
    with home() as settings:
        database = open_database(settings)
        first = timed(lambda: load_file(database, file))
        before = _written(database)
        second = timed(lambda: load_file(database, again))
        written, rows = _written(database) - before, settings.home / "rows"
        copied = "copy raw_flex.trades TO stdout"
        with database.connect() as connection, connection.cursor().copy(copied) as copy, rows.open("wb") as target:
            target.writelines(copy)
        return first, second, written, timed(lambda: _copies(database, rows))


def _load_of_sections(path: Path, number: int) -> float:
    """Seconds that a first load takes of one day's statement with so many sections that the system does not know."""
    sections = (section(f"S{n}", row("R", a="1")) for n in range(number))
    write(path, document(statement(*sections)))
    with home() as settings:
        database = open_database(settings)
        return timed(lambda: load_file(database, path))


def _written(database: Database) -> int:
    """Rows inserted, updated or deleted in the table of trades and in the revisions since the server began."""
    query = """select sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint from pg_stat_user_tables
        where schemaname = 'raw_flex' and relname in ('trades', 'revisions')"""
    with database.connect() as connection:
        connection.execute("select pg_stat_force_next_flush()")
        return one_value(connection.execute(query))


def _copies(database: Database, file: Path) -> None:
    with database.connect() as connection:
        connection.execute("create table raw_flex.like_trades (like raw_flex.trades including all)")
        with connection.cursor().copy("copy raw_flex.like_trades from stdin") as copy, file.open("rb") as rows:
            while piece := rows.read(1 << 17):
                copy.write(piece)


def _parse(path: str) -> None:
    for _ in FlexFile(Path(path)):
        pass


def _ibflex(path: str) -> None:
    from ibflex import parser

    parser.parse(path)


if __name__ == "__main__":
    if sys.argv[1:]:
        how, path = sys.argv[1:]
        seconds = timed(lambda: {"parse": _parse, "ibflex": _ibflex}[how](path))
        sys.stdout.write(json.dumps({"seconds": seconds, "memory": peak()}))
    else:
        shown(measure())
