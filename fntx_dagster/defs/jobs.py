"""The jobs: the daily run, whole and up to the verified day."""

import dagster as dg

UNSIGNED = dg.AssetSelection.all() - dg.AssetSelection.assets("daily_signature", "chain_receipt")
FROM_LOADED = dg.AssetSelection.assets("raw_flex_xml").downstream(include_self=False)

daily_run = dg.define_asset_job(
    "daily_run",
    selection=dg.AssetSelection.all(),
    description="From the statement files to the receipts: load, explain, verify, report, sign, post.",
)
from_loaded = dg.define_asset_job(
    "from_loaded",
    selection=FROM_LOADED,
    description="As daily_run, from what is loaded already.",
)
verified_day = dg.define_asset_job(
    "verified_day",
    selection=FROM_LOADED & UNSIGNED,
    description="From what is loaded to the verified and reported day; signs nothing.",
)

JOBS = [daily_run, from_loaded, verified_day]
