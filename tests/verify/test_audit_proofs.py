"""`fntx audit verify` and audit.py, as a stranger runs them: a proof file, and at most a server for each ledger. Most
tests ask both."""

from __future__ import annotations

import ast
import json
import random
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from typer.testing import CliRunner

from fntx_dagster.adapters.evm import anchor_checking
from fntx_dagster.cli import app
from tests.tools import ROOT
from tests.verify.audit_cases import LIES, anchored
from tests.verify.audit_logs import Content, Log, mutations
from tests.verify.conftest import Audited
from tests.verify.far_node import far_node
from tests.verify.ledgers import Ledgers, served
from tests.verify.odd import odd_node
from tests.verify.pins import AUDIT
from verify import audit as script

CASES = json.loads((ROOT / "tests/audit/vectors/audit-proofs.json").read_text(encoding="utf-8"))["cases"]
LOG = Log()
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def by_script(tmp_path, capsys, monkeypatch) -> Run:
    """audit.py on a proof, with options: its exit code and what it prints."""

    def run(proof: Any, *arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["audit.py", str(_file(tmp_path, proof)), *arguments])
        try:
            code = script.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        return code, "".join(capsys.readouterr())

    return run


@pytest.fixture
def by_command(tmp_path) -> Run:
    """The same of `fntx audit verify`."""

    def run(proof: Any, *arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["audit", "verify", str(_file(tmp_path, proof)), *arguments])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output

    return run


@pytest.fixture(params=["script", "command"])
def audit(request: pytest.FixtureRequest) -> Run:
    return request.getfixturevalue(f"by_{request.param}")


def _file(folder: Path, proof: Any) -> Path:
    file = folder / "proof.json"
    file.write_bytes(proof if isinstance(proof, bytes) else json.dumps(proof).encode())
    return file


def history(tmp_path, *cases: dict) -> list[str]:
    file = tmp_path / "consistency.json"
    file.write_text(json.dumps({"cases": cases}))
    return ["--history", str(file)]


def test_it_needs_the_standard_library_alone_and_the_syntax_of_python_3_9():
    text = AUDIT.read_text(encoding="utf-8")
    tree = ast.parse(text, feature_version=(3, 9))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {f"{node.module}" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} <= sys.stdlib_module_names
    assert re.findall(r"^# (PART \d)", text, re.MULTILINE) == [f"PART {number}" for number in range(1, 7)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_of_the_published_cases_it_takes_the_whole_one_alone(case, audit):
    code, said = audit(case["proof"])
    assert code == (75 if case["expected"]["holds"] else 1), said
    assert ("Otherwise it holds" in said) is case["expected"]["holds"]
    whole = "NOT CHECKED ON A LEDGER: xrpl, stellar, evm. Otherwise it holds"
    assert _last(said) == (whole if case["expected"]["holds"] else "DOES NOT HOLD")


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 8, 13])
def test_every_event_of_a_log_is_found_under_every_checkpoint(size, audit):
    for seq in range(size):
        for older in (None, *range(1, size + 1)):
            assert script.verify(json.dumps(LOG.proof(seq, size, older=older)).encode()) == (True, None)
    code, said = audit(LOG.proof(size - 1, size))
    assert (code, _last(said)) == (0, "HOLDS, as far as checked")
    assert "NOT CHECKED: whether a ledger holds the root: the proof names none" in said


