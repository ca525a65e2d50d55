"""The bond that an escrow funds, by the id that bonds have: a text."""

from alembic import op

revision = "0059"
down_revision = "0058"


def upgrade() -> None:
    op.execute("ALTER TABLE treasury.escrow ALTER COLUMN bond_id TYPE text USING bond_id::text")
