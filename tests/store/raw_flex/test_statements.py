from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import threading
import zipfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from itertools import permutations
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fntx_dagster.adapters.flex.formats import DayOrder
from fntx_dagster.adapters.flex.statements import FlexFile, Row
from fntx_dagster.errors import Permanent
from fntx_dagster.simulate.documents import document, row, section, statement, write
from fntx_dagster.store.database import Database
from fntx_dagster.store.raw_flex.copying import Copying
from fntx_dagster.store.raw_flex.direct_copy import AlreadyThere, DirectCopy
from fntx_dagster.store.raw_flex.merging import Merge
from fntx_dagster.store.raw_flex.overview import loaded_overview
from fntx_dagster.store.raw_flex.statements import Counts, iter_loads, load_file, load_paths

SAMPLES = Path(__file__).parents[3] / "fntx_dagster" / "samples"
EARLY, LATE, LATER = "20250720;050000 EDT", "20250721;050000 EDT", "20250722;050000 EDT"


def query(database: Database, text: str, *values: Any) -> list[tuple[Any, ...]]:
    with database.connect() as connection:
        return connection.execute(text, values).fetchall()


def trades(*rows: str) -> str:
    return section("Trades", *rows)


def trade(number: int | str, **attributes: str) -> str:
    return row("Trade", transactionID=str(number), **attributes)


