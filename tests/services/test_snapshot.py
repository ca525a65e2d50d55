"""What a command shows is read from one state of the tables, whatever is committed meanwhile."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import Period
from fntx_dagster.services import performance
from fntx_dagster.services.status import status
from fntx_dagster.settings import Settings
from fntx_dagster.store.alerts import observe
from fntx_dagster.store.database import Database
from fntx_dagster.store.raw_flex import fetches
from tests import by_hand

ACCOUNT, WEDNESDAY, THURSDAY = "U7000001", date(2025, 7, 16), date(2025, 7, 17)


def test_a_day_that_is_built_during_a_summary_is_not_in_it(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it could be a provisional row and an official one of the same summary."""
    by_hand.create_marts(database)
    by_hand.build(database, ACCOUNT, WEDNESDAY)
    days, whole_range = [THURSDAY], Period(WEDNESDAY, THURSDAY)

    def and_build_a_day(*_: Any) -> list[Any]:
        if days:
            by_hand.build(database, ACCOUNT, days.pop())
        return []

    monkeypatch.setattr(performance, "provisional_days", and_build_a_day)
    during = performance.summary_rows(Settings(), database, whole_range)
    after = performance.summary_rows(Settings(), database, whole_range)
    assert [row["trading_day"] for row in during] == [WEDNESDAY]
    assert [row["trading_day"] for row in after] == [WEDNESDAY, THURSDAY]


def test_an_alert_that_is_raised_during_a_status_is_not_in_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = fetches.latest

    def and_raise_an_alert(db: Any) -> list[Any]:
        observe(database, "funds", "test", [Finding("a trader", "out of funds")])
        return read(db)

    monkeypatch.setattr(fetches, "latest", and_raise_an_alert)
    assert status(database).alerts == []
    assert [alert.text for alert in status(database).alerts] == ["out of funds"]
