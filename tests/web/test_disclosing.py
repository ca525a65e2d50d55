"""From the pages of the owner to the page of a stranger: what follows, a link, its badge, its views and its end."""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Iterator
from datetime import date

import pytest
import requests

from fntx_dagster.model.period import Period
from fntx_dagster.services.dashboard.verification import session_states
from fntx_dagster.services.signatures.checking import check_disclosure
from fntx_dagster.services.signatures.register import PACKAGE
from fntx_dagster.services.visitors.visitor import OWNER, Visitor
from fntx_dagster.store.shares.register import NewlyShown, register
from fntx_dagster.web.asking import Site
from tests.tools import needs_browser
from tests.verify.browser import Page, browser
from tests.web.asking import ask as page_of

HOSTILE = "<img src=x onerror=alert(1)>\u202e"
OWNERS = Visitor(OWNER, OWNER)
CHOSEN = "from=2025-07-14&to=2025-07-18&metric=net_pnl&metric=closing_nav_official"


@pytest.fixture(scope="module")
def window() -> Iterator[Page]:
    with browser() as page:
        yield page


def ask(address: str, path: str, **form: str) -> requests.Response:
    if form:
        if "plan" not in form and "/disclose" in path:  # the form holds what the page showed
            pinned = re.search(r'name="plan" value="(\w{64})"', ask(address, path).text)
            form["plan"] = pinned[1] if pinned else ""
        return requests.post(address + path, data=form, headers={"Origin": address}, timeout=60, allow_redirects=False)
    return requests.get(address + path, timeout=60)


def made(address: str, query: str = CHOSEN, **others: str) -> str:
    """The path of a new link."""
    answer = ask(
        address, f"/a/1/disclose?{query}", **{"action": "link", "lasts": "30", "note": "", "node": ""} | others
    )
    assert answer.status_code == 200, answer.text
    found = re.search(r'id="link" href="(/s/[\w-]{22})"', answer.text)
    assert found
    return found[1]


def test_before_a_link_is_made_the_page_says_what_follows(address: str) -> None:
    text = html.unescape(ask(address, f"/a/1/disclose?{CHOSEN}").text)
    assert "2 figures of 5 days, 2025-07-14 to 2025-07-18" in text
    assert "Official opening NAV of 2025-07-15, 2025-07-16, 2025-07-17" in text
    assert "follows from Official closing NAV of the session before" in text
    left_out = html.unescape(ask(address, f"/a/1/disclose?{CHOSEN}&day=2025-07-15").text)
    assert "2025-07-14, 2025-07-16, 2025-07-17 and 1 more days has a record that you leave out" in left_out


@pytest.mark.parametrize("day", ["2025-07-17junk", "2025-07-17T00:00", "20250717", "2025-7-17", "x"])
def test_a_day_that_is_no_date_is_refused(address: str, day: str) -> None:
    answer = ask(address, f"/a/1/disclose?{CHOSEN}&day={day}")
    assert (answer.status_code, "day is a date" in answer.text) == (400, True)


def test_a_period_that_no_page_can_check_is_refused(address: str) -> None:
    for period in ("from=1970-01-01&to=2199-12-31", "from=2025-07-14&to=2199-12-31", "from=2022-07-14&to=2025-07-18"):
        answer = ask(address, f"/a/1/disclose?{period}&metric=net_pnl")
        assert answer.status_code == 409
        assert "is longer than three years" in answer.text


def test_a_form_whose_plan_has_changed_publishes_nothing_and_shows_the_new_plan(address: str) -> None:
    before = ask(address, "/a/1/shares").text.count("<h3>")
    fewer = re.search(r'name="plan" value="(\w{64})"', ask(address, f"/a/1/disclose?{CHOSEN}&day=2025-07-15").text)
    assert fewer
    for plan in (fewer[1], "0" * 64, " "):
        for action in ("link", "file"):
            answer = ask(address, f"/a/1/disclose?{CHOSEN}", action=action, lasts="7", note="", node="", plan=plan)
            assert answer.status_code == 409
            assert "has changed since you saw it" in answer.text
            assert "2 figures of 5 days" in answer.text
            assert "/s/" not in answer.text
    assert ask(address, "/a/1/shares").text.count("<h3>") == before


def test_behind_tls_the_link_and_the_badge_have_the_origin_of_the_settings(site: Site) -> None:
    settings = site.settings.model_copy(
        update={"web": site.settings.web.model_copy(update={"origin": "https://fntx.example"})}
    )
    secure = site._replace(settings=settings)
    planned = bytes(page_of(secure, f"/a/1/disclose?{CHOSEN}", OWNERS).body).decode()
    pinned = re.search(r'name="plan" value="(\w{64})"', planned)
    assert pinned
    form = {"action": "link", "lasts": "7", "plan": pinned[1]}
    text = html.unescape(bytes(page_of(secure, f"/a/1/disclose?{CHOSEN}", OWNERS, form).body).decode())
    assert re.search(r">https://fntx\.example/s/[\w-]{22}</a>", text)
    assert re.search(r'src="https://fntx\.example/badge/[\w-]{22}"', text)
    assert "http://localhost" not in text