class Loader:
    """Writes documents and loads them into one database."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder

    def __call__(self, *statements: str) -> dict[str, Counts]:
        number = len(list(self.folder.iterdir()))
        return load_file(self.database, write(self.folder / f"{number}.xml", document(*statements))).sections

    def live(self, table: str = "trades") -> set[str]:
        return {
            key for (key,) in query(self.database, f"SELECT row_key FROM raw_flex.{table} WHERE withdrawn_at IS NULL")
        }


@pytest.fixture
def load(database: Database, tmp_path: Path) -> Loader:
    folder = tmp_path / "files"
    folder.mkdir()
    return Loader(database, folder)


def test_the_samples_load_and_loading_them_again_changes_nothing(database: Database) -> None:
    first = load_paths(database, [SAMPLES])
    assert [load.status for load in first] == ["loaded"] * 6
    assert sum((load.total for load in first), Counts()) == Counts(inserted=321)
    tables = (
        "files statements coverage trades option_eae cash_transactions change_in_nav equity_summary interest_accruals "
        "open_positions"
    )
    before = {table: query(database, f"SELECT * FROM raw_flex.{table} ORDER BY 1, 2, 3") for table in tables.split()}
    again = load_paths(database, [SAMPLES])
    assert [load.status for load in again] == ["unchanged"] * 6
    assert sum((load.total for load in again), Counts()) == Counts(unchanged=321)
    assert [(load.accounts, load.first_day, load.sections.keys()) for load in again] == [
        (load.accounts, load.first_day, load.sections.keys()) for load in first
    ]
    for table, rows in before.items():
        assert query(database, f"SELECT * FROM raw_flex.{table} ORDER BY 1, 2, 3") == rows


def test_the_planner_knows_of_the_rows_as_soon_as_they_are_loaded(database: Database, load: Loader) -> None:
    """The marts are built next, sooner than autovacuum comes."""
    counted = "SELECT reltuples FROM pg_class WHERE oid = 'raw_flex.trades'::regclass"
    load(statement(trades(*map(trade, range(3))), generated=EARLY))
    assert query(database, counted) == [(3,)]
    load(statement(trades(*map(trade, range(1, 1200))), generated=LATE))
    assert query(database, counted) == [(1200,)]


def test_typed_columns_hold_what_was_delivered(database: Database) -> None:
    load_paths(database, [SAMPLES])
    (trade_row,) = query(
        database,
        """SELECT quantity::text, trade_price::text, date_time AT TIME ZONE 'America/New_York', attributes->>'exchange'
           FROM raw_flex.trades WHERE row_key = '3940000007' AND row_kind = 'Trade'""",
    )
    assert (trade_row[0], trade_row[1], trade_row[2].isoformat(), trade_row[3]) == (
        "-1",
        "0.18",
        "2025-07-01T12:14:17",
        "CBOE",
    )


def test_a_correction_updates_the_row_and_keeps_what_it_replaced(load: Loader) -> None:
    load(statement(trades(trade(1, quantity="1"), trade(2, quantity="5")), generated=EARLY))
    assert load(statement(trades(trade(1, quantity="3"), trade(2, quantity="5")), generated=LATE)) == {
        "trades": Counts(updated=1, unchanged=1)
    }
    assert query(load.database, "SELECT quantity FROM raw_flex.trades ORDER BY row_key") == [(3,), (5,)]
    (kept,) = query(
        load.database,
        """SELECT revision.section, revision.row_key, revision.attributes->>'quantity', old.ordinal,
               new.when_generated > old.when_generated
           FROM raw_flex.revisions AS revision
           JOIN raw_flex.statements AS old USING (statement_id)
           JOIN raw_flex.statements AS new ON new.statement_id = replaced_by_statement_id""",
    )
    assert kept == ("trades", "1", "1", 0, True)


def test_a_row_that_a_newer_statement_lacks_is_withdrawn_and_comes_back(load: Loader) -> None:
    load(statement(trades(trade(1), trade(2)), generated=EARLY))
    assert load(statement(trades(trade(1)), generated=LATE)) == {"trades": Counts(withdrawn=1, unchanged=1)}
    assert load.live() == {"1"}
    assert load(statement(trades(trade(1), trade(2)), generated=LATER)) == {"trades": Counts(updated=1, unchanged=1)}
    assert load.live() == {"1", "2"}
    assert query(load.database, "SELECT count(*) FROM raw_flex.revisions") == [(0,)]


def test_an_empty_section_withdraws_and_a_missing_one_does_not(load: Loader) -> None:
    load(statement(trades(trade(1)), section("CashTransactions", row("CashTransaction", amount="1")), generated=EARLY))
    assert load(statement(trades(), generated=LATE)) == {"trades": Counts(withdrawn=1)}
    assert load.live() == set()
    assert len(load.live("cash_transactions")) == 1


def test_an_older_statement_after_a_newer_one_changes_nothing(load: Loader) -> None:
    load(statement(trades(trade(1, quantity="3")), generated=LATE))
    older = statement(trades(trade(1, quantity="1"), trade(2)), generated=EARLY)
    assert load(older) == {"trades": Counts(superseded=2)}
    assert query(load.database, "SELECT row_key, quantity FROM raw_flex.trades") == [("1", 3)]


def test_an_older_statement_still_covers_the_days_that_no_newer_one_does(load: Loader) -> None:
    load(statement(trades(trade(2, reportDate="20250718")), first="20250718", generated=LATE))
    month = trades(trade(1, reportDate="20250717"), trade(3, reportDate="20250718"))
    counts = load(statement(month, first="20250701", last="20250731", generated=EARLY))
    assert counts == {"trades": Counts(inserted=1, superseded=1)}
    assert load.live() == {"1", "2"}


def test_of_two_statements_generated_at_the_same_moment_the_one_loaded_last_takes_precedence(load: Loader) -> None:
    load(statement(trades(trade(1)), generated=LATE))
    assert load(statement(trades(trade(2)), generated=LATE)) == {"trades": Counts(inserted=1, withdrawn=1)}


def test_a_file_seen_before_is_no_later_load(load: Loader, tmp_path: Path) -> None:
    file = write(tmp_path / "one.xml", document(statement(trades(trade(1)), generated=LATE)))
    load_file(load.database, file)
    load(statement(trades(trade(2)), generated=LATE))
    assert load_file(load.database, file).status == "unchanged"
    assert load.live() == {"2"}


def test_an_assignment_that_moves_to_another_day_is_one_row(load: Loader) -> None:
    eae = section("OptionEAE", row("OptionEAE", date="20250717", tradeID="5", quantity="1"))
    load(statement(eae, first="20250701", last="20250731", generated=EARLY))
    load(statement(eae, first="20250718", generated=LATE))
    assert query(load.database, "SELECT row_date, withdrawn_at FROM raw_flex.option_eae") == [(date(2025, 7, 18), None)]
    load(statement(section("OptionEAE"), first="20250717", generated=LATER))
    assert len(load.live("option_eae")) == 1


def test_identical_rows_without_an_id_are_both_kept(load: Loader) -> None:
    fee = row("CashTransaction", amount="-1", type="Other Fees", transactionID="")
    load(statement(section("CashTransactions", fee, fee), generated=EARLY))
    assert len(load.live("cash_transactions")) == 2
    assert load(statement(section("CashTransactions", fee), generated=LATE)) == {
        "cash_transactions": Counts(withdrawn=1, unchanged=1)
    }


def test_an_id_that_comes_twice_with_different_content_is_two_rows(load: Loader) -> None:
    legs = [row("CorporateAction", transactionID="7", quantity=quantity) for quantity in ("1", "-1")]
    twice = section("CorporateActions", *legs)
    load(statement(twice, generated=EARLY))
    assert len(load.live("corporate_actions")) == 2
    assert load(statement(twice, generated=LATE))["corporate_actions"] == Counts(unchanged=2)


def test_a_trade_that_comes_twice_in_one_statement_is_one_row(load: Loader) -> None:
    assert load(statement(trades(trade(1), trade(1)))) == {"trades": Counts(inserted=1, superseded=1)}
    assert load.live() == {"1"}


def test_an_account_and_day_that_comes_twice_in_a_file_is_covered_by_the_newer_statement(load: Loader) -> None:
    newer = statement(trades(trade(1, quantity="2")), generated=LATE)
    older = statement(trades(trade(1, quantity="1"), trade(9)), generated=EARLY)
    assert load(newer, older) == {"trades": Counts(inserted=1, superseded=2)}
    assert query(load.database, "SELECT row_key, quantity FROM raw_flex.trades") == [("1", 2)]


def test_two_accounts_in_one_file_are_kept_apart(load: Loader) -> None:
    load(statement(trades(trade(1))), statement(trades(trade(1)), account="U2000002"))
    assert query(load.database, "SELECT account_id FROM raw_flex.trades ORDER BY 1") == [("U1000001",), ("U2000002",)]
    load(statement(trades(), account="U2000002", generated=LATE))
    assert query(load.database, "SELECT account_id FROM raw_flex.trades WHERE withdrawn_at IS NULL") == [("U1000001",)]


def test_a_consolidated_statement_covers_the_accounts_of_its_rows(load: Loader) -> None:
    both = trades(trade(1, accountId="U2"), trade(2, accountId="U3"))
    load(statement(both, account="F1", generated=EARLY))
    load(statement(trades(trade(3, accountId="U2")), account="F1", generated=LATE))
    assert load.live() == {"2", "3"}


def test_base_summary_rows_are_kept_beside_those_per_currency(load: Loader) -> None:
    rows = [row("CashReportCurrency", currency=c, endingCash="1,000.5") for c in ("BASE_SUMMARY", "USD")]
    load(statement(section("CashReport", *rows)))
    balances = query(load.database, "SELECT currency, ending_cash::text FROM raw_flex.cash_report ORDER BY 1")
    assert balances == [("BASE_SUMMARY", "1000.5"), ("USD", "1000.5")]


def test_unknown_sections_are_kept_and_withdrawn_like_the_known(load: Loader) -> None:
    lots, moons = section("FxLots", row("FxLot", a="1")), section("Moons", row("Moon", a="1"))
    path = write(
        load.folder / "unknown.xml", document(statement(lots, moons, trades(trade(1, moon="x")), generated=EARLY))
    )
    loaded = load_file(load.database, path)
    assert loaded.unknown_sections == ("FxLots", "Moons")
    assert loaded.unknown_attributes == {"trades": ("moon",)}
    assert loaded.sections["FxLots"] == loaded.sections["Moons"] == Counts(inserted=1)
    assert load(statement(section("FxLots"), generated=LATE)) == {"FxLots": Counts(withdrawn=1)}
    live = "SELECT section, row_kind, attributes FROM raw_flex.other_sections WHERE withdrawn_at IS NULL"
    assert query(load.database, live) == [("Moons", "Moon", {"a": "1"})]


def test_awkward_text_arrives_as_delivered(load: Loader) -> None:
    text = 'a\\b "c" \u2028 <&> \\N é 日本'
    load(statement(trades(trade(1, description=text, notes="\\N"))))
    assert query(load.database, "SELECT description, notes, attributes->>'description' FROM raw_flex.trades") == [
        (text, "\\N", text)
    ]


def test_a_bad_file_is_reported_and_the_good_beside_it_load(database: Database, tmp_path: Path) -> None:
    good = document(statement(trades(trade(1))))
    write(tmp_path / "a.xml", good)
    write(tmp_path / "b.xml", good.replace("20250717", "nonsense"))
    (tmp_path / "deeper").mkdir()
    write(tmp_path / "deeper" / "c.xml", document(statement(trades(trade(2)), first="20250718")))
    write(tmp_path / "notes.txt", "not a statement")
    loads = load_paths(database, [tmp_path, tmp_path / "absent.xml"])
    assert [(load.file_name, load.status) for load in loads] == [
        ("a.xml", "loaded"),
        ("b.xml", "failed"),
        ("c.xml", "loaded"),
        ("absent.xml", "failed"),
    ]
    assert "b.xml, line 3: FlexStatement has fromDate='nonsense'" in (loads[1].error or "")
    assert query(database, "SELECT count(*) FROM raw_flex.files") == [(2,)]


def test_a_statement_is_the_same_packed_and_unpacked(database: Database, tmp_path: Path) -> None:
    plain = write(tmp_path / "a.xml", document(statement(trades(trade(1)))))
    packed = tmp_path / "b.xml.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.write(plain, "2025/a.xml")
    assert [load.status for load in load_paths(database, [packed, tmp_path])] == ["loaded", *["unchanged"] * 3]
    assert query(database, "SELECT count(*) FROM raw_flex.files") == [(1,)]


@pytest.mark.parametrize("covered", [False, True])
def test_us_dates_load_as_what_they_are_or_not_at_all(database: Database, tmp_path: Path, covered: bool) -> None:
    if covered:  # so that the file is compared, and read twice
        early = statement(trades(trade(9)), first="20250701", last="20250731", generated="20250701;050000 EDT")
        load_file(database, write(tmp_path / "early.xml", document(early)))
    us = trades(trade(1, reportDate="07/08/2025", dateTime="07/08/2025;120000", expiry="07/09/2025"))
    path = write(tmp_path / "us-dates.xml", document(statement(us, first="07/08/2025", generated="")))
    with pytest.raises(Permanent, match="7 August 2025 or 8 July 2025"):
        load_file(database, path)
    read = "SELECT row_date, expiry, date_time::date FROM raw_flex.trades WHERE row_key = '1'"
    assert query(database, read) == []
    load_file(database, path, DayOrder.MONTH_FIRST)
    assert query(database, read) == [(date(2025, 7, 8), date(2025, 7, 9), date(2025, 7, 8))]


@pytest.mark.parametrize("covered", [False, True])
def test_dates_with_slashes_in_rows_alone_are_read_as_set_in_an_empty_and_in_a_filled_store(
    database: Database, tmp_path: Path, covered: bool
) -> None:
    """The first reading of a file that is compared needs the rows' days alone, which here have no slashes."""
    if covered:
        early = statement(trades(trade(9)), first="20250701", last="20250731", generated="20250701;050000 EDT")
        load_file(database, write(tmp_path / "early.xml", document(early)))
    rows = trades(trade(1, reportDate="2025-07-08", expiry="07/08/2026"))
    path = write(tmp_path / "us-dates.xml", document(statement(rows, first="20250708", generated="")))
    with pytest.raises(Permanent, match="7 August 2026 or 8 July 2026"):
        load_file(database, path)
    assert load_file(database, path, DayOrder.MONTH_FIRST).total.inserted == 1
    read = "SELECT row_date, expiry FROM raw_flex.trades WHERE row_key = '1'"
    assert query(database, read) == [(date(2025, 7, 8), date(2026, 7, 8))]


