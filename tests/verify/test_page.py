"""verify.html as a stranger uses it: opened from a file in a real browser, with a dropped disclosure and a node."""

import json
import random
import re
from html.parser import HTMLParser

import pytest

from fntx_dagster.proof.keccak import keccak256
from tests.tools import needs_browser
from tests.verify.browser import browser
from tests.verify.cases import NO_ROOTS
from tests.verify.odd import odd_node
from tests.verify.pins import PAGE, page_with_pins
from verify import verify as script

UNREACHED = (
    "the browser could not reach the node (address, certificate, or the node does not allow pages to ask it): "
    "try verify.py"
)


@pytest.fixture(scope="module")
def opened():
    with browser() as page:
        yield page


@pytest.fixture
def page(opened):
    opened.open(PAGE)
    return opened


@pytest.fixture
def dropped(page, tmp_path):
    """Drop a disclosure on the page, after a node or a root was typed; the verdict and everything that is shown."""

    def drop(text, rpc="", root=""):
        file = tmp_path / "disclosure.json"
        file.write_text(text)
        page.ask(f"document.getElementById('rpc').value = {json.dumps(rpc)}")
        page.ask(f"document.getElementById('root').value = {json.dumps(root)}")
        data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            page.send("Input.dispatchDragEvent", type=kind, x=300, y=200, data=data)
        return _shown(page)

    return drop


def test_its_constants_and_the_hashes_in_its_policy_are_those_of_today():
    text = PAGE.read_text(encoding="utf-8")
    assert page_with_pins(text) == text, "run python -m tests.verify.pins"


def test_it_loads_nothing_evaluates_nothing_and_labels_every_field():
    text = PAGE.read_text(encoding="utf-8")
    tags = _Tags()
    tags.feed(text)
    assert not any({"src", "style"} & set(attributes) for _, attributes in tags.elements)
    assert not [
        name for name, attributes in tags.elements if name in ("link", "img", "iframe", "base") or "href" in attributes
    ]
    assert not [name for _, attributes in tags.elements for name in attributes if name.startswith("on")]
    assert not re.search(r"\beval\(|new Function|innerHTML|document\.write|insertAdjacentHTML", text)
    labelled = {attributes["for"] for name, attributes in tags.elements if name == "label"}
    assert labelled == {attributes["id"] for name, attributes in tags.elements if name in ("input", "textarea")}


