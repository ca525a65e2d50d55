"""What was shown to whom: links that show disclosures to strangers, the disclosures, and how often each was seen.

The token of a link is not kept, only its SHA-256. What was shown once stays here after the link has ended: it cannot be
taken back, and counts when something else is to be shown. Views are counted by day and say nothing of who looked.
"""

from alembic import op

from fntx_dagster.store.migrations.append_only import protected

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    op.execute(_TABLES)
    op.execute(
        protected(
            appended=["sharing.shares", "sharing.disclosures", "sharing.endings"],
            changed=["sharing.views"],
        )
    )


_TABLES = """
CREATE SCHEMA sharing;

CREATE TABLE sharing.shares (
    share_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id text NOT NULL,
    token_digest bytea NOT NULL UNIQUE CHECK (length(token_digest) = 32),
    note text NOT NULL CHECK (length(note) <= 200),
    first_day date NOT NULL,
    last_day date NOT NULL CHECK (last_day >= first_day),
    calendar text NOT NULL,
    node text CHECK (length(node) <= 500),
    made_by text NOT NULL CHECK (made_by <> ''),
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz CHECK (expires_at > made_at)
);
COMMENT ON COLUMN sharing.shares.token_digest IS 'SHA-256 of the token in the link, which is not kept';
COMMENT ON COLUMN sharing.shares.note IS 'for the owner: whom it is for; never shown to a stranger';
COMMENT ON COLUMN sharing.shares.made_by IS 'the user who made the link; "the terminal" for `fntx share`';
COMMENT ON COLUMN sharing.shares.node IS 'the node that the page proposes to ask; null: it proposes none';

CREATE INDEX links_of_an_account ON sharing.shares (account_id, share_id);

CREATE TABLE sharing.disclosures (
    disclosure_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    share_id bigint REFERENCES sharing.shares,
    account_id text NOT NULL,
    trading_day date NOT NULL,
    version int NOT NULL,
    metrics text[] NOT NULL,
    document text NOT NULL,
    made_by text NOT NULL CHECK (made_by <> ''),
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (share_id, trading_day)
);
COMMENT ON COLUMN sharing.disclosures.share_id IS 'the link that shows it; null: it was given away as a file';
COMMENT ON COLUMN sharing.disclosures.made_by IS 'the user who disclosed it; "the terminal" for a command';
COMMENT ON COLUMN sharing.disclosures.document IS 'the file as it was made: docs/verify.md';
CREATE INDEX disclosures_of_an_account ON sharing.disclosures (account_id, trading_day);
CREATE INDEX files_of_an_account ON sharing.disclosures (account_id, disclosure_id) WHERE share_id IS NULL;

CREATE TABLE sharing.endings (
    share_id bigint PRIMARY KEY REFERENCES sharing.shares,
    ended_by text NOT NULL CHECK (ended_by <> ''),
    ended_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE sharing.endings IS 'links that were ended, and the user who ended each';

CREATE TABLE sharing.views (
    share_id bigint NOT NULL REFERENCES sharing.shares,
    day date NOT NULL,
    place text NOT NULL CHECK (place IN ('page', 'badge', 'file')),
    times bigint NOT NULL,
    PRIMARY KEY (share_id, day, place)
);
COMMENT ON COLUMN sharing.views.day IS 'of UTC';
"""
