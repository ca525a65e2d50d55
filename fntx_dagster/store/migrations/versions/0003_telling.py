"""What telling a day needs to know beside the statements: a setting that SQL needs, and what has changed since."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE alm_reporting.initial_capital (account_id text PRIMARY KEY, amount numeric NOT NULL);

        -- The earliest day of an account whose statements have changed since it was told, or that was never told.
        CREATE TABLE alm_reporting.untold_changes (
            account_id text PRIMARY KEY,
            since date NOT NULL,
            changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
        );
        """
    )
