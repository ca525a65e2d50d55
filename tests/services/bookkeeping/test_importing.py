"""A file of fills into a book: all of it, once, whoever ends it on its way; and what is wrong with a row."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.services.bookkeeping import importing
from fntx_dagster.services.bookkeeping.batch import BookOwner
from fntx_dagster.services.bookkeeping.importing import Imported, import_fills
from fntx_dagster.services.orders import verifying
from fntx_dagster.services.orders.portfolio import profits, summary
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.orders.verifying import verify
from fntx_dagster.store.database import Database
from fntx_dagster.store.queries import own_sql

ADA = BookOwner("ada", True, "USDT")
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
FIELDS = ("exchange", "symbol", "side", "qty", "price", "timestamp", "exchange_trade_id", "bot_id", "fee")


def rows(number: int, seed: int = 1) -> list[dict[str, str]]:
    """Fills of three symbols and two bots, some seconds apart."""
    chosen, at, made = random.Random(seed), NOW - timedelta(days=2), []
    for trade in range(number):
        at += timedelta(seconds=chosen.randint(0, 100))
        values = (
            "binance",
            chosen.choice(["BTC/USDT", "ETH/USDT", "SOL/USDT"]),
            chosen.choice(["buy", "sell"]),
            f"{chosen.randint(1, 500) / 100}",
            f"{chosen.randint(9000, 11000) / 100}",
            at.isoformat(),
            f"t{trade}",
            chosen.choice(["a", "b"]),
            f"{chosen.randint(0, 50) / 1000}",
        )
        made.append(dict(zip(FIELDS, values, strict=True)))
    return made


def written(path: Path, fills: list[dict[str, Any]]) -> Path:
    """CSV, or JSONL by the file's name."""
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(fill) + "\n" for fill in fills), encoding="utf-8")
    else:
        lines = [",".join(FIELDS), *(",".join(fill.get(name, "") for name in FIELDS) for fill in fills)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def imported(desk: Desk, path: Path) -> Imported:
    return import_fills(desk, ADA, path, lambda done, whole: None)


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def test_an_import_makes_the_tables_that_a_replay_makes(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "AT_ONCE", 70)
    progress: list[tuple[int, int]] = []
    done = import_fills(desk, ADA, written(tmp_path / "fills.csv", rows(200)), lambda *at: progress.append(at))
    assert done == Imported(200, 0, 0, ())
    assert progress == [(70, 200), (140, 200), (200, 200)]
    [book] = verify(desk)
    assert (book.entries, book.faults) == (200, ())
    assert summary(desk, "ada", True, NOW)["total_fills"] == 200
    assert sum(day["trades"] for day in profits(desk, "ada", True, "daily", 10, NOW)["series"]) == 200


def test_an_import_that_was_ended_leaves_nothing_and_posts_each_fill_once_when_it_is_started_again(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "AT_ONCE", 70)
    path = written(tmp_path / "fills.jsonl", rows(200))

    def ends(done: int, whole: int) -> None:
        if done == 140:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_fills(desk, ADA, path, ends)
    assert verify(desk) == []
    assert imported(desk, path) == Imported(200, 0, 0, ())
    assert imported(desk, path) == Imported(0, 200, 0, ())
    assert [(book.entries, book.faults) for book in verify(desk)] == [(200, ())]


def test_a_file_goes_on_after_the_fills_that_the_book_has(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "AT_ONCE", 7)
    fills = rows(100)
    for fill in fills[40:46]:
        fill["timestamp"] = fills[40]["timestamp"]  # the last fill of the book and the first new one at one moment
    assert imported(desk, written(tmp_path / "fills.csv", fills[:43])).added == 43
    assert imported(desk, written(tmp_path / "fills.csv", fills)) == Imported(57, 43, 0, ())
    assert [(book.entries, book.faults) for book in verify(desk)] == [(100, ())]


def test_an_import_of_a_bad_row_far_down_leaves_the_book_as_it_was(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "AT_ONCE", 10)
    fills = rows(60)
    assert imported(desk, written(tmp_path / "fills.csv", fills[:20])).added == 20
    before = verify(desk)
    for bad, field in (
        ({"qty": "-1"}, "qty"),
        ({"exchange_trade_id": "t31", "symbol": fills[31]["symbol"]}, "exchange_trade_id"),
    ):
        done = imported(desk, written(tmp_path / "fills.csv", [*fills[:55], fills[55] | bad, *fills[56:]]))
        assert (done.added, [(fault.row, fault.field) for fault in done.faults]) == (0, [(56, field)])
    assert verify(desk) == before


def test_what_makers_are_paid_is_income_of_the_fees_currency(desk: Desk, tmp_path: Path) -> None:
    fills = [fill | {"symbol": "BTC/USDT", "liquidity": "maker", "fee": "-0.5"} for fill in rows(9)]
    for fill, currency in zip(fills, ("USDT", "BTC", "BNB") * 3, strict=True):
        fill["fee_currency"] = currency
    assert imported(desk, written(tmp_path / "fills.jsonl", fills)).added == 9
    [book] = verify(desk)
    assert book.faults == ()
    with desk.db.connect() as connection:
        sums = "select currency, sum(amount)::text from ledger.postings where account = 'fees' group by 1 order by 1"
        assert connection.execute(own_sql(sums)).fetchall() == [("BNB", "-1.5"), ("BTC", "-1.5"), ("USDT", "-1.5")]
        fees = "select currency, fees::text from ledger.balances order by 1"
        assert connection.execute(own_sql(fees)).fetchall() == [("BNB", "-1.5"), ("BTC", "-1.5"), ("USDT", "-1.5")]


@pytest.mark.parametrize("text", ["back\\slash", "\\N", "\\.", "tab\\t"])
def test_names_reach_the_database_as_the_file_has_them(desk: Desk, tmp_path: Path, text: str) -> None:
    fill = rows(1)[0] | {"exchange_trade_id": text, "bot_id": text, "exchange": text, "symbol": f"{text}/USDT"}
    assert imported(desk, written(tmp_path / "fills.csv", [fill])).added == 1
    assert [book.faults for book in verify(desk)] == [()]
    with desk.db.connect() as connection:
        names = connection.execute("select bot_id, exchange, symbol, exchange_trade_id from ledger.fills").fetchone()
    assert names == (text, text, f"{text}/USDT", text)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("qty", "1e3", "not a plain decimal"),
        ("qty", "0", "above 0"),
        ("price", None, "missing"),
        ("side", "hold", "buy or sell"),
        ("symbol", "BTCUSDT", "BASE/QUOTE"),
        ("symbol", "A/B/USD", "BASE/QUOTE"),
        ("symbol", "A:B/USD", "BASE/QUOTE"),
        ("exchange", "a:b", "no colon"),
        ("fee_currency", "", "capital letters"),
        ("fee_currency", "BNB\x00", "capital letters"),
        ("timestamp", "2026-03-01 10:00", "offset"),
        ("timestamp", "yesterday", "2026-03-02T09:30:00Z"),
        ("timestamp", "2026-02-01T00:00:00Z", "sort the file by time"),
        ("timestamp", "2999-02-01T00:00:00Z", "future"),
        ("fees", "1", "no such column"),
        ("fee", True, "no text or number"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_imported(
    desk: Desk, tmp_path: Path, field: str, value: str | None, words: str
) -> None:
    fills: list[dict[str, Any]] = [*rows(9)]
    fills[6][field] = value
    done = imported(desk, written(tmp_path / "fills.jsonl", fills))
    first = done.faults[0]
    assert (done.added, first.file, first.row, first.field) == (0, "fills.jsonl", 7, field)
    assert words in str(first)
    assert verify(desk) == []


def test_a_trade_that_comes_twice_in_a_file_is_named(desk: Desk, tmp_path: Path) -> None:
    fills = rows(9)
    [fault] = imported(desk, written(tmp_path / "fills.csv", [*fills, fills[-1]])).faults
    assert (fault.row, fault.field, fault.value) == (10, "exchange_trade_id", "t8")


def test_every_bad_row_is_counted(desk: Desk, tmp_path: Path) -> None:
    fills = [fill | ({"qty": "-1"} if number % 2 else {}) for number, fill in enumerate(rows(130))]
    done = imported(desk, written(tmp_path / "fills.csv", fills))
    assert (done.bad, len(done.faults)) == (65, 50)


def test_a_line_that_is_no_json_and_a_file_that_lacks_a_column_are_named(desk: Desk, tmp_path: Path) -> None:
    path = written(tmp_path / "fills.jsonl", rows(2))
    path.write_text(path.read_text(encoding="utf-8") + '{"exchange": \n[1]\n', encoding="utf-8")
    assert [(fault.row, fault.field) for fault in imported(desk, path).faults] == [(3, "the row"), (4, "the row")]
    path = tmp_path / "fills.csv"
    path.write_text("exchange,symbol\n", encoding="utf-8")
    with pytest.raises(Permanent, match="lacks the column side, qty"):
        imported(desk, path)
    with pytest.raises(Permanent, match=r"nothing\.csv cannot be read: No such file or directory\. Give"):
        imported(desk, tmp_path / "nothing.csv")


def test_a_trade_that_the_book_has_otherwise_and_one_before_its_last_are_refused(desk: Desk, tmp_path: Path) -> None:
    fills = rows(10)
    assert imported(desk, written(tmp_path / "fills.csv", fills[2:])).added == 8
    [fault] = imported(desk, written(tmp_path / "fills.csv", [*fills[2:5], fills[5] | {"price": "7"}])).faults
    assert (fault.row, fault.field, fault.value) == (4, "price", "7")
    [first, _] = imported(desk, written(tmp_path / "fills.csv", fills)).faults
    assert (first.row, first.field) == (1, "timestamp")
    assert [book.entries for book in verify(desk)] == [8]


def test_a_verification_says_how_far_it_is(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "_STEP", 3)
    imported(desk, written(tmp_path / "fills.csv", rows(7)))
    words: list[str] = []
    [book] = verify(desk, on_progress=words.append)
    assert book.holds
    of_book = f"book {book.book_id}:"
    assert words == [f"{of_book} {done} of 7 entries {what}" for what in ("checked", "replayed") for done in (3, 6)]
