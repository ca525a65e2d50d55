"""The doors in a real browser: entering with and without a script, passkeys, and what a page of another site gets."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from fntx_dagster.api.serving import served
from fntx_dagster.services.visitors import signing_in, users
from tests.tools import needs_browser
from tests.verify.browser import Page, browser
from tests.web.doors.conftest import House
from tests.web.looking import complaints, look

pytestmark = needs_browser


@pytest.fixture
def page() -> Iterator[Page]:
    """A browser of its own: its cookies and passkeys go with it."""
    with browser() as window:
        yield window


def here(house: House) -> str:
    """The site as a person opens it: passkeys do not count on an address."""
    return house.url.replace("127.0.0.1", "localhost")


def until(page: Page, expression: str, seconds: float = 60) -> Any:
    """What an expression gives once it is true; the page may change under it meanwhile."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = page.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" not in answer and (value := answer["result"].get("value")):
            return value
        time.sleep(0.05)
    raise AssertionError(f"{expression} is not true on {page.ask('document.body.innerText')}")


def at(page: Page, path: str) -> None:
    until(page, f"document.readyState == 'complete' && location.pathname == {json.dumps(path)}")


def text(page: Page) -> str:
    return page.ask("document.body.innerText")


def enter(page: Page, house: House, name: str | None = None) -> str:
    """Enter by a link: its secret."""
    secret = signing_in.link_of_user(house.db, name) if name else signing_in.link_of_machine(house.db)
    look(page, f"{here(house)}/enter#{secret}")
    at(page, "/")
    return secret


def test_a_link_lets_in_at_once_and_its_secret_stays_in_no_address_request_or_script(house: House, page: Page) -> None:
    secret = enter(page, house)
    assert complaints(page, here(house)) == []
    assert page.ask("location.href") == f"{here(house)}/"
    assert page.ask("document.cookie") == ""
    entries = page.send("Page.getNavigationHistory")["entries"]
    assert not any(secret in entry["url"] or secret in entry["userTypedURL"] for entry in entries)
    sent = [each["params"] for each in page.events if each.get("method") == "Network.requestWillBeSent"]
    assert not any(secret in each["request"]["url"] for each in sent)
    assert not any(secret in f"{each['request'].get('headers')}" for each in sent)
    look(page, f"{here(house)}/enter#{secret}")
    page.ask("document.getElementById('enter').submit()")
    until(page, "!!document.querySelector('[role=alert]')")
    assert "This link was used" in text(page)


def test_a_link_asks_before_it_ends_the_session_of_who_is_signed_in(house: House, page: Page) -> None:
    enter(page, house)
    look(page, f"{here(house)}/enter#{signing_in.link_of_machine(house.db)}")
    until(page, "document.getElementById('code').value.length > 16")
    assert "You are signed in as owner." in text(page)
    assert page.ask("location.pathname") == "/enter"
    page.ask("document.getElementById('enter').submit()")
    at(page, "/")


def test_a_link_pasted_where_the_page_is_shown_already_lets_in(house: House, page: Page) -> None:
    look(page, f"{here(house)}/enter")
    page.ask(f"void (location.hash = '{signing_in.link_of_machine(house.db)}')")
    at(page, "/")


def test_without_a_script_the_link_is_pasted_and_the_pages_are_there(house: House, page: Page) -> None:
    link = f"{here(house)}/enter#{signing_in.link_of_machine(house.db)}"
    look(page, link, scripts=False)
    page.ask("document.getElementById('code').focus()")
    page.send("Input.insertText", text=link)
    press_enter(page)
    at(page, "/")
    assert complaints(page, here(house)) == []
    look(page, f"{here(house)}/account", scripts=False)
    assert "This session ends at" in text(page)
    assert "Adding a passkey" not in text(page)  # a machine without users has none


def press_enter(page: Page) -> None:
    for kind in ("keyDown", "keyUp"):
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
        page.send("Input.dispatchKeyEvent", type=kind, **key)


def click(page: Page, button: str) -> None:
    """Click the button of a name, as a person does: a browser asks for that before it uses a passkey."""
    expression = (
        f"[...document.querySelectorAll('button')].find(each => each.innerText == {json.dumps(button)}).click()"
    )
    answer = page.send("Runtime.evaluate", expression=expression, userGesture=True)
    assert "exceptionDetails" not in answer, answer


