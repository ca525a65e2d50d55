"""Correct a book by hand: an entry is taken back, and the right one takes its place; both stay in the chain.

An entry that was taken back by mistake is posted again in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import uuid4

from fntx_dagster.errors import Permanent
from fntx_dagster.ledger.corrections import PLACE, REPLACES
from fntx_dagster.ledger.entries import Entry, moment
from fntx_dagster.ledger.exact import parsed, written
from fntx_dagster.ledger.kinds import FUNDING
from fntx_dagster.ledger.names import CURRENCY, NAME
from fntx_dagster.services.bookkeeping.batch import Batch, BookOwner, batch
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.store.ledger import books, checking, posted, reading
from fntx_dagster.store.ledger.appending import StatementRow

SHORTEST_REASON = 10
_AMOUNTS = {"qty", "price", "amount", "rate", "fee_rate"}
_SIGNED = {"fee"}
_FIELDS: dict[str, frozenset[str]] = {
    "fill": frozenset({"side", "qty", "price", "fee", "fee_currency", "liquidity", "rate", "fee_rate", "bot_id"}),
    **dict.fromkeys(FUNDING, frozenset({"amount", "currency", "rate", "description"})),
}
_FORMS = {"bot_id": NAME, "fee_currency": CURRENCY, "currency": CURRENCY}
_WORDS = {"side": ("buy", "sell"), "liquidity": ("maker", "taker")}


class Corrected(NamedTuple):
    """The entry that takes the wrong one back (None: it was taken back before), and the right one (None: there is
    none)."""

    reversal_no: int | None
    entry_no: int | None


def correct(
    desk: Desk, user_id: str, is_paper: bool, number: int, fields: Mapping[str, str] | None, reason: str, by: str
) -> Corrected:
    """Take an entry back and post it anew with these fields; without `fields` take it back alone.

    Lots, balances, results and figures become what the entries make, as if the right one had stood there always. The
    breaker judges the new figures at the next order. Raises Permanent for an entry that is not there, was taken back
    already, or is of a kind that moves nothing; for a field that its kind does not have; for a short reason; and where
    what came later does not fit what is left.
    """
    if len(reason.strip()) < SHORTEST_REASON:
        raise Permanent(f"the reason has less than {SHORTEST_REASON} characters", "Say why the entry is wrong")
    if books.book_of(desk.db, user_id, is_paper) is None:
        raise Permanent(f"{user_id} has no such book", "fntx ledger status lists the books")
    try:
        with batch(desk, BookOwner(user_id, is_paper, desk.currency)) as into:
            return _correct(into, number, fields, reason.strip(), by)
    except ValueError as error:
        raise Permanent(
            f"entry {number} cannot be corrected so: {error}",
            "A later entry needs what it brought: correct that one first",
        ) from error


def _correct(into: Batch, number: int, fields: Mapping[str, str] | None, reason: str, by: str) -> Corrected:
    wrong = reading.entry(into.connection, into.book_id, number)
    if wrong is None:
        raise Permanent(f"there is no entry {number}", f"The last one is {into.stored.head.entry_no}")
    known = _FIELDS.get(wrong["event_type"], frozenset[str]())
    if not reading.moves_money(into.connection, into.book_id, number):
        raise Permanent(f"entry {number} ({wrong['event_type']}) moves nothing", "Only what moves money is corrected")
    if strange := sorted((fields or {}).keys() - known):
        names = ", ".join(sorted(known)) or "none: take it back alone"
        raise Permanent(f"an entry of {wrong['event_type']} has no {', '.join(strange)} to correct", f"Fields: {names}")
    for other in checking.correcting_entries(into.connection, into.book_id):
        if other.get(REPLACES) == number:
            raise Permanent(f"entry {other['entry_no']} stands in the place of entry {number}", "Correct that one")
    is_reversed = reading.is_reversed(into.connection, into.book_id, number)
    if is_reversed and fields is None:
        raise Permanent(f"entry {number} was taken back already", "With --again it is posted once more")
    reversal_no = None if is_reversed else into.reverse(number, reason, by)
    if fields is None:
        return Corrected(reversal_no, None)
    new = into.add(_anew(wrong, fields, into))
    rows = posted.rows_of(into.connection, into.book_id, number)
    into.rows += (StatementRow(new, row.source, row.digest, new) for row in rows)
    return Corrected(reversal_no, new)


def _anew(wrong: Entry, fields: Mapping[str, str], into: Batch) -> dict[str, Any]:
    """The right entry: the wrong one's fields, those that are corrected, and its place."""
    number = wrong["entry_no"]
    body = {name: value for name, value in wrong.items() if name not in ("prev_hash", "hash", "realized_pnl")}
    body |= {name: _checked(name, value) for name, value in fields.items()}
    body |= {PLACE: number, REPLACES: number, "recorded_at": moment(into.recorded_at)}
    if wrong["type"] == "fill":
        body["fill_id"] = f"{uuid4()}"
        if "statement" not in wrong:
            body["executed"] = True
    elif "event_id" in wrong:
        body["event_id"] = f"{uuid4()}"
    return body


def _checked(name: str, value: str) -> str:
    """A field as entries write it."""
    if name in _WORDS and value not in _WORDS[name]:
        raise Permanent(f"{name} is {value!r}", f"It is {' or '.join(_WORDS[name])}")
    if name in _FORMS and not _FORMS[name](value):
        raise Permanent(f"{name} is {value!r}", "Write a bot as it is called in orders, a currency as USDT")
    if name not in _AMOUNTS | _SIGNED:
        return value
    try:
        number = parsed(value, signed=name in _SIGNED)
    except ValueError as error:
        raise Permanent(f"{name} is {value!r}: {error}", "Write it as 12.5") from None
    if name in _AMOUNTS and number <= Decimal(0):
        raise Permanent(f"{name} is {value!r}", "It must be above 0")
    return written(number)
