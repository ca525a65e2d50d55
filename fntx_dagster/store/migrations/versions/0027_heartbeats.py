"""When each task of the ledger's watcher last worked; and orders by time, which say what prices are asked for."""

from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE ledger.heartbeats (
            task text PRIMARY KEY,
            holder text NOT NULL,
            beat_at timestamptz NOT NULL,
            succeeded_at timestamptz,
            problem text
        );
        CREATE INDEX orders_by_time ON ledger.orders USING brin (created_at);

        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fntx_api') THEN
                GRANT SELECT, INSERT, UPDATE ON ledger.heartbeats TO fntx_api;
            END IF;
        END $$
        """
    )
