"""Lots from before the first statement: how many, at what cost, since when; and what the broker's figure says of
those without a cost."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.accounting import fills as f
from fntx_dagster.accounting.held import Gap, HeldRow, Moved, RecordStart, appeared, held_before
from fntx_dagster.accounting.matching import match
from tests.accounting.examples import fill

BEGINNING = RecordStart(date(2025, 6, 30), datetime(2025, 6, 30, 20, tzinfo=UTC), date(2025, 7, 1))


def held(quantity: int, **given: Any) -> HeldRow:
    defaults = {"row_key": "1", "row_date": date(2025, 6, 30), "currency": "USD", "conid": "1", "asset_category": "STK"}
    return HeldRow(quantity=Decimal(quantity), **defaults | given)


def lots(*rows: HeldRow, moved: Moved | None = None) -> list[tuple]:
    found = held_before(rows, {"1": moved} if moved else {}, BEGINNING, "USD")
    return [(each.lot.direction, each.lot.quantity, each.lot.open_price, each.lot.opened_before) for each in found]


def test_a_position_without_a_date_was_opened_before_the_first_day_of_trades():
    assert lots(held(5, cost_basis_price=Decimal(7))) == [("long", 5, 7, date(2025, 7, 1))]


@pytest.mark.parametrize(
    ("given", "cost"),
    [
        ({"cost_basis_price": Decimal(7), "open_price": Decimal(6)}, 7),
        ({"cost_basis_money": Decimal(-14), "open_price": Decimal(6)}, 7),
        ({"open_price": Decimal(6)}, 6),
        ({}, None),
    ],
)
def test_the_cost_is_the_brokers_basis_or_else_the_opening_price_or_else_unknown(given, cost):
    assert lots(held(-2, **given))[0][:3] == ("short", 2, cost)


@pytest.mark.parametrize(
    "given",
    [
        {"opened": datetime(2024, 3, 4, 15, tzinfo=UTC)},
        {"opened_text": "20240304"},
        {"holding_text": "2024-03-04;100000"},
        {"opened_text": "-", "holding_text": "20240304;100000 EST"},
    ],
)
def test_a_lot_is_dated_by_the_row(given):
    ((_, _, _, before),) = lots(held(2, level_of_detail="LOT", **given))
    (only,) = held_before([held(2, **given)], {}, BEGINNING, "USD")
    assert (before, only.lot.opened_session) == (None, date(2024, 3, 4))


def test_a_date_whose_order_is_not_certain_is_none():
    assert lots(held(2, opened_text="03/04/2024"))[0][3] == date(2025, 7, 1)


def test_lots_beside_their_sum_count_once_and_an_incomplete_list_of_lots_gives_way_to_the_sum():
    lot = held(3, level_of_detail="LOT", cost_basis_price=Decimal(1))
    total = held(5, level_of_detail="SUMMARY", cost_basis_price=Decimal(2))
    assert [each[1:3] for each in lots(lot, held(2, level_of_detail="LOT", cost_basis_price=Decimal(4)), total)] == [
        (3, 1),
        (2, 4),
    ]
    assert [each[1:3] for each in lots(lot, total)] == [(5, 2)]


def test_what_the_fills_sold_since_has_no_known_cost_and_what_they_bought_was_not_held():
    assert lots(held(5, cost_basis_price=Decimal(7)), moved=Moved(sold=Decimal(3))) == [
        ("long", 3, None, date(2025, 7, 1)),
        ("long", 5, 7, date(2025, 7, 1)),
    ]
    assert lots(held(5, cost_basis_price=Decimal(7)), moved=Moved(bought=Decimal(3))) == [
        ("long", 2, None, date(2025, 7, 1))
    ]
    assert lots(held(5, cost_basis_price=Decimal(7)), moved=Moved(bought=Decimal(5))) == []
    assert lots(held(-1), moved=Moved(sold=Decimal(3))) == [("long", 2, None, date(2025, 7, 1))]


@given(
    st.lists(st.integers(-9, 9).filter(bool), min_size=1, max_size=4),
    st.lists(st.integers(-9, 9).filter(bool), max_size=6),
)
def test_what_was_held_and_what_the_fills_did_is_what_is_held_at_the_day_that_tells(sizes, dealt):
    """The position of that day comes out, whatever the lots are and the fills did."""
    position = sum(sizes)
    rows = [held(position)] if position else []
    moved = Moved()
    for quantity in dealt:
        moved = moved.and_also(Decimal(quantity), False)
    before = [each.lot for each in held_before(rows, {"1": moved}, BEGINNING, "USD")]
    at = datetime(2025, 7, 1, 15, tzinfo=UTC)
    matching = match([fill(str(n), q, 1, executed_at=at) for n, q in enumerate(dealt)], before)
    end = sum(lot.quantity if lot.direction == "long" else -lot.quantity for lot in matching.open)
    assert end == (position if position else sum(dealt))


# -- gaps between statements

GAP = Gap(datetime(2025, 6, 26, 20, tzinfo=UTC), BEGINNING, date(2025, 7, 1))


def since_gap(*rows: HeldRow, known: int = 0, moved: Moved | None = None) -> list[tuple]:
    found = appeared(rows, {"1": Decimal(known)}, {"1": moved} if moved else {}, GAP, "USD")
    return [(each.lot.direction, each.lot.quantity, each.lot.open_price, each.lot.opened_before) for each in found]


def test_what_a_gap_brought_beside_what_was_known_has_a_cost_only_where_a_row_dates_it() -> None:
    bought = held(5, cost_basis_price=Decimal(7))
    assert since_gap(bought) == [("long", 5, 7, date(2025, 7, 1))]
    assert since_gap(bought, known=2) == [("long", 3, None, date(2025, 7, 1))]
    in_gap = held(3, level_of_detail="LOT", cost_basis_price=Decimal(7), opened=datetime(2025, 6, 27, 15, tzinfo=UTC))
    before = held(2, level_of_detail="LOT", cost_basis_price=Decimal(6), opened=datetime(2025, 6, 2, 15, tzinfo=UTC))
    assert since_gap(before, in_gap, known=2) == [("long", 3, 7, None)]
    assert since_gap(before, in_gap, known=2, moved=Moved(bought=Decimal(3))) == []


def test_what_became_less_or_changed_sides_in_a_gap_opens_nothing() -> None:
    assert since_gap(held(5), known=5) == since_gap(held(5), known=9) == since_gap(held(5), known=-1) == []
    assert since_gap(held(5), known=5, moved=Moved(bought=Decimal(2))) == []


@given(st.integers(-9, 9).filter(bool), st.integers(0, 9), st.integers(0, 9))
def test_what_was_known_what_a_gap_brought_and_the_fills_since_make_the_position(position, known, sold):
    """For every position that only grew in the gap, whatever was known and sold since."""
    sign = 1 if position > 0 else -1
    closed = Moved(sold=Decimal(sold)) if sign > 0 else Moved(bought=Decimal(sold))
    if known > abs(position) + sold:
        return
    lots = since_gap(held(position), known=sign * known, moved=closed)
    assert sum(lot[1] for lot in lots) == abs(position) + sold - known
    assert {lot[0] for lot in lots} <= {"long" if sign > 0 else "short"}


# -- what the broker's figure says


def closing(quantity: int, price: str, realised: str | None, **given: Any) -> f.Fill:
    figure = None if realised is None else Decimal(realised)
    return fill("9", quantity, price, closes=f.CLOSES_ONLY, broker_realised=figure, commission=Decimal(-1), **given)


def test_a_close_without_an_opening_realises_the_brokers_figure_gross_of_its_fee():
    matching = match([closing(-3, "10", "29")], unstated=True)
    (lot,) = matching.closed
    assert (lot.how_opened, lot.direction, lot.gross_pnl, lot.close_fee) == ("unstated", "long", 30, -1)
    assert matching.effects["9"] == (0, 3, 30, 0)
    assert [each.quantity for each in matching.unopened] == [3]


@pytest.mark.parametrize("realised", [None, "0"])
def test_without_a_figure_the_result_is_unknown_and_not_zero(realised):
    matching = match([closing(-3, "10", realised)], unstated=True)
    assert matching.closed[0].gross_pnl is None
    assert matching.effects["9"].unknown_quantity == 3


def test_an_assignment_says_nothing_of_the_premium_that_the_broker_folds_into_the_shares():
    matching = match([closing(1, "0", "55", event_type=f.ASSIGNMENT)], unstated=True)
    assert matching.effects["9"].unknown_quantity == 1


@given(st.integers(1, 9), st.integers(1, 9), st.integers(-500, 500).filter(bool))
def test_known_and_unknown_lots_of_one_fill_sum_to_the_brokers_figure(known, unknown, figure):
    opened = fill("1", known, 4, commission=Decimal("-0.7"))
    matching = match([opened, closing(-known - unknown, "10", str(figure))], unstated=True)
    assert sum(lot.realised + lot.fees for lot in matching.closed) == figure
    assert matching.effects["9"].unknown_quantity == 0
    assert [lot.gross_pnl for lot in matching.closed if lot.how_opened == "trade"] == [known * 6]
