"""Rows as delivered: every attribute with the column read from it, the file, and what a correction replaced."""

from __future__ import annotations

import hashlib
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.model.period import Period
from fntx_dagster.simulate.documents import document, row, section, statement, write
from fntx_dagster.store.database import Database
from fntx_dagster.store.raw_flex.rows import (
    TABLES,
    events_from,
    raw_row,
    row_ids,
    rows_of_day,
    source_of,
)
from fntx_dagster.store.raw_flex.statements import load_file

MAKE_EVENTS = {"trades", "cash_transactions", "corporate_actions", "transfers"}
EARLY, LATE = "20250720;050000 EDT", "20250721;050000 EDT"


def loaded(
    db: Database, file: Path, *rows: str, name: str = "Trades", generated: str = EARLY, account: str = "U1"
) -> None:
    """One statement of one section, as a file."""
    load_file(db, write(file, document(statement(section(name, *rows), generated=generated, account=account))))


def trade(**attributes: str) -> str:
    return row("Trade", transactionID="7", **attributes)


@given(
    st.sampled_from(sorted(MAKE_EVENTS)),
    st.text("abc0123456789:~.|", min_size=1).filter(lambda key: not key.startswith(("action:", "transfer:"))),
)
def test_an_event_leads_to_the_row_that_leads_to_it(table: str, key: str) -> None:
    events = events_from(table, key)
    assert events
    assert {source_of(event) for event in events} == {(table, key)}


@pytest.mark.parametrize(
    "table", sorted(set(TABLES) - {"trades", "cash_transactions", "corporate_actions", "transfers"})
)
def test_what_no_event_is_made_from_has_none(table: str) -> None:
    assert events_from(table, "1") == []


def test_a_row_shows_its_attributes_its_columns_and_its_file(database: Database, tmp_path: Path) -> None:
    loaded(database, tmp_path / "first.xml", trade(quantity="-1", tradePrice="0.370", strange="x", symbol="SPY  A"))
    (found,) = row_ids(database, "U1", ["fill:7"]).values()
    assert found[0] == "trades"
    shown = raw_row(database, "U1", *found)
    assert shown
    assert (shown.row_kind, shown.row_key, shown.withdrawn_at, shown.replaced) == ("Trade", "7", None, [])
    read = {each.name: (each.text, each.column, each.value) for each in shown.attributes}
    assert read["quantity"] == ("-1", "quantity", Decimal(-1))
    assert read["tradePrice"] == ("0.370", "trade_price", Decimal("0.37"))
    assert read["symbol"] == ("SPY  A", "symbol", "SPY  A")
    assert read["strange"] == ("x", None, None)
    assert shown.delivery.file_name == "first.xml"
    assert shown.delivery.sha256 == hashlib.sha256((tmp_path / "first.xml").read_bytes()).hexdigest()
    assert f"{shown.delivery.when_generated:%Y-%m-%d %H:%M}" == "2025-07-20 09:00"


def test_a_corrected_row_shows_what_it_said_before_and_in_which_file(database: Database, tmp_path: Path) -> None:
    loaded(database, tmp_path / "first.xml", trade(quantity="-1", symbol="SPY"))
    loaded(database, tmp_path / "second.xml", trade(quantity="-3", symbol="SPY"), generated=LATE)
    (found,) = row_ids(database, "U1", ["fill:7"]).values()
    shown = raw_row(database, "U1", *found)
    assert shown
    assert shown.delivery.file_name == "second.xml"
    (before,) = shown.replaced
    assert (before.file_name, before.attributes) == ("first.xml", {"quantity": "-1"})


def test_a_withdrawn_row_is_still_there(database: Database, tmp_path: Path) -> None:
    loaded(database, tmp_path / "first.xml", trade(), row("Trade", transactionID="8"))
    loaded(database, tmp_path / "second.xml", row("Trade", transactionID="8"), generated=LATE)
    (found,) = row_ids(database, "U1", ["fill:7"]).values()
    shown = raw_row(database, "U1", *found)
    assert shown
    assert shown.withdrawn_at


def test_a_row_of_another_account_or_table_is_none(database: Database, tmp_path: Path) -> None:
    loaded(database, tmp_path / "first.xml", trade())
    (found,) = row_ids(database, "U1", ["fill:7"]).values()
    assert row_ids(database, "U2", ["fill:7"]) == {}
    assert raw_row(database, "U2", *found) is None
    assert raw_row(database, "U1", "files", 1) is None
    assert raw_row(database, "U1", "cash_transactions", found[1]) is None


def test_the_rows_of_a_day_are_bounded_and_say_whether_there_are_more(database: Database, tmp_path: Path) -> None:
    rates = [
        row("ConversionRate", reportDate="20250717", fromCurrency=f"C{number:02}", toCurrency="HKD", rate="7.8")
        for number in range(12)
    ]
    loaded(database, tmp_path / "first.xml", *rates, name="ConversionRates")
    listed = {each.table: each for each in rows_of_day(database, "U1", Period.on(date(2025, 7, 17)), 5)}
    assert set(listed) == {"conversion_rates", "open_positions", "interest_accruals"}
    assert (len(listed["conversion_rates"].rows), listed["conversion_rates"].has_more) == (5, True)
    [whole] = [each for each in rows_of_day(database, "U1", Period.on(date(2025, 7, 17)), 12) if each.rows]
    assert (len(whole.rows), whole.has_more) == (12, False)
    assert (listed["open_positions"].rows, listed["open_positions"].has_more) == ([], False)
    _, kind, values = listed["conversion_rates"].rows[0]
    assert (kind, values[1:]) == ("ConversionRate", ("HKD", Decimal("7.8")))
