"""A proof of a period's figures, made from frozen records alone: what the days add up to, and none of the days.

What may be shown is `register`'s to refuse, and what was shown is kept before the file leaves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.accounting.calendar import LONGEST_CLOSURE, sessions
from fntx_dagster.adapters.evm import keys
from fntx_dagster.adapters.evm.keys import key_ring
from fntx_dagster.errors import Permanent, masked
from fntx_dagster.model.chain import SignedDay
from fntx_dagster.model.period import EVER, Period
from fntx_dagster.periods.proving import ProvableDay, is_chained, provable_day, prove
from fntx_dagster.periods.shown import CHAINED, NAMES, bound_in_words, bound_of, items_of, names_of
from fntx_dagster.services.ranges import refuse_backwards
from fntx_dagster.services.signatures.commitments import figures_of, is_provable, period_of
from fntx_dagster.services.signatures.freezing import changed_since_signing, rebuilt, rebuilt_extension
from fntx_dagster.services.signatures.register import PERIOD, in_words, of_period, refuse_isolated
from fntx_dagster.store.accounting.calendars import calendar_of
from fntx_dagster.store.outbox import signatures
from fntx_dagster.store.shares.register import NewlyShown, register, registered

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database, Readable

PERIOD_NAMES = tuple(NAMES)
"""What can be shown of a period, as users name it."""

_NAMED = 5
_PERCENT = re.compile(r"[+-]?[0-9]{1,8}(?:\.[0-9]{1,8})?%?")


class PeriodRequest(NamedTuple):
    """What is to be proved: figures by their PERIOD_NAMES, bounds such as `worst_day=-5%`, of the days
    of one account or several added up. `audience` is a label in the file; `isolate` shows it although days would stand
    alone."""

    accounts: Sequence[str]
    period: Period
    names: Sequence[str]
    bounds: Sequence[str] = ()
    audience: str | None = None
    isolate: bool = False


class ProvedPeriod(NamedTuple):
    """The file (JSON), the items that it shows, and of how many signed days."""

    text: str
    items: tuple[str, ...]
    days: int

    @property
    def names(self) -> tuple[str, ...]:
        """The same as users name it."""
        return names_of(self.items)


def prove_period(
    settings: Settings,
    db: Database,
    request: PeriodRequest,
    *,
    by: str,
    on_note: Callable[[str], None] = lambda note: None,
    on_progress: Callable[[int, int], None] = lambda done, whole: None,
) -> ProvedPeriod:
    """Prove figures of a period, and register that they were shown, by a user, before the file is returned.

    `on_note` gets what the owner should know before it leaves, `on_progress` how many days of how many are rebuilt.
    Raises Permanent for what cannot be shown or is not true, sessions that are not over or not signed, days that can be
    in no period, days that would stand alone, and records or a secret that were changed since.
    """
    refuse_backwards(request.period)
    items, bounds = items_of(request.names), dict(map(_bound, request.bounds))
    if unasked := [name for name in names_of(items) if name not in request.names]:
        on_note(f"whoever reads {' and '.join(request.names)} learns {' and '.join(unasked)} too: the file shows it")
    with db.snapshot() as snapshot:
        signed = {account: _provable(snapshot, account, request.period) for account in request.accounts}
        _refuse_alone(snapshot, request, signed, (*items, *bounds))
        for account, days in signed.items():
            for note in _notes(snapshot, account, days, request.period):
                on_note(note if len(signed) == 1 else f"{masked(account)}: {note}")
        posted = {
            (account, receipt.trading_day, receipt.version): receipt.tx_hash
            for account in signed
            for receipt in signatures.posted_days(snapshot, request.period, account)
        }
    whole, accounts = sum(map(len, signed.values())), []
    for account, days in signed.items():
        accounts.append([])
        for day in days:
            tx_hash = posted.get((account, day.trading_day, day.version))
            accounts[-1].append(_rebuilt(settings, day, tx_hash))
            on_progress(sum(map(len, accounts)), whole)
    if is_chained(accounts):
        items = (*items, CHAINED)
    else:
        on_note("an opening NAV is not the closing NAV of the session before, so the file does not show `chained`")
    text = prove(accounts, items, *request.period, audience=request.audience, bounds=bounds)
    shown, kept = (*items, *bounds), (*items, *map(bound_in_words, bounds, bounds.values()))
    register(
        db,
        [
            NewlyShown(account, _span(days), [day.version for day in days], kept, PERIOD, request.audience, by)
            for account, days in signed.items()
        ],
        lambda shown_before: _refuse_alone(shown_before, request, signed, shown),
    )
    return ProvedPeriod(text, shown, whole)


def notes_on(db: Readable, account: str, period: Period) -> list[str]:
    """What the owner should know before a file of a period leaves: days that are not on the chain, and days that were
    amended after something showed them."""
    days = signatures.signed_days(db, period, account)
    return [*_notes(db, account, days, period)] if days else []


def provable_from(db: Readable, account: str) -> date | None:
    """The first signed day from which on every signed day of an account can be in a period; None where the newest
    cannot."""
    found = None
    for day in reversed(signatures.signed_days(db, EVER, account)):
        if not is_provable(day):
            break
        found = day.trading_day
    return found


def _bound(text: str) -> tuple[str, int]:
    name, _, percent = map(str.strip, text.partition("="))
    if not _PERCENT.fullmatch(percent):
        raise Permanent(f"{text!r} is no bound", "Give one like worst_day=-5%")
    return name, bound_of(name, Decimal(percent.removesuffix("%")).scaleb(-2))


def _refuse_alone(
    db: Readable, request: PeriodRequest, signed: Mapping[str, Sequence[SignedDay]], shown: Sequence[str]
) -> None:
    for account, days in signed.items():
        if not request.isolate:
            refuse_isolated(db, account, [of_period(*_span(days), shown)])


def _span(days: Sequence[SignedDay]) -> Period:
    """What a file shows: not the period that was asked for, which may begin and end between sessions."""
    return Period(days[0].trading_day, days[-1].trading_day)


def _provable(db: Readable, account: str, period: Period) -> list[SignedDay]:
    """The signed days of an account in a period, each in its latest version. Raises Permanent for days that can be in
    none, and where they are not those of every session: with the next file, a day that is signed later would stand
    alone."""
    days = signatures.signed_days(db, period, account)
    if not days:
        raise Permanent(f"no day is signed in the period {period}", "`fntx run` signs days")
    if without := [day.trading_day for day in days if not is_provable(day)]:
        begins = provable_from(db, account)
        can = "No day can be in a period yet" if begins is None else f"From {begins} on every signed day can be"
        raise Permanent(
            f"{_days(without)} can be in no period: signed before its commitments, or with a figure that is null",
            f"{can}. `fntx signature amend --extend --date {without[0]} --to {without[-1]}` brings commitments to days "
            "from before them; `fntx signature disclose` shows a single day",
        )
    if len({(day.chain_id, day.contract, day.trader) for day in days}) > 1:
        raise Permanent(
            "the days were signed by several traders, or for several contracts", "Prove the days of each by themselves"
        )
    _refuse_gaps(days, period, calendar_of(db, account))
    return days


def _refuse_gaps(days: Sequence[SignedDay], period: Period, calendar: str) -> None:
    signed, now = {day.trading_day for day in days}, datetime.now(UTC)
    last = min(period.last, now.date() + LONGEST_CLOSURE)
    asked = sessions(period.first, last, calendar) if period.first <= last else ()
    if any(each.closes_at > now for each in asked):
        over = [each.day for each in asked if each.closes_at <= now]
        end = f"End it on {over[-1]}, the last session that is over" if over else "Wait until one is"
        raise Permanent(f"the period {period} has sessions that are not over", end)
    if missing := [each.day for each in asked if each.day not in signed]:
        raise Permanent(
            f"{_days(missing)} has no signed record: a reader who asks a node would find that the period does not hold",
            "Choose a period without such sessions, or sign them first: `fntx run` does",
        )


def _rebuilt(settings: Settings, signed: SignedDay, tx_hash: str | None) -> ProvableDay:
    ring = key_ring(settings)
    record, extension = rebuilt(signed, ring), rebuilt_extension(signed, ring)
    for problem in changed_since_signing(signed, record, extension):
        raise Permanent(f"{signed.trading_day}: {problem}", "Restore keys/salt.secret and the database from the backup")
    figures = figures_of(signed)
    committed = None if figures is None else period_of(keys.known_secret(ring, signed.secret_mark), figures)
    if extension is None or committed is None:
        raise Permanent(f"{signed.trading_day} can be in no period", "Leave it out")
    return provable_day(record, extension, committed, tx_hash)


def _notes(db: Readable, account: str, days: Sequence[SignedDay], period: Period) -> Iterator[str]:
    """What a reader will find, and what an earlier file shows beside this one."""
    signed = {day.trading_day: day.version for day in days}
    posted = {(each.trading_day, each.version) for each in signatures.posted_days(db, period, account)}
    if waiting := [day for day, version in signed.items() if (day, version) not in posted]:
        yield f"{_days(waiting)} is not on the chain yet: the period does not hold there before it is"
    corrected: set[date] = set()
    for row in registered(db, {account}):
        then = [day for day in signed if row.first_day <= day <= row.last_day][: len(row.versions)]
        if len(then) == len(row.versions):
            corrected |= {day for day, version in zip(then, row.versions, strict=True) if signed[day] > version}
    if corrected:
        yield (
            f"{in_words([[day] for day in sorted(corrected)])} was amended after it was shown: both files together "
            "show what was corrected"
        )


def _days(days: Sequence[date]) -> str:
    more = f" and {len(days) - _NAMED} more days" if len(days) > _NAMED else ""
    return ", ".join(map(str, days[:_NAMED])) + more
