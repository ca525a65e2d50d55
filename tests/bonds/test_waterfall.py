"""Who is paid of a bond's cash: examples worked by hand, and the laws that every distribution keeps."""

from __future__ import annotations

import copy
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.bonds.deals import distribution_document, read_deal
from fntx_dagster.bonds.waterfall import RESIDUAL, Waterfall, WaterfallLine, distributed
from fntx_dagster.errors import Permanent
from tests.bonds.drawn_deals import deals, written

CASES = json.loads((Path(__file__).parent / "vectors" / "waterfall.json").read_text(encoding="utf-8"))["cases"]


def of(document: dict[str, Any]) -> Waterfall:
    return distributed(read_deal(document))


def by_step(lines: list[WaterfallLine]) -> dict[int, list[WaterfallLine]]:
    steps: dict[int, list[WaterfallLine]] = defaultdict(list)
    for line in lines:
        steps[line.step].append(line)
    return steps


@pytest.mark.parametrize("case", CASES[:-1], ids=lambda case: case["id"])
def test_the_examples_worked_by_hand_come_out_to_the_cent(case: dict[str, Any]) -> None:
    deal = read_deal(case["deal"])
    assert distribution_document(deal, distributed(deal)) == case["expected"]


@given(deals())
def test_all_cash_is_paid_or_retained_and_all_that_is_paid_has_a_payee(document: dict[str, Any]) -> None:
    result = of(document)
    paid = sum(line.paid for line in result.lines)
    assert paid + result.retained == read_deal(document).available
    assert sum(payment.amount for payment in result.payments) == paid
    of_lines: dict[tuple[int, str], int] = defaultdict(int)
    for payment in result.payments:
        assert payment.amount > 0
        of_lines[payment.step, payment.id] += payment.amount
    assert of_lines == {(line.step, line.id): line.paid for line in result.lines if line.paid}


@given(deals())
def test_no_row_gets_more_than_it_is_owed_and_none_before_the_steps_above_are_whole(document: dict[str, Any]) -> None:
    lines = [*of(document).lines]
    assert all(0 <= line.paid <= line.due + line.arrears_before for line in lines)
    assert all(line.paid + line.shortfall == line.due + line.arrears_before for line in lines)
    short = False
    for _, rows in sorted(by_step(lines).items()):
        assert not (short and any(row.paid for row in rows))
        short |= any(row.shortfall for row in rows)


@given(deals())
def test_the_rows_of_a_step_share_within_one_cent_of_what_they_are_owed(document: dict[str, Any]) -> None:
    for rows in by_step([*of(document).lines]).values():
        paid, owed = sum(row.paid for row in rows), sum(row.due + row.arrears_before for row in rows)
        for row in rows:
            assert abs(row.paid * owed - paid * (row.due + row.arrears_before)) < max(owed, 1)


@given(deals())
def test_what_is_outstanding_falls_by_the_principal_paid_and_what_is_short_is_in_arrears(
    document: dict[str, Any],
) -> None:
    result = of(document)
    lines = {(line.kind, line.id): line for line in result.lines}
    for tranche in result.tranches:
        principal, interest = lines["principal", tranche.id], lines["interest", tranche.id]
        assert tranche.outstanding_before - tranche.outstanding_after == principal.paid
        assert (tranche.principal_arrears, tranche.interest_arrears) == (principal.shortfall, interest.shortfall)
        assert 0 <= tranche.principal_arrears <= tranche.outstanding_after


@given(deals(), st.integers(1, 5_000_000))
def test_more_cash_pays_no_step_less(document: dict[str, Any], more: int) -> None:
    richer = document | {"available": written(read_deal(document).available + more)}
    less_cash, more_cash = (by_step([*of(each).lines]) for each in (document, richer))
    for step, rows in less_cash.items():
        assert sum(row.paid for row in rows) <= sum(row.paid for row in more_cash[step])


@given(deals(), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_holders_changes_no_amount(document: dict[str, Any], random: Any) -> None:
    turned = copy.deepcopy(document)
    for rows in (turned["fees"], turned["tranches"], turned["equity"]["holders"]):
        random.shuffle(rows)
    for tranche in turned["tranches"]:
        random.shuffle(tranche["holders"])
    result, other = of(document), of(turned)
    assert sorted(other.lines) == sorted(result.lines)
    assert sorted(other.payments) == sorted(result.payments)
    assert sorted(other.tranches) == sorted(result.tranches)
    assert (other.residual, other.retained) == (result.residual, result.retained)


@given(deals())
def test_what_is_left_is_equitys_unless_the_bond_is_in_arrears_or_nobody_holds_equity(document: dict[str, Any]) -> None:
    result = of(document)
    trapped = document["state"] in ("delinquent", "defaulted") or not document["equity"]["holders"]
    assert result.residual == 0 if trapped else result.retained == 0
    assert result.lines[-1].kind == RESIDUAL
    if result.residual + result.retained:
        assert not any(line.shortfall for line in result.lines)


def test_an_acceleration_owes_everything_outstanding_once() -> None:
    deal = copy.deepcopy(CASES[0]["deal"])
    deal["state"], deal["tranches"][0]["principal_arrears"] = "liquidating", "40000.00"
    [line] = [line for line in of(deal).lines if (line.kind, line.id) == ("principal", "A")]
    assert (line.due, line.arrears_before) == (96_000_000, 4_000_000)


def test_interest_is_rounded_once_and_half_to_even() -> None:
    deal = copy.deepcopy(CASES[0]["deal"])
    for outstanding, interest in (("0.10", 0), ("0.30", 2), ("0.50", 2)):
        deal["tranches"][0] |= {"outstanding": outstanding, "rate": "0.2", "principal_due": "0"}
        [line] = [line for line in of(deal).lines if (line.kind, line.id) == ("interest", "A")]
        assert line.due == interest


def test_units_may_have_decimals() -> None:
    deal = copy.deepcopy(CASES[0]["deal"])
    deal["tranches"][0]["holders"] = [{"id": "A-h1", "units": "0.5"}, {"id": "A-h2", "units": "0.25"}]
    assert of(deal).payments == of(CASES[0]["deal"]).payments


@pytest.mark.parametrize("units", ["0", "0.00"])
def test_cash_for_holders_without_units_is_refused(units: str) -> None:
    deal = copy.deepcopy(CASES[0]["deal"])
    deal["tranches"][1]["holders"] = [{"id": "B-h1", "units": units}]
    with pytest.raises(Permanent, match="holders of B have no units"):
        of(deal)
    of(deal | {"available": "117500.00"})  # nothing comes to B
