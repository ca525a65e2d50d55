"""Which lots are one strategy, what it is called, and what it made: examples by hand, and laws on generated books."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.metrics.edge import UNKNOWN, by_kind, edge_tables, outcomes
from fntx_dagster.metrics.strategies import Assigned, grouped
from fntx_dagster.metrics.strategy_kinds import strategy_of
from fntx_dagster.model.contract import Contract
from fntx_dagster.model.session import NEW_YORK
from fntx_dagster.model.strategies import BY_CLOSE, OptionTrade, Strategy, StrategyLots, TradedLot

SPY = Contract("756733", "SPY", "SPY", "STK")
DAY = date(2025, 7, 14)
NAV = Decimal(500_000)


def option(right: str, strike: int, expiry: date = date(2025, 7, 18), underlying: str = "SPY") -> Contract:
    name = f"{underlying} {expiry} {right}{strike}"
    return Contract(name, name, name, "OPT", underlying, Decimal(100), Decimal(strike), expiry, right)


def at(time: str, day: date = DAY) -> datetime:
    hour, minute, *seconds = map(int, time.split(":"))
    return datetime(day.year, day.month, day.day, hour, minute, *seconds, tzinfo=NEW_YORK).astimezone(UTC)


class Book:
    """Lots by hand. A position is opened by one fill and ended by one; what an option delivers is opened or taken by a
    fill that is linked to the option's."""

    def __init__(self) -> None:
        self.lots: list[TradedLot] = []
        self.delivered_by: dict[str, str] = {}
        self.numbers = count(1)

    def opens(
        self,
        contract: Contract,
        quantity: int,
        time: str,
        price: str = "1",
        day: date = DAY,
        order: str | None = None,
        brought_by: TradedLot | None = None,
    ) -> int:
        """The place of the new lot, open."""
        fill = f"{next(self.numbers):03}"
        if brought_by and brought_by.close_fill_id:
            self.delivered_by[fill] = brought_by.close_fill_id
        self.lots.append(
            TradedLot(
                lot_id=f"{fill}|open",
                contract=contract,
                currency="USD",
                sign=1 if quantity > 0 else -1,
                quantity=Decimal(abs(quantity)),
                open_fill_id=fill,
                opened_at=at(time, day),
                opened_day=day + timedelta(days=1) if time >= "16:00" else day,
                open_price=Decimal(price),
                open_fee=Decimal("-1") if brought_by is None else Decimal(0),
                open_rate=Decimal("7.8"),
                how_opened="assignment" if brought_by else "trade",
                origin_fill_id=brought_by.close_fill_id if brought_by else None,
                round_trip_id=fill,
                close_fill_id=None,
                closed_at=None,
                closed_day=None,
                close_fee=None,
                close_rate=None,
                gross_pnl=None,
                how_ended=None,
                opened_before=None,
                open_order=order,
                close_order=None,
            )
        )
        return len(self.lots) - 1

    def ends(
        self,
        place: int,
        time: str,
        price: str = "0",
        day: date = DAY,
        how: str = "traded",
        order: str | None = None,
        taken_by: TradedLot | None = None,
    ) -> TradedLot:
        """The lot, ended."""
        lot, fill = self.lots[place], f"{next(self.numbers):03}"
        if taken_by and taken_by.close_fill_id:
            self.delivered_by[fill] = taken_by.close_fill_id
        self.lots[place] = lot._replace(
            lot_id=f"{lot.open_fill_id}|{fill}",
            close_fill_id=fill,
            closed_at=at(time, day),
            closed_day=day + timedelta(days=1) if time >= "16:00" else day,
            close_fee=Decimal("-1") if how == "traded" else Decimal(0),
            close_rate=Decimal("7.9"),
            gross_pnl=lot.sign * (Decimal(price) - (lot.open_price or 0)) * lot.quantity * lot.contract.multiplier,
            how_ended=how,
            close_order=order,
        )
        return self.lots[place]

    def groups(self, **assigned: str) -> list[StrategyLots]:
        """`assigned`: the numbers of round trips with commas between, after the kind."""
        said = {trip: Assigned(trips, kind) for kind, trips in assigned.items() for trip in trips.split(",")}
        return grouped(self.lots, self.delivered_by, said)

    def strategies(self, nav: Decimal | None = NAV, **assigned: str) -> list[Strategy]:
        return [strategy_of(group, nav, Decimal(0)) for group in self.groups(**assigned)]

    def kinds(self, nav: Decimal | None = NAV) -> list[str]:
        return [strategy.kind for strategy in self.strategies(nav)]


