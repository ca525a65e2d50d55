"""Addresses of parties: each has one owner."""

from alembic import op

from fntx_dagster.store.migrations.append_only import protected

revision = "0047"
down_revision = "0046"


def upgrade() -> None:
    op.execute(_ADDRESSES)
    op.execute(protected(appended=[], changed=["treasury.party_address"]))


_ADDRESSES = """
CREATE TABLE treasury.party_address (
    address text PRIMARY KEY CHECK (address ~ '^(r[1-9A-HJ-NP-Za-km-z]{24,34}|G[A-Z2-7]{55})$'),
    party_id text NOT NULL REFERENCES treasury.party,
    added_by text NOT NULL CHECK (added_by <> ''),
    added_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE treasury.party_address IS 'whose an address on a ledger is';
"""
