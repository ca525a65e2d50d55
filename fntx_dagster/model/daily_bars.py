"""The daily bars of a share as a broker's gateway gives them, and the closes that returns are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple


class DailyBar(NamedTuple):
    """The prices of one session, each above 0, adjusted for the dividends and splits after it."""

    day: date
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


class HeardBars(NamedTuple):
    """What a gateway answered at `as_of`, its own time: the bars by day, of a session that still runs as well."""

    as_of: datetime
    currency: str
    bars: Sequence[DailyBar]


class Closes(NamedTuple):
    """The closes of one source (`file`, `gateway` or `statements`), in one unit: by day, each with whether it may be
    compared with the close before."""

    source: str
    by_day: Mapping[date, tuple[Decimal, bool]]
