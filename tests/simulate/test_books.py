"""The books of the simulated broker, against a ledger that counts nothing but cash and units."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.simulate.account import Account
from fntx_dagster.simulate.contracts import AGG, SAP, SimulatedContract

HEIR = SimulatedContract("777", "HEIR")
DAYS = ("2025-07-14", "2025-07-15", "2025-07-16", "2025-07-17")
_AMOUNTS = st.integers(-9000, 9000).map(lambda cents: Decimal(cents) / 100)
_UNITS = st.integers(-40, 40).filter(bool)
_SHARES = st.sampled_from([AGG, SAP, HEIR])
_HAPPENINGS = st.lists(
    st.one_of(
        st.tuples(st.just("trade"), _SHARES, _UNITS),
        st.tuples(st.just("transfer"), _SHARES, _UNITS),
        st.tuples(st.just("split"), _SHARES, st.sampled_from([(2, 1), (5, 2), (1, 4)])),
        st.tuples(st.just("merger"), st.just(AGG), st.sampled_from(["0", "1.25"])),
        st.tuples(st.just("taken"), _SHARES, st.just("55.55")),
        st.tuples(st.just("spin_off"), st.just(AGG), st.none()),
        st.tuples(st.just("cash"), st.sampled_from(["deposit", "tax", "coupon", "in_lieu", "adjustment"]), _AMOUNTS),
        st.tuples(st.just("cash_transfer"), st.sampled_from(["USD", "HKD", "EUR"]), _AMOUNTS),
        st.tuples(st.just("convert"), st.just("USD"), _UNITS),
    ),
    max_size=8,
)


@given(st.lists(_HAPPENINGS, min_size=1, max_size=4), st.data())
def test_cash_and_positions_are_the_nav_and_the_components_lead_to_it(days, data):
    prices = st.integers(100, 90_000).map(lambda cents: str(Decimal(cents) / 100))
    account = Account("U1", rates={"USD": "7.85", "EUR": "9.1"})
    cash = defaultdict(Decimal, {"HKD": Decimal(60_000), "USD": Decimal(10_000)})
    units: dict[SimulatedContract, Decimal] = defaultdict(Decimal)
    for date, happenings in zip(DAYS, days, strict=False):
        marks = {share: data.draw(prices) for share in (AGG, SAP, HEIR)}
        rates = {"USD": data.draw(st.sampled_from(["7.84", "7.85", "7.8499"])), "EUR": data.draw(prices)}
        day = account.day(date, marks, **rates)
        for what, which, how in happenings:
            _happen(day, what, which, how, cash, units)
        day.close()
        worth = sum(amount * day.rates[currency] for currency, amount in cash.items())
        worth += sum(held * Decimal(marks[share]) * day.rates[share.currency] for share, held in units.items())
        assert day.nav == worth
        assert day.opening.nav + sum(day.components.values()) == worth
        assert {share: held for share, held in units.items() if held} == day.open


def _happen(day, what, which, how, cash, units) -> None:
    if what == "trade":
        day.trade(which, how, "50", commission="-1.01", taxes="-0.07")
        cash[which.currency] -= how * 50 + Decimal("1.08")
        units[which] += how
    elif what == "transfer":
        day.transfers_position(which, how, "48.5")
        units[which] += how
    elif what == "split" and units[which]:
        day.splits(which, *how)
        units[which] = units[which] * how[0] / how[1]
    elif what == "merger" and units[which]:
        day.merges(which, HEIR, new=1, old=2, cash=how)
        cash[which.currency] += units[which] * Decimal(how)
        units[HEIR] += units.pop(which) / 2
    elif what == "taken" and units[which]:
        day.merges(which, cash=how)
        cash[which.currency] += units.pop(which) * Decimal(how)
    elif what == "spin_off" and units[which]:
        day.spins_off(which, HEIR, 1, 4)
        units[HEIR] += units[which] / 4
    elif what == "cash":
        day.moves(which, str(how), "USD")
        cash["USD"] += how
    elif what == "cash_transfer":
        day.transfers_cash(str(how), which)
        cash[which] += how
    elif what == "convert":
        day.convert(which, how, "7.845")
        cash[which] += how
        cash["HKD"] -= how * Decimal("7.845") + Decimal("15.6")
