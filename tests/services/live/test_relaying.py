"""What the ledger, the outbox and the alerts record is in the stream, once, in its order."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta

import pytest

from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import Period
from fntx_dagster.services.orders import requests
from fntx_dagster.services.orders.access import Caller
from fntx_dagster.services.orders.guarding import cancel, entity, kill, reset
from fntx_dagster.services.orders.submitting import submit
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.store import alerts
from fntx_dagster.store.accounting.changes import StaleRange, mark_built
from fntx_dagster.store.database import Database
from fntx_dagster.store.live import events, relaying
from tests.live_parts import followed, kinds, stored, until
from tests.services.orders.test_append_only import NOW, ORDER, filled

BOOK = "LEDGER-ada-paper"
RESTING = ORDER.replace(b'"amount":"1"', b'"amount":"1","order_type":"limit","price":"90"')


def relayed(database: Database) -> None:
    while relaying.relay(database, "UTC"):
        pass


def test_each_entry_of_the_ledger_is_an_event_once(database: Database) -> None:
    filled(database)
    for _ in range(3):
        relayed(database)
    found = [event for event in stored(database) if event.kind != "order"]
    assert [(event.kind, event.account_id, event.key) for event in found] == [
        ("booking", BOOK, "1 1"),
        ("fill", BOOK, "1 2"),
    ]
    assert found[1].body["price"] == "100"
    assert found[1].trading_day == NOW.date()
    assert not any(event.is_provisional for event in found)


def test_an_order_s_own_transaction_writes_nothing_of_the_stream(database: Database) -> None:
    filled(database)
    assert stored(database) == []


def test_an_order_is_told_as_it_moves(database: Database) -> None:
    desk = filled(database)
    relayed(database)
    reply = submit(desk, "ada", requests.submission(RESTING, None), NOW)
    assert reply.status in (200, 201)
    relayed(database)
    relayed(database)
    opened = kinds(database)["order"][-1]
    assert (opened.body["state"], opened.body["filled"], opened.is_state) == ("open", "0", True)
    cancel(desk, "ada", opened.key or "", NOW + timedelta(seconds=1))
    relayed(database)
    relayed(database)
    assert [event.body["state"] for event in kinds(database)["order"]] == ["filled", "open", "cancelled"]


def test_a_trip_of_a_breaker_and_its_reset_are_told(database: Database) -> None:
    desk, ada = filled(database), Caller("ada", "trader")
    kill(desk, ada, entity(ada, "bot", None), True, "enough", NOW)
    reset(desk, ada, entity(ada, "bot", None), True, "looked at and fine", NOW + timedelta(hours=1))
    relayed(database)
    assert [event.body["event_type"] for event in kinds(database)["trip"]] == ["breaker_trip", "breaker_reset"]


def test_two_relays_at_once_tell_nothing_twice(database: Database) -> None:
    desk = filled(database)
    stop = threading.Event()

    def go_on() -> None:
        while not stop.is_set():
            relaying.relay(database, "UTC")

    threads = [threading.Thread(target=go_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(40):
        submit(desk, "ada", requests.submission(ORDER.replace(b'"1"', b'"0.01"'), f"{number}"), NOW)
    until(lambda: len(kinds(database).get("fill", ())) + len(kinds(database).get("entry", ())) >= 41)
    stop.set()
    for thread in threads:
        thread.join()
    keys = [
        int((event.key or "").split()[1]) for event in stored(database) if event.kind in ("fill", "booking", "entry")
    ]
    assert keys == list(range(1, len(keys) + 1))


def test_an_import_is_one_event_after_which_a_page_loads_anew(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relaying, "MOST_ENTRIES", 1)
    filled(database)
    relayed(database)
    (many,) = kinds(database)["many"]
    assert (many.account_id, many.body) == (BOOK, {"first_entry": 1, "last_entry": 2})
    assert "fill" not in kinds(database)


def test_each_state_that_a_record_comes_to_is_told_once(database: Database) -> None:
    with database.connect() as connection:
        for state in ("queued", "signed"):
            connection.execute(
                """insert into alm_reporting.signature_events (account_id, trading_day, version, state)
                values ('U1000001', '2025-07-28', 1, %s)""",
                (state,),
            )
    relayed(database)
    relayed(database)
    found = kinds(database)["signature"]
    assert [(event.account_id, event.body) for event in found] == [
        ("U1000001", {"version": 1, "state": "queued"}),
        ("U1000001", {"version": 1, "state": "signed"}),
    ]


def test_an_alert_is_told_when_it_is_raised_and_when_it_is_over(database: Database) -> None:
    finding = Finding("U…0001", "U…0001: the cushion is small", date(2025, 7, 28))
    for _ in range(3):
        alerts.observe(database, "margin", "gateway", [finding])
    alerts.observe(database, "margin", "gateway", [])
    found = kinds(database)["alert"]
    assert [(event.account_id, event.body["state"]) for event in found] == [(None, "open"), (None, "resolved")]
    assert found[0].body["text"] == finding.text


def test_an_alert_that_is_not_committed_is_not_told(database: Database) -> None:
    with database.connect() as connection:
        connection.execute(
            "insert into alm_reporting.alerts (kind, source, subject, text) values ('margin', 'x', 'y', 'z')"
        )
        connection.rollback()
    assert stored(database) == []


def test_old_events_go_but_of_days_that_are_not_told_what_the_gateway_reported(database: Database) -> None:
    with followed(database):
        until(lambda: len(kinds(database).get("commission", ())) == 2)
    with database.connect() as connection:
        connection.execute("update live.events set heard_at = heard_at - interval '8 days'")
    assert events.forget(database) > 0
    assert {event.kind for event in stored(database)} == {"fill", "commission"}
    with database.connect() as connection:
        connection.execute(
            """insert into live.events (account_id, trading_day, kind, as_of, body)
            select distinct account_id, trading_day, 'told', now(), '{}'::jsonb from live.events"""
        )
    events.forget(database)
    assert {event.kind for event in stored(database)} == {"told"}


def test_the_desk_goes_on_while_the_stream_is_locked(database: Database) -> None:
    desk: Desk = filled(database)
    with database.connect() as connection:
        connection.execute("select pg_advisory_xact_lock(hashtextextended('fntx live events', 0))")
        reply = submit(desk, "ada", requests.submission(ORDER.replace(b'"1"', b'"0.01"'), None), NOW)
        assert reply.status in (200, 201)


def test_a_day_that_was_followed_is_told_once_its_statement_is_built(database: Database) -> None:
    with followed(database):
        until(lambda: kinds(database).get("fill"))
    with database.connect() as connection:
        connection.execute(
            """create table alm_reporting.daily_verification ();
            create table alm_reporting.daily_summary (
                account_id text, trading_day date, closing_nav_official numeric, base_currency text
            );
            insert into alm_reporting.daily_summary values
                ('U1000001', '2025-07-25', 25000, 'USD'), ('U1000001', '2025-07-28', 25520.41, 'USD')"""
        )
    for _ in range(2):
        mark_built(database, StaleRange(Period(date(2025, 7, 1), date(2025, 7, 31)), datetime.now(UTC)))
    (told,) = kinds(database)["told"]
    assert (told.account_id, told.trading_day) == ("U1000001", date(2025, 7, 28))
    assert told.body == {"closing_nav": "25520.41", "currency": "USD"}
