"""The register of what was shown of an account: by a disclosure, a link, a proof of a period, a package for a witness.

What was shown can be combined: two totals that differ by a day show that day. So everything is kept, from the first
disclosure on, and what is to be shown next is compared with it.
"""

from alembic import op

from fntx_dagster.store.migrations.append_only import protected

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    op.execute(_TABLES)
    op.execute(protected(appended=["alm_reporting.shown"]))


_TABLES = """
CREATE TABLE alm_reporting.shown (
    shown_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id text NOT NULL,
    first_day date NOT NULL,
    last_day date NOT NULL CHECK (last_day >= first_day),
    items text[] NOT NULL,
    audience text CHECK (length(audience) BETWEEN 1 AND 100),
    kind text NOT NULL CHECK (kind IN ('disclosure', 'link', 'period', 'package')),
    versions int[] NOT NULL,
    shown_by text NOT NULL CHECK (shown_by <> ''),
    shown_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON COLUMN alm_reporting.shown.items IS 'the metrics of the day, or the figures of the period';
COMMENT ON COLUMN alm_reporting.shown.audience IS 'whom it was made for, where that was said; it is a label';
COMMENT ON COLUMN alm_reporting.shown.kind IS 'a link and a disclosure show each of their days, a period its totals';
COMMENT ON COLUMN alm_reporting.shown.versions IS 'of the signed days that it is made of, oldest day first';
COMMENT ON COLUMN alm_reporting.shown.shown_by IS 'the user; "the terminal" for a command';
CREATE INDEX shown_of_an_account ON alm_reporting.shown (account_id, shown_id);

INSERT INTO alm_reporting.shown (account_id, first_day, last_day, items, kind, versions, shown_by, shown_at)
SELECT account_id, trading_day, trading_day, metrics, CASE WHEN share_id IS NULL THEN 'disclosure' ELSE 'link' END,
    ARRAY[version], made_by, made_at
FROM sharing.disclosures ORDER BY disclosure_id;
"""
