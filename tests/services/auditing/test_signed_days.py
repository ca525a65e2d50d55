"""A day that is signed is in the audit log, with the root that a chain will hold, and without the account."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.audit.sealing import unsealed
from fntx_dagster.model.period import Period
from fntx_dagster.services.auditing import signed_days
from fntx_dagster.services.auditing.keys import key_of
from fntx_dagster.services.auditing.looking import look_at_everything
from fntx_dagster.services.signatures.signing import sign
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox.signatures import signed_days as stored_days
from fntx_dagster.store.treasury.audit_log import stored_events
from tests import by_hand

ACCOUNT = "U7000001"
DAYS = [session.day for session in sessions(date(2025, 3, 3), date(2025, 3, 5))]
PERIOD = Period(DAYS[0], DAYS[-1])


@pytest.fixture
def built(database: Database, home: Path) -> tuple[Settings, Database]:
    by_hand.create_marts(database)
    by_hand.fetched(database, ACCOUNT, *DAYS)
    for day in DAYS:
        by_hand.build(database, ACCOUNT, day, closing_nav="100000")
    return Settings(home=home), database


def test_each_day_that_is_signed_is_one_event_and_signing_again_is_none(built: tuple[Settings, Database]) -> None:
    settings, db = built
    for _ in range(2):
        assert not sign(settings, db, PERIOD).refused
    rows = [*stored_events(db, 0, 2**60)]
    events = [unsealed(row.line, key_of(settings, row.line.key_id).secret) for row in rows]
    signed = stored_days(db, PERIOD)
    assert [event["details"]["root"] for event in events] == [day.root.hex() for day in signed]
    assert [event["subject"]["id"].split("/")[1:] for event in events] == [[str(day), "1"] for day in DAYS]
    assert {event["type"] for event in events} == {"day_signed"}
    assert ACCOUNT not in json.dumps(events)
    assert look_at_everything(settings, db).problems == []


def test_a_day_whose_event_cannot_be_written_is_not_signed(
    built: tuple[Settings, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, db = built

    def fail(*_: object) -> int:
        raise RuntimeError

    monkeypatch.setattr(signed_days, "append", fail)
    with pytest.raises(RuntimeError):
        sign(settings, db, PERIOD)
    assert stored_days(db, PERIOD) == []
