"""Hostile text in everything that others write, through every way out: a terminal, Markdown, HTML, JSON, Dagster.

What comes out holds no character that steers what shows it, no element that the same text without malice would not
make, and a command ends with exit code 0 or with one clear line.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

import dagster as dg
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from fntx_dagster import cli
from fntx_dagster.adapters.flex.service import FlexService, Query
from fntx_dagster.adapters.flex.webservice import download
from fntx_dagster.defs import shown
from fntx_dagster.defs.findings import result
from fntx_dagster.defs.tables import shown_table
from fntx_dagster.errors import FntxError
from fntx_dagster.foreign import cleaned, escaped_json
from fntx_dagster.model.contract import Contract
from fntx_dagster.model.day import Day
from fntx_dagster.model.finding import Finding
from fntx_dagster.report.document import to_json
from fntx_dagster.report.html import AccountReport, to_html
from fntx_dagster.report.markdown import table, to_markdown
from fntx_dagster.report.period import nav_day
from fntx_dagster.report.story import narrate
from fntx_dagster.services.alerting import message
from fntx_dagster.simulate.gateway import serve as gateway_of
from fntx_dagster.simulate.gateway_accounts import (
    QUARTER_PAST_TEN,
    GatewayContract,
    GatewayFill,
    GatewayPosition,
    account,
)
from fntx_dagster.simulate.webservice import serve as broker_of
from fntx_dagster.simulate.webservice_faults import refuse
from fntx_dagster.store.alerts import observe, open_alerts
from fntx_dagster.store.database import Database
from tests.adapters.flex.clock import FakeClock
from tests.processes import ALONE
from tests.report.role_model import JULY_17, block, event, new_york, position, quiet_day
from tests.report.test_html import Page
from tests.test_foreign import hidden

NASTY = (
    "[/red]",
    "[link=https://x.example]x[/link]",
    ":smile:",
    "\x1b[2J\x1b]0;owned\x07",
    "\x1b]8;;https://x.example\x1b\\click\x1b]8;;\x1b\\",
    "\u009b31m",
    "\n# heading\n\n- item\n",
    "\r\n\r\n<script>alert(1)</script>",
    "# heading",
    "- item",
    "1. item",
    "---",
    "===",
    "> quote",
    "```",
    "[x](https://x.example)",
    "![x](https://x.example/x.png)",
    "<b onmouseover=alert(1)>x</b>",
    "<https://x.example>",
    "&#10;# heading",
    "&lt;b&gt; &#x202e;",
    "| a | b |",
    "**bold** _it_ `code` ~~no~~",
    "\u202egnp.exe\u2066",
    "\u200bzero\ufeff\u2060width\u3164",
    "\ue000\U000f0000",
    "\u2028line\u2029paragraph",
    "{{ 7*7 }} {% raw %}",
    "\"'><img src=x onerror=alert(1)>",
    "x" * 3000,
)
ANYTHING = st.characters(codec="utf-8", exclude_characters="\x00")
WORDS = st.lists(st.sampled_from(NASTY) | st.text(ANYTHING, max_size=6), min_size=1, max_size=4).map("".join)
IN_XML = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
XML_WORDS = WORDS.map(lambda text: IN_XML.sub("", text)).filter(str.strip)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
some = settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


class Said(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


class Terminal:
    """`fntx` in this process, at a home of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch = monkeypatch
        self.capsys = capsys

    def fntx(self, *arguments: str) -> Said:
        """Every command is checked: nothing hidden, no traceback, and a failure says why in one line."""
        self.monkeypatch.setattr("sys.argv", ["fntx", *arguments])
        self.capsys.readouterr()
        code: object = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code
        out, err = (COLOURS.sub("", text) for text in self.capsys.readouterr())
        assert hidden(out + err) <= {"\n"}, (out, err)
        assert "Traceback" not in err
        assert code in (0, None) or len(err.splitlines()) == 1, (code, err)
        return Said(int(str(code or 0)), out, err)


