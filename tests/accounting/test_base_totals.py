from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.accounting.base_totals import (
    BaseTotal,
    Performance,
    Summary,
    Traded,
    implied_rates,
    performance_totals,
    summed,
    trade_totals,
)

DAY = date(2025, 7, 18)


def usd(quantity: str, proceeds: str, category: str = "OPT", currency: str = "USD", commission: str = "0") -> Traded:
    return Traded(DAY, category, currency, Decimal(quantity), Decimal(proceeds), Decimal(commission))


def summary(quantity: str, proceeds: str, category: str | None = None, commission: str | None = None) -> Summary:
    charged = None if commission is None else Decimal(commission)
    return Summary(DAY, category, Decimal(quantity), Decimal(proceeds), charged)


def rates(summaries: list[Summary], trades: list[Traded]) -> dict[str, Decimal]:
    """Currency → the rate that the trades' totals imply in an account in HKD."""
    found = implied_rates(trade_totals(summaries, trades), "HKD")
    assert {day for day, _ in found} <= {DAY}
    return {currency: rate.rate for (_, currency), rate in found.items()}


def test_the_summary_of_a_class_divided_by_its_trades_is_the_rate():
    trades = [usd("-1", "37"), usd("-1", "40"), usd("1", "0")]
    assert rates([summary("3", "604.2344")], trades) == {"USD": Decimal("7.8472")}


def test_a_class_that_nearly_nets_to_zero_gives_no_rate_and_leaves_it_to_another_class():
    stock = [usd("-100", "62800", "STK"), usd("100", "-62945", "STK")]
    summaries = [summary("200", "-1030.8375"), summary("2", "604.2344")]
    assert rates(summaries, stock) == {}
    options = [usd("-1", "37"), usd("-1", "40")]
    assert rates(summaries, stock + options) == {"USD": Decimal("7.8472")}


def test_a_class_in_two_foreign_currencies_gives_no_rate():
    assert rates([summary("2", "900")], [usd("-1", "37"), usd("-1", "40", currency="EUR")]) == {}


def test_trades_in_base_currency_are_taken_out_of_the_summary():
    trades = [usd("-1", "10"), usd("-1", "100", currency="HKD")]
    assert rates([summary("2", "178.472", "OPT")], trades) == {"USD": Decimal("7.8472")}


def test_a_summary_that_fits_two_classes_gives_no_rate():
    assert rates([summary("1", "78")], [usd("-1", "10"), usd("-1", "11", "STK")]) == {}


def test_commissions_which_have_one_sign_come_before_proceeds_and_the_proceeds_say_what_the_rate_misses() -> None:
    trades = [usd("-1", "37", commission="-0.86644"), usd("-1", "40", commission="-0.86644")]
    [(key, rate)] = implied_rates(
        trade_totals([summary("2", "604.35", commission="-13.598255936")], trades), "HKD"
    ).items()
    assert key == (DAY, "USD")
    assert rate[:4] == (Decimal("7.8472"), "statement", None, "commissions of AssetSummary")
    assert rate.residual == Decimal("604.35") - 77 * Decimal("7.8472")


def test_a_total_of_too_few_digits_leaves_the_rate_to_a_more_exact_one() -> None:
    totals = [
        *summed(DAY, "commissions", Decimal("-13.60"), [("USD", Decimal("-1.73288"))]),
        *summed(DAY, "cash", Decimal("78412.3344"), [("HKD", Decimal("-59.6656")), ("USD", Decimal(10000))]),
    ]
    [rate] = implied_rates(totals, "HKD").values()
    assert (rate.rate, rate.implied_by) == (Decimal("7.8472"), "cash")
    assert rate.residual == Decimal("-13.60") - Decimal("-1.73288") * Decimal("7.8472")


RATE = st.decimals("0.01", "20", places=4)
AMOUNT = st.decimals("10", "99999", places=2) | st.decimals("-99999", "-10", places=2)


@given(RATE, RATE, st.lists(st.tuples(AMOUNT, AMOUNT, AMOUNT), min_size=2, max_size=4), st.booleans())
def test_two_totals_of_two_currencies_imply_both_rates_or_none(usd_rate, eur_rate, rows, one_alone) -> None:
    """The totals are made at known rates, so whatever is found must be these."""
    true = {"HKD": Decimal(1), "USD": usd_rate, "EUR": eur_rate}
    totals = []
    for number, (hkd, usd_amount, eur) in enumerate(rows):
        amounts = {"HKD": hkd, "USD": usd_amount, "EUR": Decimal(0) if one_alone and not number else eur}
        total = sum((amount * true[currency] for currency, amount in amounts.items()), Decimal(0))
        sizes = {currency: abs(amount) for currency, amount in amounts.items()}
        totals.append(BaseTotal(DAY, f"total {number}", total, amounts, sizes))
    found = implied_rates(totals, "HKD")
    assert len(found) in (0, 2)
    assert len(found) == 2 or not one_alone
    for (_, currency), rate in found.items():
        assert abs(rate.rate - true[currency]) <= Decimal("1e-6") * max(1, true[currency])


@pytest.mark.parametrize("total", [None, Decimal("-78")])
def test_a_total_that_is_missing_or_has_the_wrong_sign_implies_nothing(total: Decimal | None) -> None:
    assert implied_rates(summed(DAY, "cash", total, [("USD", Decimal(10))]), "HKD") == {}


def test_a_currency_whose_rate_the_rows_give_leaves_the_total_to_the_other() -> None:
    amounts = [("HKD", Decimal(100)), ("USD", Decimal(1000)), ("EUR", Decimal(200))]
    [cash] = summed(DAY, "cash", Decimal("9761.60"), amounts)
    assert implied_rates([cash], "HKD") == {}
    [(key, rate)] = implied_rates([cash], "HKD", {(DAY, "USD"): Decimal("7.8472")}).items()
    assert (key, rate.rate) == ((DAY, "EUR"), Decimal("9.0720"))


def test_a_performance_summary_implies_the_rate_by_the_contracts_whose_every_row_has_the_figure() -> None:
    sold = Traded(DAY, "OPT", "USD", Decimal(-1), Decimal(200), Decimal("-1.25"), "USD", "A", Decimal(30), None)
    bought = sold._replace(commission=Decimal("-0.75"), contract="B", mtm=Decimal(10), realised=Decimal(55))
    ended = bought._replace(commission=Decimal(0), mtm=None, realised=None)
    other = bought._replace(contract="C")

    def implied(name: str, *figures: tuple[str, str]) -> list[tuple[Decimal, str | None]]:
        said = [Performance(DAY, name, contract, Decimal(amount)) for contract, amount in figures]
        totals = performance_totals(said, [sold, bought, ended, other])
        return [(rate.rate, rate.implied_by) for rate in implied_rates(totals, "HKD").values()]

    commissions, mtm = "commissions of MTM", "mark-to-market of MTM"
    assert implied(commissions, ("A", "-9.8090000"), ("B", "-5.8854000"), ("not traded", "-99")) == [
        (Decimal("7.8472"), commissions)
    ]
    assert implied(mtm, ("A", "235.4160000"), ("B", "999")) == [(Decimal("7.8472"), mtm)]
    assert implied("realised P&L of FIFO", ("A", "999"), ("B", "999"), ("C", "431.5960000")) == [
        (Decimal("7.8472"), "realised P&L of FIFO")
    ]
