"""Scopes of tokens: what one may do beside its role, with the treasury, with compliance and with the audit log."""

from alembic import op

revision = "0052"
down_revision = "0047"


def upgrade() -> None:
    op.execute(_SCOPES)


_SCOPES = """
ALTER TABLE ledger.tokens
    ADD COLUMN scopes text[] NOT NULL DEFAULT '{}',
    DROP CONSTRAINT tokens_role_check,
    ADD CONSTRAINT tokens_role_check CHECK (role IN ('trader', 'admin', 'signal_source', 'reader', 'scoped'));
COMMENT ON COLUMN ledger.tokens.scopes IS 'what the token may do beside its role, such as treasury:read';
"""
