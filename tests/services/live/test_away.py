"""A gateway that is away in a session is an alert after ten minutes; before, outside and unfollowed it is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fntx_dagster.services.alerting import raise_alerts
from fntx_dagster.services.live.away import observed_gateways
from fntx_dagster.settings import Settings
from fntx_dagster.store.alerts import open_alerts
from fntx_dagster.store.database import Database
from fntx_dagster.store.live.events import NewEvent, append
from fntx_dagster.store.live.states import beat

ACCOUNT = "U1000001"
OPEN = datetime(2025, 7, 28, 13, 30, tzinfo=UTC)
"""When the exchange opens; it closes at 20:00."""
MINUTE = timedelta(minutes=1)


def said(db: Database, state: str, at: datetime, reason: str = "") -> None:
    body = {"state": state, "reason": reason}
    append(db, [NewEvent(ACCOUNT, at.date(), "gateway", "", at, at, True, True, body)])


@pytest.fixture
def followed(database: Database) -> Database:
    beat(database, f"follow {ACCOUNT}", "test")
    said(database, "following", OPEN - 60 * MINUTE)
    return database


def found(db: Database, at: datetime) -> list[str]:
    return [finding.text for finding in observed_gateways(db, at).findings]


def test_after_ten_minutes_of_a_session_it_is_found_whatever_is_said_meanwhile(followed: Database) -> None:
    said(followed, "cut_off", OPEN + 30 * MINUTE)
    said(followed, "away", OPEN + 35 * MINUTE, f"serves others, not {ACCOUNT}")
    assert found(followed, OPEN + 39 * MINUTE) == []
    [text] = found(followed, OPEN + 40 * MINUTE)
    assert text == "U…0001: IB Gateway is away since 2025-07-28 14:00 UTC, in a session: serves others, not U…0001"


def test_the_minutes_before_the_open_do_not_count(followed: Database) -> None:
    said(followed, "away", OPEN - 30 * MINUTE)
    assert [len(found(followed, OPEN + minutes * MINUTE)) for minutes in (-1, 0, 9, 10)] == [0, 0, 0, 1]


@pytest.mark.parametrize("at", [OPEN + timedelta(hours=7), OPEN + timedelta(days=5)])
def test_outside_a_session_nothing_is_found(followed: Database, at: datetime) -> None:
    said(followed, "away", OPEN)
    assert found(followed, at) == []


def test_of_a_gateway_that_nobody_follows_nothing_is_known(followed: Database) -> None:
    said(followed, "away", OPEN)
    with followed.connect() as connection:
        connection.execute("update live.heartbeats set beat_at = beat_at - interval '1 minute'")
    assert observed_gateways(followed, OPEN + 60 * MINUTE)[2:6] == ([], None, True, [])


def test_the_alert_stays_after_the_close_and_is_over_once_the_gateway_is_followed(followed: Database) -> None:
    settings = Settings()

    def alerts(at: datetime) -> list[str]:
        raise_alerts(settings, followed, [], at)
        return [alert.kind for alert in open_alerts(followed) if alert.kind == "gateway"]

    said(followed, "away", OPEN)
    assert alerts(OPEN + 9 * MINUTE) == []
    assert alerts(OPEN + 10 * MINUTE) == ["gateway"]
    assert alerts(OPEN + timedelta(hours=8)) == ["gateway"]
    said(followed, "following", OPEN + timedelta(hours=9))
    assert alerts(OPEN + timedelta(hours=9)) == []
