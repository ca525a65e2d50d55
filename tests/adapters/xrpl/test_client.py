"""Our client against the ledger on loopback: what it reads, what it concludes, and what it never concludes."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from fntx_dagster.adapters.xrpl.accounts import (
    XrplSignerList,
    account_escrows,
    account_lines,
    account_state,
    escrow_sequence,
    free_tickets,
    issuance,
)
from fntx_dagster.adapters.xrpl.network import (
    XrplFees,
    XrplReserves,
    base_fee_to_take,
    check_network,
    fees,
    reserves,
    validated_ledger,
)
from fntx_dagster.adapters.xrpl.outcomes import XrplEnd, escrow_is_there, outcome_of, undone_by
from fntx_dagster.adapters.xrpl.rpc import XrplRefusedError, XrplRpc
from fntx_dagster.adapters.xrpl.submitting import XrplNextStep, next_step, submit
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.simulate.xrpl.engine import read_blob
from fntx_dagster.simulate.xrpl.ledger import EPOCH
from fntx_dagster.simulate.xrpl.server import XrplServer, serve_xrpl
from tests.simulate.xrpl.people import BOND, START, XRP, Town, address, funded, signers, token

NOW = START - EPOCH


@pytest.fixture
def town() -> Town:
    """An issuer with a list of signers, and a holder with 100 of its token, of which 40 are locked."""
    town = funded("issuer", "holder", "friend", keylet_fields=False)
    town.send("issuer", "AccountSet", SetFlag=2)
    town.send("issuer", "AccountSet", SetFlag=17)
    town.send("issuer", "SignerListSet", **signers(2, "s1", "s2-k1", "s3"))
    for name in ("holder", "friend"):
        town.send(name, "TrustSet", LimitAmount=token("1000", "issuer"))
    town.close_ledger()  # in one ledger the issuer's authorisation could come first, and open the line itself
    for name in ("holder", "friend"):
        town.send("issuer", "TrustSet", LimitAmount=token("0", name), Flags=0x10000)
    town.send("issuer", "Payment", Destination=address("holder"), Amount=token("100", "issuer"))
    town.close_ledger()
    times: dict[str, Any] = {"FinishAfter": NOW + 50, "CancelAfter": NOW + 90}
    town.send("holder", "EscrowCreate", Destination=address("friend"), Amount=token("40", "issuer"), **times)
    town.send("holder", "TicketCreate", TicketCount=2)
    town.close_ledger()
    return town


@pytest.fixture
def server(town: Town) -> Iterator[XrplServer]:
    with serve_xrpl(town.ledger) as running:
        yield running
    assert running.problems == []


@pytest.fixture
def rpc(server: XrplServer) -> XrplRpc:
    return XrplRpc(server.url, 2, 4)


def test_a_server_of_another_network_is_refused_and_one_that_names_none_is_of_network_0(
    server: XrplServer, rpc: XrplRpc, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_network(rpc, 1)
    with pytest.raises(Permanent, match="of network 1, and the configuration names 0"):
        check_network(rpc, 0)
    monkeypatch.setattr(server, "result", lambda method, params: {"status": "success", "info": {}})
    check_network(rpc, 0)
    with pytest.raises(Permanent, match="of network 0"):
        check_network(rpc, 1)


def test_it_reads_the_ledger_its_fees_and_its_reserves(server: XrplServer, rpc: XrplRpc) -> None:
    head = validated_ledger(rpc)
    assert (head.ledger_index, head.ledger_hash) == (server.ledger.last.ledger_index, server.ledger.last.ledger_hash)
    assert head.closed_at.timestamp() == head.close_time + EPOCH
    assert reserves(rpc) == XrplReserves(1_000_000, 200_000)
    server.fail(open_fee=300)
    assert fees(rpc) == XrplFees(10, 300)


@pytest.mark.parametrize(
    ("now", "signers", "fulfillment", "cap", "taken"),
    [
        (XrplFees(10, 10), 2, None, 5000, 15),
        (XrplFees(10, 301), 2, None, 5000, 452),
        (XrplFees(10, 10_000), 2, None, 5000, 1666),  # 3 × 1,666 = 4,998
        (XrplFees(10, 10_000), 2, 36, 5000, 135),  # 37 × 135 = 4,995
        (XrplFees(4000, 4000), 2, None, 5000, 4000),  # the least; building refuses 12,000 drops
    ],
)
def test_the_fee_is_half_as_much_again_and_never_above_the_cap(
    now: XrplFees, signers: int, fulfillment: int | None, cap: int, taken: int
) -> None:
    assert base_fee_to_take(now, signers, fulfillment, cap) == taken


def test_it_reads_accounts_lines_escrows_tickets_and_what_is_owed(town: Town, rpc: XrplRpc) -> None:
    at = validated_ledger(rpc).ledger_index
    issuer = account_state(rpc, address("issuer"), at)
    assert issuer is not None
    assert issuer.flags == {"require_auth", "allow_trustline_locking"}
    assert issuer.signer_list == XrplSignerList(2, {address(name): 1 for name in ("s1", "s2-k1", "s3")})
    assert account_state(rpc, address("nobody"), at) is None
    [line] = account_lines(rpc, address("holder"), at)
    assert (line.currency, line.balance, line.limit) == (BOND, Decimal(60), Decimal(1000))
    assert (line.authorized, line.frozen, line.no_ripple) == (True, False, True)
    [escrow] = account_escrows(rpc, address("holder"), at)
    assert account_escrows(rpc, address("friend"), at) == []
    assert (escrow.amount, escrow.finish_after) == (token("40", "issuer"), NOW + 50)
    assert escrow.sequence is None
    assert escrow_is_there(rpc, address("holder"), escrow_sequence(rpc, escrow), at)
    assert not escrow_is_there(rpc, address("holder"), 1, at)
    holder = account_state(rpc, address("holder"), at)
    assert holder is not None
    assert free_tickets(rpc, address("holder"), at) == [holder.sequence - 2, holder.sequence - 1]
    owed = issuance(rpc, address("issuer"), at)
    assert (owed.obligations, owed.locked) == ({BOND: Decimal(60)}, {BOND: Decimal(40)})
    town.close_ledger()
    assert account_state(rpc, address("issuer"), at) == issuer  # of the ledger that was asked for


def test_many_rows_come_page_by_page(server: XrplServer, monkeypatch: pytest.MonkeyPatch, rpc: XrplRpc) -> None:
    monkeypatch.setattr("fntx_dagster.adapters.xrpl.accounts._PAGE", 1)
    at = validated_ledger(rpc).ledger_index
    assert len(free_tickets(rpc, address("holder"), at)) == 2
    assert len({line.peer for line in account_lines(rpc, address("issuer"), at)}) == 2
    assert [line.peer for line in account_lines(rpc, address("issuer"), at, address("holder"))] == [address("holder")]
    row = {"LedgerEntryType": "Ticket", "TicketSequence": 1}
    said = {"status": "success", "account_objects": [row], "marker": "same"}
    monkeypatch.setattr(server, "result", lambda method, params: said)
    with pytest.raises(Transient, match="pages without an end"):
        free_tickets(rpc, address("holder"), at)


@pytest.mark.parametrize(
    ("code", "step"),
    [
        ("tesSUCCESS", "watch"),
        ("terQUEUED", "watch"),
        ("tecPATH_DRY", "watch"),
        ("terPRE_SEQ", "wait"),
        ("terPRE_TICKET", "wait"),
        ("terINSUF_FEE_B", "wait"),
        ("terNO_ACCOUNT", "wait"),
        ("telINSUF_FEE_P", "resend"),
        ("telCAN_NOT_QUEUE", "resend"),
        ("tefPAST_SEQ", "ask_first"),
        ("tefALREADY", "ask_first"),
        ("tefNO_TICKET", "ask_first"),
        ("tefMAX_LEDGER", "ask_first"),
        ("tefBAD_QUORUM", "prepare_again"),
        ("tefBAD_SIGNATURE", "prepare_again"),
        ("tefBAD_AUTH", "failed"),
        ("tefMASTER_DISABLED", "failed"),
        ("tefNOT_MULTI_SIGNING", "failed"),
        ("temBAD_AMOUNT", "failed"),
        ("tefINTERNAL", "ask_first"),
        ("<b>", "ask_first"),
    ],
)
def test_each_first_answer_means_one_thing_to_do(code: str, step: str) -> None:
    assert next_step(code) == step


def paid(town: Town, drops: str = "7") -> tuple[str, str]:
    """A payment's bytes and its hash."""
    blob = town.signed("holder", "Payment", Destination=address("friend"), Amount=drops)
    return blob, read_blob(blob).transaction_id