def test_a_link_is_made_seen_listed_and_ended(address: str) -> None:
    path = made(address, note="for Ada")
    assert "net_pnl" in ask(address, path).text
    assert "for Ada" not in ask(address, path).text
    listed = ask(address, "/a/1/shares").text
    assert "for Ada" in listed
    assert "2 times, the badge 0, the file 0" in listed
    [number] = re.findall(r"<h3>(\d+): for Ada", listed)
    assert " by owner</dd>" in listed
    published = ask(address, "/a/1/shares", link=number, do="publish")
    assert published.headers["Location"] == "/a/1/shares?done=publish"
    assert re.search(r'href="/t/0x[0-9a-f]{40}"', ask(address, "/a/1/shares?done=publish").text)
    ended = ask(address, "/a/1/shares", link=number, do="end")
    assert (ended.status_code, ended.headers["Location"]) == (303, "/a/1/shares?done=end")
    assert ask(address, path).status_code == 404
    assert ask(address, "/a/1/shares", link=number, do="end").status_code == 409
    assert "The link has ended" in ask(address, "/a/1/shares?done=end").text
    assert re.search(r"<dt>Until</dt><dd>[^<]+ by owner</dd>", ask(address, "/a/1/shares").text)
    assert "for Ada" not in ask(address, f"/a/1/shares?before={number}").text
    assert ask(address, "/a/1/shares?before=x").status_code == 400


def test_a_file_of_one_day_holds_and_is_listed(address: str) -> None:
    answer = ask(
        address, "/a/1/disclose?from=2025-07-16&to=2025-07-16&metric=net_pnl", action="file", lasts="", note="", node=""
    )
    assert answer.headers["Content-Disposition"] == 'attachment; filename="disclosure-2025-07-16.json"'
    assert check_disclosure(answer.text).holds
    assert [each["name"] for each in json.loads(answer.text)["metrics"]] == ["net_pnl"]
    assert "2025-07-16" in ask(address, "/a/1/shares").text.partition("<h2>Everything shown</h2>")[2]


def test_a_hostile_note_is_shown_as_text(address: str) -> None:
    refused = ask(address, f"/a/1/disclose?{CHOSEN}", action="link", lasts="7", note=HOSTILE, node="")
    assert (refused.status_code, "not one line of text" in refused.text) == (409, True)
    made(address, note=HOSTILE[:-1])
    listed = ask(address, "/a/1/shares").text
    assert "<img" not in listed
    assert "&lt;img src=x onerror=alert(1)&gt;" in listed


@pytest.mark.parametrize(
    ("query", "form", "status"),
    [
        ("from=2025-07-14&to=2025-07-18&metric=no_such", {"action": "link", "lasts": "7"}, 409),
        ("from=2025-07-12&to=2025-07-13&metric=net_pnl", {"action": "link", "lasts": "7"}, 409),
        (CHOSEN, {"action": "file", "lasts": ""}, 409),
        (CHOSEN, {"action": "link", "lasts": "8"}, 400),
        (CHOSEN, {"action": "other"}, 400),
        (f"{CHOSEN}&day=yesterday", {"action": "link", "lasts": "7"}, 400),
        (CHOSEN, {"action": "link", "lasts": "7", "node": "https://me:key@node.example"}, 409),
    ],
)
def test_what_cannot_be_shown_is_refused_with_its_reason(address: str, query: str, form: dict, status: int) -> None:
    answer = ask(address, f"/a/1/disclose?{query}", **form)
    assert answer.status_code == status
    assert "/s/" not in answer.text


def test_another_accounts_link_is_not_there_to_be_ended(address: str) -> None:
    for number in ("999999", "-1", "1 or 1=1", ""):
        assert ask(address, "/a/1/shares", link=number or " ", do="end").status_code in (400, 409)
    assert ask(address, "/a/2/shares", link="1", do="end").status_code == 404


def test_each_session_of_a_year_has_a_cell_with_its_state(site: Site, address: str) -> None:
    [account] = {each.account_id for each in [state.signed for state in _states(site)] if each}
    text = ask(address, "/a/1/verification?year=2025").text
    found = session_states(site.db, account, Period(date(2025, 1, 1), date(2025, 12, 31)))
    newest = max(state.day for state in found if state.state != "missing")
    states = [state for state in found if state.day <= newest]
    assert f"{len(found) - len(states)} sessions of the year after {newest} are not built" in text
    assert text.count('<li class="cell') == len(states)
    signed = [state for state in states if state.signed]
    assert signed
    for state in signed:
        assert state.signed
        assert f"0x{state.signed.root.hex()}" in text
        assert f'<a href="/a/1/day/{state.day}">{state.day.day}</a> <span class="said">{state.state}</span>' in text
    assert "No session of 2001 is built" in ask(address, "/a/1/verification?year=2001").text
    assert ask(address, "/a/1/verification?year=0").status_code == 400


def _states(site: Site):
    from fntx_dagster.services.accounts import numbered_accounts

    [account] = numbered_accounts(site.db)
    return session_states(site.db, account.account_id, Period(date(2025, 1, 1), date(2025, 12, 31)))


