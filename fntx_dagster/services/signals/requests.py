"""Requests of the signal endpoints as typed values, with every fault at once, and their fingerprints."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple, cast

from fntx_dagster.ledger.exact import parsed, written
from fntx_dagster.ledger.names import CURRENCY, NAME
from fntx_dagster.model.signals import CLOSES, ENTRY_TYPES, EXIT_REASONS, SignalInstrument, Wish
from fntx_dagster.services.orders.fields import Declined, FieldFault, Fields, Number, read_object

_TEXT = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,255}").fullmatch
_USER = re.compile(r"[^\x00-\x20\x7f\ud800-\udfff]{1,64}").fullmatch
_TOKEN = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,64}").fullmatch
_MOST_FAULTS = 100
_PLACES = 9
_MOST_LEVELS = 1_000
_CODE = "1 to 64 printable ASCII characters without spaces"
_WORDS = "1 to 255 characters without control characters"
_SHORT = "1 to 64 characters without control characters"

_STRIKE_NAMES = {
    "underlying": "index_name",
    "strike": "strike_price",
    "option_type": "position",
    "expiry": "DOE",
    "lot_size": "lot_qty",
}
"""What `strike_data` calls the fields of an instrument."""

Side = list[tuple[Decimal, Decimal | None]]


class PaperMarket(NamedTuple):
    """A paper market: prices and sizes of each side (a size of None gives any quantity); `at`: None where it is of
    now."""

    bids: Side
    asks: Side
    at: datetime | None


class EntrySignal(NamedTuple):
    """An entry as it was asked for. `allocations`: None where the strategy's subscriptions take part."""

    strategy_code: str
    unique_id: str
    signal_type: str
    token: str
    strike_price_token: str
    instrument: SignalInstrument | None
    allocations: list[Wish] | None
    market: PaperMarket | None
    stop_loss: Decimal | None
    target: Decimal | None
    description: str | None
    is_paper: bool
    fingerprint: bytes


class ExitSignal(NamedTuple):
    """An exit as it was asked for. `user_ids`: who leaves; None: all who hold."""

    strategy_code: str
    unique_id: str
    signal_type: str
    token: str
    strike_price_token: str
    market: PaperMarket | None
    user_ids: list[str] | None
    exit_reason: str
    settlement_price: Decimal | None
    fingerprint: bytes

    @property
    def closes(self) -> str:
        """The type of the entry that it closes."""
        return CLOSES[self.signal_type]


def entry(body: bytes) -> EntrySignal:
    """An entry. Raises Declined with every fault; `user_twice` where a participant is named twice."""
    fields = Fields(read_object(body))
    who = _named(fields, ENTRY_TYPES)
    asked = EntrySignal(
        *who,
        instrument=_instrument(fields, "strike_data", who[4]),
        allocations=_allocations(fields, "allocations"),
        market=_market(fields, "quote"),
        stop_loss=fields.amount("stop_loss", optional=True),
        target=fields.amount("target", optional=True),
        description=fields.words("description"),
        is_paper=fields.boolean("is_paper", True),
        fingerprint=b"",
    )
    if not asked.is_paper and asked.market is not None:
        fields.fault("quote", "not_allowed", "a live signal brings no quote: the exchange has the prices")
    fields.finish()
    _once(wish.user_id for wish in asked.allocations or ())
    return asked._replace(fingerprint=fields.fingerprint("signals/entry"))


def leaving(body: bytes) -> ExitSignal:
    """An exit. Raises Declined with every fault."""
    fields = Fields(read_object(body))
    who = _named(fields, tuple(CLOSES))
    asked = ExitSignal(
        *who,
        market=_market(fields, "quote"),
        user_ids=_users(fields, "user_ids"),
        exit_reason=fields.choice("exit_reason", EXIT_REASONS, "SIGNAL"),
        settlement_price=fields.price("settlement_price", _PLACES),
        fingerprint=b"",
    )
    if asked.exit_reason == "EXPIRY" and asked.settlement_price is None and not fields.has("settlement_price"):
        fields.fault("settlement_price", "missing", "a settlement at expiry needs its price")
    if asked.exit_reason != "EXPIRY" and fields.has("settlement_price"):
        fields.fault("settlement_price", "not_allowed", "only exit_reason EXPIRY has a settlement price")
    fields.finish()
    _once(asked.user_ids or ())
    return asked._replace(fingerprint=fields.fingerprint("signals/exit"))


