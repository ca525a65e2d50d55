"""What a person said of strategies, and the lots of shares that options brought or took, found by an index."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE alm_reporting.strategy_assignments (
            account_id text NOT NULL,
            round_trip_id text NOT NULL,
            group_id text NOT NULL,
            kind text NOT NULL,
            assigned_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (account_id, round_trip_id)
        );
        CREATE INDEX ON alm_reporting.strategy_assignments (account_id, group_id);
        COMMENT ON TABLE alm_reporting.strategy_assignments IS
            'round trips that a person put into one strategy; no run changes them';

        CREATE INDEX position_lots_delivered ON alm_reporting.position_lots (account_id, lot_id)
        WHERE how_opened <> 'trade' OR how_ended = 'delivered';
        CREATE INDEX position_lots_assigned ON alm_reporting.position_lots (account_id, close_fill_id)
        WHERE how_ended IN ('assigned', 'exercised');
        CREATE INDEX fills_delivered ON alm_reporting.fills (account_id, linked_fill_id)
        WHERE event_type = 'delivery';
        """
    )
