"""Changes of who holds a bond: each from a record date on, by the proposal that was approved; and of each distribution
the record date by which it pays."""

from alembic import op

revision = "0064"
down_revision = "0063"


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE treasury.bond_holding ADD COLUMN record_date date,
            ADD COLUMN proposal_id uuid REFERENCES treasury.proposal,
            ADD CHECK ((record_date IS NULL) = (proposal_id IS NULL));
        COMMENT ON COLUMN treasury.bond_holding.record_date IS
            'the change counts from this day on; NULL: since the bond was structured';
        COMMENT ON COLUMN treasury.bond_holding.proposal_id IS 'whose approval made the change';
        ALTER TABLE treasury.distribution ADD COLUMN record_date date;
        COMMENT ON COLUMN treasury.distribution.record_date IS
            'who held at its end is paid; NULL of those that were computed before there were changes of holders';
        """
    )
