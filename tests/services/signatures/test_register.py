"""The register of what was shown, and what is refused because a few days would stand alone by it."""

from __future__ import annotations

import threading
import time
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
    of_period,
    refuse_isolated,
    register_package,
    registered,
)
from fntx_dagster.services.signatures.signing import sign
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.shares.register import NewlyShown, register
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
    assert kinds(day, "net_pnl", "wins") == [(day, day, Telling.SINGLY, {"net_pnl", "wins"})]
    assert kinds(day, "total_return_mtd") == [(date(2025, 3, 1), day, Telling.TOTAL, {"twr"})]
    assert kinds(day, "win_rate_all_in_30d") == [(date(2025, 2, 19), day, Telling.TOTAL, {"win_rate_all_in"})]
    assert kinds(day, "rvpi", "sharpe_all") == [
        (FIRST, day, Telling.TOTAL, {"rvpi"}),
        (FIRST, day, Telling.TOTAL, {"sharpe"}),
    ]
    assert kinds(day, "closing_nav_official") == [(day, day, Telling.AT_CLOSE, {"nav"})]
    assert kinds(day, "delta", "base_currency", "statements_digest", "var_95_returns") == []


def test_a_day_has_nothing_left_to_hide_where_its_result_and_its_return_follow() -> None:
    day = date(2025, 3, 20)
    both, flows = ("opening_nav_official", "closing_nav_official"), ("deposits", "withdrawals")
    for metrics in (("net_pnl", both[0]), ("net_pnl", both[1]), (*both, *flows)):
        assert kinds(day, *metrics)[-1] == (day, day, Telling.SINGLY, None)
    for metrics in (both, (*both, "deposits"), ("net_pnl", *flows), (both[0], *flows)):
        assert (day, day, Telling.SINGLY, None) not in kinds(day, *metrics)


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
    make_file(settings, signed, ACCOUNT, DAYS[15], ["total_return_mtd", "net_pnl", "closing_nav_official"], by=TERMINAL)
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


def test_a_harmless_figure_of_a_day_does_not_show_the_day(signed: Database, settings: Settings) -> None:
    make_file(settings, signed, ACCOUNT, DAYS[15], ["commissions"], by=TERMINAL)
    make_file(settings, signed, ACCOUNT, DAYS[14], ["total_return_mtd"], by=TERMINAL)
    with pytest.raises(Permanent, match="2025-03-24 would stand alone"):
        make_file(settings, signed, ACCOUNT, DAYS[15], ["total_return_mtd"], by=TERMINAL)


def test_what_a_witness_has_is_listed_and_changes_nothing_for_others(signed: Database, settings: Settings) -> None:
    for day in DAYS:
        register_package(signed, ACCOUNT, Period.on(day), [1], "0xabc", by=TERMINAL)
    make_file(settings, signed, ACCOUNT, DAYS[14], ["total_return_mtd"], by=TERMINAL)
    with pytest.raises(Permanent, match="2025-03-24 would stand alone"):
        make_file(settings, signed, ACCOUNT, DAYS[15], ["total_return_mtd"], by=TERMINAL)


def test_a_row_with_fewer_versions_than_sessions_is_of_its_first_days(signed: Database, settings: Settings) -> None:
    """Earlier programs kept the period that was asked for."""
    asked = Period(DAYS[0], date(2025, 12, 31))
    register(signed, [NewlyShown(ACCOUNT, asked, [1] * 14, ["twr"], "period", None, "ada")])
    with signed.snapshot() as snapshot, pytest.raises(Permanent, match="2025-03-21 would stand alone"):
        refuse_isolated(snapshot, ACCOUNT, [of_period(DAYS[0], DAYS[14], ["twr"])])


def test_two_who_show_at_once_see_what_the_other_shows(signed: Database, settings: Settings) -> None:
    """Each day's window by itself is fine, both together isolate a day: one of the two is refused."""
    outcomes: list[str] = []
    begin = threading.Barrier(2)

    def show(day: date) -> None:
        begin.wait()
        try:
            make_file(settings, signed, ACCOUNT, day, ["total_return_mtd"], by=TERMINAL)
        except Permanent as refusal:
            outcomes.append(refusal.message)
        else:
            outcomes.append("shown")

    with signed.connect() as other:
        other.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"fntx shows {ACCOUNT}",))
        both = [threading.Thread(target=show, args=(day,)) for day in (DAYS[14], DAYS[15])]
        for each in both:
            each.start()
        time.sleep(0.5)
        assert outcomes == [], "both have to wait for whoever shows something now"
    for each in both:
        each.join()
    assert outcomes[0] == "shown"
    assert "2025-03-24 would stand alone" in outcomes[1]


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