@needs_browser
def test_a_person_with_a_keyboard_alone_gets_from_the_accounts_to_a_disclosure(address: str, window: Page) -> None:
    _go(window, f"{address}/")
    _tab_to(window, "document.activeElement.getAttribute('href') === '/a/1'")
    _press(window, "Enter", "\r")
    _at(window, "/a/1")
    _tab_to(window, "document.activeElement.textContent === 'Disclose'")
    _press(window, "Enter", "\r")
    _at(window, "/a/1/disclose")
    _tab_to(window, "document.activeElement.value === 'net_pnl'")
    _press(window, " ", " ")
    _tab_to(window, "document.activeElement.textContent === 'See what follows'")
    _press(window, "Enter", "\r")
    _at(window, "/a/1/disclose", "metric=net_pnl")
    _tab_to(window, "document.activeElement.id === 'note'")
    window.send("Input.insertText", text="by keyboard")
    _tab_to(window, "document.activeElement.textContent === 'Make the link'")
    _press(window, "Enter", "\r")
    _at(window, "/a/1/disclose", title="A link was made")
    _tab_to(window, "document.activeElement.id === 'link'")
    _press(window, "Enter", "\r")
    _at(window, "/s/")
    verdict = window.ask(
        """new Promise((done) => {
            const ready = () => {
                const text = document.getElementById("verdict").textContent;
                if (/^Not checked yet|^Checking/.test(text)) return setTimeout(ready, 50);
                done(text);
            };
            ready();
        })"""
    )
    assert "agree with the owner's own chain" in verdict


def _go(page: Page, url: str) -> None:
    page.events.clear()
    page.send("Page.navigate", url=url)
    page.wait_for("Page.loadEventFired")


def _press(page: Page, key: str, text: str = "") -> None:
    codes = {"Tab": 9, "Enter": 13, " ": 32}
    common = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": codes[key]}
    page.events.clear()
    page.send("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
    page.send("Input.dispatchKeyEvent", type="keyUp", **common)


def _tab_to(page: Page, reached: str) -> None:
    for _ in range(200):
        if page.ask(f"document.activeElement !== null && {reached}"):  # it is, while a page is loaded
            return
        _press(page, "Tab")
    raise AssertionError(f"not reached by keyboard: {reached}")


def _at(page: Page, path: str, more: str = "", title: str = "") -> None:
    """Wait until a page is there."""
    where = "location.pathname + location.search"
    there = f"{where}.startsWith({path!r}) && {where}.includes({more!r}) && document.title.startsWith({title!r})"
    for _ in range(200):
        answer = page.send("Runtime.evaluate", expression=f"document.readyState === 'complete' && {there}")
        if answer["result"].get("value"):
            return
        time.sleep(0.05)
    raise AssertionError(f"not at {path}")


def test_a_period_is_proved_registered_and_refused_where_days_would_stand_alone(address: str) -> None:
    page = html.unescape(ask(address, "/a/1/disclose?from=2025-07-01&to=2025-07-11").text)
    assert 'name="show-twr"' in page
    asked = "/a/1/disclose?from=2025-07-01&to=2025-07-11"
    form = {"action": "period", "show-net_pnl": "1", "show-twr": "1", "drawdown": "-50%", "audience": "a fund"}
    answer = ask(address, asked, **form)
    assert answer.headers["content-disposition"] == 'attachment; filename="period-2025-07-01-2025-07-11.json"'
    period = answer.json()
    assert (period["format"], period["audience"]) == ("fntx.period/1", "a fund")
    assert {"net_pnl", "twr", "drawdown"} <= period["shown"].keys()
    shown = html.unescape(ask(address, "/a/1/shares").text).partition("<h2>Everything shown</h2>")[2]
    assert "2025-07-01 to 2025-07-11" in shown
    assert "a fund" in shown
    refused = ask(address, "/a/1/disclose?from=2025-07-02&to=2025-07-11", **form)
    assert refused.status_code == 409
    assert "would stand alone" in refused.text
    nothing = ask(address, asked, action="period")
    assert (nothing.status_code, "nothing is to be shown" in nothing.text) == (409, True)


def test_before_a_period_is_proved_the_page_says_what_was_amended_after_it_was_shown(site: Site) -> None:
    """As the terminal does: an earlier version was shown of a day, which is signed in a later one now."""
    asked = "/a/1/disclose?from=2025-07-01&to=2025-07-11"
    words = "2025-07-09 was amended after it was shown: both files together show what was corrected"
    assert words not in html.unescape(page_of(site, asked, OWNERS).body.decode())
    [account] = {each.signed.account_id for each in _states(site) if each.signed}
    shown = NewlyShown(account, Period.on(date(2025, 7, 9)), [0], ["record"], PACKAGE, None, "owner")
    register(site.db, [shown])
    assert words in html.unescape(page_of(site, asked, OWNERS).body.decode())
    other = html.unescape(page_of(site, "/a/1/disclose?from=2025-07-14&to=2025-07-18", OWNERS).body.decode())
    assert "was amended" not in other
