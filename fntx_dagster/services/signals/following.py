"""Who trades what, and who follows: strategies, the instruments of their signals, and subscriptions.

A subscription counts for the entries that come while it runs; an execution that is open goes on with the participants
that it was entered with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from fntx_dagster.errors import Permanent
from fntx_dagster.ledger.names import CURRENCY, NAME
from fntx_dagster.model.signals import OMNIBUS, SEPARATE, SignalInstrument, SignalStrategy, Wish
from fntx_dagster.services.bookkeeping.row_file import BadFieldError, Columns, RowFault, made_of
from fntx_dagster.services.orders.fields import Declined, moment_of
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.signals import requests
from fntx_dagster.services.signals.entering import EDGE_BPS
from fntx_dagster.store.database import Readable
from fntx_dagster.store.signals import master, strategies
from fntx_dagster.store.signals.master import ListedInstrument
from fntx_dagster.store.signals.strategies import Subscription

_Read = TypeVar("_Read")
_CHUNK = 5_000
_MOST_FAULTS = 50
_INSTRUMENT = Columns(("token", "symbol"), frozenset((*SignalInstrument._fields, "valid_from")))
_WISH = Columns(("user_id", "qty"), frozenset(Wish._fields))


class RowsLoaded(NamedTuple):
    """What came of a file: rows that are new or changed, rows that were known, and bad ones (the first 50 of `bad`);
    the good rows count whatever the bad ones are."""

    added: int
    known: int
    bad: int
    faults: tuple[RowFault, ...]


class StrategyChange(NamedTuple):
    """How a strategy is to trade; None leaves it as it is, or as a new one begins."""

    accounts: str | None = None
    currency: str | None = None
    capital: Decimal | None = None
    expected_edge_bps: Decimal | None = None
    commits: bool | None = None


def list_strategies(db: Readable) -> list[SignalStrategy]:
    """All strategies, by code."""
    return strategies.strategies(db)


def keep_strategy(desk: Desk, code: str, change: StrategyChange) -> SignalStrategy:
    """Make a strategy, or let one trade otherwise from now on: how it is then.

    Raises Permanent for a value that is none, and for another currency of a strategy that has traded.
    """
    if not NAME(code):
        raise Permanent(f"{code[:64]!a} is no code of a strategy", "Give 1 to 64 printable ASCII characters, no spaces")
    if change.accounts not in (None, OMNIBUS, SEPARATE):
        raise Permanent(f"{change.accounts[:64]!a} is no kind of accounts", f"Give {OMNIBUS} or {SEPARATE}")
    if change.currency is not None and not CURRENCY(change.currency):
        raise Permanent(f"{change.currency[:64]!a} is no currency", "Give its code in capital letters, such as INR")
    if change.capital is not None and change.capital <= 0:
        raise Permanent("the capital is not above 0", "Leave it out for as much as the strategy's entries need")
    known = strategies.strategy(desk.db, code)
    before = known or SignalStrategy(code, OMNIBUS, desk.currency, None, EDGE_BPS)
    given = {name: value for name, value in change._asdict().items() if value is not None}
    wanted = before._replace(**given)
    strategies.keep_strategy(desk.db, wanted)
    if known is not None and not strategies.change_strategy(desk.db, wanted):
        raise Permanent(
            f"{code} has traded in {known.currency}", "Give signals in another currency a code of their own"
        )
    return wanted


def list_instruments(db: Readable, token: str | None, symbol: str | None) -> list[ListedInstrument]:
    """What tokens name, and from when: of one token, of symbols that begin like this, or all."""
    return master.instruments(db, token, symbol)


def load_instruments(desk: Desk, path: Path) -> RowsLoaded:
    """Keep the rows of an instrument master: columns `token`, `symbol`, `exchange`, `underlying`, `strike`,
    `option_type`, `expiry`, `lot_size`, `valid_from` (a moment, or a day of the desk's zone; now where it is left out).

    Raises Permanent for a file that cannot be read.
    """
    now = desk.clock()
    added = known = bad = 0
    faults: list[RowFault] = []
    rows = _read(path, _INSTRUMENT, lambda row: _instrument(desk, row, now))
    while chunk := list(islice(rows, _CHUNK)):
        good = [row for row in chunk if not isinstance(row, RowFault)]
        wrong = [row for row in chunk if isinstance(row, RowFault)]
        done = master.add_instruments(desk.db, [listed for _, listed in good])
        for place in done.refused:
            number, listed = good[place]
            words = f"another row says from this moment on what {listed.instrument.token} is"
            wrong.append(RowFault(path.name, number, "valid_from", listed.valid_from.isoformat(), words))
        added += done.number
        known += len(good) - done.number - len(done.refused)
        bad += len(wrong)
        faults += wrong
        del faults[_MOST_FAULTS:]
    return RowsLoaded(added, known, bad, tuple(faults))


def list_subscriptions(db: Readable, code: str | None) -> list[Subscription]:
    """All subscriptions of a strategy, or of all, those that ended too."""
    return strategies.subscriptions(db, code)


def subscribe(desk: Desk, code: str, user_id: str, given: Mapping[str, str | None]) -> Wish:
    """Let a participant follow a strategy from now on; what is left out (None) stays as he wished it last.

    Raises Permanent for an unknown strategy, and for a wish that is none; each fault is named.
    """
    _known(desk, code)
    theirs = [each.wish for each in strategies.subscriptions(desk.db, code) if each.wish.user_id == user_id]
    before = (
        {
            name: None if value is None else f"{value:f}"
            for name, value in zip(Wish._fields[1:], theirs[-1][1:], strict=True)
        }
        if theirs
        else {}
    )
    asked = before | {name: value for name, value in given.items() if value is not None}
    try:
        wish = requests.wish({"user_id": user_id, **asked})
    except Declined as declined:
        raise Permanent(f"{declined}", "See `fntx signals subscribe -h`") from None
    strategies.subscribe(desk.db, code, [wish], desk.clock())
    return wish


def load_subscriptions(desk: Desk, code: str, path: Path) -> RowsLoaded:
    """Let the participants of a file follow a strategy from now on: columns `user_id`, `qty`, `fee_bps`, `fee_fixed`,
    `max_notional`. Who is not in it stays as he is.

    Raises Permanent for an unknown strategy and for a file that cannot be read.
    """
    _known(desk, code)
    wishes: dict[str, Wish] = {}
    bad = 0
    faults: list[RowFault] = []
    for row in _read(path, _WISH, requests.wish):
        fault = row if isinstance(row, RowFault) else None
        if not isinstance(row, RowFault):
            number, wish = row
            if wish.user_id in wishes:
                words = "an earlier row names this participant"
                fault = RowFault(path.name, number, "user_id", wish.user_id, words)
            else:
                wishes[wish.user_id] = wish
        if fault is not None:
            bad += 1
            faults += [fault] if bad <= _MOST_FAULTS else []
    added = strategies.subscribe(desk.db, code, wishes.values(), desk.clock()) if wishes else 0
    return RowsLoaded(added, len(wishes) - added, bad, tuple(faults))


def pause(desk: Desk, code: str, user_id: str) -> None:
    """Let a participant follow a strategy no longer, from now on. Raises Permanent where he does not."""
    if not strategies.unsubscribe(desk.db, code, [user_id], desk.clock()):
        raise Permanent(f"{user_id[:64]!a} does not follow {code[:64]!a}", "See `fntx signals subscriptions`")


def _known(desk: Desk, code: str) -> None:
    if strategies.strategy(desk.db, code) is None:
        raise Permanent(f"there is no strategy {code[:64]!a}", "Make it with `fntx signals strategy CODE`")


def _instrument(desk: Desk, row: Mapping[str, Any], now: datetime) -> ListedInstrument:
    given = {**row}
    text = given.pop("valid_from", None)
    found = requests.instrument(given)
    if text is None:
        return ListedInstrument(found, now)
    try:
        day = date.fromisoformat(text) if len(text) == len("2026-03-02") else None
        at = moment_of(text) if day is None else datetime(day.year, day.month, day.day, tzinfo=desk.zone)
    except ValueError:
        words = "not a day such as 2026-03-02, nor a moment such as 2026-03-02T09:15:00+05:30"
        raise Declined([requests.FieldFault("valid_from", "invalid", words)]) from None
    return ListedInstrument(found, at)


def _read(
    path: Path, columns: Columns, read: Callable[[Mapping[str, str]], _Read]
) -> Iterator[tuple[int, _Read] | RowFault]:
    """The rows of a file with their numbers, each read or as its first fault."""

    def made(number: int, row: Mapping[str, str]) -> tuple[int, _Read]:
        try:
            return number, read(row)
        except Declined as declined:
            fault = declined.faults[0]
            raise BadFieldError(fault.field or "the row", fault.message) from None

    return made_of(path, columns, made)