def passkeys_of(page: Page, device: str) -> list[dict[str, Any]]:
    return page.send("WebAuthn.getCredentials", authenticatorId=device)["credentials"]


def device(page: Page, *, verifies: bool = True) -> str:
    """A device that keeps passkeys, and knows its user where `verifies`."""
    page.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": verifies,
        "automaticPresenceSimulation": True,
    }
    return page.send("WebAuthn.addVirtualAuthenticator", options=options)["authenticatorId"]


def add_passkey(page: Page, house: House, name: str = "the phone") -> None:
    look(page, f"{here(house)}/account")
    page.ask(f"document.querySelector('[data-passkey] input').value = {json.dumps(name)}")
    click(page, "Add a passkey")
    until(page, f"document.body.innerText.includes({json.dumps(f'{name}, added')})")


def sign_out(page: Page, house: House) -> None:
    look(page, f"{here(house)}/account")
    click(page, "Sign out")
    at(page, "/signin")


def test_a_passkey_is_added_signs_in_and_is_removed(house: House, page: Page) -> None:
    house.user("ada", "trader")
    time.sleep(1.1)  # whether there are users is asked once a second
    enter(page, house, "ada")
    kept = device(page)
    add_passkey(page, house)
    [passkey] = passkeys_of(page, kept)
    assert (passkey["rpId"], passkey["isResidentCredential"]) == ("localhost", True)
    sign_out(page, house)
    look(page, f"{here(house)}/signin?to=%2Forders")
    click(page, "Use a passkey")
    at(page, "/orders")
    assert complaints(page, here(house)) == []
    [session] = users.list_sessions(house.db, "ada")
    assert session.proof == "passkey"
    look(page, f"{here(house)}/account")
    click(page, "Remove")
    until(page, "document.body.innerText.includes('None yet.')")
    sign_out(page, house)
    click(page, "Use a passkey")
    until(page, "document.body.innerText.includes('This passkey is not known here')")
    assert users.list_sessions(house.db, "ada") == []


def test_a_passkey_is_not_added_twice_to_a_device_nor_by_one_that_does_not_know_its_user(
    house: House, page: Page
) -> None:
    house.user("ada", "trader")
    time.sleep(1.1)
    enter(page, house, "ada")
    kept = device(page)
    add_passkey(page, house)
    click(page, "Add a passkey")
    until(page, "document.querySelector('[data-passkey] [role=status]').textContent")
    assert len(passkeys_of(page, kept)) == 1
    page.send("WebAuthn.removeVirtualAuthenticator", authenticatorId=kept)
    unsure = device(page, verifies=False)
    look(page, f"{here(house)}/account")
    click(page, "Add a passkey")
    until(page, "document.querySelector('[data-passkey] [role=status]').textContent")
    assert "passkey, added" not in text(page)
    assert passkeys_of(page, unsure) == []


SIGN = """(async () => {
    const read = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (s) => s.charCodeAt(0));
    const write = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
        .replace(/\\+/g, '-').replace(/\\//g, '_').replace(/=+$/, '');
    const post = (fields) => fetch('/signin/passkey', {method: 'POST', body: new URLSearchParams(fields)});
    const options = await (await post({})).json();
    const given = await navigator.credentials.get({publicKey: {...options, challenge: read(options.challenge),
        allowCredentials: []}});
    const answer = {id: given.id, rawId: write(given.rawId), type: given.type, response: {}};
    for (const name of ['clientDataJSON', 'authenticatorData', 'signature', 'userHandle'])
        answer.response[name] = write(given.response[name]);
    const tampered = structuredClone(answer);
    tampered.response.signature = tampered.response.signature.replace(/./, (s) => s == 'M' ? 'N' : 'M');
    const statuses = [];
    for (const each of CHANGES) statuses.push((await post({answer: JSON.stringify(each)})).status);
    return statuses;
})()"""


