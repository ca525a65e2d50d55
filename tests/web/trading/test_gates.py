"""The gates of a book: its limits and breakers as the API answers them, and who may reset and trip."""

from __future__ import annotations

import pytest

from fntx_dagster.services.dashboard.books import seen_book
from fntx_dagster.services.orders import asking, guarding
from fntx_dagster.services.orders.access import Caller
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.services.visitors.visitor import AUDITOR, FUND, SOURCE, Visitor
from fntx_dagster.web.asking import Site
from tests.web.asking import ask
from tests.web.trading.conftest import ADA, BOB, THE_AUDITOR, THE_OWNER
from tests.web.trading.pages import page, words

GATES = "/gates/ada/paper"
WHY = "the signal was mended & tested"


def history(site: Site) -> list[dict[str, object]]:
    """The trips of ada's paper book as the API answers them, newest first."""
    return guarding.history(desk_of(site.settings, site.db), "ada", True, None, 10)["history"]


def test_the_page_shows_what_the_api_answers_of_limits_and_trips(orders_site: Site) -> None:
    desk = desk_of(orders_site.settings, orders_site.db)
    status, text = page(orders_site, GATES, ADA)
    limits = asking.limits(desk, "ada", True, "scalper", desk.clock())
    shown = words(text)
    assert status == 200
    assert f"the user, today {limits['user_daily']['used']} {limits['user_daily']['limit']}" in shown
    assert f"bot scalper, today {limits['bot_daily']['used']} {limits['bot_daily']['limit']}" in shown
    trip = history(orders_site)[-1]
    assert f"{trip['trigger_reason']}" in shown
    assert f"{trip['reset_by_user_id']} {trip['reset_reason']}" in shown


def test_a_trader_trips_and_resets_his_bot_and_the_ledger_says_who_it_was(orders_site: Site) -> None:
    stopped = ask(orders_site, GATES, ADA, {"action": "trip", "bot": "demo", "reason": "<b>stop</b>"})
    assert (stopped.status_code, stopped.headers["location"]) == (303, GATES)
    trip = history(orders_site)[0]
    assert (trip["entity_id"], trip["trigger_reason"]) == ("demo", "by hand, by ada: <b>stop</b>")
    _, text = page(orders_site, GATES, ADA)
    assert "&lt;b&gt;stop&lt;/b&gt;" in text
    status, text = page(orders_site, GATES, ADA, {"action": "reset", "bot": "demo", "reason": "short"})
    assert (status, "at least 10 characters" in text, "not done" in text) == (422, True, True)
    assert ask(orders_site, GATES, ADA, {"action": "reset", "bot": "demo", "reason": WHY}).status_code == 303
    trip = history(orders_site)[0]
    assert (trip["reset_by_user_id"], trip["reset_reason"]) == ("ada", WHY)
    status, text = page(orders_site, GATES, ADA, {"action": "reset", "bot": "demo", "reason": WHY})
    assert (status, "is not tripped" in text) == (409, True)


def test_a_users_own_breaker_is_tripped_by_him_and_reset_by_an_owner_alone(orders_site: Site) -> None:
    assert ask(orders_site, GATES, ADA, {"action": "trip", "bot": "", "reason": "enough"}).status_code == 303
    status, text = page(orders_site, GATES, ADA, {"action": "reset", "bot": "", "reason": WHY})
    assert (status, "only an admin" in text) == (403, True)
    assert "Only an owner resets" in page(orders_site, GATES, ADA)[1]
    assert ask(orders_site, GATES, THE_OWNER, {"action": "reset", "bot": "", "reason": WHY}).status_code == 303
    assert history(orders_site)[0]["reset_by_user_id"] == "olga"


def test_a_tripped_bot_is_shown_however_many_bots_there_are_and_its_breaker_is_reset(orders_site: Site) -> None:
    book = seen_book(orders_site.db, ADA, "ada", "paper")
    assert book is not None
    number = book.row.book_id
    with orders_site.db.connect() as connection:
        connection.execute(
            """insert into ledger.bots (book_id, bot_id)
            select %s, 'a' || lpad(n::text, 3, '0') from generate_series(1, 101) as n union all select %s, 'zz-last'""",
            (number, number),
        )
    try:
        assert ask(orders_site, GATES, ADA, {"action": "trip", "bot": "zz-last", "reason": "enough"}).status_code == 303
        shown = page(orders_site, GATES, ADA)[1]
        assert "Bot zz-last" in words(shown)
        assert shown.count('name="bot" value="zz-last"') == 1
        assert ask(orders_site, GATES, ADA, {"action": "reset", "bot": "zz-last", "reason": WHY}).status_code == 303
        assert "Bot zz-last" not in words(page(orders_site, GATES, ADA)[1])
    finally:
        with orders_site.db.connect() as connection:
            connection.execute(
                "delete from ledger.bots where book_id = %s and bot_id ~ '^a[0-9]{3}$|zz-last'", (number,)
            )


@pytest.mark.parametrize("role", [FUND, AUDITOR, SOURCE])
def test_who_may_not_act_is_shown_no_form_and_his_form_is_none(orders_site: Site, role: str) -> None:
    visitor = Visitor("ada", role)
    status, text = page(orders_site, GATES, visitor)
    assert (status, "<form" in text) == (200, False)
    known = len(history(orders_site))
    assert page(orders_site, GATES, visitor, {"action": "trip", "bot": "demo", "reason": WHY})[0] == 404
    assert len(history(orders_site)) == known


def test_another_ones_book_is_as_one_that_is_not_there(orders_site: Site) -> None:
    form = {"action": "trip", "bot": "demo", "reason": WHY}
    known = len(history(orders_site))
    assert page(orders_site, GATES, BOB)[0] == 404
    assert page(orders_site, GATES, BOB, form) == page(orders_site, "/gates/nobody/paper", BOB, form)
    assert len(history(orders_site)) == known
    assert page(orders_site, GATES, THE_AUDITOR)[0] == 200


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({}, 400),
        ({"action": "gone"}, 400),
        ({"action": "trip", "bot": "nobody", "reason": WHY}, 404),
        ({"action": "trip", "bot": "\0", "reason": "\0"}, 303),
        ({"action": "reset", "bot": "nobody", "reason": WHY}, 409),
    ],
)
def test_a_form_that_makes_no_sense_is_answered(orders_site: Site, form: dict[str, str], status: int) -> None:
    try:
        assert page(orders_site, GATES, THE_OWNER, form)[0] == status
    finally:
        desk = desk_of(orders_site.settings, orders_site.db)
        if guarding.status(desk, Caller("ada", "admin"), guarding.Entity("ada", None), True, desk.clock())["tripped"]:
            ask(orders_site, GATES, THE_OWNER, {"action": "reset", "bot": "", "reason": WHY})
