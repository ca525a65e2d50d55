"""What an annuity pays on each of its dates, so that the balance at the end is zero.

Source: ACTUS Technical Specification, contract type ANN: annuity amount function.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from fntx_dagster.errors import Permanent

_SCALE = 10**60
"""Factors are kept as whole numbers of 1e-60: exact ones would grow by some twenty bits with each date."""


def annuity_payment(owed: Fraction, rate: Fraction, years: Sequence[Fraction]) -> Fraction:
    """A, paid on a first date and after each of `years`, that uses up `owed` at `rate` a year.

    `owed` is the notional and the interest accrued to the first date. A = owed × Π(1 + r·y_i) ÷ (1 + Σ of the products
    of the later factors). Permanent where no payment does it: the rate is too far below zero.
    """
    product = total = _SCALE
    for part in reversed(years):
        factor = 1 + rate * part
        product = product * factor.numerator // factor.denominator
        total += product
    if product <= 0 or total <= 0:
        raise Permanent("no payment uses up the notional at this rate", "Check nominalInterestRate and the cycle")
    return owed * Fraction(product, total)
