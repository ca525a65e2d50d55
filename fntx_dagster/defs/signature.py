"""The signed day: the record with its Merkle root, and its receipt from the chain."""

import dagster as dg

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.findings import result
from fntx_dagster.defs.internals import describe
from fntx_dagster.defs.pages import documented
from fntx_dagster.defs.partitions import SESSIONS
from fntx_dagster.defs.progress import progress_of
from fntx_dagster.defs.ranges import BEGINNING, FRESHNESS, LOCAL, NETWORK, OWNERS, accounts_of, range_of
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.shown import materialized, warning
from fntx_dagster.services.building.reports import rewrite_reports
from fntx_dagster.services.shards import labels_of
from fntx_dagster.services.signatures import late_records
from fntx_dagster.services.signatures.receipts import POSTS_AHEAD, Receipt, post_days
from fntx_dagster.services.signatures.refusals import Beginning
from fntx_dagster.services.signatures.register import isolated_days
from fntx_dagster.services.signatures.signed_days import changed_days, sign_days
from fntx_dagster.services.witnesses.standing import lost_attestations

WHEN_THE_CHAIN_IS_AWAY = dg.RetryPolicy(
    max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)


@dg.asset(
    partitions_def=SESSIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[
        "daily_report",
        "daily_summary",
        "rolling_metrics",
        "round_trips",
        "daily_verification",
        "portfolio_greeks",
        "broker_ledger",
    ],
    check_specs=[
        dg.AssetCheckSpec(
            "every_account_is_signed",
            asset="daily_signature",
            description="Every day of each account is built, complete and verified, and was signed with its own key.",
        )
    ],
    group_name="proof",
    kinds={"python", "postgres"},
    owners=OWNERS,
    tags=LOCAL,
    freshness_policy=FRESHNESS,
    metadata=documented("signature"),
)
def daily_signature(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
    """The day's metrics frozen as a salted Merkle tree, with that of its extension in slot 63, and queued for the
    chain; signing does not contact a node. A signed day stays as it was signed."""
    period = range_of(context)
    beginning = Beginning(context.run.tags.get(BEGINNING, Beginning.ALL))
    with failing_well():
        db = platform.database()
        only = accounts_of(context, db)
        signed = sign_days(platform.settings(), db, period, beginning, only)
    describe(
        context,
        [
            (day, {f"merkle_root {label}": root, f"extension_root {label}": extension or "signed before the extension"})
            for day, label, root, extension in signed.roots
        ],
    )
    return materialized(
        {
            "signed": signed.new,
            "signed_before": signed.kept,
            "drifted": signed.drifted,
            "can_be_in_a_period": signed.provable,
        },
        check_results=[
            result(
                "account",
                "every_account_is_signed",
                signed.refused,
                "Every day of every account is signed",
                days=period,
                alerts=signed.alerts,
                among=labels_of(db, only),
            )
        ],
    )


@dg.asset_check(
    asset=daily_signature,
    additional_deps=["daily_summary", "rolling_metrics", "round_trips", "daily_verification", "portfolio_greeks"],
    description="The figures of every signed day are still those that were signed. Changed metrics are named.",
)
def signed_days_unchanged(context: dg.AssetCheckExecutionContext, platform: Platform) -> dg.AssetCheckResult:
    """All signed days are compared: a statement corrects days from before the run. Nothing is amended without a person.
    Where a day could not be compared, that is a finding, and every earlier finding stays open."""
    with failing_well():
        db = platform.database()
        only = accounts_of(context, db)
        changed = changed_days(db, only)
    return result(
        "drift",
        "signed_days_unchanged",
        changed.findings,
        "No figure of a signed day has changed",
        severity=dg.AssetCheckSeverity.WARN,
        looked=None if changed.is_certain else [],
        among=labels_of(db, only),
    )


@dg.asset_check(
    asset=daily_signature,
    description="No two of the periods, days and windows that were shown tell figures of fewer than five sessions.",
)
def no_days_stand_alone(context: dg.AssetCheckExecutionContext, platform: Platform) -> dg.AssetCheckResult:
    """All that was ever shown is looked at. What is about to be shown is refused before; here is what `--isolate` or a
    link showed all the same."""
    with failing_well():
        isolated = isolated_days(platform.database())
    return result(
        "isolation",
        "no_days_stand_alone",
        isolated,
        "Nothing that was shown isolates days",
        severity=dg.AssetCheckSeverity.WARN,
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
            late_records.CHECK,
            asset="chain_receipt",
            description="No record has failed, and none waits longer than FNTX_WAITING_HOURS for the chain.",
        ),
        dg.AssetCheckSpec(
            "funds_last",
            asset="chain_receipt",
            description=f"Each trader has FNTX and an allowance for {POSTS_AHEAD} more days.",
        ),
    ],
    group_name="proof",
    kinds={"solidity", "postgres"},
    owners=OWNERS,
    tags={NETWORK: "evm"},
    freshness_policy=FRESHNESS,
    metadata=documented("signature"),
    retry_policy=WHEN_THE_CHAIN_IS_AWAY,
)
def chain_receipt(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
    """The root posted to TrackRecord, 10 FNTX burned, and the receipt read back. A posted day is not posted again. The
    HTML reports in the home that show a posted day are written again."""
    period = range_of(context)
    with failing_well():
        settings, db = platform.settings(), platform.database()
        only = accounts_of(context, db)
        posted = post_days(settings, db, period, progress_of(context), only)
        if unwritten := rewrite_reports(settings, db, posted.changed):
            warning(context, unwritten)
    describe(context, [(receipt.posted.trading_day, _shown(receipt)) for receipt in posted.receipts])
    warn = dg.AssetCheckSeverity.WARN
    return materialized(
        {"posted": posted.new, "posted_before": posted.kept, "waiting": posted.waiting},
        check_results=[
            result(
                "account",
                "every_day_is_posted",
                posted.refused,
                "Every signed day is posted",
                days=period,
                alerts=posted.alerts,
                among=labels_of(db, only),
            ),
            result("chain", "roots_agree", posted.differing, "The contract holds the root of every posted day"),
            result(
                "gap",
                "no_gap",
                posted.gaps,
                "No session is missing on the chain",
                severity=warn,
                looked=posted.accounts,
            ),
            result(
                late_records.KIND,
                late_records.CHECK,
                posted.late,
                "No record has failed, and none waits too long",
                severity=warn,
            ),
            result(
                "funds",
                "funds_last",
                posted.short,
                f"Every trader has funds for {POSTS_AHEAD} more days",
                severity=warn,
                looked=posted.traders,
            ),
        ],
    )


@dg.asset_check(
    asset=chain_receipt,
    description="What the witnesses in FNTX_WITNESSES attested is the latest version of its day, and is not revoked.",
    retry_policy=WHEN_THE_CHAIN_IS_AWAY,
)
def attestations_stand(context: dg.AssetCheckExecutionContext, platform: Platform) -> dg.AssetCheckResult:
    """All posted days are looked at: a witness can revoke any. Where none is named, the chain is not asked."""
    with failing_well():
        settings = platform.settings()
        lost = lost_attestations(settings, platform.database())
    return result(
        "witness",
        "attestations_stand",
        lost,
        "Every attestation stands" if settings.witness.names else "Not looked at: FNTX_WITNESSES names no witness",
        severity=dg.AssetCheckSeverity.WARN,
    )


def _shown(receipt: Receipt) -> dict[str, dg.MetadataValue]:
    """What the UI shows of a receipt. The gas is the transaction's, which may have posted more days."""
    posted, label = receipt.posted, receipt.label
    transaction = dg.MetadataValue.url(receipt.link) if receipt.link else dg.MetadataValue.text(posted.tx_hash)
    return {
        f"transaction {label}": transaction,
        f"block {label}": dg.MetadataValue.int(posted.block_number),
        f"gas {label}": dg.MetadataValue.int(posted.gas_used),
        f"days in transaction {label}": dg.MetadataValue.int(posted.records),
        f"state {label}": dg.MetadataValue.text("final" if posted.is_final else "mined"),
    }
