"""What an import of fills costs beside COPY of the rows that it writes, and a check of the chain that it makes.

`python bench/imports.py` measures these alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from statistics import median

import psycopg
from measuring import Measurement, clocked, home, shown, timed

from fntx_dagster.ledger.entries import stored_faults
from fntx_dagster.services.bookkeeping.batch import BookOwner
from fntx_dagster.services.bookkeeping.importing import import_fills
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.store.ledger import books, reading
from fntx_dagster.store.opening import open_database

FILLS, COPIED, TURNS = 1_000_000, 50_000, 3


def imported(desk: Desk, file: Path, fills: int = FILLS) -> list[Measurement]:
    now = desk.clock()
    with file.open("w", encoding="utf-8") as rows:
        rows.write("exchange,symbol,side,qty,price,timestamp,exchange_trade_id,fee\n")
        for number in range(fills):
            at = (now - timedelta(seconds=fills - number)).isoformat()
            rows.write(f"binance,BTC/USDT,{('buy', 'sell')[number % 2]},0.01,100,{at},trade{number},0.001\n")
    owner = BookOwner("importer", True, desk.currency)
    done, seconds = clocked(lambda: import_fills(desk, owner, file, lambda _done, _all: None))
    if done.added != fills:
        raise RuntimeError(f"fills were not imported: {done}")
    book = books.book_of(desk.db, "importer", True)
    assert book is not None
    number = min(fills, COPIED)
    with psycopg.connect(desk.db.url) as connection:
        rows = {table: _rows(connection, table, book, number) for table in _TABLES}
        rate = median(number / _copied(connection, rows) for _ in range(TURNS))
    wrong, checking = clocked(lambda: list(stored_faults(reading.stored_entries(desk.db, book))))
    if wrong:
        raise RuntimeError(f"the chain does not hold: {wrong[0].reason}")
    ours = fills / seconds
    return [
        Measurement(
            f"import a file of {fills:,} fills",
            f"{ours:,.0f} a second",
            f"COPY of their rows alone {rate:,.0f}",
            f"{ours / rate:.2f}",
            "0.5 or more",
        ),
        Measurement(
            f"check a chain of {fills:,} entries", f"{fills / checking:,.0f} a second", "", "", "50,000 or more"
        ),
    ]


_TABLES = {
    "entries": "entry_no, body, prev_hash, hash",
    "postings": "entry_no, leg, account, currency, amount",
    "fills": "entry_no, fill_id, bot_id, exchange, symbol, side, qty, price, fee, fee_currency, liquidity, executed_at,"
    " realized_pnl, exchange_trade_id",
}


def _rows(connection: psycopg.Connection, table: str, book: int, number: int) -> bytes:
    """The first rows of a book's table, without the number of the book, as COPY writes them."""
    columns = _TABLES[table].replace("fill_id", "gen_random_uuid()")
    wanted = f"copy (select {columns} from ledger.{table} where book_id = {book} and entry_no <= {number}) to stdout"
    with connection.cursor() as cursor, cursor.copy(wanted.encode()) as copy:
        return b"".join(bytes(part) for part in copy)


def _copied(connection: psycopg.Connection, rows: Mapping[str, bytes]) -> float:
    """Seconds that COPY of rows into a book of their own takes; they are taken back."""
    opened = "insert into ledger.books (user_id, is_paper, currency) values ('copied', true, 'USDT') returning book_id"
    row = connection.execute(opened).fetchone()
    assert row is not None
    seconds = 0.0
    for table, columns in _TABLES.items():
        whole = rows[table].replace(b"\n", b"\n%d\t" % row[0])
        whole = b"%d\t" % row[0] + whole[: whole.rindex(b"\n") + 1]

        def copy(table: str = table, columns: str = columns, whole: bytes = whole) -> None:
            into = f"copy ledger.{table} (book_id, {columns}) from stdin"
            with connection.cursor() as cursor, cursor.copy(into.encode()) as copying:
                copying.write(whole)

        seconds += timed(copy)
    connection.rollback()
    return seconds


if __name__ == "__main__":
    with home() as settings:
        shown(imported(Desk(open_database(settings)), settings.home / "fills.csv"))
