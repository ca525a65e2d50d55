"""The compliance gate: versions of sanctions lists and their entities, parties, screenings, and what people decided.

What was loaded, screened and decided is append-only. The entities of a list are those of the version that counts, and
names of people are in one table alone, which nothing exports.
"""

from alembic import op

from fntx_dagster.store.migrations.append_only import protected

revision = "0043"
down_revision = "0042"


def upgrade() -> None:
    op.execute(_LISTS)
    op.execute(_PARTIES)
    op.execute(_SCREENINGS)
    op.execute(
        protected(
            appended=["treasury.list_version", "treasury.party", "treasury.screening", "treasury.disposition"],
            changed=["treasury.list_entity", "treasury.party_details"],
        )
    )


_LISTS = """
CREATE SCHEMA IF NOT EXISTS treasury;

CREATE TABLE treasury.list_version (
    list_version_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    list_name text NOT NULL CHECK (list_name ~ '^[a-z0-9][a-z0-9_.-]{0,39}$'),
    format text NOT NULL CHECK (format IN ('opensanctions', 'ofac')),
    version text NOT NULL CHECK (version ~ '^[0-9a-f]{64}$'),
    files jsonb NOT NULL,
    dated_at timestamptz NOT NULL,
    entities int NOT NULL CHECK (entities > 0),
    names int NOT NULL CHECK (names >= 0),
    loaded_by text NOT NULL CHECK (loaded_by <> ''),
    loaded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE treasury.list_version IS 'each loading of a sanctions list; the newest of a list counts';
COMMENT ON COLUMN treasury.list_version.version IS 'SHA-256 of the file; of several, of what sha256sum prints for them';
COMMENT ON COLUMN treasury.list_version.files IS 'SHA-256 of the bytes of each file, by its name';
COMMENT ON COLUMN treasury.list_version.dated_at IS 'when the publisher was asked for it';
CREATE INDEX list_version_newest ON treasury.list_version (list_name, list_version_id DESC);

CREATE TABLE treasury.list_entity (
    list_name text NOT NULL,
    entity_id text NOT NULL CHECK (entity_id <> ''),
    row_no int NOT NULL,
    schema text NOT NULL,
    names text[] NOT NULL,
    forms text[] NOT NULL,
    birth_dates text[] NOT NULL,
    countries text[] NOT NULL,
    row_hash text NOT NULL CHECK (row_hash ~ '^[0-9a-f]{64}$'),
    PRIMARY KEY (list_name, entity_id)
);
COMMENT ON TABLE treasury.list_entity IS 'the entities of the newest version of each list';
COMMENT ON COLUMN treasury.list_entity.forms IS 'the normal forms of the names: what a party is compared with';
"""

_PARTIES = """
CREATE TABLE treasury.party (
    party_id text PRIMARY KEY CHECK (party_id ~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$'),
    added_by text NOT NULL CHECK (added_by <> ''),
    added_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE treasury.party IS 'who is screened, by id; what they are called is in party_details';

CREATE TABLE treasury.party_details (
    party_id text PRIMARY KEY REFERENCES treasury.party,
    name text NOT NULL CHECK (name <> ''),
    schema text NOT NULL,
    birth_date text NOT NULL,
    countries text[] NOT NULL,
    details_hash text NOT NULL CHECK (details_hash ~ '^[0-9a-f]{64}$'),
    in_use boolean NOT NULL DEFAULT true,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE treasury.party_details IS
    'names of parties, which a new list is screened against; nothing exports this table';
COMMENT ON COLUMN treasury.party_details.in_use IS 'whether a new list is screened against this party';
"""

_SCREENINGS = """
CREATE TABLE treasury.screening (
    screening_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    party_id text NOT NULL REFERENCES treasury.party,
    details_hash text NOT NULL CHECK (details_hash ~ '^[0-9a-f]{64}$'),
    cause text NOT NULL CHECK (cause <> ''),
    algorithm text NOT NULL,
    threshold numeric NOT NULL,
    lists jsonb NOT NULL,
    status text NOT NULL CHECK (status IN ('clear', 'potential', 'blocked')),
    decision text NOT NULL CHECK (decision IN ('cleared', 'hit', 'stale')),
    list_name text,
    entity_id text,
    score numeric CHECK (score BETWEEN 0 AND 100),
    matches jsonb NOT NULL,
    dispositions bigint[] NOT NULL,
    screened_by text NOT NULL CHECK (screened_by <> ''),
    screened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((status = 'clear') = (entity_id IS NULL) AND (entity_id IS NULL) = (score IS NULL)),
    CHECK (decision <> 'cleared' OR jsonb_array_length(lists) > 0)
);
COMMENT ON TABLE treasury.screening IS 'each check of a party: against which lists, with which score, and what follows';
COMMENT ON COLUMN treasury.screening.details_hash IS 'of what was known of the party then';
COMMENT ON COLUMN treasury.screening.lists IS 'list, version and date of each list that was screened against';
COMMENT ON COLUMN treasury.screening.entity_id IS 'the gravest and best match; matches holds all';
COMMENT ON COLUMN treasury.screening.dispositions IS 'the decisions of people that cleared a match, or confirmed it';
CREATE INDEX screening_of_a_party ON treasury.screening (party_id, screening_id DESC);

CREATE TABLE treasury.disposition (
    disposition_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    screening_id bigint NOT NULL REFERENCES treasury.screening,
    party_id text NOT NULL REFERENCES treasury.party,
    details_hash text NOT NULL CHECK (details_hash ~ '^[0-9a-f]{64}$'),
    list_name text NOT NULL,
    entity_id text NOT NULL,
    row_hash text NOT NULL CHECK (row_hash ~ '^[0-9a-f]{64}$'),
    verdict text NOT NULL CHECK (verdict IN ('false_positive', 'true_match')),
    reason text NOT NULL CHECK (reason <> ''),
    decided_by text NOT NULL CHECK (decided_by <> ''),
    decided_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE treasury.disposition IS
    'what a person decided of a match; it holds as long as the entity''s row and the party''s details stay';
CREATE INDEX disposition_of_a_party ON treasury.disposition (party_id, list_name, entity_id, disposition_id DESC);
"""
