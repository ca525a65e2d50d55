"""The three commitments of a signed day, whose digest is slot 62: to its closing NAV, its turnover and its net P&L.

Each figure is committed in whole units of its currency, below 2^32. The day's submission to a pool holds the same three
commitments, so what a trader submits is what the trader signed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import cached_property
from hashlib import sha256
from typing import NamedTuple

from fntx_dagster.curve.blinding import blinding_of
from fntx_dagster.curve.group import Point, commitment, write_wide

FIELDS = ("closing_nav_official", "implied_turnover", "net_pnl")
"""The signed metrics that are committed, in this order."""

LABEL = b"FNTX-COMMITMENTS-V1"
RANGE = 2**32
"""A committed value is below it."""
PNL_OFFSET = 2**31
"""Added to the net P&L, which may be negative."""

_WITHOUT_CENTS = frozenset({"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "PYG", "UGX", "VND", "VUV", "XAF", "XOF"})
_SCALE_WITHOUT_CENTS = 2
_SIGNED_DECIMALS = 8
_EXACT = Context(prec=100, rounding=ROUND_HALF_EVEN)


class CommittedDay(NamedTuple):
    """What a signed day is, beside its figures: the blindings follow from it and the secret."""

    schema_hash: bytes
    """Of the record's catalogue."""
    account_id: str
    day: date
    version: int


@dataclass(frozen=True)
class Commitments:
    """The three figures of a day and what they are committed with. Values and blindings are private."""

    currency: str
    scale: int
    values: tuple[int, int, int] = field(repr=False)
    blindings: tuple[int, int, int] = field(repr=False)

    @cached_property
    def points(self) -> tuple[Point, Point, Point]:
        """value · G + blinding · H, for each of the three."""
        first, second, third = map(commitment, self.values, self.blindings)
        return first, second, third

    @property
    def digest(self) -> bytes:
        """The 32 bytes of slot 62."""
        return digest_of(self.currency, self.scale, self.points)


def scale_of(currency: str) -> int:
    """How many digits a unit of the pool has beyond the currency's own: 2 where the currency has no cents, so that a
    NAV in yen stays below 2^32 as one in dollars does."""
    return _SCALE_WITHOUT_CENTS if currency in _WITHOUT_CENTS else 0


def committed(
    secret: bytes, day: CommittedDay, currency: str, scale: int, signed: Mapping[str, int | None]
) -> Commitments | None:
    """The commitments of a day, from the signed integers of `FIELDS` (8 decimals); None where `values_of` has none.

    `currency` has three ASCII letters; `scale` is `scale_of` it. Permanent for a secret that is too short.
    """
    values = values_of(signed, scale)
    if values is None:
        return None
    parts = [LABEL, day.schema_hash, day.account_id.encode(), day.day.isoformat().encode(), day.version.to_bytes(8)]
    first, second, third = (
        blinding_of(secret, [*parts, number.to_bytes(2), value.to_bytes(8)]) for number, value in enumerate(values)
    )
    return Commitments(currency, scale, values, (first, second, third))


def values_of(signed: Mapping[str, int | None], scale: int) -> tuple[int, int, int] | None:
    """The three values in units of 10^scale of the currency, each rounded half-even once; None where a figure is null
    or its value is outside [0, 2^32)."""
    rounded = []
    for name in FIELDS:
        figure = signed[name]
        if figure is None:
            return None
        units = int(Decimal(figure).scaleb(-_SIGNED_DECIMALS - scale, _EXACT).to_integral_value(context=_EXACT))
        rounded.append(units + PNL_OFFSET if name == "net_pnl" else units)
    if not all(0 <= value < RANGE for value in rounded):
        return None
    nav, turnover, pnl = rounded
    return nav, turnover, pnl


def digest_of(currency: str, scale: int, points: Sequence[Point]) -> bytes:
    """The digest of three commitments in a currency (three ASCII letters) and its scale."""
    return sha256(LABEL + currency.encode("ascii") + bytes([scale]) + b"".join(map(write_wide, points))).digest()
