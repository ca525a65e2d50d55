"""The treasury as Dagster sees it: the audit log signed every hour and what of it is due on ledgers, sanctions lists,
and the run that asks the ledgers. Nothing here votes, or signs a transaction of a ledger."""

from datetime import UTC, datetime

import dagster as dg

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.findings import result
from fntx_dagster.defs.pages import documented
from fntx_dagster.defs.ranges import LOCAL, NETWORK, OWNERS
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.shown import info, materialized, skipped
from fntx_dagster.defs.tables import shown_table
from fntx_dagster.services.auditing.anchors_due import late_anchors
from fntx_dagster.services.building import treasury
from fntx_dagster.services.screening.following_lists import list_findings

GROUP = "treasury"
_KINDS = {"python", "postgres"}
_LISTS = ("list", "entities", "names", "fetched (UTC)", "version", "file")
_QUEUED = ("events", "root", "state", "chain", "contract")


@dg.asset(group_name=GROUP, kinds=_KINDS, owners=OWNERS, tags=LOCAL, metadata=documented("audit"))
def audit_checkpoint(platform: Platform) -> dg.MaterializeResult:
    """The audit log as it is, signed with the log's own key if it goes on from what was signed before; else it fails
    with an alert and signs nothing. Before there is an event, nothing is signed."""
    with failing_well():
        signed = treasury.sign_log(platform.settings(), platform.database(), _now())
    if signed is None:
        return materialized({"events": 0})
    return materialized(
        {"events": signed.size, "root": signed.root, "signed_at": f"{signed.signed_at}", "new": signed.is_new}
    )


@dg.asset(
    deps=[audit_checkpoint], group_name=GROUP, kinds=_KINDS, owners=OWNERS, tags=LOCAL, metadata=documented("audit")
)
def anchor_payload_evm(platform: Platform) -> dg.MaterializeResult:
    """What of the log is due on the EVM chain, queued. It holds no key and asks no node: `fntx audit anchor --if-due`
    signs what is queued, in a process that has the key of the account `audit`."""
    with failing_well():
        payload = treasury.queue_for_evm(platform.settings(), platform.database(), _now())
    shown: dict[str, object] = {"waiting": len(payload.queued), "new": payload.is_new}
    if payload.due_at:
        shown["next_due"] = f"{payload.due_at}"
    if payload.to_do:
        shown["to_do"] = payload.to_do
    if payload.queued:
        shown["queued"] = shown_table(_QUEUED, payload.queued, 3)
    return materialized(shown)


