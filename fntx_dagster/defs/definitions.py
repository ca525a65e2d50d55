"""Everything that Dagster loads, on one page."""

import dagster as dg

from fntx_dagster.defs.accounting import lots
from fntx_dagster.defs.bonds import BONDS, bonds_of_the_day
from fntx_dagster.defs.broker_ledger import broker_ledger
from fntx_dagster.defs.current_day import current_day
from fntx_dagster.defs.execution import market_volume_profile, profiles_of_the_day
from fntx_dagster.defs.jobs import JOBS
from fntx_dagster.defs.ledger_books import LEDGER_BOOKS, LEDGER_SENSORS, ledger_verification, verification_of_the_ledger
from fntx_dagster.defs.ledger_days import LEDGER_DAYS
from fntx_dagster.defs.progress import progress_logger
from fntx_dagster.defs.reconciliation import RECONCILIATION, reconciliation_of_the_day
from fntx_dagster.defs.report import daily_report
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.risk import risk
from fntx_dagster.defs.schedules import SCHEDULES
from fntx_dagster.defs.sensors import SENSORS
from fntx_dagster.defs.signal_settling import settlements_due, signal_settlements
from fntx_dagster.defs.signals import SIGNALS
from fntx_dagster.defs.signature import (
    attestations_stand,
    chain_receipt,
    daily_signature,
    no_days_stand_alone,
    signed_days_unchanged,
)
from fntx_dagster.defs.statements import flex_files, raw_flex_xml
from fntx_dagster.defs.transforms import transforms
from fntx_dagster.defs.treasury import TREASURY, TREASURY_CHECKS, TREASURY_SCHEDULES
from fntx_dagster.defs.verification import CHECKS

defs = dg.Definitions(
    assets=[
        flex_files,
        raw_flex_xml,
        lots,
        transforms,
        broker_ledger,
        risk,
        daily_report,
        daily_signature,
        chain_receipt,
        current_day,
        *LEDGER_DAYS,
        *LEDGER_BOOKS,
        *SIGNALS,
        signal_settlements,
        *TREASURY,
        *BONDS,
        *RECONCILIATION,
        market_volume_profile,
    ],
    asset_checks=[
        *CHECKS,
        signed_days_unchanged,
        no_days_stand_alone,
        attestations_stand,
        ledger_verification,
        *TREASURY_CHECKS,
    ],
    jobs=JOBS,
    schedules=[
        *SCHEDULES,
        verification_of_the_ledger,
        *TREASURY_SCHEDULES,
        bonds_of_the_day,
        reconciliation_of_the_day,
        profiles_of_the_day,
    ],
    sensors=[*SENSORS, *LEDGER_SENSORS, settlements_due],
    resources={"platform": Platform()},
    loggers={"progress": progress_logger},
    executor=dg.in_process_executor,  # a step takes seconds: starting a process for each would take longer
)
