"""Breakers in the audit log: a trip and a reset are there with the book's own entry, or neither is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.audit.sealing import unsealed
from fntx_dagster.errors import FntxError
from fntx_dagster.services.auditing.keys import key_of
from fntx_dagster.services.auditing.order_books import noted_books
from fntx_dagster.services.orders.access import ADMIN, Caller
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.services.orders.guarding import entity, kill, reset
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger import checking, reading
from fntx_dagster.store.treasury.audit_log import log_size, stored_events
from tests.services.orders.test_warm import NOW, Noting, deposit, order

ROOT = Caller("root", ADMIN)
ADA = entity(ROOT, None, "ada")
BOT = entity(ROOT, "a", "ada")


@pytest.fixture
def desk(settings: Settings, database: Database) -> Desk:
    """Ada's paper book with money and two orders."""
    desk = desk_of(settings, database)
    deposit(desk)
    assert order(desk, NOW)["success"]
    assert order(desk, NOW)["success"]
    return desk


def told(settings: Settings, db: Database) -> list[dict[str, Any]]:
    """The events of the log, opened."""
    with db.connect() as connection:
        size = log_size(connection)
    return [unsealed(row.line, key_of(settings, row.line.key_id).secret) for row in stored_events(db, 0, size)]


def test_a_trip_and_its_reset_are_told_with_the_entries_hash_and_no_name(settings: Settings, desk: Desk) -> None:
    assert told(settings, desk.db) == []
    kill(desk, ROOT, BOT, True, "ada said so", NOW)
    reset(desk, ROOT, BOT, True, "the feed was wrong", NOW + timedelta(minutes=1))
    first, second = told(settings, desk.db)
    assert (first["type"], second["type"]) == ("breaker_tripped", "breaker_reset")
    assert first["subject"] == second["subject"]
    [book] = checking.listed(desk.db)
    for event in (first, second):
        details = event["details"]
        entry = checking.entry(desk.db, book.book_id, details["entry"])
        assert (details["entry_hash"], details["mode"], details["of"]) == (entry["hash"], "paper", "bot")
        assert not {"ada", "root", "wrong"} & {*repr(event).replace("'", " ").split()}
    assert first["details"]["trigger"] == "manual"
    trip_no = reading.trips(desk.db, book.book_id, None, 9)[0]["trip_no"]
    assert first["subject"] == {"kind": "breaker", "id": f"book-{book.book_id}/trip-{trip_no}"}


def test_what_a_machine_trips_is_told_too_and_an_order_without_a_trip_tells_nothing(
    settings: Settings, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = replace(desk, rules=replace(desk.rules, breaker=desk.rules.breaker._replace(losing_trips=1)))
    assert order(desk, NOW)["success"]
    noting = Noting(monkeypatch)
    assert order(desk, NOW, 101)["success"]
    assert (noting.cold, told(settings, desk.db)) == (0, []), "it took the fast way"
    order(desk, NOW + timedelta(minutes=1), 50, side="sell", amount="4")
    assert [event["details"]["trigger"] for event in told(settings, desk.db)] == ["consecutive_losses"]
    assert noting.cold == 1, "a trip reads the book"


def test_where_the_log_cannot_be_written_the_breaker_does_not_trip_either(desk: Desk) -> None:
    def broken(connection: psycopg.Connection, events: Sequence[NewAuditEvent]) -> None:
        connection.execute("select 1 / 0")

    failing = replace(desk, note=broken)
    with pytest.raises((psycopg.Error, FntxError)):
        kill(failing, ROOT, BOT, True, "", NOW)
    [book] = checking.listed(desk.db)
    assert reading.trips(desk.db, book.book_id, None, 9) == []


def test_a_lost_key_of_the_log_keeps_no_breaker_from_tripping(settings: Settings, desk: Desk) -> None:
    kill(desk, ROOT, BOT, True, "", NOW)
    for key in (settings.paths.keys / "audit").glob("*.key"):
        key.rename(key.with_suffix(".away"))
    kill(desk, ROOT, ADA, True, "", NOW)
    [book] = checking.listed(desk.db)
    assert len(reading.trips(desk.db, book.book_id, None, 9)) == 2
    for key in (settings.paths.keys / "audit").glob("*.away"):
        key.rename(key.with_suffix(".key"))
    assert len(told(settings, desk.db)) == 1


@pytest.mark.parametrize("unusable", ["a key that cannot be read", "a key of the settings that is none"])
def test_a_key_that_is_there_but_of_no_use_keeps_no_breaker_from_tripping(
    settings: Settings, desk: Desk, unusable: str, caplog: pytest.LogCaptureFixture
) -> None:
    kill(desk, ROOT, BOT, True, "", NOW)
    [key] = (settings.paths.keys / "audit").glob("*.key")
    if unusable == "a key that cannot be read":
        away = key.rename(key.with_suffix(".away"))
        key.mkdir()  # reading it is an OSError whoever runs the tests, also for root
        kill(desk, ROOT, ADA, True, "", NOW)
        key.rmdir()
        away.rename(key)
    else:
        wrong = settings.model_copy(update={"audit": settings.audit.model_copy(update={"key": SecretStr("none")})})
        kill(replace(desk, note=noted_books(wrong)), ROOT, ADA, True, "", NOW)
    [book] = checking.listed(desk.db)
    assert len(reading.trips(desk.db, book.book_id, None, 9)) == 2
    assert "the audit log does not tell of a breaker" in caplog.text
    assert len(told(settings, desk.db)) == 1
