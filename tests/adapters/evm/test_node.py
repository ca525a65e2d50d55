"""The same over HTTP, against anvil where it is installed (`npm ci` in contracts/, or anvil on PATH): reorganisations,
stuck and replaced transactions, a node that goes away, and what stops before a nonce is taken."""

import re
import socket
import subprocess
import threading
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise

import pytest
from pydantic import SecretStr

from fntx_dagster.adapters.evm import reader
from fntx_dagster.adapters.evm.client import addresses_of, connect, signer_of
from fntx_dagster.adapters.evm.contracts import deploy, write_addresses
from fntx_dagster.adapters.evm.faults import Reverted
from fntx_dagster.adapters.evm.keys import LocalSigner
from fntx_dagster.adapters.evm.reader import read_at
from fntx_dagster.adapters.evm.transactions import request, suggested_fees, transact
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.chain import Addresses
from fntx_dagster.model.period import Period
from fntx_dagster.proof.leaves import Context
from fntx_dagster.proof.record import build_record
from fntx_dagster.proof.salts import SaltForm
from fntx_dagster.settings import Settings
from tests.adapters.evm.conftest import ACCOUNT, DAY, POLICY, SCHEMA, amended, first, send
from tests.outbox.memory import MemoryJournal
from tests.tools import ANVIL, needs_anvil

DEPLOYER = LocalSigner(b"\x02" * 32)
DEEP = 3  # blocks on top
HASTY = POLICY._replace(seen_within=0.05, poll=0.02)


