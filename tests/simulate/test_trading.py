"""Accounts that trade by themselves: the broker's arithmetic holds for any seed, and everything happens that should."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.simulate.account import Account
from fntx_dagster.simulate.bookings import SimulatedFill
from fntx_dagster.simulate.contracts import AGG, SAP, SPY
from fntx_dagster.simulate.delivery import ACTIVITY, QUERIES, delivered
from fntx_dagster.simulate.demo import demo_month
from fntx_dagster.simulate.trading import KINDS, trade

YEAR = (date(2024, 12, 2), date(2025, 11, 28))
SUMMER = (date(2025, 6, 16), date(2025, 7, 22))
NUMBERS = ("U3000001", "U3000002")


def built(accounts: list[Account]) -> bytes:
    last = accounts[0].days[-1].date
    return b"".join(delivered(accounts, QUERIES[ACTIVITY], date.min, last, as_of=last))


def executions(account: Account) -> list[SimulatedFill]:
    return [done for day in account.days for done in day.fills]


# -- by the seed alone


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, again = (built(trade(7, NUMBERS, *SUMMER, trades_per_day=8)) for _ in range(2))
    assert first == again


def test_another_seed_gives_other_bytes() -> None:
    assert built(trade(7, NUMBERS, *SUMMER, trades_per_day=8)) != built(trade(8, NUMBERS, *SUMMER, trades_per_day=8))


def test_an_account_does_the_same_whoever_is_beside_it() -> None:
    together, alone = trade(7, NUMBERS, *SUMMER, trades_per_day=8)[1], trade(7, NUMBERS[1:], *SUMMER, trades_per_day=8)
    assert built([together]) == built(alone)


# -- what holds for every seed


def holds(account: Account, weekdays: list[date]) -> None:
    """That every closed day adds up is asserted by the broker as it closes."""
    assert [day.date for day in account.days] == weekdays
    for before, after in zip(account.days, account.days[1:], strict=False):
        assert after.opening.nav == before.nav
    for day in account.days:
        assert day.closed
        ended = [contract for contract in day.open if contract.expiry and contract.expiry < day.date]
        assert ended == []


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    first=st.dates(date(2024, 1, 1), date(2025, 11, 1)),
    length=st.integers(0, 35),
    trades_per_day=st.integers(0, 12),
    base=st.sampled_from(["HKD", "USD", "EUR", "GBP"]),
    missing=st.sets(st.sampled_from(sorted(KINDS)), max_size=3),
)
def test_any_account_adds_up_on_every_day_as_first_reported_and_as_corrected(
    seed: int, first: date, length: int, trades_per_day: int, base: str, missing: set[str]
) -> None:
    days = [first + timedelta(days=n) for n in range(length + 1)]
    weekdays = [day for day in days if day.weekday() < 5]
    if not weekdays:
        return
    accounts = trade(seed, NUMBERS, first, days[-1], trades_per_day=trades_per_day, base=base, kinds=KINDS - missing)
    for account in accounts:
        holds(account, weekdays)
        corrected = account.as_of(days[-1])
        holds(corrected, weekdays)
        assert corrected.days[0].opening.nav == account.days[0].opening.nav


def test_options_trade_while_the_exchange_is_open_and_nobody_trades_on_a_holiday() -> None:
    (account,) = trade(3, NUMBERS[:1], date(2025, 6, 30), date(2025, 7, 11), trades_per_day=60)
    open_days = {session.day: session for session in sessions(date(2025, 6, 30), date(2025, 7, 11))}
    assert [done for done in account["2025-07-04"].fills if done.kind != "BookTrade"] == []
    assert account["2025-07-04"].rates["USD"] != account["2025-07-03"].rates["USD"]
    for day in account.days:
        for done in day.fills:
            if done.contract.put_call and done.kind == "ExchTrade":
                session = open_days[day.date]
                assert session.opens_at < done.at < session.closes_at


def test_as_many_orders_a_day_as_asked_for() -> None:
    (account,) = trade(3, NUMBERS[:1], *SUMMER, trades_per_day=40)
    for session in sessions(*SUMMER):
        orders = [done for done in account[str(session.day)].fills if done.kind == "ExchTrade"]
        assert 40 <= len(orders) <= 50  # and a few to be taken back, after the close, in euros


def test_without_orders_an_account_only_earns_interest() -> None:
    (account,) = trade(3, NUMBERS[:1], *SUMMER, trades_per_day=0, kinds={"interest"}, base="USD", start_nav=100_000)
    assert executions(account) == []
    assert 100_000 < account.days[-1].nav < 101_000


# -- what happens


def covers(account: Account) -> list[SimulatedFill]:
    return [done for done in executions(account) if done.contract is SPY and done.kind == "ExchTrade"]


def cancels(account: Account, *, late: bool) -> list[SimulatedFill]:
    reported_fills = [(day.date, done) for day in account.days for done in day.fills if done.cancels]
    return [done for reported, done in reported_fills if (done.at.date() < reported) is late]


def booked(account: Account, label: str, *, same_day: bool) -> list[SimulatedFill]:
    reported_fills = [(day.date, done) for day in account.days for done in day.fills if done.label == label]
    return [done for reported, done in reported_fills if (done.at.date() == reported) is same_day]


def deliveries(account: Account) -> dict[date, set[str]]:
    """Night → whether its options bring shares, take them, or both."""
    sides: dict[date, set[str]] = {}
    for done in executions(account):
        if done.label in ("Buy", "Sell"):
            sides.setdefault(done.at.date(), set()).add(done.label)
    return sides


def moved(account: Account, component: str, sign: int) -> list[Decimal]:
    amounts = [movement.amount for day in account.days for movement in day.cash if movement.component == component]
    return [amount for amount in amounts if amount * sign > 0]


def after_the_close(account: Account) -> list[SimulatedFill]:
    closes = {session.day: session.closes_at for session in sessions(*YEAR)}
    return [done for done in executions(account) if done.kind == "ExchTrade" and done.at > closes[done.at.date()]]


HAPPENS = {
    "an option of the day": lambda a: [d for d in executions(a) if d.contract.expiry == d.at.date()],
    "an option of the next session": lambda a: [
        d for d in executions(a) if d.contract.expiry and d.contract.expiry > d.at.date()
    ],
    "an option bought back": lambda a: [
        d for d in executions(a) if d.contract.put_call and d.kind == "ExchTrade" and d.quantity > 0
    ],
    "a stop": lambda a: [d for d in executions(a) if d.order_type == "STP"],
    "an expiration": lambda a: booked(a, "Expiration", same_day=False),
    "an assignment": lambda a: booked(a, "Assignment", same_day=False),
    "an exercise": lambda a: booked(a, "Exercise", same_day=False),
    "a night that brings shares and takes some": lambda a: [
        sides for sides in deliveries(a).values() if len(sides) > 1
    ],
    "an expiration booked at once": lambda a: booked(a, "Expiration", same_day=True),
    "a cover before the open": lambda a: [d for d in covers(a) if d.at.hour < 9],
    "a cover in the session": lambda a: [d for d in covers(a) if d.at.hour >= 9],
    "a purchase of stock": lambda a: [d for d in executions(a) if d.contract is AGG and d.quantity > 0],
    "a sale of stock": lambda a: [
        d for d in executions(a) if d.contract is AGG and d.quantity < 0 and d.kind == "ExchTrade"
    ],
    "a holding in a third currency": lambda a: [day for day in a.days if day.open.get(SAP)],
    "a trade after the close": after_the_close,
    "a cancel": lambda a: cancels(a, late=False),
    "a cancel the next day": lambda a: cancels(a, late=True),
    "a correction": lambda a: a.corrections,
    "a deposit": lambda a: moved(a, "depositsWithdrawals", 1),
    "a withdrawal": lambda a: moved(a, "depositsWithdrawals", -1),
    "interest": lambda a: moved(a, "interest", 1),
    "interest accruals": lambda a: [day for day in a.days if day.accrued_interest],
    "a fee": lambda a: moved(a, "brokerFees", -1),
    "a dividend": lambda a: moved(a, "dividends", 1),
    "its tax": lambda a: moved(a, "withholdingTax", -1),
    "a dividend accrual": lambda a: [day for day in a.days if day.accrued_dividends],
    "a conversion": lambda a: [conversion for day in a.days for conversion in day.conversions],
}


@pytest.fixture(scope="module", params=[1, 2, 3])
def a_year(request: pytest.FixtureRequest) -> Account:
    (account,) = trade(request.param, NUMBERS[:1], *YEAR, trades_per_day=5)
    return account


@pytest.mark.parametrize("what", HAPPENS)
def test_in_a_year_of_five_trades_a_day_everything_happens(a_year: Account, what: str) -> None:
    assert HAPPENS[what](a_year)


def test_a_year_is_lived_through_without_a_day_of_ten_per_cent(a_year: Account) -> None:
    for day in a_year.days:
        flows = sum(moved.amount for moved in day.cash if moved.component == "depositsWithdrawals")
        assert abs((day.nav - flows) / day.opening.nav - 1) < Decimal("0.1")


def test_every_rate_stays_in_the_dollars_band(a_year: Account) -> None:
    rates = [day.rates["USD"] for day in a_year.days]
    assert Decimal("7.75") <= min(rates) < max(rates) <= Decimal("7.85")


# -- the demo's month


def test_the_demos_last_day_holds_the_two_fills_of_the_28th_of_july_and_nothing_else() -> None:
    account = demo_month()
    day = account["2025-07-28"]
    assert [(done.contract.symbol, done.quantity, str(done.price)) for done in day.fills] == [
        ("SPY   250728P00635000", -3, "0.12"),
        ("SPY   250728C00638000", -3, "0.09"),
    ]
    assert [(day.cash, day.conversions), account.corrections] == [([], []), []]
    assert [done.label for done in account.books.booked] == ["Expiration", "Expiration"]
    assert {day.marks[done.contract] for done in day.fills} == {0}
    assert abs(day.nav - 199_100) < 1


def test_the_demos_account_goes_into_its_last_weekend_with_cash_alone() -> None:
    account = demo_month()
    assert account.days[0].date == date(2025, 7, 1)
    assert account.days[-1].date == date(2025, 7, 28)
    assert account["2025-07-25"].open == {}
    assert {contract.underlying or contract.symbol for day in account.days for contract in day.open} == {"SPY"}
    assert account["2025-07-03"].marks[SPY] == Decimal("625.34")


def test_the_demos_month_is_the_same_every_time() -> None:
    assert built([demo_month()]) == built([demo_month()])


def test_what_is_delivered_of_the_demo_on_the_25th_ends_there() -> None:
    account = demo_month()
    july = date(2025, 7, 1), date(2025, 7, 31)
    before, after = (
        b"".join(delivered([account], QUERIES[ACTIVITY], *july, as_of=date(2025, 7, day))) for day in (25, 28)
    )
    assert (b"250728P00635000" in before, b"250728P00635000" in after) == (False, True)
    assert before.count(b"<FlexStatement ") + 1 == after.count(b"<FlexStatement ")
