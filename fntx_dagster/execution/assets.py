"""What is traded on the XRP Ledger: XRP, and what issuers issue. Amounts are exact; of XRP they are no drops."""

from __future__ import annotations

import hashlib
import re
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

DROPS = 1_000_000
"""In one XRP."""
_FIT = re.compile(r"[A-Z0-9.]{1,20}").fullmatch
_OWN = 11


class LedgerAsset(NamedTuple):
    """XRP, whose issuer is empty, or what an issuer issues: `code` as people write it, `OPTKAS.BOND`."""

    code: str
    issuer: str = ""

    @property
    def is_xrp(self) -> bool:
        return not self.issuer


XRP = LedgerAsset("XRP")


class LedgerPair(NamedTuple):
    """A market: so much of `quote` for one of `base`."""

    base: LedgerAsset
    quote: LedgerAsset

    @property
    def turned(self) -> LedgerPair:
        return LedgerPair(self.quote, self.base)


def short_name(asset: LedgerAsset, known: frozenset[LedgerAsset]) -> str:
    """What an asset is called in books of account: its code; with part of a hash where it is none of those that are
    known, so that nobody's token passes for another one of the same code."""
    if asset.is_xrp or (asset in known and _FIT(asset.code)):
        return asset.code
    digest = hashlib.sha256(f"{asset.code}\n{asset.issuer}".encode()).hexdigest()[:8].upper()
    return f"{re.sub('[^A-Z0-9.]', '', asset.code.upper())[:_OWN]}.{digest}"


def decimal_text(value: Fraction, places: int = 40) -> str:
    """An exact amount as decimal text; what has no end is cut after that many places, toward zero."""
    units = abs(value.numerator) * 10**places // value.denominator
    digits = Decimal((0, tuple(map(int, str(units))), -places))
    text = f"{digits:f}".rstrip("0").rstrip(".") or "0"
    return f"-{text}" if value < 0 and text != "0" else text
