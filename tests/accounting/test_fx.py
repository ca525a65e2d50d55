from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from fntx_dagster.accounting.fx import Rate, Rates, Summary, Traded, implied_rates
from fntx_dagster.errors import Permanent

DAY = date(2025, 7, 18)
KNOWN = Rates(
    "HKD",
    conversions={(DAY, "USD"): Decimal("7.85"), (date(2025, 7, 4), "USD"): Decimal("7.84")},
    implied={(DAY, "EUR"): Decimal("9.1"), (DAY, "USD"): Decimal("7.86")},
    configured={"USD/HKD": Decimal("7.8472"), "HKD/JPY": Decimal(18)},
)


@pytest.mark.parametrize(
    ("currency", "day", "row_rate", "expected"),
    [
        ("HKD", DAY, Decimal("7.9"), Rate(Decimal(1), "base")),
        ("USD", DAY, Decimal("7.8455"), Rate(Decimal("7.8455"), "row")),
        ("USD", DAY, None, Rate(Decimal("7.85"), "conversion_rates")),
        ("USD", DAY, Decimal(0), Rate(Decimal("7.85"), "conversion_rates")),
        ("EUR", DAY, None, Rate(Decimal("9.1"), "statement")),
        ("USD", date(2025, 7, 17), None, Rate(Decimal("7.8472"), "configured")),
        ("JPY", DAY, None, Rate(Decimal("0.055555555556"), "configured")),
    ],
)
def test_a_row_takes_its_own_rate_then_the_brokers_then_the_statements_then_the_configured(
    currency, day, row_rate, expected
):
    assert KNOWN.of_row(currency, day, row_rate) == expected


def test_a_row_without_any_rate_is_an_error_that_names_pair_day_and_setting():
    with pytest.raises(Permanent, match=r'GBP/HKD on 2025-07-18.*FNTX_FX_FALLBACK=\{"GBP/HKD"'):
        KNOWN.of_row("GBP", DAY, None)


@pytest.mark.parametrize(
    ("currency", "days", "row_rates", "expected"),
    [
        ("HKD", (DAY,), (), Rate(Decimal(1), "base")),
        ("USD", (DAY,), ("7.8",), Rate(Decimal("7.85"), "conversion_rates")),
        ("USD", (date(2025, 7, 4), date(2025, 7, 7)), (), Rate(Decimal("7.84"), "conversion_rates")),
        ("USD", (date(2025, 7, 17),), ("7.8472", "7.8455", "7.8472"), Rate(Decimal("7.8472"), "row")),
        ("USD", (date(2025, 7, 17),), ("7.8472", "7.8455"), Rate(Decimal("7.8455"), "row")),
        ("EUR", (DAY,), (), Rate(Decimal("9.1"), "statement")),
        ("USD", (date(2025, 7, 17),), (), Rate(Decimal("7.8472"), "configured")),
        ("GBP", (DAY,), (), None),
    ],
)
def test_a_session_takes_the_brokers_rate_then_the_most_frequent_then_the_statements_then_the_configured(
    currency, days, row_rates, expected
):
    assert KNOWN.of_session(currency, days, [Decimal(rate) for rate in row_rates]) == expected


def usd(quantity: str, proceeds: str, category: str = "OPT", currency: str = "USD") -> Traded:
    return Traded(DAY, category, currency, Decimal(quantity), Decimal(proceeds))


def summary(quantity: str, proceeds: str, category: str | None = None) -> Summary:
    return Summary(DAY, category, Decimal(quantity), Decimal(proceeds))


def test_the_summary_of_a_class_divided_by_its_trades_is_the_rate():
    trades = [usd("-1", "37"), usd("-1", "40"), usd("1", "0")]
    assert implied_rates([summary("3", "604.2344")], trades, "HKD") == {(DAY, "USD"): Decimal("7.8472")}


def test_a_class_that_nearly_nets_to_zero_gives_no_rate_and_leaves_it_to_another_class():
    stock = [usd("-100", "62800", "STK"), usd("100", "-62945", "STK")]
    summaries = [summary("200", "-1030.8375"), summary("2", "604.2344")]
    assert implied_rates(summaries, stock, "HKD") == {}
    options = [usd("-1", "37"), usd("-1", "40")]
    assert implied_rates(summaries, stock + options, "HKD") == {(DAY, "USD"): Decimal("7.8472")}


def test_a_class_in_two_foreign_currencies_gives_no_rate():
    assert implied_rates([summary("2", "900")], [usd("-1", "37"), usd("-1", "40", currency="EUR")], "HKD") == {}


def test_trades_in_base_currency_are_taken_out_of_the_summary():
    trades = [usd("-1", "10"), usd("-1", "100", currency="HKD")]
    assert implied_rates([summary("2", "178.472", "OPT")], trades, "HKD") == {(DAY, "USD"): Decimal("7.8472")}


def test_a_summary_that_fits_two_classes_gives_no_rate():
    assert implied_rates([summary("1", "78")], [usd("-1", "10"), usd("-1", "11", "STK")], "HKD") == {}
