"""verify.py as a stranger runs it: a file, an interpreter, and at most a node."""

import ast
import json
import random
import subprocess
import sys
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import settings as run_with
from hypothesis import strategies as st

from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.catalogue import CATALOGUES
from fntx_dagster.proof.disclosure import check, parse
from fntx_dagster.proof.keccak import keccak256
from tests.proof.test_disclosure import TEXT, anything
from tests.verify.cases import with_checksum
from tests.verify.pins import SCRIPT, script_with_pins
from verify import verify as script


def run(tmp_path, capsys, monkeypatch, text, *arguments):
    """Exit code and what is printed."""
    file = tmp_path / "disclosure.json"
    file.write_text(text)
    monkeypatch.setattr(sys, "argv", ["verify.py", str(file), *arguments])
    try:
        code = script.main()
    except SystemExit as stop:
        code = stop.code
    return code, capsys.readouterr().out


@pytest.fixture
def verified(tmp_path, capsys, monkeypatch):
    return lambda *arguments: run(tmp_path, capsys, monkeypatch, *arguments)


def test_its_constants_are_the_catalogues_and_the_contracts_of_today():
    text = SCRIPT.read_text(encoding="utf-8")
    assert script_with_pins(text) == text, "run python -m tests.verify.pins"


def test_it_needs_the_standard_library_alone_and_the_syntax_of_python_3_9():
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 9))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} <= sys.stdlib_module_names


@pytest.mark.parametrize("length", [*range(0, 300, 9), 135, 136, 137, 271, 272, 273, 1000])
def test_its_keccak_is_keccak(length):
    data = random.Random(length).randbytes(length)
    assert script.keccak256(data) == keccak256(data)


@run_with(max_examples=150)
@given(data=st.data(), replacement=anything)
def test_whatever_a_field_holds_it_says_what_ours_says_and_never_raises(data, replacement):
    content = json.loads(TEXT)
    at = data.draw(st.sampled_from([content, *content["metrics"], *(entry["path"] for entry in content["metrics"])]))
    at[data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(6)))] = replacement
    text = data.draw(st.sampled_from([json.dumps(content), with_checksum(content)]))
    try:
        ours = list(check(parse(text, CATALOGUES)).problems)
    except Permanent as refusal:
        ours = [refusal.message]
    with patch.object(script, "keccak256", keccak256):
        assert script.verify(text) == (not ours, ours)


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
    assert "net_pnl: -12.50000000 base_currency: leads to the root" in said
    assert "delta: null (not defined): leads to the root" in said
    assert "NOT CHECKED: whether this root is on the chain" in said
    assert said.splitlines()[-1] == "HOLDS, as far as checked"


def test_with_a_root_it_compares(shown, verified):
    assert verified(shown.texts["posted"], "--root", shown.root.upper().replace("X", "x"))[0] == 0
    code, said = verified(shown.texts["posted"], "--root", "0x" + "12" * 32)
    assert code == 1
    assert "root is not the one that was given" in said


def test_with_a_node_it_says_when_the_record_was_posted(shown, verified):
    code, said = verified(shown.texts["posted"], "--rpc", shown.url)
    assert code == 0
    assert "- posted at 20" in said
    assert "superseded" not in said


def test_a_record_that_was_corrected_is_called_superseded(shown, verified):
    code, said = verified(shown.texts["superseded"], "--rpc", shown.url)
    assert code == 0
    assert said.splitlines()[-1] == "HOLDS, but is superseded by version 2"
    assert verified(shown.texts["correction"], "--rpc", shown.url)[1].splitlines()[-1] == "HOLDS"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("not posted", "the contract has no version 1 of this trader's record of 2019-07-19"),
        ("other transaction", "did not post this record"),
        ("no transaction", "did not post this record"),
        ("other record", "the contract has another root"),
        ("other value", "net_pnl (slot 13) does not lead to the root"),
        ("other chain", "the disclosure is of chain 1"),
    ],
)
def test_what_the_chain_does_not_confirm_does_not_hold(shown, verified, name, said):
    code, printed = verified(shown.texts[name], "--rpc", shown.url)
    assert code == 1
    assert said in printed
    assert printed.splitlines()[-1] == "DOES NOT HOLD"


def test_a_contract_that_is_not_ours_is_told(shown, verified):
    content = json.loads(shown.texts["posted"])
    for address in (shown.node.fntx.address, "0x" + "12" * 20):  # another contract, and none
        content["contract"] = address
        code, printed = verified(with_checksum(content), "--rpc", shown.url)
        assert code == 1
        assert "is not FNTX's TrackRecord" in printed


def test_a_file_that_was_changed_does_not_hold(shown, verified):
    code, said = verified(shown.texts["posted"].replace("-12.5", "-12.6"))
    assert (code, said) == (1, "DOES NOT HOLD: metrics[0].value is not what scaled says\n")


def test_a_node_that_is_away_is_no_verdict(shown, verified):
    code, said = verified(shown.texts["posted"], "--rpc", "http://127.0.0.1:9/secret-path")
    assert code == 75
    assert "NOT CHECKED ON THE CHAIN: the node does not answer eth_chainId" in said
    assert "secret-path" not in said


@pytest.mark.parametrize("arguments", [("--rpc", "file:///etc/passwd"), ("--root", "0x12"), ("--what",)])
def test_wrong_usage_is_told_as_such(shown, verified, arguments):
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