def test_its_signatures_are_those_of_the_library():
    rng = random.Random(8032)
    for length in (0, 1, 2, 100):
        secret, message = Ed25519PrivateKey.from_private_bytes(rng.randbytes(32)), rng.randbytes(length)
        public, signature = secret.public_key().public_bytes_raw(), secret.sign(message)
        assert script.is_signed(public, message, signature)
        assert not script.is_signed(public, message + b"x", signature)
        for _ in range(8):
            at = rng.randrange(64)
            broken = signature[:at] + bytes([signature[at] ^ 1 << rng.randrange(8)]) + signature[at + 1 :]
            assert not script.is_signed(public, message, broken)
        scalar = int.from_bytes(signature[32:], "little") + script.Q
        assert not script.is_signed(public, message, signature[:32] + scalar.to_bytes(32, "little"))
    for _ in range(40):
        key, signature = rng.randbytes(32), rng.randbytes(63) + b"\0"
        assert script.is_signed(key, b"", signature) is _library(key, b"", signature)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_byte_of_a_proof_is_changed_it_never_holds_unless_it_says_the_same(seed, by_script, by_command):
    """500 mutations in four parts, judged alike; where only a ledger can tell, it is asked."""
    ledgers, anchors = anchored(LOG)
    content, told = LOG.proof(3, 8, anchors, 3), 0
    with served(ledgers) as url:
        for text in [json.dumps(content).encode(), *mutations(random.Random(seed), content, 125)]:
            code, said = by_script(text, "--xrpl", url, "--horizon", url)
            holds, reason = script.verify(text)
            assert (code == 0) is (holds and _same(json.loads(text), content)), text
            told += holds and code != 0
            other, also_said = by_command(text, "--xrpl", url, "--horizon", url)
            assert other == code, text
            assert code == 2 or reason is None or (reason in said and reason in also_said), (said, also_said)
    assert told > 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"anchors":', '"anchors": [], "anchors":'),
        ('"seq": 0', '"seq": 0.0'),
        ('"seq": 0', '"seq": 0e0'),
        ('"seq": 0', '"seq": NaN'),
        ('"seq": 0', '"seq": false'),
        ('"seq": 0', '"seq": 9007199254740992'),
        ('"v": 1', '"v": true'),
        ('"note": ""', '"note": "\\ud800"'),
        ('"tree_size": 8', '"tree_size": 8.0'),
        ('"anchors": []', '"anchors": null'),
    ],
)
def test_what_two_readers_could_understand_differently_is_refused(old, new, audit):
    text = json.dumps(LOG.proof(0, 8))
    assert old in text
    code, said = audit(text.replace(old, new).encode())
    assert (code, _last(said)) == (1, "DOES NOT HOLD"), said


def test_an_event_whose_leaf_fits_but_which_is_none_is_refused(audit):
    for field, value in (("v", 2), ("time", "2026-02-30T00:00:00.000000Z"), ("actor", "root"), ("details", [])):
        log = Log(2)
        log.events[1][field] = value
        code, said = audit(log.proof(1, 2))
        assert code == 1
        assert f"the event's field {field}: it is not" in said


def test_a_file_that_is_no_proof_is_wrong_usage(audit, tmp_path):
    for content in (b"{", b"", b"no", b"\xff{}", b'{"format": "fntx.disclosure/1"}', b"[" * 100_000):
        code, said = audit(content)
        assert code == 2, said
        assert "HOLD" not in said
    assert audit(LOG.proof(0, 8), "--rpc", "localhost")[0] == 2
    assert audit(LOG.proof(0, 8), "--history", str(tmp_path / "none.json"))[0] == 2
    assert audit(b" " * 1_000_001)[0] == 1


def test_the_script_runs_by_itself_against_three_ledgers(audited: Audited, tmp_path):
    file = tmp_path / "proof.json"
    file.write_text(json.dumps(audited.proof))
    command = [sys.executable, "-I", "-S", str(AUDIT), str(file), *audited.urls, "--log-key", audited.log.log_key]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "HOLDS"
    assert f"log_key {audited.log.log_key}" in done.stdout
    assert "checking against one server trusts that server" in done.stdout
    assert f"HOLDS (posted by {audited.poster.lower()})" in done.stdout


def test_an_anchor_that_the_chain_may_still_drop_is_called_not_final(audited: Audited, audit, monkeypatch):
    for module, name in ((script, "is_finalized"), (anchor_checking, "_is_finalized")):
        monkeypatch.setattr(module, name, lambda *_: False)
        monkeypatch.setattr(module, "FINAL_AFTER", 10**6)
    code, said = audit(audited.log.proof(2, 8, [audited.on_evm[8]]), *audited.urls)
    assert code == 0
    assert "NOT FINAL: its block has" in said


def test_without_a_server_it_says_what_it_did_not_check(audited: Audited, audit):
    code, said = audit(audited.proof)
    assert code == 75
    assert re.findall("NOT CHECKED: give (--[a-z]+)", said) == ["--xrpl", "--horizon", "--rpc"]
    assert "whether log_key is the key that the log's owner publishes" in said
    code, said = audit(audited.proof, *audited.urls[:4])
    assert (code, _last(said)) == (75, "NOT CHECKED ON A LEDGER: evm. Otherwise it holds")


