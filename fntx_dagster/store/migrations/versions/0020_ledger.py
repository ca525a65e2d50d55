"""The ledger of orders: append-only entries, postings, fills and quotes; orders; and what is derived from them.

`ledger.entries`, `postings`, `fills`, `answers` and `quote_history` take no UPDATE, DELETE or TRUNCATE from anybody:
the triggers are ENABLE ALWAYS, so that no setting of a session passes them. The role `fntx_api`, which the API works
as where it can be made, owns nothing. What DDL of the owner could still change, the chain of hashes shows.
"""

from alembic import op

revision = "0020"
down_revision = "0019"

APPEND_ONLY = ("entries", "postings", "fills", "answers", "quote_history")
DERIVED = ("balances", "positions", "lots", "figures", "funds", "days", "breakers", "trips", "quotes", "errors")


def upgrade() -> None:
    op.execute(_TABLES)
    op.execute(_DERIVED)
    op.execute(
        """
        CREATE FUNCTION ledger.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'ledger.% is append-only: a correction is a new entry', TG_TABLE_NAME
                USING ERRCODE = 'insufficient_privilege';
        END $$
        """
    )
    for table in APPEND_ONLY:
        op.execute(
            f"""
            CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger.{table}
                FOR EACH ROW EXECUTE FUNCTION ledger.refuse();
            CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON ledger.{table}
                FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse();
            ALTER TABLE ledger.{table} ENABLE ALWAYS TRIGGER append_only;
            ALTER TABLE ledger.{table} ENABLE ALWAYS TRIGGER append_only_whole;
            """
        )
    op.execute(_ROLE)
    appended = ", ".join(f"ledger.{table}" for table in APPEND_ONLY)
    changed = ", ".join(f"ledger.{table}" for table in (*DERIVED, "books", "bots", "orders", "approvals"))
    op.execute(
        f"""
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fntx_api') THEN
                GRANT USAGE ON SCHEMA ledger TO fntx_api;
                GRANT SELECT ON ledger.tokens TO fntx_api;
                GRANT SELECT, INSERT ON {appended} TO fntx_api;
                GRANT SELECT, INSERT, UPDATE, DELETE ON {changed} TO fntx_api;
            END IF;
        END $$
        """
    )


