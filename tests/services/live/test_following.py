"""A gateway that is followed: what it says becomes events once, through cuts, restarts and silence."""

from __future__ import annotations

import threading
import time
from decimal import Decimal

import pytest

from fntx_dagster.adapters.gateway.address import Gateway
from fntx_dagster.model.period import Period
from fntx_dagster.services.live.follow import AccountFollower
from fntx_dagster.services.live.today import account_today
from fntx_dagster.services.live.writing import EventWriter
from fntx_dagster.simulate.gateway import Faults
from fntx_dagster.simulate.gateway_accounts import ACCOUNT, CALL_638, JULY_28
from fntx_dagster.store.database import Database
from fntx_dagster.store.live.states import states
from fntx_dagster.store.marts import current
from tests.live_parts import fill, fills, followed, kinds, settings_of, stored, until, written

MORNING = ["0000e0d5.688722f1.01.01", "0000e0d5.688722f2.01.01"]


def states_of(db: Database) -> list[str]:
    return [event.body["state"] for event in kinds(db)["gateway"]]


def test_what_the_gateway_has_when_it_is_first_followed_becomes_events(database: Database) -> None:
    with followed(database):
        until(lambda: kinds(database).get("pnl"))
        found = kinds(database)
    assert fills(database) == MORNING
    assert [event.body["commission"] for event in found["commission"]] == ["-2.59932", "-2.59932"]
    assert [event.body["nav"] for event in found["nav"]] == ["25520.41"]
    assert sorted((event.key, event.body["quantity"]) for event in found["position"]) == [
        ("800000635", "-3"),
        ("800000638", "-3"),
    ]
    assert {event.trading_day for event in stored(database) if event.kind != "gateway"} == {JULY_28}
    assert all(event.is_provisional for event in stored(database))


@pytest.mark.parametrize("master", [None, 271])
def test_a_fill_of_an_order_that_the_client_does_not_know_is_heard(database: Database, master: int | None) -> None:
    with followed(database, master=master) as gateway:
        name = fill(gateway)
        until(lambda: name in fills(database))
        until(lambda: len(kinds(database)["commission"]) == 3)
        until(lambda: kinds(database)["position"][-1].body["quantity"] == "-4")
        until(lambda: kinds(database)["nav"][-1].body["nav"] == str(gateway.accounts[0].nav))
    assert fills(database) == [*MORNING, name]


def test_a_commission_that_comes_late_follows_its_fill(database: Database) -> None:
    with followed(database) as gateway:
        name = fill(gateway, commission_after=0.5)
        until(lambda: name in fills(database))
        assert name not in {event.body["execution_id"] for event in kinds(database)["commission"]}
        assert account_today(database, ACCOUNT).fills[-1].commission is None
        until(lambda: name in {event.body["execution_id"] for event in kinds(database)["commission"]})
    assert account_today(database, ACCOUNT).fills[-1].commission == Decimal("-0.86")


def test_a_position_that_is_closed_is_told_as_nothing(database: Database) -> None:
    with followed(database) as gateway:
        fill(gateway, "3")
        until(lambda: [event for event in kinds(database)["position"] if event.body["quantity"] == "0"])
    assert [position.symbol for position in account_today(database, ACCOUNT).positions] == ["SPY   250728C00638000"]


def test_a_connection_that_is_cut_is_made_anew_and_only_what_is_new_is_told(database: Database) -> None:
    with followed(database) as gateway:
        gateway.cut()
        until(lambda: states_of(database)[-2:] == ["connecting", "following"] and len(states_of(database)) > 3)
        name = fill(gateway)
        until(lambda: name in fills(database))
    assert "away" in states_of(database)
    assert fills(database) == [*MORNING, name]
    assert len(kinds(database)["nav"]) == 2


def test_what_happened_while_the_gateway_was_away_is_told_when_it_is_back(database: Database) -> None:
    with followed(database) as gateway:
        gateway.restart(1)
        until(lambda: states_of(database)[-1] == "away")
        names = [fill(gateway) for _ in range(3)]
        until(lambda: len(fills(database)) == 5)
    assert fills(database) == [*MORNING, *names]


def test_a_gateway_without_its_broker_is_said_to_be_cut_off_and_asked_anew_once_it_is_back(database: Database) -> None:
    with followed(database) as gateway:
        before = len(gateway.asked)
        gateway.say(1100)
        until(lambda: states_of(database)[-1] == "cut_off")
        gateway.say(1102)
        until(lambda: states_of(database)[-1] == "following")
        assert "7" in {asked[0] for asked in gateway.asked[before:]}


