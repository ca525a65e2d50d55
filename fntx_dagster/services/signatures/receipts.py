"""Posting the days of a run, and what a person has to know of the chain: roots that differ, gaps, funds, the queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.errors import Transient
from fntx_dagster.model.chain import PostedDay, SignedDay
from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import Period
from fntx_dagster.model.shards import Accounts
from fntx_dagster.services.chain_of import connect
from fntx_dagster.services.signatures.history import gaps
from fntx_dagster.services.signatures.late_records import waiting_too_long
from fntx_dagster.services.signatures.posting import HeldRecords, disagreements, held_by, post
from fntx_dagster.services.signatures.signed_days import refused_accounts
from fntx_dagster.settings import Settings
from fntx_dagster.store.accounting.calendars import calendars
from fntx_dagster.store.database import Database
from fntx_dagster.store.labels import Labels, account_labels
from fntx_dagster.store.outbox.sendings import unfinished
from fntx_dagster.store.outbox.signatures import posted_days, signed_days

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.client import Chain

POSTS_AHEAD = 10
"""For how many more days a trader should have FNTX and an allowance."""
_SHOWN_GAPS = 5


class Receipt(NamedTuple):
    """A posted day, its masked account, and the URL of its transaction where the settings name an explorer."""

    posted: PostedDay
    label: str
    link: str | None


class Receipts(NamedTuple):
    """What posting a range did, in numbers of records, and the receipts.

    `refused` are records that were not posted, of which `alerts` are those that no other check reports. `differing` are
    posted days for which the contract holds another root; `gaps` sessions without a record, of the masked `accounts`
    that were looked at; `late` is what waits too long or has failed; `short` who runs out of funds, of the `traders`
    that were looked at. `changed`: the days whose newest receipt is another one now, or has become final.
    """

    new: int
    kept: int
    waiting: int
    receipts: list[Receipt]
    refused: list[Finding]
    alerts: list[Finding]
    differing: list[Finding]
    gaps: list[Finding]
    accounts: list[str]
    late: list[Finding]
    short: list[Finding]
    traders: list[str]
    changed: list[date]


def post_days(
    settings: Settings, db: Database, period: Period, on_progress: Callable[[str], None], only: Accounts = None
) -> Receipts:
    """Post every signed day of a range that the chain does not hold, and read the receipts back. `on_progress` gets a
    line per step. `only`: of these accounts.

    Raises Transient where the chain does not answer; nothing is lost then. Raises Permanent where the settings and the
    chain do not fit together.
    """
    with _counting_what_waits(db, period), connect(settings) as chain:
        before = set(posted_days(db, period))
        outcome = post(settings, db, chain, period, on_progress=on_progress, only=only)
        signed, labels = _signed_here(db, chain, period), account_labels(db)
        short = list(_short_of_funds(chain, sorted(signed)))
        held = held_by(db, chain)
        differing = disagreements(db, chain, held)
    refused, alerts = refused_accounts(outcome.refused + outcome.failed, outcome.refused, labels)
    return Receipts(
        new=len(outcome.new),
        kept=len(outcome.kept),
        waiting=len(outcome.waiting),
        receipts=[
            Receipt(posted, labels[posted.account_id], _link(settings, posted)) for posted in outcome.new + outcome.kept
        ],
        refused=refused,
        alerts=alerts,
        differing=[_disagreement(labels[posted.account_id], posted, holds) for posted, holds in differing],
        gaps=list(_gaps(db, held, signed, labels)),
        accounts=[labels[latest.account_id] for latest in signed.values()],
        late=waiting_too_long(db, settings.posting.waiting_hours, datetime.now(UTC)),
        short=short,
        traders=sorted(signed),
        changed=sorted({posted.trading_day for posted in outcome.new + outcome.kept if posted not in before}),
    )


@contextmanager
def _counting_what_waits(db: Database, period: Period) -> Iterator[None]:
    """The error of a chain that is away says how many records wait for it."""
    try:
        yield
    except Transient as error:
        waiting = [record for record in unfinished(db, period) if record.state not in ("mined", "failed")]
        raise Transient(
            f"{len(waiting)} records wait for the chain: {error.message}",
            f"{error.way_out}. " * bool(error.way_out) + "Nothing is lost: the sensor `chain_queue` sends them later",
        ) from None


def _link(settings: Settings, posted: PostedDay) -> str | None:
    url = settings.chain.explorer_url
    return url.replace("{tx_hash}", posted.tx_hash) if url else None


def _signed_here(db: Database, chain: Chain, period: Period) -> dict[str, SignedDay]:
    """Trader → the last of its days of the range that belong on this chain, posted or refused: a trader who is refused
    for want of funds is among them."""
    here = (chain.chain_id, chain.contract)
    days = signed_days(db, period)
    return {signed.trader: signed for signed in days if (signed.chain_id, signed.contract) == here}


def _short_of_funds(chain: Chain, traders: list[str]) -> Iterator[Finding]:
    for trader in traders:
        left = chain.records_paid_by(min(chain.tokens_of(trader)))
        if left < POSTS_AHEAD:
            yield Finding(
                trader, f"trader {trader} has FNTX and allowance for {left} more days: send FNTX or approve more"
            )


def _disagreement(label: str, posted: PostedDay, holds: str) -> Finding:
    text = f"{label} {posted.trading_day}: {holds}. `fntx run` over that day posts it again, if none is there"
    return Finding(f"{label} {posted.trading_day}", text, posted.trading_day)


def _gaps(
    db: Database, held: Mapping[str, HeldRecords], signed: Mapping[str, SignedDay], labels: Labels
) -> Iterator[Finding]:
    """One finding per account: a hole of a year is one thing to know."""
    followed = calendars(db)
    for trader, latest in signed.items():
        first, last, records = held[trader]
        missing = gaps(records.keys(), Period(first, last), datetime.now(UTC), followed[latest.account_id])
        if missing:
            label, more = labels[latest.account_id], len(missing) - _SHOWN_GAPS
            shown = ", ".join(map(str, missing[:_SHOWN_GAPS])) + (f" and {more} more" if more > 0 else "")
            yield Finding(label, f"{label}: later sessions have a record on the chain, these have none: {shown}")