def sold(*legs: tuple[str, int, int], apart: int = 1, expiries: tuple[date, ...] = ()) -> Book:
    """Options as (right, strike, quantity), opened some seconds apart."""
    book = Book()
    for number, (right, strike, quantity) in enumerate(legs):
        expiry = expiries[number] if expiries else date(2025, 7, 18)
        moment = at("10:00") + timedelta(seconds=number * apart)
        book.opens(option(right, strike, expiry), quantity, moment.astimezone(NEW_YORK).strftime("%H:%M:%S"))
    return book


@pytest.mark.parametrize(
    ("legs", "kind"),
    [
        ([("P", 620, -1)], "cash-secured put"),
        ([("P", 620, -2)], "single"),
        ([("C", 630, -1)], "single"),
        ([("P", 620, 1)], "single"),
        ([("P", 620, -1), ("C", 630, -1)], "strangle"),
        ([("P", 620, 1), ("C", 630, 1)], "strangle"),
        ([("P", 625, -1), ("C", 625, -1)], "straddle"),
        ([("P", 620, -1), ("C", 630, 1)], "combination"),
        ([("P", 620, -1), ("P", 610, 1)], "vertical"),
        ([("C", 630, 1), ("C", 640, -1)], "vertical"),
        ([("C", 630, 1), ("C", 640, -2)], "combination"),
        ([("P", 620, -1), ("P", 610, -1)], "combination"),
        ([("P", 610, 1), ("P", 620, -1), ("C", 630, -1), ("C", 640, 1)], "iron condor"),
        ([("P", 610, 1), ("P", 625, -1), ("C", 625, -1), ("C", 640, 1)], "iron condor"),
        ([("P", 610, -1), ("P", 620, 1), ("C", 630, 1), ("C", 640, -1)], "iron condor"),
        ([("P", 610, -1), ("P", 620, 1), ("C", 630, -1), ("C", 640, 1)], "combination"),
        ([("P", 610, 1), ("P", 620, -2), ("C", 630, -1), ("C", 640, 1)], "combination"),
        ([("C", 610, 1), ("C", 620, -1), ("P", 630, -1), ("P", 640, 1)], "combination"),
    ],
)
def test_options_opened_together_are_called_by_their_legs(legs: list[tuple[str, int, int]], kind: str) -> None:
    assert sold(*legs).kinds() == [kind]


def test_a_put_is_cash_secured_only_where_the_nav_is_known_and_pays_for_its_shares() -> None:
    put = sold(("P", 620, -1))  # 62,000 USD at 7.8
    assert [put.kinds(nav) for nav in (Decimal(483_600), Decimal(483_599), None)] == [
        ["cash-secured put"],
        ["single"],
        ["single"],
    ]


def test_options_of_two_expiries_are_a_combination() -> None:
    legs = ("P", 620, -1), ("P", 620, 1)
    assert sold(*legs, expiries=(date(2025, 7, 18), date(2025, 7, 25))).kinds() == ["combination"]


@pytest.mark.parametrize(("apart", "number"), [(300, 1), (301, 2)])
def test_five_minutes_after_the_first_opening_the_next_begins_anew(apart: int, number: int) -> None:
    assert len(sold(("P", 620, -1), ("C", 630, -1), apart=apart).groups()) == number


def test_the_five_minutes_count_from_the_first_opening_and_not_from_the_last() -> None:
    groups = sold(("P", 620, -1), ("C", 630, -1), ("P", 615, -1), apart=200).groups()
    assert [len(group.lots) for group in groups] == [2, 1]


def test_one_order_is_one_strategy_however_long_it_takes() -> None:
    book = Book()
    book.opens(option("P", 620), -1, "10:00", order="77")
    book.opens(option("C", 630), -1, "11:30", order="77")
    assert book.kinds() == ["strangle"]


def test_two_underlyings_and_two_sessions_are_never_opened_together() -> None:
    book = Book()
    book.opens(option("P", 620), -1, "15:59")
    book.opens(option("P", 220, underlying="IWM"), -1, "15:59")
    book.opens(option("C", 630), -1, "16:01")
    assert len(book.groups()) == 3


