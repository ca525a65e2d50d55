"""The queue of an account's records, posted on demand: what a person does who does not wait for the sensor.

Each function that puts records into the queue and then posts them hands them to a callback in between, so that a face
shows what was signed before posting can fail. With `post=False` the records wait, and the result is None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from fntx_dagster.errors import Transient
from fntx_dagster.model.chain import SignedDay
from fntx_dagster.model.period import Period
from fntx_dagster.services.chain_of import connect
from fntx_dagster.services.sessions import require_session
from fntx_dagster.services.signatures.posting import Posting, post, resubmit
from fntx_dagster.services.signatures.signing import Proposal, Signing, amend, sign_day
from fntx_dagster.settings import Settings
from fntx_dagster.store.accounting.calendars import calendars_of
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox.sendings import unfinished


def sign_and_post(
    settings: Settings,
    db: Database,
    account: str,
    day: date,
    on_signed: Callable[[Signing], None],
    *,
    post: bool = True,
) -> Posting | None:
    """Sign one day of an account, or take it as it was signed before, hand it to `on_signed`, and post it.

    Raises what `sign_day` and `post_queued` raise.
    """
    on_signed(sign_day(settings, db, day, account))
    return post_queued(settings, db, account, Period.on(day)) if post else None


def resubmit_and_post(
    settings: Settings,
    db: Database,
    account: str,
    period: Period,
    on_queued: Callable[[Sequence[date]], None],
    *,
    post: bool = True,
) -> Posting | None:
    """Queue the failed records of a range again, hand their days to `on_queued`, and post them.

    Raises Permanent where the range is backwards or no record of it has failed, and what `post_queued` raises.
    """
    require_session(period, calendars_of(db, [account]))
    on_queued(resubmit(db, account, period))
    return post_queued(settings, db, account, period) if post else None


def amend_and_post(
    settings: Settings,
    db: Database,
    account: str,
    period: Period,
    proposed: Sequence[Proposal],
    reason: str,
    on_signed: Callable[[Sequence[SignedDay]], None],
    *,
    post: bool = True,
) -> Posting | None:
    """Freeze the proposed versions of an account's days of a range, hand them to `on_signed`, and post them.

    Raises what `amend` and `post_queued` raise.
    """
    on_signed(amend(settings, db, proposed, reason))
    return post_queued(settings, db, account, period) if post else None


def post_queued(settings: Settings, db: Database, account: str, period: Period) -> Posting:
    """Post an account's queued records up to the end of a range. Those before the range are posted too, because
    records go out in order.

    Raises the first refusal or failure (Permanent), or Transient where the chain does not answer; the records stay
    queued then.
    """
    queued = unfinished(db, Period(date.min, period.last), account)
    first = min([period.first, *(record.trading_day for record in queued if record.state != "failed")])
    try:
        with connect(settings) as chain:
            posted = post(settings, db, chain, Period(first, period.last), account)
    except Transient as error:
        raise Transient(
            error.message, "Nothing is lost: it is queued, and the sensor `chain_queue` or this command posts it later"
        ) from None
    for refusal in posted.refused + posted.failed:
        raise refusal.error
    return posted
