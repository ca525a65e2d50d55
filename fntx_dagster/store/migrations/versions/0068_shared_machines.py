"""What machines on one database share: marks of their secrets, turns of the broker's tokens, reports to open.

The mark of a secret recognises it and says nothing of it; it is noted once and never changes. Where days are signed
already, and all with one salt secret, its mark is noted here.
"""

from alembic import op

from fntx_dagster.store.migrations.append_only import protected

revision = "0068"
down_revision = "0067"


def upgrade() -> None:
    op.execute(_TABLES)
    op.execute(protected(appended=["fntx.secret_marks"], changed=["fntx.token_turns", "fntx.report_files"]))


_TABLES = """
CREATE SCHEMA IF NOT EXISTS fntx;

CREATE TABLE fntx.secret_marks (
    name text PRIMARY KEY CHECK (name <> ''),
    mark text NOT NULL CHECK (mark <> ''),
    noted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE fntx.secret_marks IS 'marks that recognise the salt secret and development keys on every machine';
INSERT INTO fntx.secret_marks (name, mark)
SELECT 'salt', min(record ->> 'secret_mark') FROM alm_reporting.daily_signatures
HAVING count(DISTINCT record ->> 'secret_mark') = 1;

CREATE TABLE fntx.token_turns (
    fingerprint text PRIMARY KEY,
    asked double precision[] NOT NULL DEFAULT '{}',
    throttled double precision NOT NULL DEFAULT 0
);
COMMENT ON TABLE fntx.token_turns IS
    'seconds since 1970 at which each Flex token sent its last requests, and was told that they were too many';

CREATE TABLE fntx.report_files (
    first_day date NOT NULL,
    last_day date NOT NULL CHECK (last_day >= first_day),
    sha256 text NOT NULL,
    content bytea NOT NULL,
    written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (first_day, last_day)
);
COMMENT ON TABLE fntx.report_files IS 'the HTML report of each range of sessions that a run reported, as last written';
"""
