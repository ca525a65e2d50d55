"""The fields of a request, read one by one: exact numbers, no doubled keys, every fault at once, and the fingerprint.

A JSON number is read by its literal text, never through a float.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from fntx_dagster.ledger.entries import canonical, moment
from fntx_dagster.ledger.exact import WRITTEN, parsed, written
from fntx_dagster.model.orders import Quote

_KEY = re.compile(r"[\x20-\x7e]{1,255}").fullmatch
_LONGEST_TEXT = 500


class FieldFault(NamedTuple):
    """What is wrong with a field of a request."""

    field: str
    code: str
    message: str


class Declined(Exception):
    """A request that is not carried out, with all its faults: HTTP 422, `validation_failed`, unless said otherwise."""

    def __init__(self, faults: list[FieldFault], code: str = "validation_failed", status: int = 422) -> None:
        self.faults = faults
        self.code = code
        self.status = status
        super().__init__("; ".join(f"{fault.field}: {fault.message}" for fault in faults))


class Number(str):
    """The literal text of a JSON number."""

    __slots__ = ()


def read_object(body: bytes, numbers: Callable[[str], Any] = Number) -> dict[str, Any]:
    """The JSON object of a body, its numbers as their literal texts, unless `numbers` reads them.

    Raises Declined for what is no JSON object, and for a key that stands twice in one.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for place, name in enumerate(names) if name in names[:place])
            raise Declined([FieldFault(_shown(twice), "doubled_key", "the key stands twice in one object")])
        return found

    def constant(text: str) -> object:
        raise ValueError(f"{text} is no JSON")

    try:
        value = json.loads(
            body.decode(), parse_float=numbers, parse_int=numbers, parse_constant=constant, object_pairs_hook=once
        )
        if b"\\u" in body:
            json.dumps(value, ensure_ascii=False).encode()  # no lone surrogates
    except (ValueError, RecursionError):
        raise Declined([FieldFault("", "not_json", "the body is not a JSON object in UTF-8")]) from None
    if not isinstance(value, dict):
        raise Declined([FieldFault("", "not_json", "the body is not a JSON object")])
    return value