def test_a_file_that_fails_late_leaves_nothing(database: Database, tmp_path: Path) -> None:
    rows = [trade(number) for number in range(6000)]
    path = write(tmp_path / "late.xml", document(statement(trades(*rows, trade(1, quantity="x")))))
    with pytest.raises(Permanent, match="quantity='x'"):
        load_file(database, path)
    for table in ("files", "statements", "coverage", "trades"):
        assert query(database, f"SELECT count(*) FROM raw_flex.{table}") == [(0,)]


def test_a_file_whose_name_is_no_text_loads(database: Database, tmp_path: Path) -> None:
    path = write(tmp_path / os.fsdecode(b"caf\xe9.xml"), document(statement(trades(trade(1)))))
    assert load_file(database, path).status == "loaded"


def test_loads_are_reported_one_by_one(database: Database, tmp_path: Path) -> None:
    for day in ("20250717", "20250718"):
        write(tmp_path / f"{day}.xml", document(statement(trades(), first=day)))
    loads = iter_loads(database, [tmp_path])
    assert next(loads).file_name == "20250717.xml"
    assert query(database, "SELECT count(*) FROM raw_flex.files") == [(1,)]


def test_a_file_loaded_by_several_at_once_is_loaded_once(database: Database, tmp_path: Path) -> None:
    path = write(tmp_path / "a.xml", document(statement(trades(*[trade(number) for number in range(500)]))))
    with ThreadPoolExecutor(4) as pool:
        loads = list(pool.map(lambda _: load_file(database, path), range(4)))
    assert sorted(load.status for load in loads) == ["loaded", "unchanged", "unchanged", "unchanged"]
    assert query(database, "SELECT count(*) FROM raw_flex.trades") == [(500,)]