def test_a_gateway_that_says_nothing_and_does_not_tell_its_time_is_left(database: Database) -> None:
    with followed(database) as gateway:
        object.__setattr__(gateway.faults, "silent", frozenset({49}))
        until(lambda: states_of(database)[-1] == "away")
        object.__setattr__(gateway.faults, "silent", frozenset())
        until(lambda: states_of(database)[-1] == "following")


def test_another_login_is_named_and_tried_again(database: Database) -> None:
    from fntx_dagster.simulate.gateway import serve
    from fntx_dagster.simulate.gateway_accounts import QUARTER_PAST_TEN, july_28

    with serve(july_28("U2000002"), now=QUARTER_PAST_TEN, runs=True) as gateway:
        settings = settings_of(gateway)
        settings.gateway.addresses[ACCOUNT] = settings.gateway.addresses.pop("U2000002")
        with written(settings, database):
            until(lambda: kinds(database).get("gateway"))
    assert states_of(database)[0] == "away"
    reason = kinds(database)["gateway"][0].body["reason"]
    assert "serves U…0002, not U…0001" in reason


def test_a_writer_that_begins_again_tells_nothing_twice(database: Database) -> None:
    with followed(database) as gateway:
        name = fill(gateway)
        until(lambda: name in fills(database))
        until(lambda: len(kinds(database)["commission"]) == 3)
        until(lambda: kinds(database)["nav"][-1].body["nav"] == str(gateway.accounts[0].nav))
        settings = settings_of(gateway)
        before = [event for event in stored(database) if event.kind != "gateway"]
    with followed(database) as gateway:  # another gateway, as it was in the morning
        until(lambda: states_of(database)[-1] == "following")
    facts = [event for event in stored(database) if not event.is_state]
    assert len({(event.kind, event.key) for event in facts}) == len(facts)
    assert before == [event for event in stored(database) if event.kind != "gateway"][: len(before)]
    assert settings.gateway.live_client_id == 271


def test_a_follower_that_fails_at_once_waits_before_it_tries_again(database: Database) -> None:
    tries: list[str] = []

    class Refusing(EventWriter):
        def begin(self, account: str) -> None:
            tries.append(account)
            raise ValueError(account)

    writer, ending = Refusing(database), threading.Event()
    follower = AccountFollower(database, Gateway("127.0.0.1", 1, 271, 1), ACCOUNT, writer)
    thread = threading.Thread(target=follower.run, args=(ending,))
    thread.start()
    until(lambda: tries)
    time.sleep(0.5)
    ending.set()
    thread.join(20)
    writer.close()
    assert tries == [ACCOUNT]


def test_two_writers_follow_an_account_one_after_the_other(database: Database) -> None:
    with followed(database) as gateway, written(settings_of(gateway), database):
        name = fill(gateway)
        until(lambda: name in fills(database))
        assert gateway.connected == 1
    assert fills(database).count(name) == 1


def test_the_day_is_kept_for_the_report_while_it_is_followed(database: Database) -> None:
    with followed(database) as gateway:
        name = fill(gateway)

        def kept() -> bool:
            days = current.provisional(database, Period.on(JULY_28), ACCOUNT)
            return bool(days) and name in {done.execution_id for done in days[0].snapshot.executions}

        until(kept)


def test_the_states_are_those_of_the_newest_events(database: Database) -> None:
    with followed(database) as gateway:
        gateway.mark(ACCOUNT, CALL_638.con_id, Decimal("0.01"))
        until(lambda: [event for event in kinds(database)["position"] if event.body["mark"] == "0.01"])
        fill(gateway)
        until(lambda: kinds(database)["position"][-1].body["quantity"] == "-4")
        until(lambda: len(kinds(database)["commission"]) == 3)
    newest = {}
    for event in stored(database):
        if event.is_state:
            newest[event.kind, event.key or ""] = (event.event_id, event.body)
    assert {(row.kind, row.key): (row.event_id, row.body) for row in states(database, ACCOUNT)} == newest


def test_a_gateway_that_vanishes_in_the_middle_of_an_answer_is_tried_until_it_answers(database: Database) -> None:
    with followed(database, faults=Faults()) as gateway:
        object.__setattr__(gateway.faults, "vanishes_at", 7)
        gateway.cut()
        until(lambda: states_of(database).count("away") > 0)
        object.__setattr__(gateway.faults, "vanishes_at", None)
        until(lambda: states_of(database)[-1] == "following")


def test_the_writers_end_with_their_process_and_leave_no_connection(database: Database) -> None:
    with followed(database) as gateway:
        pass
    assert gateway.connected == 0
    assert not [thread for thread in threading.enumerate() if thread.name == "fntx live writer"]
