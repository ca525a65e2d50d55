"""Tables as CSV: every digit, one form per kind, nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.model.data_table import DataTable, of_rows
from fntx_dagster.report.spreadsheet import to_csv


def test_each_kind_has_its_form_and_what_is_undefined_is_nothing() -> None:
    row = {
        "sure": True,
        "count": 3,
        "money": Decimal("-1E+3"),
        "ratio": 0.1,
        "day": date(2025, 7, 17),
        "at": datetime(2025, 7, 17, 12, 46, 37, tzinfo=ZoneInfo("America/New_York")),
        "held": timedelta(minutes=1.5),
        "parts": {"fx": Decimal("0.10"), "on": date(2025, 7, 17)},
        "word": 'a "b", c',
    }
    table = of_rows("t", [row, dict.fromkeys(row)])
    assert to_csv(table).splitlines() == [
        "sure,count,money,ratio,day,at,held,parts,word",
        'true,3,-1000,0.1,2025-07-17,2025-07-17T16:46:37Z,90.0,"{""fx"":""0.1"",""on"":""2025-07-17""}","a ""b"", c"',
        ",,,,,,,,",
    ]


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r\n=1", "\uff1d1", "\uff20A"])
def test_a_text_that_is_a_formula_to_a_spreadsheet_is_none(formula: str) -> None:
    [_, [cell]] = csv.reader(io.StringIO(to_csv(DataTable("t", {"description": "text"}, [[formula]]))))
    assert cell.startswith("'")
    assert cell.endswith(formula.strip())


def test_what_is_nested_hides_nothing_and_holds_the_same() -> None:
    said = {"reason": "a\u202eb\u0007"}
    [_, [cell]] = csv.reader(io.StringIO(to_csv(DataTable("t", {"parts": "json"}, [[said]]))))
    assert cell.isascii()
    assert cell.isprintable()
    assert json.loads(cell) == said


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False) | st.none()))
def test_every_decimal_reads_back_as_it_is(values: list[Decimal | None]) -> None:
    written = to_csv(DataTable("t", {"n": "integer", "x": "decimal"}, [[n, x] for n, x in enumerate(values)]))
    assert [Decimal(x) if x else None for _, x in list(csv.reader(io.StringIO(written)))[1:]] == values


@given(st.lists(st.floats(allow_nan=False)))
def test_every_float_reads_back_as_it_is(values: list[float]) -> None:
    written = to_csv(DataTable("t", {"x": "float"}, [[x] for x in values]))
    assert [float(x) for x in written.splitlines()[1:]] == values


def test_a_column_has_the_kind_of_its_values_and_else_the_one_that_is_said() -> None:
    rows = [{"a": 1, "b": None, "c": None}, {"a": Decimal("0.5"), "b": None, "c": datetime(2025, 1, 1, tzinfo=UTC)}]
    assert of_rows("t", rows, {"b": "decimal"}).columns == {"a": "decimal", "b": "decimal", "c": "moment"}
    assert of_rows("t", [], {"b": "decimal"}) == DataTable("t", {"b": "decimal"}, [])
    with pytest.raises(ValueError, match="the column a holds date and text"):
        of_rows("t", [{"a": "x"}, {"a": date(2025, 1, 1)}])
