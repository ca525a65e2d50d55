"""The signed day: the record with its Merkle root, and its receipt from the chain."""

import dagster as dg

from fntx_dagster import signatures
from fntx_dagster.chain.client import connect
from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.partitions import SESSIONS
from fntx_dagster.defs.ranges import OWNERS, range_of
from fntx_dagster.defs.resources import Platform
from fntx_dagster.errors import masked

WHEN_THE_CHAIN_IS_AWAY = dg.RetryPolicy(
    max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)


@dg.asset(
    partitions_def=SESSIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    retry_policy=WHEN_THE_CHAIN_IS_AWAY,
    deps=["daily_report", "daily_summary", "rolling_metrics", "daily_verification"],
    group_name="proof",
    kinds={"python", "postgres"},
    owners=OWNERS,
)
def daily_signature(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
    """The day's metrics frozen as a salted Merkle tree. A day that is signed stays as it was signed."""
    first, last = range_of(context)
    settings = platform.settings()
    with failing_well(), connect(settings) as chain:
        outcome = signatures.sign(platform.database(), chain, settings.paths.keys, first, last)
    for warning in outcome.warnings:
        context.log.warning(warning)
    for signed in outcome.new + outcome.kept:
        context.add_asset_metadata(
            {f"merkle_root {masked(signed.account_id)}": f"0x{signed.root.hex()}"},
            partition_key=signed.trading_day.isoformat(),
        )
    return dg.MaterializeResult(
        metadata={"signed": len(outcome.new), "signed_before": len(outcome.kept), "drifted": len(outcome.drifted)}
    )


@dg.asset(
    partitions_def=SESSIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[daily_signature],
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
    for posted in outcome.new + outcome.kept:
        account = masked(posted.account_id)
        context.add_asset_metadata(
            {
                f"transaction {account}": posted.tx_hash,
                f"block {account}": posted.block_number,
                f"gas {account}": posted.gas_used,
            },
            partition_key=posted.trading_day.isoformat(),
        )
    return dg.MaterializeResult(metadata={"posted": len(outcome.new), "posted_before": len(outcome.kept)})