def test_a_payment_is_followed_from_sending_to_what_it_delivered(town: Town, rpc: XrplRpc) -> None:
    first = validated_ledger(rpc).ledger_index
    blob, name = paid(town)
    assert outcome_of(rpc, name, first, first + 20).end is XrplEnd.UNKNOWN
    assert submit(rpc, blob).step is XrplNextStep.WATCH
    assert outcome_of(rpc, name, first, first + 20).end is XrplEnd.UNKNOWN
    town.close_ledger()
    outcome = outcome_of(rpc, name, first, first + 20)
    assert (outcome.succeeded, outcome.delivered, outcome.ledger_index) == (True, "7", first + 1)
    tx = read_blob(blob).tx
    assert undone_by(tx, outcome) == []
    assert undone_by(tx | {"Amount": "8"}, outcome) == ["it delivered 7 drops instead of 8 drops"]


def test_a_validated_failure_is_final_and_no_success(town: Town, rpc: XrplRpc) -> None:
    first = validated_ledger(rpc).ledger_index
    blob, name = paid(town, str(10**6 * XRP))
    sent = submit(rpc, blob)
    assert (sent.step, sent.code) == (XrplNextStep.WATCH, "tecUNFUNDED_PAYMENT")
    town.close_ledger()
    outcome = outcome_of(rpc, name, first, first + 20)
    assert (outcome.end, outcome.code, outcome.succeeded) == (XrplEnd.VALIDATED, "tecUNFUNDED_PAYMENT", False)


