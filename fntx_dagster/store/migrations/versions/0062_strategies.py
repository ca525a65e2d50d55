"""Trading on the exchange of the XRP Ledger: the desk with its limits, strategies and their slices, what was traded.

What a desk went through, profiles of volume and moves take no UPDATE, DELETE or TRUNCATE from anybody.
"""

from alembic import op

from fntx_dagster.store.migrations.append_only import protected

revision = "0062"
down_revision = "0061"


def upgrade() -> None:
    op.execute(_DESK)
    op.execute(_STRATEGIES)
    op.execute(_MOVES)
    appended = ("desk_event", "volume_profile", "desk_move")
    changed = ("desk", "strategy", "strategy_slice")
    op.execute(
        protected(appended=[f"treasury.{name}" for name in appended], changed=[f"treasury.{name}" for name in changed])
    )


_DESK = """
CREATE TABLE treasury.desk (
    account text PRIMARY KEY,
    network text NOT NULL,
    quote_code text NOT NULL,
    quote_issuer text NOT NULL,
    limits jsonb NOT NULL,
    live_proposal uuid NOT NULL REFERENCES treasury.proposal,
    state text NOT NULL CHECK (state IN ('active', 'halted', 'killed')),
    reason text NOT NULL DEFAULT '',
    day date,
    equity_start numeric,
    equity numeric,
    flows_from integer NOT NULL DEFAULT 0,
    read_to integer NOT NULL DEFAULT 0,
    prices jsonb NOT NULL DEFAULT '{}',
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE treasury.desk IS 'the account that trades on the XRP Ledger: its limits and its risk state';
COMMENT ON COLUMN treasury.desk.equity_start IS 'in the quote currency; null: the next look at the ledger sets it';
COMMENT ON COLUMN treasury.desk.flows_from IS 'deposits and withdrawals count after this ledger';
COMMENT ON COLUMN treasury.desk.prices IS 'the last price of each asset, for when nobody offers anything';
COMMENT ON COLUMN treasury.desk.read_to IS 'every transaction up to this ledger is in desk_move';
CREATE TABLE treasury.desk_event (
    event_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account text NOT NULL REFERENCES treasury.desk,
    event text NOT NULL,
    state text NOT NULL CHECK (state IN ('active', 'halted', 'killed')),
    reason text NOT NULL,
    equity_start numeric,
    equity numeric,
    loss_pct numeric,
    ledger_index integer,
    by text NOT NULL,
    proposal_id uuid REFERENCES treasury.proposal,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX desk_events ON treasury.desk_event (account, event_no);
CREATE TABLE treasury.volume_profile (
    hash text PRIMARY KEY CHECK (hash ~ '^[0-9a-f]{64}$'),
    base_code text NOT NULL,
    base_issuer text NOT NULL,
    quote_code text NOT NULL,
    quote_issuer text NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL CHECK (last_at > first_at),
    hours numeric[] NOT NULL CHECK (array_length(hours, 1) = 24),
    source text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON COLUMN treasury.volume_profile.hours IS 'of the base asset, by the hour of the day (UTC) from 0 on';
"""

_STRATEGIES = """
CREATE TABLE treasury.strategy (
    strategy_id uuid PRIMARY KEY,
    account text NOT NULL REFERENCES treasury.desk,
    kind text NOT NULL CHECK (kind IN ('twap', 'vwap', 'limit')),
    side text NOT NULL CHECK (side IN ('buy', 'sell')),
    base_code text NOT NULL,
    base_issuer text NOT NULL,
    quote_code text NOT NULL,
    quote_issuer text NOT NULL,
    quantity numeric NOT NULL CHECK (quantity > 0),
    decimals integer NOT NULL CHECK (decimals BETWEEN 0 AND 15),
    limit_price numeric CHECK (limit_price > 0),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at > starts_at),
    batch integer NOT NULL CHECK (batch > 0),
    profile_hash text REFERENCES treasury.volume_profile,
    state text NOT NULL CHECK (state IN ('running', 'halted', 'killed', 'done')),
    reason text NOT NULL DEFAULT '',
    started_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (kind <> 'limit' OR limit_price IS NOT NULL)
);
CREATE TABLE treasury.strategy_slice (
    strategy_id uuid NOT NULL REFERENCES treasury.strategy,
    n integer NOT NULL CHECK (n > 0),
    at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    planned numeric NOT NULL CHECK (planned > 0),
    state text NOT NULL CHECK (state IN ('planned', 'asked', 'over')),
    asked numeric CHECK (asked > 0),
    price numeric CHECK (price > 0),
    batch_id uuid REFERENCES treasury.proposal,
    proposal_id uuid UNIQUE REFERENCES treasury.proposal,
    filled numeric NOT NULL DEFAULT 0 CHECK (filled >= 0),
    paid numeric NOT NULL DEFAULT 0 CHECK (paid >= 0),
    words text NOT NULL DEFAULT '',
    PRIMARY KEY (strategy_id, n),
    CHECK (state <> 'planned' OR asked IS NULL),
    CHECK ((asked IS NULL) = (price IS NULL) AND (asked IS NULL) = (batch_id IS NULL))
);
COMMENT ON COLUMN treasury.strategy_slice.asked IS 'what its offer may trade at most: with what was left before';
COMMENT ON COLUMN treasury.strategy_slice.filled IS 'of the base asset, by validated metadata';
COMMENT ON COLUMN treasury.strategy_slice.paid IS 'of the quote currency, paid or received';
"""

_MOVES = """
CREATE TABLE treasury.desk_move (
    account text NOT NULL REFERENCES treasury.desk,
    tx_hash text NOT NULL CHECK (tx_hash ~ '^[0-9A-F]{64}$'),
    name text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('fill', 'fee', 'transfer_fee', 'flow')),
    ledger_index integer NOT NULL,
    position integer NOT NULL,
    at timestamptz NOT NULL,
    got_code text,
    got_issuer text,
    got numeric,
    gave_code text,
    gave_issuer text,
    gave numeric,
    own_sequence bigint,
    is_maker boolean,
    strategy_id uuid,
    slice_n integer,
    entry_no bigint,
    PRIMARY KEY (account, tx_hash, name),
    FOREIGN KEY (strategy_id, slice_n) REFERENCES treasury.strategy_slice (strategy_id, n)
);
COMMENT ON COLUMN treasury.desk_move.name IS 'of a fill the offer (index of its entry), else the kind and the asset';
COMMENT ON COLUMN treasury.desk_move.entry_no IS 'the entry of the book that says it; null of what has no price';
CREATE INDEX desk_moves ON treasury.desk_move (account, ledger_index);
CREATE INDEX strategy_fills ON treasury.desk_move (strategy_id, slice_n) WHERE strategy_id IS NOT NULL;
"""