def test_another_key_than_the_published_one_does_not_hold(audited: Audited, audit):
    code, said = audit(audited.proof, *audited.urls, "--log-key", audited.log.log_key.replace("+", "-"))
    assert (code, len(said.splitlines())) == (1, 2)
    assert "log_key is not the key that you gave" in said


@pytest.mark.parametrize("name", LIES)
def test_what_a_server_says_of_an_anchor_is_believed_in_no_other_form(name, audit):
    lie = LIES[name]
    ledgers, anchors = anchored(LOG)
    lie.change(ledgers)
    with served(ledgers) as url:
        code, said = audit(LOG.proof(2, 8, anchors), "--xrpl", url, "--horizon", url)
    assert code == lie.code, said
    assert lie.words in said
    assert said.count("HOLDS") == 1


def test_a_rippled_of_the_older_api_is_understood(audit):
    ledgers, anchors = anchored(LOG)
    ledgers.is_old = True
    with served(ledgers) as url:
        code, said = audit(LOG.proof(2, 8, anchors[:1]), "--xrpl", url)
    assert (code, _last(said)) == (0, "HOLDS"), said


def test_a_server_that_is_away_or_sends_us_on_gives_no_verdict(audit):
    proof = LOG.proof(2, 8, [LOG.on_xrpl(8), LOG.on_stellar(8)])
    away = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    for start in (
        away,
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 500 No\r\n\r\n",
        b"nonsense\r\n\r\n",
    ):
        with odd_node(start) as url:
            code, said = audit(proof, "--xrpl", url, "--horizon", url)
            assert (code, said.count("NOT CHECKED: the server does not answer")) == (75, 2), said


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"chain_id": 1}, 75, "the node is of another chain"),
        ({"block": 10**6}, 1, "the transaction is in block"),
        ({"contract": "0x" + "11" * 20}, 1, "is not FNTX's AuditAnchor"),
        ({"tx_hash": "0x" + "12" * 32}, 1, "does not hold the transaction"),
        ({"tx_hash": "0x" + "12" * 32, "block": 10**6}, 75, "the node does not know the transaction"),
    ],
)
def test_an_evm_anchor_that_is_elsewhere_does_not_hold(change, code, words, audited: Audited, audit):
    anchor = {**audited.on_evm[8], **change}
    result = audit(audited.log.proof(2, 8, [anchor]), *audited.urls)
    assert result[0] == code, result
    assert words in result[1]


def test_a_transaction_of_another_checkpoint_does_not_hold(audited: Audited, audit):
    anchor = {**audited.on_evm[8], **{name: audited.on_evm[5][name] for name in ("tx_hash", "block")}}
    code, said = audit(audited.log.proof(2, 8, [anchor]), *audited.urls)
    assert code == 1
    assert "did not anchor the checkpoint in the contract" in said


def test_all_anchors_of_an_account_go_on_from_each_other(audited: Audited, audit, tmp_path):
    cases = [LOG.case(3, 5), LOG.case(5, 8), LOG.case(8, 13)]
    assert audit(audited.proof, *audited.urls, *history(tmp_path, *cases))[0] == 0
    code, said = audit(audited.proof, *audited.urls, *history(tmp_path, *cases[1:]))
    assert code == 75
    assert said.count("of the other anchors of that account, no consistency proof from 3 to 5") == 3
    broken = {**cases[0], "proof": cases[0]["proof"][::-1]}
    code, said = audit(audited.proof, *audited.urls, *history(tmp_path, broken, *cases[1:]))
    assert code == 1
    assert "the log of 5 events does not go on from that of 3: it was forked" in said


@pytest.mark.parametrize(("more", "status"), [(3_000, 200), (3_000, 400), (3_000, 413)])
def test_a_node_that_shows_the_events_of_few_blocks_at_a_time_is_asked_again(
    more, status, audited: Audited, audit, tmp_path
):
    proof = audited.log.proof(2, 8, [audited.on_evm[8]])
    cases = history(tmp_path, LOG.case(3, 5), LOG.case(5, 8), LOG.case(8, 13))
    with far_node(audited.urls[-1], more, 1_000, status) as node:
        code, said = audit(proof, "--rpc", node.url, *cases)
        assert code == 0, said
        taken = [(first, last) for first, last, is_refused in node.ranges if not is_refused]
    assert (taken[0][0], len(taken) > 1) == (0, True)
    assert all(after == last + 1 for (_, last), (after, _) in pairwise(taken))
    with far_node(audited.urls[-1], more, 100, status) as node:
        code, said = audit(proof, "--rpc", node.url, *cases)
    assert code == 75, said