def wish(given: Mapping[str, Any]) -> Wish:
    """What a subscriber wishes of each entry. Raises Declined with every fault."""
    fields = Fields({})
    found = _wish(given, lambda name, words: fields.fault(name.removeprefix("."), "invalid", words))
    if found is not None and found.qty <= 0:
        fields.fault("qty", "not_positive", "not above 0")
    fields.finish()
    assert found is not None  # else it had a fault
    return found


def instrument(given: Mapping[str, Any]) -> SignalInstrument:
    """A row of an instrument master, by the names of `SignalInstrument`. Raises Declined with every fault."""
    described = {_STRIKE_NAMES.get(name, name): value for name, value in given.items()}
    fields = Fields({"token": described.pop("token", None), "strike_data": described})
    try:
        found = _instrument(fields, "strike_data", fields.text("token", _TOKEN, _SHORT))
        fields.finish()
    except Declined as declined:
        names = {f"strike_data.{name}": column for column, name in _STRIKE_NAMES.items()}
        faults = [
            fault._replace(field=names.get(fault.field, fault.field.removeprefix("strike_data.")))
            for fault in declined.faults
        ]
        raise Declined(faults) from None
    assert found is not None
    return found


def _named(fields: Fields, types: tuple[str, ...]) -> tuple[str, str, str, str, str]:
    """Code of the strategy, unique id, type, token and token of the strike: what every signal names."""
    code = fields.text("strategy_code", NAME, _CODE)
    unique_id = fields.text("unique_id", _TEXT, _WORDS)
    signal_type = fields.choice("signal", types, None)
    token, strike = (fields.text(name, _TOKEN, _SHORT) for name in ("token", "strike_price_token"))
    return code, unique_id, signal_type, token, strike


def _once(users: Iterable[str]) -> None:
    users = [*users]
    seen: set[str] = set()
    if len({*users}) == len(users):
        return
    for user_id in users:
        if user_id in seen:
            fault = FieldFault("user_id", "user_twice", f"the participant {user_id[:64]!a} is named twice")
            raise Declined([fault], "user_twice")
        seen.add(user_id)


def _instrument(fields: Fields, name: str, token: str) -> SignalInstrument | None:
    inner = fields.inner(name, "an object that describes the instrument")
    if inner is None:
        return None
    inner.text("token", _TOKEN, _SHORT, optional=True)
    symbol = inner.text("symbol", _TOKEN, _SHORT)
    base, slash, quote = symbol.partition("/")
    if slash and not (base and CURRENCY(quote)):
        inner.fault("symbol", "invalid", "a symbol with a slash is BASE/QUOTE, such as BTC/USDT")
    exchange = inner.text("exchange", NAME, _CODE, optional=True)
    underlying = inner.text("index_name", _TOKEN, _SHORT, optional=True)
    expiry = inner.day("DOE")
    strike = inner.price("strike_price")
    option_type = inner.choice("position", ("CE", "PE"), None) if inner.has("position") else None
    lot = inner.price("lot_qty", _PLACES)
    if lot is not None and not lot:
        inner.fault("lot_qty", "not_positive", "not above 0")
    fields.take_in(name, inner)
    return SignalInstrument(
        token, symbol, exchange or "NFO", underlying or None, strike, option_type, expiry, lot or Decimal(1)
    )


def _market(fields: Fields, name: str) -> PaperMarket | None:
    inner = fields.inner(name, "an object with bid and ask, or bids and asks")
    if inner is None:
        return None
    sides: list[Side] = []
    for one, many in (("bid", "bids"), ("ask", "asks")):
        price, size = inner.price(one, _PLACES), inner.price(f"{one}_size", _PLACES)
        levels = _levels(inner, many)
        if levels is not None and (inner.has(one) or inner.has(f"{one}_size")):
            inner.fault(many, "conflict", f"give {one} or {many}, not both")
        if price is None and size is not None:
            inner.fault(one, "missing", "a size needs its price")
        sides.append(levels if levels is not None else [] if price is None else [(price, size)])
    at = inner.moment("ts")
    if not any(sides) and not inner.is_wrong:
        inner.fault("bid", "missing", "a quote has a bid, an ask, or both")
    fields.take_in(name, inner)
    return PaperMarket(sides[0], sides[1], at)


def _levels(fields: Fields, name: str) -> Side | None:
    value = fields.take(name)
    if value is None:
        return None
    try:
        if not isinstance(value, list) or not all(isinstance(level, list) for level in value):
            raise TypeError
        if len(value) > _MOST_LEVELS:
            fields.fault(name, "too_many", f"at most {_MOST_LEVELS} levels")
            return []
        found = [(_plain(price), _plain(size)) for price, size in value]
    except (TypeError, ValueError):
        fields.fault(name, "invalid", "not a list of [price, size]")
        return []
    fields.keep(name, [[written(price), written(size)] for price, size in found])
    return cast(Side, found)


