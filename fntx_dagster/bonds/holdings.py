"""What a ledger's tokens say about who holds a bond, beside its register.

The tokens of a bond stand for its notional: who has a share of a tranche's units has the same share of its notional,
and so of all tokens that holders have, of which part may not be issued yet or be redeemed. The equity has none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import NamedTuple

from fntx_dagster.bonds.register import HeldUnits, Line

_DUST = Fraction(1, 1_000_000)
"""Of all tokens: what ledgers that keep 7 or 15 digits make of equal parts is no difference."""


class HolderDifference(NamedTuple):
    """A party, or an address that is nobody's, that the ledger holds otherwise than the register. Tokens: `registered`
    is its share by the register, `held` what it has."""

    holder: str
    registered: Fraction
    held: Fraction


class UnitsGone(NamedTuple):
    """Units of a tranche that the ledger says a holder gave away, or, below 0, got; not always whole."""

    tranche_id: str
    holder: str
    units: Fraction


def nominal(held: Mapping[Line, HeldUnits], notionals: Mapping[str, Fraction]) -> dict[str, Fraction]:
    """Holder → its share of the notional of all tranches, by a register."""
    sums = _sums(held)
    shares: dict[str, Fraction] = defaultdict(Fraction)
    for (tranche, holder), each in held.items():
        if tranche is not None:
            shares[holder] += notionals[tranche] * Fraction(each.units, sums[tranche])
    return dict(shares)


def differences(shares: Mapping[str, Fraction], tokens: Mapping[str, Fraction]) -> list[HolderDifference]:
    """Whoever has another share of the tokens than of the notional, by name; nobody where no holder has any tokens:
    then the register alone says who holds."""
    total, notional = sum(tokens.values(), Fraction(0)), sum(shares.values(), Fraction(0))
    if not total or not notional:
        return []
    found: list[HolderDifference] = []
    for holder in sorted({*shares, *tokens}):
        registered, held = shares.get(holder, Fraction(0)) * total / notional, tokens.get(holder, Fraction(0))
        if abs(registered - held) > total * _DUST:
            found.append(HolderDifference(holder, registered, held))
    return found


def units_gone(
    found: Iterable[HolderDifference],
    held: Mapping[Line, HeldUnits],
    notionals: Mapping[str, Fraction],
    total: Fraction,
) -> list[UnitsGone] | None:
    """What the differences are in units of one tranche; None where several tranches could have changed: those that lost
    tokens have units of more than one. `total`: all tokens that holders have."""
    lost = [each.holder for each in found if each.held < each.registered]
    lines = {tranche for tranche, holder in held if tranche is not None and holder in lost}
    if len(lines) != 1:
        return None
    [tranche] = lines
    for_a_unit = notionals[tranche] / _sums(held)[tranche] * total / sum(notionals.values(), Fraction(0))
    return [UnitsGone(tranche, each.holder, _whole((each.registered - each.held) / for_a_unit)) for each in found]


def _whole(units: Fraction) -> Fraction:
    """Without dust: a ledger's digits make 0.9999999 of one."""
    return Fraction(round(units)) if abs(units - round(units)) <= _DUST * max(1, abs(units)) else units


def _sums(held: Mapping[Line, HeldUnits]) -> dict[str | None, int]:
    sums: dict[str | None, int] = defaultdict(int)
    for (tranche, _), each in held.items():
        sums[tranche] += each.units
    return sums
