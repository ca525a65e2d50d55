"""What of a deal is refused: the error names the field and the value."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from fntx_dagster.bonds.deals import amounts, minor_units, read_deal
from fntx_dagster.errors import Permanent
from tests.bonds.test_waterfall import CASES


def changed(path: str, value: Any) -> dict[str, Any]:
    """The worked example with one field of another value."""
    deal = copy.deepcopy(CASES[0]["deal"])
    at: Any = deal
    *steps, last = path.split(".")
    for step in steps:
        at = at[int(step)] if step.isdigit() else at[step]
    at[last] = value
    return deal


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("available", "100.001", "deal.available is '100.001'"),
        ("available", 100, "deal.available is 100,"),
        ("available", "-1.00", "deal.available is '-1.00'"),
        ("available", "1e5", "deal.available is '1e5'"),
        ("available", "NaN", "deal.available is 'NaN'"),
        ("available", " 1", "deal.available is ' 1'"),
        ("available", "１", "deal.available is '１'"),
        ("decimals", 8, "deal.decimals is 8"),
        ("decimals", True, "deal.decimals is True"),
        ("decimals", -1, "deal.decimals is -1"),
        ("currency", "", "deal.currency is ''"),
        ("state", "Current", "deal.state is 'Current'"),
        ("fees.0.due", "0.005", "deal.fees[0].due is '0.005'"),
        ("fees.0.arrears", None, "deal.fees[0].arrears is None"),
        ("tranches.1.class", "junior", "deal.tranches[1].class is 'junior'"),
        ("tranches.2.day_count", "30/360", "deal.tranches[2].day_count is '30/360'"),
        ("tranches.0.rate", 0.05, "deal.tranches[0].rate is 0.05"),
        ("tranches.0.rate", "-0.01", "deal.tranches[0].rate is '-0.01'"),
        (
            "tranches.0.principal_due",
            "1000000.01",
            "1000000.01 and principal_arrears 0.00 are more than the outstanding",
        ),
        ("tranches.0.principal_arrears", "900000.01", "are more than the outstanding 1000000.00"),
        ("tranches.0.intrest_arrears", "1.00", "deal.tranches[0].intrest_arrears is no field here"),
        ("tranches.0.holders.0.units", 2, "deal.tranches[0].holders[0].units is 2"),
        ("tranches.0.holders.1.id", "A-h1", "deal.tranches[0].holders has the id 'A-h1' twice"),
        ("tranches.0.holders.1.id", "\ud800", "deal.tranches[0].holders[1].id is"),
        ("tranches.1.id", "A", "deal has the id 'A' twice"),
        ("tranches.1.id", "trustee", "deal has the id 'trustee' twice"),
        ("equity.holders.1.id", "e1", "deal.equity.holders has the id 'e1' twice"),
        ("tranches", {}, "deal.tranches is {}"),
        ("period.end", "2026-01-01", "deal.period from 2026-01-01 to 2026-01-01 is empty"),
        ("period.end", "20260401", "deal.period.end is '20260401'"),
        ("period.start", "2026-02-30", "deal.period.start is '2026-02-30'"),
        ("avail", "1.00", "deal.avail is no field here"),
    ],
)
def test_a_deal_that_is_not_of_its_form_is_refused_with_field_and_value(path: str, value: Any, said: str) -> None:
    with pytest.raises(Permanent) as refused:
        read_deal(changed(path, value))
    assert said in str(refused.value)


@pytest.mark.parametrize("name", ["currency", "decimals", "period", "available", "tranches"])
def test_a_deal_without_what_it_needs_is_refused(name: str) -> None:
    deal = {field: value for field, value in CASES[0]["deal"].items() if field != name}
    with pytest.raises(Permanent, match=f"deal.{name} is missing"):
        read_deal(deal)


def test_a_deal_without_equity_has_no_holders_of_it_however_that_is_written() -> None:
    without = {field: value for field, value in CASES[0]["deal"].items() if field != "equity"}
    read = [read_deal(deal) for deal in (without, without | {"equity": None}, without | {"equity": {"holders": []}})]
    assert read[0] == read[1] == read[2]
    assert read[0].equity == []


@pytest.mark.parametrize(
    ("decimals", "text", "units"), [(0, "7", 7), (2, "7", 700), (2, "7.10", 710), (2, "0.010", 1), (7, "0.0000001", 1)]
)
def test_an_amount_is_minor_units_and_is_written_with_all_its_decimals(decimals: int, text: str, units: int) -> None:
    assert minor_units(text, decimals) == units
    assert minor_units(amounts(decimals)(units), decimals) == units
    assert len(amounts(decimals)(units).partition(".")[2]) == decimals
