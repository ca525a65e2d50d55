"""Transactions of the treasury on the XRP Ledger and on Stellar: unsigned bytes, signatures, signed bytes, outcomes.

What people sign never changes, signed bytes are set once, and signatures take no UPDATE, DELETE or TRUNCATE from
anybody. The states are those of the table of steps.
"""

from alembic import op

from fntx_dagster.store.migrations.append_only import protected

revision = "0045"
down_revision = "0044"


def upgrade() -> None:
    op.execute(_TABLES)
    op.execute(protected(appended=["treasury.ledger_signature"], changed=["treasury.ledger_tx"]))
    op.execute(_GUARDS)


_TABLES = """
CREATE TABLE treasury.ledger_tx (
    tx_id uuid PRIMARY KEY,
    proposal_id uuid NOT NULL UNIQUE REFERENCES treasury.proposal,
    ledger text NOT NULL CHECK (ledger IN ('xrpl', 'stellar')),
    network text NOT NULL,
    account text NOT NULL,
    unsigned text NOT NULL,
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    sequence bigint CHECK (sequence > 0),
    ticket bigint CHECK (ticket > 0),
    fee numeric NOT NULL CHECK (fee > 0),
    ends_at bigint NOT NULL CHECK (ends_at > 0),
    signers jsonb NOT NULL,
    needed integer NOT NULL CHECK (needed > 0),
    prepared_ledger bigint NOT NULL CHECK (prepared_ledger > 0),
    prepared_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('pending_signature', 'partially_signed', 'ready_to_submit', 'submitted',
        'confirmed', 'failed', 'expired', 'cancelled')),
    signed text,
    hash text CHECK (hash ~ '^([0-9A-F]{64}|[0-9a-f]{64})$'),
    submitted_ledger bigint CHECK (submitted_ledger > 0),
    sent bigint NOT NULL DEFAULT 0,
    sent_at timestamptz,
    answer text NOT NULL DEFAULT '',
    outcome text NOT NULL DEFAULT '',
    outcome_ledger bigint CHECK (outcome_ledger > 0),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((sequence IS NULL) <> (ticket IS NULL)),
    CHECK ((signed IS NULL) = (hash IS NULL)),
    CHECK (signed IS NOT NULL OR state IN ('pending_signature', 'partially_signed', 'expired', 'cancelled')),
    CHECK (submitted_ledger IS NOT NULL OR state NOT IN ('submitted', 'confirmed', 'failed'))
);
COMMENT ON TABLE treasury.ledger_tx IS 'the transaction that was prepared for a proposal; there is one at most';
COMMENT ON COLUMN treasury.ledger_tx.network IS 'the network id of the XRP Ledger, the passphrase of Stellar';
COMMENT ON COLUMN treasury.ledger_tx.unsigned IS 'a blob in hex, or XDR in base64; sha256 is that of its bytes';
COMMENT ON COLUMN treasury.ledger_tx.fee IS 'in drops or stroops';
COMMENT ON COLUMN treasury.ledger_tx.ends_at IS 'LastLedgerSequence, or the end of its time in seconds since 1970';
COMMENT ON COLUMN treasury.ledger_tx.signers IS 'address of who may sign → weight; `needed` is what they must come to';
COMMENT ON COLUMN treasury.ledger_tx.prepared_ledger IS 'the last validated ledger when it was prepared';
COMMENT ON COLUMN treasury.ledger_tx.submitted_ledger IS 'the last validated ledger when it was first submitted';
COMMENT ON COLUMN treasury.ledger_tx.answer IS 'what the server last answered to a submission: it decides nothing';
CREATE UNIQUE INDEX one_open_ledger_tx_per_turn
    ON treasury.ledger_tx (ledger, network, account, coalesce(ticket, sequence), (ticket IS NULL))
    WHERE state IN ('pending_signature', 'partially_signed', 'ready_to_submit', 'submitted');
CREATE INDEX open_ledger_tx ON treasury.ledger_tx (prepared_at)
    WHERE state IN ('pending_signature', 'partially_signed', 'ready_to_submit', 'submitted');

CREATE TABLE treasury.ledger_signature (
    tx_id uuid NOT NULL REFERENCES treasury.ledger_tx,
    signer text NOT NULL,
    part jsonb NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tx_id, signer)
);
COMMENT ON TABLE treasury.ledger_signature IS 'signatures that verified against the saved bytes; surplus ones too';
"""

_GUARDS = """
CREATE FUNCTION treasury.guard_ledger_tx() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR (NEW.tx_id, NEW.proposal_id, NEW.ledger, NEW.network, NEW.account, NEW.unsigned,
            NEW.sha256, NEW.sequence, NEW.ticket, NEW.fee, NEW.ends_at, NEW.signers, NEW.needed, NEW.prepared_ledger)
        IS DISTINCT FROM (OLD.tx_id, OLD.proposal_id, OLD.ledger, OLD.network, OLD.account, OLD.unsigned,
            OLD.sha256, OLD.sequence, OLD.ticket, OLD.fee, OLD.ends_at, OLD.signers, OLD.needed, OLD.prepared_ledger)
        OR (OLD.signed IS NOT NULL AND (NEW.signed, NEW.hash) IS DISTINCT FROM (OLD.signed, OLD.hash))
    THEN
        RAISE EXCEPTION 'what is signed stays' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guarded BEFORE UPDATE OR DELETE ON treasury.ledger_tx
    FOR EACH ROW EXECUTE FUNCTION treasury.guard_ledger_tx();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON treasury.ledger_tx
    FOR EACH STATEMENT EXECUTE FUNCTION treasury.guard_ledger_tx();
ALTER TABLE treasury.ledger_tx ENABLE ALWAYS TRIGGER guarded;
ALTER TABLE treasury.ledger_tx ENABLE ALWAYS TRIGGER kept_whole;
"""
