"""A series of days in a real browser: every way in which it is not what it seems is found and named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from fntx_dagster.metrics.catalogue import CATALOGUES, EXTENSIONS
from fntx_dagster.proof.packing import fragment_of, packed
from tests.tools import needs_browser
from tests.verify.browser import Page, browser
from tests.verify.cases import forged
from tests.verify.past import CORRECTED, DAYS, LAST, LATE, MISSING, ON_TIME, Past, a_past
from tests.verify.pins import PAGE


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    with a_past(tmp_path_factory.mktemp("past")) as made:
        yield made


@pytest.fixture(scope="module")
def url(past: Past) -> Iterator[str]:
    from fntx_dagster.adapters.evm.served import serve

    with serve(past.node.provider) as served:
        yield served


@pytest.fixture(scope="module")
def opened() -> Iterator[Page]:
    with browser() as page:
        page.open(PAGE)
        yield page


@pytest.fixture
def checked(opened: Page, url: str):
    """What the page finds in a series: its verdict, its lines, and for each day the state and the lines."""

    def check(text: str, node: str | None = None) -> dict:
        return opened.ask(
            f"""(async () => {{
                const result = await fntx.checkSeries(fntx.readSeries({json.dumps(text)}), {json.dumps(node or url)});
                const days = result.days.map(({{ day, state, lines }}) => [day, [state, lines.join("; ")]]);
                const [verdict, lines] = [fntx.verdictOf(result), fntx.seriesLines(result)];
                return {{ verdict, lines, days: Object.fromEntries(days) }};
            }})()"""
        )

    return check


def refused(page: Page, text: str) -> str:
    return page.ask(f"(() => {{ try {{ fntx.readSeries({json.dumps(text)}); }} catch (e) {{ return e.message; }} }})()")


@needs_browser
def test_each_session_of_the_period_is_named_with_what_the_chain_says_of_it(past: Past, checked) -> None:
    found = checked(past.series())
    states = {day: state for day, (state, _) in found["days"].items()}
    assert states == {
        f"{ON_TIME}": "holds",
        f"{LATE}": "late",
        f"{CORRECTED}": "corrected",
        f"{MISSING}": "missing",
        f"{LAST}": "holds",
    }
    assert found["verdict"] == {
        "kind": "open",
        "text": "4 days verified in your browser: 1 session missing, 1 posted late, 1 corrected since",
    }
    assert "2.0 days after the session's close, late" in found["days"][f"{LATE}"][1]
    assert (
        "corrected: version 2 replaces it: the broker <b>corrected</b> a fee\ufffd" in found["days"][f"{CORRECTED}"][1]
    )
    [outside] = [line for line in found["lines"] if "outside" in line]
    assert outside == (
        "the chain has 1 more record of this trader outside of this period; all lie from 2025-06-30 to 2025-07-18"
    )


@needs_browser
def test_days_in_order_without_a_remark_are_verified(past: Past, checked) -> None:
    found = checked(past.series(ON_TIME, first=ON_TIME, last=ON_TIME))
    assert found["verdict"] == {
        "kind": "good",
        "text": "1 day verified in your browser: none missing, none late, none corrected",
    }


@needs_browser
def test_a_day_that_is_hidden_is_named(past: Past, checked) -> None:
    found = checked(past.series(ON_TIME, CORRECTED))
    assert found["days"][f"{LAST}"][0] == "left out"
    assert found["days"][f"{MISSING}"][0] == "missing"
    assert "2 left out" in found["verdict"]["text"]


@needs_browser
def test_a_correction_is_shown_as_one_with_its_reason(past: Past, checked) -> None:
    documents = {**past.documents, CORRECTED: past.second}
    found = checked(past._replace(documents=documents).series(CORRECTED, first=CORRECTED, last=CORRECTED))
    state, said = found["days"][f"{CORRECTED}"]
    assert (state, "a correction of version 1: the broker" in said) == ("a correction", True)
    assert "1 shown as corrected" in found["verdict"]["text"]


@needs_browser
def test_a_tampered_value_does_not_hold_whatever_else_is_forged_with_it(past: Past, checked) -> None:
    content = json.loads(past.documents[ON_TIME])
    content["metrics"][0] |= {"scaled": "99900000000", "value": "999.00000000"}
    for text in (json.dumps(content), forged(content)):
        found = checked(past._replace(documents={**past.documents, ON_TIME: text}).series())
        assert found["days"][f"{ON_TIME}"][0] == "does not hold"
        assert found["verdict"] == {"kind": "bad", "text": "Does not hold: 1 of 4 days"}


@needs_browser
def test_another_transaction_and_another_day_do_not_hold(past: Past, checked) -> None:
    on_time, late = (json.loads(past.documents[day]) for day in (ON_TIME, LATE))
    for change, words in (
        ({"transaction": on_time["transaction"]}, "did not post this record"),
        ({"date": f"{LAST}"}, "does not lead to the root"),
    ):
        text = forged(late | change)
        found = checked(past._replace(documents={LATE: text}).series())
        [(state, said)] = [each for each in found["days"].values() if each[0] == "does not hold"]
        assert (state, words in said) == ("does not hold", True), said
        assert found["verdict"]["text"] == "Does not hold: 1 of 1 day"


@needs_browser
def test_a_node_of_another_chain_or_none_at_all_is_no_verdict(past: Past, checked, opened: Page) -> None:
    text = forged(json.loads(past.documents[ON_TIME]) | {"chain_id": "1"})
    assert checked(past._replace(documents={ON_TIME: text}).series())["verdict"]["kind"] == "bad"
    opened.ask(
        """(() => {
            globalThis.kept = globalThis.fetch;
            globalThis.fetch = async (url, asked) => {
                const answer = await (await kept(url, asked)).json();
                if (JSON.parse(asked.body).method === "eth_chainId") answer.result = "0x1";
                return new Response(JSON.stringify(answer));
            };
        })()"""
    )
    verdict = checked(past.series())["verdict"]
    opened.ask("(() => { globalThis.fetch = globalThis.kept; })()")
    assert verdict["kind"] == "open"
    assert verdict["text"].startswith("Not checked on the chain: the node is of another chain: it serves chain 1")
    away = checked(past.series(), "http://127.0.0.1:9")
    assert away["verdict"]["text"].startswith("Not checked on the chain: the browser could not reach the node")
    assert {state for state, _ in away["days"].values()} == {"not checked", "not shown"}


@needs_browser
def test_days_of_two_traders_or_contracts_or_a_day_twice_are_no_series(past: Past, checked) -> None:
    stranger = forged(json.loads(past.documents[LATE]) | {"trader": "0x" + "12" * 20})
    found = checked(past._replace(documents={**past.documents, LATE: stranger}).series())
    assert found["verdict"]["kind"] == "bad"
    assert "the disclosures differ in trader: they are not one trader's record" in found["lines"]
    content = json.loads(past.series())
    content["disclosures"].append(content["disclosures"][0])
    twice = checked(json.dumps(content, separators=(",", ":")))
    assert f"{ON_TIME} is shown twice" in twice["lines"]
    early = checked(past.series(first=LATE))
    assert f"{ON_TIME} is not of the period" in early["lines"]


@needs_browser
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "fntx.series/2"}, "format is not fntx.series/1"),
        ({"calendar": "XLON"}, "calendar is neither"),
        ({"first": "2025-07-20"}, "not the days of a period"),
        ({"last": "2029-07-20"}, "longer than three years"),
        ({"disclosures": []}, "is not a list of 1 to 400"),
        ({"disclosures": [None] * 401}, "is not a list of 1 to 400"),
        ({"more": 1}, "does not have exactly the keys"),
    ],
)
def test_what_is_no_series_is_refused(past: Past, opened: Page, change: dict, words: str) -> None:
    assert words in refused(opened, json.dumps(json.loads(past.series()) | change, separators=(",", ":")))


@needs_browser
@pytest.mark.parametrize("nonsense", [None, 7, "x", [], {}, {"catalogue": "0x12"}, {"extension": 3}])
def test_nonsense_in_the_place_of_a_disclosure_is_a_day_that_does_not_hold(past: Past, checked, nonsense) -> None:
    content = json.loads(past.series(ON_TIME))
    content["disclosures"].append(nonsense)
    found = checked(json.dumps(content, separators=(",", ":")))
    assert found["days"]["disclosure 2"][0] == "does not hold"


@needs_browser
def test_a_packed_disclosure_is_unpacked_to_the_very_same(past: Past, opened: Page) -> None:
    document = past.documents[ON_TIME]
    same = opened.ask(f"JSON.stringify(fntx.unpacked({json.dumps(packed(document))}))")
    assert json.loads(same) == json.loads(document)
    for catalogue in (*CATALOGUES, *EXTENSIONS):
        text = catalogue.canonical().decode()
        tree = packed(json.dumps({"catalogue": text}))
        whole = {"extension": tree, "catalogue": "x"} if catalogue in EXTENSIONS else tree
        unpacked = opened.ask(f"fntx.unpacked({json.dumps(whole)})")
        assert (unpacked["extension"] if catalogue in EXTENSIONS else unpacked)["catalogue"] == text


@needs_browser
def test_a_link_with_a_disclosure_in_its_fragment_is_checked_and_sent_nowhere(past: Past, opened: Page) -> None:
    fragment = fragment_of(past.documents[ON_TIME])
    verdict = _of_fragment(opened, fragment)
    assert verdict == "Holds, as far as checked"
    assert not [each for each in opened.events if fragment in json.dumps(each) and "Network.request" in each["method"]]
    for broken in (fragment[:-9], "A" * 50, "é", fragment + "!", "a" * 100_001):
        assert _of_fragment(opened, broken).startswith("Does not hold: the link ")


@needs_browser
def test_a_fragment_that_would_fill_the_memory_is_refused(opened: Page) -> None:
    import base64
    import zlib

    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = deflater.compress(b"0" * 50_000_000) + deflater.flush()
    assert _of_fragment(opened, base64.urlsafe_b64encode(bomb).decode().rstrip("=")).endswith("the link holds too much")


@needs_browser
def test_a_dropped_series_shows_a_row_for_each_day(past: Past, url: str, opened: Page, tmp_path) -> None:
    opened.open(PAGE)
    file = tmp_path / "series.json"
    file.write_text(past.series())
    opened.ask(f"document.getElementById('rpc').value = {json.dumps(url)}")
    document = opened.send("DOM.getDocument")["root"]["nodeId"]
    chooser = opened.send("DOM.querySelector", nodeId=document, selector="#file")["nodeId"]
    opened.send("DOM.setFileInputFiles", nodeId=chooser, files=[str(file)])
    assert _settled(opened).startswith("4 days verified in your browser")
    rows = opened.ask("[...document.querySelectorAll('#days tr')].map((row) => [row.dataset.day, row.dataset.state])")
    assert [day for day, _ in rows] == [f"{day}" for day in DAYS]
    assert opened.ask("document.querySelectorAll('#days b').length") == 0
    shown = opened.ask("document.querySelector('#days tr').innerText")
    assert "net_pnl 2.00000000 HKD" in shown


def _of_fragment(page: Page, fragment: str) -> str:
    page.ask("(() => { document.getElementById('verdict').textContent = 'Checking …'; })()")
    page.ask(f"(() => {{ location.hash = {json.dumps(quote(fragment))}; }})()")
    return _settled(page)


def _settled(page: Page) -> str:
    return page.ask(
        """new Promise((done) => {
            const ready = () => {
                const text = document.getElementById("verdict").textContent;
                if (text.startsWith("Checking") || text === "No disclosure yet") return setTimeout(ready, 20);
                done(text);
            };
            setTimeout(ready, 60);
        })"""
    )
