"""How far each session of an account has come: built, verified, signed, posted, final; and what went otherwise."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from typing import NamedTuple

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.model.chain import PostedDay, SignedDay
from fntx_dagster.model.period import Period
from fntx_dagster.services.signatures.checking import posting_of
from fntx_dagster.services.signatures.history import in_words
from fntx_dagster.services.signatures.refusals import BLOCKING_KINDS
from fntx_dagster.store.accounting.calendars import calendar_of
from fntx_dagster.store.database import Database
from fntx_dagster.store.marts.summaries import first_session, numbered_sessions
from fntx_dagster.store.marts.verification import verifications
from fntx_dagster.store.outbox import signatures

GOOD, BAD = frozenset({"final", "posted"}), frozenset({"missing", "does not verify", "too early"})
"""The states of a session that need nobody, and those that show something wrong."""


class SessionState(NamedTuple):
    """A session with its newest signed version. `state` in one or two words: missing (not built), does not verify,
    verified (not signed), signed (not posted), posted (not final), final, late, too early, corrected. `delay`: from
    its close to its posting, in words."""

    day: date
    state: str
    signed: SignedDay | None
    posted: PostedDay | None
    delay: str

    @property
    def health(self) -> str:
        """`good`, `bad`, or neither (empty)."""
        return "good" if self.state in GOOD else "bad" if self.state in BAD else ""


def session_states(db: Database, account: str, period: Period) -> list[SessionState]:
    """The sessions of a period that are over, from the account's first built one on, oldest first. Asks no node: the
    receipts are those that were read back."""
    with db.snapshot() as snapshot:
        first = first_session(snapshot, account)
        if first is None or first > period.last:
            return []
        built = numbered_sessions(snapshot, period, account)
        signed = {record.trading_day: record for record in signatures.signed_days(snapshot, period, account)}
        posted = {
            (record.trading_day, record.version): record for record in signatures.posted_days(snapshot, period, account)
        }
        failed = Counter(
            equation.trading_day
            for equation in verifications(snapshot, period, account, kinds=BLOCKING_KINDS, failed_only=True)
        )
        calendar = calendar_of(snapshot, account)
    now, states = datetime.now(UTC), []
    for session in sessions(max(period.first, first), period.last, calendar):
        if session.closes_at <= now or session.day in built:
            record = signed.get(session.day)
            receipt = posted.get((session.day, record.version)) if record else None
            states.append(
                _state(session.day, session.day in built, failed[session.day], record, receipt, session.closes_at)
            )
    return states


def _state(
    day: date,
    is_built: bool,
    failed: int,
    signed: SignedDay | None,
    posted: PostedDay | None,
    closes_at: datetime,
) -> SessionState:
    at = posting_of(day, posted.posted_at, closes_at) if posted else None
    if not is_built and signed is None:
        state = "missing"
    elif failed:
        state = "does not verify"
    elif signed is None:
        state = "verified"
    elif posted is None or at is None:
        state = "signed"
    elif at.is_early:
        state = "too early"
    elif signed.version > 1:
        state = "corrected"
    elif at.is_late:
        state = "late"
    else:
        state = "final" if posted.is_final else "posted"
    return SessionState(day, state, signed, posted, in_words(at.behind if at else None))
