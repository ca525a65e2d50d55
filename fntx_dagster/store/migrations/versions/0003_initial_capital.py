"""Paid-in capital before the first statement: a setting that SQL needs, and that names accounts."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("CREATE TABLE alm_reporting.initial_capital (account_id text PRIMARY KEY, amount numeric NOT NULL)")
