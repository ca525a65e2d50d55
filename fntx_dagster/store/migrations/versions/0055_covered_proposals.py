"""Which proposal's approval covers another one: a reference of its own, which nobody's name can stand for."""

from alembic import op

revision = "0055"
down_revision = "0054"


def upgrade() -> None:
    op.execute(_COVERED)
    op.execute(_GUARD)


_COVERED = """
ALTER TABLE treasury.proposal ADD COLUMN covered_by uuid REFERENCES treasury.proposal;
COMMENT ON COLUMN treasury.proposal.covered_by IS 'whose approval stands for the decisions on this one';
UPDATE treasury.proposal AS own SET covered_by = whole.proposal_id FROM treasury.proposal AS whole
    WHERE own.proposed_by = 'proposal:' || whole.proposal_id;
CREATE INDEX covered_proposals ON treasury.proposal (covered_by, nonce) WHERE covered_by IS NOT NULL;
"""

# as in 0042, with what covers a proposal among what stays
_GUARD = """
CREATE OR REPLACE FUNCTION treasury.guard_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR (NEW.proposal_id, NEW.nonce, NEW.kind, NEW.payload, NEW.payload_hash, NEW.parties,
            NEW.signer_set, NEW.threshold, NEW.expires_at, NEW.proposed_by, NEW.created_at, NEW.covered_by)
        IS DISTINCT FROM (OLD.proposal_id, OLD.nonce, OLD.kind, OLD.payload, OLD.payload_hash, OLD.parties,
            OLD.signer_set, OLD.threshold, OLD.expires_at, OLD.proposed_by, OLD.created_at, OLD.covered_by)
    THEN
        RAISE EXCEPTION 'what is decided on stays' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
"""
