"""Schema alm_reporting: the tables that Python fills. dbt builds the others beside them."""

from alembic import op

revision = "0002"
down_revision = "0001"

_ACCOUNTING = """
CREATE SCHEMA IF NOT EXISTS alm_reporting;

CREATE AGGREGATE alm_reporting.product(double precision) (SFUNC = float8mul, STYPE = double precision, INITCOND = '1');

CREATE TABLE alm_reporting.trading_sessions (
    session date PRIMARY KEY,
    previous_close timestamptz NOT NULL,
    opens_at timestamptz NOT NULL,
    closes_at timestamptz NOT NULL,
    early_close boolean NOT NULL
);

CREATE TABLE alm_reporting.day_rates (
    account_id text NOT NULL,
    session date NOT NULL,
    currency text NOT NULL,
    base_currency text NOT NULL,
    rate numeric NOT NULL,
    source text NOT NULL,
    PRIMARY KEY (account_id, session, currency)
);

CREATE TABLE alm_reporting.fills (
    account_id text NOT NULL,
    fill_id text NOT NULL,
    contract_id text NOT NULL,
    symbol text,
    description text,
    asset_category text NOT NULL,
    underlying_symbol text,
    multiplier numeric NOT NULL,
    strike numeric,
    expiry date,
    put_call text,
    currency text NOT NULL,
    base_currency text NOT NULL,
    executed_at timestamptz NOT NULL,
    session date NOT NULL,
    phase text NOT NULL,
    report_date date NOT NULL,
    report_session date NOT NULL,
    event_type text NOT NULL CHECK
        (event_type IN ('trade', 'expiration', 'assignment', 'exercise', 'delivery', 'fx_conversion')),
    label_source text NOT NULL CHECK (label_source IN ('trade', 'option_eae', 'leg_pairing', 'book_trade_rule')),
    linked_fill_id text,
    quantity numeric NOT NULL,
    price numeric NOT NULL,
    proceeds numeric NOT NULL,
    commission numeric NOT NULL,
    fx_rate_to_base numeric NOT NULL,
    fx_source text NOT NULL CHECK (fx_source IN ('base', 'row', 'conversion_rates', 'statement', 'configured')),
    opening_quantity numeric NOT NULL,
    closing_quantity numeric NOT NULL,
    gross_realised numeric NOT NULL,
    broker_realised numeric,
    broker_mtm numeric,
    close_price numeric,
    order_type text,
    source_transaction_id text,
    PRIMARY KEY (account_id, fill_id)
);
CREATE INDEX ON alm_reporting.fills (account_id, session);
CREATE INDEX ON alm_reporting.fills (account_id, report_session);
CREATE INDEX ON alm_reporting.fills (account_id, contract_id, executed_at);

CREATE TABLE alm_reporting.position_lots (
    account_id text NOT NULL,
    lot_id text NOT NULL,
    contract_id text NOT NULL,
    symbol text,
    description text,
    asset_category text NOT NULL,
    underlying_symbol text,
    multiplier numeric NOT NULL,
    strike numeric,
    expiry date,
    put_call text,
    currency text NOT NULL,
    direction text NOT NULL CHECK (direction IN ('long', 'short')),
    quantity numeric NOT NULL CHECK (quantity > 0),
    open_fill_id text NOT NULL,
    close_fill_id text,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    opened_session date NOT NULL,
    closed_session date,
    open_price numeric NOT NULL,
    close_price numeric,
    open_fee numeric NOT NULL,
    close_fee numeric,
    gross_pnl numeric,
    open_fx_rate numeric NOT NULL,
    close_fx_rate numeric,
    how_opened text NOT NULL CHECK (how_opened IN ('trade', 'assignment', 'exercise')),
    how_ended text CHECK (how_ended IN ('traded', 'expired', 'assigned', 'exercised', 'delivered')),
    origin_fill_id text,
    round_trip_id text NOT NULL,
    PRIMARY KEY (account_id, lot_id)
);
CREATE INDEX ON alm_reporting.position_lots (account_id, closed_session);
CREATE INDEX ON alm_reporting.position_lots (account_id, contract_id);
CREATE INDEX ON alm_reporting.position_lots (account_id, opened_session);
"""

_RECORDS = """
CREATE TABLE alm_reporting.daily_signatures (
    account_id text NOT NULL,
    trading_day date NOT NULL,
    version int NOT NULL,
    schema_hash bytea NOT NULL,
    root bytea NOT NULL,
    record jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, trading_day, version)
);

CREATE TABLE alm_reporting.chain_attempts (
    attempt_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id text NOT NULL,
    trading_day date NOT NULL,
    version int NOT NULL,
    chain_id numeric NOT NULL,
    contract text NOT NULL,
    nonce bigint,
    tx_hash bytea,
    raw_transaction bytea,
    state text NOT NULL,
    error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON alm_reporting.chain_attempts (account_id, trading_day, version);

CREATE TABLE alm_reporting.chain_receipts (
    account_id text NOT NULL,
    trading_day date NOT NULL,
    version int NOT NULL,
    chain_id numeric NOT NULL,
    contract text NOT NULL,
    trader text NOT NULL,
    tx_hash bytea NOT NULL,
    block_number bigint NOT NULL,
    block_hash bytea NOT NULL,
    gas_used bigint NOT NULL,
    posted_at timestamptz NOT NULL,
    confirmed_at timestamptz,
    -- a record that vanished from the chain is posted again, and both receipts stay
    PRIMARY KEY (account_id, trading_day, version, tx_hash)
);

CREATE FUNCTION alm_reporting.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON alm_reporting.daily_signatures
    FOR EACH STATEMENT EXECUTE FUNCTION alm_reporting.refuse_change();
-- An attempt goes through states, so its row changes; that it was made is never forgotten.
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON alm_reporting.chain_attempts
    FOR EACH STATEMENT EXECUTE FUNCTION alm_reporting.refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON alm_reporting.chain_receipts
    FOR EACH STATEMENT EXECUTE FUNCTION alm_reporting.refuse_change();
-- A receipt may be confirmed, once.
CREATE TRIGGER append_only_when_confirmed BEFORE UPDATE ON alm_reporting.chain_receipts
    FOR EACH ROW WHEN (OLD.confirmed_at IS NOT NULL) EXECUTE FUNCTION alm_reporting.refuse_change();
"""


def upgrade() -> None:
    op.execute(_ACCOUNTING)
    op.execute(_RECORDS)
