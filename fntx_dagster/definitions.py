"""Everything that Dagster loads, on one page."""

import dagster as dg

from fntx_dagster.defs.accounting import lots
from fntx_dagster.defs.jobs import JOBS
from fntx_dagster.defs.progress import progress_logger
from fntx_dagster.defs.report import daily_report
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.signature import chain_receipt, daily_signature
from fntx_dagster.defs.statements import raw_flex_xml
from fntx_dagster.defs.transforms import transforms
from fntx_dagster.defs.verification import CHECKS

defs = dg.Definitions(
    assets=[raw_flex_xml, lots, transforms, daily_report, daily_signature, chain_receipt],
    asset_checks=CHECKS,
    jobs=JOBS,
    resources={"platform": Platform()},
    loggers={"progress": progress_logger},
    # a step takes seconds; a process for each would take longer to start than to work
    executor=dg.in_process_executor,
)
