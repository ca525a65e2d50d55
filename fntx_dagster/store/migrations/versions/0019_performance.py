"""Tables for the broker's performance summaries in base currency; rows from before stay where they are."""

from alembic import op

revision = "0019"
down_revision = "0018"

_TABLES = {
    "mtm_performance": """symbol text, conid text, asset_category text, report_date date, transaction_mtm numeric,
        commissions numeric""",
    "fifo_performance": """symbol text, conid text, asset_category text, report_date date, total_realized_pnl numeric,
        total_realized_fx_pnl numeric""",
}


def upgrade() -> None:
    for table, columns in _TABLES.items():
        op.execute(f"CREATE TABLE raw_flex.{table} (LIKE raw_flex.other_sections INCLUDING ALL)")
        op.execute(f"ALTER TABLE raw_flex.{table} DROP COLUMN section")
        op.execute(f"ALTER TABLE raw_flex.{table} {', '.join(f'ADD COLUMN {c.strip()}' for c in columns.split(','))}")
