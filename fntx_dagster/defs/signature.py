"""The signed day: the record with its Merkle root, and its receipt from the chain."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from fntx_dagster.adapters.evm.client import Chain, connect
from fntx_dagster.defs import queue
from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.findings import result
from fntx_dagster.defs.metadata import describe
from fntx_dagster.defs.partitions import SESSIONS
from fntx_dagster.defs.ranges import BEGINNING, OWNERS, range_of
from fntx_dagster.defs.resources import Platform
from fntx_dagster.errors import Transient, without_accounts
from fntx_dagster.model.chain import PostedDay, SignedDay
from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import Period
from fntx_dagster.services.accounts import Labels, account_labels
from fntx_dagster.services.database import Database
from fntx_dagster.services.signatures.drifting import Unjudged, drifts
from fntx_dagster.services.signatures.history import gaps
from fntx_dagster.services.signatures.posting import HeldRecords, disagreements, held_by, post
from fntx_dagster.services.signatures.refusals import Beginning, Refusal
from fntx_dagster.services.signatures.signing import drift_of, sign
from fntx_dagster.settings import Settings
from fntx_dagster.store.outbox.sendings import unfinished
from fntx_dagster.store.outbox.signatures import signed_days

WHEN_THE_CHAIN_IS_AWAY = dg.RetryPolicy(
    max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)

_POSTS_AHEAD = 10
_SHOWN_GAPS = 5


@dg.asset(
    partitions_def=SESSIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=["daily_report", "daily_summary", "rolling_metrics", "daily_verification", "portfolio_greeks"],
    check_specs=[
        dg.AssetCheckSpec(
            "every_account_is_signed",
            asset="daily_signature",
            description="No account had to stop: each of its days is told, complete and verified, under its own key.",
        )
    ],
    group_name="proof",
    kinds={"python", "postgres"},
    owners=OWNERS,
)
def daily_signature(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
    """The day's metrics frozen as a salted Merkle tree, and queued for the chain, which is not asked. A day that is
    signed stays as it was signed."""
    period = range_of(context)
    db = platform.database()
    with failing_well():
        beginning = Beginning(context.run.tags.get(BEGINNING, Beginning.ALL))
        outcome = sign(db, platform.settings(), period, beginning=beginning)
    called = account_labels(db)
    roots = [
        (signed.trading_day, {f"merkle_root {called[signed.account_id]}": f"0x{signed.root.hex()}"})
        for signed in outcome.new + outcome.kept
    ]
    describe(context, roots)
    return dg.MaterializeResult(
        metadata={"signed": len(outcome.new), "signed_before": len(outcome.kept), "drifted": len(outcome.drifted)},
        check_results=[
            _all(
                "every_account_is_signed",
                outcome.refused,
                outcome.refused,
                called,
                "all are signed",
                period,
            )
        ],
    )


@dg.asset_check(
    asset=daily_signature,
    additional_deps=["daily_summary", "rolling_metrics", "daily_verification", "portfolio_greeks"],
    partitions_def=SESSIONS,
    description="The figures of every signed day are still those that were signed; what has drifted is named.",
)
def signed_days_unchanged(context: dg.AssetCheckExecutionContext, platform: Platform) -> dg.AssetCheckResult:
    """Of all signed days: a statement corrects days from before the run. Nothing is amended without a person. Where a
    day could not be compared, that is a finding, and none that was found earlier is over."""
    db = platform.database()
    with failing_well():
        (found, unjudged), called = drifts(db), account_labels(db)
    drifted = [_drift(called[drift.signed.account_id], drift.signed, drift_of(*drift)) for drift in found]
    return result(
        "drift",
        "signed_days_unchanged",
        [*drifted, *_unjudged(unjudged, called)],
        "every signed day stands as it was signed",
        severity=dg.AssetCheckSeverity.WARN,
        looked=[] if unjudged else None,
    )


@dg.asset(
    partitions_def=SESSIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[daily_signature],
    check_specs=[
        dg.AssetCheckSpec("every_day_is_posted", asset="chain_receipt", description="The chain took each signed day."),
        dg.AssetCheckSpec(
            "roots_agree",
            asset="chain_receipt",
            description="The contract holds our root for each day whose receipt says that it is posted.",
        ),
        dg.AssetCheckSpec(
            "no_gap",
            asset="chain_receipt",
            description="Each trader has a record for every session from its first signed day to its last posted one.",
        ),
        dg.AssetCheckSpec(
            queue.CHECK,
            asset="chain_receipt",
            description="No record has failed, and none waits longer than FNTX_WAITING_HOURS for the chain.",
        ),
        dg.AssetCheckSpec(
            "funds_last",
            asset="chain_receipt",
            description=f"Each trader has FNTX and an allowance for {_POSTS_AHEAD} more days.",
        ),
    ],
    group_name="proof",
    kinds={"solidity", "postgres"},
    owners=OWNERS,
    retry_policy=WHEN_THE_CHAIN_IS_AWAY,
)
def chain_receipt(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
    """The root posted to TrackRecord, 10 FNTX burned, and the receipt read back. A posted day is not posted again."""
    period = range_of(context)
    settings, db = platform.settings(), platform.database()
    with failing_well(), _counting_what_waits(db, period), connect(settings) as chain:
        outcome = post(db, settings, chain, period, on_progress=context.log.info)
        signed, called = _signed_here(db, chain, period), account_labels(db)
        short = list(_short_of_funds(chain, sorted(signed)))
        held = held_by(db, chain)
        differing = disagreements(db, chain, held)
    receipts = [
        (posted.trading_day, _receipt(settings, posted, called[posted.account_id]))
        for posted in outcome.new + outcome.kept
    ]
    describe(context, receipts)
    missing = list(_gaps(held, signed, called))
    other_roots = [_disagreement(called[one.account_id], one, held) for one, held in differing]
    late = queue.waiting_too_long(db, settings.posting.waiting_hours, datetime.now(UTC))
    return dg.MaterializeResult(
        metadata={"posted": len(outcome.new), "posted_before": len(outcome.kept), "waiting": len(outcome.waiting)},
        check_results=[
            _all(
                "every_day_is_posted",
                outcome.refused + outcome.failed,
                outcome.refused,
                called,
                "all are posted",
                period,
            ),
            result("chain", "roots_agree", other_roots, "the contract holds our roots"),
            result(
                "gap",
                "no_gap",
                missing,
                "no session is missing",
                severity=dg.AssetCheckSeverity.WARN,
                looked=[called[one.account_id] for one in signed.values()],
            ),
            result(queue.KIND, queue.CHECK, late, "nothing waits too long", severity=dg.AssetCheckSeverity.WARN),
            result("funds", "funds_last", short, "they do", severity=dg.AssetCheckSeverity.WARN, looked=sorted(signed)),
        ],
    )


@contextmanager
def _counting_what_waits(db: Database, period: Period) -> Iterator[None]:
    """A chain that is away is told with what waits for it."""
    try:
        yield
    except Transient as error:
        waiting = [one for one in unfinished(db, period) if one.state not in ("mined", "failed")]
        raise Transient(
            f"{len(waiting)} records wait for the chain: {error.message}",
            f"{error.way_out}. " * bool(error.way_out) + "Nothing is lost: the sensor `chain_queue` sends them later",
        ) from None


def _all(
    check: str,
    refused: Sequence[Refusal],
    of_keys: Iterable[Refusal],
    called: Labels,
    holds: str,
    period: Period,
) -> dg.AssetCheckResult:
    """What the day itself, or the queue, is to blame for is told by its own checks; the alerts are about keys and
    funds."""
    first, last = period
    findings = {one: Finding(f"{called[one.account_id]} {one.day}", _words(one), one.day) for one in refused}
    alerts = [findings[one] for one in of_keys if not one.is_of_the_day]
    return result("account", check, list(findings.values()), holds, days=(first, last), alerts=alerts)


def _words(refusal: Refusal) -> str:
    return f"from {refusal.day} on: {without_accounts(str(refusal.error))}"


def _drift(account: str, signed: SignedDay, words: str) -> Finding:
    return Finding(f"{account} {signed.trading_day}", f"{account}: {words}", signed.trading_day)


def _unjudged(days: Sequence[Unjudged], called: Labels) -> Iterator[Finding]:
    """One finding per account, whatever the number of its days."""
    by_account: dict[str, list[Unjudged]] = {}
    for one in days:
        by_account.setdefault(one.signed.account_id, []).append(one)
    for account_id, own in by_account.items():
        account, more = called[account_id], f" and {len(own) - 1} more" if len(own) > 1 else ""
        text = f"{account}: nobody can tell whether {own[0].signed.trading_day}{more} stands as it was signed: "
        yield Finding(f"{account} not compared", text + without_accounts(str(own[0].error)))


def _disagreement(account: str, posted: PostedDay, held: str) -> Finding:
    text = f"{account} {posted.trading_day}: {held}. `fntx run` over that day posts it again, if none is there"
    return Finding(f"{account} {posted.trading_day}", text, posted.trading_day)


def _receipt(settings: Settings, posted: PostedDay, account: str) -> dict[str, Any]:
    """What the UI shows of a receipt; the gas is the transaction's, which may have posted more days."""
    link = settings.chain.explorer_url and settings.chain.explorer_url.replace("{tx_hash}", posted.tx_hash)
    return {
        f"transaction {account}": dg.MetadataValue.url(link) if link else posted.tx_hash,
        f"block {account}": posted.block_number,
        f"gas {account}": posted.gas_used,
        f"days in transaction {account}": posted.records,
        f"state {account}": "final" if posted.is_final else "mined",
    }


