"""Statements in an object store: which name of the archive has which content, and which name was replaced."""

from alembic import op

from fntx_dagster.store.migrations.append_only import protected

revision = "0069"
down_revision = "0068"


def upgrade() -> None:
    op.execute(_TABLES)
    op.execute(protected(appended=["raw_flex.archived", "raw_flex.archived_replaced"]))


_TABLES = """
CREATE TABLE raw_flex.archived (
    archived_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (name <> ''),
    query text,
    month date CHECK (date_trunc('month', month) = month),
    fetched_on date,
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    bytes bigint NOT NULL CHECK (bytes > 0),
    archived_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((query IS NULL) = (month IS NULL) AND (query IS NULL) = (fetched_on IS NULL))
);
CREATE INDEX ON raw_flex.archived (name, archived_id);
CREATE INDEX ON raw_flex.archived (sha256);
COMMENT ON TABLE raw_flex.archived IS
    'Statements in an object store: the name in the archive, and the content (object statements/<sha256>.xml) it got';
COMMENT ON COLUMN raw_flex.archived.query IS 'The Flex query that it was fetched by; empty for a file put by hand';
COMMENT ON COLUMN raw_flex.archived.month IS 'The first day of the month that it covers';

CREATE TABLE raw_flex.archived_replaced (
    archived_id bigint PRIMARY KEY REFERENCES raw_flex.archived,
    replaced_by bigint REFERENCES raw_flex.archived CHECK (replaced_by <> archived_id),
    replaced_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE raw_flex.archived_replaced IS
    'Names that are loaded no more: replaced by a newer one, or withdrawn by a person. Their objects stay';
"""
