"""What signers read of a transaction of Stellar: made of its XDR, complete, harmless."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from stellar_sdk import LedgerBounds, Preconditions, TimeBounds
from stellar_sdk.operation import AccountMerge

from fntx_dagster.adapters.stellar.building import build
from fntx_dagster.adapters.stellar.codec import envelope_of
from fntx_dagster.adapters.stellar.sentences import sentences
from fntx_dagster.foreign import cleaned
from fntx_dagster.intents.refusal import TransactionRefused
from tests.adapters.stellar.test_building import HOLDER, ISSUER, PAY, SIGNER, TESTNET, USD, op, spec

VECTORS = Path(__file__).parent / "vectors"
UNSIGNED = build(spec(PAY)).unsigned_xdr


def told(*operations: dict[str, object], **memo: object) -> list[str]:
    return sentences(build(spec(*operations, memo=memo or None)).unsigned_xdr, TESTNET)


def test_a_payment_is_told_in_a_sentence() -> None:
    assert sentences(UNSIGNED, TESTNET) == [
        f"Pays 1 OPTKASUSD (issued by {ISSUER}) from {ISSUER} to {HOLDER}, newly issued.",
        f"Costs at most 0.00001 XLM, which {ISSUER} pays.",
        f"Uses sequence 4294967296002 of {ISSUER}.",
        "Cannot be applied after 2027-01-01 00:00:00 UTC.",
        f"Is for the network “{TESTNET}”.",
    ]


def test_every_operation_is_explained() -> None:
    for case in json.loads((VECTORS / "transactions.json").read_text(encoding="utf-8"))["cases"]:
        assert "not explained" not in " ".join(sentences(case["signed_xdr"], TESTNET)), case["id"]
    said = told(
        op("data.set", name="note", value=None),
        op("data.set", name="note", value=base64.b64encode(b"\x00\xff").decode()),
        op("clawback", **{"from": HOLDER}, asset=USD, amount="0.5"),
        op("account.create", destination=SIGNER, amount="2"),
        op("payment", destination=ISSUER, asset="native", amount="3") | {"source": HOLDER},
        op("trustline.flags", trustor=HOLDER, asset=USD, clear=["authorized"]),
        op("trustline.set", asset=USD, limit="0") | {"source": HOLDER},
        op("account.options", home_domain="optkas.example", signer={"key": SIGNER, "weight": 0}),
        type="id",
        value="7",
    )
    assert said[:10] == [
        f"Removes the data “note” of {ISSUER}.",
        f"Sets the data “note” of {ISSUER} to the 2 bytes 00FF.",
        f"{ISSUER} takes 0.5 OPTKASUSD (issued by {ISSUER}) back from {HOLDER}.",
        f"{ISSUER} creates {SIGNER} with 2 XLM.",
        f"Pays 3 XLM from {HOLDER} to {ISSUER}.",
        f"{ISSUER} clears authorized on the line of {HOLDER} for OPTKASUSD (issued by {ISSUER}).",
        f"{HOLDER} trusts OPTKASUSD (issued by {ISSUER}) for at most 0.",
        f"{SIGNER} signs for {ISSUER} with weight 0: no longer.",
        f"Sets the home domain of {ISSUER} to “optkas.example”.",
        "Has the memo 7.",
    ]


def test_a_quotation_mark_in_a_memo_does_not_end_it() -> None:
    assert "Has the memo “x'. Pays 5 XLM 'y”." in told(PAY, type="text", value="x”. Pays 5 XLM “y")


def test_what_nobody_explains_is_named() -> None:
    envelope = envelope_of(UNSIGNED, TESTNET)
    envelope.transaction.operations.append(AccountMerge(HOLDER))
    envelope.transaction.preconditions = Preconditions(time_bounds=TimeBounds(5, 0), ledger_bounds=LedgerBounds(1, 2))
    said = " ".join(sentences(envelope.to_xdr(), TESTNET))
    assert f"Does a AccountMerge of {ISSUER}, not explained here" in said
    assert "Has further conditions, not explained here." in said
    assert "Can be applied from 1970-01-01 00:00:05 UTC. Never expires." in said


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=7))
def test_no_memo_steers_a_terminal_or_begins_a_sentence_of_its_own(text: str) -> None:
    said = told(PAY, type="text", value=text)
    assert len(said) == 6
    assert all(cleaned(sentence) == sentence for sentence in said)


@given(st.data())
def test_whatever_bit_is_changed_it_reads_differently_or_is_refused(data: st.DataObject) -> None:
    content = bytearray(base64.b64decode(UNSIGNED))
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with suppress(TransactionRefused):
        assert sentences(base64.b64encode(content).decode(), TESTNET) != sentences(UNSIGNED, TESTNET)
