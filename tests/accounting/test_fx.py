from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from fntx_dagster.accounting.fx import Rate, Rates, known_rates
from fntx_dagster.errors import Permanent

DAY = date(2025, 7, 18)
IMPLIED = Rate(Decimal("9.1"), "statement", None, "cash of CashReport", Decimal("0.01"))
KNOWN = Rates(
    "HKD",
    conversions={(DAY, "USD"): Decimal("7.85"), (date(2025, 7, 4), "USD"): Decimal("7.84")},
    implied={(DAY, "EUR"): IMPLIED, (DAY, "USD"): Rate(Decimal("7.86"), "statement")},
    known=known_rates(
        [(date(2025, 7, 15), "CHF", Decimal("9.81")), (DAY, "NOK", Decimal("0.77")), (DAY, "NOK", Decimal("0.78"))],
        {(date(2025, 7, 16), "CHF"): Decimal("9.82")},
        {(date(2025, 7, 15), "EUR"): IMPLIED},
        [(date(2025, 7, 9), "SEK", Decimal("0.81"))],
    ),
    configured={"USD/HKD": Decimal("7.8472"), "HKD/JPY": Decimal(18)},
)


@pytest.mark.parametrize(
    ("currency", "day", "row_rate", "expected"),
    [
        ("HKD", DAY, Decimal("7.9"), Rate(Decimal(1), "base")),
        ("USD", DAY, Decimal("7.8455"), Rate(Decimal("7.8455"), "row")),
        ("USD", DAY, None, Rate(Decimal("7.85"), "conversion_rates")),
        ("USD", DAY, Decimal(0), Rate(Decimal("7.85"), "conversion_rates")),
        ("EUR", DAY, None, IMPLIED),
        ("EUR", date(2025, 7, 15), None, IMPLIED),
        ("EUR", date(2025, 7, 17), None, Rate(Decimal("9.1"), "last_known", date(2025, 7, 15))),
        ("CHF", DAY, None, Rate(Decimal("9.82"), "last_known", date(2025, 7, 16))),
        ("SEK", DAY, None, Rate(Decimal("0.81"), "last_known", date(2025, 7, 9))),
        ("NOK", DAY, None, Rate(Decimal("0.78"), "row")),
        ("USD", date(2025, 7, 17), None, Rate(Decimal("7.8472"), "configured")),
        ("JPY", DAY, None, Rate(Decimal("0.055555555556"), "configured")),
    ],
)
def test_a_row_takes_its_own_rate_then_the_brokers_then_an_implied_one_then_the_last_known_then_the_configured(
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
        ("EUR", (DAY,), (), IMPLIED),
        ("CHF", (DAY,), (), Rate(Decimal("9.82"), "last_known", date(2025, 7, 16))),
        ("USD", (date(2025, 7, 17),), (), Rate(Decimal("7.8472"), "configured")),
        ("GBP", (DAY,), (), None),
    ],
)
def test_a_session_takes_the_brokers_rate_then_the_most_frequent_then_what_a_row_without_one_takes(
    currency, days, row_rates, expected
):
    assert KNOWN.of_session(currency, days, [Decimal(rate) for rate in row_rates]) == expected