def test_loads_of_different_accounts_do_not_wait_for_each_other(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written(account: str, name: str, generated: str) -> Path:
        day = statement(trades(trade(name)), account=account, generated=generated)
        return write(tmp_path / f"{account}-{name}.xml", document(day))

    load_paths(database, [written(account, "old", EARLY) for account in ("U1", "U2")])
    run, merging, goes_on = Merge.run, threading.Event(), threading.Event()

    def waiting(merge: Merge, file_id: int) -> dict[str, Counts]:
        if merge.accounts == {"U1"} and not merging.is_set():
            merging.set()
            assert goes_on.wait(30)
        return run(merge, file_id)

    monkeypatch.setattr(Merge, "run", waiting)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(load_file, database, written("U1", "first", LATE))
        assert merging.wait(30)
        assert load_file(database, written("U2", "other", LATE)).status == "loaded"
        second = pool.submit(load_file, database, written("U1", "second", LATE))
        with pytest.raises(TimeoutError):
            second.result(0.3)
        goes_on.set()
        assert (first.result(30).status, second.result(30).status) == ("loaded", "loaded")
    live = "SELECT account_id, attributes ->> 'tradeID' FROM raw_flex.trades WHERE withdrawn_at IS NULL ORDER BY 1"
    assert len(query(database, live)) == 2, "of each account the trade of its newest statement"


@pytest.mark.parametrize("way", ["DirectCopy", "Merge"])
def test_a_load_killed_half_way_leaves_nothing_and_can_be_repeated(
    database: Database, tmp_path: Path, way: str
) -> None:
    tables = ("files", "statements", "coverage", "trades")
    if way == "Merge":  # of a day that is covered already
        load_file(database, write(tmp_path / "0.xml", document(statement(trades(trade("before")), generated=EARLY))))
    before = [query(database, f"SELECT * FROM raw_flex.{table}") for table in tables]
    rows = trades(*[trade(number) for number in range(50)])
    path = write(tmp_path / "a.xml", document(statement(rows, generated=LATE)))
    home = {"DirectCopy": "direct_copy", "Merge": "merging"}[way]
    script = f"""
import time
from pathlib import Path
from fntx_dagster.store.database import Database
from fntx_dagster.store.raw_flex.{home} import {way}
from fntx_dagster.store.raw_flex.statements import load_file
def run_and_wait(*arguments, original={way}.run):
    original(*arguments)
    print("inserted", flush=True)
    time.sleep(60)
{way}.run = run_and_wait
load_file(Database({database.url!r}), Path({str(path)!r}))
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "inserted\n"
        os.kill(process.pid, signal.SIGKILL)
    assert [query(database, f"SELECT * FROM raw_flex.{table}") for table in tables] == before
    assert load_file(database, path).sections["trades"].inserted == 50


def test_the_overview_says_what_is_there(database: Database) -> None:
    assert loaded_overview(database) == []
    load_paths(database, [SAMPLES])
    (overview,) = loaded_overview(database)
    assert (overview.account_id, overview.first_day, overview.last_day) == (
        "U1000001",
        date(2025, 7, 1),
        date(2025, 7, 18),
    )
    assert overview.files == 6
    with_nav = "where withdrawn_at is null and ending_value is not null"
    assert query(database, f"select count(distinct to_date) from raw_flex.change_in_nav {with_nav}") == [(14,)]
    assert overview.when_generated.isoformat() == "2025-07-19T09:00:26+00:00"


DAYS = ("20250714", "20250715", "20250716")


@st.composite
def flex_statements(draw: st.DrawFn, generated: str) -> str:
    """A statement of one of two accounts: a period of up to three days, rows with few ids and few values."""
    first, last = sorted(draw(st.lists(st.sampled_from(DAYS), min_size=2, max_size=2)))
    day = st.sampled_from((*DAYS, ""))
    small = st.sampled_from(("1", "2"))
    trade_row = st.builds(lambda n, q, d: trade(n, quantity=q, reportDate=d), small, small, day)
    fee = st.builds(lambda a, d: row("CashTransaction", amount=a, reportDate=d, transactionID=""), small, day)
    unknown = st.builds(lambda a: row("Moon", a=a), small)
    sections = []
    for tag, rows in (("Trades", trade_row), ("CashTransactions", fee), ("Moons", unknown)):
        if draw(st.booleans()):
            sections.append(section(tag, *draw(st.lists(rows, max_size=4))))
    account = draw(st.sampled_from(("U1", "U2")))
    return statement(*sections, account=account, first=first, last=last, generated=generated)


def live_tables(database: Database) -> list[list[tuple[Any, ...]]]:
    live = (
        "SELECT account_id, row_key, row_kind, row_date, attributes::text FROM raw_flex.{} WHERE withdrawn_at IS NULL"
    )
    tables = [live.format(table) for table in ("trades", "cash_transactions", "other_sections")]
    tables.append("SELECT account_id, section, day, when_generated FROM raw_flex.coverage")
    return [query(database, f"{text} ORDER BY 1, 2, 3") for text in tables]


def empty(database: Database) -> None:
    with database.connect() as connection:
        tables = "coverage also_delivered statements files revisions trades cash_transactions other_sections"
        for table in tables.split():
            connection.execute(f"DELETE FROM raw_flex.{table}")


def test_a_row_on_two_days_of_a_file_gives_the_same_tables_in_either_order(database: Database, tmp_path: Path) -> None:
    """A row without a day of its own is of its statement's last; a newer file covers the later of the two."""
    dateless = trades(trade(1, reportDate="", dateTime="", tradeDate=""))
    older = [statement(dateless, first=day, last=day, generated=EARLY) for day in DAYS[:2]]
    newer = statement(trades(trade(2, reportDate=DAYS[1])), first=DAYS[1], last=DAYS[1], generated=LATE)
    first, second = write(tmp_path / "1.xml", document(*older)), write(tmp_path / "2.xml", document(newer))
    results = []
    for order in ((first, second), (second, first)):
        empty(database)
        assert all(load.error is None for load in load_paths(database, order))
        results.append(live_tables(database))
    assert results[0] == results[1]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.lists(flex_statements(EARLY), min_size=1, max_size=2), st.lists(flex_statements(LATE), min_size=1, max_size=2)
)
def test_two_files_give_the_same_tables_in_either_order(
    database: Database, tmp_path: Path, older: list[str], newer: list[str]
) -> None:
    first, second = write(tmp_path / "1.xml", document(*older)), write(tmp_path / "2.xml", document(*newer))
    results = []
    for order in ((first, second), (second, first), (first, second, first)):
        empty(database)
        assert all(load.error is None for load in load_paths(database, order))
        results.append(live_tables(database))
    assert results[0] == results[1] == results[2]


