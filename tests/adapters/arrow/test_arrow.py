"""Parquet and DataFrames hold the same values as the rows, digit for digit."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet as reader

from fntx_dagster.adapters import arrow
from fntx_dagster.errors import Permanent
from fntx_dagster.model.data_table import DataTable

AT = datetime(2025, 7, 17, 16, 46, 37, 1, tzinfo=UTC)
ROWS = [
    [True, 3, Decimal("1.10"), 0.1, date(2025, 7, 17), AT, timedelta(seconds=90), {"fx": Decimal("0.10")}, "=1+1"],
    [None] * 9,
]
NAMES = ("sure", "count", "money", "ratio", "day", "at", "held", "parts", "word")
KINDS = ("boolean", "integer", "decimal", "float", "date", "moment", "duration", "json", "text")
TABLE = DataTable("t", dict(zip(NAMES, KINDS, strict=True)), ROWS)


def read(table: DataTable) -> list[dict]:
    return reader.read_table(BytesIO(arrow.parquet(table))).to_pylist()


def test_parquet_holds_each_kind_as_it_is() -> None:
    first, undefined = read(TABLE)
    assert first == dict(zip(NAMES, ROWS[0], strict=True)) | {"parts": '{"fx": "0.10"}'}
    assert set(undefined.values()) == {None}


def test_a_frame_has_decimals_that_sum_exactly_and_moments_in_utc() -> None:
    frame = arrow.data_frame(TABLE._replace(rows=[*ROWS, *ROWS]))
    assert frame["money"].dropna().tolist() == [Decimal("1.1")] * 2
    assert sum(frame["money"].dropna()) == Decimal("2.2")
    assert frame["at"][0] == AT
    assert str(frame["at"].dtype) == "datetime64[us, UTC]"
    assert (frame["day"][0], frame["held"][0], frame["parts"][0]) == (
        date(2025, 7, 17),
        timedelta(seconds=90),
        {"fx": "0.10"},
    )
    assert (str(frame["count"].dtype), str(frame["sure"].dtype)) == ("Int64", "boolean")
    assert frame.isna().sum().tolist() == [2] * 9


def test_a_table_without_rows_has_its_columns_and_their_types() -> None:
    assert reader.read_schema(BytesIO(arrow.parquet(TABLE._replace(rows=[])))).names == list(NAMES)
    assert list(arrow.data_frame(TABLE._replace(rows=[])).columns) == list(NAMES)


@given(st.lists(st.decimals(min_value=-(10**20), max_value=10**20, places=30) | st.none()))
def test_every_decimal_comes_back_as_it_is(values: list[Decimal | None]) -> None:
    assert [row["x"] for row in read(DataTable("t", {"x": "decimal"}, [[x] for x in values]))] == values


def test_a_decimal_that_no_type_of_arrow_holds_is_named_with_the_way_out() -> None:
    values = [[Decimal(10) ** 50], [Decimal(1).scaleb(-30)]]
    with pytest.raises(Permanent, match=r"t\.x needs 81 digits; Parquet and Arrow hold 76. Take CSV instead"):
        arrow.parquet(DataTable("t", {"x": "decimal"}, values))
