"""verify.py as a stranger runs it: a file, an interpreter, and at most a node."""

import ast
import json
import random
import re
import subprocess
import sys
from datetime import date
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import settings as run_with
from hypothesis import strategies as st

from fntx_dagster.adapters.evm.artifacts import TRACK_RECORD_CODES
from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.catalogue import CATALOGUE, CATALOGUES, EXTENSIONS
from fntx_dagster.proof.disclosure import check, disclose, parse
from fntx_dagster.proof.keccak import keccak256
from fntx_dagster.proof.record import build_record
from fntx_dagster.proof.salts import SaltForm
from tests.proof.test_disclosure import anything, places, texts
from tests.verify import pins
from tests.verify.cases import NO_ROOTS, with_checksum
from tests.verify.conftest import SECRET
from tests.verify.odd import odd_node
from tests.verify.pins import PACKAGE, SCRIPT, codes, package_with_pins, script_with_pins
from verify import verify as script


def test_its_constants_are_the_catalogues_and_the_contracts_of_today():
    text = SCRIPT.read_text(encoding="utf-8")
    assert script_with_pins(text) == text, "run python -m tests.verify.pins"
    text = PACKAGE.read_text(encoding="utf-8")
    assert package_with_pins(text) == text, "run python -m tests.verify.pins"


def test_it_needs_the_standard_library_alone_and_the_syntax_of_python_3_9():
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 9))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} <= sys.stdlib_module_names


def test_the_proof_comes_first_and_is_as_short_as_its_header_says():
    text = SCRIPT.read_text(encoding="utf-8")
    parts = re.findall(r"^# (PART \d)", text, re.MULTILINE)
    assert parts == [f"PART {number}" for number in range(1, 10)]
    assert text[text.index("# PART 1") : text.index("# PART 2")].count("\n") <= 150
    assert text[text.index("@functools") : text.index("# PART 6")].count("\n") <= 80


@pytest.mark.parametrize("length", [*range(0, 300, 9), 135, 136, 137, 271, 272, 273, 1000])
def test_its_keccak_is_keccak(length):
    data = random.Random(length).randbytes(length)
    assert script.keccak256(data) == keccak256(data)


@run_with(max_examples=150)
@given(data=st.data(), replacement=anything, text=texts)
def test_whatever_a_field_holds_it_says_what_ours_says_and_never_raises(data, replacement, text):
    content = json.loads(text)
    at = data.draw(st.sampled_from(places(content)))
    at[data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(6)))] = replacement
    text = data.draw(st.sampled_from([json.dumps(content), with_checksum(content)]))
    with patch.object(script, "keccak256", keccak256):
        assert script.verify(text) == _ours(text)


@given(content=st.binary(max_size=300) | st.text(max_size=300))
def test_whatever_is_not_a_disclosure_is_refused_and_nothing_is_raised(content):
    holds, problems = script.verify(content)
    assert (holds, len(problems)) == (False, 1)


def test_it_runs_by_itself_and_checks_with_its_own_keccak(shown, tmp_path):
    file = tmp_path / "disclosure.json"
    file.write_text(shown.texts["posted"])
    command = [sys.executable, "-I", "-S", str(SCRIPT), str(file), "--rpc", shown.url]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "HOLDS"


def test_without_a_node_it_says_what_it_did_not_check(shown, verified):
    code, said = verified(shown.texts["posted"])
    assert code == 0
    assert "net_pnl: -12.50000000 HKD: leads to the root" in said
    assert "delta: null (not defined): leads to the root" in said
    assert [line for line in said.splitlines() if line.startswith("NOT CHECKED")] == [
        *(f"NOT CHECKED: {step} (give --rpc)" for step in script.STEPS.values()),
        "NOT CHECKED: whether the trader's and the contract's address are the ones you expect: compare them",
    ]
    assert said.splitlines()[-1] == "HOLDS, as far as checked"


def test_of_the_extension_it_shows_each_metric_and_what_does_not_lead_on(shown, verified):
    code, said = verified(shown.texts["extended"])
    assert (code, said.splitlines()[-1]) == (0, "HOLDS, as far as checked")
    assert "wins: 3 count: leads to the root" in said
    assert "losses: null (not defined): leads to the root" in said
    code, said = verified(shown.texts["extended, other salt of slot 63"], "--rpc", shown.url)
    assert (code, said.splitlines()[-1]) == (1, "DOES NOT HOLD")
    assert "- the extension's root (slot 63) does not lead to the root" in said
    assert "net_pnl: -12.50000000 (in the account's base currency, which is not disclosed): leads to the root" in said
    assert "wins: 3 count: DOES NOT LEAD TO THE ROOT" in said


