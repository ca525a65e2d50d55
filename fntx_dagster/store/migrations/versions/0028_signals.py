"""Signals: every message that arrived, one execution for each signal, a share for each participant, one trade at its
end; and what they need: strategies, instruments, subscriptions, settlement prices.

What happened (`signal_log`, `signal_exits`, `trades`, `instruments`, `settlements`) is append-only. Executions and
allocations hold a state that only moves forward: a trigger refuses a share that shrinks, a change of what is closed,
and a transaction after which the allocations do not add up to their execution.
"""

from alembic import op

from fntx_dagster.store.migrations.append_only import protected

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    op.execute(_TABLES)
    op.execute(_GUARDS)
    op.execute(_LEGACY)
    op.execute(
        protected(
            appended=(
                "ledger.signal_log",
                "ledger.signal_exits",
                "ledger.trades",
                "ledger.instruments",
                "ledger.settlements",
            ),
            changed=("ledger.strategies", "ledger.subscriptions"),
        )
    )
    op.execute(
        """
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fntx_api') THEN
                GRANT SELECT, INSERT, UPDATE ON ledger.signal_executions, ledger.user_signal_allocations TO fntx_api;
            END IF;
        END $$
        """
    )


_TABLES = """
CREATE TABLE ledger.strategies (
    strategy_code text PRIMARY KEY,
    accounts text NOT NULL DEFAULT 'omnibus' CHECK (accounts IN ('omnibus', 'separate')),
    currency text NOT NULL,
    capital numeric CHECK (capital > 0),
    expected_edge_bps numeric NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE ledger.instruments (
    instrument_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token text NOT NULL,
    symbol text NOT NULL,
    exchange text NOT NULL,
    underlying text,
    strike numeric,
    option_type text CHECK (option_type IN ('CE', 'PE')),
    expiry date,
    lot_size numeric NOT NULL CHECK (lot_size > 0),
    valid_from timestamptz NOT NULL
);
CREATE INDEX instruments_of_a_token ON ledger.instruments (token, valid_from, instrument_id);

CREATE TABLE ledger.subscriptions (
    strategy_code text NOT NULL REFERENCES ledger.strategies,
    user_id text NOT NULL,
    qty numeric NOT NULL,
    fee_bps numeric NOT NULL DEFAULT 0,
    fee_fixed numeric NOT NULL DEFAULT 0,
    max_notional numeric,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz CHECK (valid_to >= valid_from),
    PRIMARY KEY (strategy_code, user_id, valid_from)
);
CREATE UNIQUE INDEX subscriptions_that_run ON ledger.subscriptions (strategy_code, user_id) WHERE valid_to IS NULL;

CREATE TABLE ledger.settlements (
    token text NOT NULL,
    expiry date NOT NULL,
    price numeric NOT NULL CHECK (price >= 0),
    source text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (token, expiry)
);

CREATE TABLE ledger.signal_log (
    signal_log_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    direction text NOT NULL CHECK (direction IN ('entry', 'exit')),
    strategy_code text,
    unique_id text,
    signal_type text,
    source text NOT NULL,
    at timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    fingerprint bytea NOT NULL,
    body text,
    outcome text NOT NULL CHECK (outcome IN ('processed', 'duplicate', 'refused')),
    code text,
    duplicate_of bigint REFERENCES ledger.signal_log,
    CHECK ((outcome = 'refused') = (code IS NOT NULL)),
    CHECK ((outcome = 'duplicate') = (duplicate_of IS NOT NULL)),
    CHECK ((outcome = 'duplicate') = (body IS NULL))
);
CREATE INDEX signal_log_of_a_signal ON ledger.signal_log (strategy_code, unique_id, signal_log_id);

CREATE TABLE ledger.signal_executions (
    signal_execution_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    strategy_code text NOT NULL REFERENCES ledger.strategies,
    unique_id text NOT NULL,
    signal_log_id bigint REFERENCES ledger.signal_log,
    is_paper boolean NOT NULL,
    accounts text NOT NULL CHECK (accounts IN ('omnibus', 'separate')),
    signal_type text NOT NULL CHECK (signal_type IN ('BUY_ENTRY', 'SELL_ENTRY')),
    token text NOT NULL,
    strike_price_token text NOT NULL,
    instrument_id bigint NOT NULL REFERENCES ledger.instruments,
    market text NOT NULL,
    currency text NOT NULL,
    status text NOT NULL CHECK (status IN ('PENDING', 'OPEN', 'CLOSING', 'CLOSED', 'FAILED')),
    reason text,
    requested_qty numeric NOT NULL,
    total_qty numeric NOT NULL DEFAULT 0,
    entry_money numeric NOT NULL DEFAULT 0,
    entry_time timestamptz,
    reference_price numeric,
    exit_qty numeric NOT NULL DEFAULT 0,
    exit_money numeric NOT NULL DEFAULT 0,
    exit_time timestamptz,
    exit_reason text CHECK (exit_reason IN ('SIGNAL', 'STOPLOSS', 'TARGET', 'MANUAL', 'SQUARE_OFF', 'EXPIRY')),
    total_pnl numeric NOT NULL DEFAULT 0,
    fees_total numeric NOT NULL DEFAULT 0,
    stop_loss numeric,
    target numeric,
    description text,
    participants int NOT NULL,
    entry_order_id uuid,
    entry_steps int NOT NULL DEFAULT 0,
    entry_ended boolean NOT NULL DEFAULT false,
    salt bytea NOT NULL CHECK (length(salt) = 32),
    rule_entry bigint,
    shares_entry bigint,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    migrated_from text UNIQUE,
    UNIQUE (strategy_code, unique_id),
    CHECK (0 <= exit_qty AND exit_qty <= total_qty AND total_qty <= requested_qty)
);
CREATE INDEX signal_executions_that_move ON ledger.signal_executions (strategy_code)
    WHERE status IN ('PENDING', 'OPEN', 'CLOSING');

CREATE TABLE ledger.user_signal_allocations (
    signal_execution_id bigint NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    place int NOT NULL,
    requested_qty numeric NOT NULL,
    qty numeric NOT NULL DEFAULT 0,
    closed_qty numeric NOT NULL DEFAULT 0,
    money_in numeric NOT NULL DEFAULT 0,
    money_out numeric NOT NULL DEFAULT 0,
    pnl numeric NOT NULL DEFAULT 0,
    fee_bps numeric NOT NULL,
    fee_fixed numeric NOT NULL,
    entry_fee numeric NOT NULL DEFAULT 0,
    exit_fee numeric NOT NULL DEFAULT 0,
    status text NOT NULL CHECK (status IN ('ACTIVE', 'CLOSED', 'FAILED', 'UNFILLED')),
    reason text,
    max_notional numeric,
    order_id uuid,
    closed_at timestamptz,
    migrated_from bigint,
    PRIMARY KEY (signal_execution_id, user_id),
    CHECK (0 <= closed_qty AND closed_qty <= qty AND qty <= greatest(requested_qty, 0)),
    CHECK ((status IN ('FAILED', 'UNFILLED')) = (reason IS NOT NULL))
) WITH (fillfactor = 70);
CREATE INDEX allocations_of_a_user ON ledger.user_signal_allocations (user_id, signal_execution_id);
CREATE UNIQUE INDEX allocations_migrated_once ON ledger.user_signal_allocations (migrated_from)
    WHERE migrated_from IS NOT NULL;

CREATE TABLE ledger.signal_exits (
    signal_exit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    signal_execution_id bigint NOT NULL REFERENCES ledger.signal_executions,
    signal_log_id bigint REFERENCES ledger.signal_log,
    fingerprint bytea NOT NULL,
    order_id uuid,
    reason text NOT NULL,
    reference_price numeric,
    qty numeric NOT NULL,
    money numeric NOT NULL,
    pnl numeric NOT NULL,
    fees numeric NOT NULL,
    shares_entry bigint,
    at timestamptz NOT NULL,
    status smallint NOT NULL,
    answer bytea NOT NULL
);
CREATE INDEX signal_exits_of_an_execution ON ledger.signal_exits (signal_execution_id, signal_exit_id);

CREATE TABLE ledger.trades (
    trade_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    signal_execution_id bigint NOT NULL UNIQUE REFERENCES ledger.signal_executions,
    signal_log_id bigint REFERENCES ledger.signal_log,
    strategy_code text NOT NULL,
    symbol text NOT NULL,
    underlying text,
    strike_price numeric,
    option_type text,
    signal_type text NOT NULL,
    currency text NOT NULL,
    entry_price numeric NOT NULL,
    entry_time timestamptz NOT NULL,
    exit_price numeric NOT NULL,
    exit_time timestamptz NOT NULL,
    total_qty numeric NOT NULL,
    total_pnl numeric NOT NULL,
    pnl_percent numeric,
    fees_total numeric NOT NULL,
    net_pnl numeric NOT NULL,
    holding_time bigint NOT NULL,
    exit_reason text NOT NULL
);
CREATE INDEX trades_of_a_strategy ON ledger.trades (strategy_code, exit_time);
"""

