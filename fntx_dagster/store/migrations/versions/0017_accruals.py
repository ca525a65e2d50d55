"""Tables for accrued dividends and the interest of each tier; rows from before stay where they are."""

from alembic import op

revision = "0017"
down_revision = "0016"

_TABLES = {
    "dividend_accruals": """currency text, symbol text, conid text, asset_category text, report_date date,
        event_date date, ex_date date, pay_date date, quantity numeric, gross_rate numeric, gross_amount numeric,
        tax numeric, fee numeric, net_amount numeric, code text, fx_rate_to_base numeric""",
    "tier_interest": """currency text, report_date date, value_date date, interest_type text, tier_break text,
        balance_threshold numeric, total_principal numeric, rate numeric, total_interest numeric, code text,
        from_acct text, to_acct text, fx_rate_to_base numeric""",
}


def upgrade() -> None:
    for table, columns in _TABLES.items():
        op.execute(f"CREATE TABLE raw_flex.{table} (LIKE raw_flex.other_sections INCLUDING ALL)")
        op.execute(f"ALTER TABLE raw_flex.{table} DROP COLUMN section")
        op.execute(f"ALTER TABLE raw_flex.{table} {', '.join(f'ADD COLUMN {c.strip()}' for c in columns.split(','))}")