@pytest.mark.parametrize("taken", [False, True])
def test_an_answer_that_was_lost_decides_nothing_and_the_hash_does(
    town: Town, server: XrplServer, rpc: XrplRpc, taken: bool
) -> None:
    first = validated_ledger(rpc).ledger_index
    blob, name = paid(town)
    server.fail(on="submit", do="cut", taken=taken)
    assert submit(rpc, blob).step is XrplNextStep.ASK_FIRST
    again = submit(rpc, blob)
    assert (again.code, again.step) == (("tefPAST_SEQ", "ask_first") if taken else ("tesSUCCESS", "watch"))
    town.close_ledger()
    assert outcome_of(rpc, name, first, first + 20).succeeded


def test_it_expires_only_past_its_last_ledger_and_by_a_server_that_has_every_ledger(
    town: Town, server: XrplServer, rpc: XrplRpc
) -> None:
    first = validated_ledger(rpc).ledger_index
    _, name = paid(town)
    for _ in range(3):
        town.close_ledger()
    assert outcome_of(rpc, name, first, first + 3).end is XrplEnd.UNKNOWN
    town.close_ledger()
    assert outcome_of(rpc, name, first, first + 3).end is XrplEnd.EXPIRED
    server.fail(late_history=first + 1)
    outcome = outcome_of(rpc, name, first, first + 3)
    assert outcome.end is XrplEnd.UNKNOWN
    assert "another one has to say" in outcome.why


def test_a_wait_of_thousands_of_ledgers_is_looked_through_in_ranges(
    town: Town, server: XrplServer, rpc: XrplRpc
) -> None:
    first = validated_ledger(rpc).ledger_index
    _, name = paid(town)
    for _ in range(2503):
        town.ledger.close()
    server.asked.clear()
    assert outcome_of(rpc, name, first, first + 2500).end is XrplEnd.EXPIRED
    ranges = [
        (each.params["min_ledger"], each.params["max_ledger"]) for each in server.asked if "min_ledger" in each.params
    ]
    assert ranges == [(first, first + 999), (first + 1000, first + 1999), (first + 2000, first + 2500)]