def refuse_a_direct_copy(patch: pytest.MonkeyPatch) -> None:
    def refuse(_: DirectCopy) -> dict[str, Counts]:
        raise AlreadyThere

    patch.setattr(DirectCopy, "run", refuse)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(flex_statements(EARLY), min_size=1, max_size=2))
def test_a_file_copied_directly_gives_the_same_tables_counts_and_days_as_one_compared(
    database: Database, tmp_path: Path, statements: list[str]
) -> None:
    path = write(tmp_path / "1.xml", document(*statements))
    results = []
    for compared in (False, True):
        empty(database)
        with pytest.MonkeyPatch.context() as patch:
            if compared:
                refuse_a_direct_copy(patch)
            load = load_file(database, path)
        stale = query(database, "DELETE FROM alm_reporting.untold_changes RETURNING account_id, since")
        digests = query(database, "SELECT row_key, digest FROM raw_flex.trades ORDER BY 1")
        results.append((load, live_tables(database), sorted(stale), digests))
    assert results[0] == results[1]


def test_a_first_statement_is_copied_directly(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_: Merge) -> None:
        raise AssertionError("compared")

    monkeypatch.setattr(Merge, "stage", never)
    days = [statement(trades(trade(day, reportDate=day)), first=day, last=day) for day in DAYS]
    assert load_file(database, write(tmp_path / "days.xml", document(*days))).total == Counts(inserted=3)
    with pytest.raises(AssertionError, match="compared"):
        load_file(database, write(tmp_path / "again.xml", document(*days, statement(trades(), account="U2"))))