_GUARDS = """
CREATE FUNCTION ledger.guard_executions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.status IN ('CLOSED', 'FAILED')
        OR NEW.total_qty < OLD.total_qty OR NEW.exit_qty < OLD.exit_qty
        OR (NEW.signal_execution_id, NEW.strategy_code, NEW.unique_id, NEW.signal_log_id, NEW.is_paper, NEW.accounts,
            NEW.signal_type, NEW.instrument_id, NEW.currency, NEW.requested_qty, NEW.salt, NEW.participants)
        IS DISTINCT FROM (OLD.signal_execution_id, OLD.strategy_code, OLD.unique_id, OLD.signal_log_id, OLD.is_paper,
            OLD.accounts, OLD.signal_type, OLD.instrument_id, OLD.currency, OLD.requested_qty, OLD.salt,
            OLD.participants)
    THEN
        RAISE EXCEPTION 'execution % moves forward alone: what it was entered with, and what is closed, stays',
            OLD.signal_execution_id USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guarded BEFORE UPDATE OR DELETE ON ledger.signal_executions
    FOR EACH ROW EXECUTE FUNCTION ledger.guard_executions();
ALTER TABLE ledger.signal_executions ENABLE ALWAYS TRIGGER guarded;

CREATE FUNCTION ledger.guard_allocations() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong text;
BEGIN
    SELECT old_row.user_id INTO wrong
    FROM old_rows AS old_row LEFT JOIN new_rows AS new_row USING (signal_execution_id, user_id)
    WHERE new_row.user_id IS NULL OR old_row.status IN ('CLOSED', 'FAILED', 'UNFILLED')
        OR new_row.qty < old_row.qty OR new_row.closed_qty < old_row.closed_qty
        OR (new_row.requested_qty, new_row.place, new_row.fee_bps, new_row.fee_fixed)
            IS DISTINCT FROM (old_row.requested_qty, old_row.place, old_row.fee_bps, old_row.fee_fixed)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'a share moves forward alone: lots are not taken back, and what is closed stays'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER guarded AFTER UPDATE ON ledger.user_signal_allocations
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.guard_allocations();
ALTER TABLE ledger.user_signal_allocations ENABLE ALWAYS TRIGGER guarded;

CREATE FUNCTION ledger.find_executions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT signal_execution_id FROM new_rows GROUP BY 1
        EXCEPT SELECT signal_execution_id FROM ledger.signal_executions)
    THEN
        RAISE EXCEPTION 'an allocation needs its execution' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER belongs AFTER INSERT ON ledger.user_signal_allocations
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ledger.find_executions();
ALTER TABLE ledger.user_signal_allocations ENABLE ALWAYS TRIGGER belongs;

CREATE FUNCTION ledger.keep_signals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger.% keeps every row', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER kept BEFORE DELETE ON ledger.user_signal_allocations
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.keep_signals();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON ledger.user_signal_allocations
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.keep_signals();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON ledger.signal_executions
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.keep_signals();
ALTER TABLE ledger.user_signal_allocations ENABLE ALWAYS TRIGGER kept;
ALTER TABLE ledger.user_signal_allocations ENABLE ALWAYS TRIGGER kept_whole;
ALTER TABLE ledger.signal_executions ENABLE ALWAYS TRIGGER kept_whole;

CREATE FUNCTION ledger.sum_allocations() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sums record;
    stated ledger.signal_executions;
BEGIN
    SELECT * INTO stated FROM ledger.signal_executions WHERE signal_execution_id = NEW.signal_execution_id;
    SELECT coalesce(sum(qty), 0) AS qty, coalesce(sum(closed_qty), 0) AS closed, coalesce(sum(pnl), 0) AS pnl,
        coalesce(sum(entry_fee + exit_fee), 0) AS fees
    INTO sums FROM ledger.user_signal_allocations WHERE signal_execution_id = NEW.signal_execution_id;
    IF (sums.qty, sums.closed, sums.pnl, sums.fees)
        IS DISTINCT FROM (stated.total_qty, stated.exit_qty, stated.total_pnl, stated.fees_total)
    THEN
        RAISE EXCEPTION 'the allocations of execution % do not add up: quantity % of %, closed % of %, P&L % of %, '
            'fees % of %', NEW.signal_execution_id, sums.qty, stated.total_qty, sums.closed, stated.exit_qty, sums.pnl,
            stated.total_pnl, sums.fees, stated.fees_total USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER summed AFTER INSERT OR UPDATE ON ledger.signal_executions DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger.sum_allocations();
ALTER TABLE ledger.signal_executions ENABLE ALWAYS TRIGGER summed;
"""

