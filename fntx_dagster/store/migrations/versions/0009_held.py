"""What was held over a close, and the lots of a round trip, are found by indexes, after ten years as after a month."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute(
        """
        CREATE INDEX position_lots_held ON alm_reporting.position_lots
        USING gist (daterange(opened_session, closed_session)) WHERE closed_session IS DISTINCT FROM opened_session;
        CREATE INDEX ON alm_reporting.position_lots (account_id, round_trip_id)
        """
    )
