"""What a stranger sees of a link, in a real browser: an honest server, and servers that lie on purpose."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import pytest
import requests
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.types import ASGIApp

from fntx_dagster.adapters.evm.attestations import attestations_address
from fntx_dagster.api.serving import served
from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period
from fntx_dagster.report.clock import HONG_KONG
from fntx_dagster.services.sharing.making import LinkTerms, digest_of, make_link, publish_link
from fntx_dagster.services.sharing.node import OwnNode
from fntx_dagster.services.sharing.showing import ShownLinks
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.shares import making, reading
from fntx_dagster.store.shares.making import NewDisclosure, NewLink
from fntx_dagster.web.app import make_site
from fntx_dagster.web.asking import Site
from tests.services.sharing.conftest import Owner, owner  # noqa: F401 - a fixture
from tests.tools import needs_browser
from tests.verify.browser import Page, browser
from tests.verify.cases import forged
from tests.verify.past import CORRECTED, DAYS, LAST, LATE, METRICS, MISSING, ON_TIME, Past, a_past
from tests.verify.pins import PAGE
from tests.web.looking import WIDTHS, look, runs_over, violations
from tests.web.lying import lying_server

ACCOUNT, NOTE, TOKEN = "U7654321", "for <script>alert(1)</script>", "abcdefghijklmnopqrstuv"
PERIOD = Period(DAYS[0], DAYS[-1])


class Public(NamedTuple):
    """A site with one link, whose days have had all sorts of fates, and a node of its chain."""

    app: ASGIApp
    db: Database
    past: Past
    node: str
    share_id: int


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    with a_past(tmp_path_factory.mktemp("past")) as made:
        yield made


@pytest.fixture(scope="module")
def public(past: Past, module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Public]:
    from fntx_dagster.adapters.evm.served import serve

    site = Site(Settings(home=tmp_path_factory.mktemp("home")), module_database, HONG_KONG)
    with serve(past.node.provider) as node:
        share_id = link(module_database, past, TOKEN, node)
        with patch("fntx_dagster.web.public._PAGES", 10_000):  # one address asks for all tests
            yield Public(make_site(site, PlainTextResponse("api")), module_database, past, node, share_id)


def link(
    db: Database,
    past: Past,
    token: str,
    node: str | None,
    days: list[date] | None = None,
    until: datetime | None = None,
) -> int:
    disclosures = [NewDisclosure(day, 1, METRICS, past.documents[day]) for day in days or past.documents]
    return making.add_link(
        db, NewLink(ACCOUNT, digest_of(token), NOTE, PERIOD, "XNYS", node, until, "ada"), disclosures
    )


@pytest.fixture(scope="module")
def address(public: Public) -> Iterator[str]:
    with served(public.app) as url:
        yield url


@pytest.fixture(scope="module")
def opened() -> Iterator[Page]:
    with browser() as page:
        yield page


def settled(page: Page, url: str, document: str = "document") -> str:
    """The verdict of a page once it has one."""
    page.events.clear()
    page.send("Page.navigate", url=url)
    page.wait_for("Page.loadEventFired")
    return page.ask(
        f"""new Promise((done) => {{
            const ready = () => {{
                const text = {document}.getElementById("verdict")?.textContent ?? "";
                if (!text || /^Not checked yet|^Checking|: not checked$/.test(text)) return setTimeout(ready, 20);
                done(text);
            }};
            setTimeout(ready, 20);
        }})"""
    )


def states(page: Page) -> dict[str, str]:
    rows = page.ask("[...document.querySelectorAll('#days tr')].map((row) => [row.dataset.day, row.dataset.state])")
    return dict(rows)


def lines(page: Page) -> str:
    return page.ask("document.getElementById('lines').innerText")


@needs_browser
def test_an_honest_page_names_each_session_and_asks_its_server_and_the_node_alone(
    public: Public, address: str, opened: Page
) -> None:
    verdict = settled(opened, f"{address}/s/{TOKEN}")
    assert verdict == "4 days agree with the owner's own chain: 1 session missing, 1 posted late, 1 corrected since"
    assert states(opened) == {
        f"{ON_TIME}": "holds",
        f"{LATE}": "late",
        f"{CORRECTED}": "corrected",
        f"{MISSING}": "missing",
        f"{LAST}": "holds",
    }
    assert "said otherwise" not in lines(opened)
    asked = [
        each["params"]["request"]["url"] for each in opened.events if each["method"] == "Network.requestWillBeSent"
    ]
    assert {"/".join(each.split("/")[:3]) for each in asked} == {address, public.node.rstrip("/")}
    assert not [each for each in opened.events if each["method"] in ("Runtime.exceptionThrown", "Log.entryAdded")]
    assert opened.ask("document.querySelectorAll('#days b, #days img').length") == 0


def _values(change: Callable[[dict], object]) -> Callable[[str], str]:
    """A lie about the first disclosure of a series, whose checksum is made to fit."""

    def lie(text: str) -> str:
        series = json.loads(text)
        change(series)
        return json.dumps(series, separators=(",", ":"))

    return lie


def _another_value(series: dict) -> None:
    series["disclosures"][0]["metrics"][0] |= {"scaled": "99900000000", "value": "999.00000000"}


def _hidden(day: date) -> Callable[[dict], None]:
    def hide(series: dict) -> None:
        series["disclosures"] = [each for each in series["disclosures"] if each["date"] != f"{day}"]

    return hide


def _without_row(day: date) -> Callable[[str], str]:
    return lambda page: re.sub(rf'<tr data-day="{day}">.*?</tr>', "", page, flags=re.DOTALL)


@needs_browser
@pytest.mark.parametrize(
    ("lies", "day", "state", "words"),
    [
        ({"/series": _values(_another_value)}, ON_TIME, "does not hold", "Does not hold: 1 of 4 days"),
        (
            {TOKEN: lambda page: page.replace("2.00000000", "999.00000000", 1)},
            ON_TIME,
            "holds",
            "Does not hold: the owner's page said otherwise of 2025-07-14",
        ),
        (
            {TOKEN: lambda page: page.replace("not checked</td>", "posted in time</td>")},
            LATE,
            "late",
            "1 posted late",
        ),
        ({}, CORRECTED, "corrected", "1 corrected since"),
        ({"/series": _values(_hidden(LAST)), TOKEN: _without_row(LAST)}, LAST, "left out", "1 left out"),
        ({"/series": _values(_hidden(LAST))}, LAST, "left out", "said otherwise of 2025-07-18"),
        ({TOKEN: _without_row(LATE)}, LATE, "late", "said otherwise of 2025-07-15"),
        ({"/series": _values(lambda series: series.update(calendar="24/7"))}, MISSING, "missing", "1 session missing"),
    ],
    ids=["value", "value on the page", "late", "corrected", "hidden", "hidden in the file", "row", "calendar"],
)
def test_a_server_that_lies_is_found_out(
    public: Public, opened: Page, lies: dict, day: date, state: str, words: str
) -> None:
    with lying_server(public.app, lies) as url:
        verdict = settled(opened, f"{url}/s/{TOKEN}")
    assert states(opened)[f"{day}"] == state
    assert words in verdict
    if "said otherwise" in words:
        assert words.partition("said")[2] in lines(opened)


@needs_browser
def test_a_chain_of_the_liars_choice_is_found_out(public: Public, opened: Page) -> None:
    text = forged(json.loads(public.past.documents[ON_TIME]) | {"chain_id": "1"})
    other = public.past._replace(documents={**public.past.documents, ON_TIME: text}).series()
    with lying_server(public.app, {"/series": lambda _: other}) as url:
        assert settled(opened, f"{url}/s/{TOKEN}").startswith("Does not hold: 1 of 4")
        assert "the disclosures differ in chain_id" in lines(opened)
    moved = {day: forged(json.loads(text) | {"chain_id": "1"}) for day, text in public.past.documents.items()}
    with lying_server(public.app, {"/series": lambda _: public.past._replace(documents=moved).series()}) as url:
        assert settled(opened, f"{url}/s/{TOKEN}") == "Does not hold: 4 of 4 days"


@needs_browser
@pytest.mark.parametrize("nonsense", ["", "{}", "null", '{"format":"fntx.series/1"}', "<b>no</b>"])
def test_a_server_that_sends_no_series_is_named(public: Public, opened: Page, nonsense: str) -> None:
    with lying_server(public.app, {"/series": lambda _: nonsense}) as url:
        assert settled(opened, f"{url}/s/{TOKEN}").startswith("Does not hold: the owner's server sends no series")
        assert settled(opened, f"{url}/badge/{TOKEN}").startswith("Does not hold: ")


@needs_browser
def test_a_visitor_chooses_another_node_and_a_node_that_is_away_is_no_verdict(
    public: Public, address: str, opened: Page
) -> None:
    settled(opened, f"{address}/s/{TOKEN}")
    opened.ask("(() => { document.getElementById('node').value = 'http://127.0.0.1:9'; })()")
    opened.ask("(() => { document.getElementById('asking').requestSubmit(); })()")
    opened.ask("new Promise((done) => setTimeout(done, 500))")
    assert opened.ask("document.getElementById('verdict').textContent").startswith("Not checked on the chain")
    assert states(opened)[f"{ON_TIME}"] == "not checked"


@needs_browser
def test_the_badge_is_checked_in_the_frame_of_another_site(public: Public, address: str, opened: Page) -> None:
    assert settled(opened, f"{address}/badge/{TOKEN}").startswith("4 days agree with the owner's own chain: 1 session")
    asked: list[str] = []

    def told(text: str) -> str:
        asked.append(text)
        return text

    with lying_server(public.app, {"/series": told}) as url:
        for path, times in ((f"/badge/{TOKEN}", 1), (f"/s/{TOKEN}", 0)):  # the page itself lets nobody frame it
            asked.clear()
            with served(HTMLResponse(f'<iframe src="{url}{path}" width="420" height="90"></iframe>')) as elsewhere:
                opened.events.clear()
                opened.send("Page.navigate", url=elsewhere)
                opened.wait_for("Page.loadEventFired")
                opened.ask("new Promise((done) => setTimeout(done, 1500))")
            assert len(asked) == times


@pytest.fixture(scope="module")
def trader(public: Public) -> str:
    """The path of the trader's own page, which lists the link."""
    return publish_link(public.db, public.share_id, {ACCOUNT}, by="ada")


