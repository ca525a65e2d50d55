"""The file that signers get: complete, read by public tools, and refused where anything in it was altered."""

from __future__ import annotations

import copy
import hashlib
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from stellar_sdk import Account, Asset, Keypair, TransactionBuilder, TransactionEnvelope
from xrpl.models import Transaction

from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.services.treasury.signing import NamedSigner, read_signing_file, stellar_file, xrpl_file
from tests.tools import ROOT

ADAPTERS = Path(__file__).parents[2] / "adapters"
XRPL = json.loads((ADAPTERS / "xrpl" / "vectors" / "transactions.json").read_text(encoding="utf-8"))
STELLAR = json.loads((ADAPTERS / "stellar" / "vectors" / "transactions.json").read_text(encoding="utf-8"))


def intent_of(spec: dict[str, Any]) -> dict[str, Any]:
    """The payload that people approved of what became this specification."""
    if spec["ledger"] == "xrpl":
        intent = {name: spec[name] for name in ("op", "account", "params")}
        return {"ledger": "xrpl", "network_id": spec["network_id"], "intent": intent}
    intent = {"op": "batch", "account": spec["source"], "params": {"operations": spec["operations"]}}
    return {"ledger": "stellar", "network_id": spec["passphrase"], "intent": intent | {"memo": spec["memo"]}}


def on_xrpl(case: dict[str, Any]) -> dict[str, Any]:
    signers = [NamedSigner(f"s{at}", each["account"]) for at, each in enumerate(case["signatures"])]
    return xrpl_file(1, case["unsigned_blob"], signers, intent_of(case["spec"]), "2026-12-03, about noon")


def on_stellar(case: dict[str, Any]) -> dict[str, Any]:
    signers = [NamedSigner(f"s{at}", each["public_key"]) for at, each in enumerate(case["signatures"])]
    return stellar_file(case["spec"]["passphrase"], case["unsigned_xdr"], signers, intent_of(case["spec"]))


FILES = [on_xrpl(case) for case in XRPL["cases"]] + [on_stellar(case) for case in STELLAR["cases"]]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file["sentences"][0][:30])
def test_a_file_reads_back_as_it_was_written(file: dict[str, Any]) -> None:
    assert read_signing_file(json.dumps(file).encode()) == file


def test_a_file_holds_what_each_signer_signs_and_the_hash_of_the_bytes() -> None:
    for case in XRPL["cases"]:
        file = on_xrpl(case)
        assert [each["payload"] for each in file["signers"]] == [each["payload"] for each in case["signatures"]]
        assert file["sha256"] == hashlib.sha256(bytes.fromhex(case["unsigned_blob"])).hexdigest()
        assert Transaction.from_blob(file["unsigned_blob"]).blob() == case["unsigned_blob"]
    for case in STELLAR["cases"]:
        file = on_stellar(case)
        assert {each["payload"] for each in file["signers"]} == {case["hash"]}
        assert TransactionEnvelope.from_xdr(file["unsigned_xdr"], file["network_id"]).hash_hex() == file["hash"]


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value of a file that is neither an object nor a list."""
    if isinstance(value, dict):
        return [path for name, inner in value.items() for path in paths(inner, (*at, name))]
    if isinstance(value, list):
        return [path for place, inner in enumerate(value) for path in paths(inner, (*at, place))]
    return [at]


FREE = {("signers", "id"), ("ends_about",)}
"""What neither the bytes nor the intent say."""


@pytest.mark.parametrize("file", [FILES[2], FILES[-2]], ids=["xrpl", "stellar"])
def test_a_file_of_which_anything_was_altered_is_refused(file: dict[str, Any]) -> None:
    for path in paths(file):
        words = tuple(step for step in path if isinstance(step, str))
        if words in FREE:
            continue
        wrong = copy.deepcopy(file)
        inner: Any = wrong
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = f"{inner[path[-1]]}1" if isinstance(inner[path[-1]], str) else 12345
        with pytest.raises(TransactionRefused):
            read_signing_file(json.dumps(wrong).encode())


@pytest.mark.parametrize("name", [*FILES[0]])
def test_a_file_without_one_of_its_parts_or_with_one_more_is_refused(name: str) -> None:
    less = {each: value for each, value in FILES[0].items() if each != name}
    for wrong in (less, FILES[0] | {"note": "x"}):
        with pytest.raises(TransactionRefused):
            read_signing_file(json.dumps(wrong).encode())


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"format": "fntx-signing/2"}', b"\xff", b" " * 1_000_001])
def test_what_is_no_such_file_is_refused(content: bytes) -> None:
    with pytest.raises(TransactionRefused):
        read_signing_file(content)


def test_a_name_that_stands_twice_is_refused() -> None:
    text = json.dumps(FILES[0])
    with pytest.raises(TransactionRefused, match="twice"):
        read_signing_file(f'{{"sentences": ["Pays nothing."], {text[1:]}'.encode())


def test_a_signed_transaction_and_a_signer_without_an_address_get_no_file() -> None:
    case, nobody = XRPL["cases"][2], [NamedSigner("s", "x")]
    payload = intent_of(case["spec"])
    with pytest.raises(TransactionRefused, match="signed already"):
        xrpl_file(1, case["signed_blob"], [], payload, "soon")
    with pytest.raises(TransactionRefused, match="no classic address"):
        xrpl_file(1, case["unsigned_blob"], nobody, payload, "soon")
    case = STELLAR["cases"][0]
    with pytest.raises(TransactionRefused, match="no address"):
        stellar_file(case["spec"]["passphrase"], case["unsigned_xdr"], nobody, intent_of(case["spec"]))


def test_bytes_of_another_intent_than_the_approved_get_no_file() -> None:
    for cases in (XRPL["cases"], STELLAR["cases"]):
        for case, other in pairwise(cases):
            wrong = case | {"spec": other["spec"]}
            with pytest.raises(TransactionRefused) as refused:
                (on_xrpl if cases is XRPL["cases"] else on_stellar)(wrong)
            assert refused.value.code == "other_intent"
    with pytest.raises(TransactionRefused, match="not those of the intent"):
        xrpl_file(0, XRPL["cases"][2]["unsigned_blob"], [], intent_of(XRPL["cases"][2]["spec"]), "soon")


def test_the_program_of_a_signer_on_stellar_shows_all_that_its_bytes_say(tmp_path: Path) -> None:
    """Who pays, with which fee, memo and time bounds: not the operations alone."""
    key, other = Keypair.random(), Keypair.random().public_key
    network = "Test SDF Network ; September 2015"
    builder = TransactionBuilder(Account(key.public_key, 41), network, 250).add_text_memo("coupon of May")
    built = builder.append_payment_op(other, Asset.native(), "7.5").add_time_bounds(11, 2_000_000_123).build()
    (tmp_path / "stellar.seed").write_text(key.secret)
    (tmp_path / "file.json").write_text(json.dumps({"unsigned_xdr": built.to_xdr(), "network_id": network}))
    command = [sys.executable, "-I", ROOT / "sign" / "stellar_transaction.py", "stellar.seed", "file.json"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    for shown in (key.public_key, "sequence 42", "250 stroops", "coupon of May", "min_time=11", "2000000123", other):
        assert shown in done.stderr, shown
    assert TransactionEnvelope.from_xdr(done.stdout.strip(), network).signatures
    assert key.secret not in done.stderr