# One row for each participant, with the columns and states of a service that kept a position, orders and a trade for
# each user. A migrated row has its old id; the others' are above 2^32, where an old id of 32 bits never is.
_LEGACY = """
CREATE SCHEMA legacy;
COMMENT ON SCHEMA legacy IS 'Executions and allocations as the rows of one user each, for old readers; read only';

CREATE VIEW legacy.positions AS
SELECT coalesce(share.migrated_from, ((share.signal_execution_id + 4096) << 20) + share.place) AS id,
    CASE WHEN share.user_id ~ '^[0-9]{1,18}$' THEN share.user_id::bigint END AS user_id,
    share.user_id AS participant,
    execution.strategy_code,
    execution.unique_id,
    instrument.symbol,
    instrument.underlying,
    instrument.strike AS strike_price,
    instrument.option_type,
    instrument.expiry AS expiry_date,
    instrument.exchange,
    execution.token,
    execution.strike_price_token,
    instrument.lot_size,
    CASE execution.signal_type WHEN 'BUY_ENTRY' THEN 'BUY' ELSE 'SELL' END AS side,
    share.qty,
    trim_scale(round(share.money_in / share.qty, 18)) AS avg_entry_price,
    trim_scale(round(share.money_out / nullif(share.closed_qty, 0), 18)) AS avg_exit_price,
    share.pnl AS realized_pnl,
    share.entry_fee + share.exit_fee AS fees,
    CASE share.status WHEN 'CLOSED' THEN 'CLOSED' ELSE 'OPEN' END AS status,
    execution.entry_time,
    CASE share.status WHEN 'CLOSED' THEN share.closed_at END AS exit_time,
    execution.exit_reason,
    share.signal_execution_id
FROM ledger.user_signal_allocations AS share
JOIN ledger.signal_executions AS execution USING (signal_execution_id)
JOIN ledger.instruments AS instrument USING (instrument_id)
WHERE share.qty > 0;

CREATE VIEW legacy.orders AS
SELECT position.id * 2 + leaves::int AS id,
    position.user_id,
    position.id AS position_id,
    position.participant || CASE WHEN leaves THEN '_EXIT_' ELSE '_' END || position.unique_id || '_'
        || trim_scale(extract(epoch FROM moment)) AS order_id,
    position.symbol,
    position.underlying,
    CASE WHEN (position.side = 'BUY') <> leaves THEN 'BUY' ELSE 'SELL' END AS order_type,
    position.qty,
    position.qty AS executed_qty,
    CASE WHEN leaves THEN position.avg_exit_price ELSE position.avg_entry_price END AS avg_executed_price,
    'EXECUTED' AS status,
    position.exchange,
    moment AS placed_at,
    moment AS executed_at
FROM legacy.positions AS position
CROSS JOIN LATERAL (VALUES (false, position.entry_time), (true, position.exit_time)) AS step (leaves, moment)
WHERE NOT leaves OR position.status = 'CLOSED';

CREATE VIEW legacy.trades AS
SELECT id, user_id, participant, id AS position_id, strategy_code, symbol, underlying, strike_price, option_type,
    expiry_date, qty AS entry_qty, avg_entry_price AS entry_price, entry_time, qty AS exit_qty,
    avg_exit_price AS exit_price, exit_time, realized_pnl AS gross_pnl, fees AS charges,
    realized_pnl - fees AS net_pnl, exit_reason,
    floor(extract(epoch FROM exit_time - entry_time) / 60)::bigint AS holding_time
FROM legacy.positions WHERE status = 'CLOSED';
"""
