"""A record's way onto the chain: queued, signed, broadcast, mined, final or failed; one sending a nonce, and every
attempt of it. What happens to a record becomes an event, in the same transaction."""

from alembic import op

revision = "0005"
down_revision = "0004"

_TABLES = """
-- What is sent under one nonce never changes; its attempts differ in their fees.
CREATE TABLE alm_reporting.chain_sendings (
    sending_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id text NOT NULL,
    chain_id numeric NOT NULL,
    contract text NOT NULL,
    trader text NOT NULL,
    nonce bigint NOT NULL,
    data bytea NOT NULL,
    gas bigint NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'mined', 'final', 'failed', 'released')),
    mined_block bigint,
    mined_block_hash bytea,
    mined_tx_hash bytea,
    error text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- Only while it matters: on a chain that is made anew, nonces begin again.
CREATE UNIQUE INDEX one_sending_a_nonce ON alm_reporting.chain_sendings (chain_id, contract, trader, nonce)
    WHERE state IN ('open', 'mined');

CREATE TABLE alm_reporting.chain_postings (
    account_id text NOT NULL,
    trading_day date NOT NULL,
    version int NOT NULL,
    chain_id numeric NOT NULL,
    contract text NOT NULL,
    trader text NOT NULL,
    state text NOT NULL
        CHECK (state IN ('queued', 'signed', 'broadcast', 'mined', 'final', 'failed', 'superseded')),
    sending_id bigint REFERENCES alm_reporting.chain_sendings,
    error text,
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (account_id, trading_day, version),
    FOREIGN KEY (account_id, trading_day, version) REFERENCES alm_reporting.daily_signatures
);
CREATE INDEX ON alm_reporting.chain_postings (sending_id);
CREATE INDEX ON alm_reporting.chain_postings (trader, trading_day) WHERE state NOT IN ('final', 'superseded');

ALTER TABLE alm_reporting.chain_receipts
    ADD COLUMN records int NOT NULL DEFAULT 1,
    ADD COLUMN lost_at timestamptz,
    ADD COLUMN seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- the same transaction may be mined again, in another block
    DROP CONSTRAINT chain_receipts_pkey,
    ADD PRIMARY KEY (account_id, trading_day, version, tx_hash, block_hash);
COMMENT ON COLUMN alm_reporting.chain_receipts.gas_used IS 'of the transaction, which posted `records` days';
COMMENT ON COLUMN alm_reporting.chain_receipts.confirmed_at IS 'when it was final; null while a reorg may undo it';
COMMENT ON COLUMN alm_reporting.chain_receipts.lost_at IS 'when the chain no longer held it';
"""

_BEFORE = """
-- What was posted before there was a queue: a receipt is final, anything else is asked of the chain again.
INSERT INTO alm_reporting.chain_postings (account_id, trading_day, version, chain_id, contract, trader, state)
SELECT account_id, trading_day, version, (record ->> 'chain_id')::numeric, record ->> 'contract', record ->> 'trader',
    CASE WHEN EXISTS (
        SELECT FROM alm_reporting.chain_receipts AS receipt
        WHERE (receipt.account_id, receipt.trading_day, receipt.version)
            = (signed.account_id, signed.trading_day, signed.version)
    ) THEN 'final' ELSE 'queued' END
FROM alm_reporting.daily_signatures AS signed;

-- What was signed then may still be on its way; nothing that was attempted is forgotten.
ALTER TABLE alm_reporting.chain_attempts RENAME TO chain_attempts_before_queue;
CREATE TABLE alm_reporting.chain_attempts (
    attempt_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sending_id bigint NOT NULL REFERENCES alm_reporting.chain_sendings,
    tx_hash bytea NOT NULL,
    raw_transaction bytea NOT NULL,
    max_fee numeric NOT NULL,
    tip numeric NOT NULL,
    is_broadcast boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (sending_id, tx_hash)
);
COMMENT ON COLUMN alm_reporting.chain_attempts.max_fee IS 'wei per gas, as is tip';
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON alm_reporting.chain_attempts
    FOR EACH STATEMENT EXECUTE FUNCTION alm_reporting.refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON alm_reporting.chain_sendings
    FOR EACH STATEMENT EXECUTE FUNCTION alm_reporting.refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON alm_reporting.chain_postings
    FOR EACH STATEMENT EXECUTE FUNCTION alm_reporting.refuse_change();
"""

_EVENTS = """
CREATE TABLE alm_reporting.signature_events (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id text NOT NULL,
    trading_day date NOT NULL,
    version int NOT NULL,
    state text NOT NULL,
    happened_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE alm_reporting.signature_events IS
    'each state that a record came to, for monitors: LISTEN fntx_signature gives the number of a new row';

CREATE FUNCTION alm_reporting.tell_state() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told bigint;
BEGIN
    -- one after the other until they are committed, so that who reads on from the last number misses none
    PERFORM pg_advisory_xact_lock(hashtextextended('fntx signature events', 0));
    INSERT INTO alm_reporting.signature_events (account_id, trading_day, version, state)
    VALUES (NEW.account_id, NEW.trading_day, NEW.version, NEW.state) RETURNING event_id INTO told;
    PERFORM pg_notify('fntx_signature', told::text);
    RETURN NULL;
END $$;
CREATE TRIGGER tell_state AFTER INSERT ON alm_reporting.chain_postings
    FOR EACH ROW EXECUTE FUNCTION alm_reporting.tell_state();
CREATE TRIGGER tell_new_state AFTER UPDATE ON alm_reporting.chain_postings
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION alm_reporting.tell_state();

-- What statistics over several traders will be made of, once they can be handed over encrypted. It stays here.
CREATE VIEW alm_reporting.aggregation_input AS
SELECT DISTINCT ON (posted.chain_id, posted.contract, posted.trader, signed.trading_day)
    posted.chain_id, posted.contract, posted.trader, signed.trading_day, signed.version,
    signed.schema_hash, signed.root,
    convert_from(decode(lpad(to_hex((record -> 'values' ->> 'base_currency')::bigint), 6, '0'), 'hex'), 'SQL_ASCII')
        AS base_currency,
    (record -> 'values' ->> 'closing_nav_official')::numeric / 100000000 AS closing_nav_official,
    (record -> 'values' ->> 'net_pnl')::numeric / 100000000 AS net_pnl,
    (record -> 'values' ->> 'implied_turnover')::numeric / 100000000 AS implied_turnover
FROM alm_reporting.chain_postings AS posted
JOIN alm_reporting.daily_signatures AS signed USING (account_id, trading_day, version)
WHERE posted.state = 'final'
ORDER BY posted.chain_id, posted.contract, posted.trader, signed.trading_day, signed.version DESC;
COMMENT ON VIEW alm_reporting.aggregation_input IS
    'latest final record per trader and session; amounts in base currency, with 8 decimals as signed';
"""


def upgrade() -> None:
    op.execute(_TABLES)
    op.execute(_BEFORE)
    op.execute(_EVENTS)
