"""Commitments to signals: which strategies make them, and where each is on its way to a chain.

What was committed never changes; the state, the number and the receipt do. Nothing is ever removed.
"""

from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    op.execute(_TABLE)
    op.execute(_GUARDS)
    op.execute(
        """
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fntx_api') THEN
                GRANT SELECT, INSERT ON ledger.signal_commitments TO fntx_api;
            END IF;
        END $$
        """
    )


_TABLE = """
ALTER TABLE ledger.strategies ADD COLUMN commits boolean NOT NULL DEFAULT false;

CREATE TABLE ledger.signal_commitments (
    signal_execution_id bigint PRIMARY KEY REFERENCES ledger.signal_executions,
    strategy_code text NOT NULL REFERENCES ledger.strategies,
    commitment bytea NOT NULL UNIQUE CHECK (length(commitment) = 32),
    signal text NOT NULL,
    state text NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'signed', 'broadcast', 'mined', 'final', 'failed')),
    chain_id numeric,
    contract text,
    provider text,
    sending_id bigint REFERENCES alm_reporting.chain_sendings,
    number bigint,
    tx_hash bytea,
    block_number bigint,
    block_hash bytea,
    committed_at timestamptz,
    gas_used bigint,
    error text,
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON COLUMN ledger.signal_commitments.signal IS 'what was committed: canonical JSON with the salt';
COMMENT ON COLUMN ledger.signal_commitments.gas_used IS 'of the transaction, which may hold several';
CREATE INDEX commitments_of_a_strategy ON ledger.signal_commitments (strategy_code, signal_execution_id);
CREATE INDEX commitments_of_a_sending ON ledger.signal_commitments (sending_id);
CREATE INDEX commitments_that_wait ON ledger.signal_commitments (strategy_code) WHERE state <> 'final';
"""

_GUARDS = """
CREATE FUNCTION ledger.guard_commitments() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.signal_execution_id, NEW.strategy_code, NEW.commitment, NEW.signal, NEW.queued_at)
        IS DISTINCT FROM (OLD.signal_execution_id, OLD.strategy_code, OLD.commitment, OLD.signal, OLD.queued_at)
    THEN
        RAISE EXCEPTION 'what was committed of execution % stays', OLD.signal_execution_id
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guarded BEFORE UPDATE ON ledger.signal_commitments
    FOR EACH ROW EXECUTE FUNCTION ledger.guard_commitments();
CREATE TRIGGER kept BEFORE DELETE ON ledger.signal_commitments
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.keep_signals();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON ledger.signal_commitments
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.keep_signals();
ALTER TABLE ledger.signal_commitments ENABLE ALWAYS TRIGGER guarded;
ALTER TABLE ledger.signal_commitments ENABLE ALWAYS TRIGGER kept;
ALTER TABLE ledger.signal_commitments ENABLE ALWAYS TRIGGER kept_whole;
"""
