"""What is signed next, and what is refused: a day that failed a blocking verification, and every later day of its
account. Other accounts are not held up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period
from fntx_dagster.store.accounting import changes
from fntx_dagster.store.database import Readable
from fntx_dagster.store.marts import risk, verification
from fntx_dagster.store.outbox import signatures
from fntx_dagster.store.raw_flex import coverage

BLOCKING_KINDS = ("mathematical", "logical", "cross_reference")
WARNING_KINDS = ("historical",)


class Refusal(NamedTuple):
    """Why an account's days are not signed, or not posted, from a day on. `is_of_the_day`: the cause is the day's
    verification or its statements, which have findings of their own; else it is keys, funds or Greeks. `error` names
    the account whole, for the person who chose it; whoever logs or keeps its words masks them."""

    account_id: str
    day: date
    error: Permanent
    is_of_the_day: bool = False


class Beginning(StrEnum):
    """Which days of a range are signed of an account that has never signed."""

    ALL = "all"
    LATEST = "latest"
    NOTHING = "nothing"

    def of(self, days: list[date]) -> list[date]:
        """The days with which such an account begins."""
        return {Beginning.ALL: days, Beginning.LATEST: days[-1:], Beginning.NOTHING: []}[self]


class DaysToSign(NamedTuple):
    """The sessions that an account has to sign, in order, and why it stops before the next one (None: it does not)."""

    days: list[date]
    refusal: Refusal | None


def days_to_sign(db: Readable, beginning: Beginning, begins_from: date = date.min) -> dict[str, DaysToSign]:
    """Account → the built and verified sessions to sign, oldest first: all after the last signed one. An account that
    has never signed begins with no session before `begins_from`."""
    to_sign, signed = {}, signatures.last_signed_sessions(db)
    for account, days in signatures.unsigned_days(db).items():
        if account not in signed:
            days = [day for day in beginning.of(days) if day >= begins_from]
        if not days:
            continue
        refusal = next(iter(refusals(db, Period(days[0], days[-1]), account)), None)
        to_sign[account] = DaysToSign([day for day in days if refusal is None or day < refusal.day], refusal)
    return to_sign


def refusals(db: Readable, period: Period, account: str | None = None) -> list[Refusal]:
    """Per account, its earliest day of the range that must not be signed, and why: the statements have changed since
    it was built or are not complete, it is not verified, or an equation that blocks does not hold.

    For an account that has signed, the range begins no later than after its last signed session: days are signed in
    order, and a day that is refused before the range refuses every later one.
    """
    first, last = period
    signed = signatures.last_signed_sessions(db)
    begins = {
        account_id: min(first, day + timedelta(days=1))
        for account_id, day in signed.items()
        if account in (None, account_id)
    }
    earliest: dict[str, Refusal] = {}
    for account_id, change in changes.changed_since(db, account).items():
        if change.since <= last:
            since = max(change.since, begins.get(account_id, first))
            earliest[account_id] = Refusal(account_id, since, _changed(account_id, change, last), True)
    for refusal in _unfit(db, Period(min([first, *begins.values()]), last), account):
        known = earliest.get(refusal.account_id)
        if refusal.day >= begins.get(refusal.account_id, first) and (known is None or refusal.day < known.day):
            earliest[refusal.account_id] = refusal
    return list(earliest.values())


def _unfit(db: Readable, period: Period, account: str | None) -> Iterable[Refusal]:
    for lack in coverage.missing(db, period, account):
        yield Refusal(lack.account_id, lack.day, Permanent(str(lack), "Load the statements of that day"), True)
    way_out = "Run it with `fntx run`"
    for account_id, day in verification.unverified_days(db, period, account):
        yield Refusal(account_id, day, Permanent(f"{day} of account {account_id} is not verified", way_out), True)
    for account_id, day in risk.days_without_risk(db, period, account):
        error = Permanent(f"the Greeks of {day} of account {account_id} are not computed", way_out)
        yield Refusal(account_id, day, error)
    for row in verification.verifications(db, period, account, kinds=BLOCKING_KINDS, failed_only=True):
        error = Permanent(
            f"{row.trading_day} of account {row.account_id} fails its verification: {row.equation}: "
            f"{row.left_side} {row.relation} {row.right_side} does not hold, difference {row.difference}",
            "Correct the statements or load what is missing, then run the day again; it was not signed",
        )
        yield Refusal(row.account_id, row.trading_day, error, True)


def _changed(account: str, change: changes.Change, last: date) -> Permanent:
    if change.refused:
        return Permanent(f"account {account} cannot be built from {change.since} on: {change.refused}")
    return Permanent(
        f"the statements of account {account} have changed since {change.since} was built",
        f"Rebuild the days with `fntx run --from {change.since} --to {last}`",
    )