def test_a_row_without_a_digest_or_with_its_attributes_in_another_order_is_unchanged(
    load: Loader, database: Database
) -> None:
    load(statement(trades(trade(1, quantity="2", symbol="SPY"), trade(2)), generated=EARLY))
    with database.connect() as connection:
        connection.execute("UPDATE raw_flex.trades SET digest = NULL WHERE row_key = '2'")
    again = load(statement(trades(trade(1, symbol="SPY", quantity="2"), trade(2)), generated=LATE))
    assert again == {"trades": Counts(unchanged=2)}
    assert query(database, "SELECT count(*) FROM raw_flex.revisions") == [(0,)]


def test_a_correction_that_cannot_be_read_is_refused_and_changes_nothing(load: Loader, database: Database) -> None:
    load(statement(trades(trade(1, quantity="2")), generated=EARLY))
    with pytest.raises(Permanent, match="quantity='two'"):
        load(statement(trades(trade(1, quantity="two")), generated=LATE))
    assert query(database, "SELECT quantity, statement_id FROM raw_flex.trades") == [(2, 1)]


def test_the_texts_are_to_postgresql_what_the_values_are_to_python(database: Database, tmp_path: Path) -> None:
    """Also on the days when New York's clocks change, and of numbers and dates as nobody would write them."""
    moments = [
        f"{day};{clock}"
        for day in ("20250309", "20251102", "20250717", "20241231")
        for clock in ("000000", "013000", "023000", "030000", "235959")
    ]
    moments += ["2025-07-17, 12:46:37 HKT", "20250717", "20250717;1246", "-", "MULTI"]
    numbers = ["1", "-0.5", "+3.", "1,234,567.89", " 7 ", "1e-7", "--", "N/A", "9" * 50, ""]
    days = ["20250717", "2025-07-17", "17/07/2025", "17-Jul-25", "20250717;120000", "--", "", "01/02/2025"]
    longest = max(map(len, (moments, numbers, days)))
    rows = [
        trade(n, dateTime=moments[n % len(moments)], quantity=numbers[n % len(numbers)], expiry=days[n % len(days)])
        for n in range(longest)
    ]
    path = write(tmp_path / "a.xml", document(statement(trades(*rows), first="20240101", last="20251231")))
    load_file(database, path)
    values = {}
    for item in FlexFile(path):
        if isinstance(item, Row):
            read = dict(zip((column.name for column in item.section.columns), item.values, strict=True))
            values[item.identity] = (read["date_time"], read["quantity"], read["expiry"])
    rows = query(database, "SELECT row_key, date_time, quantity, expiry FROM raw_flex.trades")
    assert {key: built for key, *built in rows} == {key: list(built) for key, built in values.items()}


