"""The roots of whole subtrees of the audit log, kept with checkpoints, so that a proof reads few rows."""

from alembic import op

from fntx_dagster.store.migrations.append_only import protected

revision = "0044"
down_revision = "0043"


def upgrade() -> None:
    op.execute(_TABLE)
    op.execute(protected(appended=["treasury.audit_subtree"]))


_TABLE = """
CREATE TABLE treasury.audit_subtree (
    height smallint NOT NULL CHECK (height BETWEEN 8 AND 62),
    place bigint NOT NULL CHECK (place >= 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    PRIMARY KEY (height, place)
);
COMMENT ON TABLE treasury.audit_subtree IS 'roots of whole subtrees of the audit log: so that a proof reads few rows';
COMMENT ON COLUMN treasury.audit_subtree.height IS 'the subtree has 2^height leaves';
COMMENT ON COLUMN treasury.audit_subtree.place IS 'its first leaf is event place * 2^height';
"""
