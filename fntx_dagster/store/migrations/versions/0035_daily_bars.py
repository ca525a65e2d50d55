"""Daily bars of benchmarks as IB Gateway gives them, and when it was asked for them.

The broker adjusts every bar for the dividends and splits after it, so after one all earlier bars are others: they begin
a new series, and closes of two series are never compared. The newest series of a symbol counts; what was known before
stays.
"""

from alembic import op

from fntx_dagster.store.migrations.append_only import protected

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    op.execute(_TABLES)
    op.execute(protected(appended=["prices.series", "prices.daily_bars", "prices.questions"]))


_TABLES = """
CREATE SCHEMA prices;

CREATE TABLE prices.series (
    series_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    symbol text NOT NULL,
    currency text NOT NULL,
    source text NOT NULL,
    adjustment text NOT NULL,
    asked_from date NOT NULL,
    heard_at timestamptz NOT NULL
);
COMMENT ON COLUMN prices.series.source IS 'who gave it: gateway (IB Gateway)';
COMMENT ON COLUMN prices.series.adjustment IS 'the broker''s name of what the prices are: ADJUSTED_LAST';
COMMENT ON COLUMN prices.series.asked_from IS 'the first day asked for; the first bar may be later';
CREATE INDEX series_of_a_symbol ON prices.series (symbol, series_id);

CREATE TABLE prices.daily_bars (
    series_id bigint NOT NULL REFERENCES prices.series,
    day date NOT NULL,
    open numeric NOT NULL CHECK (open > 0),
    high numeric NOT NULL CHECK (high > 0),
    low numeric NOT NULL CHECK (low > 0),
    close numeric NOT NULL CHECK (close > 0),
    heard_at timestamptz NOT NULL,
    PRIMARY KEY (series_id, day)
);
COMMENT ON COLUMN prices.daily_bars.heard_at IS 'the gateway''s time of the answer that brought it';

CREATE TABLE prices.questions (
    question_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    symbol text NOT NULL,
    asked_at timestamptz NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('answered', 'failed')),
    said text
);
COMMENT ON COLUMN prices.questions.asked_at IS 'by our clock';
COMMENT ON COLUMN prices.questions.said IS 'why there was no answer; accounts are masked';
CREATE INDEX questions_about_a_symbol ON prices.questions (symbol, question_id);
"""
