"""Escrows of the treasury: what was agreed, the state, every step of it, the proposals about it, documents attested.

What was agreed and the sealed preimage never change, and what the ledger said of its creation is set once; steps, links
and documents take no UPDATE, DELETE or TRUNCATE from anybody. The states are those of the table of steps.
"""

from alembic import op

from fntx_dagster.store.migrations.append_only import protected

revision = "0058"
down_revision = "0057"


def upgrade() -> None:
    op.execute(_TABLES)
    op.execute(
        protected(
            appended=["treasury.escrow_step", "treasury.escrow_proposal", "treasury.escrow_document"],
            changed=["treasury.escrow"],
        )
    )
    op.execute(_GUARD)


_TABLES = """
CREATE TABLE treasury.escrow (
    escrow_id uuid PRIMARY KEY,
    template text NOT NULL CHECK (template IN ('bond_funding', 'settlement')),
    bond_id uuid,
    network_id bigint NOT NULL CHECK (network_id >= 0),
    owner text NOT NULL CHECK (owner <> ''),
    destination text NOT NULL CHECK (destination <> owner),
    destination_tag bigint CHECK (destination_tag BETWEEN 0 AND 4294967295),
    currency text,
    issuer text,
    amount numeric NOT NULL CHECK (amount > 0),
    condition text NOT NULL UNIQUE CHECK (condition ~ '^A0258020[0-9A-F]{64}810120$'),
    key_id text NOT NULL,
    nonce bytea NOT NULL CHECK (octet_length(nonce) = 12),
    sealed bytea NOT NULL,
    parties text[] NOT NULL,
    proposed_by text NOT NULL,
    proposed_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('Proposed', 'Pending_Approval', 'Approved', 'Rejected', 'Created', 'Active',
        'Finishing', 'Released', 'Cancelling', 'Cancelled', 'Disputed')),
    reason text NOT NULL DEFAULT '',
    prepared_close timestamptz,
    finish_after timestamptz,
    cancel_after timestamptz,
    sequence bigint CHECK (sequence > 0),
    created_ledger bigint CHECK (created_ledger > 0),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((currency IS NULL) = (issuer IS NULL)),
    CHECK ((prepared_close IS NULL) = (cancel_after IS NULL)),
    CHECK (finish_after IS NULL OR finish_after < cancel_after),
    CHECK ((sequence IS NULL) = (created_ledger IS NULL)),
    CHECK (sequence IS NOT NULL OR state IN ('Proposed', 'Pending_Approval', 'Approved', 'Rejected', 'Created')),
    UNIQUE (key_id, nonce)
);
COMMENT ON TABLE treasury.escrow IS 'escrows of the treasury on the XRP Ledger';
COMMENT ON COLUMN treasury.escrow.bond_id IS 'the bond that it funds';
COMMENT ON COLUMN treasury.escrow.amount IS 'tokens, or drops where there is no currency';
COMMENT ON COLUMN treasury.escrow.sealed IS 'the preimage of 32 bytes with its tag, sealed with the log''s key key_id';
COMMENT ON COLUMN treasury.escrow.prepared_close IS 'the ledger''s close time from which the times were counted';
COMMENT ON COLUMN treasury.escrow.sequence IS 'the sequence or the ticket of its creation, which names it';
COMMENT ON COLUMN treasury.escrow.created_ledger IS 'the validated ledger that holds its creation';
CREATE INDEX escrows_of_a_bond ON treasury.escrow (bond_id, proposed_at) WHERE bond_id IS NOT NULL;
CREATE INDEX escrows_by_time ON treasury.escrow (proposed_at);
CREATE UNIQUE INDEX one_escrow_per_entry ON treasury.escrow (network_id, owner, sequence) WHERE sequence IS NOT NULL;

CREATE TABLE treasury.escrow_step (
    escrow_id uuid NOT NULL REFERENCES treasury.escrow,
    step_no integer NOT NULL CHECK (step_no > 0),
    event text NOT NULL CHECK (event <> ''),
    before text NOT NULL,
    after text NOT NULL,
    taken_by text NOT NULL CHECK (taken_by <> ''),
    reason text NOT NULL DEFAULT '',
    proposal_id uuid REFERENCES treasury.proposal,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (escrow_id, step_no)
);
COMMENT ON TABLE treasury.escrow_step IS 'every step of every escrow, in its order';

CREATE TABLE treasury.escrow_proposal (
    proposal_id uuid PRIMARY KEY REFERENCES treasury.proposal,
    escrow_id uuid NOT NULL REFERENCES treasury.escrow
);
COMMENT ON TABLE treasury.escrow_proposal IS 'which proposals are about an escrow: votes and transactions';
CREATE INDEX proposals_of_an_escrow ON treasury.escrow_proposal (escrow_id);

CREATE TABLE treasury.escrow_document (
    escrow_id uuid NOT NULL REFERENCES treasury.escrow,
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    title text NOT NULL CHECK (title <> ''),
    attested_by text NOT NULL CHECK (attested_by <> ''),
    attested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (escrow_id, sha256)
);
COMMENT ON TABLE treasury.escrow_document IS 'documents that somebody attested for an escrow, by their hashes';
"""

_GUARD = """
CREATE FUNCTION treasury.guard_escrow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR (NEW.escrow_id, NEW.template, NEW.bond_id, NEW.network_id, NEW.owner, NEW.destination,
            NEW.destination_tag, NEW.currency, NEW.issuer, NEW.amount, NEW.condition, NEW.key_id, NEW.nonce, NEW.sealed,
            NEW.parties, NEW.proposed_by, NEW.proposed_at)
        IS DISTINCT FROM (OLD.escrow_id, OLD.template, OLD.bond_id, OLD.network_id, OLD.owner, OLD.destination,
            OLD.destination_tag, OLD.currency, OLD.issuer, OLD.amount, OLD.condition, OLD.key_id, OLD.nonce, OLD.sealed,
            OLD.parties, OLD.proposed_by, OLD.proposed_at)
        OR (OLD.sequence IS NOT NULL AND (NEW.prepared_close, NEW.finish_after, NEW.cancel_after, NEW.sequence,
                NEW.created_ledger)
            IS DISTINCT FROM (OLD.prepared_close, OLD.finish_after, OLD.cancel_after, OLD.sequence,
                OLD.created_ledger))
    THEN
        RAISE EXCEPTION 'what was agreed of an escrow stays' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guarded BEFORE UPDATE OR DELETE ON treasury.escrow
    FOR EACH ROW EXECUTE FUNCTION treasury.guard_escrow();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON treasury.escrow
    FOR EACH STATEMENT EXECUTE FUNCTION treasury.guard_escrow();
ALTER TABLE treasury.escrow ENABLE ALWAYS TRIGGER guarded;
ALTER TABLE treasury.escrow ENABLE ALWAYS TRIGGER kept_whole;
"""
