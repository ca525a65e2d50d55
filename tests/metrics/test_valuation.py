"""The options of a close and the portfolio: which prices and assumptions count, and which positions have a delta."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from fntx_dagster.metrics.gateway import positions_at
from fntx_dagster.metrics.greeks import greeks, years_between
from fntx_dagster.metrics.portfolio import portfolio_row, risk_positions
from fntx_dagster.metrics.terms import terms_of
from fntx_dagster.metrics.valuation import PARITY, price_options
from fntx_dagster.model.closing import ClosingDay
from fntx_dagster.model.contract import Contract
from fntx_dagster.model.rates import rate_between
from fntx_dagster.model.snapshot import MarkedPosition, Snapshot
from tests.metrics.positions import ASSUMPTIONS, CLOSE, DAY, END, EXPIRY, NEXT_CLOSE, ends, option, position

CALL = option("C", "625", "4.40", underlying_price=Decimal("626.2"), underlying_source="statement")
PUT = option("P", "625", "2.90")
SHARES = position("756733", "SPY", "STK", quantity=Decimal(10), mark=Decimal("626.2"))
RATES = {"USD/HKD": Decimal("7.8")}


def test_an_option_has_the_greeks_that_its_mark_implies_and_lives_on_until_the_next_close():
    priced = price_options([CALL, SHARES], ends(CALL), NEXT_CLOSE, ASSUMPTIONS)
    assert list(priced) == [CALL.contract_id]
    row, own, _, later = priced[CALL.contract_id]
    assert (row.status, row.exercise, row.ends_at) == ("ok", "american", END)
    assert (row.risk_free_rate, row.dividend_yield) == (Decimal("0.043"), Decimal("0.012"))
    assert later is not None
    assert later.years == years_between(NEXT_CLOSE, END)
    years = years_between(CLOSE, END)
    assert own == greeks(later._replace(years=years), 4.40, years, 100.0)
    assert row.delta == pytest.approx(own.delta, rel=1e-9)


def test_a_price_that_is_known_is_kept_and_another_is_implied_by_parity():
    pair = [CALL._replace(underlying_price=None, underlying_source=None), PUT]
    rows = [each.row for each in price_options(pair, ends(*pair), NEXT_CLOSE, ASSUMPTIONS).values()]
    assert {row.underlying_source for row in rows} == {PARITY}
    [known] = price_options([CALL], ends(CALL), NEXT_CLOSE, ASSUMPTIONS).values()
    assert (known.row.underlying_price, known.row.underlying_source) == (Decimal("626.2"), "statement")


def test_an_option_on_a_european_underlying_is_european():
    spx = CALL._replace(underlying_symbol="SPX")
    [priced] = price_options([spx], ends(spx), NEXT_CLOSE, ASSUMPTIONS).values()
    assert priced.row.exercise == "european"
    assert priced.later is not None
    assert not priced.later.is_american


@pytest.mark.parametrize("lacking", ["strike", "expiry", "put_call"])
def test_an_option_without_its_terms_has_no_price_and_no_end(lacking):
    unknown = CALL._replace(**{lacking: None})
    assert terms_of(unknown) is None
    [priced] = price_options([unknown], {}, NEXT_CLOSE, ASSUMPTIONS).values()
    assert (priced.row.status, priced.row.ends_at, priced.row.delta, priced.later) == ("no_price", None, None, None)


def test_only_options_have_terms():
    assert terms_of(CALL) == ("C", Decimal(625), EXPIRY)
    assert terms_of(SHARES) is None


@pytest.mark.parametrize(("category", "counts"), [("STK", 1), ("FUT", 1), ("CFD", 1), ("BOND", 0), ("FUND", 0)])
def test_what_moves_with_its_own_price_has_a_delta_and_the_rest_has_none(category, counts):
    assert len(risk_positions([SHARES._replace(asset_category=category)], {})) == counts


def test_a_position_without_a_delta_leaves_the_value_at_risk_undefined():
    day = ClosingDay("U1", DAY, "USD", Decimal(100_000), Decimal(1), "digest")
    moves = [{("SPY", "USD"): 0.01 * (number % 5 - 2)} for number in range(40)]
    known = portfolio_row(day, [SHARES], {}, moves)
    assert (known.delta, known.scenarios, known.inputs) == (pytest.approx(0.06262), 40, "digest")
    assert known.var_95_historical is not None
    bond = position("1", "T", "BOND", mark=Decimal(98))
    row = portfolio_row(day, [SHARES, bond], {}, moves)
    assert (row.delta, row.var_95_historical) == (known.delta, None)
    assert portfolio_row(day, [SHARES, bond._replace(quantity=Decimal(0))], {}, moves) == known


def test_a_share_at_the_gateway_is_the_underlying_of_the_options_in_its_currency():
    contract = Contract("2", "SPY   250725C00625000", "", "OPT", "SPY", Decimal(100), Decimal(625), EXPIRY, "C")
    call = MarkedPosition(contract, Decimal(-1), "USD", Decimal("4.4"), Decimal(-440), Decimal(4))
    share = MarkedPosition(
        Contract("1", "SPY", "", "STK"), Decimal(5), "USD", Decimal(626), Decimal(3130), Decimal(600)
    )
    at = datetime(2025, 7, 16, 15, tzinfo=UTC)
    none = dict.fromkeys(("initial_margin", "maintenance_margin", "excess_liquidity", "cushion"))
    seen = Snapshot("U1", at, "HKD", Decimal(1), Decimal(1), **none, positions=(call, share), executions=())
    shares, option_held = positions_at(seen, DAY, at, RATES)
    assert (shares.is_option, shares.underlying_price, shares.rate_to_base) == (False, None, Decimal("7.8"))
    assert (option_held.underlying_price, option_held.underlying_source) == (626, "gateway")
    assert (option_held.mark, option_held.mark_source, option_held.valued_at) == (Decimal("4.4"), "gateway", at)


@pytest.mark.parametrize(
    ("currency", "into", "rate"),
    [("HKD", "HKD", 1), ("USD", "HKD", Decimal("7.8")), ("HKD", "USD", 1 / Decimal("7.8")), ("EUR", "HKD", None)],
)
def test_a_pair_of_the_settings_serves_both_ways(currency, into, rate):
    assert rate_between(currency, into, RATES) == rate
