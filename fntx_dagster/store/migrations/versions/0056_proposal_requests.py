"""What was asked with the key of a proposal beside its payload: digests, by which another request is known."""

from alembic import op

from fntx_dagster.store.migrations.append_only import protected

revision = "0056"
down_revision = "0055"


def upgrade() -> None:
    op.execute(_REQUESTS)
    op.execute(protected(appended=["treasury.proposal_request"]))


_REQUESTS = """
CREATE TABLE treasury.proposal_request (
    proposal_id uuid PRIMARY KEY REFERENCES treasury.proposal,
    parties bytea NOT NULL CHECK (length(parties) = 32),
    travel_rule bytea NOT NULL CHECK (length(travel_rule) = 32)
);
COMMENT ON TABLE treasury.proposal_request IS
    'what a program asked for with a key beside the payload: HMAC-SHA-256 under the key, which is not kept';
"""
