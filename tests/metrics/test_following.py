"""What follows from metrics that were shown, by the equations of docs/verify.md."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.metrics.catalogue import CATALOGUE, EXTENSION
from fntx_dagster.metrics.following import (
    DAY_RETURN,
    PAID_IN,
    RATIOS,
    SUMS,
    UNSIGNED,
    Known,
    following,
    newly_following,
)

MONDAY = date(2025, 6, 30)
SESSIONS = [MONDAY + timedelta(days) for days in (0, 1, 2, 3, 7, 8)]
DAY = SESSIONS[3]
NAMES = {*CATALOGUE.by_name, *EXTENSION.by_name}


def found(*shown: tuple[date, str], before: tuple[tuple[date, str], ...] = ()) -> set[tuple[date, str]]:
    given_now, earlier = ([Known(*each) for each in some] for some in (shown, before))
    return {tuple(each.found) for each in newly_following(given_now, earlier, SESSIONS)}


def test_every_name_in_an_equation_is_a_signed_metric_or_said_to_be_none() -> None:
    named = {name for names in (*SUMS, *RATIOS) for name in names}
    assert named - NAMES == set(UNSIGNED)


def test_the_last_term_of_a_sum_follows_and_no_earlier_one() -> None:
    terms = ["gross_pnl", "commissions", "interest", "fees"]
    assert found(*((DAY, name) for name in terms)) == set()
    [net] = following([Known(DAY, name) for name in [*terms, "broker_residual"]], SESSIONS)
    assert (net.found, net.is_exact) == (Known(DAY, "net_pnl"), True)
    assert {each.metric for each in net.sources} == {*terms, "broker_residual"}


def test_a_close_is_the_next_sessions_opening_over_a_holiday() -> None:
    assert found((DAY, "closing_nav_official")) == {(SESSIONS[4], "opening_nav_official")}
    assert found((SESSIONS[4], "opening_nav_official")) == {(DAY, "closing_nav_official")}
    assert found((SESSIONS[0], "opening_nav_official")) == set()


def test_what_was_shown_before_counts() -> None:
    before = ((SESSIONS[2], "total_return_ytd"), (DAY, "opening_nav_official"), (DAY, "deposits"), (DAY, "withdrawals"))
    assert found(before=before) == set()
    new = found((DAY, "total_return_ytd"), before=before)
    assert {(DAY, DAY_RETURN), (DAY, "closing_nav_official"), (DAY, "net_pnl")} <= new
    assert (SESSIONS[4], "opening_nav_official") in new


def test_windows_that_begin_with_the_same_session_say_the_same() -> None:
    assert {(DAY, "sharpe_30d"), (DAY, "sharpe_all")} <= found((DAY, "sharpe_ytd"))
    assert (DAY, "sharpe_mtd") not in found((DAY, "sharpe_ytd"))


def test_a_window_of_one_session_is_its_day() -> None:
    first_of_july = SESSIONS[1]
    assert (first_of_july, DAY_RETURN) in found((first_of_july, "total_return_mtd"))
    assert (first_of_july, "win_rate_mtd") in found((first_of_july, "wins"), (first_of_july, "losses"))
    assert found((first_of_july, "win_rate_mtd"), (first_of_july, "wins")) == set()
    assert found((DAY, "wins"), (DAY, "losses")) == set()


def test_a_ratio_of_two_sessions_without_a_deposit_is_that_of_their_navs() -> None:
    shown = ((DAY, "rvpi"), (DAY, "closing_nav_official"), (SESSIONS[4], "rvpi"))
    assert (SESSIONS[4], "closing_nav_official") not in found(*shown)
    with_deposits = found(*shown, (SESSIONS[4], "deposits"))
    assert {(DAY, PAID_IN), (SESSIONS[4], PAID_IN), (SESSIONS[4], "closing_nav_official")} <= with_deposits


def test_a_day_that_is_no_session_of_the_account_has_its_sums_alone() -> None:
    sunday = date(2025, 7, 6)
    assert found((sunday, "dpi"), (sunday, "rvpi")) == {(sunday, "tvpi")}


@given(st.sets(st.sampled_from([(day, name) for day in SESSIONS for name in sorted(NAMES)]), max_size=60))
def test_the_order_of_showing_changes_nothing_and_nothing_shown_is_said_to_follow(shown: set) -> None:
    ordered = sorted(shown)
    once = {each.found for each in following([Known(*each) for each in ordered], SESSIONS)}
    assert once == {each.found for each in following([Known(*each) for each in reversed(ordered)], SESSIONS)}
    assert not once & shown
    half = [Known(*each) for each in ordered[::2]]
    later = newly_following([Known(*each) for each in ordered[1::2]], half, SESSIONS)
    earlier = {each.found for each in following(half, SESSIONS)}
    assert once == {each.found for each in later} | (earlier - shown)