def _signed_here(db: Database, chain: Chain, period: Period) -> dict[str, SignedDay]:
    """Whose days of the range belong on this chain, posted or refused, by trader: the last of each. Who is refused for
    want of funds is one."""
    here = (chain.chain_id, chain.contract)
    days = signed_days(db, period)
    return {signed.trader: signed for signed in days if (signed.chain_id, signed.contract) == here}


def _short_of_funds(chain: Chain, traders: list[str]) -> Iterator[Finding]:
    for trader in traders:
        funds = chain.funds_of(trader)
        left = int(min(funds.fntx, funds.allowance) // chain.burn_amount)
        if left < _POSTS_AHEAD:
            yield Finding(
                trader, f"trader {trader} has FNTX and allowance for {left} more days: send FNTX or approve more"
            )


def _gaps(held: Mapping[str, HeldRecords], signed: dict[str, SignedDay], called: Labels) -> Iterator[Finding]:
    """One finding per account: a hole of a year is one thing to know."""
    for trader, latest in signed.items():
        first, last, records = held[trader]
        missing = gaps(records.keys(), Period(first, last), datetime.now(UTC))
        if missing:
            account, more = called[latest.account_id], len(missing) - _SHOWN_GAPS
            shown = ", ".join(map(str, missing[:_SHOWN_GAPS])) + (f" and {more} more" if more > 0 else "")
            yield Finding(account, f"{account}: later sessions have a record on the chain, these have none: {shown}")
