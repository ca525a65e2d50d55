"""What the ledger, the outbox and the alerts record is in the stream, once, in its order."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from typing import LiteralString

import pytest

from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import Period
from fntx_dagster.services.live.relay import Relay
from fntx_dagster.services.orders import requests
from fntx_dagster.services.orders.access import Caller
from fntx_dagster.services.orders.guarding import cancel, entity, kill, reset
from fntx_dagster.services.orders.submitting import submit
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.simulate.gateway_accounts import ACCOUNT
from fntx_dagster.store import alerts
from fntx_dagster.store.accounting.changes import StaleRange, mark_built
from fntx_dagster.store.database import Database
from fntx_dagster.store.live import relaying
from fntx_dagster.store.live.forgetting import forget
from fntx_dagster.store.live.line import OwnLine
from fntx_dagster.store.live.states import states
from tests.live_parts import fill, followed, kinds, stored, until
from tests.services.orders.test_append_only import NOW, ORDER, filled

BOOK = "LEDGER-ada-paper"
RESTING = ORDER.replace(b'"amount":"1"', b'"amount":"1","order_type":"limit","price":"90"')


def relayed(database: Database) -> None:
    relay = Relay(database, "UTC")
    while relay.look():
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
        relay = Relay(database, "UTC")
        while not stop.is_set():
            relay.look()

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
        relayed(database)
    alerts.observe(database, "margin", "gateway", [])
    relayed(database)
    found = kinds(database)["alert"]
    assert [(event.account_id, event.body["state"]) for event in found] == [(None, "open"), (None, "resolved")]
    assert found[0].body["text"] == finding.text


def test_an_alert_that_is_not_committed_is_not_told(database: Database) -> None:
    with database.connect() as connection:
        connection.execute(
            "insert into alm_reporting.alerts (kind, source, subject, text) values ('margin', 'x', 'y', 'z')"
        )
        connection.rollback()
    relayed(database)
    assert stored(database) == []


def test_who_writes_alerts_does_not_wait_for_the_stream(database: Database) -> None:
    finding = Finding("U…0001", "U…0001: the cushion is small", None)
    with database.connect() as connection:
        connection.execute("select pg_advisory_xact_lock(hashtextextended('fntx live events', 0))")
        written = threading.Thread(target=alerts.observe, args=(database, "margin", "gateway", [finding]), daemon=True)
        written.start()
        written.join(5)
        assert not written.is_alive()
        alerts.dismiss(database, [alert.alert_id for alert in alerts.open_alerts(database)])
    relayed(database)
    assert [event.body["state"] for event in kinds(database)["alert"]] == ["open", "dismissed"]


def test_an_idle_relay_wakes_nobody_and_neither_does_a_statement_that_appends_nothing(database: Database) -> None:
    filled(database)
    relayed(database)
    relay, line = Relay(database, "UTC"), OwnLine(database.url, listens=True)
    line.wait(0)
    for _ in range(3):
        assert relay.look() == 0
    _execute(database, "insert into live.events (kind, as_of, body) select 'x', now(), '{}' where false")
    assert not line.wait(0.5)
    _execute(database, "insert into live.events (kind, as_of, body) select 'x', now(), '{}'")
    assert line.wait(5)
    line.close()


def test_what_fails_of_one_book_holds_no_other_source_up_and_is_logged_once(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    filled(database)
    alerts.observe(database, "margin", "gateway", [Finding("U…0001", "U…0001: the cushion is small", None)])
    _execute(
        database,
        """create function live.refuse() returns trigger language plpgsql as
        $$ begin raise exception 'refused %', new.account_id; end $$;
        create trigger refuse before insert on live.events for each row when (new.account_id = 'LEDGER-ada-paper')
        execute function live.refuse()""",
    )
    relay = Relay(database, "UTC")
    for _ in range(5):
        relay.look()
    assert [*kinds(database)] == ["alert"]
    assert sum("entries of book" in record.getMessage() for record in caplog.records) == 1
    _execute(database, "drop trigger refuse on live.events")
    until(lambda: relay.look() or "fill" in kinds(database), 5)
    assert [event.key for event in kinds(database)["fill"]] == ["1 2"]


def _execute(database: Database, statement: LiteralString) -> None:
    with database.connect() as connection:
        connection.execute(statement)


def test_old_events_go_but_of_days_that_are_not_told_what_the_gateway_reported(database: Database) -> None:
    with followed(database):
        until(lambda: len(kinds(database).get("commission", ())) == 2)
    with database.connect() as connection:
        connection.execute("update live.events set heard_at = heard_at - interval '8 days'")
    assert forget(database, 2) > 0
    assert {event.kind for event in stored(database)} == {"fill", "commission"}
    with database.connect() as connection:
        connection.execute(
            """insert into live.events (account_id, trading_day, kind, as_of, body)
            select distinct account_id, trading_day, 'told', now(), '{}'::jsonb from live.events"""
        )
    forget(database)
    assert {event.kind for event in stored(database)} == {"told"}


def test_older_states_go_within_the_day_and_facts_of_an_account_without_statements_in_the_end(
    database: Database,
) -> None:
    with followed(database) as gateway:
        until(lambda: len(kinds(database).get("commission", ())) == 2)
        fill(gateway, "3")
        until(lambda: [event for event in kinds(database)["position"] if event.body["quantity"] == "0"])
        until(lambda: kinds(database)["nav"][-1].body["nav"] == str(gateway.accounts[0].nav))
    newest = {row.event_id for row in states(database, ACCOUNT)}
    _execute(database, "update live.events set heard_at = heard_at - interval '2 hours'")
    _execute(database, "update live.states set heard_at = heard_at - interval '2 hours'")
    forget(database)
    left = [event for event in stored(database) if event.kind in ("pnl", "position", "margin")]
    assert left
    assert {event.event_id for event in left} <= newest
    assert [row.body["quantity"] for row in states(database, ACCOUNT) if row.kind == "position"] == ["-3"]
    assert len(kinds(database)["fill"]) == 3
    _execute(database, "update live.events set heard_at = heard_at - interval '61 days'")
    forget(database)
    assert stored(database) == []


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
