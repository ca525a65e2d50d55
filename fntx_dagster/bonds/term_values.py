"""How a value of a term is read: a date, a number, a cycle, a word. ValueError says what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from fntx_dagster.bonds.business_days import CALENDARS
from fntx_dagster.bonds.cycles import Cycle, read_cycle
from fntx_dagster.bonds.moments import Moment, read_moment

Read = Callable[[Any], Any]

_NUMBER = re.compile(r"[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,2})?", re.ASCII).fullmatch
_LARGEST = Fraction(10**30)
_DAYS = re.compile(r"P(\d{1,3})D", re.ASCII).fullmatch


def number(value: Any) -> Fraction:
    """A number of JSON or its text, exactly as it is written: `"0.1"` is a tenth, and so is `0.1`."""
    # A number of JSON is a float in Python: its shortest text is what stood in the file.
    text = value.strip() if isinstance(value, str) else repr(value) if type(value) in (int, float) else ""
    if not _NUMBER(text):
        raise ValueError("it is not a number of at most 30 digits before the point and 30 after it")
    if abs(found := Fraction(text)) >= _LARGEST:
        raise ValueError("it is not below 1e30")
    return found


def above_zero(value: Any) -> Fraction:
    if (found := number(value)) <= 0:
        raise ValueError("it is not above 0")
    return found


def not_below_zero(value: Any) -> Fraction:
    if (found := number(value)) < 0:
        raise ValueError("it is below 0")
    return found


def rate(value: Any) -> Fraction:
    if not -1 < (found := number(value)) <= 100:
        raise ValueError("a rate lies above -1 and is at most 100: 0.05 is 5 % a year")
    return found


def moment(value: Any) -> Moment:
    return read_moment(_text(value))


def cycle(value: Any) -> Cycle:
    return read_cycle(_text(value))


def days(value: Any) -> int:
    if not (written := _DAYS(_text(value))):
        raise ValueError("it is not a number of days, such as P0D or P2D")
    return int(written[1])


def code(value: Any) -> str:
    if not (text := _text(value)) or len(text) > 200:
        raise ValueError("it is not a text of 1 to 200 characters")
    return text


def calendar(value: Any) -> str:
    return one_of(*CALENDARS)(value)


def one_of(*words: str) -> Read:
    def read(value: Any) -> str:
        if (text := _text(value)) not in words:
            raise ValueError(f"it is none of {', '.join(words)}")
        return text

    return read


def only(*allowed: Any) -> Read:
    """For a term that is not computed: nothing but what has no effect is taken."""

    def read(value: Any) -> None:
        if isinstance(value, str) and value.strip() in allowed:
            return
        try:
            if 0 in allowed and number(value) == 0:
                return
        except ValueError:
            pass
        raise ValueError(f"this term is not computed: leave it out{_or_write(allowed)}")

    return read


def _or_write(allowed: tuple[Any, ...]) -> str:
    return f", or write {', '.join(map(str, allowed))}" if allowed else ""


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("it is not a text")
    return value.strip()
