"""What the statements behind a report lack, and what they say against each other."""

from __future__ import annotations

from typing import NamedTuple


class Lacking(NamedTuple):
    """`sections`: tables of raw_flex that no statement of a range fills. `contradictions`: what sections say against
    `source`, which names the `base_currency`, in words such as `Change in NAV says USD`."""

    sections: tuple[str, ...] = ()
    base_currency: str | None = None
    source: str = ""
    contradictions: tuple[str, ...] | list[str] = ()
    without_terms: tuple[str, ...] | list[str] = ()
    """Symbols of open options without strike, expiry or putCall."""
