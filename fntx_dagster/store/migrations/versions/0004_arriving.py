"""What arrives by itself: fetches and their outcome, what a person has to know, and the day that is not over yet."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute(
        """
        -- One row per question to the Flex Web Service; `login` is the name that the settings give to a token.
        CREATE TABLE raw_flex.fetches (
            fetch_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            login text NOT NULL,
            query text NOT NULL,
            first_day date NOT NULL,
            last_day date NOT NULL,
            asked_at timestamptz NOT NULL,
            ended_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            outcome text NOT NULL CHECK (outcome IN ('fetched', 'no_data', 'failed', 'refused')),
            code int,
            said text,
            file_name text,
            sha256 text,
            reaches date
        );
        CREATE INDEX ON raw_flex.fetches (login, query, first_day, ended_at);

        -- The queries of the settings as they were when something was fetched last: for SQL.
        CREATE TABLE raw_flex.queries (login text, query text, PRIMARY KEY (login, query));

        -- What a person has to know. An alert is open until what it is about is over; while it is, it is not repeated.
        CREATE TABLE alm_reporting.alerts (
            alert_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            kind text NOT NULL,
            source text NOT NULL,
            subject text NOT NULL,
            trading_day date,
            text text NOT NULL,
            raised_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            resolved_at timestamptz,
            delivered_to text[] NOT NULL DEFAULT '{}'
        );
        CREATE UNIQUE INDEX ON alm_reporting.alerts (source, subject) WHERE resolved_at IS NULL;
        CREATE INDEX ON alm_reporting.alerts (raised_at);

        -- Why an account's fills could not be rebuilt; its days from there on are not told, and not signed.
        ALTER TABLE alm_reporting.untold_changes ADD COLUMN refused text;

        -- What IB Gateway said last of a session that has no statement yet; provisional by nature.
        CREATE TABLE alm_reporting.current_days (
            account_id text NOT NULL,
            trading_day date NOT NULL,
            previous_session date NOT NULL,
            as_of timestamptz NOT NULL,
            snapshot jsonb NOT NULL,
            PRIMARY KEY (account_id, trading_day)
        );
        """
    )