def test_an_escrow_is_there_after_its_creation_and_gone_after_its_finish(town: Town, rpc: XrplRpc) -> None:
    first = validated_ledger(rpc).ledger_index
    [escrow] = account_escrows(rpc, address("holder"), first)
    number = escrow_sequence(rpc, escrow)
    town.ledger.clock = lambda: START + 60
    town.close_ledger()
    blob = town.signed("friend", "EscrowFinish", Owner=address("holder"), OfferSequence=number)
    submit(rpc, blob)
    town.close_ledger()
    outcome = outcome_of(rpc, read_blob(blob).transaction_id, first, first + 20)
    assert outcome.succeeded
    assert undone_by(read_blob(blob).tx, outcome) == []
    assert undone_by({"TransactionType": "EscrowCreate"}, outcome) == ["no escrow was created"]
    assert not escrow_is_there(rpc, address("holder"), number, outcome.ledger_index)


@pytest.mark.parametrize(
    "fault",
    [
        {"do": "cut"},
        {"do": "hang"},
        {"do": "garbage"},
        {"do": "status", "status": 502},
        {"do": "error", "error": "tooBusy"},
        {"do": "error", "error": "noNetwork"},
    ],
)
def test_a_server_that_cannot_answer_now_is_transient(server: XrplServer, fault: dict[str, Any]) -> None:
    server.fail(on="tx", **fault)
    with pytest.raises(Transient) as caught:
        outcome_of(XrplRpc(server.url, 1, 1), "AB" * 32, 2, 5)
    assert server.url not in str(caught.value)


EVIL = "\x1b[31m<script>alert(1)</script>\u202e"


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"hash": 5, "validated": True},
        {"hash": "CD" * 32, "validated": True, "meta": {}},
        {"hash": "AB" * 32, "validated": "yes"},
        {"hash": "AB" * 32, "validated": True, "meta": []},
        {"hash": "AB" * 32, "validated": True, "meta": {"TransactionResult": EVIL, "AffectedNodes": [5]}},
        {"hash": "AB" * 32, "validated": True, "meta": {"TransactionResult": ["tesSUCCESS"]}, "ledger_index": 5},
        {"hash": "AB" * 32, "validated": True, "meta": {"TransactionResult": "x"}, "ledger_index": -1},
        {"hash": "AB" * 32, "validated": True, "meta": {"TransactionResult": "x"}, "ledger_index": 10**30},
    ],
)
def test_an_answer_of_another_form_is_transient_and_never_an_outcome(
    server: XrplServer, rpc: XrplRpc, monkeypatch: pytest.MonkeyPatch, result: dict[str, Any]
) -> None:
    monkeypatch.setattr(server, "result", lambda method, params: result | {"status": "success"})
    with pytest.raises(Transient, match="not that of an XRP Ledger"):
        outcome_of(rpc, "AB" * 32, 2, 5)
    assert submit(rpc, "12").step in (XrplNextStep.ASK_FIRST,)


def test_a_servers_words_are_cleaned_and_cut(server: XrplServer, rpc: XrplRpc, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"status": "error", "error": EVIL, "error_message": EVIL * 1000}
    monkeypatch.setattr(server, "result", lambda method, params: said)
    with pytest.raises(XrplRefusedError) as caught:
        rpc.ask("tx", transaction="AB" * 32)
    assert "\x1b" not in str(caught.value)
    assert "\u202e" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_an_answer_without_an_end_is_not_read_to_its_end(
    server: XrplServer, rpc: XrplRpc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fntx_dagster.adapters.xrpl.rpc.MOST_BYTES", 100_000)
    monkeypatch.setattr(server, "result", lambda method, params: {"status": "success", "x": "y" * 200_000})
    with pytest.raises(Transient, match="longer than 100000 bytes"):
        rpc.ask("fee")
    monkeypatch.setattr(server, "result", lambda method, params: {"status": "success", "x": 10**4000})
    assert rpc.ask("fee").raw("x")