def _anchor_payload(ledger: str, name: str) -> dg.AssetsDefinition:
    @dg.asset(
        name=f"anchor_payload_{ledger}",
        deps=[audit_checkpoint],
        group_name=GROUP,
        kinds=_KINDS,
        owners=OWNERS,
        tags={NETWORK: ledger},
        metadata=documented("treasury"),
        description=f"What of the log is due on {name}: a proposal that signers vote on, or where a standing approval "
        "covers it the unsigned transaction, which `fntx treasury sign-anchors` signs elsewhere.",
    )
    def anchor_payload(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        with failing_well():
            done = treasury.anchor_on(platform.settings(), platform.database(), ledger, _now())
        if done.to_do:
            info(context, done.to_do)
        shown = {"events": done.size, "state": done.state, "proposal": done.proposal, "to_do": done.to_do or None}
        due = {"new": done.is_new, "next_due": f"{done.due_at}" if done.due_at else None}
        return materialized({label: value for label, value in (shown | due).items() if value is not None})

    return anchor_payload


anchor_payload_xrpl = _anchor_payload("xrpl", "the XRP Ledger")
anchor_payload_stellar = _anchor_payload("stellar", "Stellar")


@dg.asset_check(
    asset=audit_checkpoint,
    description="Every event is there, in its order, opens and hashes to what was signed; every checkpoint holds.",
)
def log_holds(platform: Platform) -> dg.AssetCheckResult:
    """As `fntx audit status --whole`."""
    with failing_well():
        events, problems = treasury.log_problems(platform.settings(), platform.database())
    return result("audit", "log_holds", problems, f"{events} events hold", events=events)


@dg.asset_check(
    asset=audit_checkpoint,
    description="Each ledger that the log is anchored on had an anchor in twice the time between two.",
)
def anchors_are_recent(platform: Platform) -> dg.AssetCheckResult:
    """What happened since the last anchor is protected by the checkpoint alone."""
    settings = platform.settings()
    with failing_well():
        late = late_anchors(settings, platform.database(), _now()) if treasury.is_configured(settings) else []
    holds = "No anchor is late" if treasury.is_configured(settings) else treasury.NOT_CONFIGURED
    return result("anchors", "anchors_are_recent", late, holds, severity=dg.AssetCheckSeverity.WARN)


@dg.asset(
    check_specs=[
        dg.AssetCheckSpec(
            "every_list_file_is_loaded",
            asset="sanctions_list",
            description="Each file in FNTX_LIST_FILES is loaded whole; one that is refused leaves the version before.",
        )
    ],
    group_name=GROUP,
    kinds=_KINDS,
    owners=OWNERS,
    tags=LOCAL,
    metadata=documented("compliance"),
)
def sanctions_list(platform: Platform) -> dg.MaterializeResult:
    """The sanctions lists in the files of FNTX_LIST_FILES, each loaded whole or not at all where its file has changed.
    Whoever fetches the files puts them there; nothing is downloaded here."""
    with failing_well():
        files = treasury.load_lists(platform.settings(), platform.database())
    shown: dict[str, object] = {"loaded": files.loaded}
    if files.rows:
        shown["lists"] = shown_table(_LISTS, files.rows, 1)
    check = result("lists", "every_list_file_is_loaded", files.refused, "Every file is loaded")
    return materialized(shown, check_results=[check])


@dg.asset(
    deps=[sanctions_list],
    check_specs=[
        dg.AssetCheckSpec(
            "every_match_is_decided",
            asset="party_rescreen",
            description="Nobody in use has a match on a list that no person has decided on.",
        )
    ],
    group_name=GROUP,
    kinds=_KINDS,
    owners=OWNERS,
    tags=LOCAL,
    metadata=documented("compliance"),
)
def party_rescreen(platform: Platform) -> dg.MaterializeResult:
    """Every party in use, screened again once a list has other bytes, and each proposal that is not prepared: a match
    blocks it, with an alert, until a signer of the role compliance decides. Parties are shown by their ids."""
    with failing_well():
        done = treasury.rescreen_parties(platform.settings(), platform.database())
    shown: dict[str, object] = {"screened": done.screened, "moved": len(done.moved)}
    if done.moved:
        shown["proposals"] = shown_table(("proposal", "kind", "state"), done.moved, 3)
    check = result(
        "compliance",
        "every_match_is_decided",
        done.matches or [],
        "No match waits for a decision" if done.matches is not None else treasury.NOT_CONFIGURED,
        severity=dg.AssetCheckSeverity.WARN,
        looked=[] if done.matches is None else None,
    )
    return materialized(shown, check_results=[check])


@dg.asset_check(
    asset=sanctions_list,
    description="Every list that counts is loaded and not older than FNTX_LISTS_MAX_AGE: else nobody can be cleared.",
)
def lists_are_recent(platform: Platform) -> dg.AssetCheckResult:
    """A list is as old as its file."""
    settings = platform.settings()
    with failing_well():
        old = list_findings(settings, platform.database()) if treasury.is_configured(settings) else []
    holds = "Every list that counts is new enough" if treasury.is_configured(settings) else treasury.NOT_CONFIGURED
    return result("lists", "lists_are_recent", old, holds, severity=dg.AssetCheckSeverity.WARN)


@dg.op(description="Ends proposals that nobody decided in time, and asks the ledgers what became of transactions.")
def serve_treasury(context: dg.OpExecutionContext, platform: Platform) -> None:
    """A server that does not answer is a line of the log: the next run asks it again."""
    with failing_well():
        done = treasury.attend(platform.settings(), platform.database(), _now())
    for proposal in done.expired:
        info(context, f"The proposal {proposal} has expired.")
    for proposal, state, words in done.asked:
        info(context, f"The transaction of the proposal {proposal} is {state}{f': {words}' if words else ''}.")
    if done.rotation:
        info(context, done.rotation)


@dg.job(description="Ends proposals that nobody decided in time, and asks the ledgers what became of transactions.")
def attend_treasury() -> None:
    """One step."""
    serve_treasury()


@dg.op(description="Looks at every escrow by the ledger's time, and raises an alert 7 days and 1 day before it ends.")
def look_at_escrows(context: dg.OpExecutionContext, platform: Platform) -> None:
    """A server that does not answer fails the run: no alert is resolved then, and the next run asks again."""
    with failing_well():
        done = treasury.look_at_escrows(platform.settings(), platform.database())
    info(context, f"Looked at {done.looked} escrows.")
    for finding in done.findings:
        info(context, f"{finding.text}.")


@dg.job(description="Looks at every escrow by the ledger's time, and raises an alert 7 days and 1 day before it ends.")
def watch_escrows() -> None:
    """One step."""
    look_at_escrows()


def _now() -> datetime:
    return datetime.now(UTC)


AUDIT = dg.AssetSelection.assets(
    "audit_checkpoint", "anchor_payload_xrpl", "anchor_payload_stellar", "anchor_payload_evm"
)
LISTS = dg.AssetSelection.assets("sanctions_list", "party_rescreen")

checkpoint_audit_log = dg.define_asset_job(
    "checkpoint_audit_log",
    selection=AUDIT.without_checks() | dg.AssetSelection.checks(anchors_are_recent, lists_are_recent),
    description="Signs the audit log, makes what is due on ledgers, and looks how old anchors and sanctions lists are.",
)
verify_audit_log = dg.define_asset_job(
    "verify_audit_log",
    selection=dg.AssetSelection.checks(log_holds),
    description="Opens and hashes every event of the audit log anew, and checks every checkpoint.",
)
load_lists = dg.define_asset_job(
    "load_lists",
    selection=LISTS,
    description="Loads the sanctions lists whose files have changed, and screens parties and proposals against them.",
)


@dg.schedule(
    job=checkpoint_audit_log,
    cron_schedule="0 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Signs the audit log every hour, and makes what is due on ledgers. Off until there is a treasury.",
)
def checkpoint_of_the_hour(context: dg.ScheduleEvaluationContext, platform: Platform) -> dg.RunRequest | dg.SkipReason:
    """An hour that was missed is covered by the next: a checkpoint covers all events before it."""
    return _at(context, platform, "%Y-%m-%dT%H")


@dg.schedule(
    job=verify_audit_log,
    cron_schedule="25 0 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Looks at every event of the audit log once a day. Off until there is a treasury.",
)
def verification_of_the_log(context: dg.ScheduleEvaluationContext, platform: Platform) -> dg.RunRequest | dg.SkipReason:
    """After the day's other verifications."""
    return _at(context, platform, "%Y-%m-%d")


def _at(context: dg.ScheduleEvaluationContext, platform: Platform, key: str) -> dg.RunRequest | dg.SkipReason:
    if not treasury.is_configured(platform.settings()):
        return skipped(treasury.NOT_CONFIGURED)
    return dg.RunRequest(run_key=f"{context.scheduled_execution_time:{key}}")


TREASURY = [
    audit_checkpoint,
    anchor_payload_xrpl,
    anchor_payload_stellar,
    anchor_payload_evm,
    sanctions_list,
    party_rescreen,
]
TREASURY_CHECKS = [log_holds, anchors_are_recent, lists_are_recent]
TREASURY_JOBS = [checkpoint_audit_log, verify_audit_log, load_lists, attend_treasury, watch_escrows]
TREASURY_SCHEDULES = [checkpoint_of_the_hour, verification_of_the_log]
