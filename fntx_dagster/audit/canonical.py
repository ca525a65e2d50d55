"""JSON that is hashed or signed: read so strictly that nobody can understand it in two ways, written by RFC 8785.

Two profiles. `audit`, of everything that this program hashes: numbers are whole and within ±(2^53-1); what has digits
behind a point is a text. `any`: every JSON that RFC 8785 knows, its numbers IEEE doubles.
"""

from __future__ import annotations

import json
import math
from typing import Any, Literal, NoReturn

import rfc8785

from fntx_dagster.errors import Permanent

Profile = Literal["any", "audit"]
MOST = 2**53 - 1
"""The largest whole number that every reader of JSON reads alike."""


def canonical(value: Any, profile: Profile = "audit") -> bytes:
    """The bytes of a value by RFC 8785. Permanent for what has no such form: a float (profile `audit`), a number beyond
    2^53-1, a lone surrogate, a name that is no text, a nesting of more than 100."""
    _check(value, profile)
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError):
        _refuse("the value has no canonical form")


def read_strictly(text: str | bytes, profile: Profile = "audit") -> Any:
    """The value of a JSON text. Permanent for a text that is no JSON in UTF-8, for a name that stands twice in an
    object, NaN, Infinity, and all that `canonical` refuses."""
    try:
        written = text.decode("utf-8") if isinstance(text, bytes) else text
        value = json.loads(
            written,
            object_pairs_hook=_object,
            parse_constant=lambda name: _refuse(f"{name} is no number of JSON"),
            parse_int=int if profile == "audit" else _double,
        )
    except (ValueError, RecursionError):
        _refuse("it is not JSON in UTF-8")
    _check(value, profile)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        _refuse("a name stands twice in one object")
    return content


def _double(digits: str) -> int | float:
    """A whole number as RFC 8785 reads it: beyond 2^53-1 it is the nearest double."""
    number = int(digits) if len(digits) < _LONGEST_INTEGER else float(digits)
    return number if -MOST <= number <= MOST else float(digits)


def _check(value: Any, profile: Profile) -> None:
    """Permanent unless every part of a value has one meaning. Not by recursion: a nesting may be as deep as a file."""
    level = [value]
    for _ in range(_DEEPEST):
        below: list[Any] = []
        for each in level:
            kind = type(each)
            if kind is dict:
                for name in each:
                    _check_text(name)
                below.extend(each.values())
            elif kind is list or kind is tuple:
                below.extend(each)
            elif kind is str:
                _check_text(each)
            elif kind is int:
                if not -MOST <= each <= MOST:
                    _refuse("a number is beyond 2^53-1: write it as a text")
            elif kind is float and profile == "any":
                if not math.isfinite(each):
                    _refuse("a number is beyond the range of a double")
            elif kind is float:
                _refuse("a number is not whole: write it as a text")
            elif each is not None and kind is not bool:
                _refuse(f"{kind.__name__} has no form in JSON")
        if not below:
            return
        level = below
    _refuse(f"it is nested deeper than {_DEEPEST}")


def _check_text(text: Any) -> None:
    if type(text) is not str:
        _refuse("a name is not a text")
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            _refuse("a text holds half of a pair of surrogates")


def _refuse(message: str) -> NoReturn:
    raise Permanent(message, "Write JSON in which each thing can be read in one way only")


_DEEPEST = 100
_LONGEST_INTEGER = 400
