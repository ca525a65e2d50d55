"""Entering, signing in and out by HTTP: what lets somebody in, what does not, and what a session is worth."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from fntx_dagster.services.visitors import entering, signing_in, users
from fntx_dagster.store.queries import own_sql
from tests.web.doors.conftest import PASSWORD, Browser, House


def change(house: House, statement: str) -> None:
    with house.db.connect() as connection:
        connection.execute(own_sql(statement))


def is_in(browser: Browser) -> bool:
    answer = browser.get("/account")
    assert answer.status_code in (200, 303)
    return answer.status_code == 200


def test_who_is_not_signed_in_is_led_to_the_door_and_from_there_back(house: House) -> None:
    assert house.browser().get("/a/1").headers["Location"] == "/enter"
    house.user("ada", "owner", password=True)
    time.sleep(1.1)  # whether there are users is asked once a second
    browser = house.browser()
    assert browser.get("/a/1?x=1&y=2").headers["Location"] == "/signin?to=%2Fa%2F1%3Fx%3D1%26y%3D2"
    form = {"name": "ada", "password": PASSWORD, "to": "/a/1?x=1&y=2"}
    assert browser.post("/signin", form).headers["Location"] == "/a/1?x=1&y=2"
    assert is_in(browser)


@pytest.mark.parametrize("there", ["//evil.example", "https://evil.example/", "/\\evil.example", "/\n/x", "x", "/ä"])
def test_from_the_door_nobody_is_led_to_another_site(house: House, there: str) -> None:
    house.user("ada", "owner", password=True)
    answer = house.browser().post("/signin", {"name": "ada", "password": PASSWORD, "to": there})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


def test_the_owners_link_works_without_a_script_whole_or_as_its_code_alone(house: House) -> None:
    for form in ("{}", "http://localhost:8765/enter#{}"):
        browser = house.browser()
        secret = signing_in.link_of_machine(house.db)
        assert browser.enter(form.format(secret)).status_code == 303
        assert is_in(browser)


def test_a_link_that_was_used_says_how_to_get_a_new_one(house: House) -> None:
    secret = signing_in.link_of_machine(house.db)
    house.browser().enter(secret)
    answer = house.browser().enter(secret)
    assert answer.status_code == 403
    assert "fntx users link" in answer.text
    assert "fntx serve" in answer.text
    assert "Set-Cookie" not in answer.headers


def test_of_16_browsers_with_one_link_exactly_one_enters(house: House) -> None:
    secret = signing_in.link_of_machine(house.db)
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: house.browser().enter(secret).status_code, range(16)))
    assert sorted(statuses) == [303] + [403] * 15


def test_the_file_of_the_owners_link_goes_once_it_was_used(house: House) -> None:
    secret = signing_in.link_of_machine(house.db)
    file = entering.keep_link(house.site.settings, entering.link("http://localhost:8765", secret))
    house.browser().enter(secret)
    assert not file.exists()


def test_the_cookie_is_for_requests_of_this_site_alone_and_no_script_reads_it(house: House) -> None:
    [cookie] = house.browser().enter(signing_in.link_of_machine(house.db)).headers["Set-Cookie"].split(", fntx=")
    assert cookie.startswith("fntx=")
    assert {"HttpOnly", "Path=/", "SameSite=strict", "Max-Age=43200"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie


def test_behind_tls_the_cookie_is_secure_and_no_other_host_can_set_it(serve: Callable[..., House]) -> None:
    house = serve(origin="https://fntx.example.com")
    house.user("ada", "owner")
    secret = signing_in.link_of_user(house.db, "ada")
    answer = house.browser().post("/enter", {"code": secret}, Host="fntx.example.com")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-fntx=")
    assert "Secure" in cookie
    value = cookie.partition(";")[0]
    assert house.browser().get("/account", Host="fntx.example.com", Cookie=value).status_code == 200
    plain = value.replace("__Host-", "")
    assert house.browser().get("/account", Host="fntx.example.com", Cookie=plain).status_code == 303


def test_a_cookie_that_was_planted_before_signing_in_is_worth_nothing_after(house: House) -> None:
    """Session fixation: the attacker's own session, and one that nobody has."""
    for planted in ("x" * 43, house.signed_in().cookie or ""):
        victim = house.browser()
        victim.session.cookies.set("fntx", planted, domain="127.0.0.1", path="/")
        secret = signing_in.link_of_machine(house.db)
        answer = victim.post("/enter", {"code": secret})
        given = answer.headers["Set-Cookie"].partition(";")[0].partition("=")[2]
        assert given != planted
        attacker = house.browser()
        assert attacker.get("/account", Cookie=f"fntx={planted}").status_code == 303


@pytest.mark.parametrize(
    "cookie",
    [
        "fntx=",
        "fntx=%00",
        "fntx=../../etc/passwd",
        "fntx=' or 1=1 --",
        "fntx=" + "a" * 5000,
        "fntx=\u00e9",
        "fntx",
        "=;;;=fntx",
        "fntx={cookie}; fntx=attacker",
        "fntx=attacker; fntx={cookie}",
        "FNTX={cookie}",
        "__Host-fntx={cookie}",
        '$Version="1"; fntx="{cookie}"',
    ],
)
def test_a_hostile_cookie_is_no_session(house: House, cookie: str) -> None:
    good = house.signed_in().cookie
    sent = cookie.replace("{cookie}", good or "")
    answer = house.browser().get("/account", Cookie=sent.encode("latin-1").decode("latin-1"))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/enter")


def test_signing_out_ends_the_session_and_takes_a_form(house: House) -> None:
    browser = house.signed_in()
    kept = browser.cookie
    assert browser.get("/signout").status_code == 405
    assert is_in(browser)
    answer = browser.post("/signout")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/enter")
    assert browser.cookie is None
    assert house.browser().get("/account", Cookie=f"fntx={kept}").status_code == 303


