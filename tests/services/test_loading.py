"""The statements of the user's folder: packed ones too, what is skipped, and the setting for ambiguous dates."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.services import loading
from fntx_dagster.services.statements import load_statements
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.documents import document, row, section, statement
from fntx_dagster.store.database import Database

AMBIGUOUS = document(statement(section("Trades", row("Trade", reportDate="07/08/2025")), first="07/08/2025"))
PLAIN = document(statement(section("Trades", row("Trade", transactionID="1"))))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "statements"
    folder.mkdir()
    return folder


def test_a_packed_statement_in_the_folder_is_loaded_and_the_skipped_files_are_listed(
    database: Database, tmp_path: Path, folder: Path
) -> None:
    (folder / "a.xml.gz").write_bytes(gzip.compress(PLAIN.encode()))
    (folder / "a.csv").write_text("a,b,c\n")
    settings = Settings(home=tmp_path, flex={"folder": folder})
    loaded = load_statements(settings, database)
    assert (loaded.files, loaded.refused, loaded.skipped) == (1, [], ["a.csv"])
    assert loaded.lines[0] == "a.xml.gz: loaded"
    assert loaded.lines[1].startswith("a.csv: skipped, a CSV file; a statement is read as XML")
    said = loading.as_dict(list(loading.load(settings, database, [folder])), loading.skipped([folder]))
    assert [file["status"] for file in said["files"]] == ["unchanged"]
    assert [skipped["file"] for skipped in said["skipped"]] == [str(folder / "a.csv")]


def test_of_very_many_skipped_files_the_first_are_named_and_the_rest_are_counted_by_kind(
    database: Database, tmp_path: Path, folder: Path
) -> None:
    (folder / "a.xml").write_text(PLAIN)
    for number in range(30):
        (folder / f"b{number:02}.{'jpg' if number % 3 else 'pdf'}").touch()
    (folder / "notes").touch()
    loaded = load_statements(Settings(home=tmp_path, flex={"folder": folder}), database)
    rest = "and 11 more files: 7 .jpg, 3 .pdf, 1 without a suffix"
    assert (len(loaded.lines), loaded.lines[-1]) == (1 + loading.MOST_SKIPPED + 1, f"skipped: {rest}")
    assert loaded.skipped[-2:] == ["b19.jpg", rest]
    assert len(loading.as_dict([], loading.skipped([folder]))["skipped"]) == 31, "a program gets them all"


def test_a_folder_of_other_files_alone_names_them(database: Database, tmp_path: Path, folder: Path) -> None:
    (folder / "a.pdf").write_bytes(b"%PDF-1.7")
    settings = Settings(home=tmp_path, flex={"folder": folder})
    with pytest.raises(Permanent, match=r"no statement files in .*, only others: a\.pdf"):
        loading.statement_paths(settings, database)


@pytest.mark.parametrize("order", [None, "day-first", "month-first"])
def test_the_setting_decides_over_dates_that_both_orders_fit(
    database: Database, tmp_path: Path, folder: Path, order: str | None
) -> None:
    (folder / "us-dates.xml").write_text(AMBIGUOUS.replace("20250719;", "20250810;"))
    loaded = load_statements(Settings(home=tmp_path, flex={"folder": folder, "date_order": order}), database)
    with database.connect() as connection:
        days = [str(day) for (day,) in connection.execute("select row_date from raw_flex.trades")]
    assert days == {None: [], "day-first": ["2025-08-07"], "month-first": ["2025-07-08"]}[order]
    assert [finding.text.count("FNTX_FLEX_DATE_ORDER=month-first") for finding in loaded.refused] == (
        [] if order else [1]
    )


def test_a_trade_without_a_field_is_named_when_it_is_loaded(database: Database, tmp_path: Path) -> None:
    named = {"symbol": "SPY", "currency": "USD", "quantity": "1", "tradePrice": "1", "reportDate": "20250717"}
    option = named | {"dateTime": "20250717;103000", "putCall": "C", "strike": "628", "expiry": "20250717"}
    rows = [
        row("Trade", transactionID="1", **named, dateTime="20250717;103000"),
        row("Trade", transactionID="2", **option, assetCategory="OPT"),
        row("Trade", transactionID="3", **named),
    ]
    (tmp_path / "a.xml").write_text(document(statement(section("Trades", *rows))))
    [remark] = loading.remarks(database, [*loading.load(Settings(), database, [tmp_path / "a.xml"])])
    assert " of 2025-07-17 in Trades has no multiplier, as 1 more: no day of its account can be built. Add" in remark
    again = [*loading.load(Settings(), database, [tmp_path / "a.xml"])]
    assert [*loading.remarks(database, again)] == [], "it was said when the rows came"


def test_a_file_without_a_statement_is_named(database: Database, tmp_path: Path) -> None:
    (tmp_path / "empty.xml").write_text(document())
    [remark] = loading.remarks(database, [*loading.load(Settings(), database, [tmp_path / "empty.xml"])])
    assert remark.startswith("empty.xml holds no statement. Look which accounts")
