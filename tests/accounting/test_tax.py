"""Realised gains for a tax return: bases and wash sales by hand, and the laws that hold for any trades."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.accounting.fills import Fill
from fntx_dagster.accounting.matching import match
from fntx_dagster.accounting.tax import DeliveredOption, Realised, TaxLot, realised

JUNE = datetime(2025, 6, 2, 15, tzinfo=UTC)
DAY = timedelta(days=1)


def lot(number: int, bought: int, sold: int | None, price: str, at: str | None = None, **changes) -> TaxLot:
    """Ten shares, bought and sold so many days after 2 June."""
    plain = TaxLot(
        lot_id=f"lot {number}",
        contract_id="756733",
        symbol="SPY",
        description="SPDR S&P 500",
        asset_category="STK",
        underlying_symbol=None,
        put_call=None,
        currency="USD",
        direction="long",
        quantity=Decimal(10),
        multiplier=Decimal(1),
        open_fill_id=f"buy {number}",
        opened_at=JUNE + bought * DAY,
        opened_before=None,
        open_price=Decimal(price),
        open_fee=Decimal(-1),
        how_opened="trade",
        origin_fill_id=None,
        close_fill_id=None if sold is None else f"sell {number}",
        closed_at=None if sold is None else JUNE + sold * DAY,
        close_price=None if at is None else Decimal(at),
        close_fee=None if sold is None else Decimal(-2),
        gross_pnl=None if at is None else (Decimal(at) - Decimal(price)) * 10,
        how_ended=None if sold is None else "traded",
    )
    return plain._replace(**changes)


def only(*lots: TaxLot, **more) -> Realised:
    [sale] = realised(lots, more.get("deliveries", ()), more.get("index", ()))
    return sale


def test_a_sale_nets_its_fees_on_both_sides() -> None:
    sale = only(lot(1, 0, 5, "100", "110"))
    assert (sale.proceeds, sale.cost, sale.gain) == (1098, 1001, 97)
    assert (sale.acquired, sale.sold, sale.long_term) == (date(2025, 6, 2), date(2025, 6, 7), False)


def test_a_short_position_is_acquired_when_it_is_closed_and_never_long_term() -> None:
    sale = only(lot(1, 0, 800, "100", "90", direction="short", gross_pnl=Decimal(100)))
    assert (sale.proceeds, sale.cost, sale.gain) == (999, 902, 97)
    assert sale.acquired == sale.sold
    assert not sale.long_term


@pytest.mark.parametrize(("held", "is_long"), [(365, False), (366, True)])
def test_more_than_a_year_is_long_term(held: int, is_long: bool) -> None:
    assert only(lot(1, 0, held, "100", "110")).long_term is is_long


def test_a_split_is_no_sale_and_keeps_the_day_of_the_shares_before() -> None:
    before = lot(1, 0, 300, "100", "100", how_ended="split", gross_pnl=Decimal(0))
    after = lot(2, 300, 400, "50", "60", how_opened="split", origin_fill_id="buy 1")
    sale = only(before, after)
    assert (sale.acquired, sale.long_term) == (date(2025, 6, 2), True)


def test_what_has_no_known_cost_has_no_gain_and_the_brokers_figure_gives_it_where_it_is_known() -> None:
    unknown = lot(
        1, 0, 5, "0", "110", open_price=None, open_fee=Decimal(0), gross_pnl=None, opened_before=date(2025, 6, 2)
    )
    assert (only(unknown).gain, only(unknown).cost, only(unknown).acquired) == (None, None, None)
    known = only(unknown._replace(gross_pnl=Decimal(50)))
    assert (known.proceeds, known.cost, known.gain) == (1098, 1050, 48)


class TestPremiums:
    PUT = lot(
        *(9, 0, 10, "2", "0"),
        contract_id="put",
        asset_category="OPT",
        put_call="P",
        underlying_symbol="SPY",
        direction="short",
        quantity=Decimal(1),
        multiplier=Decimal(100),
        how_ended="assigned",
        gross_pnl=Decimal(200),
        close_fee=Decimal(0),
    )

    def test_the_premium_of_an_assigned_put_lowers_the_cost_of_its_shares(self) -> None:
        shares = lot(1, 10, 12, "600", "599", quantity=Decimal(100), open_fee=Decimal(0), gross_pnl=Decimal(-100))
        sale = only(self.PUT, shares, deliveries=[DeliveredOption("buy 1", "sell 9", Decimal(100))])
        assert (sale.cost, sale.folded) == (60_000 - 199, 199)
        assert sale.gain == -100 - 2 + 199

    def test_the_premium_of_an_assigned_call_raises_the_proceeds_of_the_shares_that_it_took(self) -> None:
        call = self.PUT._replace(put_call="C")
        shares = lot(1, 0, 10, "590", "600", quantity=Decimal(100), how_ended="delivered", gross_pnl=Decimal(1000))
        sale = only(call, shares, deliveries=[DeliveredOption("sell 1", "sell 9", Decimal(100))])
        assert sale.proceeds == 60_000 - 2 + 199

    def test_a_part_of_the_shares_takes_its_part_of_the_premium(self) -> None:
        half = lot(1, 10, 12, "600", "599", quantity=Decimal(50), gross_pnl=Decimal(-50))
        assert only(self.PUT, half, deliveries=[DeliveredOption("buy 1", "sell 9", Decimal(100))]).folded == Decimal(
            "99.5"
        )


class TestWashSales:
    def test_a_purchase_within_thirty_days_disallows_the_loss_and_carries_it_into_its_cost(self) -> None:
        first, second = realised([lot(1, 0, 5, "100", "90"), lot(2, 35, 80, "91", "95")], [])
        assert (first.disallowed, first.gain, first.replaced_by) == (103, 0, ("buy 2",))
        assert (second.carried, second.cost, second.gain) == (103, 911 + 103, 948 - 911 - 103)

    @pytest.mark.parametrize(("bought", "washed"), [(-25, True), (-26, False), (35, True), (36, False)])
    def test_the_thirtieth_day_counts_and_the_next_does_not(self, bought: int, washed: bool) -> None:
        sales = realised([lot(1, -60, 5, "100", "90"), lot(2, bought, None, "91")], [])
        assert (sales[0].disallowed > 0) is washed

    def test_as_far_as_shares_are_replaced(self) -> None:
        [sale] = realised([lot(1, 0, 5, "100", "90"), lot(2, 6, None, "91", quantity=Decimal(4))], [])
        assert sale.disallowed == Decimal("41.2")

    def test_a_purchase_replaces_once(self) -> None:
        sales = realised([lot(1, -60, 5, "100", "90"), lot(2, -60, 6, "100", "90"), lot(3, 7, None, "91")], [])
        assert [sale.disallowed for sale in sales] == [103, 0]

    def test_the_rest_of_a_purchase_and_what_is_sold_by_then_replace_nothing(self) -> None:
        part = lot(1, 0, 5, "100", "90")
        rest = lot(1, 0, None, "100", lot_id="rest")
        gone = lot(2, 1, 5, "100", "90", close_fill_id="sell 1")
        for lots in ([part, rest], [part, gone]):
            assert {sale.disallowed for sale in realised(lots, [])} == {Decimal(0)}

    def test_a_bought_call_replaces_shares_and_a_written_option_nothing(self) -> None:
        terms = {"contract_id": "call", "asset_category": "OPT", "put_call": "C", "underlying_symbol": "SPY"}
        call = lot(2, 6, None, "3", quantity=Decimal(1), multiplier=Decimal(100), **terms)
        [sale] = realised([lot(1, 0, 5, "100", "90"), call], [])
        assert sale.disallowed == 103
        written = [lot(n, n, n + 2, "1", "3", direction="short", gross_pnl=Decimal(-20), **terms) for n in (1, 4)]
        assert {sale.disallowed for sale in realised(written, [])} == {Decimal(0)}

    def test_an_option_on_an_index_has_none(self) -> None:
        terms = {"contract_id": "spx", "asset_category": "OPT", "put_call": "P", "underlying_symbol": "SPX"}
        sales = realised([lot(1, 0, 5, "9", "1", **terms), lot(2, 6, None, "1", **terms)], [], {"SPX"})
        assert (sales[0].disallowed, sales[0].contract_1256) == (0, True)

    def test_a_gain_is_no_wash_sale(self) -> None:
        assert realised([lot(1, 0, 5, "90", "100"), lot(2, 6, None, "91")], [])[0].disallowed == 0


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(-8, 8).filter(bool), st.integers(50, 150)), max_size=25))
def test_wash_sales_move_losses_and_make_none(trades: list[tuple[int, int, int]]) -> None:
    at, fills = JUNE, []
    for number, (days, quantity, price) in enumerate(trades):
        at += days * DAY + timedelta(minutes=1)
        fills.append(
            Fill(
                f"f{number}", "1", at, at.date(), Decimal(quantity), Decimal(price), Decimal(1), Decimal(-1), Decimal(1)
            )
        )
    made = match(fills)
    lots = [
        lot(0, 0, None, "1")._replace(**{name: getattr(each, name) for name in TaxLot._fields if hasattr(each, name)})
        for each in (*made.closed, *made.open)
    ]
    sales = realised(lots, [])
    assert sum(sale.economic_gain or 0 for sale in sales) == pytest.approx(
        sum((each.realised + each.fees for each in made.closed), Decimal(0)), abs=Decimal("1e-9")
    )
    for sale in sales:
        assert 0 <= sale.disallowed <= max(-(sale.economic_gain or 0) + sale.carried, 0) + Decimal("1e-9")
    moved = sum(sale.disallowed for sale in sales)
    assert sum(sale.carried for sale in sales) <= moved + Decimal("1e-9")
    if not made.open:  # all that was carried has been realised, so nothing is lost
        assert sum(sale.gain or 0 for sale in sales) == pytest.approx(
            sum(sale.economic_gain or 0 for sale in sales), abs=Decimal("1e-9")
        )
    replaced: dict[str, int] = defaultdict(int)
    for sale in sales:
        for fill in sale.replaced_by:
            replaced[fill] += 1
    assert set(replaced) <= {fill.fill_id for fill in fills}
