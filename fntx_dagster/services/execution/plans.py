"""A strategy as it is asked for: a document, read strictly, and the slices that it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.execution.assets import DROPS, LedgerAsset, LedgerPair
from fntx_dagster.execution.risk import SIDES
from fntx_dagster.execution.slices import LIMIT, MOST_SLICES, STRATEGIES, VWAP, Slice, SlicePlan, VolumeBucket, sliced
from fntx_dagster.governance.decisions import moment
from fntx_dagster.governance.fields import StrictFields
from fntx_dagster.services.governance.payloads import read_asset
from fntx_dagster.store.treasury.strategies import ProfileRow

MOST_DECIMALS = 15
BATCH = 5
"""So many slices are asked for at once, unless somebody says otherwise."""
LONGEST = timedelta(days=30)
_HOUR = timedelta(hours=1)
_XRP_DECIMALS = len(str(DROPS)) - 1


class AskedStrategy(NamedTuple):
    """A strategy that is asked for. `profile`: the hash of the volume profile to go by; None: the newest."""

    kind: str
    side: str
    pair: LedgerPair
    quantity: Decimal
    decimals: int
    starts_at: datetime
    ends_at: datetime
    slices: int
    batch: int
    limit_price: Decimal | None
    profile: str | None


def read_strategy(document: Any) -> AskedStrategy:
    """The strategy of a document. Raises Permanent that names the first field that is missing, left over or not of its
    form."""
    whole = StrictFields(document, "", "docs/execution.md")
    kind, side = whole.one_of("strategy", STRATEGIES), whole.one_of("side", SIDES)
    pair = LedgerPair(*(LedgerAsset(*read_asset(whole.object(name))) for name in ("base", "quote")))
    if pair.base == pair.quote:
        raise Permanent("base and quote are the same", "Name what is traded, and against what")
    most = _XRP_DECIMALS if pair.base.is_xrp else MOST_DECIMALS
    asked = AskedStrategy(
        kind,
        side,
        pair,
        Decimal(whole.decimal("quantity")),
        whole.whole("decimals", 0, most) if whole.has("decimals") else _XRP_DECIMALS,
        moment(whole.text("start")),
        moment(whole.text("end")),
        1 if kind == LIMIT and not whole.has("slices") else whole.whole("slices", 1, MOST_SLICES),
        whole.whole("batch", 1, MOST_SLICES) if whole.has("batch") else BATCH,
        Decimal(whole.decimal("limit_price")) if kind == LIMIT or whole.has("limit_price") else None,
        whole.text("profile") if whole.has("profile") else None,
    )
    whole.end()
    if asked.limit_price is not None and asked.limit_price <= 0:
        raise Permanent("limit_price is not above 0", "Say what one of the base may cost")
    if asked.ends_at - asked.starts_at > LONGEST:
        raise Permanent(f"end is more than {LONGEST.days} days after start", "Name an earlier end")
    return asked


def planned(asked: AskedStrategy, profile: ProfileRow | None) -> list[Slice]:
    """The slices of a strategy. Raises Permanent where two of them would begin at the same second."""
    buckets = _buckets(asked, profile) if asked.kind == VWAP else ()
    window = (asked.starts_at, asked.ends_at)
    plan = SlicePlan(asked.kind, Fraction(asked.quantity), asked.decimals, *window, asked.slices, buckets)
    slices = sliced(plan)
    if len({each.at for each in slices}) < len(slices):
        raise Permanent("two slices begin at the same second", "Ask for fewer slices, or for more time")
    return slices


def ends_of(slices: list[Slice], ends_at: datetime) -> list[datetime]:
    """When the offer of each slice ends: as the next begins, and the last with the strategy."""
    return [*(each.at for each in slices[1:]), ends_at]


def hours_of(profile: ProfileRow) -> Mapping[int, Fraction]:
    """Hour of the day → volume."""
    return {hour: Fraction(volume) for hour, volume in enumerate(profile.hours)}


def _buckets(asked: AskedStrategy, profile: ProfileRow | None) -> list[VolumeBucket]:
    """Each hour from start to end with the volume of its hour of the day."""
    if profile is None:
        raise Permanent("there is no volume profile of this market", "`fntx strategy profile` makes one")
    volumes = hours_of(profile)
    hour = asked.starts_at.replace(minute=0, second=0, microsecond=0)
    buckets = []
    while hour < asked.ends_at:
        buckets.append(VolumeBucket(hour, hour + _HOUR, volumes[hour.hour]))
        hour += _HOUR
    return buckets