@needs_browser
def test_the_page_of_a_trader_checks_what_he_shows_to_everybody_and_leads_to_each_day(
    public: Public, address: str, opened: Page, trader: str
) -> None:
    assert trader == f"/t/{json.loads(public.past.documents[ON_TIME])['trader'].lower()}"
    look(opened, address + trader)
    verdict = opened.ask(
        """new Promise((done) => {
            const ready = () => {
                const text = document.querySelector(".verdict").textContent;
                return text === "Not checked yet" ? setTimeout(ready, 20) : done(text);
            };
            ready();
        })"""
    )
    assert verdict == "4 days agree with the owner's own chain: 1 session missing, 1 posted late, 1 corrected since"
    assert "Net P&L" in opened.ask("document.querySelector('.card').innerText")
    path = opened.ask("document.querySelector('.card a').getAttribute('href')")
    assert path == f"{trader}/{public.share_id}"
    assert settled(opened, address + path) == verdict
    assert "said otherwise" not in lines(opened)
    assert opened.ask("document.querySelector('#days .words').textContent") == "Net P&L"


def test_a_page_of_a_trader_says_of_each_period_on_which_chain_it_is(public: Public, address: str, trader: str) -> None:
    own = ShownLinks(public.db).published_by(trader.removeprefix("/t/"))[0]
    elsewhere = own._replace(chain_id="1", contract=f"0x{'9' * 40}", node=None)
    assert own.is_own_chain
    with patch.object(ShownLinks, "published_by", return_value=[elsewhere, own]):
        head, *cards = requests.get(address + trader).text.split('<section class="card"')
    assert ["The chain is the owner’s own" in part for part in (head, *cards)] == [False, False, True]
    assert [shown.contract in card for shown, card in zip((elsewhere, own), cards, strict=True)] == [True, True]


