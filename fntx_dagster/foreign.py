"""Text that others wrote (a statement, a file's name, a node, a web service), made fit to be shown.

What belongs here: which characters may reach a terminal, Markdown or HTML. Where text leaves, it passes here: in
`cli.terminal` and `cli.plain`, `report.markdown`, `report.html`, `report.drawing`, `defs.shown`, and in the message of
an alert. What a format reads as markup is escaped where that format is written.
"""

from __future__ import annotations

import re

REPLACEMENT = "\ufffd"
"""Stands for a character that is not shown."""
LONGEST_CELL = 80
"""Characters of a name in a table: of a file, a section, a symbol."""

_SPACES = frozenset("\t\n\v\f\r\x85\u2028\u2029")
# Letters and marks without a shape: Python counts them as printable.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def cleaned(text: str, longest: int | None = None) -> str:
    """`text` on one line, in characters that have a shape: every kind of white space becomes a space; a control
    character, one that turns the direction of writing or has no width, a lone surrogate and one of private use become
    U+FFFD. With `longest`, what is longer ends in an ellipsis. Cleaning a cleaned text changes nothing."""
    if not (text.isascii() and text.isprintable()):
        text = _INVISIBLE.sub(REPLACEMENT, text)
        if not text.isprintable():
            text = "".join(map(_shown, text))
    return text if longest is None or len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def cleaned_lines(text: str) -> str:
    """As `cleaned`, with its line feeds kept."""
    return text if text.isascii() and text.isprintable() else "\n".join(map(cleaned, text.split("\n")))


def escaped_json(document: str) -> str:
    """A JSON document in which every character that `cleaned_lines` would replace is written as its escape: it holds
    the same values, and nothing in it steers a terminal."""
    shown = cleaned_lines(document)
    if shown == document:
        return document
    return "".join(sign if sign == seen else _json_escape(sign) for sign, seen in zip(document, shown, strict=True))


def _shown(sign: str) -> str:
    if sign.isprintable():
        return sign
    return " " if sign in _SPACES or (sign > "\x7f" and sign.isspace()) else REPLACEMENT


def _json_escape(sign: str) -> str:
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
