"""The jobs: the daily run and its parts. What schedules and sensors start is one of them, as is what `fntx` runs."""

import dagster as dg

from fntx_dagster.defs.alerts import delivered_alerts
from fntx_dagster.defs.transforms import transforms

SIGNED = dg.AssetSelection.assets("daily_signature", "chain_receipt")
DRIFT = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey("daily_signature"), "signed_days_stand"))
"""Where days are told again, and nothing is signed, it is seen too that a signed one has changed."""
TODAY = dg.AssetSelection.assets("current_day")
VIEWS = dg.AssetSelection.assets(*(spec.key for spec in transforms.specs if spec.is_virtual))
"""They hold no session; `transforms` builds the ones that it misses."""
EVERY_DAY = dg.AssetSelection.all() - TODAY - VIEWS
FILES = dg.AssetSelection.assets("flex_files", "raw_flex_xml")
FROM_LOADED = dg.AssetSelection.assets("raw_flex_xml").downstream(include_self=False) - VIEWS

daily_run = dg.define_asset_job(
    "daily_run",
    selection=EVERY_DAY,
    description="From the Flex Web Service to the receipts: fetch, load, explain, verify, report, sign, post.",
)
fetched_files = dg.define_asset_job(
    "fetched_files",
    selection=FILES,
    description="The month-to-date statements, fetched and loaded; explains nothing.",
)
refreshed_days = dg.define_asset_job(
    "refreshed_days",
    selection=(EVERY_DAY - SIGNED) | DRIFT,
    description="From the Flex Web Service to the verified and reported day; signs nothing.",
)
signed_days = dg.define_asset_job(
    "signed_days",
    selection=SIGNED,
    description="Days that are verified: signed, posted, and their receipts.",
)
emptied_queue = dg.define_asset_job(
    "emptied_queue",
    selection=dg.AssetSelection.assets("chain_receipt"),
    description="Signed days that wait for the chain: posted, and their receipts.",
)
current_day_job = dg.define_asset_job(
    "today",
    selection=TODAY,
    description="The current day as IB Gateway has it; provisional.",
)
from_loaded = dg.define_asset_job(
    "from_loaded",
    selection=FROM_LOADED,
    description="As daily_run, from what is loaded already.",
)
verified_day = dg.define_asset_job(
    "verified_day",
    selection=(FROM_LOADED - SIGNED) | DRIFT,
    description="From what is loaded to the verified and reported day; signs nothing.",
)

JOBS = [
    daily_run,
    from_loaded,
    verified_day,
    fetched_files,
    refreshed_days,
    signed_days,
    emptied_queue,
    current_day_job,
    delivered_alerts,
]
