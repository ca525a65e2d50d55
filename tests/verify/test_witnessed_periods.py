"""A period whose days witnesses attest, over a real node: `fntx verify`, the script and the page say the same of them,
also over a node that shows the events of few blocks at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from fntx_dagster.adapters.evm.artifacts import artifact
from fntx_dagster.adapters.evm.attestations import AttestationBook, attestations_address
from fntx_dagster.adapters.evm.deterministic import _DEPLOYERS_MAKER, _DEPLOYERS_TRANSACTION, code_of
from fntx_dagster.adapters.evm.reader import read_at
from fntx_dagster.cli import app
from tests.periods.examples import book, proved
from tests.tools import needs_browser
from tests.verify.browser import Page, browser
from tests.verify.conftest import Node, chain_of
from tests.verify.far_node import FarNode, far_node
from tests.verify.pins import PAGE
from tests.verify.test_witnesses import EVIDENCE, Book
from verify import verify as script

MOST, MORE = 900, 7_000
KEY = b"\x01" + b"\x5a" * 32


class Witnessed(NamedTuple):
    """A period's file of five days that are posted, and a node. Of the days the first witness attested all, and took
    the third back; the second attested the first; the third, whom nobody knows, the last."""

    node: Node
    url: str
    text: str
    witnesses: Book

    @property
    def names(self) -> list[str]:
        return [f"{self.witnesses.smith.address}=Smith Audit", f"{self.witnesses.other.address}=Jones & Co"]


@pytest.fixture(scope="module")
def witnessed(tmp_path_factory) -> Iterator[Witnessed]:
    from eth_account import Account

    from fntx_dagster.adapters.evm.served import serve

    for node in chain_of(tmp_path_factory.mktemp("chain")):
        bound = {"trader": node.trader.lower(), "contract": node.contract, "chain_id": node.chain_id}
        days = book(5, first=date(2018, 3, 5), **bound)
        tx_hash = node.post([SimpleNamespace(context=day.context, root=day.row.root) for day in days])
        days = [day.__class__(day.context, day.row._replace(transaction=tx_hash), day.committed) for day in days]
        witnesses = Book(node, _attestations(node))
        third = Account.from_key(b"\x09" * 32)
        said = [([*range(5)], witnesses.smith, 3), ([0], witnesses.other, 17), ([4], third, 1)]
        for places, who, level in said:
            rows = [days[place].row for place in places]
            numbers = [int(f"{row.date:%Y%m%d}") for row in rows]
            lists = (numbers, [row.version for row in rows], [row.root for row in rows])
            witnesses.send(who, "attestBatch", *lists, level, EVIDENCE)
        witnesses.send(witnesses.smith, "revoke", 20180307, days[2].row.version, days[2].row.root, "corrected")
        witnesses.publish(witnesses.smith, KEY)
        with serve(node.provider) as url:
            yield Witnessed(node, url, proved(days, ["net_pnl", "twr", "squares", "chained"]), witnesses)


def _attestations(node: Node) -> Any:
    """The contract where every verifier expects it."""
    eth = node.web3.eth
    gift = {"to": _DEPLOYERS_MAKER, "value": 10**16, "gas": 21_000, "chainId": node.chain_id}
    fees = {"maxFeePerGas": 10**11, "maxPriorityFeePerGas": 1, "nonce": eth.get_transaction_count(node.trader)}
    eth.send_raw_transaction(node.account.sign_transaction(gift | fees).raw_transaction)
    eth.send_raw_transaction(_DEPLOYERS_TRANSACTION)
    node.send(script.DEPLOYER, f"0x{bytes(32).hex()}{code_of('Attestations', node.contract).hex()}")
    return node.web3.eth.contract(attestations_address(node.contract), abi=artifact("Attestations")["abi"])


@pytest.fixture(params=["a node", "a node that refuses", "a node that refuses with HTTP 400"])
def asked(request: pytest.FixtureRequest, witnessed: Witnessed) -> Iterator[FarNode]:
    if request.param == "a node":
        yield FarNode(witnessed.url, [])
        return
    with far_node(witnessed.url, MORE, MOST, 400 if "400" in request.param else 200) as far:
        yield far
        wholly = [(first, last) for first, last, is_refused in far.ranges if not is_refused]
        assert wholly, "the events were asked for"
        assert max(last - first for first, last in wholly) < MOST
        assert len(far.ranges) < 80, "it is not asked for the same again and again"


def lines_of(text: str) -> list[str]:
    """What is said of witnesses, without what a verifier puts before each line. Addresses are compared in lower
    case."""
    found = [line.strip().removeprefix("- ") for line in text.splitlines() if re.search(r"witness(es)? ", line)]
    return [re.sub(r"0x[0-9a-fA-F]{40}", lambda address: address[0].lower(), line) for line in found]


def expected(witnessed: Witnessed, named: int) -> list[str]:
    smith, jones = witnessed.witnesses.smith.address.lower(), witnessed.witnesses.other.address.lower()
    told = [
        f"witness Smith Audit ({smith}): broker_fetched, 4 of 5 days, 1 revoked",
        f"witness Jones & Co ({jones}): files_seen, with windows, 1 of 5 days, 0 revoked",
    ]
    others = 3 - named
    return [*told[:named], f"{others} witness{'es' if others > 1 else ''} whose name you did not give"]


@pytest.mark.parametrize("named", [0, 1, 2])
def test_the_script_tells_who_attests_how_many_days(witnessed, asked, verified, named):
    words = [word for name in witnessed.names[:named] for word in ("--witness", name)]
    code, said = verified(witnessed.text, "--rpc", asked.url, *words)
    assert (code, said.splitlines()[-1]) == (0, "HOLDS")
    assert lines_of(said) == expected(witnessed, named)


@pytest.mark.parametrize("named", [0, 2])
def test_the_command_tells_the_same(witnessed, asked, tmp_path, monkeypatch, named):
    monkeypatch.setenv("FNTX_HOME", str(tmp_path / "home"))
    file = tmp_path / "period.json"
    file.write_text(witnessed.text)
    words = [word for name in witnessed.names[:named] for word in ("--witness", name)]
    done = CliRunner().invoke(app, ["verify", str(file), "--rpc", asked.url, *words])
    assert done.exit_code == 0, done.output
    assert lines_of(done.stdout) == expected(witnessed, named)
    said = json.loads(CliRunner().invoke(app, ["verify", str(file), "--rpc", asked.url, *words, "--json"]).stdout)
    [told] = said["attestations"]
    assert (len(told["named"]), len(told["unnamed"]), told["away"]) == (named, 3 - named, None)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as page:
        yield page


@needs_browser
@pytest.mark.parametrize("named", [0, 2])
def test_the_page_tells_the_same(witnessed, asked, page, tmp_path, named):
    page.open(PAGE)
    file = tmp_path / "period.json"
    file.write_text(witnessed.text)
    page.ask(f"document.getElementById('rpc').value = {json.dumps(asked.url)}")
    page.ask(f"document.getElementById('witnesses').value = {json.dumps(', '.join(witnessed.names[:named]))}")
    document = page.send("DOM.getDocument")["root"]["nodeId"]
    chooser = page.send("DOM.querySelector", nodeId=document, selector="#file")["nodeId"]
    page.send("DOM.setFileInputFiles", nodeId=chooser, files=[str(file)])
    verdict, notes = page.ask("""new Promise((done) => {
      const ready = () => {
        const verdict = document.getElementById("verdict").textContent;
        if (["No disclosure yet", "Checking …"].includes(verdict)) return setTimeout(ready, 20);
        done([verdict, [...document.querySelectorAll("#period-notes li")].map((item) => item.textContent)]);
      };
      ready();
    })""")
    assert verdict == "Holds"
    assert lines_of("\n".join(notes)) == expected(witnessed, named)


def test_a_key_for_packages_is_found_over_a_node_that_refuses(witnessed, asked):
    with read_at(asked.url, witnessed.node.contract) as chain:
        attestations = AttestationBook(chain)
        assert attestations.published_key(witnessed.witnesses.smith.address) == KEY
        assert attestations.published_key(witnessed.witnesses.other.address) is None


def test_a_node_that_shows_too_few_blocks_tells_no_number_of_others_and_the_named_all_the_same(witnessed, verified):
    with far_node(witnessed.url, MORE, most=100) as far:
        code, said = verified(witnessed.text, "--rpc", far.url, "--witness", witnessed.names[0])
    assert (code, said.splitlines()[-1]) == (0, "HOLDS")
    [told] = [line for line in said.splitlines() if "Smith Audit" in line]
    assert told.endswith("broker_fetched, 4 of 5 days, whether others were revoked NOT CHECKED")
    assert "NOT CHECKED: how many witnesses attest it whose name you did not give" in said


DAY = datetime(2025, 7, 18, tzinfo=UTC)


@given(st.lists(st.integers(-3 * 86_400, 3 * 86_400)).map(sorted))
def test_the_first_block_of_a_day_is_the_first_whose_time_is_not_before_it(seconds):
    times = [int((DAY + timedelta(seconds=second)).timestamp()) for second in seconds]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(script, "ask", lambda url, method, number, whole: {"timestamp": hex(times[int(number, 16)])})
        found = script.first_block_of("2025-07-18", len(times) - 1, "")
    assert found == sum(second < 0 for second in seconds)
