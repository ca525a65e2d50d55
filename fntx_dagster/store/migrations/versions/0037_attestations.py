"""What a witness found of signed days, and where each of its attestations and revocations is on its way to a chain.

Reports and what is to be said of a day never change; the state and the receipt do. Nothing is ever removed.
"""

from alembic import op

from fntx_dagster.store.migrations.append_only import protected

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    op.execute(_TABLES)
    op.execute(protected(appended=["alm_reporting.witness_reports"], changed=["alm_reporting.attestations"]))
    op.execute(_GUARDS)


_TABLES = """
CREATE TABLE alm_reporting.witness_reports (
    evidence bytea PRIMARY KEY CHECK (length(evidence) = 32),
    report text NOT NULL,
    kept_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON COLUMN alm_reporting.witness_reports.report IS 'which days agree, and how that is known; no value is in it';

CREATE TABLE alm_reporting.attestations (
    attestation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chain_id numeric NOT NULL,
    contract text NOT NULL,
    witness text NOT NULL,
    trader text NOT NULL,
    trading_day date NOT NULL,
    version bigint NOT NULL,
    root bytea NOT NULL CHECK (length(root) = 32),
    level smallint NOT NULL,
    evidence bytea NOT NULL CHECK (length(evidence) = 32),
    reason text NOT NULL DEFAULT '',
    state text NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'signed', 'broadcast', 'mined', 'final', 'failed')),
    sending_id bigint REFERENCES alm_reporting.chain_sendings,
    tx_hash bytea,
    block_number bigint,
    block_hash bytea,
    mined_at timestamptz,
    gas_used bigint,
    error text,
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (chain_id, contract, witness, trader, trading_day, version, root, level, reason)
);
COMMENT ON COLUMN alm_reporting.attestations.reason IS 'of a revocation; empty for an attestation';
COMMENT ON COLUMN alm_reporting.attestations.evidence IS 'hash of the report; zeros for a revocation';
COMMENT ON COLUMN alm_reporting.attestations.gas_used IS 'of the transaction, which may hold several';
CREATE INDEX attestations_of_a_sending ON alm_reporting.attestations (sending_id);
CREATE INDEX attestations_that_wait ON alm_reporting.attestations (attestation_id) WHERE state <> 'final';
"""

_GUARDS = """
CREATE FUNCTION alm_reporting.guard_attestations() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR (NEW.attestation_id, NEW.chain_id, NEW.contract, NEW.witness, NEW.trader,
            NEW.trading_day, NEW.version, NEW.root, NEW.level, NEW.evidence, NEW.reason, NEW.queued_at)
        IS DISTINCT FROM (OLD.attestation_id, OLD.chain_id, OLD.contract, OLD.witness, OLD.trader,
            OLD.trading_day, OLD.version, OLD.root, OLD.level, OLD.evidence, OLD.reason, OLD.queued_at)
    THEN
        RAISE EXCEPTION 'what was to be attested stays' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guarded BEFORE UPDATE OR DELETE ON alm_reporting.attestations
    FOR EACH ROW EXECUTE FUNCTION alm_reporting.guard_attestations();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON alm_reporting.attestations
    FOR EACH STATEMENT EXECUTE FUNCTION alm_reporting.guard_attestations();
ALTER TABLE alm_reporting.attestations ENABLE ALWAYS TRIGGER guarded;
ALTER TABLE alm_reporting.attestations ENABLE ALWAYS TRIGGER kept_whole;
"""