@lru_cache(1 << 12)
def _plain(value: Any, *, signed: bool = False) -> Decimal:
    """A price or a quantity: nine decimal places, so that a product of two is exact to 18."""
    text = value if isinstance(value, str) else ""
    number = parsed(text, signed=signed)
    if len(text.partition(".")[2].rstrip("0")) > _PLACES:
        raise ValueError(f"more than {_PLACES} decimal places")
    return number


def _users(fields: Fields, name: str) -> list[str] | None:
    value = fields.take(name)
    if value is None:
        return None
    if not isinstance(value, list) or not value:
        fields.fault(name, "invalid", "not a list of participants")
        return []
    found = [_user(each) for each in value]
    if None in found:
        fields.fault(name, "invalid", f"a participant is {_SHORT}, without spaces")
        return []
    return fields.keep(name, found)


def _user(value: Any) -> str | None:
    """A participant's id; a whole number is taken as its digits."""
    if isinstance(value, Number):
        return str(value) if value.isdigit() and len(value) <= 64 else None
    return value if isinstance(value, str) and _USER(value) else None


def _allocations(fields: Fields, name: str) -> list[Wish] | None:
    """The participants of the request. Ten thousand may come, so this reads them without a `Fields` for each."""
    value = fields.take(name)
    if value is None:
        return None
    if not isinstance(value, list):
        fields.fault(name, "invalid", "not a list of participants")
        return []
    found: list[Wish] = []
    faults = 0
    for place, given in enumerate(value):
        wish = _usual_wish(given) or _wish(
            given, lambda field, words, place=place: fields.fault(f"{name}[{place}]{field}", "invalid", words)
        )
        if wish is not None:
            found.append(wish)
        elif (faults := faults + 1) >= _MOST_FAULTS:
            break
    if not faults:
        normal = "\n".join([f"{user_id}\t{_normal(*numbers)}" for user_id, *numbers in found])
        fields.keep(name, hashlib.sha256(normal.encode()).hexdigest())
    return found


def _usual_wish(given: Any) -> Wish | None:
    """A wish in which nothing is wrong; None of one that has to be looked at field by field."""
    if type(given) is not dict or not given.keys() <= _FIELDS or (user_id := _user(given.get("user_id"))) is None:
        return None
    try:
        _, qty, fee_bps, fee_fixed, most = _numbers(*map(given.get, _NUMBERS))
    except (TypeError, ValueError):
        return None
    return Wish(user_id, qty, fee_bps, fee_fixed, most)


@lru_cache(1 << 12)  # of ten thousand participants many wish the same
def _numbers(qty: str, *others: str | None) -> Wish:
    """A wish of nobody with these numbers, in the order of its fields; None of one that was not given. Raises TypeError
    or ValueError for what is none."""
    given = {name: parsed(each) for name, each in zip(_NUMBERS[1:], others, strict=True) if each is not None}
    return Wish("", _plain(qty, signed=True), **given)


def _wish(given: Any, fault: Callable[[str, str], None]) -> Wish | None:
    if not isinstance(given, Mapping):
        fault("", "not an object with user_id and qty")
        return None
    user_id, wrong = _user(given.get("user_id")), False
    if user_id is None:
        fault(".user_id", f"not {_SHORT}, without spaces")
        wrong = True
    read: dict[str, Decimal] = {}
    for field, value in given.items():
        if field == "user_id" or (value is None and field in _WISHED and field != "qty"):
            continue
        if field not in _WISHED:
            fault(f".{field[:64]!a}", "no field of a participant")
            wrong = True
            continue
        try:
            text = value if isinstance(value, str) else ""
            read[field] = _plain(text, signed=True) if field == "qty" else parsed(text)
        except ValueError as error:
            fault(f".{field}", str(error))
            wrong = True
    if "qty" not in given:
        fault(".qty", "the field is missing: a number")
        wrong = True
    return None if wrong or user_id is None else Wish(user_id, **read)


@lru_cache(1 << 12)
def _normal(*numbers: Decimal | None) -> str:
    """The numbers of a wish as the fingerprint sees them: 1.0 is 1."""
    return "\t".join("" if each is None else written(each) for each in numbers)


_NUMBERS = Wish._fields[1:]
_FIELDS = frozenset(Wish._fields)
_WISHED = {"user_id", "qty", "fee_bps", "fee_fixed", "max_notional"}