class Fields:
    """The fields of a request: each is taken once; what is wrong is collected, what is left is unknown."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = {name: value for name, value in given.items() if value is not None}
        self._left = {*given}
        self._faults: list[FieldFault] = []
        self._read: dict[str, object] = {}

    def has(self, name: str) -> bool:
        return name in self._given

    def fault(self, name: str, code: str, message: str) -> None:
        self._faults.append(FieldFault(name, code, message))

    def text(self, name: str, form: Any, what: str, *, optional: bool = False) -> str:
        value = self.take(name)
        if value is None:
            if not optional:
                self.fault(name, "missing", f"the field is missing: {what}")
        elif not isinstance(value, str) or isinstance(value, Number) or not form(value):
            self.fault(name, "invalid", f"not {what}")
        else:
            return self.keep(name, value)
        return ""

    def words(self, name: str) -> str | None:
        value = self.take(name)
        if value is None:
            return None
        if not isinstance(value, str) or isinstance(value, Number) or len(value) > _LONGEST_TEXT or "\0" in value:
            self.fault(name, "invalid", f"not a text of at most {_LONGEST_TEXT} characters")
            return None
        return self.keep(name, value)

    def choice(self, name: str, choices: tuple[str, ...], default: str | None) -> str:
        value = self.take(name)
        if value is None and default is not None:
            return self.keep(name, default)
        if value is None:
            self.fault(name, "missing", f"the field is missing: {' or '.join(choices)}")
        elif value not in choices or isinstance(value, Number):
            self.fault(name, "invalid", f"not {' or '.join(choices)}")
        else:
            return self.keep(name, value)
        return ""

    def boolean(self, name: str, default: bool) -> bool:
        value = self.take(name)
        if value is None:
            value = default
        if not isinstance(value, bool):
            self.fault(name, "invalid", "not true or false")
            return default
        return self.keep(name, value)

    def number(self, name: str) -> Decimal | None:
        """A number that may be below zero."""
        return self._decimal(name, signed=True)

    def amount(self, name: str, *, optional: bool = False) -> Decimal | None:
        """A number above zero."""
        missing = not self.has(name)
        value = self._decimal(name, signed=False)
        if missing and not optional:
            self.fault(name, "missing", "the field is missing: a number above 0")
        if value is not None and not value:
            self.fault(name, "not_positive", "not above 0")
            return None
        return value

    def price(self, name: str, places: int = WRITTEN) -> Decimal | None:
        """A number of at least zero and at most so many decimal places, where there is one."""
        number = self._decimal(name, signed=False)
        if number is not None and places < WRITTEN and (Fraction(number) * 10**places).denominator != 1:
            self.fault(name, "invalid", f"more than {places} decimal places")
            return None
        return number

    def day(self, name: str) -> date | None:
        """A day as ISO 8601 writes it or as exchanges do (28DEC2023), where there is one."""
        value = self.take(name)
        if value is None:
            return None
        try:
            return date.fromisoformat(self.keep(name, day_of(value if isinstance(value, str) else "").isoformat()))
        except ValueError:
            self.fault(name, "invalid", "not a day such as 2023-12-28")
            return None

    def inner(self, name: str, what: str) -> Fields | None:
        """The fields of an object in this one, where there is one; `take_in` takes what was read of them."""
        value = self.take(name)
        if value is not None and not isinstance(value, dict):
            self.fault(name, "invalid", f"not {what}")
            return None
        return None if value is None else Fields(value)

    def take_in(self, name: str, inner: Fields) -> None:
        """Keep what was read of an object in this one, and its faults."""
        inner._unknown()
        self._faults += [fault._replace(field=f"{name}.{fault.field}") for fault in inner._faults]
        self.keep(name, inner._read)

    @property
    def is_wrong(self) -> bool:
        """Whether anything was wrong so far."""
        return bool(self._faults)

    def quote(self, name: str) -> Quote | None:
        """The paper market: bid and ask, their sizes, the moment."""
        inner = self.inner(name, "an object with bid, ask, bid_size, ask_size and ts")
        if inner is None:
            return None
        bid, ask, bid_size, ask_size = (
            inner._decimal(each, signed=False) for each in ("bid", "ask", "bid_size", "ask_size")
        )
        at = inner.moment("ts")
        for each, found in (("bid", bid), ("ask", ask), ("ts", at)):
            if found is None and not inner.has(each):
                inner.fault(each, "missing", "the field is missing")
        self.take_in(name, inner)
        if bid is None or ask is None or at is None or inner._faults:
            return None
        return Quote(bid, ask, bid_size, ask_size, at)

    def key(self, header: str | None) -> str | None:
        """The idempotency key, of the header or the body. Raises Declined where the two differ, or it has no form."""
        value = self.take("idempotency_key")
        for each in (value, header):
            if each is not None and (not isinstance(each, str) or isinstance(each, Number) or not _KEY(each)):
                self.fault("idempotency_key", "invalid", "not 1 to 255 printable ASCII characters")
                return None
        if value is not None and header is not None and value != header:
            fault = FieldFault(
                "idempotency_key", "conflict", "the header Idempotency-Key and the body name different keys"
            )
            raise Declined([fault], "idempotency_key_conflict", 400)
        return header if value is None else value

    def finish(self) -> None:
        """Raises Declined where anything was wrong, or a field is known to nobody."""
        self._unknown()
        if self._faults:
            raise Declined(self._faults)

    def fingerprint(self, what: str, **more: object) -> bytes:
        """SHA-256 of what was read, with defaults filled in and numbers as they are written, without the key."""
        read: dict[str, Any] = {"request": what, **self._read, **more}
        return hashlib.sha256(canonical(read)).digest()

    def take(self, name: str) -> Any:
        self._left.discard(name)
        return self._given.get(name)

    def keep(self, name: str, value: Any) -> Any:
        self._read[name] = value
        return value

    def _decimal(self, name: str, *, signed: bool) -> Decimal | None:
        value = self.take(name)
        if value is None:
            return None
        try:
            number = parsed(value if isinstance(value, str) else "", signed=signed)
        except ValueError as error:
            self.fault(name, "invalid", str(error))
            return None
        self.keep(name, written(number))
        return number

    def moment(self, name: str) -> datetime | None:
        value = self.take(name)
        if value is None:
            return None
        try:
            at = moment_of(value if isinstance(value, str) and not isinstance(value, Number) else "")
        except ValueError as error:
            self.fault(name, "invalid", str(error))
            return None
        self.keep(name, moment(at))
        return at

    def _unknown(self) -> None:
        for name in sorted(self._left):
            self.fault(_shown(name), "unknown_field", "no field of this request")
        self._left = set()


_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII | re.IGNORECASE,
).fullmatch


def moment_of(text: str) -> datetime:
    """A moment as RFC 3339 writes it, with its offset; digits beyond microseconds are cut.

    Raises ValueError for any other text.
    """
    match = _MOMENT(text)
    if not match:
        raise ValueError("not a moment as RFC 3339 writes it, with its offset (2026-03-02T12:00:00Z)")
    fraction = match[1] or ""
    try:
        at = datetime.fromisoformat(text.upper().replace(fraction, fraction[:7]).replace("Z", "+00:00"))
        at.timestamp()
        moment(at)
    except (ValueError, OverflowError):
        raise ValueError("no such moment") from None
    return at


def day_of(text: str) -> date:
    """A day as ISO 8601 writes it, or as exchanges do (28DEC2023). Raises ValueError for any other text."""
    try:
        return date.fromisoformat(text[:10] if "T" in text else text)
    except ValueError:
        return datetime.strptime(text, "%d%b%Y").date()


def _shown(name: str) -> str:
    """A field's name as an answer repeats it: short, and printable."""
    return name.encode("ascii", "backslashreplace").decode()[:64]
