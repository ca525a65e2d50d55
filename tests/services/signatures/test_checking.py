"""What `fntx verify` says of a disclosure over a node, whatever the node and the contract's deployer are up to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from fntx_dagster.adapters.evm import reader
from fntx_dagster.adapters.evm.reader import Reader, read_at
from fntx_dagster.cli.records import print_checked
from fntx_dagster.metrics.catalogue import CATALOGUE, letters
from fntx_dagster.model.chain import Version
from fntx_dagster.model.period import Period
from fntx_dagster.proof.disclosure import disclose
from fntx_dagster.proof.record import build_record
from fntx_dagster.proof.salts import SaltForm
from fntx_dagster.services.signatures.checking import SETTLED, STEPS, Checked, check_disclosure, posting_of, timing
from tests.verify.conftest import SECRET, Node, Shown
from verify import verify as script

VALUES = dict.fromkeys(range(59), 0) | {57: letters("HKD")}


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable], None]:
    """Have what a Reader says changed."""

    def patch(method: str, change: Callable[..., Any]) -> None:
        known = getattr(Reader, method)
        if isinstance(known, property):
            monkeypatch.setattr(Reader, method, property(lambda self: change(known.fget(self))))
        else:
            monkeypatch.setattr(Reader, method, lambda self, *asked: change(known(self, *asked), *asked))

    return patch


def checked(shown: Shown, name: str) -> Checked:
    return check_disclosure(shown.texts[name], shown.url)


def test_a_record_of_the_traders_own_posting_holds(shown: Shown) -> None:
    found = checked(shown, "posted")
    assert (found.verdict, found.exit_code, found.on_chain, found.unchecked) == ("HOLDS", 0, True, {})
    assert found.posted.is_late
    assert found.not_checked == (
        "whether the trader's and the contract's address are the ones you expect: compare them",
    )


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("forged by the deployment", "was not sent by the trader to the contract"),
        ("forged, another's transaction", "did not post this record"),
        ("other transaction", "did not post this record"),
        ("not posted", "the contract has no version 1 of this trader's record of 2019-07-19"),
        ("other record", "the contract has another root"),
        ("other value", "net_pnl (slot 13) does not lead to the root"),
    ],
)
def test_what_the_trader_did_not_post_does_not_hold(shown: Shown, name: str, problem: str) -> None:
    found = checked(shown, name)
    assert (found.verdict, found.exit_code, found.posted) == ("DOES NOT HOLD", 1, None)
    assert problem in found.problems[0]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("no transaction named", "the disclosure names no transaction"),
        ("forged, no transaction named", "the disclosure names no transaction"),
        ("unknown transaction", "this node does not know the transaction"),
    ],
)
def test_who_posted_a_record_is_not_taken_from_the_contract_alone(shown: Shown, name: str, why: str) -> None:
    found = checked(shown, name)
    assert (found.verdict, found.exit_code, found.posted) == ("HOLDS, as far as checked", 0, None)
    assert found.unchecked == {"posting": why}
    assert not any("posted at" in note for note in found.notes)


def test_a_posting_at_another_time_than_the_contract_says_proves_nothing(shown: Shown, patched: Callable) -> None:
    patched("mined", lambda mined, *_: mined._replace(mined_at=mined.mined_at + timedelta(seconds=1)))
    assert "was mined at another time than the contract says" in checked(shown, "posted").problems[0]


def test_a_superseded_version_is_said_to_be_so_in_the_verdict(shown: Shown) -> None:
    found = checked(shown, "superseded")
    assert found.verdict == "HOLDS, but is superseded by version 2"
    assert (found.superseded_by, found.superseded_reason) == (2, "the broker corrected a commission")
    assert checked(shown, "correction").verdict == "HOLDS"


def test_a_correction_is_told_its_own_delay_first_and_then_the_first_versions(
    shown: Shown,
    patched: Callable,
) -> None:
    on_time = datetime(2019, 7, 18, 20, 30, tzinfo=UTC)

    def first_on_time(found: Version, trader: str, day: date, version: int) -> Version:
        return found._replace(record=found.record._replace(posted_at=on_time)) if version == 1 else found

    patched("version_of", first_on_time)
    found = checked(shown, "correction")
    assert found.posted.is_late
    assert found.posted.behind > timedelta(days=1000)
    own, *others = [note for note in found.notes if "posted at" in note]
    assert "late: it does not show that the figures were fixed on the day" in own
    assert others == ["version 1 was posted at 2019-07-18 20:30:00 UTC, as the contract says"]
    patched("mined", lambda mined, *_: mined._replace(mined_at=on_time))
    assert not checked(shown, "superseded").posted.is_late


@pytest.mark.parametrize(
    ("deep", "finalized", "is_final"),
    [(SETTLED - 1, None, False), (SETTLED, None, True), (0, 0, True), (0, -1, False)],
)
def test_a_block_that_the_chain_may_still_drop_is_not_final(
    shown: Shown,
    patched: Callable,
    deep: int,
    finalized: int | None,
    is_final: bool,
) -> None:
    with read_at(shown.url, shown.node.contract) as chain:
        block = chain.mined(json.loads(shown.texts["posted"])["transaction"]).block_number
    patched("height", lambda _: block + deep)
    patched("finalized_height", lambda _: None if finalized is None else block + finalized)
    found = checked(shown, "posted")
    assert found.verdict == "HOLDS"
    assert (f"NOT FINAL: the record's block has {deep} blocks after it" in "".join(found.notes)) != is_final


def test_what_a_chain_is_not_expected_to_drop_has_blocks_on_top_or_is_finalized(
    shown: Shown, patched: Callable
) -> None:
    with read_at(shown.url, shown.node.contract) as chain:
        newest = chain.height
        times = [datetime.fromtimestamp(chain.web3.eth.get_block(n)["timestamp"], UTC) for n in range(newest + 1)]
        for finalized, blocks, settled in ((None, 2, newest - 2), (newest - 1, 2, newest - 1), (None, 10**6, 0)):
            patched("finalized_height", lambda _, height=finalized: height)
            assert chain.settled_at(blocks) == times[settled]


def test_a_contract_that_is_none_of_ours_is_the_disclosures_fault(shown: Shown) -> None:
    for address in (shown.node.fntx.address, "0x" + "12" * 20):  # another contract, and none
        found = check_disclosure(disclosed(shown.node, date(2019, 7, 17), contract=address), shown.url)
        assert (found.verdict, found.exit_code, found.on_chain) == ("DOES NOT HOLD", 1, False)
        assert found.problems == (f"the contract {address} is not FNTX's TrackRecord",)
        assert list(found.unchecked) == ["record", "posting", "latest"]
        assert "home" not in "".join(found.problems + found.not_checked)


def test_every_published_code_is_ours_and_no_other(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "TRACK_RECORD_CODES", {"0x" + "12" * 32: 3})
    assert "is not FNTX's TrackRecord" in checked(shown, "posted").problems[0]


def test_a_node_of_another_chain_is_no_verdict(shown: Shown) -> None:
    found = check_disclosure(disclosed(shown.node, date(2019, 7, 17), chain_id=1), shown.url)
    served = f"it serves chain {shown.node.chain_id}, the disclosure is of chain 1"
    assert found.verdict == f"NOT CHECKED ON THE CHAIN: the node is of another chain: {served}"
    assert (found.exit_code, found.on_chain, found.holds) == (75, None, True)
    assert list(found.unchecked) == list(STEPS)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/secret-path", "http://é..x/", "http://a..b/", "http://[/"])
def test_a_node_that_is_away_or_no_node_is_no_verdict(shown: Shown, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_BACKOFF_SECONDS", 0)
    found = check_disclosure(shown.texts["posted"], url)
    assert (found.exit_code, found.on_chain) == (75, None)
    assert "secret-path" not in found.verdict
    assert check_disclosure(shown.texts["other value"], url).exit_code == 1, "a false file is false without a node"


@pytest.mark.parametrize("where", ["eth_chainId", "eth_getCode", "eth_call", "eth_getTransactionReceipt", "whole"])
@pytest.mark.parametrize(
    "answer", [None, 7, [], {"a": 1}, "0x", "zz", "0x" + "ff" * 32, "0x" + "ff" * 2000], ids=lambda each: str(each)[:6]
)
def test_whatever_a_node_answers_it_is_an_outcome(shown: Shown, where: str, answer: object) -> None:
    with answering(shown.node, where, answer) as url:
        found = check_disclosure(shown.texts["posted"], url)
    if where in ("eth_chainId", "whole") and answer != "0x" + "ff" * 32:
        assert found.exit_code == 75
    assert found.verdict != "HOLDS"


def test_the_last_day_of_the_contracts_calendar_is_read(shown: Shown) -> None:
    day = date(9999, 12, 31)
    record = build_record(shown.node.context(day), "U0", VALUES, SECRET, salt_form=SaltForm.RECORD)
    found = check_disclosure(disclose(record, CATALOGUE, ["net_pnl"], shown.node.post([record])), shown.url)
    assert found.holds
    assert "the exchange's sessions of 9999 are not known here" in found.notes[0]
    with read_at(shown.url, shown.node.contract) as chain:
        assert list(chain.history(shown.node.trader, Period(date(9998, 1, 1), day))) == [day]


def test_a_reason_steers_no_terminal_and_one_that_is_no_text_is_shown(
    shown: Shown,
    capsys: pytest.CaptureFixture[str],
) -> None:
    days, reason = (date(2018, 7, 18), date(2018, 7, 19)), "x\x1b[2K\n[green]✓[/] HOLDS\u202e"
    first = [build_record(shown.node.context(day), "U0", VALUES, SECRET, salt_form=SaltForm.RECORD) for day in days]
    tx_hash = shown.node.post(first)
    second = [
        build_record(one.context, "U0", VALUES | {13: 1}, SECRET, version=2, salt_form=SaltForm.RECORD) for one in first
    ]
    shown.node.amend(second[0], first[0], reason)
    number = int(days[1].strftime("%Y%m%d"))
    arguments = [number, first[1].root, second[1].context.schema_hash, second[1].root, "AAAA"]
    data = shown.node.record.encode_abi("amendDailyRecord", arguments)
    shown.node.send(shown.node.contract, data.replace("41414141", "fffefdfc"))
    for record, expected in zip(first, ("x\ufffd[2K [green]✓[/] HOLDS\ufffd", "\ufffd" * 4), strict=True):
        found = check_disclosure(disclose(record, CATALOGUE, ["net_pnl"], tx_hash), shown.url)
        assert found.superseded_reason == expected
        print_checked(found)
        said = capsys.readouterr().out
        assert f'"{expected}"' in said
        assert "\x1b" not in said
        assert said.splitlines()[-1] == "! HOLDS, but is superseded by version 2"


def test_the_script_and_this_program_speak_of_the_same_steps() -> None:
    assert script.STEPS == STEPS
    assert script.FINAL_AFTER == SETTLED


def disclosed(node: Node, day: date, **others: object) -> str:
    return disclose(
        build_record(node.context(day, **others), "U0", VALUES, SECRET, salt_form=SaltForm.RECORD),
        CATALOGUE,
        ["net_pnl"],
    )


@contextmanager
def answering(node: Node, where: str, answer: object) -> Iterator[str]:
    """The URL of a node that gives `answer` to one method, or instead of every response."""
    from fntx_dagster.adapters.evm.served import AnsweringNode

    true = AnsweringNode(node.provider)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            said = true.answer(asked)
            if where == "whole":
                said = answer
            elif json.loads(asked)["method"] == where:
                said = {"jsonrpc": "2.0", "id": said["id"], "result": answer}
            body = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("after_midnight", "delay", "is_early", "is_late"),
    [(-1, "", True, False), (3600, "1.0 hours", False, False), (25 * 3600, "25.0 hours", False, True)],
)
def test_a_sunday_of_a_market_that_never_closes_ends_at_midnight_in_utc(
    after_midnight: int, delay: str, is_early: bool, is_late: bool
) -> None:
    sunday, midnight = date(2026, 3, 8), datetime(2026, 3, 9, tzinfo=UTC)
    posted = posting_of(sunday, midnight + timedelta(seconds=after_midnight))
    assert (posted.is_early, posted.is_late) == (is_early, is_late)
    assert posted == posting_of(sunday, posted.posted_at, midnight)
    assert delay in timing(sunday, posted)


def test_the_session_that_a_record_states_counts_where_it_is_known() -> None:
    monday, at = date(2026, 3, 9), datetime(2026, 3, 10, 22, tzinfo=UTC)
    assert posting_of(monday, at).is_late  # after New York's close
    assert not posting_of(monday, at, datetime(2026, 3, 10, tzinfo=UTC)).is_late