def test_with_a_root_it_compares(shown, verified):
    assert verified(shown.texts["posted"], "--root", shown.root.upper().replace("X", "x"))[0] == 0
    code, said = verified(shown.texts["posted"], "--root", "0x" + "12" * 32)
    assert code == 1
    assert "root is not the one that was given" in said
    assert "NOT CHECKED: who posted it, when, and whether that was late (the file by itself does not hold)" in said


def test_with_a_node_it_says_when_the_record_was_posted(shown, verified):
    code, said = verified(shown.texts["posted"], "--rpc", shown.url)
    assert code == 0
    late = ", late: it does not show that the figures were fixed on the day\n"
    assert re.search(
        r"- posted at 20\S+ \S+ UTC, by the chain's clock, [\d,.]+ days after the session's close" + late, said
    )
    assert "superseded" not in said
    assert said.count("NOT CHECKED") == 1  # the addresses


def test_a_record_that_was_corrected_is_called_superseded(shown, verified):
    code, said = verified(shown.texts["superseded"], "--rpc", shown.url)
    assert code == 0
    assert said.splitlines()[-1] == "HOLDS, but is superseded by version 2"
    assert verified(shown.texts["correction"], "--rpc", shown.url)[1].splitlines()[-1] == "HOLDS"
    assert verified(shown.texts["extended"], "--rpc", shown.url)[1].splitlines()[-1] == "HOLDS"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("not posted", "the contract has no version 1 of this trader's record of 2019-07-19"),
        ("other transaction", "did not post this record"),
        ("other record", "the contract has another root"),
        ("other value", "net_pnl (slot 13) does not lead to the root"),
        ("other chain", "net_pnl (slot 13) does not lead to the root"),
        ("extended, other value", "wins (slot 4 of the extension) does not lead to the extension's root"),
        ("extended, not posted", "the contract does not find the extension's root (slot 63) in the record"),
        ("forged by the deployment", "was not sent by the trader to the contract"),
        ("forged, another's transaction", "did not post this record"),
    ],
)
def test_what_the_chain_does_not_confirm_does_not_hold(shown, verified, name, said):
    code, printed = verified(shown.texts[name], "--rpc", shown.url)
    assert code == 1
    assert said in printed
    assert printed.splitlines()[-1] == "DOES NOT HOLD"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("no transaction named", "the disclosure names no transaction"),
        ("forged, no transaction named", "the disclosure names no transaction"),
        ("unknown transaction", "this node does not know the transaction"),
    ],
)
def test_who_posted_a_record_and_when_is_not_taken_from_the_contract_alone(shown, verified, name, why):
    code, said = verified(shown.texts[name], "--rpc", shown.url)
    assert code == 0
    assert f"NOT CHECKED: who posted it, when, and whether that was late ({why})" in said
    assert "posted at" not in said
    assert said.splitlines()[-1] == "HOLDS, as far as checked"


def test_a_correction_that_names_no_transaction_is_superseded_as_far_as_checked(shown, verified):
    content = json.loads(shown.texts["superseded"]) | {"transaction": None}
    said = verified(with_checksum(content), "--rpc", shown.url)[1]
    assert said.splitlines()[-1] == "HOLDS, as far as checked, but is superseded by version 2"


@pytest.fixture
def tampered(monkeypatch):
    """Have the node's answers to a method changed before they are read."""

    def tamper(method, change):
        ask = script.ask

        def changed(url, asked, *params):
            answer = ask(url, asked, *params)
            return change(answer, *params) if asked == method else answer

        monkeypatch.setattr(script, "ask", changed)

    return tamper


@pytest.mark.parametrize(
    ("method", "change", "said"),
    [
        ("eth_getTransactionReceipt", {"from": "0x" + "55" * 20}, "was not sent by the trader to the contract"),
        ("eth_getTransactionReceipt", {"to": None}, "was not sent by the trader to the contract"),
        ("eth_getTransactionReceipt", {"status": "0x0"}, "did not post this record"),
        ("eth_getTransactionReceipt", {"logs": []}, "did not post this record"),
        ("eth_getBlockByHash", {"timestamp": "0x1"}, "was mined at another time than the contract says"),
    ],
)
def test_a_transaction_that_is_not_the_traders_posting_at_that_time_proves_nothing(
    shown, verified, tampered, method, change, said
):
    tampered(method, lambda answer, *_: {**answer, **change})
    code, printed = verified(shown.texts["posted"], "--rpc", shown.url)
    assert code == 1
    assert said in printed
    assert printed.splitlines()[-1] == "DOES NOT HOLD"


