"""Where a day's rate is from: the day of a last known rate, the total that implies a rate, and what that misses."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Rows that stand stay as they are until their days are built again."""
    op.execute(
        """
        ALTER TABLE alm_reporting.day_rates
            ADD COLUMN rate_day date, ADD COLUMN implied_by text, ADD COLUMN residual numeric;
        ALTER TABLE alm_reporting.fills DROP CONSTRAINT fills_fx_source_check;
        ALTER TABLE alm_reporting.fills ADD CONSTRAINT fills_fx_source_check
            CHECK (fx_source IN ('base', 'row', 'conversion_rates', 'statement', 'last_known', 'configured'));
        """
    )
