"""First in, first out, by hand and beside the record's own matching."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.accounting import fills
from fntx_dagster.accounting.matching import match
from fntx_dagster.ledger.positions import OpenLot, Position, fill

from .examples import Trading

AT = datetime(2026, 3, 2, tzinfo=UTC)


def test_a_sale_closes_the_oldest_lots_first() -> None:
    trading = Trading("1000")
    trading.trade("1", "100")
    trading.trade("1", "110")
    booked = trading.trade("-1.5", "120")
    assert booked.realized == 20 + 5
    [position] = trading.book.positions.values()
    assert (position.quantity, position.average_price) == (Fraction(1, 2), 110)


def test_a_sale_beyond_what_is_held_opens_a_short_position_and_shares_its_fee() -> None:
    trading = Trading("1000")
    trading.trade("1", "100", fee="1")
    booked = trading.trade("-4", "110", fee="2")
    [ended] = booked.parts[0].ended
    assert booked.realized == 10
    assert ended.net == 10 - 1 - Fraction("0.5")
    [position] = trading.book.positions.values()
    assert position.quantity == -3
    assert position.trip is not None
    assert position.trip.fees == Fraction("1.5")
    assert trading.trade("3", "100").realized == 30


def test_a_fee_in_the_base_currency_is_a_disposal_at_the_price_of_the_fill() -> None:
    trading = Trading("1000")
    trading.trade("1", "100", fee="0.001", fee_currency="BTC")
    [position] = trading.book.positions.values()
    assert position.quantity == Fraction("0.999")
    assert trading.book.figures[""].fees == Fraction("0.1")
    assert trading.book.fees == {"BTC": Fraction("0.001")}
    trading.price("200")
    assert trading.book.value().equity == 1000 - 100 + Fraction("0.999") * 200


def test_a_sale_with_a_fee_in_the_base_currency_is_one_lot() -> None:
    trading = Trading("1000")
    trading.trade("-1", "100", fee="0.01", fee_currency="BTC")
    [lots] = trading.book.lots.values()
    assert [*lots] == [OpenLot(1, Fraction("-1.01"), Fraction(100))]


def test_lots_that_hold_less_than_the_position_are_an_error() -> None:
    with pytest.raises(ValueError, match="less than the position"):
        fill(Position(Fraction(2), Fraction(200)), [], 1, Fraction(-1), Fraction(100), Fraction(0), AT)


def test_only_the_lots_that_a_fill_closes_are_read() -> None:
    def lots() -> object:
        yield OpenLot(1, Fraction(1), Fraction(100))
        raise AssertionError("the second lot is not needed")

    done = fill(Position(Fraction(5), Fraction(500)), lots(), 9, Fraction(-1), Fraction(101), Fraction(0), AT)  # pyright: ignore[reportArgumentType]
    assert done.realized == 1


QUANTITIES = st.decimals("-5", "5", places=3, allow_nan=False).filter(bool)
PRICES = st.decimals("0.01", "1000", places=2, allow_nan=False)


@given(st.lists(st.tuples(QUANTITIES, PRICES), max_size=30))
def test_the_ledger_and_the_record_match_the_same_fills_alike(trades: list[tuple[Decimal, Decimal]]) -> None:
    position, lots, realized = Position(), deque[OpenLot](), []
    stated = []
    for number, (quantity, price) in enumerate(trades):
        at = AT + timedelta(minutes=number)
        done = fill(position, lots, number, Fraction(quantity), Fraction(price), Fraction(0), at)
        for lot, part in done.taken:
            lots.popleft()
            if part != lot.quantity:
                lots.appendleft(lot._replace(quantity=lot.quantity - part))
        if done.opened:
            lots.append(done.opened)
        position = done.position
        realized.append(done.realized)
        one = Decimal(1)
        stated.append(fills.Fill(f"{number}", "BTC", at, at.date(), quantity, price, one, Decimal(0), one))
    with localcontext(prec=60):
        matching = match(stated)
    assert realized == [Fraction(matching.effects[fill.fill_id].gross_realised) for fill in stated]
    assert [(abs(lot.quantity), lot.price) for lot in lots] == [
        (Fraction(lot.quantity), Fraction(lot.open_price or 0)) for lot in matching.open
    ]
    assert position.quantity == sum((lot.quantity for lot in lots), Fraction(0))
    assert position.cost == sum((lot.quantity * lot.price for lot in lots), Fraction(0))
