"""What every order looks up of a book: the positions that are held, of all that ever were, and the newest errors."""

from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.execute("CREATE INDEX positions_that_are_held ON ledger.positions (book_id) WHERE quantity <> 0")
    op.execute("CREATE INDEX errors_by_time ON ledger.errors (book_id, at)")