def test_a_page_of_a_trader_has_what_he_published_alone_until_it_ends(
    public: Public, address: str, trader: str
) -> None:
    token = "P" * 22
    hidden, shown = (link(public.db, public.past, letter * 22, None, [ON_TIME]) for letter in ("H", "P"))
    assert f"{trader}/{shown}" not in requests.get(address + trader).text
    assert publish_link(public.db, shown, by="ada") == trader
    text = requests.get(address + trader).text
    assert f'href="{trader}/{shown}"' in text
    assert f"{trader}/{hidden}" not in text
    assert requests.get(address + trader.upper().replace("/T/0X", "/t/0x")).text.count("card") == text.count("card")
    for path in (f"{trader}/{shown}", f"{trader}/{shown}/series", f"{trader}/{shown}/series.json"):
        assert requests.get(address + path).status_code == 200
        assert requests.get(address + path).text.count(token) == 0
    ended = making.end_link(public.db, shown, "ada")
    answers = [
        requests.get(address + path)
        for path in (
            f"{trader}/{shown}",
            f"{trader}/{hidden}",
            f"{trader}/{shown}/series",
            f"/t/0x{'0' * 40}",
            f"/t/0x{'0' * 40}/{public.share_id}",
            "/t/..%2f..%2fetc",
            f"{trader}/{'9' * 30}",
        )
    ]
    assert ended
    assert {(answer.status_code, answer.content) for answer in answers} == {(404, answers[0].content)}
    with pytest.raises(Permanent, match="has ended"):
        publish_link(public.db, shown, by="ada")


