"""Odd days, from the statement to the story: the broker's own arithmetic says what must come out."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from fntx_dagster.model.day import Day
from fntx_dagster.model.period import Period
from fntx_dagster.report.document import to_document
from fntx_dagster.report.markdown import to_markdown
from fntx_dagster.report.story import narrate
from fntx_dagster.services.signatures.values import day_values
from fntx_dagster.settings.groups import AccountingSettings
from fntx_dagster.simulate.account import Account, Accounts
from fntx_dagster.simulate.contracts import SAP, SPY, TENCENT, option
from fntx_dagster.simulate.delivery import deliver
from tests.dbt.conftest import Platform

ACCOUNTS = Accounts()
MISSING = Accounts(first=2_000_901)
DELIVERED = (ACCOUNTS, MISSING)
USD = Decimal("7.85")
HOLIDAYS = {date(2025, 7, 4): date(2025, 7, 7), date(2025, 11, 27): date(2025, 11, 28)}
CALL, PUT = option("C", 630, "2025-07-18"), option("P", 615, "2025-07-15")


def parts(day: Day) -> dict[str, Decimal]:
    """The parts of the difference that are not zero."""
    return {name: amount for name, amount in day.difference_parts.items() if amount}


def usd(amount: str | int, rate: Decimal = USD) -> Decimal:
    return Decimal(amount) * rate


def kinds(day: Day) -> list[tuple[str, str]]:
    return [(block.phase, block.kind) for block in day.blocks]


# -- options over days


@ACCOUNTS.account()
def held_over_nights(account: Account) -> None:
    account.day("2025-07-14", {CALL: "1.80"}).trade(CALL, -1, "2.00")
    account.day("2025-07-15", {CALL: "1.50"})
    account.day("2025-07-16", {CALL: "1.25"}).trade(CALL, 1, "1.20")


def test_an_option_held_over_nights_is_marked_at_each_close(built: Platform) -> None:
    opened, held, closed = built.days(held_over_nights.number)
    assert opened.blocks[0].premium == 200
    assert parts(opened) == {"mark_to_market": usd(-180)}
    assert held.blocks == ()
    assert parts(held) == {"mark_to_market": usd(30)}
    assert closed.blocks[0].gross_pnl == 80
    assert closed.blocks[0].premium_reversal == 0
    assert parts(closed) == {"mark_to_market": usd(-50)}


@ACCOUNTS.account()
def without_marks(account: Account) -> None:
    account.day("2025-07-14", {CALL: "1.80"}).trade(CALL, -1, "2.00")
    account.day("2025-07-15", {CALL: "1.50"}, USD="7.86")
    account.day("2025-07-16", {CALL: "1.25"}, USD="7.84").trade(CALL, 1, "1.20")
    account.delivers(without=["OpenPositions"])


def test_without_open_positions_revaluation_and_fx_translation_arrive_as_one_sum(built: Platform) -> None:
    opened, held, closed = built.days(without_marks.number)
    assert parts(opened) == {"mark_to_market": usd(-180)}
    assert parts(held) == {"mark_to_market": without_marks["2025-07-15"].components["mtm"]}
    assert parts(closed) == {"mark_to_market": without_marks["2025-07-16"].components["mtm"] - usd(80, Decimal("7.84"))}


@ACCOUNTS.account()
def opened_then_closed_later_the_day(account: Account) -> None:
    day = account.day("2025-07-14", {CALL: "0.40"})
    day.trade(CALL, -1, "1.50", at="10:30")
    day.trade(CALL, 1, "0.50", at="11:30")


def test_a_closing_block_takes_back_the_premium_that_an_earlier_block_counted(built: Platform) -> None:
    (day,) = built.days(opened_then_closed_later_the_day.number)
    opening, closing = day.blocks
    assert (opening.premium, opening.gross_pnl, opening.nav_impact) == (150, 0, usd(149))
    assert (closing.premium, closing.premium_reversal, closing.gross_pnl) == (0, -150, 100)
    assert closing.nav_impact == usd(-51)
    assert day.difference == 0


@ACCOUNTS.account()
def closed_in_parts(account: Account) -> None:
    day = account.day("2025-07-14", {CALL: "0.50"})
    day.trade(CALL, -3, "1.00", at="10:00", commission="-3")
    day.trade(CALL, 1, "0.60", at="11:00")
    day.trade(CALL, 1, "0.70", at="12:00")
    account.day("2025-07-15", {CALL: "0.30"}).trade(CALL, 1, "0.20")


def test_partial_closes_tell_each_part_once(built: Platform) -> None:
    first, second = built.days(closed_in_parts.number)
    assert [block.gross_pnl for block in first.blocks] == [0, 40, 30]
    assert [block.premium_reversal for block in first.blocks] == [0, -100, -100]
    assert parts(first) == {"mark_to_market": usd(-50)}
    assert second.blocks[0].gross_pnl == 80
    assert parts(second) == {"mark_to_market": usd(30 - 80 + 20 - 20)}


@ACCOUNTS.account()
def flipped(account: Account) -> None:
    day = account.day("2025-07-14", {CALL: "1.10"})
    day.trade(CALL, -1, "1.50", at="10:00")
    day.trade(CALL, 3, "1.00", at="11:00")
    account.day("2025-07-15", {CALL: "1.40"}).trade(CALL, -2, "1.30")


def test_a_flip_through_zero_realises_what_it_closes_and_marks_what_it_opens(built: Platform) -> None:
    first, second = built.days(flipped.number)
    assert (first.blocks[1].gross_pnl, first.blocks[1].premium, first.blocks[1].premium_reversal) == (50, 0, -150)
    assert parts(first) == {"mark_to_market": usd(20)}
    assert second.blocks[0].gross_pnl == 60
    assert parts(second) == {"mark_to_market": usd(-20)}


@ACCOUNTS.account()
def long_until_worthless(account: Account) -> None:
    account.day("2025-07-14", {PUT: "0.90"}).trade(PUT, 2, "1.00", commission="-2")
    account.day("2025-07-15", {PUT: "0.02"}).ends(PUT, "Expiration")
    account.day("2025-07-16", {PUT: "0"})


def test_a_long_option_costs_its_premium_and_releases_its_last_mark_when_it_expires(built: Platform) -> None:
    first, second, third = built.days(long_until_worthless.number)
    assert first.blocks[0].premium == -200
    assert parts(first) == {"mark_to_market": usd(180)}
    assert parts(second) == {"mark_to_market": usd(-176)}
    assert kinds(third) == [("overnight", "expiration")]
    assert parts(third) == {"expired_option_mark": usd(-4)}


# -- stock


@ACCOUNTS.account()
def assigned_put_held_for_days(account: Account) -> None:
    account.day("2025-07-14", {PUT: "0.80"}).trade(PUT, -1, "1.00")
    account.day("2025-07-15", {PUT: "1.25", SPY: "613.75"}).ends(PUT, "Assignment")
    account.day("2025-07-16", {SPY: "614.50"}, USD="7.8512")
    account.day("2025-07-17", {SPY: "612.00"}, USD="7.8511")
    account.day("2025-07-18", {SPY: "616.00"}, USD="7.849").trade(SPY, -100, "615.80", at="08:15")


def test_stock_from_an_assignment_is_marked_until_it_is_sold_against_the_strike(built: Platform) -> None:
    _, expiry, booked, held, sold = built.days(assigned_put_held_for_days.number)
    assert parts(expiry) == {"mark_to_market": usd(-45)}
    assert kinds(booked) == [("overnight", "assignment")]
    assert booked.blocks[0].nav_impact == 0
    assert {name: parts(booked)[name] for name in ("assigned_option_mark", "mark_to_market")} == {
        "assigned_option_mark": Decimal("125") * Decimal("7.8512"),
        "mark_to_market": Decimal("-50") * Decimal("7.8512"),
    }
    assert parts(held)["mark_to_market"] == Decimal("-250") * Decimal("7.8511")
    assert (sold.blocks[0].phase, sold.blocks[0].gross_pnl) == ("pre_market", 80)
    assert parts(sold)["mark_to_market"] == Decimal(400 - 20 - 80) * Decimal("7.849")
    counted_once = built.query(
        "select origin, entry_date, exit_date, gross_pnl from alm_reporting.stock_positions where account_id = %s",
        assigned_put_held_for_days.number,
    )
    assert counted_once == [("assignment", date(2025, 7, 16), date(2025, 7, 18), 80)]


@ACCOUNTS.account()
def stock_by_trade(account: Account) -> None:
    account.day("2025-07-14", {SPY: "622"}).trade(SPY, 10, "620")
    account.day("2025-07-15", {SPY: "619"})
    account.day("2025-07-16", {SPY: "625"}).trade(SPY, -4, "624")
    account.day("2025-07-17", {SPY: "626"}).trade(SPY, -6, "627")


def test_buying_stock_moves_only_the_commission(built: Platform) -> None:
    bought, held, some, rest = built.days(stock_by_trade.number)
    assert bought.blocks[0].nav_impact == usd(-1)
    assert [parts(day)["mark_to_market"] for day in (bought, held, some, rest)] == [
        usd(20),
        usd(-30),
        usd(60 - 4 - 16),
        usd(6 + 6 - 42),
    ]


@ACCOUNTS.account()
def exercised_call(account: Account) -> None:
    call = option("C", 610, "2025-07-15")
    account.day("2025-07-14", {call: "9.50"}).trade(call, 1, "9.00")
    account.day("2025-07-15", {call: "10.40", SPY: "620.40"}).ends(call, "Exercise")
    account.day("2025-07-16", {SPY: "622"}).trade(SPY, -100, "621", at="11:00")


@ACCOUNTS.account()
def exercised_put(account: Account) -> None:
    put = option("P", 630, "2025-07-15")
    account.day("2025-07-14", {put: "9.50"}).trade(put, 1, "9.00")
    account.day("2025-07-15", {put: "9.60", SPY: "620.40"}).ends(put, "Exercise")
    account.day("2025-07-16", {SPY: "622"})
    account.day("2025-07-17", {SPY: "621"}).trade(SPY, 100, "620")


@pytest.mark.parametrize(
    ("account", "mark", "stock", "realised"),
    [(exercised_call, 1040, 1200 - 100 - 1100, 1100), (exercised_put, 960, 800, 1000)],
)
def test_an_exercise_exchanges_the_option_for_stock_and_moves_nothing(
    built: Platform, account: Account, mark: int, stock: int, realised: int
) -> None:
    exercised, last = built.days(account.number)[2], built.days(account.number)[-1]
    assert kinds(exercised)[0] == ("overnight", "exercise")
    assert exercised.blocks[0].nav_impact == 0
    assert parts(exercised)["assigned_option_mark"] == usd(-mark)
    assert exercised.difference_parts["mark_to_market"] == usd(stock)
    assert last.blocks[-1].gross_pnl == realised


@ACCOUNTS.account()
def covered_call(account: Account) -> None:
    call = option("C", 625, "2025-07-15")
    day = account.day("2025-07-14", {SPY: "622", call: "1.50"})
    day.trade(SPY, 100, "620", at="09:45")
    day.trade(call, -1, "1.60", at="10:30")
    account.day("2025-07-15", {SPY: "627", call: "2.00"}).ends(call, "Assignment")
    account.day("2025-07-16", {SPY: "630"})


def test_a_covered_call_that_is_assigned_delivers_the_stock_without_a_nav_impact(built: Platform) -> None:
    day = built.day(covered_call.number, "2025-07-16")
    assert kinds(day) == [("overnight", "assignment")]
    assert sorted(event.event_type for event in day.blocks[0].events) == ["assignment", "delivery"]
    assert day.blocks[0].nav_impact == 0
    assert parts(day) == {"assigned_option_mark": usd(200), "mark_to_market": usd(-200)}
    assert day.open_at_close == ()
    [(how, gross)] = built.query(
        "select how_ended, gross_pnl from alm_reporting.stock_positions where account_id = %s", covered_call.number
    )
    assert (how, gross) == ("delivered", 500)


PUT_622, CALL_618 = option("P", 622, "2025-07-15"), option("C", 618, "2025-07-15")


@ACCOUNTS.account()
def assigned_on_both_sides(account: Account) -> None:
    day = account.day("2025-07-14", {PUT_622: "2.40", CALL_618: "3.90", SPY: "621"})
    day.trade(PUT_622, -1, "2.50", at="10:00")
    day.trade(CALL_618, -1, "4.00", at="10:01")
    day = account.day("2025-07-15", {PUT_622: "2.00", CALL_618: "2.00", SPY: "620"})
    day.ends(PUT_622, "Assignment")
    day.ends(CALL_618, "Assignment")
    account.day("2025-07-16", {SPY: "624"})


def test_shares_that_one_assignment_brings_and_another_takes_realise_against_both_strikes(built: Platform) -> None:
    day = built.day(assigned_on_both_sides.number, "2025-07-16")
    assert kinds(day) == [("overnight", "assignment")]
    assert day.blocks[0].nav_impact == 0
    assert parts(day) == {"assigned_option_mark": usd(400), "mark_to_market": usd(-400)}
    text = to_markdown([narrate(day)], account_label="U…")
    assert "You deliver 100 shares of SPY at $618.00/share, which closes your long position in it." in text
    assert "Realised Loss:** -400.00 USD on the shares" in text
    [(how, gross)] = built.query(
        "select how_ended, gross_pnl from alm_reporting.stock_positions where account_id = %s",
        assigned_on_both_sides.number,
    )
    assert (how, gross) == ("delivered", -400)


@ACCOUNTS.account()
def assigned_more_on_one_side(account: Account) -> None:
    day = account.day("2025-07-14", {PUT_622: "2.40", CALL_618: "3.90", SPY: "621"})
    day.trade(PUT_622, -1, "2.50", at="10:00")
    day.trade(CALL_618, -2, "4.00", at="10:01")
    day = account.day("2025-07-15", {PUT_622: "2.00", CALL_618: "2.00", SPY: "620"})
    day.ends(PUT_622, "Assignment")
    day.ends(CALL_618, "Assignment")
    account.day("2025-07-16", {SPY: "624"}).trade(SPY, 100, "619", at="09:35")


def test_a_cover_of_what_two_assignments_leave_over_counts_its_own_part_alone(built: Platform) -> None:
    day = built.day(assigned_more_on_one_side.number, "2025-07-16")
    assert [block.gross_pnl for block in day.blocks] == [0, -100]
    assert parts(day) == {"assigned_option_mark": usd(600), "mark_to_market": usd(-400)}
    assert day.difference == usd(200)
    assert "replaced with a -100 share short position in SPY" in to_markdown([narrate(day)], account_label="U…")


@ACCOUNTS.account()
def spread_ended_in_the_money(account: Account) -> None:
    bought, sold = option("C", 610, "2025-07-15"), option("C", 615, "2025-07-15")
    day = account.day("2025-07-14", {bought: "11.20", sold: "6.70", SPY: "621"})
    day.trade(bought, 1, "11.00", at="10:00")
    day.trade(sold, -1, "6.60", at="10:01")
    day = account.day("2025-07-15", {bought: "10.40", sold: "5.40", SPY: "620.40"})
    day.ends(bought, "Exercise")
    day.ends(sold, "Assignment")
    account.day("2025-07-16", {SPY: "622"})


def test_an_exercise_serves_the_assignment_of_the_same_night(built: Platform) -> None:
    day = built.day(spread_ended_in_the_money.number, "2025-07-16")
    assert kinds(day) == [("overnight", "assignment"), ("overnight", "exercise")]
    assert parts(day) == {"assigned_option_mark": usd(-500), "mark_to_market": usd(500)}
    assert day.difference == 0


@ACCOUNTS.account()
def assigned_without_a_word(account: Account) -> None:
    other = option("P", 610, "2025-07-15")
    day = account.day("2025-07-14", {PUT: "0.80", other: "0.20"})
    day.trade(PUT, -2, "1.00")
    day.trade(other, -1, "0.25", at="10:31")
    day = account.day("2025-07-15", {PUT: "1.25", other: "0.01", SPY: "613.75"})
    day.ends(PUT, "Assignment")
    day.ends(other, "Expiration")
    account.day("2025-07-16", {SPY: "614"}).trade(SPY, -200, "614.10", at="09:35")
    account.delivers(without=["OptionEAE"])


def test_an_assignment_without_option_eae_is_known_by_its_legs(built: Platform) -> None:
    day = built.day(assigned_without_a_word.number, "2025-07-16")
    assert kinds(day) == [("overnight", "assignment"), ("overnight", "expiration"), ("intraday", "trades")]
    assert parts(day)["assigned_option_mark"] == usd(250)
    assert parts(day)["expired_option_mark"] == usd(1)


@ACCOUNTS.account()
def partly_assigned(account: Account) -> None:
    put = option("P", 630, "2025-07-18")
    account.day("2025-07-14", {put: "8.00", SPY: "622.5"}).trade(put, -3, "7.50", commission="-3")
    account.day("2025-07-15", {put: "9.00", SPY: "621"}).ends(put, "Assignment", quantity=-1)
    account.day("2025-07-16", {put: "9.50", SPY: "620"})
    account.day("2025-07-17", {put: "9.75", SPY: "621"}).trade(put, 2, "9.60")


def test_an_early_assignment_of_some_contracts_leaves_the_others_marked(built: Platform) -> None:
    day = built.day(partly_assigned.number, "2025-07-16")
    assert parts(day) == {"assigned_option_mark": usd(900), "mark_to_market": usd(-100 - 1000)}


# -- days of the calendar


@ACCOUNTS.account()
def quiet(account: Account) -> None:
    account.day("2025-07-14", {SPY: "620"}).trade(SPY, 1, "620", commission="0")
    account.day("2025-07-15", {SPY: "620"})


def test_a_day_without_events_keeps_its_nav_and_has_its_story(built: Platform) -> None:
    day = built.day(quiet.number, "2025-07-15")
    assert day.blocks == ()
    assert day.opening_nav_official == day.closing_nav_official == day.closing_nav_calculated
    assert "No events" in to_markdown([narrate(day)], account_label="U…")


@ACCOUNTS.account()
def over_the_fourth_of_july(account: Account) -> None:
    put = option("P", 615, "2025-07-03")
    day = account.day("2025-07-03", {put: "0", SPY: "625.3"})
    day.trade(put, -1, "0.40", at="12:30")
    day.trade(SPY, 10, "625", at="13:10")
    day.ends(put, "Expiration")
    account.day("2025-07-04", USD="7.8480")
    account.day("2025-07-07", {SPY: "621"}, USD="7.8490").trade(SPY, -10, "622", at="10:00")


def test_a_holiday_belongs_to_the_next_session_with_the_fx_of_both(built: Platform) -> None:
    account = over_the_fourth_of_july
    short, monday = built.days(account.number)
    assert (short.early_close, f"{short.closes_at:%H:%M}") == (True, "17:00")
    assert kinds(short) == [("intraday", "trades")]
    assert parts(short) == {"after_hours_trades": usd(3 - 1)}
    assert kinds(monday) == [("overnight", "trades"), ("overnight", "expiration"), ("intraday", "trades")]
    assert monday.opening_nav_official == account["2025-07-03"].nav
    assert parts(monday)["fx_translation"] == account["2025-07-04"].fx + account["2025-07-07"].fx


@ACCOUNTS.account()
def delivered_on_a_holiday(account: Account) -> None:
    put = option("P", 630, "2025-07-03")
    day = account.day("2025-07-03", {put: "4.70", SPY: "625.3"})
    day.trade(put, -1, "4.00", at="12:30")
    day.ends(put, "Assignment")
    account.day("2025-07-04")
    account.day("2025-07-07", {SPY: "621"})
    account.day("2025-07-08", {SPY: "622"}).trade(SPY, -100, "622")


def test_stock_delivered_in_a_holidays_statement_is_marked_at_the_next_sessions_close(built: Platform) -> None:
    monday = built.day(delivered_on_a_holiday.number, "2025-07-07")
    assert parts(monday) == {"assigned_option_mark": usd(470), "mark_to_market": usd(-900)}


@ACCOUNTS.account()
def after_thanksgiving(account: Account) -> None:
    call = option("C", 690, "2025-11-28")
    account.day("2025-11-26", {call: "0.30"}).trade(call, -2, "0.50", at="15:59")
    account.day("2025-11-27", USD="7.7850")
    day = account.day("2025-11-28", {call: "0", SPY: "683.4"}, USD="7.7840")
    day.moves("deposit", "-500")
    day.trade(call, 1, "0.10", at="12:59")
    day.trade(SPY, 1, "683.5", at="13:01")
    day.ends(call, "Expiration")
    account.day("2025-12-01", {SPY: "680"}, USD="7.7830")


def test_an_early_close_in_winter_is_at_two_in_the_morning_in_hong_kong(built: Platform) -> None:
    day = built.day(after_thanksgiving.number, "2025-11-28")
    assert f"{day.closes_at:%H:%M}" == "18:00"
    assert kinds(day) == [("intraday", "trades"), ("at_close", "cash")]
    assert day.blocks[1].starts_at == day.closes_at
    assert "02:00 HKT, November 29 / 13:00 EST, November 28" in to_markdown([narrate(day)], account_label="U…")
    assert kinds(built.day(after_thanksgiving.number, "2025-12-01")) == [
        ("overnight", "trades"),
        ("overnight", "expiration"),
    ]


@ACCOUNTS.account()
def monthly_expiry(account: Account) -> None:
    worthless, assigned = option("C", 640, "2025-07-18"), option("P", 630, "2025-07-18")
    account.day("2025-07-17", {worthless: "0.25", assigned: "2.50"}).trade(worthless, -1, "0.30")
    day = account.day("2025-07-18", {worthless: "0", assigned: "2.42", SPY: "627.58"})
    day.trade(assigned, -1, "2.00")
    day.ends(worthless, "Expiration", same_day=True)
    day.ends(assigned, "Assignment", same_day=True)
    account.day("2025-07-21", {SPY: "628.77"}).trade(SPY, -100, "628", at="04:10")


def test_a_monthly_expiry_booked_the_same_day_is_narrated_after_the_close(built: Platform) -> None:
    _, friday, monday = built.days(monthly_expiry.number)
    assert kinds(friday) == [("intraday", "trades")]
    assert parts(friday) == {"mark_to_market": usd(25 - 242)}
    assert kinds(monday) == [("overnight", "assignment"), ("overnight", "expiration"), ("pre_market", "trades")]
    assert parts(monday) == {"mark_to_market": usd(42 + 200)}


@ACCOUNTS.account()
def monthly_expiry_on_both_sides(account: Account) -> None:
    put, call = option("P", 630, "2025-07-18"), option("C", 625, "2025-07-18")
    day = account.day("2025-07-18", {put: "2.42", call: "2.58", SPY: "627.58"})
    day.trade(put, -1, "2.00", at="10:00")
    day.trade(call, -1, "3.00", at="10:01")
    day.ends(put, "Assignment", same_day=True)
    day.ends(call, "Assignment", same_day=True)
    account.day("2025-07-21", {SPY: "628.77"})


def test_shares_that_come_and_go_in_one_monthly_expiry_count_before_they_are_narrated(built: Platform) -> None:
    friday, monday = built.days(monthly_expiry_on_both_sides.number)
    assert parts(friday) == {"mark_to_market": usd(-500)}
    assert kinds(monday) == [("overnight", "assignment")]
    assert parts(monday) == {}
    assert "Realised Loss:** -500.00 USD on the shares" in to_markdown([narrate(monday)], account_label="U…")


@ACCOUNTS.account()
def after_the_close(account: Account) -> None:
    put = option("P", 628, "2025-07-15")
    day = account.day("2025-07-14", {CALL: "0.80", put: "2.10", SPY: "624"})
    day.trade(CALL, -1, "1.00", at="10:00")
    day.trade(CALL, 1, "0.50", at="16:05")
    day.trade(put, -1, "2.00", at="16:10")
    account.day("2025-07-15", {put: "1.90", SPY: "626.1"}).trade(put, 1, "1.80", at="15:00")


def test_trades_after_the_close_are_official_today_and_narrated_tomorrow(built: Platform) -> None:
    today, tomorrow = built.days(after_the_close.number)
    assert kinds(today) == [("intraday", "trades")]
    assert parts(today) == {"mark_to_market": usd(-80), "after_hours_trades": usd(30 - 10 - 2)}
    assert kinds(tomorrow) == [("overnight", "trades"), ("intraday", "trades")]
    assert parts(tomorrow)["after_hours_trades"] == usd(-50 + 2)


# -- cash


@ACCOUNTS.account()
def deposits_and_withdrawals(account: Account) -> None:
    day = account.day("2025-07-14")
    day.moves("deposit", "5000", at="11:15")
    day.moves("deposit", "1000")
    day.moves("deposit", "-300")
    day = account.day("2025-07-15", USD="7.86")
    day.moves("deposit", "100", "USD", rate="7.855")
    day.moves("deposit", "-200", "USD")
    day.moves("interest", "1.25", "USD")


def test_deposits_count_in_the_morning_and_withdrawals_at_the_close_unless_they_have_a_time(built: Platform) -> None:
    day = built.day(deposits_and_withdrawals.number, "2025-07-14")
    assert [(e.at.strftime("%H:%M"), e.time_assumed, e.nav_impact) for b in day.blocks for e in b.events] == [
        ("12:00", True, 1000),
        ("15:15", False, 5000),
        ("20:00", True, -300),
    ]
    assert (day.deposits, day.withdrawals, day.net_pnl) == (6000, 300, 0)


def test_deposits_in_another_currency_count_at_their_rates(built: Platform) -> None:
    day = built.day(deposits_and_withdrawals.number, "2025-07-15")
    assert (day.deposits, day.withdrawals) == (Decimal("785.5"), Decimal(1572))
    assert parts(day) == {"fx_translation": deposits_and_withdrawals["2025-07-15"].fx}


@ACCOUNTS.account()
def with_residuals_that_have_a_name(account: Account) -> None:
    account.day("2025-07-14").translates_accruals("0.01234567")
    day = account.day("2025-07-15")
    day.leaks("0.0000004")
    day.translates_accruals("-0.25")
    day = account.day("2025-07-16")
    day.moves("deposit", "-2000")
    day.moves("withdrawal_fee", "-8")
    day.translates_accruals("0.003")


def test_a_residual_has_a_name_where_a_rule_derives_it_to_the_cent(built: Platform) -> None:
    first, second, third = built.days(with_residuals_that_have_a_name.number)
    assert parts(first) == {"accrual_translation": Decimal("0.01234567")}
    assert parts(second) == {"accrual_translation": Decimal("-0.25"), "broker_residual": Decimal("0.0000004")}
    assert parts(third) == {"accrual_translation": Decimal("0.003")}
    assert (third.withdrawals, third.broker_residual, third.net_pnl) == (2000, Decimal("-7.997"), Decimal("-7.997"))
    assert built.failing(with_residuals_that_have_a_name.number, "historical") == {}


def test_a_fee_that_a_row_confirms_is_told_as_the_withdrawals_fee(built: Platform) -> None:
    day = built.day(with_residuals_that_have_a_name.number, "2025-07-16")
    text = to_markdown([narrate(day)], account_label="U…")
    assert "Withdrawal Fee (" in text
    assert "The broker charges a withdrawal fee of 8.00 HKD" in text
    assert "+8.00" not in text


@MISSING.account()
def with_residuals_without_a_name(account: Account) -> None:
    day = account.day("2025-07-14")
    day.moves("deposit", "-2000")
    day.leaks("-8.5")
    day = account.day("2025-07-15")
    day.translates_accruals("0.02")
    day.leaks("500")


def test_every_other_residual_is_unexplained_and_warns(built: Platform) -> None:
    fee, more = built.days(with_residuals_without_a_name.number)
    assert (fee.broker_residual, parts(fee), fee.unexplained) == (Decimal("-8.5"), {}, Decimal("-8.5"))
    assert (parts(more), more.unexplained) == ({"accrual_translation": Decimal("0.02")}, 500)
    warnings = {
        "the broker's own arithmetic leaves nothing over",
        "the difference at the close is explained",
    }
    assert built.failing(with_residuals_without_a_name.number, "historical") == {
        "2025-07-14": warnings,
        "2025-07-15": warnings,
    }


@ACCOUNTS.account()
def interest_and_dividends(account: Account) -> None:
    account.day("2025-07-14", {SPY: "620"}).trade(SPY, 100, "620")
    account.day("2025-07-15", {SPY: "619"}).accrues(interest="-12.5", dividends="1256")
    day = account.day("2025-07-16", {SPY: "619"})
    day.moves("interest", "-3.1", "USD", at="20:20")
    day.moves("dividend", "160", "USD", rate="7.85")
    day.moves("tax", "-48", "USD", rate="7.85")
    day.moves("fee", "-10")
    day.accrues(interest="20", dividends="-1256")


def test_interest_dividends_taxes_and_fees_are_narrated_and_accruals_are_parts(built: Platform) -> None:
    _, accrued, paid = built.days(interest_and_dividends.number)
    assert parts(accrued) == {
        "mark_to_market": usd(-100),
        "interest_accruals": Decimal("-12.5"),
        "dividends": Decimal(1256),
    }
    assert parts(paid) == {"interest_accruals": Decimal(20), "dividends": Decimal(-1256)}
    assert sorted(event.event_type for block in paid.blocks for event in block.events) == [
        "dividend",
        "fee",
        "interest",
        "tax",
    ]
    assert paid.interest == usd("-3.1") + 20
    assert paid.fees == usd(-48) - 10


# -- currencies


@ACCOUNTS.account(cash={"HKD": "50000", "USD": "1000", "EUR": "3000"}, rates={"USD": "7.85", "EUR": "9.12"})
def two_currencies(account: Account) -> None:
    day = account.day("2025-07-14", {SPY: "621", SAP: "255", TENCENT: "505"}, USD="7.8480", EUR="9.1710")
    day.trade(SPY, 2, "620", at="10:00")
    day.trade(SAP, 10, "250", at="10:02", commission="-2")
    day.trade(TENCENT, 100, "500", at="10:04", commission="-15")
    day = account.day("2025-07-15", {SPY: "622", SAP: "256", TENCENT: "501"}, USD="7.8490", EUR="9.1510")
    day.trade(SAP, -10, "257", at="03:30", commission="-2")
    day.trade(TENCENT, -100, "502", at="03:40", commission="-15")


def test_a_day_in_two_foreign_currencies_takes_each_at_its_own_rate(built: Platform) -> None:
    first, second = built.days(two_currencies.number)
    assert first.blocks[0].currency is None
    assert first.blocks[0].nav_impact == Decimal("-7.848") + Decimal("-2") * Decimal("9.171") - 15
    assert second.blocks[0].nav_impact == Decimal(70 - 2) * Decimal("9.151")
    assert second.blocks[1].nav_impact == 200 - 15


@ACCOUNTS.account(base="USD")
def in_dollars(account: Account) -> None:
    account.day("2025-07-14", {CALL: "1.80"}).trade(CALL, -1, "2.00", rate="1")
    account.day("2025-07-15", {CALL: "1.50"}).moves("deposit", "250")


def test_an_account_in_dollars_has_no_rates_and_no_fx_translation(built: Platform) -> None:
    first, second = built.days(in_dollars.number)
    assert (first.base_currency, first.blocks[0].fx_rate) == ("USD", 1)
    assert parts(first) == {"mark_to_market": -180}
    assert parts(second) == {"mark_to_market": 30}


@ACCOUNTS.account()
def without_row_rates(account: Account) -> None:
    day = account.day("2025-07-14", {CALL: "1.80"}, USD="7.8411")
    day.trade(CALL, -1, "2.00", at="10:00")
    account.delivers(blank=["fxRateToBase"])


def test_where_no_row_has_a_rate_the_statement_implies_it(built: Platform) -> None:
    (day,) = built.days(without_row_rates.number)
    assert (day.blocks[0].fx_rate, day.blocks[0].events[0].fx_source) == (Decimal("7.8411"), "statement")


@ACCOUNTS.account(rates={"USD": "7.8472"})
def with_the_configured_rate(account: Account) -> None:
    day = account.day("2025-07-14", {CALL: "1.80"})
    day.trade(CALL, -1, "2.00", at="10:00", commission="0")
    day.trade(CALL, 1, "2.00", at="11:00", commission="0")
    day.moves("interest", "-2", "USD")
    account.delivers(without=["CashReport"], blank=["fxRateToBase"])


def test_where_nothing_implies_a_rate_the_configured_one_serves(built: Platform) -> None:
    (day,) = built.days(with_the_configured_rate.number)
    assert {event.fx_source for block in day.blocks for event in block.events} == {"configured"}
    assert "the configured 7.8472 HKD per USD counts" in to_markdown([narrate(day)], account_label="U…")
    assert built.failing(with_the_configured_rate.number, "historical") == {
        "2025-07-14": {"no exchange rate is the configured one"}
    }


@MISSING.account(rates={"USD": "7.8472"})
def without_rates_and_balances(account: Account) -> None:
    for number in range(2):
        day = account.day(f"2025-07-{14 + number}", {CALL: "1.80"})
        day.trade(CALL, -1, "2.00", at="10:00", commission="0")
        day.trade(CALL, 1, "2.00", at="11:00", commission="0")
    day.misbooks("3000")
    account.delivers(without=["CashReport", "EquitySummaryInBase"], blank=["fxRateToBase"])


def test_where_neither_rates_nor_balances_are_known_the_dollar_moves_within_its_band(built: Platform) -> None:
    _, day = built.days(without_rates_and_balances.number)
    widest = day.opening_nav_official * Decimal("0.1") / Decimal("7.75")
    assert abs(day.difference_parts["fx_translation"] - widest) < 20  # and the last digit of the configured rate
    assert day.unexplained == 3000 - day.difference_parts["fx_translation"]


@ACCOUNTS.account()
def with_the_last_known_rate(account: Account) -> None:
    day = account.day("2025-07-14", {CALL: "1.80"}, USD="7.8411")
    day.trade(CALL, -1, "2.00", at="10:00")
    day.trade(CALL, 1, "1.90", at="11:00")
    account.day("2025-07-15").moves("interest", "-2", "USD")
    account.delivers(without=["CashReport"], blank=["fxRateToBase"])


def test_a_day_without_any_rate_takes_the_last_known_one_says_of_when_it_is_and_warns(built: Platform) -> None:
    known, old = built.days(with_the_last_known_rate.number)
    assert known.stand_in_rates == ()
    assert (old.blocks[0].fx_rate, old.blocks[0].events[0].fx_source) == (Decimal("7.8411"), "last_known")
    text = to_markdown([narrate(old)], account_label="U…")
    assert "the last known one counts, 7.8411 HKD per USD of July 14, 2025" in text
    assert built.failing(with_the_last_known_rate.number, "historical") == {
        "2025-07-15": {"no exchange rate is the last known one"}
    }


@ACCOUNTS.account()
def at_another_rate(account: Account) -> None:
    day = account.day("2025-07-14", {SPY: "621"})
    day.trade(SPY, 10, "620", at="10:00")
    day.trade(SPY, -10, "625", at="11:00", rate="7.8455")
    day.trade(SPY, 1, "620", at="12:00")


def test_a_row_at_another_rate_than_the_days_leaves_a_rate_difference(built: Platform) -> None:
    (day,) = built.days(at_another_rate.number)
    assert parts(day)["rate_difference"] == 50 * (USD - Decimal("7.8455"))


@ACCOUNTS.account()
def converted(account: Account) -> None:
    day = account.day("2025-07-14", {SPY: "620"}, USD="7.8480")
    day.convert("USD", 5000, "7.8450")
    day.trade(SPY, 1, "620", at="11:00")
    account.day("2025-07-15", {SPY: "620"}, USD="7.8490")


def test_the_gain_of_a_conversion_is_fx_translation(built: Platform) -> None:
    first, _ = built.days(converted.number)
    assert first.blocks[0].events[0].event_type == "fx_conversion"
    assert first.blocks[0].nav_impact == Decimal("-15.6")
    assert parts(first) == {"fx_translation": converted["2025-07-14"].fx}


@ACCOUNTS.account(cash={"HKD": "60000", "USD": "10000", "CHF": "5000"}, rates={"USD": "7.85", "CHF": "9.80"})
def with_francs_that_lie_there(account: Account) -> None:
    account.day("2025-07-14", {SPY: "621"}).moves("interest", "2", "CHF")
    account.day("2025-07-15", {SPY: "622"}, CHF="9.85").trade(SPY, 1, "620")
    account.day("2025-07-16", {SPY: "622"}, CHF="9.83").trade(SPY, -1, "622")
    account.delivers(without=["CashReport"])


def test_a_currency_held_as_cash_alone_moves_the_nav_on_days_that_tell_of_others(built: Platform) -> None:
    _, rises, falls = built.days(with_francs_that_lie_there.number)
    assert rises.difference_parts["fx_translation"] == 5002 * Decimal("0.05")
    assert falls.difference_parts["fx_translation"] == 5002 * Decimal("-0.02")


# -- cancels


@ACCOUNTS.account()
def cancelled_the_same_day(account: Account) -> None:
    day = account.day("2025-07-14", {SPY: "621"})
    wrong = day.trade(SPY, 10, "620", at="10:00")
    day.cancel(wrong)
    day.trade(SPY, 10, "619", at="10:00", kind="TradeCorrect")
    account.day("2025-07-15", {SPY: "622"}).trade(SPY, -10, "622")


def test_a_trade_cancelled_and_corrected_the_same_day_counts_as_corrected(built: Platform) -> None:
    first, second = built.days(cancelled_the_same_day.number)
    assert [(e.price, e.quantity) for e in first.blocks[0].events] == [(619, 10)]
    assert parts(first) == {"mark_to_market": usd(20)}
    assert second.blocks[0].gross_pnl == 30


@ACCOUNTS.account()
def cancelled_the_next_day(account: Account) -> None:
    wrong = account.day("2025-07-14", {SPY: "621"}).trade(SPY, 10, "620", at="10:00")
    day = account.day("2025-07-15", {SPY: "622"})
    day.cancel(wrong)
    day.trade(SPY, 10, "619", at="2025-07-14T10:00", kind="TradeCorrect")
    account.day("2025-07-16", {SPY: "623"}).trade(SPY, -10, "624")


def test_a_trade_cancelled_in_a_later_statement_counts_where_the_broker_counts_it(built: Platform) -> None:
    first, second, third = built.days(cancelled_the_next_day.number)
    assert first.commissions == usd(-1)
    assert second.commissions == usd(0)
    assert third.blocks[-1].gross_pnl == 50


# -- what the statements give


@ACCOUNTS.account()
def by_equity_alone(account: Account) -> None:
    day = account.day("2025-07-14", {CALL: "1.80"})
    day.trade(CALL, -1, "2.00")
    day = account.day("2025-07-15", {CALL: "1.50"})
    day.moves("deposit", "400")
    day.accrues(interest="7")
    account.day("2025-07-16", {CALL: "1.40"}).trade(CALL, 1, "1.30")
    account.delivers(without=["ChangeInNAV"])


def test_a_total_alone_is_enough_for_an_official_nav(built: Platform) -> None:
    first, second, third = built.days(by_equity_alone.number)
    assert parts(first) == {"mark_to_market": usd(-180)}
    assert parts(second) == {"mark_to_market": usd(30), "interest_accruals": Decimal(7)}
    assert (second.deposits, second.interest, second.gross_pnl) == (400, 7, usd(30))
    assert third.gross_pnl == usd(20)


@ACCOUNTS.account()
def in_one_statement(account: Account) -> None:
    account.day("2025-07-14", {CALL: "1.80"}).trade(CALL, -1, "2.00")
    account.day("2025-07-15", {CALL: "1.50"}).moves("deposit", "400")
    account.day("2025-07-16", {CALL: "1.40"}).trade(CALL, 1, "1.30")
    account.delivers(by_day=False)


def test_one_statement_over_several_days_is_narrated_day_by_day(built: Platform) -> None:
    days = built.days(in_one_statement.number)
    assert [day.trading_day.day for day in days] == [14, 15, 16]
    assert [parts(day) for day in days] == [{"mark_to_market": usd(x)} for x in (-180, 30, -50)]
    assert days[1].deposits == 400


@ACCOUNTS.account()
def without_row_marks(account: Account) -> None:
    day = account.day("2025-07-14", {CALL: "1.80"})
    day.trade(CALL, -1, "2.00", at="10:00")
    day.trade(SPY, 10, "620", at="11:00")
    day.trade(SPY, -10, "622", at="12:00")
    account.day("2025-07-15", {CALL: "1.50"}).trade(CALL, 1, "1.20")
    account.delivers(blank=["closePrice", "mtmPnl"])


def test_rows_without_closing_price_and_mark_to_market_are_valued_by_the_open_positions(built: Platform) -> None:
    first, second = built.days(without_row_marks.number)
    assert parts(first) == {"mark_to_market": usd(-180)}
    assert parts(second) == {"mark_to_market": usd(-20)}


@ACCOUNTS.account()
def with_mark_to_market_alone(account: Account) -> None:
    account.day("2025-07-14", {CALL: "1.80"}).trade(CALL, -1, "2.00", at="10:00")
    account.day("2025-07-15", {CALL: "1.50"}).trade(CALL, 1, "1.20")
    account.delivers(blank=["closePrice"], without=["OpenPositions"])


def test_a_rows_mark_to_market_says_its_closing_price(built: Platform) -> None:
    assert [parts(day) for day in built.days(with_mark_to_market_alone.number)] == [
        {"mark_to_market": usd(-180)},
        {"mark_to_market": usd(-20)},
    ]


@ACCOUNTS.account(marks={SPY: "618"})
def held_before_the_first_statement(account: Account) -> None:
    account.balance.positions[SPY] = Decimal(20)
    account.day("2025-07-14", {SPY: "620"})
    account.day("2025-07-15", {SPY: "621"})
    account.day("2025-07-16", {SPY: "623"}, USD="7.86").trade(SPY, -20, "622", open_close="C")


def test_a_position_from_before_the_first_statement_is_marked_by_the_open_positions(built: Platform) -> None:
    first, held, sold = built.days(held_before_the_first_statement.number)
    assert parts(first) == {"mark_to_market": usd(40)}  # FX translation would be in it
    assert parts(held) == {"mark_to_market": usd(20)}
    assert parts(sold)["fx_translation"] == held_before_the_first_statement["2025-07-16"].fx


@ACCOUNTS.account(marks={CALL: "1.00"})
def opened_before_the_first_statement(account: Account) -> None:
    account.balance.positions[CALL] = Decimal(-2)
    account.day("2025-07-14", {CALL: "0.80"}).trade(CALL, 1, "0.90", open_close="C")
    account.day("2025-07-15", {CALL: "0.70"}, USD="7.86").trade(CALL, 1, "0.60", open_close="C")
    account.delivers(without=["OpenPositions"])


def test_a_close_of_what_no_statement_opened_counts_no_gain_and_leaves_it_to_the_marking(built: Platform) -> None:
    first, second = built.days(opened_before_the_first_statement.number)
    assert [day.blocks[0].gross_pnl for day in (first, second)] == [0, 0]
    assert parts(first) == {"mark_to_market": usd(40 - 10)}
    assert parts(second) == {"mark_to_market": opened_before_the_first_statement["2025-07-15"].components["mtm"]}


@ACCOUNTS.account()
def rates_on_cash_and_positions_alone(account: Account) -> None:
    account.balance.positions[SAP] = Decimal(5)
    account.balance.marks[SAP] = Decimal(250)
    account.balance.rates["EUR"] = Decimal("9.12")
    account.day("2025-07-14", {SAP: "251"}, EUR="9.13", CHF="9.81").moves("interest", "-2", "CHF")
    account.day("2025-07-15", {SAP: "252"}, EUR="9.14")


def test_a_currency_only_of_cash_or_of_positions_has_a_rate_of_the_day(built: Platform) -> None:
    rates = "select session, currency, rate from alm_reporting.day_rates where account_id = %s and currency <> 'HKD'"
    assert set(built.query(rates, rates_on_cash_and_positions_alone.number)) == {
        (date(2025, 7, 14), "CHF", Decimal("9.81")),
        (date(2025, 7, 14), "EUR", Decimal("9.13")),
        (date(2025, 7, 14), "USD", Decimal("7.85")),  # what the cash in base currency leaves for it
        (date(2025, 7, 11), "USD", Decimal("7.85")),  # the same of the cash at the start
        (date(2025, 7, 15), "EUR", Decimal("9.14")),
    }
    first, second = built.days(rates_on_cash_and_positions_alone.number)
    assert first.blocks[0].nav_impact == Decimal("-19.62")
    assert parts(second) == {"mark_to_market": 5 * Decimal("9.14"), "fx_translation": Decimal("12.55")}


# -- what the statements leave out


@MISSING.account()
def without_trades(account: Account) -> None:
    account.day("2025-07-14", {SPY: "621"}).trade(SPY, 10, "620")
    account.delivers(without=["Trades"])


@MISSING.account(base="USD")
def without_trades_in_dollars(account: Account) -> None:
    account.day("2025-07-14", {SPY: "621"}).trade(SPY, 10, "620", commission="0")
    account.delivers(without=["Trades", "OpenPositions"])


def test_a_missing_trades_file_fails_the_cross_reference_of_commissions(built: Platform) -> None:
    assert built.failing(without_trades.number) == {"2025-07-14": {"commissions of the fills = in the NAV statement"}}


def test_a_change_that_no_row_explains_stays_unexplained_where_there_is_no_fx(built: Platform) -> None:
    day = built.day(without_trades_in_dollars.number, "2025-07-14")
    assert (parts(day), day.unexplained) == ({}, 10)
    assert built.failing(without_trades_in_dollars.number, "historical") == {
        "2025-07-14": {"the difference at the close is explained"}
    }


# -- what holds on every day


# where a mark or a carried quantity is not known, FX translation is within the mark-to-market
WITHOUT_FX_OF_THEIR_OWN = {
    "without_marks",
    "held_before_the_first_statement",
    "opened_before_the_first_statement",
    "rates_on_cash_and_positions_alone",
}


def by_session(account: Account) -> dict[date, list]:
    sessions = defaultdict(list)
    for day in account.days:
        sessions[HOLIDAYS.get(day.date, day.date)].append(day)
    return sessions


@pytest.mark.parametrize("name", ACCOUNTS.names)
def test_every_day_adds_up_and_leaves_nothing_unexplained(built: Platform, name: str) -> None:
    account = ACCOUNTS[name]
    expected = by_session(account)
    days = built.days(account.number)
    assert [day.trading_day for day in days] == list(expected)
    for day in days:
        broker = expected[day.trading_day]
        assert day.opening_nav_official == broker[0].opening.nav
        assert day.closing_nav_official == broker[-1].nav
        assert day.opening_nav_official + day.deposits - day.withdrawals + day.net_pnl == day.closing_nav_official
        assert day.gross_pnl + day.commissions + day.interest + day.fees + day.broker_residual == day.net_pnl
        assert day.unexplained == 0, (name, day.trading_day, parts(day))
        if name not in WITHOUT_FX_OF_THEIR_OWN:
            assert day.difference_parts["fx_translation"] == sum(day.fx for day in broker)


@pytest.mark.parametrize("name", ACCOUNTS.names)
def test_the_blocks_lead_from_the_official_opening_to_the_calculated_closing(built: Platform, name: str) -> None:
    for day in built.days(ACCOUNTS[name].number):
        nav = day.opening_nav_official
        for block in day.blocks:
            for event in block.events:
                nav += event.nav_impact
                assert event.nav_after == nav
            assert block.nav_after == nav
        assert day.closing_nav_calculated == nav
        assert day.closing_nav_official - nav == day.difference
        assert sum(day.difference_parts.values()) + day.unexplained == day.difference


@pytest.mark.parametrize("name", ACCOUNTS.names)
def test_every_equation_that_blocks_holds(built: Platform, name: str) -> None:
    assert built.failing(ACCOUNTS[name].number) == {}


@pytest.mark.parametrize("name", ACCOUNTS.names)
def test_every_day_can_be_narrated(built: Platform, name: str) -> None:
    stories = [narrate(day) for day in built.days(ACCOUNTS[name].number)]
    text = to_markdown(stories, account_label="U…")
    assert text.count("Official Closing NAV") >= len(stories)
    assert to_document(stories)


# -- from here on, a database of its own, which takes the place of the one above


def test_a_withdrawal_fee_that_no_row_gives_is_asked_for_once_as_a_setting(platform: Platform, tmp_path: Path) -> None:
    account = Account("U2000990")
    day = account.day("2025-07-14")
    day.moves("deposit", "-2000")
    day.leaks("-8")
    day = account.day("2025-07-15")
    day.moves("deposit", "-100")
    day.moves("deposit", "-200")
    day.leaks("-16")
    account.day("2025-07-16").leaks("-8")
    account.day("2025-07-17").moves("deposit", "-300")
    platform.load(deliver(tmp_path, "fees", account))
    fees = AccountingSettings(withdrawal_fees={"HKD": Decimal(8), "EUR": Decimal(1)})
    Platform(platform.settings.model_copy(update={"accounting": fees}), platform.database).run()
    one, two, without, free = platform.days(account.number)
    assert [parts(day) for day in (one, two, without, free)] == [
        {"withdrawal_fee": -8},
        {"withdrawal_fee": -16},
        {},
        {},
    ]
    assert [day.unexplained for day in (one, two, without, free)] == [0, 0, -8, 0]
    assert "Withdrawal fee: -8.00 HKD" in to_document([narrate(one)])["days"][0]["blocks"][-1]["lines"]


def test_what_is_signed_of_a_residual_is_the_same_with_and_without_a_name(platform: Platform, tmp_path: Path) -> None:
    account = Account("U2000991")
    for number, (kind, fee) in enumerate((("withdrawal_fee", "-8"), ("", "-8"), ("", "500"))):
        day = account.day(f"2025-07-{14 + number}")
        day.moves("deposit", "-2000")
        day.translates_accruals("0.25")
        day.moves(kind, fee) if kind else day.leaks(fee)
    platform.load(deliver(tmp_path, "signed", account))
    platform.run()
    signed = day_values(platform.database, Period(date(2025, 7, 14), date(2025, 7, 16)))
    names = ("broker_residual", "other_parts", "unexplained")
    assert [[values[name] for name in names] for values in signed.values()] == [
        [Decimal("-7.75"), 8, 0],
        [Decimal("-7.75"), 0, 0],
        [Decimal("500.25"), 0, 0],
    ]
