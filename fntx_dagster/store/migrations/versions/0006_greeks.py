"""Greeks and risk at each session's close."""

from alembic import op

revision = "0006"
down_revision = "0005"

_TABLES = """
CREATE TABLE alm_reporting.option_greeks (
    account_id text NOT NULL,
    trading_day date NOT NULL,
    contract_id text NOT NULL,
    symbol text,
    underlying_symbol text,
    expiry date,
    strike numeric,
    put_call text,
    multiplier numeric NOT NULL,
    currency text NOT NULL,
    quantity numeric NOT NULL,
    exercise text NOT NULL CHECK (exercise IN ('american', 'european')),
    mark numeric,
    mark_source text CHECK (mark_source IN ('open_positions', 'closing_price', 'gateway')),
    underlying_price numeric,
    underlying_source text CHECK (underlying_source IN ('statement', 'gateway', 'put_call_parity')),
    valued_at timestamptz NOT NULL,
    ends_at timestamptz,
    risk_free_rate numeric NOT NULL,
    dividend_yield numeric NOT NULL,
    status text NOT NULL CHECK (status IN ('ok', 'low_vega', 'below_intrinsic', 'expired', 'no_price')),
    implied_volatility double precision,
    delta double precision,
    gamma double precision,
    theta double precision,
    vega double precision,
    PRIMARY KEY (account_id, trading_day, contract_id),
    CHECK (num_nulls(implied_volatility, delta, gamma, theta, vega) IN (0, 5)),
    CHECK (status <> 'ok' OR delta IS NOT NULL)
);
COMMENT ON TABLE alm_reporting.option_greeks IS
    'one row per option that was open at a session''s close or traded in it; definitions in docs/metrics.md';
COMMENT ON COLUMN alm_reporting.option_greeks.quantity IS 'at the close; 0 where it was only traded';
COMMENT ON COLUMN alm_reporting.option_greeks.valued_at IS 'the moment of the marks';
COMMENT ON COLUMN alm_reporting.option_greeks.delta IS 'per 1 of the underlying; null where undefined';
COMMENT ON COLUMN alm_reporting.option_greeks.gamma IS 'change of the delta per 1 of the underlying''s currency';
COMMENT ON COLUMN alm_reporting.option_greeks.theta IS 'per calendar day, in the option''s currency';
COMMENT ON COLUMN alm_reporting.option_greeks.vega IS 'per volatility point, in the option''s currency';

CREATE TABLE alm_reporting.portfolio_greeks (
    account_id text NOT NULL,
    trading_day date NOT NULL,
    base_currency text NOT NULL,
    nav numeric NOT NULL,
    options int NOT NULL,
    options_without int NOT NULL,
    delta double precision,
    gamma double precision,
    theta double precision,
    vega double precision,
    var_95_historical double precision,
    var_95_repricing double precision,
    scenarios int,
    inputs text NOT NULL,
    PRIMARY KEY (account_id, trading_day)
);
COMMENT ON TABLE alm_reporting.portfolio_greeks IS
    'one row per account and session: the portfolio''s Greeks and value at risk at the close; see docs/metrics.md';
COMMENT ON COLUMN alm_reporting.portfolio_greeks.options IS 'options held at the close';
COMMENT ON COLUMN alm_reporting.portfolio_greeks.options_without IS 'of them those without Greeks: the sums are null';
COMMENT ON COLUMN alm_reporting.portfolio_greeks.delta IS 'delta-dollars of options and shares / NAV';
COMMENT ON COLUMN alm_reporting.portfolio_greeks.gamma IS 'change of the delta when each underlying moves by 1 USD';
COMMENT ON COLUMN alm_reporting.portfolio_greeks.theta IS 'USD per calendar day';
COMMENT ON COLUMN alm_reporting.portfolio_greeks.vega IS 'USD per volatility point';
COMMENT ON COLUMN alm_reporting.portfolio_greeks.var_95_historical IS
    '5 % quantile of the change in value over a day / NAV, negative when it loses: by delta and gamma';
COMMENT ON COLUMN alm_reporting.portfolio_greeks.var_95_repricing IS 'the same by full repricing';
COMMENT ON COLUMN alm_reporting.portfolio_greeks.inputs IS 'md5 of what it was computed from (closing_days.inputs)';
"""


def upgrade() -> None:
    op.execute(_TABLES)