@needs_browser
@pytest.mark.parametrize("width", WIDTHS)
def test_the_pages_for_strangers_are_whole_for_everybody_on_every_screen(
    address: str, opened: Page, width: int, trader: str
) -> None:
    for path in (f"/s/{TOKEN}", f"/badge/{TOKEN}", trader):
        for dark in (False, True):
            look(opened, address + path, width, dark=dark)
            assert runs_over(opened) + violations(opened) == []
    opened.send("Emulation.clearDeviceMetricsOverride")


@needs_browser
def test_a_badge_without_a_node_says_that_nothing_was_checked(public: Public, address: str, opened: Page) -> None:
    token = "N" * 22
    link(public.db, public.past, token, None, [ON_TIME])
    verdict = settled(opened, f"{address}/badge/{token}")
    assert verdict == "1 day agrees with itself. Not checked on the chain: give a node"


def test_what_has_ended_has_expired_or_never_was_looks_alike(public: Public, address: str) -> None:
    ended, expired = "E" * 22, "X" * 22
    making.end_link(public.db, link(public.db, public.past, ended, public.node), "ada")
    until = datetime.now(UTC) + timedelta(seconds=0.5)
    link(public.db, public.past, expired, public.node, until=until)
    with public.db.connect() as connection:
        connection.execute("select pg_sleep(extract(epoch from %s - clock_timestamp()) + 0.01)", (until,))
    answers = [
        requests.get(f"{address}{path}")
        for token in (ended, expired, "U" * 22, TOKEN[:-1], f"{TOKEN}x", "..%2f..%2fetc", "%00")
        for path in (f"/s/{token}", f"/s/{token}/series", f"/s/{token}/series.json", f"/badge/{token}")
    ]
    assert {(answer.status_code, answer.content) for answer in answers} == {(404, answers[0].content)}
    assert "no such link, or it has ended" in answers[0].text


