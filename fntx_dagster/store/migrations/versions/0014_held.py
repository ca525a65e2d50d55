"""Lots from before the first statement: what Open Positions says of them, and what no statement says."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE alm_reporting.position_lots
            ALTER COLUMN open_price DROP NOT NULL,
            ALTER COLUMN open_fx_rate DROP NOT NULL,
            ADD COLUMN opened_before date,
            DROP CONSTRAINT position_lots_how_opened_check,
            ADD CHECK (how_opened IN ('trade', 'assignment', 'exercise', 'transfer', 'split', 'merger', 'spin_off',
                'symbol_change', 'corporate_action', 'held', 'unstated'));
        CREATE INDEX ON alm_reporting.position_lots (account_id) WHERE how_opened = 'held';
        ALTER TABLE alm_reporting.fills ADD COLUMN unknown_quantity numeric NOT NULL DEFAULT 0;
        """
    )
