"""The jobs: the daily run and its parts. What schedules and sensors start is one of them, as is what `fntx` runs."""

import dagster as dg

from fntx_dagster.defs.alerts import deliver_alerts
from fntx_dagster.defs.bonds import follow_bonds
from fntx_dagster.defs.commitments import commit_signals
from fntx_dagster.defs.execution import profile_markets
from fntx_dagster.defs.ledger_books import verify_ledger
from fntx_dagster.defs.pools import attend_pool
from fntx_dagster.defs.reconciliation import reconcile_ledgers
from fntx_dagster.defs.signal_settling import settle_signals
from fntx_dagster.defs.transforms import transforms
from fntx_dagster.defs.treasury import GROUP, TREASURY_JOBS

SIGNED = dg.AssetSelection.assets("daily_signature", "chain_receipt")
DRIFT = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey("daily_signature"), "signed_days_unchanged"))
"""Jobs that rebuild days and sign nothing report too that the figures of a signed day have changed."""
CURRENT_DAY = dg.AssetSelection.assets("current_day")
VIEWS = dg.AssetSelection.assets(*(spec.key for spec in transforms.specs if spec.is_virtual))
"""They hold no session; `transforms` builds those that are missing."""
LEDGER_PATH = dg.AssetSelection.assets("ledger_statements", "ledger_days", "ledger_records")
LEDGER = dg.AssetSelection.groups("ledger")
"""By days of UTC, so in jobs of their own."""
TREASURY = dg.AssetSelection.groups(GROUP)
EVERY_DAY = dg.AssetSelection.all() - CURRENT_DAY - VIEWS - LEDGER - TREASURY
FILES = dg.AssetSelection.assets("flex_files", "raw_flex_xml")
LOADED_DAYS = dg.AssetSelection.assets("raw_flex_xml").downstream(include_self=False) - VIEWS

daily_run = dg.define_asset_job(
    "daily_run",
    selection=EVERY_DAY,
    description="From the Flex Web Service to the receipts: fetch, load, explain, verify, report, sign, post.",
)
fetch_files = dg.define_asset_job(
    "fetch_files",
    selection=FILES,
    description="The month-to-date statements, fetched and loaded. Builds no day.",
)
refresh_days = dg.define_asset_job(
    "refresh_days",
    selection=(EVERY_DAY - SIGNED) | DRIFT,
    description="From the Flex Web Service to the verified and reported day. Signs nothing.",
)
sign_days = dg.define_asset_job(
    "sign_days",
    selection=SIGNED,
    description="Signs verified days, posts them, and reads their receipts.",
)
post_queue = dg.define_asset_job(
    "post_queue",
    selection=dg.AssetSelection.assets("chain_receipt"),
    description="Posts the signed days that wait for the chain, and reads their receipts.",
)
refresh_current_day = dg.define_asset_job(
    "refresh_current_day",
    selection=CURRENT_DAY,
    description="The current day as IB Gateway has it. Provisional.",
)
run_loaded_days = dg.define_asset_job(
    "run_loaded_days",
    selection=LOADED_DAYS,
    description="As daily_run, from the statements that are loaded already.",
)
verify_days = dg.define_asset_job(
    "verify_days",
    selection=(LOADED_DAYS - SIGNED) | DRIFT,
    description="From the loaded statements to the verified and reported day. Signs nothing.",
)

close_ledger_days = dg.define_asset_job(
    "close_ledger_days",
    selection=LEDGER_PATH,
    description="The days of ledger accounts: closed, explained, verified, reported, signed and posted.",
)
verify_ledger_days = dg.define_asset_job(
    "verify_ledger_days",
    selection=LEDGER_PATH - dg.AssetSelection.assets("ledger_records"),
    description="As close_ledger_days, without signing.",
)
post_ledger_queue = dg.define_asset_job(
    "post_ledger_queue",
    selection=dg.AssetSelection.assets("ledger_records"),
    description="Signs and posts the explained days of ledger accounts that wait for the chain.",
)

JOBS = [
    daily_run,
    run_loaded_days,
    verify_days,
    fetch_files,
    refresh_days,
    sign_days,
    post_queue,
    refresh_current_day,
    close_ledger_days,
    verify_ledger_days,
    post_ledger_queue,
    verify_ledger,
    settle_signals,
    commit_signals,
    attend_pool,
    *TREASURY_JOBS,
    follow_bonds,
    reconcile_ledgers,
    profile_markets,
    deliver_alerts,
]