@needs_browser
def test_opened_from_a_file_it_runs_under_its_policy_without_a_complaint(page):
    assert page.ask("document.getElementById('verdict').textContent") == "No disclosure yet"
    loaded = [
        event["params"]["request"]["url"] for event in page.events if event.get("method") == "Network.requestWillBeSent"
    ]
    assert loaded == [PAGE.as_uri()]
    assert not [event for event in page.events if event.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded")]


@needs_browser
def test_its_keccak_is_keccak(page):
    rng = random.Random(4)
    some = [rng.randbytes(length) for length in (*range(0, 300, 9), 135, 136, 137, 271, 272, 273, 5000)]
    asked = json.dumps([list(each) for each in some])
    hashes = page.ask(f"{asked}.map((bytes) => fntx.hexOf(fntx.keccak256(Uint8Array.from(bytes))))")
    assert hashes == [f"0x{keccak256(each).hex()}" for each in some]


@needs_browser
def test_without_a_node_it_says_what_it_did_not_check(shown, dropped, page):
    verdict, said = dropped(shown.texts["posted"])
    assert verdict == "Holds, as far as checked"
    assert "net_pnl -12.50000000 HKD leads to the root" in said
    assert "delta null (not defined) ratio leads to the root" in said
    steps = page.ask("fntx.STEPS")
    assert steps == script.STEPS
    assert f"Not checked {' '.join(f'{step} (give an RPC URL)' for step in steps.values())} whether the trader" in said


@needs_browser
def test_a_pasted_root_is_compared(shown, dropped):
    assert dropped(shown.texts["posted"], root=shown.root.upper().replace("X", "x"))[0] == "Holds, as far as checked"
    verdict, said = dropped(shown.texts["posted"], root="0x" + "12" * 32)
    assert verdict == "Does not hold"
    assert "root is not the one that was given" in said
    for no_root in NO_ROOTS:
        assert dropped(shown.texts["posted"], root=no_root)[0].startswith("The root that you gave is no root")


@needs_browser
def test_an_amount_without_the_letters_of_its_currency_says_so(shown, dropped):
    undisclosed = "(in the account's base currency, which is not disclosed)"
    assert f"net_pnl -12.50000000 {undisclosed} leads to the root" in dropped(shown.texts["amount alone"])[1]


@needs_browser
@pytest.mark.parametrize("width", [360, 900])
def test_on_a_narrow_screen_no_amount_is_broken_and_each_verdict_is_seen(shown, dropped, page, width):
    page.send("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    try:
        dropped(shown.texts["posted"])
        lines, ends, above = page.ask("""[
          [...document.querySelectorAll("td.value")].map((cell) => {
            const range = document.createRange();
            range.selectNodeContents(cell);
            return range.getClientRects().length;
          }),
          [...document.querySelectorAll("td.holds")].map((cell) => cell.getBoundingClientRect().right),
          getComputedStyle(document.querySelector("#metrics-part h2")).marginTop,
        ]""")
    finally:
        page.send("Emulation.clearDeviceMetricsOverride")
    assert lines == [1, 1, 1]
    assert max(ends) <= width
    assert above == "0px"


@needs_browser
def test_a_file_that_is_chosen_is_checked_as_one_that_is_dropped(shown, page, tmp_path):
    file = tmp_path / "disclosure.json"
    file.write_text(shown.texts["posted"])
    document = page.send("DOM.getDocument")["root"]["nodeId"]
    chooser = page.send("DOM.querySelector", nodeId=document, selector="#file")["nodeId"]
    page.ask(f"document.getElementById('rpc').value = {json.dumps(shown.url)}")
    page.send("DOM.setFileInputFiles", nodeId=chooser, files=[str(file)])
    assert _shown(page)[0] == "Holds"


@needs_browser
def test_the_contract_is_asked_through_the_node(shown, dropped):
    verdict, said = dropped(shown.texts["posted"], rpc=shown.url)
    assert verdict == "Holds"
    assert "days after the session's close, late: it does not show that the figures were fixed on the day" in said
    assert f"{' '.join(f'the chain: {step}' for step in script.STEPS.values())} Not checked whether the trader" in said


@needs_browser
@pytest.mark.parametrize(
    ("name", "verdict", "words"),
    [
        ("superseded", "Holds, but is superseded by version 2", "posted at 20"),
        ("correction", "Holds", "version 2"),
        ("extended", "Holds", "wins 3 count leads to the root losses null (not defined) count leads to the root"),
        ("extension alone", "Holds", "whether its metrics lead to its root, and this root leads to the record's"),
        ("extended, not posted", "Does not hold", "the contract does not find the extension's root (slot 63) in the"),
        ("extended, other value", "Does not hold", "wins (slot 4 of the extension) does not lead to the extension's"),
        ("extended, other salt of slot 63", "Does not hold", "wins 3 count does not lead to the root"),
        ("not posted", "Does not hold", "the contract has no version 1 of this trader's record of 2019-07-19"),
        ("other transaction", "Does not hold", "did not post this record"),
        ("no transaction named", "Holds, as far as checked", "was late (the disclosure names no transaction)"),
        ("unknown transaction", "Holds, as far as checked", "was late (this node does not know the transaction)"),
        ("forged by the deployment", "Does not hold", "was not sent by the trader to the contract"),
        ("forged, another's transaction", "Does not hold", "did not post this record"),
        ("forged, no transaction named", "Holds, as far as checked", "was late (the disclosure names no transaction)"),
        ("other record", "Does not hold", "the contract has another root"),
        ("other value", "Does not hold", "net_pnl (slot 13) does not lead to the root"),
        ("other chain", "Does not hold", "net_pnl (slot 13) does not lead to the root"),
    ],
)
def test_the_page_says_of_the_chain_what_the_script_says(shown, dropped, name, verdict, words):
    shown_verdict, said = dropped(shown.texts[name], rpc=shown.url)
    assert shown_verdict == verdict
    assert words in said


@needs_browser
def test_a_file_that_was_changed_does_not_hold_and_shows_no_metric(shown, dropped):
    verdict, said = dropped(shown.texts["posted"].replace("-12.5", "-12.6"), rpc=shown.url)
    assert verdict == "Does not hold"
    assert "metrics[0].value is not what scaled says" in said
    assert "leads to the root" not in said


@needs_browser
def test_a_file_whose_checksum_fails_lists_nothing_as_checked(shown, dropped):
    content = json.loads(shown.texts["posted"]) | {"checksum": "0x" + "12" * 32}
    verdict, said = dropped(json.dumps(content), rpc=shown.url)
    assert verdict == "Does not hold"
    assert "Problems checksum is another one: the file was changed Not checked whether the contract's rules" in said
    assert "leads to the root" not in said


@needs_browser
def test_a_node_that_is_away_is_no_verdict(shown, dropped):
    verdict, said = dropped(shown.texts["posted"], rpc="http://127.0.0.1:9")
    assert verdict.startswith(f"Not checked on the chain: {UNREACHED}")
    assert "who posted it, when, and whether that was late (the chain could not be asked)" in said
    assert "the chain: whether" not in said
    assert dropped(shown.texts["other value"], rpc="http://127.0.0.1:9")[0] == "Does not hold"


@needs_browser
@pytest.mark.parametrize("status", ["200 OK", "307 Go"])
def test_a_node_that_allows_no_page_or_sends_it_elsewhere_is_not_reached(shown, dropped, status):
    allowed = "" if status == "200 OK" else "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Headers: *\r\n"
    head = f"HTTP/1.1 {status}\r\n{allowed}Location: {shown.url}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with odd_node(head.encode()) as url:
        assert dropped(shown.texts["posted"], rpc=url)[0].startswith(f"Not checked on the chain: {UNREACHED}")


@needs_browser
def test_no_redirect_is_followed(shown, dropped, page):
    page.ask("globalThis.fetch = async (url, asked) => { globalThis.asked = asked; throw new TypeError(); }, 0")
    dropped(shown.texts["posted"], rpc=shown.url)
    assert page.ask("asked.redirect") == "error"


@pytest.fixture
def tampered(page):
    """Have the node's answers to a method replaced, or where both are objects some of their fields."""

    def tamper(method, change):
        page.ask(f"""(() => {{
          const [method, change, ask] = [{json.dumps(method)}, {json.dumps(change)}, globalThis.fetch];
          globalThis.fetch = async (url, asked) => {{
            const answer = await (await ask(url, asked)).json();
            const isPart = typeof change === "object" && change !== null;
            const changed = isPart ? {{ ...answer.result, ...change }} : change;
            if (JSON.parse(asked.body).method === method) answer.result = changed;
            return new Response(JSON.stringify(answer));
          }};
        }})()""")

    return tamper


@needs_browser
@pytest.mark.parametrize(
    ("method", "change", "verdict", "words"),
    [
        ("eth_getTransactionReceipt", {"from": "0x" + "55" * 20}, "Does not hold", "not sent by the trader to"),
        ("eth_getTransactionReceipt", {"to": None}, "Does not hold", "not sent by the trader to the contract"),
        ("eth_getTransactionReceipt", {"status": "0x0"}, "Does not hold", "did not post this record"),
        ("eth_getBlockByHash", {"timestamp": "0x1"}, "Does not hold", "at another time than the contract says"),
        ("eth_getBlockByNumber", None, "Holds", "is not finalized: the chain may still drop it"),
        ("eth_getBlockByNumber", {"number": "0xffffff"}, "Holds", "posted at 20"),
        ("eth_chainId", "0x1", "Not checked on the chain: the node is of another chain: it serves chain 1, the", ""),
        ("eth_chainId", "", "Not checked on the chain: the node's answer is not a node's", ""),
        ("eth_getCode", "zz", "Not checked on the chain: the node's answer is not a node's", ""),
        ("eth_call", 7, "Not checked on the chain: the node's answer is not a node's", ""),
        ("eth_call", "0x", "Does not hold", "is not FNTX's TrackRecord"),
    ],
)
def test_what_a_node_answers_is_judged_as_the_script_judges_it(
    shown, dropped, tampered, method, change, verdict, words
):
    tampered(method, change)
    tampered("eth_blockNumber", "0x1")  # no blocks after the record's, however many other tests have mined
    shown_verdict, said = dropped(shown.texts["posted"], rpc=shown.url)
    assert shown_verdict.startswith(verdict)
    assert words in said
    assert ("NOT FINAL" in said) == ("not finalized" in words)


@needs_browser
def test_a_file_that_cannot_be_read_leaves_no_earlier_verdict(shown, dropped, page, tmp_path):
    assert dropped(shown.texts["posted"])[0] == "Holds, as far as checked"
    (tmp_path / "folder").mkdir()
    data = {"items": [], "files": [str(tmp_path / "folder")], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        page.send("Input.dispatchDragEvent", type=kind, x=300, y=200, data=data)
    verdict, said = _shown(page)
    assert verdict == "Cannot read this file"
    assert "net_pnl" not in said
    page.ask("document.getElementById('form').requestSubmit()")
    assert page.ask("document.getElementById('verdict').textContent") == "No disclosure yet"


@needs_browser
def test_text_of_a_file_is_never_taken_for_html(shown, dropped, page):
    content = json.loads(shown.texts["posted"])
    content["metrics"][0]["name"] = "<img src=x onerror=alert(1)>"
    assert dropped(json.dumps(content))[0] == "Does not hold"
    assert page.ask("document.images.length") == 0


def _shown(page) -> tuple[str, str]:
    """The verdict once there is one, and all visible text with single spaces."""
    settled = """new Promise((done) => {
      const ready = () => {
        const verdict = document.getElementById("verdict").textContent;
        if (["No disclosure yet", "Checking …"].includes(verdict)) return setTimeout(ready, 20);
        done([verdict, document.querySelector("main").innerText]);
      };
      setTimeout(ready, 20);
    })"""
    verdict, text = page.ask(settled)
    return verdict, " ".join(text.split())


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.elements.append((tag, dict(attrs)))
