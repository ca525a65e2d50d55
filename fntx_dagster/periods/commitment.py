"""A day's commitment to the ten values that a proof of a period adds up, and its digest in the day's extension.

C = r·H + Σ value·F over ten generators F. Commitments of days add up to the commitment of their sums, so a total can be
opened while no day is. The blinding r follows from the salt secret and is never stored or shown.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import cached_property

from fntx_dagster.curve.blinding import blinding_of
from fntx_dagster.curve.group import H, Point, combined, named, write_compressed
from fntx_dagster.proof.salts import need_secret

LABEL = b"FNTX-PERIOD-V1"
FIELDS = (
    "net_pnl",
    "log_return",
    "external_flow",
    "turnover",
    "costs",
    "wins",
    "losses",
    "break_evens",
    "opening_nav",
    "closing_nav",
)
"""The ten values by the number of their generator. Money has 8 decimals, the log return 12, counts none."""

COMMITMENT_SLOT = 32
"""The extension's slot that holds the digest of a day's commitment."""

CURRENCY = re.compile(r"[A-Z]{3}")

_LIMIT = 2**96
_SIXTY = Context(prec=60, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True)
class DayCommitment:
    """What a day is committed to. Values and blinding are secret: they are in no repr."""

    currency: str
    """Three capital letters: of the account's base currency."""
    session: int
    """The account's age in sessions: slot 0."""
    values: tuple[int, ...] = field(repr=False)
    """As integers, in the order of FIELDS."""
    blinding: int = field(repr=False)

    @cached_property
    def point(self) -> Point:
        """The commitment itself."""
        return combined([H, *generators()], [self.blinding, *self.values])

    @property
    def digest(self) -> bytes:
        """The 32 bytes that slot 32 of the extension holds (as `metrics.catalogue.digest_value` encodes them)."""
        return digest_of(self.currency, self.session, write_compressed(self.point))


def day_commitment(
    secret: bytes,
    extension_schema_hash: bytes,
    account: str,
    day: date,
    version: int,
    *,
    record: Mapping[int, int | None],
    extension: Mapping[int, int | None],
    session: int | None,
    currency: str | None,
) -> DayCommitment | None:
    """The commitment of an account's day, or None for a day that can be in no period.

    `secret` is the salt secret, `account` the broker's id, `version` the record's. `record` and `extension` hold the
    signed integers by slot, None for null: of the record 2, 4, 6, 7, 9, 11, 13 and 15 are read, of the extension 4 to
    6. `session` is slot 0, `currency` the text of slot 57. None if one of them is null or the currency is no three
    capital letters, if NAV or flows leave nothing to earn a return on, or if a value is not below 2^96 in size. The
    same arguments give the same commitment; another version gives another blinding. KeyError for a slot that is absent,
    Permanent for a short secret.
    """
    need_secret(secret)
    values = committed_values(record, extension)
    if values is None or session is None or not 0 <= session < 2**53:
        return None
    if currency is None or not CURRENCY.fullmatch(currency):
        return None
    joined = b"".join(value.to_bytes(16, "big", signed=True) for value in values)
    name = [account.encode(), day.isoformat().encode(), version.to_bytes(8, "big")]
    blinding = blinding_of(secret, [LABEL, extension_schema_hash, *name, joined])
    return DayCommitment(currency, session, values, blinding)


def log_return(opening: int, closing: int, deposits: int, withdrawals: int) -> int | None:
    """ln((closing + withdrawals) / (opening + deposits)) · 10^12, rounded half-even, from integers of one scale; None
    where there is nothing to divide by, or no logarithm."""
    start, end = opening + deposits, closing + withdrawals
    if start <= 0 or end <= 0:
        return None
    logarithm = _SIXTY.ln(_SIXTY.divide(Decimal(end), Decimal(start)))
    return int(logarithm.scaleb(12, _SIXTY).to_integral_value(ROUND_HALF_EVEN))


def digest_of(currency: str, session: int, commitment: bytes) -> bytes:
    """What the extension's slot 32 holds for a commitment of 48 bytes."""
    return hashlib.sha256(LABEL + currency.encode("ascii") + session.to_bytes(8, "big") + commitment).digest()


def generators() -> tuple[Point, ...]:
    """The ten generators that the values of FIELDS stand on."""
    return tuple(named(f"f/{number}") for number in range(len(FIELDS)))


def committed_values(record: Mapping[int, int | None], extension: Mapping[int, int | None]) -> tuple[int, ...] | None:
    read = [*(record[slot] for slot in (2, 4, 6, 7, 9, 11, 13, 15)), *(extension[slot] for slot in (4, 5, 6))]
    numbers = [number for number in read if number is not None]
    if len(numbers) < len(read):
        return None
    opening, closing, deposits, withdrawals, commissions, fees, net_pnl, turnover, *counts = numbers
    earned = log_return(opening, closing, deposits, withdrawals)
    if earned is None:
        return None
    flow, costs = deposits - withdrawals, commissions + fees
    values = (net_pnl, earned, flow, turnover, costs, *counts, opening, closing)
    return values if all(abs(value) < _LIMIT for value in values) else None
