"""A calendar per account: sessions of several, and one view of each account's own."""

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    # as `previous_day` and `morning` of model/session.py; a test compares them
    op.execute(
        """
        ALTER TABLE alm_reporting.trading_sessions
            ADD COLUMN calendar text NOT NULL DEFAULT 'XNYS' CHECK (calendar IN ('XNYS', '24/7')),
            ADD COLUMN previous_day date GENERATED ALWAYS AS (
                CASE calendar WHEN '24/7' THEN session - 1
                    ELSE (previous_close AT TIME ZONE 'America/New_York')::date END
            ) STORED,
            DROP CONSTRAINT trading_sessions_pkey,
            ADD PRIMARY KEY (calendar, session);

        CREATE TABLE alm_reporting.account_calendars (
            account_id text PRIMARY KEY,
            calendar text NOT NULL CHECK (calendar IN ('XNYS', '24/7'))
        );
        INSERT INTO alm_reporting.account_calendars
            SELECT DISTINCT account_id, 'XNYS' FROM raw_flex.statements;

        CREATE VIEW alm_reporting.account_sessions AS
        SELECT
            accounts.account_id,
            accounts.calendar,
            sessions.session AS trading_day,
            sessions.previous_day,
            sessions.previous_close,
            sessions.opens_at,
            sessions.closes_at,
            sessions.early_close,
            CASE accounts.calendar WHEN '24/7' THEN sessions.opens_at + interval '1 second'
                ELSE (sessions.session + time '08:00') AT TIME ZONE 'America/New_York' END AS morning,
            CASE accounts.calendar WHEN '24/7' THEN 'UTC' ELSE 'America/New_York' END AS zone,
            CASE accounts.calendar WHEN '24/7' THEN 365 ELSE 252 END AS sessions_a_year
        FROM alm_reporting.account_calendars AS accounts
        JOIN alm_reporting.trading_sessions AS sessions USING (calendar);

        COMMENT ON TABLE alm_reporting.account_calendars IS
            'the calendar of each account''s days; every account whose fills were rebuilt has a row';
        COMMENT ON VIEW alm_reporting.account_sessions IS
            'the sessions of each account by its calendar, with the zone in which its days are counted';
        """
    )
