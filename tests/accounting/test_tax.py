"""Realised gains for a tax return: bases and wash sales by hand, and the laws that hold for any trades."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.accounting.fills import SPLIT, Fill
from fntx_dagster.accounting.matching import match
from fntx_dagster.accounting.tax import DeliveredOption, Realised, realised
from fntx_dagster.accounting.tax_lots import Lineage, TaxLot

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


@pytest.mark.parametrize(
    ("bought", "sold", "is_long"),
    [
        ("2024-02-29", "2025-02-28", False),
        ("2024-02-29", "2025-03-01", True),
        ("2023-02-28", "2024-02-29", False),
        ("2023-02-28", "2024-03-01", True),
        ("2024-02-28", "2025-02-28", False),
        ("2024-02-28", "2025-03-01", True),
    ],
)
def test_what_was_bought_on_the_last_day_of_a_month_is_long_term_from_the_first_of_a_month_on(
    bought: str, sold: str, is_long: bool
) -> None:
    """Revenue Ruling 66-7."""
    days = [(date.fromisoformat(day) - JUNE.date()).days for day in (bought, sold)]
    assert only(lot(1, *days, "100", "110")).long_term is is_long


def test_a_split_is_no_sale_and_keeps_the_day_of_the_shares_before() -> None:
    before = lot(1, 0, 300, "100", "100", how_ended="split", gross_pnl=Decimal(0))
    after = lot(2, 300, 400, "50", "60", how_opened="split", origin_fill_id="buy 1")
    sale = only(before, after)
    assert (sale.acquired, sale.long_term) == (date(2025, 6, 2), True)


TWO_FOR_ONE = {"how_opened": "split", "origin_fill_id": "buy 1", "open_fill_id": "split", "open_fee": Decimal(0)}


def test_the_fee_of_the_purchase_is_in_the_cost_of_the_shares_that_a_split_gives() -> None:
    before = lot(1, 0, 20, "100", "100", how_ended="split", close_fill_id="split", close_fee=Decimal(0))
    halves = [lot(n, 20, 30, "50", "60", quantity=Decimal(10), **TWO_FOR_ONE) for n in (2, 3)]
    assert [sale.cost for sale in realised([before, *halves], [])] == [Decimal("500.5"), Decimal("500.5")]


@pytest.mark.parametrize("how", ["merged", "corporate_action", "split"])
def test_what_an_action_takes_for_cash_is_sold(how: str) -> None:
    """A merger for cash, a bond that matures, cash for a fraction."""
    sale = only(lot(1, 0, 20, "100", "110", how_ended=how, close_fee=Decimal(0)))
    assert (sale.proceeds, sale.gain) == (1100, 99)


def test_cash_for_a_fraction_is_sold_and_the_rest_goes_on() -> None:
    before = lot(1, 0, 20, "100", "100", how_ended="merged", close_fill_id="merger", close_fee=Decimal(0))
    new = {**TWO_FOR_ONE, "how_opened": "merger", "open_fill_id": "merger given", "contract_id": "new"}
    given = lot(2, 20, 40, "200", "210", quantity=Decimal("4.5"), **new)
    fraction = lot(3, 20, 20, "200", "220", quantity=Decimal("0.5"), how_ended="merged", **new)
    fraction = fraction._replace(closed_at=JUNE + 20 * DAY + timedelta(seconds=1))
    sales = realised([before, given, fraction], [])
    assert [(sale.lot.lot_id, sale.acquired) for sale in sales] == [
        ("lot 3", date(2025, 6, 2)),
        ("lot 2", date(2025, 6, 2)),
    ]


def test_of_a_merger_for_shares_and_cash_the_part_for_cash_is_sold() -> None:
    exchanged = lot(1, 0, 20, "100", "100", how_ended="merged", quantity=Decimal(6), close_fee=Decimal(0))
    paid = lot(2, 0, 20, "100", "110", how_ended="merged", quantity=Decimal(4), open_fill_id="buy 1")
    paid = paid._replace(closed_at=JUNE + 20 * DAY + timedelta(seconds=1))
    new = {**TWO_FOR_ONE, "how_opened": "merger", "open_fill_id": "given", "contract_id": "new"}
    given = lot(3, 20, None, "200", quantity=Decimal(3), **new)
    assert only(exchanged, paid, given).lot == paid


def test_an_option_that_settles_in_cash_is_a_sale() -> None:
    settled = TestPremiums.PUT._replace(underlying_symbol="SPX", close_price=Decimal("1.5"), gross_pnl=Decimal(50))
    sale = only(settled, index={"SPX"})
    assert (sale.proceeds, sale.cost, sale.contract_1256) == (199, 150, True)


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

    def test_what_one_option_brings_in_several_fills_has_its_premium_once(self) -> None:
        put = self.PUT._replace(quantity=Decimal(2), gross_pnl=Decimal(400))
        shares = [
            lot(n, 10, 12, "600", "599", quantity=Decimal(100), gross_pnl=Decimal(-100), open_fee=Decimal(0))
            for n in (1, 2)
        ]
        delivered = [DeliveredOption(f"buy {n}", "sell 9", Decimal(200)) for n in (1, 2)]
        assert [sale.folded for sale in realised([put, *shares], delivered)] == [Decimal("199.5")] * 2

    def test_the_premium_stays_with_the_shares_that_a_split_gives(self) -> None:
        brought = lot(1, 10, 12, "600", "600", quantity=Decimal(100), how_opened="assignment", how_ended="split")
        brought = brought._replace(close_fill_id="split", open_fee=Decimal(0), close_fee=Decimal(0))
        half = lot(2, 12, 14, "300", "299", quantity=Decimal(100), **TWO_FOR_ONE)
        rest = lot(3, 12, None, "300", quantity=Decimal(100), **TWO_FOR_ONE)
        deliveries = [DeliveredOption("buy 1", "sell 9", Decimal(100))]
        assert only(self.PUT, brought, half, rest, deliveries=deliveries).folded == Decimal("99.5")

    def test_an_option_of_unknown_cost_leaves_the_cost_of_its_shares_unknown(self) -> None:
        held = self.PUT._replace(open_price=None, gross_pnl=None, opened_before=date(2025, 6, 1), how_opened="held")
        shares = lot(1, 10, 12, "600", "599", quantity=Decimal(100))
        sale = only(held, shares, deliveries=[DeliveredOption("buy 1", "sell 9", Decimal(100))])
        assert (sale.proceeds, sale.cost, sale.gain) == (59_898, None, None)


class TestWashSales:
    def test_a_purchase_within_thirty_days_disallows_the_loss_and_carries_it_into_its_cost(self) -> None:
        first, second = realised([lot(1, 0, 5, "100", "90"), lot(2, 35, 80, "91", "95")], [])
        assert (first.disallowed, first.gain, first.replaced_by) == (103, 0, ("buy 2",))
        assert (second.carried, second.cost, second.gain) == (103, 911 + 103, 948 - 911 - 103)

    @pytest.mark.parametrize(("bought", "washed"), [(-25, True), (-26, False), (35, True), (36, False)])
    def test_the_thirtieth_day_counts_and_the_next_does_not(self, bought: int, washed: bool) -> None:
        sales = realised([lot(1, -60, 5, "100", "90"), lot(2, bought, None, "91")], [])
        assert (sales[0].disallowed > 0) is washed

    def test_a_loss_is_disallowed_as_far_as_shares_are_replaced(self) -> None:
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

    def test_a_split_neither_sells_a_replacement_nor_loses_what_it_carries(self) -> None:
        """The replacement splits two for one before the loss is taken, or after; in the end nothing is lost."""
        for split, sold in ((6, 8), (9, 5)):
            loss = lot(9, 0, sold, "100", "90", open_fill_id="first", close_fill_id="loss")
            if split < sold:
                loss = loss._replace(quantity=Decimal(20), open_price=Decimal(50), close_price=Decimal(45))
            kept = lot(1, 3, split, "91", "91", how_ended="split", close_fill_id="split", close_fee=Decimal(0))
            after = [
                lot(n, split, 60 + n, "45.5", "50", quantity=Decimal(10), close_fill_id=f"end {n}", **TWO_FOR_ONE)
                for n in (2, 3)
            ]
            sales = realised([loss, kept, *after], [])
            assert [(sale.disallowed, sale.carried) for sale in sales] == [
                (103, 0),
                (0, Decimal("51.5")),
                (0, Decimal("51.5")),
            ]
            assert sales[0].replaced_by == ("buy 1",)

    def test_shares_held_before_the_statements_replace_if_the_day_of_their_purchase_is_known(self) -> None:
        held = lot(2, -5, None, "91", how_opened="held")
        assert realised([lot(1, -60, 5, "100", "90"), held], [])[0].disallowed == 103
        undated = held._replace(opened_before=date(2025, 6, 1))
        assert realised([lot(1, -60, 5, "100", "90"), undated], [])[0].disallowed == 0

    def test_a_gain_is_no_wash_sale(self) -> None:
        assert realised([lot(1, 0, 5, "90", "100"), lot(2, 6, None, "91")], [])[0].disallowed == 0


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(-8, 8), st.integers(50, 150)), max_size=25))
def test_wash_sales_move_losses_and_make_none(trades: list[tuple[int, int, int]]) -> None:
    """A quantity of 0 splits what is held, two for one."""
    at, held, fills = JUNE, 0, []
    for number, (days, quantity, price) in enumerate(trades):
        at += days * DAY + timedelta(minutes=1)
        if quantity or held:
            size, fee = Decimal(quantity or held), Decimal(-1 if quantity else 0)
            fill = Fill(f"f{number}", "1", at, at.date(), size, Decimal(price), Decimal(1), fee, Decimal(1))
            split = {"event_type": SPLIT, "linked_fill_id": fill.fill_id, "closes": "only"}
            fills.append(fill if quantity else fill._replace(ratio=(Decimal(2), Decimal(1)), **split))
            held += quantity or held
    made = match(fills)
    lots = [
        lot(0, 0, None, "1")._replace(**{name: getattr(each, name) for name in TaxLot._fields if hasattr(each, name)})
        for each in (*made.closed, *made.open)
    ]
    sales, lineage = realised(lots, []), Lineage(lots)
    of_lots = sum((each.realised + each.fees for each in made.closed), Decimal(0))
    in_open = sum((lineage.fees[each.lot_id] for each in lots if each.closed_at is None), Decimal(0))
    assert sum(sale.economic_gain or 0 for sale in sales) == pytest.approx(of_lots - in_open, abs=Decimal("1e-9"))
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
