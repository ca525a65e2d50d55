"""The kept roots of subtrees: they make proofs fast, are built for older logs, and never make a proof wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fntx_dagster.audit.proof_file import check_proof
from fntx_dagster.errors import Permanent
from fntx_dagster.services.auditing import proving
from fntx_dagster.services.auditing.checkpointing import LogBroken, make_checkpoint
from fntx_dagster.services.auditing.log import append
from fntx_dagster.services.auditing.looking import look_at_everything
from fntx_dagster.services.auditing.paths import computed_paths, kept_paths
from fntx_dagster.services.auditing.proving import prove
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.subtrees import all_subtrees
from tests.services.auditing.conftest import an_event, as_superuser

NOW = datetime(2026, 11, 29, 2, 0, 0, tzinfo=UTC)
PLACES = {(8, 0), (8, 1), (8, 2), (9, 0)}


@pytest.fixture
def signed(settings: Settings, database: Database) -> tuple[Settings, Database]:
    """A log of 900 events; of 300, 520 and 900 there are checkpoints."""
    for number, count in enumerate((300, 220, 380)):
        with database.connect() as connection:
            for each in range(count):
                append(settings, connection, an_event(each))
        make_checkpoint(settings, database, NOW + timedelta(hours=number))
    return settings, database


def kept(db: Database) -> set[tuple[int, int]]:
    with db.connect() as connection:
        return {*all_subtrees(connection)}


def slow(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The events that are proved from every leaf from now on."""
    proved = []

    def computed(connection: object, size: int, seq: int, older: int | None) -> object:
        proved.append(seq)
        return computed_paths(connection, size, seq, older)  # pyright: ignore[reportArgumentType]  # as it was given

    monkeypatch.setattr(proving, "computed_paths", computed)
    return proved


def test_a_proof_is_that_of_the_plain_way_and_reads_no_other_leaves(
    signed: tuple[Settings, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, db = signed
    proved = slow(monkeypatch)
    assert kept(db) == PLACES
    for seq in (0, 255, 256, 511, 512, 519, 520, 767, 768, 899):
        assert check_proof(prove(settings, db, seq)).goes_on_from == 520
        with db.connect() as connection:
            assert kept_paths(connection, 900, seq, 520) == computed_paths(connection, 900, seq, 520)
    assert proved == []
    assert look_at_everything(settings, db).problems == []


def test_they_are_built_for_a_log_that_has_none(
    signed: tuple[Settings, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, db = signed
    proved = slow(monkeypatch)
    as_superuser(db, "delete from treasury.audit_subtree")
    assert look_at_everything(settings, db).problems == []
    check_proof(prove(settings, db, 100))
    assert proved == [100]
    assert not make_checkpoint(settings, db, NOW).is_new
    assert kept(db) == PLACES
    check_proof(prove(settings, db, 100))
    assert proved == [100]


def test_none_are_built_over_events_that_are_not_those_that_were_signed(signed: tuple[Settings, Database]) -> None:
    settings, db = signed
    as_superuser(db, "delete from treasury.audit_subtree")
    as_superuser(db, "update treasury.audit_event set leaf_hash = decode(repeat('ab', 32), 'hex') where seq = 899")
    with pytest.raises(LogBroken, match="not those that were signed"):
        make_checkpoint(settings, db, NOW)
    assert kept(db) == set()


@pytest.mark.parametrize(
    ("change", "slow_ones"),
    [
        ("update treasury.audit_subtree set root = decode(repeat('ab', 32), 'hex') where (height, place) = (8, 1)", 1),
        ("delete from treasury.audit_subtree where (height, place) = (8, 1)", 1),
        ("update treasury.audit_subtree set place = 3 where (height, place) = (8, 2)", 1),
        ("insert into treasury.audit_subtree values (10, 0, decode(repeat('ab', 32), 'hex'))", 0),
    ],
)
def test_a_row_that_was_changed_is_found_and_makes_no_wrong_proof(
    change: str, slow_ones: int, signed: tuple[Settings, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, db = signed
    before = prove(settings, db, 3)
    proved = slow(monkeypatch)
    as_superuser(db, change)
    assert prove(settings, db, 3) == before
    assert len(proved) == slow_ones
    problems = look_at_everything(settings, db).problems
    assert problems
    assert all("the root that is kept of events" in problem for problem in problems)


def test_the_table_takes_no_change(signed: tuple[Settings, Database]) -> None:
    _, db = signed
    for statement in ("update treasury.audit_subtree set place = 9", "delete from treasury.audit_subtree"):
        with pytest.raises(Exception, match="append-only"), db.connect() as connection:
            connection.execute(statement.encode())


def test_an_event_that_was_changed_after_it_was_signed_has_no_proof(signed: tuple[Settings, Database]) -> None:
    settings, db = signed
    as_superuser(db, "update treasury.audit_event set leaf_hash = decode(repeat('ab', 32), 'hex') where seq = 4")
    with pytest.raises(Permanent, match="line 4 does not have the leaf hash"):
        prove(settings, db, 4)
    with pytest.raises(LogBroken, match="no proof of event 5"):
        prove(settings, db, 5)
    assert check_proof(prove(settings, db, 600)).event["seq"] == 600
    assert any("first 300 events" in problem for problem in look_at_everything(settings, db).problems)
