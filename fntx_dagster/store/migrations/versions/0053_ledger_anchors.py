"""Anchors of the audit log on the XRP Ledger and on Stellar: under which standing approval a transaction was prepared,
which key that approval names, and for which transaction each use was counted.

An anchor is a proposal of its own kind; whether it is under way follows from its state.
"""

from alembic import op

revision = "0053"
down_revision = "0052"


def upgrade() -> None:
    op.execute(_COLUMNS)
    op.execute(_GUARD)


_COLUMNS = """
ALTER TABLE treasury.standing_approval ADD COLUMN key text NOT NULL DEFAULT '';
UPDATE treasury.standing_approval SET key = proposal.payload::jsonb ->> 'key'
    FROM treasury.proposal WHERE proposal.proposal_id = standing_approval.proposal_id;
ALTER TABLE treasury.standing_approval ALTER COLUMN key DROP DEFAULT, ADD CHECK (key <> '');
COMMENT ON COLUMN treasury.standing_approval.key IS 'the address of the one key that may sign';

ALTER TABLE treasury.standing_use ADD COLUMN used_for uuid UNIQUE;
COMMENT ON COLUMN treasury.standing_use.used_for IS 'the proposal whose transaction the use was counted for';

ALTER TABLE treasury.ledger_tx ADD COLUMN standing_id uuid REFERENCES treasury.standing_approval;
COMMENT ON COLUMN treasury.ledger_tx.standing_id IS 'the standing approval that it was prepared under';

CREATE INDEX anchors_of_the_log ON treasury.proposal (nonce) WHERE kind = 'audit.anchor';
"""

_GUARD = """
CREATE OR REPLACE FUNCTION treasury.guard_ledger_tx() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR (NEW.tx_id, NEW.proposal_id, NEW.ledger, NEW.network, NEW.account, NEW.unsigned,
            NEW.sha256, NEW.sequence, NEW.ticket, NEW.fee, NEW.ends_at, NEW.signers, NEW.needed, NEW.prepared_ledger,
            NEW.standing_id)
        IS DISTINCT FROM (OLD.tx_id, OLD.proposal_id, OLD.ledger, OLD.network, OLD.account, OLD.unsigned,
            OLD.sha256, OLD.sequence, OLD.ticket, OLD.fee, OLD.ends_at, OLD.signers, OLD.needed, OLD.prepared_ledger,
            OLD.standing_id)
        OR (OLD.signed IS NOT NULL AND (NEW.signed, NEW.hash) IS DISTINCT FROM (OLD.signed, OLD.hash))
    THEN
        RAISE EXCEPTION 'what is signed stays' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
"""
