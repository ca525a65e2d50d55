"""Each account's base currency with what contradicts it; and times that trades have as tradeDate and tradeTime."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE alm_reporting.base_currencies (
            account_id text PRIMARY KEY,
            base_currency text NOT NULL,
            source text NOT NULL,
            contradictions text[] NOT NULL
        )
        """
    )
    # a date in a format whose order is certain; what is loaded from now on is read in every format
    op.execute(
        """
        WITH changed AS (
            UPDATE raw_flex.trades
            SET date_time = ((attributes ->> 'tradeDate') || ' ' || (attributes ->> 'tradeTime'))::timestamp
                AT TIME ZONE 'America/New_York'
            WHERE date_time IS NULL AND attributes ->> 'tradeDate' ~ '^[0-9]{4}-?[0-9]{2}-?[0-9]{2}$'
                AND attributes ->> 'tradeTime' ~ '^([01][0-9]|2[0-3]):?[0-5][0-9]:?[0-5][0-9]$'
            RETURNING account_id, row_date
        )
        INSERT INTO alm_reporting.untold_changes AS known (account_id, since)
        SELECT account_id, min(row_date) FROM changed GROUP BY account_id
        ON CONFLICT (account_id) DO UPDATE
            SET since = least(known.since, excluded.since), changed_at = excluded.changed_at
        """
    )