@pytest.mark.parametrize(
    ("newest", "finalized", "is_final"),
    [(11, None, False), (12, None, True), (0, 0, True), (0, -1, False)],
)
def test_a_block_that_the_chain_may_still_drop_is_not_final(shown, verified, tampered, newest, finalized, is_final):
    receipt = script.ask(shown.url, "eth_getTransactionReceipt", json.loads(shown.texts["posted"])["transaction"])
    mined_in = int(receipt["blockNumber"], 16)
    tampered("eth_blockNumber", lambda *_: hex(mined_in + newest))
    tampered(
        "eth_getBlockByNumber", lambda *_: finalized if finalized is None else {"number": hex(mined_in + finalized)}
    )
    code, said = verified(shown.texts["posted"], "--rpc", shown.url)
    assert (code, said.splitlines()[-1]) == (0, "HOLDS")
    assert (f"NOT FINAL: the record's block has {newest} blocks after it" in said) != is_final


def test_a_contract_of_every_published_code_is_ours_and_the_first_one_stays(shown, verified, monkeypatch):
    first = "0x003648da93b10afa11f2e7d843171ad329fb7cb06dd648236ea5383cd3bdeda0"
    assert next(iter(TRACK_RECORD_CODES)) == first
    assert script.CODES == TRACK_RECORD_CODES == codes()
    monkeypatch.setattr(script, "CODES", {**script.CODES, "0x" + "12" * 32: 3})
    assert verified(shown.texts["posted"], "--rpc", shown.url)[0] == 0
    monkeypatch.setattr(script, "CODES", {"0x" + "12" * 32: 3})
    assert "is not FNTX's TrackRecord" in verified(shown.texts["posted"], "--rpc", shown.url)[1]


def test_a_code_that_is_compiled_later_is_added_to_those_before_it(monkeypatch):
    monkeypatch.setattr(pins, "artifact", lambda _: {"deployedBytecode": "0x6001"})
    later = f"0x{keccak256(bytes.fromhex('6001')).hex()}"
    assert list(codes()) == [*TRACK_RECORD_CODES, later]
    assert f'"{later}": 2,' in package_with_pins(PACKAGE.read_text(encoding="utf-8"))


def test_a_node_of_another_chain_is_no_verdict(shown, verified, tampered):
    tampered("eth_chainId", lambda *_: "0x1")
    code, said = verified(shown.texts["posted"], "--rpc", shown.url)
    assert code == 75
    served = f"it serves chain 1, the disclosure is of chain {shown.node.chain_id}"
    assert f"NOT CHECKED ON THE CHAIN: the node is of another chain: {served}" in said
    assert "net_pnl: -12.50000000 HKD: leads to the root" in said


@pytest.mark.parametrize("rpc", ["http://127.0.0.1:9", None])
def test_a_file_that_is_wrong_by_itself_does_not_hold_whatever_the_node_says(shown, verified, rpc):
    code, said = verified(shown.texts["other value"], "--rpc", rpc or shown.url)
    assert (code, said.splitlines()[-1]) == (1, "DOES NOT HOLD")
    assert "NOT CHECKED: whether the contract's rules are FNTX's (the file by itself does not hold)" in said


def test_what_comes_after_a_check_that_fails_is_not_called_checked(shown, verified):
    content = json.loads(shown.texts["forged by the deployment"])
    said = verified(shown.texts["not posted"], "--rpc", shown.url)[1]
    assert "NOT CHECKED: who posted it, when, and whether that was late (the check ended before it)" in said
    assert "NOT CHECKED: whether the contract's rules" not in said
    assert "NOT CHECKED: who posted it" not in verified(json.dumps(content), "--rpc", shown.url)[1]


@run_with(max_examples=150)
@given(
    data=st.data(),
    key=st.sampled_from(["format, metrics", "catalogue, chain_id", "name, path", ""]) | st.text(max_size=9),
    text=texts,
)
def test_whatever_a_key_is_called_it_says_what_ours_says_and_never_raises(data, key, text):
    content = json.loads(text)
    at = data.draw(st.sampled_from([place for place in places(content) if isinstance(place, dict)]))
    names = sorted(at)
    place = data.draw(st.integers(0, len(names) - 2))
    joined = data.draw(st.booleans())  # two keys become one that reads like both
    at[", ".join(names[place : place + 2]) if joined else key] = at.pop(names[place])
    if joined:
        del at[names[place + 1]]
    text = data.draw(st.sampled_from([json.dumps(content), with_checksum(content)]))
    with patch.object(script, "keccak256", keccak256):
        assert script.verify(text) == _ours(text)


