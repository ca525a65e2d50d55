"""Who may look at the dashboard: users, their grants, sessions and the proofs that begin them, and what they did.

Nothing that signs somebody in is kept: of links, sessions and challenges the SHA-256, of passwords the hash of Argon2,
of passkeys the public key. The audit log is append-only; the role of the API sees none of these tables.
"""

from alembic import op

from fntx_dagster.store.migrations.append_only import protected

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    op.execute(_TABLES)
    op.execute(protected(appended=("visitors.audit",)))
    op.execute(
        """
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fntx_api') THEN
                REVOKE ALL ON visitors.audit FROM fntx_api;
                REVOKE ALL ON SCHEMA visitors FROM fntx_api;
            END IF;
        END $$
        """
    )


_TABLES = """
CREATE SCHEMA visitors;
COMMENT ON SCHEMA visitors IS 'Who may look at the dashboard, and who did';

CREATE TABLE visitors.users (
    user_id text COLLATE "C" PRIMARY KEY CHECK (user_id ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
    role text NOT NULL CHECK (role IN ('owner', 'trader', 'fund', 'auditor', 'source')),
    handle bytea NOT NULL UNIQUE CHECK (length(handle) = 32),
    password text,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON COLUMN visitors.users.handle IS 'what his passkeys call him: random, and tells nobody who he is';
COMMENT ON COLUMN visitors.users.password IS 'the hash of Argon2id, with its salt; null: none is set';

CREATE TABLE visitors.grants (
    user_id text COLLATE "C" NOT NULL REFERENCES visitors.users ON DELETE CASCADE,
    account_id text NOT NULL,
    granted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (user_id, account_id)
);

CREATE TABLE visitors.links (
    digest bytea PRIMARY KEY CHECK (length(digest) = 32),
    user_id text COLLATE "C" REFERENCES visitors.users ON DELETE CASCADE,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ends_at timestamptz NOT NULL,
    used_at timestamptz
);
COMMENT ON COLUMN visitors.links.user_id IS 'null: the owner of this machine, as long as there are no users';

CREATE TABLE visitors.sessions (
    session_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
    user_id text COLLATE "C" REFERENCES visitors.users ON DELETE CASCADE,
    proof text NOT NULL CHECK (proof IN ('link', 'password', 'passkey')),
    address text NOT NULL,
    browser text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ends_at timestamptz NOT NULL
);
CREATE INDEX sessions_of_a_user ON visitors.sessions (user_id);

CREATE TABLE visitors.passkeys (
    passkey_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    credential_id bytea NOT NULL UNIQUE,
    user_id text COLLATE "C" NOT NULL REFERENCES visitors.users ON DELETE CASCADE,
    public_key bytea NOT NULL,
    sign_count bigint NOT NULL,
    name text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    used_at timestamptz
);
CREATE INDEX passkeys_of_a_user ON visitors.passkeys (user_id);

CREATE TABLE visitors.challenges (
    digest bytea PRIMARY KEY CHECK (length(digest) = 32),
    session_id bigint REFERENCES visitors.sessions ON DELETE CASCADE,
    ends_at timestamptz NOT NULL
);
COMMENT ON COLUMN visitors.challenges.session_id IS 'null: of a sign-in; else of a passkey that this session adds';

CREATE TABLE visitors.attempts (
    attempt_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name_digest bytea NOT NULL,
    address text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE visitors.attempts IS 'sign-ins that failed, or are being tried; of 15 minutes';
CREATE INDEX attempts_of_a_name ON visitors.attempts (name_digest, at);
CREATE INDEX attempts_of_an_address ON visitors.attempts (address, at);

CREATE TABLE visitors.audit (
    audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    event text NOT NULL,
    user_id text,
    actor text NOT NULL,
    proof text,
    address text,
    detail text
);
COMMENT ON COLUMN visitors.audit.user_id IS 'whom it is about; null: a name that nobody has, maybe a password';
COMMENT ON COLUMN visitors.audit.actor IS 'who did it: a user, or the terminal';
CREATE INDEX audit_of_a_user ON visitors.audit (user_id, audit_id);
"""