def test_an_assigned_put_keeps_its_shares_and_its_name() -> None:
    book = sold(("P", 620, -1), ("C", 630, -1))
    book.ends(1, "16:20", how="expired")
    put = book.ends(0, "16:20", how="assigned")
    shares = book.opens(SPY, 100, "16:20", "620", brought_by=put)
    assert book.strategies()[0].trading_day is None  # the shares are still there
    assert book.strategies()[0].captured is None, "a premium is not captured while the shares that it brought are held"
    book.ends(shares, "09:40", "615", date(2025, 7, 15))
    [strategy] = book.strategies()
    assert (strategy.kind, strategy.trading_day, strategy.trips) == (
        "strangle",
        date(2025, 7, 15),
        ("001", "002", "005"),
    )
    # 2 × 100 of premium, 500 lost on the shares, all at the closing rate; three fees at their own rates
    assert strategy.gross_pnl == (200 - 500) * Decimal("7.9")
    assert strategy.fees == -2 * Decimal("7.8") - Decimal("7.9")
    assert strategy.premium == 200 * Decimal("7.8")
    assert strategy.captured == pytest.approx(float(strategy.net_pnl / strategy.premium * 100))
    assert strategy.days == pytest.approx((23 * 60 + 40) / (24 * 60))


def test_an_option_that_replaces_another_within_five_minutes_makes_a_roll_chain() -> None:
    book = sold(("P", 620, -1))
    book.ends(0, "11:00", "2")
    book.opens(option("P", 615), -1, "11:05")
    book.ends(1, "12:00", "2")
    book.opens(option("P", 610), -1, "11:55")  # may come first
    assert [(group.rolled, len(group.lots)) for group in book.groups()] == [(True, 3)]
    assert book.kinds() == ["roll chain"]


@pytest.mark.parametrize(
    ("contract", "quantity", "time"),
    [
        (option("P", 615), -1, "11:05:01"),
        (option("C", 630), -1, "11:01"),
        (option("P", 615), 1, "11:01"),
        (option("P", 620), -1, "11:01"),
    ],
    ids=["too late", "another right", "another side", "the same contract"],
)
def test_what_does_not_replace_an_option_is_no_roll(contract: Contract, quantity: int, time: str) -> None:
    book = sold(("P", 620, -1))
    book.ends(0, "11:00", "2")
    book.opens(contract, quantity, time)
    assert [group.rolled for group in book.groups()] == [False, False]


def test_an_order_that_closes_one_option_and_opens_another_is_a_roll() -> None:
    book = sold(("P", 620, -1))
    book.ends(0, "11:00", "2", order="9")
    book.opens(option("P", 615), -1, "11:40", order="9")
    assert book.kinds() == ["roll chain"]


def wheel() -> Book:
    """A put brings 100 shares; calls are sold on them; the second takes them."""
    book = sold(("P", 620, -1))
    put = book.ends(0, "16:20", how="assigned")
    shares = book.opens(SPY, 100, "16:20", "620", brought_by=put)
    first = book.opens(option("C", 625), -1, "10:00", day=date(2025, 7, 16))
    book.ends(first, "16:20", day=date(2025, 7, 16), how="expired")
    second = book.opens(option("C", 622), -1, "10:00", day=date(2025, 7, 17))
    call = book.ends(second, "16:20", day=date(2025, 7, 17), how="assigned")
    book.ends(shares, "16:20", "622", date(2025, 7, 17), how="delivered", taken_by=call)
    return book


def test_calls_on_shares_that_a_put_brought_are_a_wheel() -> None:
    [strategy] = wheel().strategies()
    assert (strategy.kind, strategy.trading_day) == ("wheel", date(2025, 7, 18))
    assert strategy.gross_pnl == (300 + 200) * Decimal("7.9")


def test_a_call_that_no_share_is_left_for_stands_by_itself() -> None:
    book = wheel()
    book.opens(option("C", 640), -1, "10:30", day=date(2025, 7, 16))  # while the first call covers the shares
    assert book.kinds() == ["wheel", "single"]


def test_a_call_spread_is_not_sold_on_shares() -> None:
    book = sold(("P", 620, -1))
    put = book.ends(0, "16:20", how="assigned")
    book.opens(SPY, 100, "16:20", "620", brought_by=put)
    book.opens(option("C", 625), -1, "10:00", day=date(2025, 7, 16))
    book.opens(option("C", 635), 1, "10:00:05", day=date(2025, 7, 16))
    assert book.kinds() == ["cash-secured put", "vertical"]


