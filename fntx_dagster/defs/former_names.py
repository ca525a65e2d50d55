"""Jobs and checks that were renamed. A run or an evaluation that was recorded under a former name is read as one of
today's: without this, its alert would never be resolved, and a run still under way would not be seen."""

from __future__ import annotations

JOBS = {
    "from_loaded": "run_loaded_days",
    "verified_day": "verify_days",
    "fetched_files": "fetch_files",
    "refreshed_days": "refresh_days",
    "signed_days": "sign_days",
    "emptied_queue": "post_queue",
    "today": "refresh_current_day",
    "delivered_alerts": "deliver_alerts",
}
"""Former name of a job → today's. Migration 0011 renames the sources of stored alerts by the same table."""
CHECKS = {
    "daily_signature/signed_days_stand": "daily_signature/signed_days_unchanged",
    "chain_receipt/nothing_waits": "chain_receipt/no_record_waits",
}
"""The same for checks, each as `asset/check`."""


def current_job(name: str) -> str:
    """Today's name of the job of a recorded run."""
    return JOBS.get(name, name)


def recorded_jobs(name: str) -> list[str]:
    """Every name under which runs of a job may be recorded, today's first."""
    return [name, *(former for former, current in JOBS.items() if current == name)]


def current_check(source: str) -> str:
    """Today's `asset/check` of a recorded evaluation."""
    return CHECKS.get(source, source)
