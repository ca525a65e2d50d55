"""The runs of Dagster that live: where each works, and when it was last heard of, whatever launched it.

It is a state, not a record: what a run did is in Dagster's own tables and in the tables that it wrote.
"""

from alembic import op

revision = "0065"
down_revision = "0064"


def upgrade() -> None:
    op.execute(_RUN_HEARTBEATS)


_RUN_HEARTBEATS = """
CREATE SCHEMA IF NOT EXISTS fntx;
CREATE TABLE fntx.run_heartbeats (
    run_id text PRIMARY KEY,
    host text NOT NULL,
    process integer NOT NULL,
    launcher text NOT NULL,
    shard text NOT NULL DEFAULT '',
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    given_up_at timestamptz
);
CREATE INDEX run_heartbeats_living ON fntx.run_heartbeats (seen_at) WHERE ended_at IS NULL;
COMMENT ON TABLE fntx.run_heartbeats IS 'the runs of Dagster that live, and when each was last heard of';
COMMENT ON COLUMN fntx.run_heartbeats.host IS 'the machine, container or pod that the run works on';
COMMENT ON COLUMN fntx.run_heartbeats.process IS 'the number of its process there';
COMMENT ON COLUMN fntx.run_heartbeats.launcher IS 'the class of the run launcher in dagster.yaml';
COMMENT ON COLUMN fntx.run_heartbeats.shard IS 'the part of the accounts that it works on; empty: all of them';
COMMENT ON COLUMN fntx.run_heartbeats.seen_at IS 'the run writes it every thirty seconds, by the clock of the database';
COMMENT ON COLUMN fntx.run_heartbeats.ended_at IS 'it said that it ends, with success or without';
COMMENT ON COLUMN fntx.run_heartbeats.given_up_at IS 'it was silent for too long: failed, and its sessions ended';
"""