_TABLES = """
CREATE SCHEMA ledger;

CREATE TABLE ledger.tokens (
    token_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    user_id text NOT NULL,
    role text NOT NULL CHECK (role IN ('trader', 'admin', 'signal_source', 'reader')),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz
);

CREATE TABLE ledger.books (
    book_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id text NOT NULL,
    is_paper boolean NOT NULL,
    currency text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    head_no bigint NOT NULL DEFAULT 0,
    head_hash text NOT NULL DEFAULT repeat('0', 64),
    first_day date,
    UNIQUE (user_id, is_paper)
);

CREATE TABLE ledger.bots (
    book_id bigint NOT NULL REFERENCES ledger.books,
    bot_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (book_id, bot_id)
);

CREATE TABLE ledger.entries (
    book_id bigint NOT NULL REFERENCES ledger.books,
    entry_no bigint NOT NULL,
    body jsonb NOT NULL,
    prev_hash text NOT NULL,
    hash text NOT NULL,
    PRIMARY KEY (book_id, entry_no)
);

CREATE TABLE ledger.postings (
    book_id bigint NOT NULL,
    entry_no bigint NOT NULL,
    leg smallint NOT NULL,
    account text NOT NULL,
    currency text NOT NULL,
    amount numeric NOT NULL,
    PRIMARY KEY (book_id, entry_no, leg),
    FOREIGN KEY (book_id, entry_no) REFERENCES ledger.entries
);

CREATE TABLE ledger.orders (
    order_id uuid PRIMARY KEY,
    book_id bigint NOT NULL REFERENCES ledger.books,
    bot_id text NOT NULL,
    exchange text NOT NULL,
    symbol text NOT NULL,
    side text NOT NULL CHECK (side IN ('buy', 'sell')),
    amount numeric NOT NULL CHECK (amount > 0),
    order_type text NOT NULL CHECK (order_type IN ('market', 'limit')),
    price numeric,
    expected_edge_bps numeric,
    reduce_only boolean NOT NULL,
    idempotency_key text NOT NULL,
    state text NOT NULL CHECK (state IN ('rejected', 'approved', 'submitting', 'open', 'partially_filled', 'filled',
        'cancelled', 'expired', 'failed', 'unknown')),
    gates_passed text[] NOT NULL,
    gate_failed text,
    reason_code text,
    rejection_reason text,
    summary jsonb NOT NULL,
    filled numeric NOT NULL DEFAULT 0,
    paid numeric NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    approved_at timestamptz,
    changed_at timestamptz NOT NULL,
    UNIQUE (book_id, idempotency_key)
);
CREATE INDEX orders_of_a_burst ON ledger.orders (book_id, exchange, approved_at) WHERE approved_at IS NOT NULL;
CREATE INDEX orders_that_move ON ledger.orders (book_id, exchange, symbol)
    WHERE state IN ('approved', 'submitting', 'open', 'partially_filled', 'unknown');

CREATE TABLE ledger.fills (
    fill_id uuid PRIMARY KEY,
    book_id bigint NOT NULL,
    entry_no bigint NOT NULL,
    order_id uuid REFERENCES ledger.orders,
    bot_id text NOT NULL,
    exchange text NOT NULL,
    symbol text NOT NULL,
    side text NOT NULL,
    qty numeric NOT NULL CHECK (qty > 0),
    price numeric NOT NULL,
    fee numeric NOT NULL,
    fee_currency text NOT NULL,
    liquidity text NOT NULL,
    executed_at timestamptz NOT NULL,
    realized_pnl numeric NOT NULL,
    exchange_trade_id text NOT NULL,
    UNIQUE (book_id, entry_no),
    UNIQUE (book_id, exchange, exchange_trade_id),
    FOREIGN KEY (book_id, entry_no) REFERENCES ledger.entries
);
CREATE INDEX fills_of_a_bot ON ledger.fills (book_id, bot_id, entry_no);

CREATE TABLE ledger.answers (
    book_id bigint NOT NULL REFERENCES ledger.books,
    idempotency_key text NOT NULL,
    fingerprint bytea NOT NULL,
    status smallint NOT NULL,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (book_id, idempotency_key)
);

CREATE TABLE ledger.approvals (
    book_id bigint NOT NULL REFERENCES ledger.books,
    bot_id text NOT NULL,
    day date NOT NULL,
    used int NOT NULL,
    PRIMARY KEY (book_id, bot_id, day)
);

CREATE TABLE ledger.quote_history (
    book_id bigint NOT NULL REFERENCES ledger.books,
    quote_no bigint GENERATED ALWAYS AS IDENTITY,
    after_entry bigint NOT NULL,
    exchange text NOT NULL,
    symbol text NOT NULL,
    bid numeric NOT NULL,
    ask numeric NOT NULL,
    bid_size numeric,
    ask_size numeric,
    at timestamptz NOT NULL,
    observed_at timestamptz NOT NULL,
    PRIMARY KEY (book_id, quote_no)
);
"""

