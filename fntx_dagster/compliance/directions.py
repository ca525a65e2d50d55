"""Which letters a person reads where characters of a name turn the direction of writing.

An override (Unicode Standard Annex 9, 2.2) shows all letters after it in its direction, up to U+202C: Latin letters
after U+202E, or Arabic and Hebrew ones after U+202D, are read from their end. A name is compared both as it is written
and as it is read.
"""

from __future__ import annotations

import unicodedata
from itertools import pairwise

from fntx_dagster.compliance.names import Name, normal_form

_LEFTWARD, _RIGHTWARD, _END = "\u202e", "\u202d", "\u202c"
_OVERRIDES = _LEFTWARD + _RIGHTWARD


def readings(text: str) -> tuple[Name, ...]:
    """The normal forms of a name: as it is written, then as it is read where that is another. Permanent where it is no
    name."""
    return tuple(dict.fromkeys(map(normal_form, texts_of(text))))


def texts_of(text: str) -> tuple[str, ...]:
    """A text as it is written, and as it is read where it turns the direction of writing."""
    return (text, as_read(text)) if any(sign in text for sign in _OVERRIDES) else (text,)


def as_read(text: str) -> str:
    """A text in the order in which its letters are read, without its overrides."""
    turns = [place for place, sign in enumerate(text) if sign in _OVERRIDES or sign == _END]
    runs = [text[start:end] for start, end in pairwise([0, *turns, len(text)])]
    return "".join(_read(run) for run in runs)


def _read(run: str) -> str:
    if not run.startswith((_LEFTWARD, _RIGHTWARD)):
        return run.removeprefix(_END)
    letters = run[1:]
    return letters[::-1] if (run[0] == _RIGHTWARD) == _goes_leftward(letters) else letters


def _goes_leftward(letters: str) -> bool:
    """Whether the first letter that has a direction is of a script that is written from right to left."""
    kinds = (unicodedata.bidirectional(sign) for sign in letters)
    return next((kind != "L" for kind in kinds if kind in ("L", "R", "AL")), False)