def test_a_section_that_nothing_reads_changes_no_day(database: Database, tmp_path: Path) -> None:
    def stale_days() -> list[tuple[Any, ...]]:
        return query(database, "SELECT account_id, since FROM alm_reporting.untold_changes")

    load_file(database, write(tmp_path / "moons.xml", document(statement(section("Moons", row("Moon", a="1"))))))
    assert stale_days() == []
    load_file(database, write(tmp_path / "trades.xml", document(statement(trades(trade(1))))))
    assert len(stale_days()) == 1


def work_of(load: Callable[[], object]) -> tuple[int, int]:
    """The statements that a load sends to the server, and the rows that it copies."""
    done: Counter[str] = Counter()

    def counting(kind: type, name: str, patch: pytest.MonkeyPatch) -> None:
        original = getattr(kind, name)

        def counted(*arguments: Any, **named: Any) -> Any:
            done[name] += 1
            return original(*arguments, **named)

        patch.setattr(kind, name, counted)

    with pytest.MonkeyPatch.context() as patch:
        counting(psycopg.Connection, "execute", patch)
        counting(Copying, "add", patch)
        load()
    return done["execute"], done["add"]


@pytest.mark.parametrize("shape", ["unknown sections", "rows of other fields", "accounts", "days"])
def test_the_work_of_a_load_is_linear_in_sections_accounts_and_days(
    database: Database, tmp_path: Path, shape: str
) -> None:
    def text(count: int, generated: str) -> str:
        def day(number: int) -> str:
            return f"{date(2025, 1, 1) + timedelta(days=number):%Y%m%d}"

        numbers, given = range(count), {"generated": generated}
        if shape == "unknown sections":
            several = (section(f"S{number}", row("R", a="1")) for number in numbers)
            return document(statement(*several, first="20250701", last="20250731", **given))
        if shape == "rows of other fields":
            return document(statement(trades(*(trade(number, **{f"a{number}": "1"}) for number in numbers)), **given))
        if shape == "accounts":
            return document(*(statement(trades(trade(1)), account=f"U{number}", **given) for number in numbers))
        return document(*(statement(trades(trade(number)), first=day(number), **given) for number in numbers))

    work: dict[int, list[tuple[int, int]]] = {}
    for count in (40, 160):
        empty(database)
        for generated in (EARLY, LATE):  # copied directly, then compared
            path = write(tmp_path / "a.xml", text(count, generated))
            work.setdefault(count, []).append(work_of(lambda path=path: load_file(database, path)))
    for (statements, rows), (more_statements, more_rows) in zip(work[40], work[160], strict=True):
        assert more_rows <= 4 * rows
        assert more_statements <= (4 * statements if shape == "accounts" else statements)


