"""What a check reads of a configuration, an observation or the records: parts, numbers, codes, amounts and times.

Whatever is missing or has another form gives no answer, and a check without an answer is an ERROR, never a MATCH.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

Document = Mapping[str, Any]
Line = tuple[str, str]
"""The code and the issuer of a token."""

_MOST_DIGITS, _MOST_EXPONENT = 100, 200
_LONG_CODE = re.compile(r"[!-~][ -~]{2,18}[!-~]")
_HEX_CODE = re.compile("[0-9A-Fa-f]{40}")


class NoAnswer(ValueError):
    """A server, or the database, did not say what a check needs. The message is for people."""


class NotOnLedger(ValueError):
    """The ledger answers that it has no such account. The message names it."""


def part(whole: Any, *path: str) -> Any:
    """A part of a document, by its names. Raises NoAnswer where it, or something around it, is missing or an error."""
    at = whole
    for name in path:
        _refuse_errors(at)
        if not isinstance(at, Mapping) or name not in at:
            raise NoAnswer(f"nothing says {'.'.join(path)}")
        at = at[name]
    _refuse_errors(at)
    return at


def inner(whole: Any, *path: str) -> Document:
    """A part that is an object. Raises NoAnswer."""
    found = part(whole, *path)
    if not isinstance(found, Mapping):
        raise NoAnswer(f"{'.'.join(path)} is no object")
    return found


def rows(whole: Any, *path: str) -> list[Document]:
    """A list of objects. Raises NoAnswer."""
    found = part(whole, *path)
    if not isinstance(found, list) or not all(isinstance(row, Mapping) for row in found):
        raise NoAnswer(f"{'.'.join(path)} is no list of rows")
    return found


def account_of(observed: Document, ledger: str, role: str) -> Document:
    """What a ledger says of an account. Raises NotOnLedger where it says that there is none, else NoAnswer."""
    account = inner(observed, ledger, "accounts", role)
    found = part(account, "found")
    if found is False:
        raise NotOnLedger(f"the account {role} is not on the ledger")
    if found is not True:
        raise NoAnswer(f"nothing says whether the account {role} is there")
    return account


def number(value: Any) -> Fraction:
    """A number, exactly, however it is written: `1000`, `"1000.0"` and `"1e3"` are one. Raises NoAnswer."""
    if isinstance(value, bool) or not isinstance(value, int | str | float | Decimal):
        raise NoAnswer(f"{_short(value)} is no number")
    try:
        decimal = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        raise NoAnswer(f"{_short(value)} is no number") from None
    digits, exponent = decimal.as_tuple().digits, decimal.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > _MOST_EXPONENT or len(digits) > _MOST_DIGITS:
        raise NoAnswer(f"{_short(value)} is no number of a ledger")
    return Fraction(decimal)


def whole(value: Any) -> int:
    """A whole number. Raises NoAnswer."""
    found = number(value)
    if found.denominator != 1:
        raise NoAnswer(f"{_short(value)} is no whole number")
    return found.numerator


def text(value: Any) -> str:
    """A text. Raises NoAnswer."""
    if not isinstance(value, str):
        raise NoAnswer(f"{_short(value)} is no text")
    return value


def said(value: Fraction) -> str:
    """A number as people write it, with all its digits; cut after 20 decimals where it has no end."""
    whole_part, rest = divmod(abs(value), 1)
    digits = f"{int(rest * 10**20):020d}".rstrip("0")
    return f"{'-' if value < 0 else ''}{whole_part}{'.' if digits else ''}{digits}"


def code(currency: Any) -> str:
    """The code of a token as people write it: 40 hex digits that spell 4 to 20 signs become those, others stay."""
    written = text(currency)
    if not _HEX_CODE.fullmatch(written):
        return written
    spelled = bytes.fromhex(written).rstrip(b"\x00").decode("latin-1")
    return spelled if _LONG_CODE.fullmatch(spelled) else written.upper()


def line(row: Document) -> Line:
    """Which token a trust line is for."""
    return code(part(row, "currency")), text(part(row, "issuer"))


def amount(value: Any) -> tuple[str, str, Fraction]:
    """Code, issuer and value of an amount; XRP for drops. Raises NoAnswer."""
    if isinstance(value, Mapping):
        return *line(value), number(part(value, "value"))
    return "XRP", "", number(value)


def moment(value: Any) -> datetime | int | None:
    """A time in UTC, or seconds where it is written so; None for none. Raises NoAnswer."""
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        at = datetime.fromisoformat(text(value))
    except ValueError:
        raise NoAnswer(f"{_short(value)} is no time") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def table(whole_table: Any) -> dict[str, Fraction]:
    """Amounts by token; two spellings of one token are added. Raises NoAnswer."""
    if not isinstance(whole_table, Mapping):
        raise NoAnswer(f"{_short(whole_table)} is no table of tokens")
    _refuse_errors(whole_table)
    found: dict[str, Fraction] = {}
    for name, value in whole_table.items():
        found[code(name)] = found.get(code(name), Fraction(0)) + number(value)
    return found


def names(found: Iterable[str]) -> str:
    """Names in order, or `none`."""
    return ", ".join(sorted(found)) or "none"


def _refuse_errors(at: Any) -> None:
    if isinstance(at, Mapping) and at.get("error") is not None:
        raise NoAnswer(str(at["error"]))


def _short(value: Any) -> str:
    return repr(value)[:40]
