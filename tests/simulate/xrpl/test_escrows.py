"""Escrows of XRP and of tokens: when they open, who may open them, and what the ledger says otherwise."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from fntx_dagster.adapters.xrpl.conditions import condition_of as of_preimage
from fntx_dagster.simulate.xrpl.escrows import condition_of
from fntx_dagster.simulate.xrpl.ledger import EPOCH
from tests.simulate.xrpl.people import BOND, START, XRP, Town, address, funded, token

NOW = START - EPOCH
SECRET = bytes(range(32))
FULFILLMENT = f"A0228020{SECRET.hex()}".upper()
CONDITION = f"A0258020{sha256(SECRET).hexdigest()}810120".upper()


@pytest.fixture
def town() -> Town:
    """A ledger on which `holder` has 100 of a token that may be locked, and `friend` an authorised, empty line."""
    town = funded("issuer", "holder", "friend", "third")
    town.does("issuer", "AccountSet", SetFlag=2)
    town.does("issuer", "AccountSet", SetFlag=17)
    for name in ("holder", "friend"):
        town.does(name, "TrustSet", LimitAmount=token("1000", "issuer"))
        town.does("issuer", "TrustSet", LimitAmount=token("0", name), Flags=0x10000)
    town.does("issuer", "Payment", Destination=address("holder"), Amount=token("100", "issuer"))
    return town


def lock(town: Town, amount: Any, sender: str = "holder", receiver: str = "friend", **fields: Any) -> int:
    """Create an escrow, and say the number that names it."""
    number = town.info(sender)["account_data"]["Sequence"]
    assert town.does(sender, "EscrowCreate", Destination=address(receiver), Amount=amount, **fields) == "tesSUCCESS"
    return number


def finish(town: Town, number: int, by: str = "third", owner: str = "holder", **fields: Any) -> str:
    return town.does(by, "EscrowFinish", Owner=address(owner), OfferSequence=number, **fields)


def cancel(town: Town, number: int, by: str = "third", owner: str = "holder") -> str:
    return town.does(by, "EscrowCancel", Owner=address(owner), OfferSequence=number)


def closes_at(town: Town, seconds: int) -> None:
    """Let the last validated ledger have closed at a time."""
    town.ledger.clock = lambda: seconds + EPOCH
    town.close_ledger()
    assert town.ledger.last.close_time == seconds


def test_the_published_condition_is_that_of_its_fulfillment() -> None:
    assert condition_of(FULFILLMENT) == CONDITION
    cases = json.loads((Path(__file__).parent / "vectors/transactions.json").read_text())["cases"]
    case = next(each for each in cases if each["id"] == "finish")
    assert condition_of(case["tx_json"]["Fulfillment"]) == case["tx_json"]["Condition"]
    assert condition_of(FULFILLMENT[:-2]) is None
    for size in (0, 1, 125, 126, 127):
        made = of_preimage(bytes(size))
        assert condition_of(made.fulfillment) == made.condition


def test_times_compare_with_the_close_of_the_ledger_before(town: Town) -> None:
    number = lock(town, str(5 * XRP), FinishAfter=NOW + 100, CancelAfter=NOW + 200)
    closes_at(town, NOW + 100)
    assert finish(town, number) == "tecNO_PERMISSION"  # decided against the ledger before: not after
    assert finish(town, number) == "tesSUCCESS"  # that ledger closed a second later
    assert town.drops("friend") > 1004 * XRP


def test_an_escrow_can_be_finished_until_it_can_be_cancelled(town: Town) -> None:
    one, other = (lock(town, str(XRP), FinishAfter=NOW + 100, CancelAfter=NOW + 200) for _ in range(2))
    closes_at(town, NOW + 200)
    assert cancel(town, other) == "tecNO_PERMISSION"
    assert finish(town, one) == "tecNO_PERMISSION"
    assert cancel(town, other) == "tesSUCCESS"
    assert cancel(town, one) == "tesSUCCESS"
    assert cancel(town, one) == "tecNO_TARGET"
    assert town.info("holder")["account_data"]["OwnerCount"] == 1  # its line


def test_a_time_that_has_passed_or_is_in_no_order_is_refused(town: Town) -> None:
    def create(**fields: Any) -> str:
        return town.does("holder", "EscrowCreate", Destination=address("friend"), Amount=str(XRP), **fields)

    assert create(FinishAfter=NOW - 1) == "tecNO_PERMISSION"
    assert create(FinishAfter=NOW + 10, CancelAfter=NOW + 10) == "temBAD_EXPIRATION"
    assert create() == "temBAD_EXPIRATION"
    assert create(CancelAfter=NOW + 100) == "temMALFORMED"
    assert create(CancelAfter=NOW + 100, Condition="A0") == "temMALFORMED"


def test_a_condition_wants_its_own_secret_and_none_wants_none(town: Town) -> None:
    number = lock(town, str(XRP), CancelAfter=NOW + 1000, Condition=CONDITION)
    plain = lock(town, str(XRP), FinishAfter=NOW + 40, CancelAfter=NOW + 1000)
    closes_at(town, NOW + 50)
    other = f"A0228020{bytes(32).hex()}".upper()
    assert finish(town, number) == "tecCRYPTOCONDITION_ERROR"
    assert finish(town, number, Condition=CONDITION, Fulfillment=other) == "tecCRYPTOCONDITION_ERROR"
    assert finish(town, number, Condition=condition_of(other), Fulfillment=other) == "tecCRYPTOCONDITION_ERROR"
    assert finish(town, plain, Condition=CONDITION, Fulfillment=FULFILLMENT) == "tecCRYPTOCONDITION_ERROR"
    assert finish(town, number, Condition=CONDITION) == "temMALFORMED"
    too_little = {"Condition": CONDITION, "Fulfillment": FULFILLMENT, "Fee": "349"}
    assert finish(town, number, **too_little) == "telINSUF_FEE_P"  # 10 × (33 + 36 bytes ÷ 16)
    assert finish(town, number, Condition=CONDITION, Fulfillment=FULFILLMENT) == "tesSUCCESS"


def test_a_destination_that_asks_for_authorisation_finishes_alone(town: Town) -> None:
    number = lock(town, str(XRP), FinishAfter=NOW + 40, CancelAfter=NOW + 1000)
    town.does("friend", "AccountSet", SetFlag=9)
    closes_at(town, NOW + 50)
    assert finish(town, number) == "tecNO_PERMISSION"
    assert finish(town, number, by="friend") == "tesSUCCESS"


def test_xrp_beyond_the_reserve_are_unfunded() -> None:
    town = funded("holder", "friend", drops=2 * XRP)
    fields = {"Destination": address("friend"), "FinishAfter": NOW + 100}
    assert town.does("holder", "EscrowCreate", Amount="800001", **fields) == "tecUNFUNDED"
    assert town.does("holder", "EscrowCreate", Amount="700000", **fields) == "tesSUCCESS"
    assert town.does("holder", "EscrowCreate", Amount="1", **fields) == "tecINSUFFICIENT_RESERVE"


def test_locked_tokens_are_neither_held_nor_owed_and_stand_in_locked(town: Town) -> None:
    number = lock(town, token("40", "issuer"), FinishAfter=NOW + 100, CancelAfter=NOW + 1000)
    line = town.line("holder", "issuer")
    assert line is not None
    assert line["balance"] == "60"
    issuer = town.ask("gateway_balances", account=address("issuer"), hotwallet=[])
    assert (issuer["obligations"], issuer["locked"]) == ({BOND: "60"}, {BOND: "40"})
    closes_at(town, NOW + 101)
    assert finish(town, number) == "tesSUCCESS"
    after = town.ask("gateway_balances", account=address("issuer"), hotwallet=[])
    assert after["obligations"] == {BOND: "100"}
    assert "locked" not in after


def test_what_a_token_needs_to_be_locked(town: Town) -> None:
    def create(sender: str, receiver: str, value: str = "1") -> str:
        amount = token(value, "issuer")
        times: dict[str, Any] = {"FinishAfter": NOW + 500, "CancelAfter": NOW + 1000}
        return town.does(sender, "EscrowCreate", Destination=address(receiver), Amount=amount, **times)

    assert create("issuer", "friend") == "tecNO_PERMISSION"
    assert create("third", "friend") == "tecNO_LINE"
    assert create("holder", "third") == "tecNO_LINE"
    town.does("third", "TrustSet", LimitAmount=token("1000", "issuer"))
    assert create("holder", "third") == "tecNO_AUTH"
    assert create("holder", "friend", "101") == "tecINSUFFICIENT_FUNDS"
    town.does("issuer", "TrustSet", LimitAmount=token("0", "friend"), Flags=0x100000)
    assert create("holder", "friend") == "tecFROZEN"


def test_a_token_whose_issuer_does_not_allow_locking_is_refused() -> None:
    town = funded("issuer", "holder", "friend")
    town.does("holder", "TrustSet", LimitAmount=token("10", "issuer"))
    town.does("issuer", "Payment", Destination=address("holder"), Amount=token("5", "issuer"))
    fields = {"Destination": address("friend"), "FinishAfter": NOW + 100, "CancelAfter": NOW + 900}
    assert town.does("holder", "EscrowCreate", Amount=token("1", "issuer"), **fields) == "tecNO_PERMISSION"


def test_at_the_finish_the_destination_needs_a_line_or_finishes_itself() -> None:
    town = funded("issuer", "holder", "friend", "third")
    town.does("issuer", "AccountSet", SetFlag=17)
    town.does("holder", "TrustSet", LimitAmount=token("1000", "issuer"))
    town.does("issuer", "Payment", Destination=address("holder"), Amount=token("100", "issuer"))
    times: dict[str, Any] = {"FinishAfter": NOW + 100, "CancelAfter": NOW + 1000}
    first, second, last = (lock(town, token("10", "issuer"), **times) for _ in range(3))
    closes_at(town, NOW + 101)
    assert finish(town, first) == "tecNO_LINE"
    assert finish(town, first, by="friend") == "tesSUCCESS"
    assert finish(town, second) == "tecLIMIT_EXCEEDED"  # its line has no limit of its own
    town.does("friend", "TrustSet", LimitAmount=token("15", "issuer"))
    assert finish(town, second) == "tecLIMIT_EXCEEDED"
    assert finish(town, second, by="friend") == "tesSUCCESS"
    town.does("friend", "TrustSet", LimitAmount=token("30", "issuer"))
    assert finish(town, last) == "tesSUCCESS"
    line = town.line("friend", "issuer")
    assert line is not None
    assert line["balance"] == "30"


@pytest.mark.parametrize(
    ("then", "now", "arrives"), [("1.25", "1.1", "9.09090909090909"), ("1.1", "1.25", "9.09090909090909")]
)
def test_the_transfer_fee_is_the_lower_of_the_rates(then: str, now: str, arrives: str) -> None:
    town = funded("issuer", "holder", "friend")
    town.does("issuer", "AccountSet", SetFlag=17, TransferRate=int(float(then) * 10**9))
    for name in ("holder", "friend"):
        town.does(name, "TrustSet", LimitAmount=token("1000", "issuer"))
    town.does("issuer", "Payment", Destination=address("holder"), Amount=token("100", "issuer"))
    number = lock(town, token("10", "issuer"), FinishAfter=NOW + 100, CancelAfter=NOW + 1000)
    town.does("issuer", "AccountSet", TransferRate=int(float(now) * 10**9))
    closes_at(town, NOW + 101)
    assert finish(town, number, by="friend") == "tesSUCCESS"
    line = town.line("friend", "issuer")
    assert line is not None
    assert line["balance"] == arrives


def test_an_entry_names_its_sequence_only_where_the_network_does() -> None:
    for names_it in (True, False):
        town = funded("holder", "friend", keylet_fields=names_it)
        number = lock(town, str(XRP), FinishAfter=NOW + 100)
        [entry] = town.ask("account_objects", account=address("holder"), type="escrow")["account_objects"]
        assert entry.get("Sequence") == (number if names_it else None)
        made_by = town.ask("tx", transaction=entry["PreviousTxnID"])["tx_json"]
        assert (made_by["TransactionType"], made_by["Sequence"]) == ("EscrowCreate", number)
        found = town.ask("ledger_entry", escrow={"owner": address("holder"), "seq": number})
        assert found["node"]["index"] == entry["index"]


def test_an_escrow_made_with_a_ticket_is_named_by_it(town: Town) -> None:
    first = town.info("holder")["account_data"]["Sequence"] + 1
    town.does("holder", "TicketCreate", TicketCount=1)
    times: dict[str, Any] = {"FinishAfter": NOW + 100, "CancelAfter": NOW + 1000, "TicketSequence": first}
    town.does("holder", "EscrowCreate", Destination=address("friend"), Amount=str(XRP), **times)
    closes_at(town, NOW + 101)
    assert finish(town, first) == "tesSUCCESS"