def test_exported_checkpoints_lead_from_anchor_to_anchor(audited: Audited, audit, tmp_path):
    """As `fntx audit export --checkpoints` writes them: a line for each checkpoint, many of which no ledger holds."""
    file = tmp_path / "checkpoints.jsonl"

    def write(sizes: list[int], log: Log = LOG) -> None:
        olders = [None, *sizes[:-1]]
        file.write_text("".join(json.dumps(_line(log, *each)) + "\n" for each in zip(sizes, olders, strict=True)))

    for sizes, code, words in (
        ([1, 2, 3, 4, 5, 6, 8, 11, 13], 0, ""),
        ([3, 5, 8], 75, "no consistency proof from 8 to 13"),
        ([1, 2, 3, 4, 6, 8, 13], 75, "no consistency proof from 3 to 5, 5 to 8"),
    ):
        write(sizes)
        result = audit(audited.proof, *audited.urls, "--history", str(file))
        assert (result[0], words in result[1]) == (code, True), result
    write([3, 5, 8, 13], Log(fork="x"))
    assert audit(audited.proof, *audited.urls, "--history", str(file))[0] == 75
    line = _line(LOG, 5, 3)
    for wrong in (line | {"log_key": "no"}, line | {"checkpoint": LOG.note(5).replace("\n5\n", "\n6\n")}):
        file.write_text(json.dumps(wrong))
        assert audit(audited.proof, *audited.urls, "--history", str(file))[0] == 2


def _line(log: Log, size: int, older: int | None) -> Content:
    return {
        "checkpoint": log.note(size),
        "log_key": log.log_key,
        "consistency": log.proof(0, size, older=older)["consistency"],
        "anchors": [],
    }


def test_a_fork_and_a_log_that_was_cut_off_are_seen(audit, tmp_path):
    fork = Log(fork="x")
    for log, sizes, words in (
        (LOG, (3, 8, 5), "behind an anchor of 8 events is another one of 5: the log was forked or cut"),
        (fork, (3, 8, 8), "behind an anchor of 8 events is another one of 8: the log was forked or cut"),
        (fork, (3, 8, 13), "no consistency proof from 8 to 13"),
        (LOG, (3, 8, 8), ""),
    ):
        ledgers = Ledgers()
        anchors: list[dict] = []
        for number, size in enumerate(sizes):
            source, tx_hash = LOG if number < 2 else log, f"{number + 1:064}"
            entries = [
                ledgers.anchor_on_xrpl(source, size, tx_hash, 2000 + number),
                ledgers.anchor_on_stellar(source, size, tx_hash, 77 + number),
            ]
            anchors = entries if number == 1 else anchors
        cases = history(tmp_path, LOG.case(3, 8), LOG.case(8, 13), fork.case(8, 13))
        for url_of, anchor in (("--xrpl", anchors[0]), ("--horizon", anchors[1])):
            with served(ledgers) as url:
                proof = LOG.proof(2, 8, [anchor])
                assert audit(proof, url_of, url)[0] == 0
                code, said = audit(proof, url_of, url, *cases)
            assert (code == 0) is (not words), said
            assert words in said


def test_another_log_of_the_same_account_is_no_fork(audit, tmp_path):
    ledgers, anchors = anchored(LOG)
    other = LOG.payload(3)[:40] + b"\1" * 8
    ledgers.anchor_on_xrpl(LOG, 3, "D" * 64)
    ledgers.xrpl["D" * 64]["tx_json"]["Memos"][0]["Memo"]["MemoData"] = other.hex()
    with served(ledgers) as url:
        assert audit(LOG.proof(2, 8, anchors[:1]), "--xrpl", url, *history(tmp_path))[0] == 0


def _last(said: str) -> str:
    """The verdict, without the sign that a terminal shows before it."""
    return said.splitlines()[-1].lstrip("✓✗! ")


def _library(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _same(one: Any, other: Any) -> bool:
    """Whether two proofs say the same: hashes of transactions and memos may be written in letters of either case."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            one[name].lower() == other[name].lower() if name in ("tx_hash", "memo") else _same(one[name], other[name])
            for name in one
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and one == other
