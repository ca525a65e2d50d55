"""Which other queries deliver a row: it is withdrawn when the last of them no longer holds it."""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE raw_flex.also_delivered (
            section text NOT NULL,
            row_id bigint NOT NULL,
            query_name text NOT NULL,
            statement_id bigint NOT NULL,
            PRIMARY KEY (section, row_id, query_name)
        )
        """
    )
