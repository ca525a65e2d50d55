"""Where each anchor of the audit log is on its way to an EVM chain.

What is to be anchored never changes; the state and the receipt do. Nothing is ever removed.
"""

from alembic import op

from fntx_dagster.store.migrations.append_only import protected

revision = "0046"
down_revision = "0045"


def upgrade() -> None:
    op.execute(_TABLE)
    op.execute(protected(changed=["treasury.evm_anchor"]))
    op.execute(_GUARDS)


_TABLE = """
CREATE TABLE treasury.evm_anchor (
    evm_anchor_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chain_id numeric NOT NULL,
    contract text NOT NULL,
    poster text NOT NULL,
    origin bytea NOT NULL CHECK (octet_length(origin) = 32),
    size bigint NOT NULL REFERENCES treasury.audit_checkpoint,
    root bytea NOT NULL CHECK (octet_length(root) = 32),
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
    UNIQUE (chain_id, contract, poster, origin, size)
);
COMMENT ON TABLE treasury.evm_anchor IS 'checkpoints on their way to AuditAnchor; treasury.anchor has the final ones';
COMMENT ON COLUMN treasury.evm_anchor.origin IS 'SHA-256 of the name of the log';
CREATE INDEX evm_anchors_of_a_sending ON treasury.evm_anchor (sending_id);
"""

_GUARDS = """
CREATE FUNCTION treasury.guard_evm_anchors() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR (NEW.evm_anchor_id, NEW.chain_id, NEW.contract, NEW.poster, NEW.origin, NEW.size,
            NEW.root, NEW.queued_at)
        IS DISTINCT FROM (OLD.evm_anchor_id, OLD.chain_id, OLD.contract, OLD.poster, OLD.origin, OLD.size,
            OLD.root, OLD.queued_at)
    THEN
        RAISE EXCEPTION 'what was to be anchored stays' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guarded BEFORE UPDATE OR DELETE ON treasury.evm_anchor
    FOR EACH ROW EXECUTE FUNCTION treasury.guard_evm_anchors();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON treasury.evm_anchor
    FOR EACH STATEMENT EXECUTE FUNCTION treasury.guard_evm_anchors();
ALTER TABLE treasury.evm_anchor ENABLE ALWAYS TRIGGER guarded;
ALTER TABLE treasury.evm_anchor ENABLE ALWAYS TRIGGER kept_whole;
"""
