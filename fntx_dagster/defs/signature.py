"""The signed day: the record with its Merkle root, and its receipt from the chain."""

from collections.abc import Iterator
from datetime import date

import dagster as dg

from fntx_dagster import signatures
from fntx_dagster.chain.client import Chain, connect
from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.findings import result
from fntx_dagster.defs.partitions import SESSIONS
from fntx_dagster.defs.ranges import BEGINNING, OWNERS, range_of
from fntx_dagster.defs.resources import Platform
from fntx_dagster.errors import without_accounts
from fntx_dagster.signatures import Beginning, Refusal
from fntx_dagster.store.alerts import Finding
from fntx_dagster.store.database import Database
from fntx_dagster.store.labels import Labels, account_labels
from fntx_dagster.store.signatures import signed_days

WHEN_THE_CHAIN_IS_AWAY = dg.RetryPolicy(
    max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)

_POSTS_AHEAD = 10


@dg.asset(
    partitions_def=SESSIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    retry_policy=WHEN_THE_CHAIN_IS_AWAY,
    deps=["daily_report", "daily_summary", "rolling_metrics", "daily_verification"],
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
    """The day's metrics frozen as a salted Merkle tree. A day that is signed stays as it was signed."""
    first, last = range_of(context)
    settings = platform.settings()
    with failing_well(), connect(settings) as chain:
        beginning = Beginning(context.run.tags.get(BEGINNING, Beginning.ALL))
        outcome = signatures.sign(platform.database(), chain, settings.paths.keys, first, last, beginning=beginning)
    called = account_labels(platform.database())
    for warning in outcome.warnings:
        context.log.warning(warning)
    for signed in outcome.new + outcome.kept:
        context.add_asset_metadata(
            {f"merkle_root {called[signed.account_id]}": f"0x{signed.root.hex()}"},
            partition_key=signed.trading_day.isoformat(),
        )
    return dg.MaterializeResult(
        metadata={"signed": len(outcome.new), "signed_before": len(outcome.kept), "drifted": len(outcome.drifted)},
        check_results=[_all("every_account_is_signed", outcome.refused, called, "all are signed", first, last)],
    )


@dg.asset(
    partitions_def=SESSIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[daily_signature],
    check_specs=[
        dg.AssetCheckSpec("every_day_is_posted", asset="chain_receipt", description="The chain took each signed day."),
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
    first, last = range_of(context)
    with failing_well(), connect(platform.settings()) as chain:
        outcome = signatures.post(platform.database(), chain, first, last)
        traders = _traders(platform.database(), chain, first, last)
        short = list(_short_of_funds(chain, traders))
    called = account_labels(platform.database())
    for posted in outcome.new + outcome.kept:
        account = called[posted.account_id]
        context.add_asset_metadata(
            {
                f"transaction {account}": posted.tx_hash,
                f"block {account}": posted.block_number,
                f"gas {account}": posted.gas_used,
            },
            partition_key=posted.trading_day.isoformat(),
        )
    return dg.MaterializeResult(
        metadata={"posted": len(outcome.new), "posted_before": len(outcome.kept)},
        check_results=[
            _all("every_day_is_posted", outcome.refused, called, "all are posted", first, last),
            result("funds", "funds_last", short, "they do", severity=dg.AssetCheckSeverity.WARN, looked=traders),
        ],
    )


def _all(
    check: str, refused: list[Refusal], called: Labels, holds: str, first: date, last: date
) -> dg.AssetCheckResult:
    """What the day itself is to blame for is told by its own checks; the alerts are about keys and funds."""
    findings = {one: Finding(f"{called[one.account_id]} {one.day}", _words(one), one.day) for one in refused}
    alerts = [finding for one, finding in findings.items() if not one.is_of_the_day]
    return result("account", check, list(findings.values()), holds, days=(first, last), alerts=alerts)


def _words(refusal: Refusal) -> str:
    return f"from {refusal.day} on: {without_accounts(str(refusal.error))}"


def _traders(db: Database, chain: Chain, first: date, last: date) -> list[str]:
    """Whose days of the range belong on this chain, posted or refused: who is refused for want of funds is one."""
    here = (chain.chain_id, chain.contract)
    days = signed_days(db, first, last)
    return sorted({signed.trader for signed in days if (signed.chain_id, signed.contract) == here})


def _short_of_funds(chain: Chain, traders: list[str]) -> Iterator[Finding]:
    for trader in traders:
        funds = chain.funds_of(trader)
        left = int(min(funds.fntx, funds.allowance) // chain.burn_amount)
        if left < _POSTS_AHEAD:
            yield Finding(
                trader, f"trader {trader} has FNTX and allowance for {left} more days: send FNTX or approve more"
            )
