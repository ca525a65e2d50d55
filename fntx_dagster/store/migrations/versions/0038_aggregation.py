"""Encrypted aggregation: what was sent to pools, and where each is on its way to a chain.

A row holds what goes onto the chain and nothing of what is behind it: no value, no randomness, no trustee's secret.
What was queued never changes; the state and the receipt do. Nothing is ever removed.
"""

from alembic import op

from fntx_dagster.store.migrations.append_only import protected

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    op.execute(_TABLE)
    op.execute(protected(changed=["aggregation.actions"]))


_TABLE = """
CREATE SCHEMA aggregation;

CREATE TABLE aggregation.actions (
    action_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('submit', 'share', 'open')),
    account_id text NOT NULL,
    chain_id numeric NOT NULL,
    contract text NOT NULL,
    sender text NOT NULL,
    day date NOT NULL,
    subject text NOT NULL,
    data bytea NOT NULL,
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
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE aggregation.actions IS 'calls of pools: submissions, shares, openings';
COMMENT ON COLUMN aggregation.actions.account_id IS 'whose key sends it';
COMMENT ON COLUMN aggregation.actions.subject IS 'the trader, or the number of the trustee; empty of an opening';
COMMENT ON COLUMN aggregation.actions.data IS 'the call, as it goes onto the chain';
CREATE UNIQUE INDEX actions_once ON aggregation.actions (kind, chain_id, contract, sender, day, subject)
    WHERE state <> 'failed';
CREATE INDEX actions_of_a_sending ON aggregation.actions (sending_id);

CREATE FUNCTION aggregation.guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.action_id, NEW.kind, NEW.account_id, NEW.chain_id, NEW.contract, NEW.sender, NEW.day, NEW.subject,
            NEW.data, NEW.queued_at) IS NOT DISTINCT FROM (OLD.action_id, OLD.kind, OLD.account_id, OLD.chain_id,
            OLD.contract, OLD.sender, OLD.day, OLD.subject, OLD.data, OLD.queued_at)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'aggregation.actions: what was queued stays' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER guarded BEFORE UPDATE OR DELETE ON aggregation.actions
    FOR EACH ROW EXECUTE FUNCTION aggregation.guard();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON aggregation.actions
    FOR EACH STATEMENT EXECUTE FUNCTION aggregation.guard();
ALTER TABLE aggregation.actions ENABLE ALWAYS TRIGGER guarded;
ALTER TABLE aggregation.actions ENABLE ALWAYS TRIGGER kept_whole;
"""