_DERIVED = """
CREATE TABLE ledger.balances (
    book_id bigint NOT NULL REFERENCES ledger.books,
    currency text NOT NULL,
    amount numeric NOT NULL,
    fees numeric NOT NULL,
    PRIMARY KEY (book_id, currency)
);

CREATE TABLE ledger.positions (
    book_id bigint NOT NULL REFERENCES ledger.books,
    bot_id text NOT NULL,
    exchange text NOT NULL,
    symbol text NOT NULL,
    quantity numeric NOT NULL,
    cost numeric NOT NULL,
    opened_at timestamptz,
    realized numeric NOT NULL,
    fees numeric,
    best numeric NOT NULL,
    worst numeric NOT NULL,
    PRIMARY KEY (book_id, bot_id, exchange, symbol)
);

CREATE TABLE ledger.lots (
    book_id bigint NOT NULL REFERENCES ledger.books,
    bot_id text NOT NULL,
    exchange text NOT NULL,
    symbol text NOT NULL,
    entry_no bigint NOT NULL,
    quantity numeric NOT NULL,
    price numeric NOT NULL,
    PRIMARY KEY (book_id, bot_id, exchange, symbol, entry_no)
);

CREATE TABLE ledger.figures (
    book_id bigint NOT NULL REFERENCES ledger.books,
    bot_id text NOT NULL,
    fills bigint NOT NULL,
    volume numeric NOT NULL,
    realized numeric NOT NULL,
    fees numeric NOT NULL,
    wins bigint NOT NULL,
    losing bigint NOT NULL,
    even bigint NOT NULL,
    gains numeric NOT NULL,
    losses numeric NOT NULL,
    best numeric NOT NULL,
    worst numeric NOT NULL,
    unknown bigint NOT NULL,
    streak bigint NOT NULL,
    PRIMARY KEY (book_id, bot_id)
);

CREATE TABLE ledger.funds (
    book_id bigint NOT NULL REFERENCES ledger.books,
    bot_id text NOT NULL,
    capital numeric NOT NULL,
    last_equity numeric NOT NULL,
    last_units numeric NOT NULL,
    high_equity numeric NOT NULL,
    high_units numeric NOT NULL,
    guarded_equity numeric NOT NULL,
    guarded_units numeric NOT NULL,
    fallen numeric NOT NULL,
    day date,
    day_start numeric NOT NULL,
    deposits numeric NOT NULL,
    withdrawals numeric NOT NULL,
    base numeric NOT NULL,
    base_deposits numeric NOT NULL,
    base_withdrawals numeric NOT NULL,
    PRIMARY KEY (book_id, bot_id)
);

CREATE TABLE ledger.days (
    book_id bigint NOT NULL REFERENCES ledger.books,
    day date NOT NULL,
    trades bigint NOT NULL DEFAULT 0,
    fees numeric NOT NULL DEFAULT 0,
    volume numeric NOT NULL DEFAULT 0,
    realized numeric NOT NULL DEFAULT 0,
    flows numeric NOT NULL DEFAULT 0,
    equity numeric,
    units numeric,
    PRIMARY KEY (book_id, day)
);

CREATE TABLE ledger.breakers (
    book_id bigint NOT NULL REFERENCES ledger.books,
    bot_id text NOT NULL,
    trip_no bigint NOT NULL,
    trigger_type text NOT NULL,
    PRIMARY KEY (book_id, bot_id)
);

CREATE TABLE ledger.trips (
    book_id bigint NOT NULL REFERENCES ledger.books,
    trip_no bigint NOT NULL,
    bot_id text NOT NULL,
    trigger_type text NOT NULL,
    trigger_reason text NOT NULL,
    tripped_at timestamptz NOT NULL,
    metrics jsonb NOT NULL,
    reset_at timestamptz,
    reset_by text,
    reset_reason text,
    PRIMARY KEY (book_id, trip_no)
);

CREATE TABLE ledger.errors (
    book_id bigint NOT NULL REFERENCES ledger.books,
    bot_id text NOT NULL,
    at timestamptz NOT NULL,
    entry_no bigint NOT NULL,
    PRIMARY KEY (book_id, entry_no)
);

CREATE TABLE ledger.quotes (
    book_id bigint NOT NULL REFERENCES ledger.books,
    exchange text NOT NULL,
    symbol text NOT NULL,
    bid numeric NOT NULL,
    ask numeric NOT NULL,
    bid_size numeric,
    ask_size numeric,
    at timestamptz NOT NULL,
    taken_bid numeric NOT NULL,
    taken_ask numeric NOT NULL,
    PRIMARY KEY (book_id, exchange, symbol)
);
"""

_ROLE = """
DO $$ BEGIN
    CREATE ROLE fntx_api NOLOGIN NOSUPERUSER;
    GRANT fntx_api TO CURRENT_USER;
-- a user who may make no role: docs/ledger.md says how an administrator makes it
EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
END $$
"""
