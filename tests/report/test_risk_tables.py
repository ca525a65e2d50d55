"""The table of Greeks: what it says where prices are not known."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fntx_dagster.report.risk_tables import greeks_table

from .html_pages import option


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        ([{"mark": None}], "1 option has no mark, so its Greeks are empty."),
        ([{"mark": None}] * 2, "2 options have no mark, so their Greeks are empty."),
        ([{"underlying_price": None}], "1 option has no price of its underlying, so its Greeks are empty."),
        (
            [{"mark": None}, {"underlying_price": None}, {"underlying_price": None}],
            "1 option has no mark, 2 have no price of their underlying, so their Greeks are empty.",
        ),
    ],
)
def test_options_without_a_price_are_counted(lacking: list[dict[str, Any]], said: str) -> None:
    known = option("SPY", mark=Decimal("1.2"), underlying_price=Decimal(627))
    assert said in greeks_table([known, *(known | prices for prices in lacking)]).footnote
    assert "empty" not in greeks_table([known]).footnote