def test_a_call_on_shares_of_the_account_is_covered_and_leaves_them_alone() -> None:
    book = Book()
    shares = book.opens(SPY, 100, "09:40", "600")
    call = book.opens(option("C", 625), -1, "11:00")
    assert book.kinds() == ["shares", "covered call"]
    ended = book.ends(call, "16:20", how="assigned")
    book.ends(shares, "16:20", "625", how="delivered", taken_by=ended)
    assert book.kinds() == ["covered call"]


def test_shares_bought_with_a_call_are_a_covered_call() -> None:
    book = Book()
    book.opens(SPY, 100, "10:00", "620")
    book.opens(option("C", 625), -1, "10:00:20")
    book.opens(SPY, 10, "12:00", "621")
    assert [(one.kind, len(one.trips)) for one in book.strategies()] == [("covered call", 2), ("shares", 1)]


def test_what_a_person_groups_is_one_strategy_and_the_rule_leaves_it_alone() -> None:
    book = sold(("P", 620, -1), ("C", 630, -1), ("P", 610, -1))
    book.opens(option("C", 640), -1, "14:00")
    strategies = book.strategies(mine="001,004")
    assert [(one.kind, one.is_named, one.trips) for one in strategies] == [
        ("mine", True, ("001", "004")),
        ("strangle", False, ("002", "003")),
    ]


def test_what_a_person_groups_takes_its_shares_along() -> None:
    book = wheel()
    [first, *others] = book.strategies(mine="001")
    assert (first.kind, len(first.trips)) == ("mine", 3)  # the put, its shares, and the call that took them
    assert [one.kind for one in others] == ["covered call"]


def test_a_strategy_that_was_transferred_out_has_no_known_result() -> None:
    book = Book()
    book.ends(book.opens(SPY, 100, "10:00", "620"), "12:00", "620", how="transferred")
    assert [one.is_known for one in book.strategies()] == [False]


def test_a_strategy_that_no_statement_says_the_cost_of_has_no_known_result_and_no_days() -> None:
    book = Book()
    book.ends(book.opens(SPY, 100, "10:00", "620"), "12:00", "620")
    lot = book.lots[0]._replace(open_price=None, open_rate=None, gross_pnl=None, opened_before=DAY, how_opened="held")
    book.lots = [lot]
    assert [(one.is_known, one.days, one.gross_pnl) for one in book.strategies()] == [(False, None, 0)]


# -- laws


@st.composite
def books(draw: st.DrawFn) -> Book:
    """A few days of one underlying: options and shares, opened and ended in many ways at close moments."""
    random = Random(draw(st.integers(0, 10**6)))
    book = Book()
    for day in (date(2025, 7, 14), date(2025, 7, 15), date(2025, 7, 16)):
        for place, lot in list(enumerate(book.lots)):
            if lot.closed_at is None and random.random() < 0.4:
                book.ends(place, f"10:{random.randrange(12):02}", "1.5", day, order=random.choice([None, "1", "2"]))
        for _ in range(random.randrange(5)):
            contract = random.choice([SPY, option("P", 620), option("P", 615), option("C", 630), option("C", 632)])
            quantity = random.choice([-100, 100, 200] if contract is SPY else [-2, -1, -1, 1])
            order = random.choice([None, None, "1", "2"])
            book.opens(contract, quantity, f"10:{random.randrange(12):02}", "2", day, order)
        for place, lot in list(enumerate(book.lots)):
            is_put = lot.contract.put_call == "P" and lot.sign < 0
            if lot.closed_at is None and is_put and random.random() < 0.3:
                put = book.ends(place, "16:20", day=day, how="assigned")
                book.opens(SPY, 100 * int(put.quantity), "16:20", "620", day, brought_by=put)
    return book


@given(books(), st.randoms(use_true_random=False))
def test_each_lot_is_in_one_strategy_whatever_the_order_of_the_rows(book: Book, random: Random) -> None:
    groups = book.groups()
    assert Counter(lot.lot_id for group in groups for lot in group.lots) == Counter(lot.lot_id for lot in book.lots)
    random.shuffle(book.lots)
    assert book.groups() == groups


@given(books())
def test_strategies_sum_to_their_lots_to_the_last_digit(book: Book) -> None:
    made = sum((one.gross_pnl + one.fees for one in book.strategies()), Decimal(0))
    assert made == sum((lot.gross_in_base + lot.fees_in_base for lot in book.lots), Decimal(0))


