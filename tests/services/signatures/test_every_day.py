"""Signing accounts whose market never closes, beside one of the exchange: which days, and which runs ask for them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.adapters.evm.client import Chain
from fntx_dagster.model.period import Period
from fntx_dagster.model.session import SEVEN_DAYS, XNYS
from fntx_dagster.services.signatures.history import gaps, history_of
from fntx_dagster.services.signatures.posting import post
from fntx_dagster.services.signatures.refusals import Beginning
from fntx_dagster.services.signatures.signing import sign
from fntx_dagster.services.watching import Plan, complete_days_to_sign, last_session_to_sign, queue_to_post
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from tests import by_hand

STOCKS, COINS = "U7000001", "U7000002"
FRIDAY, SATURDAY, SUNDAY, MONDAY = (date(2025, 7, day) for day in (18, 19, 20, 21))
NOW = datetime(2025, 7, 22, 9, tzinfo=UTC)


def build(db: Database, *days: date) -> None:
    for day in days:
        by_hand.build(db, COINS, day, calendar=SEVEN_DAYS)
        if sessions(day, day):
            by_hand.build(db, STOCKS, day)


def test_a_run_over_the_exchanges_sessions_signs_the_weekend_of_an_account_that_has_one(
    built: Database, settings: Settings
) -> None:
    build(built, FRIDAY)
    sign(settings, built, Period.on(FRIDAY))
    build(built, SATURDAY, SUNDAY, MONDAY)
    done = sign(settings, built, Period.on(MONDAY))
    assert [(one.account_id, one.trading_day) for one in done.new] == [
        (STOCKS, MONDAY),
        (COINS, SATURDAY),
        (COINS, SUNDAY),
        (COINS, MONDAY),
    ]
    assert done.refused == []
    latest = sign(settings, built, Period.on(MONDAY), beginning=Beginning.LATEST)
    assert (latest.new, len(latest.kept)) == ([], 2)


def test_a_plan_over_sessions_is_about_the_accounts_of_the_exchange(
    built: Database, settings: Settings, chain: Chain
) -> None:
    build(built, FRIDAY)
    sign(settings, built, Period.on(FRIDAY))
    build(built, SATURDAY, SUNDAY)
    nothing = "Every built session is signed; the next waits for its official NAV."
    assert complete_days_to_sign(settings, built, NOW) == last_session_to_sign(settings, built, NOW)
    assert complete_days_to_sign(settings, built, NOW) == Plan(None, nothing)
    sign(settings, built, Period(SATURDAY, SUNDAY), COINS)
    waiting = {calendar: queue_to_post(settings, built, NOW, calendar).period for calendar in (XNYS, SEVEN_DAYS)}
    assert waiting == {XNYS: Period.on(FRIDAY), SEVEN_DAYS: Period(FRIDAY, SUNDAY)}


def test_a_history_of_every_day_shows_a_weekend_without_a_record_as_a_gap(
    built: Database, settings: Settings, chain: Chain
) -> None:
    build(built, FRIDAY, SUNDAY, MONDAY)
    [trader] = {one.trader for one in sign(settings, built, Period(FRIDAY, MONDAY), COINS).new}
    post(settings, built, chain, Period(FRIDAY, MONDAY), COINS)
    now, range_ = datetime.now(UTC), Period(FRIDAY, MONDAY)
    days = history_of(chain, trader, range_, now, SEVEN_DAYS)
    assert [(one.day, one.is_gap) for one in days] == [
        (FRIDAY, False),
        (SATURDAY, True),
        (SUNDAY, False),
        (MONDAY, False),
    ]
    assert days[0].closes_at == datetime(2025, 7, 19, tzinfo=UTC)
    posted = chain.history(trader, range_).keys()
    assert gaps(posted, range_, now, SEVEN_DAYS) == [SATURDAY]
    assert gaps(posted, range_, now) == []
    ends = [session.closes_at for session in sessions(FRIDAY, SUNDAY, SEVEN_DAYS)]
    assert [later - earlier for earlier, later in pairwise(ends)] == [timedelta(days=1)] * 2
