"""An alert that a person has dismissed stays open until it is over, so that it is not raised again meanwhile."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Nobody has dismissed any so far."""
    op.execute(
        """
        ALTER TABLE alm_reporting.alerts ADD COLUMN dismissed_at timestamptz;
        COMMENT ON COLUMN alm_reporting.alerts.dismissed_at IS
            'when a person dismissed it: from then on it is neither shown nor sent';
        """
    )