@pytest.mark.parametrize("end", ["", "\\", "\\\n"])
def test_a_text_that_is_never_ended_is_looked_through_once(end):
    for quote in ('"' + '\\"' * 490_000, '"\\\n' * 240_000):
        assert script.verify(quote + end) == _ours(quote + end) == (False, ["the disclosure is not JSON"])


def test_a_contract_that_is_not_ours_is_reported(shown, verified):
    for address in (shown.node.fntx.address, "0x" + "12" * 20):  # another contract, and none
        record = build_record(
            shown.node.context(date(2019, 7, 17), contract=address),
            "U0000001",
            {13: 5},
            SECRET,
            salt_form=SaltForm.RECORD,
        )
        code, printed = verified(disclose(record, CATALOGUE, ["net_pnl"]), "--rpc", shown.url)
        assert code == 1
        assert "is not FNTX's TrackRecord" in printed


def test_an_amount_without_the_letters_of_its_currency_says_so(shown, verified):
    undisclosed = "(in the account's base currency, which is not disclosed)"
    assert f"net_pnl: -12.50000000 {undisclosed}: leads to the root" in verified(shown.texts["amount alone"])[1]


def test_a_record_that_nobody_is_shown_to_have_posted_says_so(shown, verified):
    for name in ("no transaction named", "unknown transaction"):
        code, said = verified(shown.texts[name], "--rpc", shown.url)
        assert (code, said.splitlines()[-1]) == (0, "HOLDS, as far as checked")
        assert "\nNOT CHECKED: who posted it, when, and whether that was late (" in said


def test_the_schemes_letters_may_be_of_either_case(shown, verified):
    assert verified(shown.texts["posted"], "--rpc", shown.url.replace("http", "HTTP"))[0] == 0


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"])
def test_a_node_that_drips_bytes_has_a_time_for_the_whole_answer(shown, verified, monkeypatch, start):
    monkeypatch.setattr(script, "SECONDS", 0.3)
    with odd_node(start, b"H") as url:
        code, said = verified(shown.texts["posted"], "--rpc", url)
    assert code == 75
    assert "NOT CHECKED ON THE CHAIN: the node does not answer eth_chainId (TimeoutError)" in said


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_node_that_sends_us_elsewhere_is_not_followed(shown, verified, status):
    other = b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"result":"0x1"}'
    head = "HTTP/1.1 {} Go\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n"
    with odd_node(other) as elsewhere, odd_node(head.format(status, elsewhere).encode()) as url:
        code, said = verified(shown.texts["posted"], "--rpc", url)
    assert code == 75
    assert "NOT CHECKED ON THE CHAIN: the node does not answer eth_chainId (HTTPError)" in said


def test_a_file_that_was_changed_does_not_hold(shown, verified):
    code, said = verified(shown.texts["posted"].replace("-12.5", "-12.6"))
    assert (code, said) == (1, "DOES NOT HOLD: metrics[0].value is not what scaled says\n")


def test_a_node_that_is_away_is_no_verdict(shown, verified):
    code, said = verified(shown.texts["posted"], "--rpc", "http://127.0.0.1:9/secret-path")
    assert code == 75
    assert "NOT CHECKED ON THE CHAIN: the node does not answer eth_chainId" in said
    assert "secret-path" not in said


@pytest.mark.parametrize(
    "arguments",
    [("--rpc", "file:///etc/passwd"), ("--what",), *(("--root", root) for root in NO_ROOTS)],
)
def test_wrong_usage_is_reported_as_such(shown, verified, arguments):
    assert verified(shown.texts["posted"], *arguments)[0] == 2


def test_a_file_that_is_not_there_is_wrong_usage(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["verify.py", str(tmp_path / "none.json")])
    with pytest.raises(SystemExit) as stop:
        script.main()
    assert stop.value.code == 2


@pytest.mark.parametrize("answer", [None, 7, [], {"logs": 3}, "0x", "zz"])
def test_a_node_that_answers_nonsense_is_no_verdict_and_no_traceback(shown, verified, monkeypatch, answer):
    monkeypatch.setattr(script, "ask", lambda *_: answer)
    code, said = verified(shown.texts["posted"], "--rpc", shown.url)
    assert code == 75
    assert "NOT CHECKED ON THE CHAIN" in said


def _ours(text):
    """What our own reader says of a text, in the script's form."""
    try:
        problems = list(check(parse(text, CATALOGUES, EXTENSIONS)).problems)
    except Permanent as refusal:
        problems = [refusal.message]
    return not problems, problems
