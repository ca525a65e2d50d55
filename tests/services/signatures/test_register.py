"""The register of what was shown, and what is refused because a few days would stand alone by it."""

from __future__ import annotations

from datetime import date, timedelta

import psycopg
import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period
from fntx_dagster.periods.isolation import ShownDays, Telling
from fntx_dagster.services.sharing.making import TERMINAL, LinkTerms, make_file, make_link
from fntx_dagster.services.sharing.planning import plan
from fntx_dagster.services.signatures.register import (
    in_words,
    isolated_so_far,
    of_disclosure,
    register_package,
    registered,
)
from fntx_dagster.services.signatures.signing import sign
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from tests import by_hand

ACCOUNT, FIRST = "U7000001", date(2025, 3, 3)
DAYS = [FIRST + timedelta(number) for number in range(26) if (FIRST + timedelta(number)).weekday() < 5]


@pytest.fixture
def signed(built: Database, settings: Settings) -> Database:
    """Four weeks that are signed."""
    for day in DAYS:
        by_hand.build(built, ACCOUNT, day)
    sign(settings, built, Period(DAYS[0], DAYS[-1]))
    return built


def kinds(day: date, *metrics: str) -> list[ShownDays]:
    return of_disclosure(day, metrics, FIRST)


def test_what_a_metric_tells_of_days_is_its_day_its_window_a_level_or_nothing() -> None:
    day = date(2025, 3, 20)
    assert kinds(day, "net_pnl") == kinds(day, "wins") == [(day, day, Telling.SINGLY)]
    assert kinds(day, "total_return_mtd") == [(date(2025, 3, 1), day, Telling.TOTAL)]
    assert kinds(day, "win_rate_all_in_30d") == [(date(2025, 2, 19), day, Telling.TOTAL)]
    assert kinds(day, "rvpi") == kinds(day, "sharpe_all") == [(FIRST, day, Telling.TOTAL)]
    assert kinds(day, "closing_nav_official") == [(day, day, Telling.AT_CLOSE)]
    assert kinds(day, "opening_nav_official", "closing_nav_official")[-1] == (day, day, Telling.SINGLY)
    assert kinds(day, "delta", "base_currency", "statements_digest", "var_95_returns") == []


def test_every_file_and_every_day_of_a_link_is_registered(signed: Database, settings: Settings) -> None:
    make_file(settings, signed, ACCOUNT, DAYS[3], ["net_pnl", "delta"], by=TERMINAL)
    make_link(settings, signed, ACCOUNT, Period(DAYS[0], DAYS[1]), ["net_pnl"], LinkTerms("a note"), by="ada")
    register_package(signed, ACCOUNT, Period(DAYS[0], DAYS[9]), [1] * 10, "0xabc", by=TERMINAL)
    rows = registered(signed, {ACCOUNT})
    assert [(row.kind, row.first_day, row.last_day, row.items, row.audience, row.shown_by) for row in rows] == [
        ("package", DAYS[0], DAYS[9], ["record"], "0xabc", TERMINAL),
        ("link", DAYS[1], DAYS[1], ["net_pnl"], None, "ada"),
        ("link", DAYS[0], DAYS[0], ["net_pnl"], None, "ada"),
        ("disclosure", DAYS[3], DAYS[3], ["net_pnl", "delta"], None, TERMINAL),
    ]
    assert [row.versions for row in rows] == [[1] * 10, [1], [1], [1]]
    assert registered(signed, {"U7000002"}) == []
    assert len(registered(signed, most=2)) == 2


def test_a_disclosure_that_lets_days_stand_alone_is_refused_with_them(signed: Database, settings: Settings) -> None:
    make_file(settings, signed, ACCOUNT, DAYS[14], ["total_return_mtd"], by=TERMINAL)
    with pytest.raises(Permanent, match="2025-03-24 would stand alone") as refused:
        make_file(settings, signed, ACCOUNT, DAYS[15], ["total_return_mtd"], by=TERMINAL)
    assert "fntx signature shown" in refused.value.way_out
    assert len(registered(signed)) == 1, "what was refused was not shown"
    make_file(settings, signed, ACCOUNT, DAYS[15], ["total_return_mtd", "net_pnl"], by=TERMINAL)
    assert isolated_so_far(signed, ACCOUNT) == []


def test_isolate_shows_it_all_the_same_and_it_is_told_afterwards(signed: Database, settings: Settings) -> None:
    make_file(settings, signed, ACCOUNT, DAYS[14], ["total_return_mtd"], by=TERMINAL)
    make_file(settings, signed, ACCOUNT, DAYS[15], ["total_return_mtd"], by=TERMINAL, isolate=True)
    assert isolated_so_far(signed, ACCOUNT) == [(DAYS[15],)]
    make_file(settings, signed, ACCOUNT, DAYS[15], ["total_return_ytd"], by=TERMINAL)


def test_days_shown_one_by_one_are_not_refused(signed: Database, settings: Settings) -> None:
    for day in DAYS[::2]:
        make_file(settings, signed, ACCOUNT, day, ["net_pnl", "delta"], by=TERMINAL)
    assert isolated_so_far(signed, ACCOUNT) == []


def test_two_navs_a_few_sessions_apart_are_refused(signed: Database, settings: Settings) -> None:
    make_file(settings, signed, ACCOUNT, DAYS[4], ["closing_nav_official"], by=TERMINAL)
    with pytest.raises(Permanent, match=r"2025-03-10 and 2025-03-11 would stand alone"):
        make_file(settings, signed, ACCOUNT, DAYS[6], ["closing_nav_official"], by=TERMINAL)
    make_file(settings, signed, ACCOUNT, DAYS[9], ["closing_nav_official"], by=TERMINAL)


def test_a_plan_of_a_link_says_what_would_stand_alone(signed: Database, settings: Settings) -> None:
    make_file(settings, signed, ACCOUNT, DAYS[19], ["total_return_mtd"], by=TERMINAL)
    with signed.snapshot() as snapshot:
        planned = plan(snapshot, ACCOUNT, Period(DAYS[0], DAYS[2]), ["total_return_mtd"])
    assert planned.alone == ((DAYS[0],), (DAYS[1],), (DAYS[2],))
    assert in_words(planned.alone) == "2025-03-03; 2025-03-04; 2025-03-05"
    assert in_words([(day,) for day in DAYS[:5]]) == "2025-03-03; 2025-03-04; 2025-03-05 and 2 more"


def test_the_register_takes_no_correction(signed: Database, settings: Settings) -> None:
    make_file(settings, signed, ACCOUNT, DAYS[3], ["net_pnl"], by=TERMINAL)
    with signed.connect() as connection, pytest.raises(psycopg.Error, match="append-only"):
        connection.execute("delete from alm_reporting.shown")
