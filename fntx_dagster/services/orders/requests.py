"""Requests of the API as typed values: exact numbers, no doubled keys, all faults at once, and the fingerprint.

A JSON number is read by its literal text, never through a float. What a field may hold is written here once; the
OpenAPI document describes the same fields, and a test compares the two.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, cast

from fntx_dagster.ledger.entries import canonical, moment
from fntx_dagster.ledger.exact import parsed, written
from fntx_dagster.ledger.kinds import DEPOSIT, FUNDING
from fntx_dagster.ledger.names import CURRENCY, NAME
from fntx_dagster.model.orders import OrderRequest, OrderType, Quote, Side

_KEY = re.compile(r"[\x20-\x7e]{1,255}").fullmatch
_SYMBOL = re.compile(r"[A-Z0-9.]{1,20}/[A-Z0-9.]{1,20}").fullmatch
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


class Submission(NamedTuple):
    """An order as it was asked for, with the quote that came with it (paper only) and its key."""

    order: OrderRequest
    is_paper: bool
    quote: Quote | None
    key: str | None
    fingerprint: bytes


class Funding(NamedTuple):
    """Money that comes in, leaves, or is given to a bot."""

    kind: str
    amount: Decimal
    currency: str
    bot_id: str | None
    description: str | None
    is_paper: bool
    key: str | None
    fingerprint: bytes


class Guarding(NamedTuple):
    """A breaker to reset or to trip by hand: a bot's, or a user's, and why."""

    bot_id: str | None
    user_id: str | None
    reason: str
    is_paper: bool


class _Number(str):
    """The literal text of a JSON number."""

    __slots__ = ()


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a body, its numbers as their literal texts.

    Raises Declined for what is no JSON object, and for a key that stands twice in one.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                raise Declined([FieldFault(_shown(name), "doubled_key", "the key stands twice in one object")])
            found[name] = value
        return found

    def constant(text: str) -> object:
        raise ValueError(f"{text} is no JSON")

    try:
        value = json.loads(
            body.decode(), parse_float=_Number, parse_int=_Number, parse_constant=constant, object_pairs_hook=once
        )
        json.dumps(value, ensure_ascii=False).encode()  # no lone surrogates
    except (ValueError, RecursionError):
        raise Declined([FieldFault("", "not_json", "the body is not a JSON object in UTF-8")]) from None
    if not isinstance(value, dict):
        raise Declined([FieldFault("", "not_json", "the body is not a JSON object")])
    return value


def submission(body: bytes, header_key: str | None) -> Submission:
    """An order to submit. Raises Declined with every fault."""
    fields = _Fields(read_object(body))
    order_type = fields.choice("order_type", ("market", "limit"), "market")
    order = OrderRequest(
        bot_id=fields.text("bot_id", NAME, "1 to 64 printable ASCII characters without spaces"),
        exchange=fields.text("exchange", NAME, "the name of an exchange, such as binance"),
        symbol=fields.text("symbol", _SYMBOL, "BASE/QUOTE, such as BTC/USDT"),
        side=cast(Side, fields.choice("side", ("buy", "sell"), None)),
        amount=fields.amount("amount") or Decimal(0),
        order_type=cast(OrderType, order_type),
        price=fields.amount("price", optional=True),
        expected_edge_bps=fields.number("expected_edge_bps"),
        reduce_only=fields.boolean("reduce_only", False),
    )
    if order_type == "limit" and order.price is None and not fields.has("price"):
        fields.fault("price", "missing", "a limit order needs its price")
    if order_type == "market" and fields.has("price"):
        fields.fault("price", "not_allowed", "only a limit order has a price")
    is_paper = fields.boolean("is_paper", True)
    quote = fields.quote("quote")
    only_quote = quote is not None and not is_paper
    key = fields.key(header_key)
    if not is_paper and key is None:
        raise Declined(
            [FieldFault("idempotency_key", "missing", "a live order needs an Idempotency-Key")],
            "idempotency_key_missing",
            400,
        )
    fields.finish()
    if only_quote:
        raise Declined([FieldFault("quote", "not_allowed", "a live order brings no quote")], "quote_not_allowed")
    return Submission(order, is_paper, quote, key, fields.fingerprint("orders/submit", is_paper=is_paper))


def amount_of(name: str, text: str) -> Decimal:
    """A number above zero of a query. Raises Declined for anything else."""
    fields = _Fields({name: text})
    number = fields.amount(name)
    fields.finish()
    assert number is not None
    return number


def optional_moment(name: str, text: str | None) -> datetime | None:
    """A moment of a query or a header, where there is one. Raises Declined for what is none."""
    try:
        return None if text is None else moment_of(text)
    except ValueError as error:
        raise Declined([FieldFault(name, "invalid", str(error))]) from None


def funding(body: bytes, header_key: str | None) -> Funding:
    """Money to record. Raises Declined with every fault."""
    fields = _Fields(read_object(body))
    kind = fields.choice("type", FUNDING, DEPOSIT)
    bot_id = fields.text("bot_id", NAME, "1 to 64 printable ASCII characters without spaces", optional=True)
    if kind == "allocation" and not bot_id and not fields.has("bot_id"):
        fields.fault("bot_id", "missing", "an allocation is for a bot")
    asked = Funding(
        kind=kind,
        amount=fields.amount("amount") or Decimal(0),
        currency=fields.text("currency", CURRENCY, "a currency, such as USDT", optional=True) or "USDT",
        bot_id=bot_id or None,
        description=fields.words("description"),
        is_paper=fields.boolean("is_paper", True),
        key=fields.key(header_key),
        fingerprint=b"",
    )
    fields.finish()
    return asked._replace(fingerprint=fields.fingerprint("ledger/funding", is_paper=asked.is_paper))


def guarding(body: bytes) -> Guarding:
    """A breaker to reset or to trip. Raises Declined with every fault, and where neither a bot nor a user is named."""
    fields = _Fields(read_object(body))
    what = "1 to 64 printable ASCII characters without spaces"
    asked = Guarding(
        fields.text("bot_id", NAME, what, optional=True) or None,
        fields.text("user_id", NAME, what, optional=True) or None,
        fields.words("reason") or "",
        fields.boolean("is_paper", True),
    )
    fields.finish()
    if asked.bot_id is None and asked.user_id is None:
        raise Declined([FieldFault("bot_id", "missing", "name the bot (bot_id) or the user (user_id)")])
    return asked


class _Fields:
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
        value = self._take(name)
        if value is None:
            if not optional:
                self.fault(name, "missing", f"the field is missing: {what}")
        elif not isinstance(value, str) or isinstance(value, _Number) or not form(value):
            self.fault(name, "invalid", f"not {what}")
        else:
            return self._keep(name, value)
        return ""

    def words(self, name: str) -> str | None:
        value = self._take(name)
        if value is None:
            return None
        if not isinstance(value, str) or isinstance(value, _Number) or len(value) > _LONGEST_TEXT or "\0" in value:
            self.fault(name, "invalid", f"not a text of at most {_LONGEST_TEXT} characters")
            return None
        return self._keep(name, value)

    def choice(self, name: str, choices: tuple[str, ...], default: str | None) -> str:
        value = self._take(name)
        if value is None and default is not None:
            return self._keep(name, default)
        if value is None:
            self.fault(name, "missing", f"the field is missing: {' or '.join(choices)}")
        elif value not in choices or isinstance(value, _Number):
            self.fault(name, "invalid", f"not {' or '.join(choices)}")
        else:
            return self._keep(name, value)
        return ""

    def boolean(self, name: str, default: bool) -> bool:
        value = self._take(name)
        if value is None:
            value = default
        if not isinstance(value, bool):
            self.fault(name, "invalid", "not true or false")
            return default
        return self._keep(name, value)

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

    def quote(self, name: str) -> Quote | None:
        """The paper market: bid and ask, their sizes, the moment."""
        value = self._take(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.fault(name, "invalid", "not an object with bid, ask, bid_size, ask_size and ts")
            return None
        inner = _Fields(value)
        bid, ask, bid_size, ask_size = (
            inner._decimal(each, signed=False) for each in ("bid", "ask", "bid_size", "ask_size")
        )
        at = inner._moment("ts")
        for each, found in (("bid", bid), ("ask", ask), ("ts", at)):
            if found is None and not inner.has(each):
                inner.fault(each, "missing", "the field is missing")
        inner._unknown()
        self._faults += [fault._replace(field=f"{name}.{fault.field}") for fault in inner._faults]
        if bid is None or ask is None or at is None or inner._faults:
            return None
        self._keep(name, inner._read)
        return Quote(bid, ask, bid_size, ask_size, at)

    def key(self, header: str | None) -> str | None:
        """The idempotency key, of the header or the body. Raises Declined where the two differ, or it has no form."""
        value = self._take("idempotency_key")
        for each in (value, header):
            if each is not None and (not isinstance(each, str) or isinstance(each, _Number) or not _KEY(each)):
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

    def _take(self, name: str) -> Any:
        self._left.discard(name)
        return self._given.get(name)

    def _keep(self, name: str, value: Any) -> Any:
        self._read[name] = value
        return value

    def _decimal(self, name: str, *, signed: bool) -> Decimal | None:
        value = self._take(name)
        if value is None:
            return None
        try:
            number = parsed(value if isinstance(value, str) else "", signed=signed)
        except ValueError as error:
            self.fault(name, "invalid", str(error))
            return None
        self._keep(name, written(number))
        return number

    def _moment(self, name: str) -> datetime | None:
        value = self._take(name)
        if value is None:
            return None
        try:
            at = moment_of(value if isinstance(value, str) and not isinstance(value, _Number) else "")
        except ValueError as error:
            self.fault(name, "invalid", str(error))
            return None
        self._keep(name, moment(at))
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


def _shown(name: str) -> str:
    """A field's name as an answer repeats it: short, and printable."""
    return name.encode("ascii", "backslashreplace").decode()[:64]
