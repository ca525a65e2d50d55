"""Schema raw_flex: the broker's statements as delivered, with typed columns for what the system reads."""

from alembic import op

revision = "0001"
down_revision = None

_STATEMENTS = """
CREATE TABLE raw_flex.files (
    file_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sha256 text NOT NULL UNIQUE,
    file_name text NOT NULL,
    query_name text,
    bytes bigint NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT now(),
    delivered jsonb NOT NULL
);
COMMENT ON COLUMN raw_flex.files.delivered IS
    'rows per section and whatever was unknown, so that a file seen before can be reported without reading it again';

CREATE TABLE raw_flex.statements (
    statement_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_id bigint NOT NULL REFERENCES raw_flex.files,
    account_id text NOT NULL,
    from_date date NOT NULL,
    to_date date NOT NULL,
    period text,
    when_generated timestamptz NOT NULL,
    ordinal int NOT NULL,
    UNIQUE (file_id, ordinal)
);
CREATE INDEX ON raw_flex.statements (account_id, to_date);

CREATE TABLE raw_flex.coverage (
    account_id text NOT NULL,
    section text NOT NULL,
    day date NOT NULL,
    statement_id bigint NOT NULL REFERENCES raw_flex.statements,
    when_generated timestamptz NOT NULL,
    PRIMARY KEY (account_id, section, day)
);
COMMENT ON TABLE raw_flex.coverage IS 'the newest statement that spoke for an account, a section and a day';

CREATE TABLE raw_flex.revisions (
    revision_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    section text NOT NULL,
    row_id bigint NOT NULL,
    account_id text NOT NULL,
    row_key text NOT NULL,
    statement_id bigint NOT NULL,
    attributes jsonb NOT NULL,
    replaced_at timestamptz NOT NULL DEFAULT now(),
    replaced_by_statement_id bigint NOT NULL
);
COMMENT ON TABLE raw_flex.revisions IS 'what a correction replaced';
CREATE INDEX ON raw_flex.revisions (section, row_id);
"""

_SECTIONS = {
    "trades": """
        currency text, symbol text, description text, conid text, asset_category text, underlying_conid text,
        underlying_symbol text, multiplier numeric, strike numeric, expiry date, put_call text, trade_id text,
        transaction_id text, orig_trade_id text, orig_transaction_id text, report_date date, trade_date date,
        date_time timestamptz, transaction_type text, exchange text, quantity numeric, trade_price numeric,
        trade_money numeric, proceeds numeric, ib_commission numeric, ib_commission_currency text, taxes
        numeric, net_cash numeric, close_price numeric, cost numeric, fifo_pnl_realized numeric, mtm_pnl
        numeric, fx_rate_to_base numeric, buy_sell text, open_close_indicator text, notes text, order_type text,
        level_of_detail text
    """,
    "option_eae": """
        currency text, symbol text, conid text, asset_category text, underlying_conid text, underlying_symbol
        text, multiplier numeric, strike numeric, expiry date, put_call text, event_date date, transaction_type
        text, quantity numeric, trade_price numeric, mark_price numeric, proceeds numeric, commissions_and_tax
        numeric, realized_pnl numeric, mtm_pnl numeric, trade_id text, fx_rate_to_base numeric
    """,
    "cash_transactions": """
        currency text, symbol text, conid text, fx_rate_to_base numeric, date_time timestamptz, settle_date
        date, report_date date, amount numeric, type text, description text, transaction_id text, trade_id text
    """,
    "change_in_nav": """
        currency text, from_date date, to_date date, starting_value numeric, ending_value numeric, mtm numeric,
        realized numeric, change_in_unrealized numeric, cost_adjustments numeric, transferred_pnl_adjustments
        numeric, deposits_withdrawals numeric, internal_cash_transfers numeric, asset_transfers numeric,
        debit_card_activity numeric, bill_pay numeric, dividends numeric, withholding_tax numeric,
        withholding871m numeric, withholding_tax_collected numeric, change_in_dividend_accruals numeric,
        interest numeric, change_in_interest_accruals numeric, advisor_fees numeric, broker_fees numeric,
        change_in_broker_fee_accruals numeric, client_fees numeric, other_fees numeric, fees_receivables
        numeric, commissions numeric, commission_receivables numeric, forex_commissions numeric, transaction_tax
        numeric, tax_receivables numeric, sales_tax numeric, billable_sales_tax numeric, soft_dollars numeric,
        net_fx_trading numeric, fx_translation numeric, linking_adjustments numeric, corporate_action_proceeds
        numeric, commission_credits_redemption numeric, grant_activity numeric, excess_fund_sweep numeric,
        paxos_transfers numeric, other_income numeric, other numeric, twr numeric
    """,
    "equity_summary": """
        currency text, report_date date, cash numeric, stock numeric, options numeric, bonds numeric, funds
        numeric, interest_accruals numeric, dividend_accruals numeric, broker_fees_accruals_component numeric,
        total numeric
    """,
    "interest_accruals": """
        currency text, from_date date, to_date date, starting_accrual_balance numeric, interest_accrued numeric,
        accrual_reversal numeric, fx_translation numeric, ending_accrual_balance numeric
    """,
    "open_positions": """
        currency text, symbol text, description text, conid text, asset_category text, underlying_conid text,
        underlying_symbol text, multiplier numeric, strike numeric, expiry date, put_call text, report_date
        date, position numeric, mark_price numeric, position_value numeric, open_price numeric, cost_basis_price
        numeric, cost_basis_money numeric, fifo_pnl_unrealized numeric, side text, level_of_detail text,
        open_date_time timestamptz, fx_rate_to_base numeric
    """,
    "corporate_actions": """
        currency text, symbol text, conid text, asset_category text, report_date date, date_time timestamptz,
        action_description text, type text, amount numeric, proceeds numeric, value numeric, quantity numeric,
        fifo_pnl_realized numeric, mtm_pnl numeric, transaction_id text, fx_rate_to_base numeric
    """,
    "conversion_rates": """
        report_date date, from_currency text, to_currency text, rate numeric
    """,
    "transfers": """
        currency text, symbol text, conid text, asset_category text, report_date date, date_time timestamptz,
        type text, direction text, quantity numeric, position_amount numeric, position_amount_in_base numeric,
        cash_transfer numeric, transaction_id text, fx_rate_to_base numeric
    """,
    "cash_report": """
        currency text, from_date date, to_date date, starting_cash numeric, ending_cash numeric, deposits
        numeric, withdrawals numeric, commissions numeric, broker_interest numeric, broker_fees numeric,
        other_fees numeric
    """,
    "transaction_taxes": """
        currency text, symbol text, conid text, report_date date, date_time timestamptz, tax_description text,
        tax_amount numeric, quantity numeric, trade_id text, transaction_id text, fx_rate_to_base numeric
    """,
    "pending_exercises": """
        currency text, symbol text, conid text
    """,
    "other_sections": """
        section text NOT NULL
    """,
}

_SECTION = """
CREATE TABLE raw_flex.{table} (
    row_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id text NOT NULL,
    row_key text NOT NULL,
    row_kind text NOT NULL,
    row_date date NOT NULL,
    statement_id bigint NOT NULL,
    attributes jsonb NOT NULL,
    withdrawn_at timestamptz,
    {columns},
    UNIQUE (account_id, row_key)
);
CREATE INDEX ON raw_flex.{table} (account_id, row_date);
"""


def upgrade() -> None:
    op.execute(_STATEMENTS)
    for table, columns in _SECTIONS.items():
        op.execute(_SECTION.format(table=table, columns=columns.strip()))
