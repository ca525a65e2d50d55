"""How far each session has come, also where nothing of it was built."""

from __future__ import annotations

from datetime import date

from fntx_dagster.model.period import Period
from fntx_dagster.services.dashboard.verification import session_states
from fntx_dagster.store.database import Database
from tests import by_hand

ACCOUNT = "U7000001"
YEAR = Period(date(2025, 1, 1), date(2025, 12, 31))


def test_sessions_missing_at_the_start_of_a_year_are_shown_as_missing(database: Database) -> None:
    by_hand.create_marts(database)
    for day in (date(2024, 12, 30), date(2025, 3, 3)):
        by_hand.build(database, ACCOUNT, day)
    states = {state.day: state.state for state in session_states(database, ACCOUNT, YEAR)}
    assert min(states) == date(2025, 1, 2)
    assert states[date(2025, 2, 28)] == "missing"
    assert states[date(2025, 3, 3)] == "verified"


def test_a_year_without_any_built_session_is_missing_whole_once_the_account_has_begun(database: Database) -> None:
    by_hand.create_marts(database)
    assert session_states(database, ACCOUNT, YEAR) == []
    by_hand.build(database, ACCOUNT, date(2024, 12, 30))
    states = session_states(database, ACCOUNT, YEAR)
    assert len(states) == 250
    assert {state.state for state in states} == {"missing"}
    assert session_states(database, ACCOUNT, Period(date(2023, 1, 1), date(2023, 12, 31))) == []
