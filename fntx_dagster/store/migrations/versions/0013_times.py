"""A date alone is no time: what was read as midnight in New York has no time, as if it were loaded today."""

from alembic import op

revision = "0013"
down_revision = "0012"

_TABLES = """SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = 'raw_flex' AND column_name IN ('date_time', 'open_date_time')"""

_ATTRIBUTES = {"date_time": "dateTime", "open_date_time": "openDateTime"}
_DATE_ALONE = r"^\s*([0-9]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{2}/[0-9]{2}/[0-9]{4})\s*$"


def upgrade() -> None:
    """The rows keep what was delivered, so they say which of them had a date alone; their days become stale."""
    for table, column in op.get_bind().exec_driver_sql(_TABLES).fetchall():
        op.execute(
            f"""
            WITH changed AS (
                UPDATE raw_flex.{table} SET {column} = NULL
                WHERE {column} IS NOT NULL AND attributes ->> '{_ATTRIBUTES[column]}' ~ '{_DATE_ALONE}'
                RETURNING account_id, row_date
            )
            INSERT INTO alm_reporting.untold_changes AS known (account_id, since)
            SELECT account_id, min(row_date) FROM changed GROUP BY account_id
            ON CONFLICT (account_id) DO UPDATE
                SET since = least(known.since, excluded.since), changed_at = excluded.changed_at
            """
        )