def test_no_answer_holds_the_account_the_note_or_a_figure_that_was_not_chosen(
    public: Public, address: str, trader: str
) -> None:
    of_link = (f"/s/{TOKEN}", f"/s/{TOKEN}/series", f"/s/{TOKEN}/series.json", f"/badge/{TOKEN}")
    for path in (*of_link, trader, f"{trader}/{public.share_id}", f"{trader}/{public.share_id}/series"):
        answer = requests.get(address + path)
        assert answer.status_code == 200
        for hidden in (ACCOUNT, "alert(1)", NOTE, 'closing_nav_official","value'):
            assert hidden not in answer.text
        assert "Set-Cookie" not in answer.headers
        assert (answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    series = json.loads(requests.get(f"{address}/s/{TOKEN}/series").text)
    assert {metric["name"] for each in series["disclosures"] for metric in each["metrics"]} == set(METRICS)


def test_a_page_without_script_shows_every_figure_and_says_that_none_is_checked(address: str) -> None:
    text = requests.get(f"{address}/s/{TOKEN}").text
    assert [f"net_pnl {number}.00000000 HKD" in text for number in (2, 3, 4, 6)] == [True] * 4
    assert "nothing on this page is checked" in text
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=", text)


def test_an_address_that_asks_too_often_waits_a_minute_and_others_do_not(
    public: Public, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fntx_dagster.web.public._PAGES", 3)
    web = Settings.model_validate({"web": {"origin": "https://fntx.example", "proxies": ["127.0.0.1"]}}).web
    settings = Settings(home=Path("unused")).model_copy(update={"web": web})
    app = make_site(Site(settings, public.db, HONG_KONG), PlainTextResponse("api"))
    with served(app) as url:

        def status(address: str) -> int:
            headers = {"Host": "fntx.example", "X-Forwarded-For": address}
            return requests.get(f"{url}/badge/{TOKEN}", headers=headers).status_code

        assert [status("198.51.100.7") for _ in range(5)] == [200, 200, 200, 429, 429]
        assert status("198.51.100.8") == 200


def test_what_a_link_shows_is_read_once_and_whether_it_is_open_each_time(
    public: Public, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, reads = "K" * 22, []
    share_id = link(public.db, public.past, token, None)
    read = reading.documents
    monkeypatch.setattr(reading, "documents", lambda *given: reads.append(given) or read(*given))
    links = ShownLinks(public.db)
    first = links.shown_by(token)
    assert first
    assert (links.shown_by(token), len(reads)) == (first, 1)
    making.end_link(public.db, share_id, "ada")
    assert links.shown_by(token) is None


def test_views_are_counted_where_they_happen(public: Public, address: str) -> None:
    token = "V" * 22
    share_id = link(public.db, public.past, token, None)
    for path, times in ((f"/s/{token}", 3), (f"/badge/{token}", 2), (f"/s/{token}/series.json", 1)):
        for _ in range(times):
            answer = requests.get(address + path)
            if asked := re.search(r'data-series="([^"]+)"', answer.text):  # as the page's script does
                assert requests.get(address + asked[1]).status_code == 200
    requests.head(f"{address}/s/{token}")
    [row] = reading.links(public.db, share_id=share_id)
    assert (row.views, row.badges, row.files) == (3, 2, 1)
    marked = re.search(r'data-series="[^"]+(\?[^"]+)"', requests.get(f"{address}/s/{TOKEN}").text)
    assert marked
    for query in ("", "?of=", "?of=x", f"?of={'0' * 32}", "?of=%C3%BC", marked[1]):  # another link's does not count
        assert requests.get(f"{address}/s/{token}/series{query}").status_code == 200
    [row] = reading.links(public.db, share_id=share_id)
    assert (row.views, row.badges, row.files) == (3, 2, 7)


def test_the_page_that_checks_is_served_as_it_is_published(address: str) -> None:
    answer = requests.get(f"{address}/v")
    assert answer.content == PAGE.read_bytes()
    assert re.search(r"script-src 'sha256-[^']+'.*frame-ancestors 'none'", answer.headers["Content-Security-Policy"])


@needs_browser
def test_a_days_link_leads_to_the_page_that_checks_it_alone(address: str, opened: Page) -> None:
    text = requests.get(f"{address}/s/{TOKEN}").text
    path = re.search(r'href="(/v#[^"]+)"', text)
    assert path
    assert settled(opened, address + path[1]) == "Holds, as far as checked"
    assert not [each for each in opened.events if each["method"] in ("Runtime.exceptionThrown", "Log.entryAdded")]


def test_a_site_without_a_chain_of_its_own_serves_none(address: str) -> None:
    answer = requests.post(f"{address}/chain", json={"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []})
    assert answer.status_code == 404


@pytest.fixture
def own(owner: Owner) -> Iterator[tuple[str, str]]:  # noqa: F811 - the fixture
    """A site whose records are on its own embedded chain, and the path of a link to them."""
    made = make_link(owner.settings, owner.db, "U7000001", PERIOD, ["net_pnl"], LinkTerms(), by="ada")
    with served(make_site(Site(owner.settings, owner.db, HONG_KONG), PlainTextResponse("api"))) as url:
        yield url, made.path


@needs_browser
def test_where_the_chain_is_the_owners_own_the_page_says_what_that_is_worth(own: tuple[str, str], opened: Page) -> None:
    url, path = own
    verdict = settled(opened, url + path)
    assert verdict.startswith("3 days agree with the owner's own chain: 2 sessions missing")
    assert opened.ask("document.getElementById('verdict').className") == "verdict open"
    assert "You cannot check when it was posted" in opened.ask("document.getElementById('own-node').textContent")
    asked = {
        each["params"]["request"]["url"] for each in opened.events if each["method"] == "Network.requestWillBeSent"
    }
    assert f"{url}/chain" in asked
    assert settled(opened, url + path.replace("/s/", "/badge/")).startswith("3 days agree with the owner's own chain")


@needs_browser
def test_an_owner_cannot_pass_his_own_chain_off_as_a_public_one_by_naming_its_node(
    own: tuple[str, str],
    owner: Owner,  # noqa: F811
    opened: Page,
) -> None:
    url, _ = own
    terms = LinkTerms(node=f"{url}/chain")
    path = make_link(owner.settings, owner.db, "U7000001", PERIOD, ["net_pnl"], terms, by="ada").path
    for place in (path, path.replace("/s/", "/badge/")):
        assert settled(opened, url + place).startswith("3 days agree with the owner's own chain: 2 sessions missing")
        assert opened.ask("document.getElementById('verdict').className") == "verdict open"
    assert "The chain is the owner’s own" in requests.get(url + path).text


def test_the_owners_node_answers_what_the_page_asks_and_nothing_else(own: tuple[str, str], owner: Owner) -> None:  # noqa: F811
    url, _ = own

    def ask(method: object, *params: object) -> dict:
        question = json.dumps({"id": 7, "method": method, "params": params})
        return requests.post(f"{url}/chain", data=question).json()

    contract = owner.chain.contract
    assert int(ask("eth_chainId")["result"], 16) == owner.chain.chain_id
    assert len(ask("eth_getCode", contract.lower(), "latest")["result"]) > 1000
    book, topics = attestations_address(contract), ["0x" + "11" * 32, None, "0x" + "22" * 32]
    assert ask("eth_getCode", book, "latest")["result"] == "0x"
    assert ask("eth_getLogs", {"address": book, "topics": topics})["result"] == []
    for method, *params in (
        ("eth_sendRawTransaction", "0x00"),
        ("eth_sendTransaction", {}),
        ("eth_accounts",),
        ("eth_getLogs", {}),
        ("eth_getLogs", {"address": contract, "topics": topics}),
        ("evm_mine",),
        ("debug_traceTransaction", "0x00"),
        ("eth_getCode", owner.chain.fntx_contract, "latest"),
        ("eth_call", {"to": None, "data": "0x5b600056"}, "latest"),
        ("eth_call", "latest"),
        ("eth_call", [], {}),
        ([],),
        ({},),
        (None,),
    ):
        assert ask(method, *params)["error"]["code"] == -32601, method
    for body in (b"", b"[]", b"null", b"[" * 10_000, b"\xff", b'[{"method":"eth_chainId"}]'):
        assert requests.post(f"{url}/chain", data=body).json()["error"]["code"] == -32600
    assert requests.post(f"{url}/chain", data=b"x" * 60_000).status_code == 413
    assert requests.get(f"{url}/chain").status_code == 405


def test_questions_that_cost_much_wait_for_each_other_and_not_the_pages_for_them(
    own: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, path = own
    may_end, told, real = threading.Event(), threading.Event(), OwnNode.answer

    def slow(node: OwnNode, body: bytes) -> bytes:
        told.set()
        may_end.wait(60)
        return real(node, body)

    monkeypatch.setattr(OwnNode, "answer", slow)
    question = json.dumps({"id": 7, "method": "eth_chainId", "params": []})
    with ThreadPoolExecutor(60) as askers:
        asked = [askers.submit(requests.post, f"{url}/chain", data=question, timeout=60) for _ in range(60)]
        assert told.wait(30)
        refused = [each.result().status_code for each in islice(as_completed(asked, 60), 44)]
        assert refused == [429] * 44
        assert requests.get(url + path, timeout=60).status_code == 200  # 16 wait, and no page for them
        may_end.set()
        assert sorted(each.result().status_code for each in asked) == [200] * 16 + [429] * 44