def test_a_person_reads_the_sum_of_very_many_unknown_sections(database: Database, tmp_path: Path) -> None:
    several = (section(f"S{number:05}", row("R", a="1")) for number in range(20_000))
    path = write(tmp_path / "a.xml", document(statement(*several, trades(trade(1)))))
    loaded = load_file(database, path)
    assert len(loaded.sections) == 20_001
    assert len(loaded.listed) == 22
    assert loaded.listed["19980 other sections"] == Counts(inserted=19_980)
    assert loaded.listed["trades"] == Counts(inserted=1)


# -- two queries that choose rows of one section


def chosen(query: str, generated: str, *numbers: int, section_name: str = "Trades") -> str:
    rows = (row("Trade", transactionID=str(number), reportDate="20250714", quantity="1") for number in numbers)
    text = document(statement(section(section_name, *rows), first="20250714", last="20250731", generated=generated))
    return text.replace('queryName="Test"', f'queryName="{query}"')


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_overlapping_exports_of_two_queries_keep_the_rows_of_both_in_either_order(database, tmp_path, order):
    files = [chosen("Shares", EARLY, 1, 2), chosen("Options", LATE, 2, 3)]
    for place in order:
        load_file(database, write(tmp_path / f"{place}.xml", files[place]))
    with database.connect() as connection:
        rows = connection.execute("select row_key, withdrawn_at from raw_flex.trades order by 1").fetchall()
    assert rows == [("1", None), ("2", None), ("3", None)]


def test_a_query_still_withdraws_what_it_itself_delivered_and_no_longer_holds(database, tmp_path):
    for number, text in enumerate([chosen("Shares", EARLY, 1, 2), chosen("Shares", LATE, 2)]):
        load_file(database, write(tmp_path / f"{number}.xml", text))
    with database.connect() as connection:
        assert connection.execute("select row_key from raw_flex.trades where withdrawn_at is null").fetchall() == [
            ("2",)
        ]


def deliveries(*held: tuple[str, int, tuple[int, ...]]) -> list[str]:
    """Files of (query, hour of generation, the trades that it holds)."""
    return [chosen(query, f"20250801;{hour:02}0000 EDT", *numbers) for query, hour, numbers in held]


@pytest.mark.parametrize(
    ("held", "live"),
    [
        # a query's newest statement decides about its rows, though the other query's is newer
        ([("A", 1, (1, 2)), ("A", 2, (1,)), ("B", 3, (3,))], {"1", "3"}),
        ([("A", 1, (1,)), ("B", 2, (3, 4)), ("A", 3, (2,)), ("B", 4, (4,))], {"2", "4"}),
        # what both deliver stays until the last of them lets it go, and comes back
        ([("A", 1, (1, 2)), ("B", 2, (2,)), ("A", 3, (1,))], {"1", "2"}),
        ([("A", 1, (1, 2)), ("B", 2, (2, 5)), ("A", 3, ()), ("B", 4, ())], set()),
        ([("A", 1, (1,)), ("A", 2, ()), ("B", 3, (5,)), ("A", 4, (1,))], {"1", "5"}),
    ],
)
def test_what_two_queries_hold_does_not_depend_on_the_order_of_loading(database, tmp_path, held, live):
    files = deliveries(*held)
    for number, order in enumerate(permutations(files)):
        empty(database)
        for place, text in enumerate(order):
            load_file(database, write(tmp_path / f"{number}-{place}.xml", text))
        assert Loader(database, tmp_path).live() == live, [files.index(text) for text in order]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.sampled_from("AB"), st.frozensets(st.integers(1, 4), max_size=3)), min_size=2, max_size=5),
    st.randoms(use_true_random=False),
)
def test_of_two_queries_each_row_lives_while_the_newest_statement_of_one_holds_it(
    database: Database, tmp_path: Path, held: list[tuple[str, frozenset[int]]], random: Random
) -> None:
    files = deliveries(*((name, hour, tuple(sorted(numbers))) for hour, (name, numbers) in enumerate(held, 1)))
    newest = dict(held)
    random.shuffle(files)
    empty(database)
    for place, text in enumerate(files):
        load_file(database, write(tmp_path / f"{place}.xml", text))
    expected = {str(number) for numbers in newest.values() for number in numbers}
    assert Loader(database, tmp_path).live() == expected


def test_a_late_statement_of_another_query_makes_its_days_stale(database, tmp_path):
    late, early = deliveries(("A", 2, (1,)), ("B", 1, (2,)))
    for name, text in (("late", late), ("early", early)):
        with database.connect() as connection:
            connection.execute("delete from alm_reporting.untold_changes")
        load_file(database, write(tmp_path / f"{name}.xml", text))
        assert query(database, "select since from alm_reporting.untold_changes") == [(date(2025, 7, 14),)]
