"""When an option ends."""

from __future__ import annotations

from datetime import date

import pytest

from fntx_dagster.accounting.calendar import Calendar, sessions
from fntx_dagster.accounting.expiries import ends_at
from fntx_dagster.model.session import NEW_YORK

CALENDAR = Calendar(sessions(date(2025, 1, 1), date(2025, 12, 31)))


@pytest.mark.parametrize(
    ("expiry", "is_late", "ends"),
    [
        ("2025-07-17", True, "2025-07-17 16:15"),
        ("2025-07-17", False, "2025-07-17 16:00"),
        ("2025-01-17", True, "2025-01-17 16:15"),  # in winter
        ("2025-07-03", True, "2025-07-03 13:00"),  # closes early
        ("2025-07-03", False, "2025-07-03 13:00"),
        ("2025-04-18", True, "2025-04-17 16:15"),  # Good Friday
        ("2025-07-19", False, "2025-07-18 16:00"),  # a Saturday
    ],
)
def test_an_option_ends_with_its_session_and_on_large_funds_fifteen_minutes_later(expiry, is_late, ends):
    moment = ends_at(CALENDAR, date.fromisoformat(expiry), is_late=is_late)
    assert f"{moment.astimezone(NEW_YORK):%Y-%m-%d %H:%M}" == ends
