"""Every table of the database as CSV, Parquet and DataFrame: the rows that are there, each with its exact values."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import Result
from pyarrow import parquet
from typer.testing import CliRunner

from fntx_dagster import frames
from fntx_dagster.cli import app
from fntx_dagster.errors import Permanent
from fntx_dagster.model.data_table import TABLES
from fntx_dagster.model.period import Period
from fntx_dagster.services.data_tables import data_table, table_text, write_table
from fntx_dagster.services.performance import summary_rows
from fntx_dagster.services.risk import update_greeks
from fntx_dagster.simulate.account import Account
from fntx_dagster.simulate.trading import trade
from tests.dbt.conftest import FIRST, LAST, Platform

JULY = Period(date(2025, 7, 1), date(2025, 7, 31))
BOOKS: list[Account] = trade(11, ["U5100001", "U5100002"], date(2025, 7, 7), date(2025, 7, 16), trades_per_day=3)
DELIVERED = (BOOKS,)
TIMESTAMP = "timestamp[us, tz=UTC]"
RELATIONS = {
    "all_in": "all_in_trades",
    "blocks": "nav_blocks",
    "events": "chronological_events",
    "fills": "fills",
    "greeks": "option_greeks",
    "lots": "position_lots",
    "metrics": "rolling_metrics",
    "portfolio": "portfolio_greeks",
    "positions": "closing_positions",
    "round_trips": "round_trips",
    "stocks": "stock_positions",
    "summary": "daily_summary",
    "verification": "daily_verification",
}


@pytest.fixture(scope="module")
def computed(built: Platform) -> Platform:
    update_greeks(built.settings, built.database, Period(FIRST, LAST))
    return built


def test_each_table_is_tried_here() -> None:
    assert RELATIONS.keys() == {*TABLES}


@pytest.mark.parametrize("name", RELATIONS)
def test_a_table_holds_every_row_and_every_digit_in_each_form(computed: Platform, name: str, tmp_path: Path) -> None:
    database = computed.database
    table = data_table(database, name)
    [(count,)] = computed.query(f"select count(*) from alm_reporting.{RELATIONS[name]}")
    assert len(table.rows) == count > 0
    write_table(table, "parquet", tmp_path / "t.parquet")
    kept = parquet.read_table(tmp_path / "t.parquet")
    written = list(csv.reader(io.StringIO(table_text(table))))
    frame = frames.table(name, settings=computed.settings)
    assert written[0] == kept.column_names == list(frame.columns) == list(table.columns)
    for place, (column, kind) in enumerate(table.columns.items()):
        if kind == "decimal":
            values = [row[place] for row in table.rows]
            assert kept[column].to_pylist() == values
            assert [None if value is None else Decimal(value) for value in frame[column]] == values
            assert [Decimal(row[place]) if row[place] else None for row in written[1:]] == values


def test_a_range_that_ends_before_it_begins_is_refused(computed: Platform) -> None:
    with pytest.raises(Permanent, match=r"the range ends \(2025-07-01\) before it begins"):
        data_table(computed.database, "lots", Period(JULY.last, JULY.first))


@pytest.mark.parametrize("name", RELATIONS)
def test_a_table_comes_in_the_same_order_and_in_parts_of_a_range(computed: Platform, name: str) -> None:
    whole = data_table(computed.database, name, JULY).rows
    assert data_table(computed.database, name, JULY).rows == whole
    days = [Period.on(date(2025, 7, day)) for day in range(1, 32)]
    parts = [tuple(map(str, row)) for on in days for row in data_table(computed.database, name, on).rows]
    assert {*parts} == {tuple(map(str, row)) for row in whole}
    if name not in ("lots", "stocks"):  # these are in every day on which they are open
        assert len(parts) == len(whole)


def test_one_account_is_its_own_rows_and_a_stranger_is_named(computed: Platform) -> None:
    own = [data_table(computed.database, "fills", account=account.number).rows for account in BOOKS]
    assert sum(map(len, own)) == len(data_table(computed.database, "fills").rows)
    with pytest.raises(Permanent, match="is not loaded"):
        data_table(computed.database, "fills", account="U9999999")


def test_what_is_no_table_and_no_day_is_named_with_what_there_is(computed: Platform) -> None:
    with pytest.raises(Permanent, match=r"there is no table 'pg_class'. The tables are all_in, blocks"):
        data_table(computed.database, "pg_class")
    with pytest.raises(Permanent, match=r"'July' is no date. Write it as 2025-07-17"):
        frames.table("fills", first="July", settings=computed.settings)


def test_the_summary_of_a_notebook_has_the_returns_of_the_command(computed: Platform) -> None:
    rows = summary_rows(computed.settings, computed.database, JULY)
    frame = frames.table("summary", "2025-07-01", "2025-07-31", settings=computed.settings)
    assert list(frame["daily_return"]) == [row["daily_return"] for row in rows]
    assert frame["daily_return"].dtype == "float64"
    assert len(frame) > 10


def test_a_range_that_ends_before_it_begins_is_refused_and_not_empty(computed: Platform) -> None:
    with pytest.raises(Permanent, match=r"the range ends \(2025-07-07\) before it begins \(2025-07-16\)"):
        frames.table("fills", first="2025-07-16", last="2025-07-07", settings=computed.settings)


def test_a_sum_in_a_notebook_is_exact(computed: Platform) -> None:
    [(total,)] = computed.query("select sum(net_pnl) from alm_reporting.round_trips")
    assert sum(frames.table("round_trips", settings=computed.settings)["net_pnl"]) == total


class TestTheCommand:
    @pytest.fixture
    def fntx(self, computed: Platform, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
        monkeypatch.setenv("FNTX_HOME", str(computed.settings.home))
        monkeypatch.setenv("FNTX_DATABASE_URL", computed.database.url)
        return lambda *words: CliRunner().invoke(app, list(words))

    def test_csv_goes_to_standard_output_and_alone(self, computed: Platform, fntx: Callable[..., Result]) -> None:
        done = fntx("table", "round_trips", "--from", "2025-07-07", "--to", "2025-07-31")
        assert done.exit_code == 0
        assert done.stdout == table_text(data_table(computed.database, "round_trips", JULY))

    @pytest.mark.parametrize("words", ["summary --from 2025-07-07 --to 2025-07-16", "metrics --date 2025-07-16"])
    def test_a_command_that_prints_a_table_writes_the_rows_of_its_json_to_a_file(
        self, fntx: Callable[..., Result], tmp_path: Path, words: str
    ) -> None:
        rows = json.loads(fntx(*words.split(), "--json").stdout)
        for form in ("csv", "parquet"):
            done = fntx(*words.split(), "--format", form, "-o", str(tmp_path / form))
            assert (done.exit_code, done.stdout) == (0, "")
        kept = parquet.read_table(tmp_path / "parquet").to_pylist()
        written = list(csv.DictReader(io.StringIO((tmp_path / "csv").read_text())))
        assert len(rows) == len(kept) == len(written) > 0
        for row, stored, line in zip(rows, kept, written, strict=True):
            row.pop("option_selling", None)  # what is nested is in JSON alone
            assert row.keys() == stored.keys() == line.keys()
            for name, value in row.items():
                if isinstance(value, str) and isinstance(stored[name], Decimal):
                    assert Decimal(value) == stored[name] == Decimal(line[name])

    @pytest.mark.parametrize(
        ("words", "kinds"),
        [
            ("metrics --date 2025-07-16", {"calmar": "double", "xirr": "double", "few_observations": "bool"}),
            ("metrics --window 2025-07-07:2025-07-16", {"calmar": "double", "tvpi": "double"}),
            ("summary --from 2025-07-07 --to 2025-07-16", {"as_of": TIMESTAMP, "daily_return": "double"}),
            ("greeks --date 2025-07-16", {"as_of": TIMESTAMP, "delta": "double"}),
            ("tax --year 2025", {"broker_gain": "decimal", "opened_before": "date32[day]"}),
            ("tax --year 2001", {"broker_gain": "decimal", "gain": "decimal", "sold": "date32[day]"}),
        ],
    )
    def test_a_column_that_holds_nothing_keeps_its_kind(
        self, fntx: Callable[..., Result], tmp_path: Path, words: str, kinds: dict[str, str]
    ) -> None:
        done = fntx(*words.split(), "--format", "parquet", "-o", str(tmp_path / "parquet"))
        assert done.exit_code == 0, done.output
        schema = parquet.read_schema(tmp_path / "parquet")
        assert {name: str(schema.field(name).type).split("128")[0] for name in kinds} == kinds

    def test_the_options_of_a_close_are_rows_with_their_account(self, fntx: Callable[..., Result]) -> None:
        lines = list(csv.DictReader(io.StringIO(fntx("greeks", "--date", "2025-07-15", "--format", "csv").stdout)))
        assert {line["account_id"] for line in lines} <= {account.number for account in BOOKS}
        assert {line["trading_day"] for line in lines} == {"2025-07-15"}

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            ("table fills --format parquet", "give the file with -o"),
            ("metrics --date 2025-07-16 -o x", "needs --format json, csv or parquet"),
            ("table nonsense", "is no table"),
        ],
    )
    def test_options_that_do_not_fit_are_a_wrong_command_line(
        self, fntx: Callable[..., Result], words: str, reason: str
    ) -> None:
        done = fntx(*words.split())
        assert done.exit_code == 2
        assert reason in " ".join(done.output.replace("│", " ").split())