@given(books())
def test_an_options_round_trip_and_the_shares_that_it_brought_are_never_split(book: Book) -> None:
    strategy_of_trip = {trip: one.strategy_id for one in book.strategies() for trip in one.trips}
    ended_by = {lot.close_fill_id: lot.round_trip_id for lot in book.lots}
    for lot in book.lots:
        if lot.how_opened == "assignment":
            option_trip = ended_by[lot.origin_fill_id]
            assert strategy_of_trip[lot.round_trip_id] == strategy_of_trip[option_trip]


# -- outcomes


def made(net: str, hours: float = 2.0, **known: float | str | None) -> OptionTrade:
    values: dict[str, float | str | None] = dict.fromkeys(
        (
            "option",
            "days_to_expiry",
            "strike_distance",
            "priced_by",
            "delta",
            "volatility",
            "implied_move",
            "realised_move",
        )
    )
    return OptionTrade("", opened_at=at("10:30"), hours_held=hours, **(values | known), net_pnl=Decimal(net))  # pyright: ignore[reportArgumentType]  # whole days come as they are


def test_what_was_neither_won_nor_lost_counts_in_the_average_alone() -> None:
    both = outcomes("x", map(Decimal, ("10", "-4", "0")))
    assert (both.number, both.won, both.lost, both.win_rate, both.net_pnl, both.average) == (3, 1, 1, 50, 6, 2)
    nothing = outcomes("x", [])
    assert (nothing.win_rate, nothing.average, nothing.net_pnl) == (None, None, 0)


def test_each_property_puts_each_trade_into_one_class_and_a_bound_belongs_to_the_class_above() -> None:
    trades = [
        made(
            "5",
            option="sold put",
            days_to_expiry=0,
            delta=-0.049,
            strike_distance=-0.001,
            implied_move=0.02,
            realised_move=0.01,
        ),
        made(
            "-3",
            26,
            option="bought call",
            days_to_expiry=7,
            delta=0.05,
            strike_distance=0.005,
            volatility=0.2,
            priced_by=BY_CLOSE,
        ),
        made("2", 24, days_to_expiry=8, implied_move=0.0, realised_move=0.01),
    ]
    tables = {table.property: [(row.name, row.number) for row in table.classes] for table in edge_tables(trades)}
    assert tables["Option"] == [("sold put", 1), ("bought call", 1), (UNKNOWN, 1)]
    assert tables["Days to expiry"] == [("0 days", 1), ("2 to 7", 1), ("8 to 21", 1)]
    assert tables["Delta at entry"] == [("below 0.05", 1), ("0.05 to 0.10", 1), (UNKNOWN, 1)]
    assert tables["Strike distance"] == [("in the money", 1), ("0.5 % to 1 %", 1), (UNKNOWN, 1)]
    assert tables["Implied volatility at entry"] == [("20 % to 30 %", 1), (UNKNOWN, 2)]
    assert tables["Entry priced by"] == [(BY_CLOSE, 1), (UNKNOWN, 2)]
    assert tables["Entry hour, New York"] == [("10:00", 3)]
    assert tables["Weekday"] == [("Monday", 3)]
    assert tables["Holding time"] == [("1 to 4 hours", 1), ("1 to 7 days", 2)]
    assert tables["Realised against implied move"] == [("half to all of it", 1), (UNKNOWN, 2)]
    for table in edge_tables(trades):
        assert sum((row.net_pnl for row in table.classes), Decimal(0)) == 4, table.property


def test_captured_counts_the_strategies_that_received_a_premium() -> None:
    book = sold(("P", 620, -1), ("C", 630, -1))
    book.ends(0, "16:20", how="expired")
    book.ends(1, "16:20", how="expired")
    book.ends(book.opens(SPY, 10, "13:00", "620"), "14:00", "610")
    rows = {row.name: row for row in by_kind(one for one in book.strategies() if one.trading_day)}
    strangle = rows["strangle"]
    assert strangle.premium == 200 * Decimal("7.8")
    assert strangle.captured == pytest.approx(
        float((200 * Decimal("7.9") - 2 * Decimal("7.8")) / (200 * Decimal("7.8")) * 100)
    )
    assert (rows["shares"].premium, rows["shares"].captured) == (0, None)