@pytest.fixture(params=["file", "terminal"])
def terminal(
    request: pytest.FixtureRequest,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Terminal:
    """Commands that write into a file, or to a terminal with colours."""
    for name in [name for name in os.environ if name.startswith("FNTX_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FNTX_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FNTX_DATABASE_URL", database.url)
    for name in ALONE:
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("COLUMNS", "200")
    if request.param == "terminal":
        monkeypatch.setenv("FORCE_COLOR", "1")
    return Terminal(monkeypatch, capsys)


def statement(words: str) -> str:
    """A statement with the words wherever a broker could write them."""
    said = quoteattr(words, {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})
    row = f"<CashTransaction accountId='U1000001' acctAlias={said} currency={said} symbol={said} description={said} "
    row += "amount='1' type='Other Fees' reportDate='20250717' dateTime='20250717' transactionID='1'/>"
    odd = f"<o:Odd xmlns:o={said}><o:Row symbol={said}/></o:Odd>"
    return (
        f"<FlexQueryResponse queryName={said} type='AF'><FlexStatements count='1'><FlexStatement accountId='U1000001' "
        "fromDate='20250717' toDate='20250717' whenGenerated='20250718;010000'>"
        f"<CashTransactions>{row}</CashTransactions>{odd}</FlexStatement></FlexStatements></FlexQueryResponse>"
    )


@some
@given(name=WORDS.filter(lambda text: len(text.encode()) < 200), words=XML_WORDS, is_good=st.booleans())
@example(name="\x1b]8;;x\x1b\\.xml", words="[/red]", is_good=True)
@example(name="[/red]\n✓ fine", words="\u009b31m\u202e", is_good=False)
def test_loading_a_file_prints_no_hidden_character_whatever_it_holds_and_is_called(
    terminal: Terminal, tmp_path: Path, name: str, words: str, is_good: bool
) -> None:
    folder = tmp_path / "files"
    folder.mkdir(exist_ok=True)
    file = folder / (name.replace("/", "_") + ".xml")
    file.write_text(statement(words) if is_good else words)
    said = terminal.fntx("load", str(folder))
    assert said.code == (0 if is_good else 1)
    in_json = json.loads(terminal.fntx("load", str(folder), "--json").out)
    [loaded] = in_json["files"]
    assert loaded["file"] == file.name, "JSON is exact"
    file.unlink()


def test_a_name_that_is_no_text_is_loaded_and_shown(terminal: Terminal, tmp_path: Path) -> None:
    file = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.xml"))
    file.write_text(statement("fine"))
    assert "\ufffd\ufffd.xml" in terminal.fntx("load", str(file)).out
    file.write_text("broken")
    assert "\ufffd\ufffd.xml" in terminal.fntx("load", str(file)).err


@some
@given(WORDS)
def test_alerts_and_status_print_no_hidden_character_and_their_json_is_exact(terminal: Terminal, words: str) -> None:
    from fntx_dagster.services.database import open_database
    from fntx_dagster.settings import load_settings

    db = open_database(load_settings())
    observe(db, words, "source", [Finding(words, words)])
    try:
        for command in ("alerts", "status"):
            assert terminal.fntx(command).code == 0
        [alert] = json.loads(terminal.fntx("alerts", "--json").out)
        assert (alert["text"], alert["kind"]) == (words, words)
        title, text = message("check", open_alerts(db))
        assert hidden(title + text) == set()
    finally:
        observe(db, words, "source", [])


def story_of(words: str, currency: str) -> Day:
    """A day whose contracts, descriptions and currency are the words."""
    share = Contract("1", words, words, "STK", words)
    call = Contract("2", words, words, "OPT", words, Decimal(100), Decimal(5), date(2025, 8, 15), "C")
    at = new_york(JULY_17, "10:00")
    bought = event("t", "trade", at, share, "100", "5", opens="100", impact="-1", commission="-1", currency=currency)
    wrote = event("o", "trade", at, call, "-1", "5", opens="1", premium="5", impact="5", currency=currency)
    fee = event("f", "fee", at + timedelta(hours=1), share, amount="-1", description=words, currency=currency)
    blocks = (
        block("trades", "intraday", bought, wrote, impact="4", after="79502.68"),
        block("cash", "intraday", fee, impact="-1", after="79501.68"),
    )
    return replace(quiet_day(blocks=blocks), base_currency=currency, open_at_close=(position(share, "100"),))


def markdown_shape(text: str) -> list[tuple[str, str]]:
    """Every element that Markdown makes of a text, but not the text."""
    tokens = MARKDOWN.parse(text)
    return [
        (token.type, token.tag)
        for outer in tokens
        for token in (outer, *(outer.children or ()))
        if token.type not in ("text", "text_special")
    ]


@settings(some, max_examples=30)
@given(WORDS, WORDS)
@example("&#10;# heading", "&#x202e;")
def test_a_report_in_markdown_has_no_other_element_and_no_hidden_character(words: str, label: str) -> None:
    assume(cleaned(words).strip(" ") and cleaned(label).strip(" "))
    text = to_markdown([narrate(story_of(words, words))], account_label=label)
    plain = to_markdown([narrate(story_of("WORD", "WRD"))], account_label="LABEL")
    assert hidden(text) <= {"\n"}
    assert markdown_shape(text) == markdown_shape(plain)
    assert hidden(MARKDOWN.render(text)) <= {"\n"}


@settings(some, max_examples=30)
@given(WORDS)
def test_a_table_in_markdown_has_no_other_element_and_cuts_what_is_too_long(words: str) -> None:
    assume(cleaned(words).strip(" "))
    text = table((words, "b"), [[words, words]])
    assert markdown_shape(text) == markdown_shape(table(("a", "b"), [["c", "d"]]))
    assert hidden(MARKDOWN.render(text)) <= {"\n"}
    assert max(map(len, re.findall(r">([^<]*)<", MARKDOWN.render(text)))) <= 80 * len("&quot;")


@settings(some, max_examples=6)
@given(WORDS)
@example("\u202e<script>alert(1)</script>\x1b[2J")
def test_a_report_in_html_has_no_other_element_and_no_hidden_character(words: str) -> None:
    assume(cleaned(words).strip(" "))
    pages = []
    for text in (words, "WORD"):
        day = story_of(text, text)
        pages.append(to_html([AccountReport(text, [narrate(day)], [nav_day(day)])]))
    assert hidden(pages[0]) <= {"\n"}
    hostile, plain = (Page(page) for page in pages)
    assert [(tag, sorted(found)) for tag, found in hostile.elements] == [
        (tag, sorted(found)) for tag, found in plain.elements
    ]
    assert hidden("".join(hostile.text)) <= {"\n"}, "nor behind an entity"


@given(WORDS)
def test_a_report_in_json_is_exact_and_has_no_hidden_character(words: str) -> None:
    document = to_json([narrate(story_of(words, words))])
    assert hidden(escaped_json(document)) <= {"\n"}
    assert json.loads(escaped_json(document)) == json.loads(document)
    [day] = json.loads(document)["days"]
    assert day["open_at_close"][0]["contract"]["symbol"] == words


def texts_in(value: object) -> Iterator[str]:
    """Every text of a value of metadata, names among them."""
    if isinstance(value, dg.MetadataValue):
        value = value.value
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from (*texts_in(name), *texts_in(each))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from texts_in(each)


@settings(some, max_examples=30)
@given(WORDS)
def test_what_dagster_shows_has_no_hidden_character_and_no_whole_account(words: str) -> None:
    words = f"{words}Statementu1000001.xml{words}"
    finding = Finding(words, words, JULY_17)
    checked = result("kind", "holds", [finding], "it holds", looked=[words], failures=words)
    shown_here = shown.materialized(
        {words: words, "table": shown_table((words,), [(words,)], 1), "rows": [{words: words}]}, asset_key="a"
    )
    metadata = shown_here.metadata or {}
    texts = [*texts_in(checked.metadata), *texts_in(metadata), str(checked.description)]
    texts += [str(shown.failure(words).description), str(shown.skipped(words).skip_message)]
    for text in texts:
        assert hidden(text) <= {"\n"}
        assert "u1000001" not in text.lower()
    markdown = next(value.value for value in metadata.values() if isinstance(value, dg.MarkdownMetadataValue))
    assert markdown_shape(markdown) == markdown_shape(table(("a",), [["b"]]))


@some
@given(XML_WORDS)
def test_the_words_of_a_web_service_are_quoted_without_a_hidden_character(tmp_path: Path, words: str) -> None:
    token = "318642957703128465903217"
    heard: list[str] = []
    clock = FakeClock()
    with broker_of(lambda *_: [], {token: {"900001"}}, now=clock.now) as broker:
        broker.will(refuse(1014, f"{token} {words}"))
        service = FlexService(tmp_path / "limits", broker.url, timeout=timedelta(seconds=20), clock=clock)
        with pytest.raises(FntxError) as failed:
            download(service, token, Query("Trades", "900001"), None, tmp_path / "a.xml", on_progress=heard.append)
    assert hidden("".join([failed.value.message, *heard])) == set()
    assert token not in str(failed.value)


@contextmanager
def node_that_says(words: str) -> Iterator[str]:
    """The URL of a node that answers every request with an error in these words."""

    class Node(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            said = json.dumps({"jsonrpc": "2.0", "id": 0, "error": {"code": -32000, "message": words}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Node)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@settings(some, max_examples=4)
@given(WORDS)
def test_the_words_of_a_node_are_one_line_without_a_hidden_character(terminal: Terminal, words: str) -> None:
    with node_that_says(words) as url:
        said = terminal.fntx(
            *("verify", "--trader", "0x" + "11" * 20, "--from", "2025-07-17", "--to", "2025-07-17"),
            *("--rpc", url, "--contract", "0x" + "22" * 20),
        )
    assert said.code in (1, 75)


@settings(some, max_examples=4)
@given(WORDS.filter(lambda text: "\x00" not in text), st.sampled_from(["md", "json"]))
def test_today_is_told_without_a_hidden_character_whatever_the_gateway_calls_a_contract(
    terminal: Terminal, words: str, form: str
) -> None:
    share = GatewayContract(7, words, local_symbol=words)
    held = GatewayPosition(share, Decimal(3), Decimal(5))
    fill = GatewayFill("1.01.01", QUARTER_PAST_TEN, share, Decimal(3), Decimal(5), Decimal(1))
    with gateway_of(account("U1000001", cash="100", positions=(held,), fills=(fill,)), now=QUARTER_PAST_TEN) as gateway:
        terminal.monkeypatch.setenv("FNTX_GATEWAYS", json.dumps({"U1000001": f"127.0.0.1:{gateway.port}"}))
        said = terminal.fntx("today", "--format", form)
    assert said.code == 0, said.err
    if form == "json":
        [day] = json.loads(said.out)["days"]
        assert words.split() == day["open_at_close"][0]["contract"]["symbol"].split()