class Node:
    """An anvil that keeps its chain, but not its pool, when it is stopped."""

    def __init__(self, folder):
        self.state, self.port, self.process = folder / "state.json", 0, None

    def start(self):
        command = [ANVIL, "--port", str(self.port), "--state", str(self.state)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            listening = re.search(r"Listening on \S+:(\d+)", line)
            if listening:
                self.port = int(listening[1])
                return self
        raise AssertionError("anvil did not start")

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def node(tmp_path):
    node = Node(tmp_path).start()
    yield node
    if node.process.poll() is None:
        node.stop()


@pytest.fixture
def settings(node, tmp_path):
    web3 = reader.web3_over(node.url)
    web3.provider.make_request("anvil_setBalance", [DEPLOYER.address, hex(10**20)])
    write_addresses(tmp_path / "contracts.json", deploy(web3, DEPLOYER))
    return Settings(home=tmp_path / "home", chain={"rpc_url": node.url, "contracts": tmp_path / "contracts.json"})


@pytest.fixture
def chain(settings):
    with connect(settings) as chain:
        yield chain


@pytest.fixture
def trader(chain):
    trader = chain.trader(ACCOUNT)
    transact(chain.web3, DEPLOYER, {"to": trader.address, "value": 10**18})
    chain.invoke(DEPLOYER, chain.fntx, "transfer", trader.address, 10**21)
    chain.approve_burning(trader)
    return trader


@pytest.fixture
def stuck(chain, trader):
    """The journal of a record whose transaction is in the pool, while nothing is mined."""
    ask(chain, "evm_setAutomine", False)
    journal = MemoryJournal(first(), first(1))
    with pytest.raises(Transient, match=r"is not mined yet.*still in progress and nothing is lost"):
        send(chain, trader, journal, HASTY)
    return journal


def ask(chain, method, *params):
    answer = chain.web3.provider.make_request(method, list(params))
    assert "error" not in answer, answer
    return answer["result"]


def nonce_of(chain, signer):
    return chain.web3.eth.get_transaction_count(signer.address, "pending")


def pay_oneself(chain, signer, nonce):
    """A transaction of the same key that the sender knows nothing of: its bytes."""
    fees = suggested_fees(chain.web3)
    dear = fees._replace(max_fee=fees.max_fee * 9, tip=fees.tip * 9)
    return signer.sign(request(chain.chain_id, nonce, 21_000, dear, {"to": signer.address})).raw


@needs_anvil
def test_post_read_and_verify_are_the_same_over_http(chain, trader):
    context = Context(SCHEMA, chain.chain_id, chain.contract, trader.address, DAY)
    record = build_record(context, ACCOUNT, {5: -7, 6: None}, bytes(32), salt_form=SaltForm.RECORD)
    entry = first(0, record.root)
    journal = MemoryJournal(entry, amended(entry), first(1), first(400))
    send(chain, trader, journal, POLICY)
    assert journal.states() == ["final"] * 4
    mined = journal.receipts[entry]
    assert mined == chain.mined(mined.tx_hash) == chain.find_posting(trader.address, DAY)
    assert chain.find_posting(trader.address, DAY, 2) == journal.receipts[amended(entry)]
    assert list(chain.history(trader.address, Period(DAY, DAY + timedelta(800)))) == [
        DAY,
        DAY + timedelta(1),
        DAY + timedelta(400),
    ]
    assert chain.verify_metric(trader.address, DAY, 1, 5, -7, record.salts[5], record.proof(5))
    assert chain.verify_metric(trader.address, DAY, 1, 6, None, record.salts[6], record.proof(6))
    assert not chain.verify_metric(trader.address, DAY, 1, 5, 7, record.salts[5], record.proof(5))
    assert not chain.verify_metric(trader.address, DAY, 2, 5, -7, record.salts[5], record.proof(5))


@needs_anvil
def test_a_stranger_reads_with_a_url_and_an_address(node, chain, trader):
    send(chain, trader, MemoryJournal(first()), POLICY)
    with read_at(node.url, chain.contract.lower(), chain.chain_id) as stranger:
        assert stranger.record_of(trader.address, DAY) == chain.record_of(trader.address, DAY)
        assert stranger.runs_our_code()
        stranger.fntx_contract = chain.contract
        assert not stranger.runs_our_code()


@needs_anvil
def test_reading_names_another_chain_a_missing_contract_and_another_contract(node, chain):
    for contract, chain_id, words in (
        (chain.contract, 1, "serves chain 31337, not chain 1"),
        ("0x" + "11" * 20, None, "has no contract at"),
        (chain.fntx_contract, None, "no TrackRecord of version 2"),
        ("0x12", None, "is no address"),
    ):
        with pytest.raises(Permanent, match=words):
            read_at(node.url, contract, chain_id)


@needs_anvil
def test_a_custom_error_is_read_as_on_the_embedded_chain(chain, trader):
    send(chain, trader, MemoryJournal(first()), POLICY)
    with pytest.raises(Reverted) as caught:
        chain.invoke(trader, chain.track_record, "postDailyRecord", 20250718, SCHEMA, b"\x78" * 32)
    assert (caught.value.error, caught.value.arguments) == ("RecordExists", {"date": 20250718, "root": first().root})


@needs_anvil
def test_a_mined_record_that_a_reorganisation_removes_is_posted_again_with_the_same_root(chain, trader):
    journal = MemoryJournal(first(), first(1), first(2))
    send(chain, trader, journal, POLICY._replace(batch=2), confirmations=DEEP)
    assert journal.states() == ["mined"] * 3
    before = list(journal.receipts.values())
    ask(chain, "anvil_reorg", 2, [])
    assert chain.record_of(trader.address, DAY) is None
    assert [chain.mined(mined.tx_hash) for mined in before] == [None] * 3
    send(chain, trader, journal, confirmations=DEEP)
    assert [mined.tx_hash for mined in journal.receipts.values()] == [mined.tx_hash for mined in before], "same bytes"
    assert list(journal.receipts.values()) != before
    assert chain.record_of(trader.address, DAY).root == first().root
    ask(chain, "anvil_mine", hex(3))
    send(chain, trader, journal, confirmations=DEEP)
    assert journal.states() == ["final"] * 3
    assert journal.sending_states() == ["final"] * 2


@needs_anvil
def test_a_record_that_vanished_is_not_called_mined_while_it_waits_for_its_new_block(chain, trader):
    journal = MemoryJournal(first())
    send(chain, trader, journal, confirmations=DEEP)
    ask(chain, "evm_setAutomine", False)
    ask(chain, "anvil_rollback", 1)
    with pytest.raises(Transient, match="is not mined yet"):
        send(chain, trader, journal, HASTY)
    assert (journal.states(), journal.sending_states()) == (["sending"], ["open"])


@needs_anvil
def test_a_record_that_a_reorganisation_moved_has_the_new_blocks_receipt(chain, trader):
    journal = MemoryJournal(first())
    send(chain, trader, journal, confirmations=DEEP)
    raw = journal.sendings()[0].attempts[0].raw
    before = journal.receipts[first()]
    ask(chain, "anvil_rollback", 1)
    ask(chain, "anvil_mine", hex(2))
    ask(chain, "eth_sendRawTransaction", f"0x{raw.hex()}")
    send(chain, trader, journal, confirmations=DEEP)
    assert journal.receipts[first()].block_number == before.block_number + 2
    assert journal.receipts[first()].tx_hash == before.tx_hash


@needs_anvil
def test_a_foreign_transaction_that_a_reorganisation_puts_in_place_of_ours_is_noticed(chain, trader):
    journal = MemoryJournal(first())
    send(chain, trader, journal, confirmations=DEEP)
    nonce = journal.sendings()[0].slot
    ask(chain, "anvil_rollback", 1)
    ask(chain, "eth_sendRawTransaction", f"0x{pay_oneself(chain, trader, nonce).hex()}")
    send(chain, trader, journal, POLICY)
    assert journal.sending_states() == ["released", "final"]
    assert journal.states() == ["final"]
    assert chain.record_of(trader.address, DAY).root == first().root


@needs_anvil
def test_bytes_that_were_given_up_and_land_after_all_are_found_and_burn_nothing_twice(chain, trader):
    journal = MemoryJournal(first())
    send(chain, trader, journal, confirmations=DEEP)
    [given_up] = journal.sendings()
    ask(chain, "anvil_rollback", 1)
    ask(chain, "eth_sendRawTransaction", f"0x{pay_oneself(chain, trader, given_up.slot).hex()}")
    send(chain, trader, journal, confirmations=DEEP)
    assert journal.sending_states() == ["released", "mined"]
    ask(chain, "anvil_rollback", 2)
    ask(chain, "eth_sendRawTransaction", f"0x{given_up.attempts[0].raw.hex()}")
    send(chain, trader, journal, POLICY)
    assert (journal.sending_states(), journal.states()) == (["released", "released"], ["final"])
    assert journal.receipts[first()].tx_hash == given_up.attempts[0].reference
    assert chain.funds_of(trader.address).fntx == 1000 - 10


@needs_anvil
def test_a_record_is_final_when_it_is_deep_enough_or_when_the_chain_says_so(chain, trader):
    journal, never = MemoryJournal(first()), 10**6
    send(chain, trader, journal, confirmations=DEEP)
    ask(chain, "anvil_mine", hex(2))
    send(chain, trader, journal, confirmations=DEEP)
    assert journal.states() == ["mined"]
    ask(chain, "anvil_mine", hex(1))
    send(chain, trader, journal, confirmations=DEEP)
    assert journal.states() == ["final"]
    journal.queue(first(1))
    send(chain, trader, journal, confirmations=never)
    assert journal.states() == ["final", "mined"]
    ask(chain, "anvil_mine", hex(100))
    assert chain.finalized_height < chain.height
    send(chain, trader, journal, confirmations=never)
    assert journal.states() == ["final", "final"]


@needs_anvil
def test_what_is_found_on_the_chain_is_looked_for_again_until_it_is_final(chain, trader):
    send(chain, trader, MemoryJournal(first()), confirmations=DEEP)
    restored = MemoryJournal(first())
    send(chain, trader, restored, confirmations=DEEP)
    assert (restored.states(), len(restored.receipts)) == (["queued"], 1)
    ask(chain, "anvil_mine", hex(3))
    send(chain, trader, restored, confirmations=DEEP)
    assert (restored.states(), restored.all) == (["final"], {})


@needs_anvil
def test_a_stuck_transaction_is_bumped_and_lands_once(chain, trader, stuck):
    nonce = stuck.sendings()[0].slot
    for _ in range(2):
        with pytest.raises(Transient, match="not mined yet"):
            send(chain, trader, stuck, HASTY._replace(stuck_after=0.03))
    attempts = stuck.sendings()[0].attempts
    assert len(attempts) >= 3
    for earlier, later in pairwise(attempts):
        assert later.offer.max_fee >= earlier.offer.max_fee * 1.125
        assert later.offer.tip >= earlier.offer.tip * 1.125
    ask(chain, "evm_mine")
    ask(chain, "evm_setAutomine", True)
    send(chain, trader, stuck, POLICY)
    assert stuck.states() == ["final", "final"]
    assert nonce_of(chain, trader) == nonce + 1
    assert stuck.receipts[first()].tx_hash == attempts[-1].reference
    assert chain.funds_of(trader.address).fntx == 1000 - 20


@needs_anvil
def test_a_transaction_that_the_base_fee_has_left_behind_is_bumped_to_todays_fee(chain, trader, stuck):
    [before] = stuck.sendings()[0].attempts
    ask(chain, "anvil_setNextBlockBaseFeePerGas", hex(before.offer.max_fee * 4))
    ask(chain, "evm_mine")
    assert chain.mined(before.reference) is None
    ask(chain, "evm_setAutomine", True)
    send(chain, trader, stuck, POLICY._replace(stuck_after=0.03))
    assert stuck.states() == ["final", "final"]
    assert stuck.all[1][0].attempts[-1].offer.max_fee > before.offer.max_fee * 4


@needs_anvil
def test_fees_are_not_raised_beyond_the_cap_and_the_error_says_so(chain, trader, stuck):
    [attempt] = stuck.sendings()[0].attempts
    with pytest.raises(Transient, match="beyond FNTX_FEE_CAP_GWEI"):
        send(chain, trader, stuck, HASTY._replace(stuck_after=0.01), fee_cap=attempt.offer.max_fee * 9 // 8)
    assert stuck.sendings()[0].attempts == (attempt,)


@needs_anvil
def test_fees_are_not_raised_without_the_ether_for_it(chain, trader, stuck):
    ask(chain, "anvil_setBalance", trader.address, hex(1))
    with pytest.raises(Transient, match="does not pay for higher fees"):
        send(chain, trader, stuck, HASTY._replace(stuck_after=0.01))
    assert len(stuck.sendings()[0].attempts) == 1


@needs_anvil
def test_an_earlier_attempt_can_land_although_the_fees_were_raised_since(chain, trader, stuck):
    with pytest.raises(Transient):
        send(chain, trader, stuck, HASTY._replace(stuck_after=0.03))
    earlier, *_, latest = stuck.sendings()[0].attempts
    ask(chain, "anvil_dropTransaction", latest.reference)
    ask(chain, "eth_sendRawTransaction", f"0x{earlier.raw.hex()}")
    ask(chain, "evm_mine")
    send(chain, trader, stuck, POLICY)
    assert (stuck.states(), stuck.sending_states()) == (["final", "final"], ["final"])
    assert stuck.receipts[first()].tx_hash == earlier.reference


@needs_anvil
def test_a_transaction_that_was_dropped_from_the_pool_is_sent_again_as_the_same_bytes(chain, trader, stuck):
    [attempt] = stuck.sendings()[0].attempts
    ask(chain, "anvil_dropTransaction", attempt.reference)
    ask(chain, "evm_setAutomine", True)
    send(chain, trader, stuck, POLICY)
    assert [each.reference for each in stuck.all[1][0].attempts] == [attempt.reference]
    assert stuck.states() == ["final", "final"]


@needs_anvil
def test_a_foreign_transaction_that_took_the_nonce_is_noticed_and_the_records_go_under_the_next(chain, trader, stuck):
    [sending] = stuck.sendings()
    ask(chain, "anvil_dropTransaction", sending.attempts[0].reference)
    ask(chain, "eth_sendRawTransaction", f"0x{pay_oneself(chain, trader, sending.slot).hex()}")
    ask(chain, "evm_mine")
    ask(chain, "evm_setAutomine", True)
    send(chain, trader, stuck, POLICY)
    assert stuck.sending_states() == ["released", "final"]
    assert stuck.states() == ["final", "final"]
    assert chain.funds_of(trader.address).fntx == 1000 - 20


@needs_anvil
def test_while_a_foreign_transaction_of_the_key_is_pending_no_nonce_is_taken(chain, trader):
    ask(chain, "evm_setAutomine", False)
    ask(chain, "eth_sendRawTransaction", f"0x{pay_oneself(chain, trader, nonce_of(chain, trader)).hex()}")
    journal = MemoryJournal(first())
    with pytest.raises(Transient, match=r"a transaction of .* is still in progress"):
        send(chain, trader, journal, POLICY)
    assert journal.all == {}


@needs_anvil
def test_a_nonce_that_is_ahead_of_the_chain_is_given_back_when_nothing_fills_the_gap(chain, trader):
    journal = MemoryJournal(first(), first(1))
    send(chain, trader, journal, POLICY._replace(batch=1), confirmations=DEEP)
    before = [sending.slot for sending in journal.sendings()]
    journal.all[1] = (journal.all[1][0], "final")  # a reorganisation deeper than what was thought final
    ask(chain, "anvil_rollback", 2)
    with pytest.raises(Transient, match="waits for the nonce"):
        send(chain, trader, journal, HASTY)
    journal.queue(first())
    ask(chain, "anvil_dropAllTransactions")
    send(chain, trader, journal, POLICY)
    assert journal.states() == ["final", "final"]
    assert nonce_of(chain, trader) == before[0] + 1


@needs_anvil
def test_a_node_that_is_down_keeps_nothing_from_being_posted_in_order_when_it_is_up(node, chain, trader, stuck):
    node.stop()
    stuck.queue(first(3), first(2))
    for _ in range(2):
        with pytest.raises(Transient, match="does not answer"):
            send(chain, trader, stuck, POLICY)
    node.start()  # its pool is lost, its chain is not
    send(chain, trader, stuck, POLICY)
    assert stuck.states() == ["final"] * 4
    assert [sending.entries for sending, _ in stuck.all.values()] == [(first(), first(1)), (first(2), first(3))]


@needs_anvil
@pytest.mark.parametrize(
    ("lack", "words"),
    [
        ("fntx", r"holds 0 FNTX; a record burns 10.*Send at least 10 FNTX"),
        ("allowance", r"may burn 0 FNTX of .*`fntx chain approve`"),
        ("ether", r"wei of ether and the transaction may cost .*Send at least \d+ wei"),
    ],
)
def test_an_error_names_what_is_lacking_before_a_nonce_is_taken(chain, trader, lack, words):
    if lack == "ether":
        ask(chain, "anvil_setBalance", trader.address, hex(10**9))
    elif lack == "fntx":
        chain.invoke(trader, chain.fntx, "transfer", DEPLOYER.address, 10**21)
    else:
        chain.invoke(trader, chain.fntx, "approve", chain.contract, 0)
    journal, nonce = MemoryJournal(first()), nonce_of(chain, trader)
    with pytest.raises(Permanent, match=words):
        send(chain, trader, journal, POLICY)
    assert (journal.all, nonce_of(chain, trader)) == ({}, nonce)


@needs_anvil
def test_connecting_names_another_network_a_missing_contract_and_another_contract(settings, chain):
    here = Addresses(chain.chain_id, chain.fntx_contract, chain.contract)
    for addresses, words in (
        (here._replace(chain_id=1), "is for chain 1, but the node serves chain 31337"),
        (here._replace(track_record="0x" + "11" * 20), "has no contract TrackRecord at"),
        (here._replace(track_record=chain.fntx_contract), "no TrackRecord of version 2"),
    ):
        write_addresses(settings.chain.contracts, addresses)
        with pytest.raises(Permanent, match=words):
            connect(settings)


def test_what_a_record_is_bound_to_is_known_while_the_node_is_away(tmp_path):
    addresses = Addresses(1, "0x" + "11" * 20, "0x" + "22" * 20)
    write_addresses(tmp_path / "contracts.json", addresses)
    key = SecretStr("0x" + "01" * 32)
    away = Settings(
        home=tmp_path,
        chain={"rpc_url": "http://127.0.0.1:9/token-1234", "contracts": tmp_path / "contracts.json"},
        keys={"trader_key": key},
    )
    assert addresses_of(away) == addresses
    assert {signer_of(away, account).address for account in ("U0000001", "U0000002")} == {
        LocalSigner(b"\x01" * 32).address
    }
    with pytest.raises(Transient) as caught:
        connect(away)
    assert "token" not in str(caught.value)


def test_a_node_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(reader, "_REQUEST_SECONDS", 0.05)
    monkeypatch.setattr(reader, "_BACKOFF_SECONDS", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as hanging, pytest.raises(Transient, match="does not answer"):
        read_at(f"http://127.0.0.1:{hanging.getsockname()[1]}", "0x" + "11" * 20)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", Transient, "answers with HTTP 401"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", Transient, "not as an Ethereum node does"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", Transient, "not as an Ethereum node does"),
    ],
)
def test_the_error_distinguishes_what_is_no_node_from_a_node_that_is_away(monkeypatch, answer, kind, words):
    monkeypatch.setattr(reader, "_BACKOFF_SECONDS", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_answers, args=(server, answer), daemon=True).start()
        with pytest.raises(kind, match=words) as caught:
            read_at(f"http://127.0.0.1:{server.getsockname()[1]}/token-1234", "0x" + "11" * 20)
    assert "token" not in str(caught.value)


def test_the_error_names_an_rpc_url_that_is_none():
    with pytest.raises(Permanent, match="RPC URL is none"):
        read_at("node.example/token-1234", "0x" + "11" * 20)


@pytest.mark.parametrize("key", ["not hex", "0x12"])
def test_a_configured_key_that_is_none_is_refused_without_being_shown(tmp_path, key):
    settings = Settings(home=tmp_path, chain={"rpc_url": "http://127.0.0.1:9"}, keys={"trader_key": SecretStr(key)})
    with pytest.raises(Permanent, match="private key") as caught:
        signer_of(settings, ACCOUNT)
    assert key not in str(caught.value)


def _answers(server, answer):
    """A server that says the same to everybody, until it is closed."""
    with suppress(OSError):
        while True:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)
