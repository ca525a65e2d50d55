"""Backups that were made of this database, the one that it was restored from, and the oldest program that works with
its tables."""

from alembic import op

from fntx_dagster.store.backups import RESTORES

revision = "0066"
down_revision = "0065"


def upgrade() -> None:
    op.execute(RESTORES)
    op.execute(_TABLES)


_TABLES = """
COMMENT ON TABLE alm_reporting.restores IS
    'backups that this database was restored from; nothing is sent until it is verified, or accepted with a reason';
CREATE TABLE alm_reporting.backups (
    name text PRIMARY KEY,
    bytes bigint NOT NULL CHECK (bytes > 0),
    made_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE raw_flex.oldest_program (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    version_num text NOT NULL
);
COMMENT ON TABLE raw_flex.oldest_program IS
    'the oldest program that works with these tables, by the version of the tables that it knows';
INSERT INTO raw_flex.oldest_program (version_num) VALUES ('0063');
COMMENT ON TABLE alm_reporting.backups IS 'backups of this database that are complete';
"""
