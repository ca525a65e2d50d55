"""What the migration that gives proposals a reference to what covers them makes of rows that are there already."""

from __future__ import annotations

from uuid import UUID, uuid4

import psycopg
import pytest

from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.migrating import migrate
from fntx_dagster.store.treasury.proposals import covered, proposal
from tests.store.test_database import at_revision

WHOLE, OTHER, STRANGER = uuid4(), uuid4(), uuid4()


def put(connection: Connection, proposal_id: UUID, nonce: int, by: str) -> None:
    connection.execute(
        """insert into treasury.proposal (proposal_id, nonce, kind, payload, payload_hash, parties, signer_set,
            threshold, expires_at, proposed_by, created_at, state)
        values (%s, %s, 'account.setup', '{}', repeat('0', 64), '{}', 1, 3, now(), %s, now(), 'approved')""",
        [proposal_id, nonce, by],
    )


@pytest.fixture
def database(postgres: str, monkeypatch: pytest.MonkeyPatch) -> Database:
    """One with rows from before the reference: two whole proposals, and what named them as their proposer."""
    own = at_revision(postgres, monkeypatch, f"before_the_reference_{uuid4().hex[:8]}", "0054")
    with own.connect() as connection:
        connection.execute(
            """insert into treasury.signer_set (version, state, threshold, config_threshold, config_hash, config,
                effective_from) values (1, 'active', 2, 3, repeat('0', 64), '{}', now())"""
        )
        put(connection, WHOLE, 1, "operator:terminal")
        put(connection, OTHER, 2, "operator:proposal")
        put(connection, uuid4(), 3, f"proposal:{WHOLE}")
        put(connection, uuid4(), 4, f"proposal:{OTHER}")
        put(connection, uuid4(), 5, f"proposal:{WHOLE}")
        put(connection, STRANGER, 6, f"proposal:{uuid4()}")
    return own


def test_what_named_its_whole_as_proposer_is_covered_by_it(database: Database) -> None:
    migrate(database)
    with database.connect() as connection:
        assert [row.nonce for row in covered(connection, WHOLE)] == [3, 5]
        assert [row.nonce for row in covered(connection, OTHER)] == [4]
        for alone in (WHOLE, OTHER, STRANGER):
            row = proposal(connection, alone)
            assert row is not None
            assert row.covered_by is None
        row = proposal(connection, WHOLE)
        assert row is not None
        assert (row.proposed_by, row.state, row.threshold) == ("operator:terminal", "approved", 3)


def test_what_covers_a_proposal_stays_after_the_migration(database: Database) -> None:
    migrate(database)
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="what is decided on stays"),
        database.connect() as own,
    ):
        own.execute("update treasury.proposal set covered_by = %s where nonce = 3", [OTHER])
    migrate(database)  # once more changes nothing
    with database.connect() as connection:
        assert [row.nonce for row in covered(connection, WHOLE)] == [3, 5]
