"""The sources of stored alerts, after jobs and checks were renamed: an open alert is resolved by its source's name."""

from alembic import op

revision = "0011"
down_revision = "0010"

_JOBS = {
    "from_loaded": "run_loaded_days",
    "verified_day": "verify_days",
    "fetched_files": "fetch_files",
    "refreshed_days": "refresh_days",
    "signed_days": "sign_days",
    "emptied_queue": "post_queue",
    "today": "refresh_current_day",
    "delivered_alerts": "deliver_alerts",
}
_CHECKS = {
    "daily_signature/signed_days_stand": "daily_signature/signed_days_unchanged",
    "chain_receipt/nothing_waits": "chain_receipt/no_record_waits",
}


def upgrade() -> None:
    """The subject of a failed run begins with the name of its job. Texts stay as they were delivered."""
    for former, current in _JOBS.items():
        op.execute(
            f"""update alm_reporting.alerts set source = 'run/{current}',
                subject = case when starts_with(subject, '{former}: ')
                    then '{current}' || substr(subject, {len(former) + 1}) else subject end
            where source = 'run/{former}'"""
        )
    for former, current in _CHECKS.items():
        op.execute(f"update alm_reporting.alerts set source = '{current}' where source = '{former}'")
