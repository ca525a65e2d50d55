"""What `submit` says at once, in the ledger's order of tests, and what becomes of a transaction after it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from xrpl.core.binarycodec import decode, encode

from fntx_dagster.simulate.xrpl.codes import number_of
from fntx_dagster.simulate.xrpl.engine import read_blob
from fntx_dagster.simulate.xrpl.ledger import restored
from fntx_dagster.simulate.xrpl.signatures import signature_fault
from tests.simulate.xrpl.people import START, Town, address, funded, sealed, signers, wallet

VECTORS = Path(__file__).parent / "vectors"
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
CASES = json.loads((VECTORS / "transactions.json").read_text())["cases"]


@pytest.fixture
def town() -> Town:
    return funded("alice", "bob-k1", "s1", "s2-k1")


def changed(blob: str, **fields: Any) -> str:
    return encode({name: value for name, value in (decode(blob) | fields).items() if value is not None})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_every_published_transaction_decodes_verifies_and_has_its_hash(case: dict[str, Any]) -> None:
    sent = read_blob(case["signed_blob"])
    assert sent.transaction_id == case["hash"]
    assert signature_fault(sent.tx) is None
    assert {name: value for name, value in sent.tx.items() if name != "Signers"} == case["tx_json"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_published_transaction_with_one_byte_changed_verifies_no_more(case: dict[str, Any]) -> None:
    tx = read_blob(case["signed_blob"]).tx
    assert signature_fault(tx | {"Sequence": 8}) == "temBAD_SIGNATURE"
    assert signature_fault(tx | {"Signers": tx["Signers"][::-1]}) == "temBAD_SIGNATURE"
    assert signature_fault(tx | {"Signers": [tx["Signers"][0]] * 2}) == "temBAD_SIGNATURE"


def high(signature: str) -> str:
    """The other signature that the curve accepts for the same key and words."""
    content = bytes.fromhex(signature)
    size = content[3]
    r, s = content[4 : 4 + size], int.from_bytes(content[6 + size :], "big")
    other = (ORDER - s).to_bytes(33, "big").lstrip(b"\0")
    other = other if other[0] < 0x80 else b"\0" + other
    body = b"\x02" + bytes([len(r)]) + r + b"\x02" + bytes([len(other)]) + other
    return (b"\x30" + bytes([len(body)]) + body).hex().upper()


def test_a_signature_in_the_upper_half_is_refused(town: Town) -> None:
    blob = town.signed("bob-k1", "AccountSet")
    other = changed(blob, TxnSignature=high(decode(blob)["TxnSignature"]))
    assert town.submitted(other)["engine_result"] == "temBAD_SIGNATURE"
    assert town.submitted(blob)["engine_result"] == "tesSUCCESS"


def test_what_is_no_transaction_is_an_error_answer(town: Town) -> None:
    for blob in ("", "00", "zz", "12", town.signed("alice", "AccountSet") + "00"):
        assert town.submitted(blob)["error"] == "invalidTransaction"


def test_the_tests_come_in_the_ledgers_order(town: Town) -> None:
    """Each blob has every fault of those after it, too."""
    town.close_ledger()
    faults: list[tuple[str, dict[str, Any]]] = [
        ("telINSUF_FEE_P", {"Fee": "9"}),
        ("tefMAX_LEDGER", {"LastLedgerSequence": town.ledger.last.ledger_index}),
        ("tefPAST_SEQ", {"Sequence": 1}),
        ("temINVALID_FLAG", {"Flags": 1}),
    ]
    fields: dict[str, Any] = {}
    assert town.send("alice", "AccountSet", SetFlag=4) == "tecNO_ALTERNATIVE_KEY"
    stranger = funded("alice").signed("alice", "AccountSet")
    tx = decode(stranger) | {"SigningPubKey": wallet("s1").public_key, "TxnSignature": None, "Sequence": 3}
    tx = {name: value for name, value in tx.items() if value is not None}
    assert town.submitted(sealed(tx, "s1"))["engine_result"] == "tefBAD_AUTH_MASTER"
    for code, more in faults:
        fields |= more
        assert town.submitted(sealed(tx | fields, "s1"))["engine_result"] == code
    broken = sealed(tx | fields, "s1")
    assert town.submitted(changed(broken, Flags=0, Sequence=1))["engine_result"] == "temBAD_SIGNATURE"
    assert town.send("nobody", "AccountSet") == "terNO_ACCOUNT"


def test_an_answer_has_what_a_client_reads(town: Town) -> None:
    said = town.submitted(town.signed("alice", "AccountSet"))
    assert said["engine_result_code"] == 0
    assert said["account_sequence_next"] == said["tx_json"]["Sequence"] + 1
    assert (said["accepted"], said["applied"], said["queued"], said["kept"]) == (True, True, False, True)
    assert said["validated_ledger_index"] == town.ledger.last.ledger_index
    assert number_of("tecPATH_DRY") == 128


def test_the_same_bytes_again_are_past_and_the_transaction_is_found_by_its_hash(town: Town) -> None:
    blob = town.signed("alice", "AccountSet")
    name = town.submitted(blob)["tx_json"]["hash"]
    assert town.submitted(blob)["engine_result"] == "tefPAST_SEQ"
    assert town.ask("tx", transaction=name)["validated"] is False
    town.close_ledger()
    assert town.submitted(blob)["engine_result"] == "tefPAST_SEQ"
    found = town.ask("tx", transaction=name, min_ledger=2, max_ledger=40)
    assert (found["validated"], found["meta"]["TransactionResult"]) == (True, "tesSUCCESS")


def test_one_before_its_turn_is_kept_and_gets_in_after_the_one_before(town: Town) -> None:
    first, second = town.signed("alice", "AccountSet"), town.signed("alice", "AccountSet")
    second = sealed({**_unsigned(second), "Sequence": _unsigned(second)["Sequence"] + 1}, "alice")
    said = town.submitted(second)
    assert (said["engine_result"], said["kept"], said["applied"]) == ("terPRE_SEQ", True, False)
    town.close_ledger()
    assert town.submitted(first)["engine_result"] == "tesSUCCESS"
    town.close_ledger()
    names = town.ledger.last.transactions
    assert [town.ledger.transactions[name].blob for name in names] == [first, second]


def _unsigned(blob: str) -> dict[str, Any]:
    return {name: value for name, value in decode(blob).items() if name != "TxnSignature"}


def test_one_that_waits_for_an_account_gets_in_when_the_account_is_there_or_expires(town: Town) -> None:
    blob = town.signed("late", "AccountSet")
    late = sealed({**_unsigned(blob), "Sequence": 4, "LastLedgerSequence": 6}, "late")
    assert town.submitted(late)["engine_result"] == "terNO_ACCOUNT"
    town.close_ledger()
    town.does("alice", "Payment", Destination=address("late"), Amount="5000000")
    assert town.info("late")["account_data"]["Sequence"] == 5  # the account began with 4, and this one was let in
    town.close_ledger()
    assert town.ask("tx", transaction=read_blob(late).transaction_id)["validated"]
    never = sealed({**_unsigned(late), "Sequence": 90, "LastLedgerSequence": town.ledger.last.ledger_index + 2}, "late")
    assert town.submitted(never)["engine_result"] == "terPRE_SEQ"
    for _ in range(3):
        town.close_ledger()
    assert not town.ledger.waiting
    assert town.submitted(never)["engine_result"] == "terPRE_SEQ"  # the sequence is looked at first


def test_a_low_fee_is_queued_while_the_open_ledger_asks_for_more(town: Town) -> None:
    town.ledger.open_fee = 50
    said = town.submitted(town.signed("alice", "AccountSet"))
    assert (said["engine_result"], said["queued"]) == ("terQUEUED", True)
    assert town.ask("fee")["drops"]["open_ledger_fee"] == "50"
    assert town.submitted(town.signed("bob-k1", "AccountSet", Fee="50"))["engine_result"] == "tesSUCCESS"
    town.close_ledger()
    assert town.ask("tx", transaction=said["tx_json"]["hash"])["validated"]


def test_a_balance_below_the_fee_waits_for_more(town: Town) -> None:
    poor = funded("poor", "rich", drops=1_000_000)
    poor.ledger.entries[poor.info("poor")["account_data"]["index"]]["Balance"] = "5"
    assert poor.send("poor", "AccountSet") == "terINSUF_FEE_B"


def test_whether_all_of_a_range_was_searched_is_said_and_ranges_have_a_limit(town: Town) -> None:
    unknown = "AB" * 32

    def ask(**fields: Any) -> dict[str, Any]:
        return town.ask("tx", transaction=unknown, **fields)

    for _ in range(5):
        town.close_ledger()
    last = town.ledger.last.ledger_index
    assert "searched_all" not in ask()
    assert ask(min_ledger=2, max_ledger=last)["searched_all"] is True
    assert ask(min_ledger=2, max_ledger=last + 1)["searched_all"] is False
    town.ledger.first_kept = 4
    assert ask(min_ledger=2, max_ledger=last)["searched_all"] is False
    assert ask(min_ledger=2, max_ledger=1003)["error"] == "excessiveLgrRange"
    assert ask(min_ledger=5, max_ledger=4)["error"] == "invalidLgrRange"
    assert town.ask("server_info")["info"]["complete_ledgers"] == f"4-{last}"


def test_the_close_time_rises_by_a_second_at_least(town: Town) -> None:
    times = []
    for _ in range(3):
        town.close_ledger()
        times.append(town.ask("ledger", ledger_index="validated")["ledger"]["close_time"])
    assert times == [times[0], times[0] + 1, times[0] + 2]


def test_a_ledger_read_from_its_document_goes_on_where_it_was(town: Town) -> None:
    town.does("alice", "SignerListSet", **signers(2, "s1", "s2-k1"))
    blob = town.signed("alice", "AccountSet", by=("s1", "s2-k1"))
    name = town.submitted(blob)["tx_json"]["hash"]
    again = Town(restored(json.loads(json.dumps(town.ledger.document())), lambda: START))
    assert again.submitted(blob)["engine_result"] == "tefPAST_SEQ"
    again.close_ledger()
    town.close_ledger()
    assert again.ask("tx", transaction=name)["validated"]
    assert json.dumps(again.ledger.document()) == json.dumps(town.ledger.document())


def test_a_dry_run_says_what_would_happen_and_changes_nothing(town: Town) -> None:
    tx = {"TransactionType": "Payment", "Account": address("alice"), "Destination": address("s1"), "Amount": "7"}
    said = town.ask("simulate", tx_json=tx)
    assert (said["engine_result"], said["applied"]) == ("tesSUCCESS", False)
    assert said["meta"]["delivered_amount"] == "7"
    assert said["tx_json"]["Fee"] == "10"
    assert not town.ledger.waiting
    assert town.ask("simulate", tx_json=tx | {"Amount": "99999999999999"})["engine_result"] == "tecUNFUNDED_PAYMENT"


def test_a_multisigned_transaction_can_be_sent_as_json(town: Town) -> None:
    town.does("alice", "SignerListSet", **signers(2, "s1", "s2-k1"))
    blob = town.signed("alice", "AccountSet", by=("s1", "s2-k1"))
    assert town.ask("submit_multisigned", tx_json=decode(blob))["engine_result"] == "tesSUCCESS"
