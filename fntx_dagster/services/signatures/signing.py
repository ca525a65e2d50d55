"""Signing days: each is frozen once (`freezing`), written, and queued for the chain.

A signed day stays as it was signed. Where its figures have changed since, that is a drift, and only a person makes a
second version of it (`amend`), which names the root that it replaces and gives a reason. Signing does not contact a
node: the record waits in the queue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.errors import Permanent, masked
from fntx_dagster.foreign import cleaned
from fntx_dagster.model.chain import PostedDay, SignedDay
from fntx_dagster.model.period import Period
from fntx_dagster.model.session import SEVEN_DAYS
from fntx_dagster.model.shards import Accounts, is_among
from fntx_dagster.services.auditing.signed_days import noted_days
from fntx_dagster.services.chain_of import connect
from fntx_dagster.services.sessions import require_days
from fntx_dagster.services.signatures.commitments import lacks_commitments
from fntx_dagster.services.signatures.freezing import Bound, bound_of, frozen
from fntx_dagster.services.signatures.refusals import Beginning, Refusal, refusals
from fntx_dagster.services.signatures.values import Difference, Values, day_values, differences
from fntx_dagster.store.accounting.calendars import calendars
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.marts import summaries
from fntx_dagster.store.outbox import sendings, signatures

if TYPE_CHECKING:
    from fntx_dagster.model.chain import StoredRecord
    from fntx_dagster.settings import Settings

LONGEST_REASON = 256
"""Bytes of UTF-8: TrackRecord takes no more."""


class Signing(NamedTuple):
    """What signing a range did. `drifted`: days that were signed before and whose figures have changed since;
    `refused`: at most one refusal per account, whose days before it are signed."""

    new: list[SignedDay]
    kept: list[SignedDay]
    drifted: list[tuple[SignedDay, list[Difference]]]
    refused: list[Refusal]

    @property
    def warnings(self) -> list[str]:
        """Each drifted day in words, with its account masked."""
        return [f"{masked(signed.account_id)}: {drift_of(signed, differing)}" for signed, differing in self.drifted]


def drift_of(signed: SignedDay, differing: Sequence[Difference]) -> str:
    """A drifted day in words, without its account and without a figure."""
    return (
        f"{signed.trading_day} stays as it was signed, but its figures have changed since: "
        f"{', '.join(difference.metric for difference in differing)}. See `fntx signature verify --date "
        f"{signed.trading_day}`; once the day is verified, `fntx signature amend` posts a new version with your reason"
    )


def sign(
    settings: Settings,
    db: Database,
    period: Period,
    account: str | None = None,
    beginning: Beginning = Beginning.ALL,
    only: Accounts = None,
) -> Signing:
    """Freeze the record of every session of the range that has none yet, oldest first, of an account, of those of
    `only`, or of all.

    An account stops at its first day that failed a blocking verification, depends on statements that have changed or
    are not complete, or would be bound to another key or secret than its earlier days. Such a day stops it, too, where
    it lies before the range and after the account's last signed day. Of an account whose market never closes the range
    begins after its last signed day. Raises nothing: see `Signing.refused`.
    """
    outcome = Signing([], [], [], [])
    with db.snapshot() as snapshot:
        have_signed = signatures.last_signed_sessions(snapshot)
        found = _built_days(snapshot, period, account)
        built = {account_id: days for account_id, days in found.items() if is_among(account_id, only)}
        followed = calendars(snapshot)
        for account_id in built:
            # a run over sessions of the exchange passes over days of a market that never closes
            if followed[account_id] == SEVEN_DAYS and (last := have_signed.get(account_id, period.last)) < period.first:
                built |= _built_days(snapshot, Period(last + timedelta(days=1), period.last), account_id)
    for account_id, all_days in built.items():
        days = all_days if account_id in have_signed else beginning.of(all_days)
        if days:
            _sign(settings, db, account_id, days, outcome)
    return outcome


def sign_day(settings: Settings, db: Database, day: date, account: str) -> Signing:
    """Sign one day of an account, or return it as it was signed before.

    Raises Permanent where the day must not be signed, or is not built.
    """
    signed = sign(settings, db, Period.on(day), account)
    for refusal in signed.refused:
        raise refusal.error
    require_days(signed.new + signed.kept, Period.on(day), db, account)
    return signed


class Proposal(NamedTuple):
    """A next version of a signed day, for a person to confirm. `differences` are from what was signed, none where the
    version only brings the day its extension or its commitments; `previous_root` is the root that `version` replaces.
    Where the chain holds another record than ours, `held` is that record, and the version replaces it."""

    before: SignedDay
    values: Values
    differences: list[Difference]
    version: int
    previous_root: bytes
    held: StoredRecord | None


def proposals(
    settings: Settings,
    db: Database,
    account: str,
    period: Period,
    held: Callable[[SignedDay], StoredRecord | None] = lambda signed: None,
    *,
    extend: bool = False,
) -> list[Proposal]:
    """What `amend` would freeze: of each signed day of the range whose figures have changed since, a next version. With
    `extend` those that were signed before the extension, or before its commitments and the record's were computed, are
    amended too, whether their figures have changed or not.

    `held` returns what the chain holds for a day whose posting has failed. Where that is another record than ours (the
    database was restored and the day signed anew), it is amended too. Raises Permanent where there is nothing to amend,
    a day must not be signed, or its last version is not on the chain of the settings yet.
    """
    first, last = period
    with db.snapshot() as snapshot:
        before = {signed.trading_day: signed for signed in signatures.signed_days(snapshot, period, account)}
        if not before:
            raise Permanent(f"no day from {first} to {last} is signed", "`fntx signature generate --date` signs one")
        for refusal in refusals(snapshot, Period(min(before), max(before)), account):
            raise refusal.error
        bound = bound_of(settings, db, snapshot, account)
        unfinished = sendings.unfinished(snapshot, period, account)
        posted = {receipt.trading_day: receipt for receipt in signatures.posted_days(snapshot, period, account)}
        current = day_values(snapshot, period, account)
    failed = {record.trading_day for record in unfinished if record.state == "failed"}
    proposed = []
    for (_, day), values in current.items():
        if day not in before:
            continue
        signed, differing = before[day], differences(before[day], values)
        other = held(signed) if day in failed else None
        if other is not None and other.version >= signed.version and other.root != signed.root:
            proposed.append(Proposal(signed, values, differing, other.version + 1, other.root, other))
        elif differing or (extend and lacks_commitments(bound.secret, signed)):
            _check_posted(bound, signed, posted.get(day))
            proposed.append(Proposal(signed, values, differing, signed.version + 1, signed.root, None))
    if not proposed:
        raise Permanent("the signed figures are those of the database: there is nothing to amend")
    return proposed


def proposals_of_settings(
    settings: Settings, db: Database, account: str, period: Period, *, extend: bool = False
) -> list[Proposal]:
    """`proposals`, with the chain of the settings for the days whose posting has failed. Raises Transient, too, where
    its node does not answer."""

    def held(signed: SignedDay) -> StoredRecord | None:
        with connect(settings) as chain:
            return chain.record_of(signed.trader, signed.trading_day)

    return proposals(settings, db, account, period, held, extend=extend)


def checked_reason(reason: str) -> str:
    """A reason as it is kept. Raises Permanent unless it is one line of printable text of LONGEST_REASON bytes at
    most."""
    reason = reason.strip()
    if cleaned(reason) != reason or not 0 < len(reason.encode()) <= LONGEST_REASON:
        raise Permanent(
            f"a reason has 1 to {LONGEST_REASON} bytes of printable text on one line",
            "Give a short reason: it is public on the chain",
        )
    return reason


def amend(settings: Settings, db: Database, proposed: Sequence[Proposal], reason: str) -> list[SignedDay]:
    """Freeze and queue the proposed versions, as they were shown; return them.

    `reason` is public: the chain keeps it beside both roots. Raises Permanent for a reason that `checked_reason`
    refuses, and where another process has made such a version first: its reason stands, and what was written beside it
    stays queued.
    """
    reason = checked_reason(reason)
    bound = bound_of(settings, db, db, proposed[0].before.account_id)
    records = [
        frozen(bound, proposal.before.trading_day, proposal.values, proposal.version, proposal.previous_root, reason)
        for proposal in proposed
    ]
    written = signatures.freeze(db, records, noted_days(settings))
    for proposal in proposed:
        if proposal.held:
            before = proposal.before
            sendings.supersede(db, before.account_id, before.trading_day, before.version)
    if late := [f"version {record.version} of {record.trading_day}" for record in records if record not in written]:
        raise Permanent(
            f"another command has made {', '.join(late)} first: its reason stands, and yours is not kept",
            f"`fntx signature verify --date {proposed[0].before.trading_day}` shows what stands",
        )
    return written


def _built_days(db: Readable, period: Period, account: str | None) -> dict[str, list[date]]:
    days: dict[str, list[date]] = {}
    for row in summaries.summary(db, period, account):
        days.setdefault(row["account_id"], []).append(row["trading_day"])
    return days


def _sign(settings: Settings, db: Database, account: str, days: list[date], outcome: Signing) -> None:
    """One account's days, in order. Whether a day is fit and what is frozen of it come from one snapshot."""
    period = Period(days[0], days[-1])
    records, day, bound = [], period.first, None
    with db.snapshot() as snapshot:
        before = {signed.trading_day: signed for signed in signatures.signed_days(snapshot, period, account)}
        refusal = next(iter(refusals(snapshot, period, account)), None)
        try:
            for (_, day), values in day_values(snapshot, period, account).items():
                if day in before:
                    outcome.kept.append(before[day])
                    if differing := differences(before[day], values):
                        outcome.drifted.append((before[day], differing))
                elif refusal is None or day < refusal.day:
                    bound = bound or bound_of(settings, db, snapshot, account)
                    records.append(frozen(bound, day, values))
        except Permanent as error:
            refusal = refusal or Refusal(account, day, error)
    new = signatures.freeze(db, records, noted_days(settings))
    outcome.new.extend(new)
    outcome.kept.extend(record for record in records if record not in new)  # another process was first
    if refusal:
        outcome.refused.append(refusal)


def _check_posted(bound: Bound, signed: SignedDay, posted: PostedDay | None) -> None:
    """Raise Permanent unless that version is on the chain that the next one would go to."""
    if (signed.chain_id, signed.contract, signed.trader) != (bound.chain_id, bound.contract, bound.trader):
        raise Permanent(
            f"{signed.trading_day} was signed for trader {signed.trader} and contract {signed.contract} on chain "
            f"{signed.chain_id}, but the settings name another",
            "Amend it with the settings that it was signed with",
        )
    if posted is None or (posted.version, posted.chain_id) != (signed.version, signed.chain_id):
        raise Permanent(
            f"version {signed.version} of {signed.trading_day} is not on the chain yet", "Amend it when it is"
        )