@pytest.mark.parametrize(
    ("changes", "statuses"),
    [
        ("[answer, answer]", [200, 403]),
        ("[tampered, answer]", [403, 403]),
        ("[{...answer, id: 'AAAA', rawId: 'AAAA'}, {}, null, []]", [403, 403, 403, 403]),
        ("[{...answer, response: {...answer.response, userHandle: 'AAAA'}}]", [403]),
    ],
)
def test_what_a_passkey_signed_counts_once_and_whole(
    house: House, page: Page, changes: str, statuses: list[int]
) -> None:
    house.user("ada", "trader")
    time.sleep(1.1)
    enter(page, house, "ada")
    device(page)
    add_passkey(page, house)
    sign_out(page, house)
    asked = {"expression": SIGN.replace("CHANGES", changes), "userGesture": True}
    answer = page.send("Runtime.evaluate", awaitPromise=True, returnByValue=True, **asked)
    assert answer["result"].get("value") == statuses, answer


FOREIGN = """<!doctype html><title>A page of another site</title>
<form id="form" method="post" action="{site}/signout" target="{target}"><input name="do" value="x"></form>
<iframe name="inside"></iframe>"""


@contextmanager
def foreign(site: str) -> Iterator[str]:
    """A page of another origin, on this machine too: of the same site, as browsers call it: cookies go along."""

    async def show(request: Request) -> HTMLResponse:
        return HTMLResponse(FOREIGN.format(site=site, target=request.query_params.get("target", "_self")))

    with served(Starlette(routes=[Route("/", show)])) as url:
        yield url.replace("127.0.0.1", "localhost")


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_page_of_another_origin_posts_fetches_follows_and_frames_nothing_of_ours(
    house: House, page: Page, name: str
) -> None:
    """`localhost` on another port is the same site, whose pages a browser sends our cookies for; 127.0.0.1 is not."""
    enter(page, house)
    site = here(house)
    with foreign(site) as evil:
        evil = evil.replace("localhost", name)
        look(page, evil)
        assert page.ask(asked(f"fetch('{site}/account')")) == "TypeError"
        assert page.ask(asked(f"fetch('{site}/account', {{credentials: 'include'}})")) == "TypeError"
        no_cors = "{mode: 'no-cors', credentials: 'include'}"
        assert page.ask(asked(f"fetch('{site}/account', {no_cors})")) == "TypeError"
        page.ask(asked(f"fetch('{site}/signout', {{method: 'POST', mode: 'no-cors', credentials: 'include'}})"))
        page.ask(asked(f"navigator.sendBeacon('{site}/signout')"))
        assert page.ask(SOCKET.replace("SITE", site.replace("http:", "ws:"))) == "closed 1006"
        assert is_signed_in(house)
        page.ask(f"document.querySelector('iframe').src = '{site}/account'")
        said = logged(page, "Framing")
        assert "frame-ancestors 'none'" in said, said
        look(page, evil)
        page.ask("document.getElementById('form').submit()")
        until(page, f"location.href == '{site}/signout'")
        assert text(page).strip() == "The request comes from a page of another origin."
        assert is_signed_in(house)
    look(page, f"{site}/account")
    assert "This session ends at" in text(page)


SOCKET = """new Promise(done => {
    const socket = new WebSocket('SITE/live');
    socket.onopen = () => done('opened');
    socket.onclose = (event) => done(`closed ${event.code}`);
})"""


def logged(page: Page, word: str) -> str:
    """The first entry of the browser's log that begins with a word."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        page.ask("new Promise(done => setTimeout(done, 50))")
        entries = [each["params"]["entry"]["text"] for each in page.events if each.get("method") == "Log.entryAdded"]
        if found := [entry for entry in entries if entry.startswith(word)]:
            return found[0]
    raise AssertionError(f"the browser logged nothing of {word}")


def asked(promise: str) -> str:
    """What a promise came to: the answer's type, or the error's name."""
    return f"Promise.resolve({promise}).then(answer => answer.type || `${{answer}}`, error => error.name)"


def is_signed_in(house: House) -> bool:
    return len(users.list_sessions(house.db)) == 1


def test_the_log_of_the_sign_ins_holds_no_secret(house: House, page: Page) -> None:
    secret = enter(page, house)
    look(page, f"{here(house)}/system/visitors")
    shown = text(page)
    assert "signed in" in shown
    cookies = page.send("Network.getCookies", urls=[here(house)])["cookies"]
    assert [(each["name"], each["httpOnly"], each["sameSite"]) for each in cookies] == [("fntx", True, "Strict")]
    assert not re.search("|".join([re.escape(secret), *(re.escape(each["value"]) for each in cookies)]), shown)