@pytest.mark.parametrize(
    "change_of", ["seen_at = clock_timestamp() - interval '61 minutes'", "ends_at = clock_timestamp()"]
)
def test_a_session_that_is_idle_or_over_leads_to_the_door(house: House, change_of: str) -> None:
    browser = house.signed_in()
    assert is_in(browser)
    change(house, f"update visitors.sessions set {change_of}")
    assert not is_in(browser)


def test_a_page_that_loads_itself_anew_does_not_keep_a_session_from_being_idle(house: House) -> None:
    browser = house.signed_in()
    change(house, "update visitors.sessions set seen_at = clock_timestamp() - interval '59 minutes'")
    before = [row.seen_at for row in users.list_sessions(house.db)]
    assert browser.get("/account", **{"X-FNTX-Follows": "1"}).status_code == 200
    assert [row.seen_at for row in users.list_sessions(house.db)] == before
    assert is_in(browser)
    assert [row.seen_at for row in users.list_sessions(house.db)] > before


def test_who_gets_another_role_is_signed_out(house: House) -> None:
    house.user("ada", "owner")
    browser = house.signed_in("ada")
    users.change_role(house.db, "ada", "fund")
    assert not is_in(browser)


def test_one_ends_ones_other_session_on_a_page_and_not_somebody_elses(house: House) -> None:
    house.user("ada", "trader")
    house.user("bob", "owner")
    here, there, bob = house.signed_in("ada"), house.signed_in("ada"), house.signed_in("bob")
    numbers = {row.user_id: row.session_id for row in reversed(users.list_sessions(house.db))}
    first = min(row.session_id for row in users.list_sessions(house.db, "ada"))
    assert here.post("/account", {"do": "end", "number": str(numbers["bob"])}).status_code == 404
    assert here.post("/account", {"do": "end", "number": "99999999"}).status_code == 404
    assert there.post("/account", {"do": "end", "number": str(first)}).status_code == 303
    assert (is_in(here), is_in(there), is_in(bob)) == (False, True, True)


def test_a_wrong_password_and_an_unknown_name_are_answered_alike(house: House) -> None:
    house.user("ada", "owner", password=True)
    answers = [
        house.browser().post("/signin", {"name": name, "password": "wrong"}) for name in ("ada", "nobody", "a\x00", "")
    ]
    assert {answer.status_code for answer in answers} == {403}
    assert len({answer.text for answer in answers}) == 1


def test_after_five_failures_the_page_says_to_wait(house: House) -> None:
    house.user("ada", "owner", password=True)
    statuses = [house.browser().post("/signin", {"name": "ada", "password": "x"}).status_code for _ in range(6)]
    assert statuses == [403] * 5 + [429]
    assert house.browser().post("/signin", {"name": "ada", "password": PASSWORD}).status_code == 429


def test_an_address_that_tries_and_tries_waits_for_a_minute(house: House) -> None:
    statuses = [house.browser().enter(f"guess-{number}").status_code for number in range(31)]
    assert statuses == [403] * 30 + [429]
    assert house.browser().get("/enter").status_code == 200


def test_behind_a_proxy_failures_count_for_the_address_that_it_names_last(serve: Callable[..., House]) -> None:
    house = serve(origin="https://fntx.example.com")
    house.user("ada", "owner", password=True)

    def tried(forwarded: str, password: str = "wrong") -> int:
        form = {"name": "ada" if password == PASSWORD else "x", "password": password}
        headers = {"Host": "fntx.example.com", "X-Forwarded-For": forwarded}
        return house.browser().post("/signin", form, **headers).status_code

    assert [tried(f"10.0.0.{number}, 192.0.2.7") for number in range(6)] == [403] * 5 + [429]
    assert tried("192.0.2.8") == 429  # the name waits too
    assert tried("192.0.2.7, 192.0.2.8", PASSWORD) == 303


def test_on_plain_loopback_nobody_names_his_own_address(house: House) -> None:
    house.user("ada", "owner", password=True)
    forms = [{"name": f"name{number}", "password": "wrong"} for number in range(6)]
    statuses = [
        house.browser().post("/signin", form, **{"X-Forwarded-For": f"192.0.2.{number}"}).status_code
        for number, form in enumerate(forms)
    ]
    assert statuses == [403] * 5 + [429]


def test_a_password_is_set_on_the_page_and_signs_in(house: House) -> None:
    house.user("ada", "trader")
    browser = house.signed_in("ada")
    assert browser.post("/account", {"do": "password", "old": "", "new": "short"}).status_code == 409
    assert browser.post("/account", {"do": "password", "old": "", "new": PASSWORD}).status_code == 303
    assert browser.post("/account", {"do": "password", "old": "wrong", "new": PASSWORD}).status_code == 403
    assert house.browser().post("/signin", {"name": "ada", "password": PASSWORD}).status_code == 303


def test_the_owner_sees_who_signed_in_and_a_trader_does_not(house: House) -> None:
    house.user("ada", "trader")
    house.user("bob", "owner")
    ada = house.signed_in("ada")
    shown = house.signed_in("bob").get("/system/visitors")
    assert shown.status_code == 200
    assert "127.0.0.1" in shown.text
    assert "<td>ada</td>" in shown.text
    assert ada.get("/system/visitors").status_code == 404


def test_a_link_of_another_site_leads_on_from_a_page_of_ours_with_the_cookie(house: House) -> None:
    """A browser sends no strict cookie with it, and does with what our page goes on to."""
    answer = house.browser().get("/a/1?x=<script>", **{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})
    assert answer.status_code == 200
    assert '<meta http-equiv="refresh" content="0; url=/a/1?x=%3Cscript%3E">' in answer.text
