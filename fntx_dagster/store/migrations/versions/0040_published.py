"""The links that a trader shows to everybody, on a page of his own; and what pages look up in a long history: the lots
that a corporate action touched, deliveries by their session, and the NAV of a day.
"""

from alembic import op

from fntx_dagster.store.migrations.append_only import protected

revision = "0040"
down_revision = "0038"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE sharing.published (
            share_id bigint PRIMARY KEY REFERENCES sharing.shares,
            trader text NOT NULL CHECK (trader ~ '^0x[0-9a-f]{40}$'),
            published_by text NOT NULL CHECK (published_by <> ''),
            published_at timestamptz NOT NULL DEFAULT clock_timestamp()
        );
        COMMENT ON TABLE sharing.published IS 'links that the page of their trader lists for everybody while they last';
        COMMENT ON COLUMN sharing.published.published_by IS 'the user who published it; "the terminal" for a command';
        CREATE INDEX published_of_a_trader ON sharing.published (trader, share_id);
        """
    )
    op.execute(protected(appended=["sharing.published"]))
    op.execute(
        """
        CREATE INDEX position_lots_touched ON alm_reporting.position_lots (account_id)
            WHERE how_opened NOT IN ('trade', 'assignment', 'exercise', 'transfer', 'held', 'unstated')
                OR how_ended IN ('split', 'merged', 'spun_off', 'renamed', 'corporate_action');
        CREATE INDEX fills_delivered_in ON alm_reporting.fills (account_id, session) WHERE event_type = 'delivery';
        CREATE INDEX equity_of_a_day ON raw_flex.equity_summary (report_date, account_id);
        CREATE INDEX nav_of_a_day ON raw_flex.change_in_nav (to_date, account_id);
        """
    )
