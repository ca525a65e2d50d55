"""Posting on the embedded chain: idempotent, and stopped before a nonce is taken where it cannot succeed."""

import sqlite3
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as run_with
from hypothesis import strategies as st

from fntx_dagster.chain import sender as sender_module
from fntx_dagster.chain.keys import Signer
from fntx_dagster.chain.sender import post
from fntx_dagster.chain.transactions import transact
from fntx_dagster.errors import Permanent
from tests.chain.conftest import ACCOUNT, DAY, SCHEMA

ROOT = b"\x77" * 32
STRANGER = Signer(b"\x01" * 32)


def test_the_receipt_says_where_the_record_is(chain, trader):
    receipt = post(chain, trader, DAY, SCHEMA, ROOT)
    assert (receipt.trader, receipt.contract, receipt.chain_id) == (trader.address, chain.contract, chain.chain_id)
    assert (receipt.day, receipt.schema_hash, receipt.root, receipt.version) == (DAY, SCHEMA, ROOT, 1)
    assert receipt.burned == Decimal(10)
    assert receipt.block_number == chain.web3.eth.block_number
    assert receipt == chain.receipt(receipt.tx_hash) == chain.find_posting(trader.address, DAY)


def test_posting_the_same_root_again_sends_nothing_and_gives_the_same_receipt(chain, trader):
    first = post(chain, trader, DAY, SCHEMA, ROOT)
    signed = []
    assert post(chain, trader, DAY, SCHEMA, ROOT, on_signed=signed.append) == first
    assert not signed
    assert chain.web3.eth.block_number == first.block_number


def test_an_earlier_record_is_found_among_later_ones(chain, trader):
    receipts = [post(chain, trader, DAY + timedelta(n), SCHEMA, bytes([n + 1]) * 32) for n in range(4)]
    assert [chain.find_posting(trader.address, DAY + timedelta(n)) for n in range(4)] == receipts
    assert chain.find_posting(trader.address, DAY + timedelta(9)) is None


@pytest.mark.parametrize(("schema", "root"), [(SCHEMA, b"\x78" * 32), (b"\x12" * 32, ROOT)])
def test_another_record_for_the_day_is_a_conflict_for_a_person(chain, trader, schema, root):
    post(chain, trader, DAY, SCHEMA, ROOT)
    height = chain.web3.eth.block_number
    with pytest.raises(Permanent, match=f"another record for 2025-07-18, posted at .*: 0x{ROOT.hex()}"):
        post(chain, trader, DAY, schema, root)
    assert chain.web3.eth.block_number == height


def test_the_bytes_are_handed_over_before_they_are_broadcast(chain, trader):
    seen = []

    def saved(signed):
        seen.append((signed, chain.record_of(trader.address, DAY)))

    receipt = post(chain, trader, DAY, SCHEMA, ROOT, on_signed=saved)
    [(signed, stored_then)] = seen
    assert stored_then is None
    assert (signed.tx_hash, signed.nonce) == (receipt.tx_hash, chain.web3.eth.get_transaction_count(trader.address) - 1)
    assert chain.web3.keccak(signed.raw).hex() == receipt.tx_hash.removeprefix("0x")


def test_nothing_is_sent_if_the_bytes_could_not_be_saved(chain, trader):
    def full_disk(signed):
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        post(chain, trader, DAY, SCHEMA, ROOT, on_signed=full_disk)
    assert chain.record_of(trader.address, DAY) is None
    assert post(chain, trader, DAY, SCHEMA, ROOT).root == ROOT


def test_a_crash_between_mining_and_storing_heals(chain, trader, monkeypatch):
    sent = []

    def crash(chain, signer, *arguments, **sending):
        original(chain, signer, *arguments, **sending)
        sent.append(chain.web3.eth.block_number)
        raise KeyboardInterrupt

    original = type(chain).invoke
    monkeypatch.setattr(type(chain), "invoke", crash)
    with pytest.raises(KeyboardInterrupt):
        post(chain, trader, DAY, SCHEMA, ROOT)
    monkeypatch.undo()
    receipt = post(chain, trader, DAY, SCHEMA, ROOT)
    assert [receipt.block_number] == sent == [chain.web3.eth.block_number]


@pytest.mark.parametrize(("meant", "posted"), [(ROOT, ROOT), (ROOT, b"\x78" * 32)])
def test_a_record_posted_meanwhile_with_the_same_key_is_read_and_compared(chain, trader, monkeypatch, meant, posted):
    def overtaken(chain, address):
        monkeypatch.undo()
        chain.invoke(trader, chain.track_record, "postDailyRecord", 20250718, SCHEMA, posted)

    monkeypatch.setattr(sender_module, "_check_fntx", overtaken)
    if meant == posted:
        assert post(chain, trader, DAY, SCHEMA, meant).root == meant
    else:
        with pytest.raises(Permanent, match="another record"):
            post(chain, trader, DAY, SCHEMA, meant)


def test_without_fntx_it_stops_before_a_nonce_is_taken(chain):
    _give(chain, STRANGER, wei=10**18)
    _stopped(chain, "holds 0 FNTX and a record burns 10")


def test_with_a_little_too_little_fntx_it_stops_before_a_nonce_is_taken(chain):
    _give(chain, STRANGER, wei=10**18, fntx=10 * 10**18 - 1)
    chain.approve_burning(STRANGER)
    _stopped(chain, "holds 9.999999999999999999 FNTX")


def test_without_allowance_it_stops_before_a_nonce_is_taken(chain):
    _give(chain, STRANGER, wei=10**18, fntx=10**20)
    _stopped(chain, "TrackRecord may burn 0 FNTX.*Approve")


def test_without_ether_it_stops_before_a_nonce_is_taken(chain):
    _give(chain, STRANGER, wei=10**18, fntx=10**20)
    chain.approve_burning(STRANGER)
    _spend_all(chain)
    _stopped(chain, "ether .*does not pay for the transaction.*Send ether")


def test_with_all_of_it_a_stranger_can_post(chain):
    _give(chain, STRANGER, wei=10**18, fntx=10 * 10**18)
    chain.approve_burning(STRANGER)
    assert post(chain, STRANGER, DAY, SCHEMA, ROOT).trader == STRANGER.address
    assert chain.funds_of(STRANGER.address).fntx == 0


def test_a_post_costs_at_most_90000_gas_once_its_schema_is_known(chain, trader):
    post(chain, trader, DAY, SCHEMA, b"\xff" * 32)
    used = [post(chain, trader, DAY + timedelta(n), SCHEMA, b"\xff" * 32).gas_used for n in range(10, 14)]
    assert max(used) <= 90_000


def test_the_contracts_clock_is_now_also_in_a_process_that_runs_for_long(chain, trader, monkeypatch):
    from eth._utils import headers

    first = post(chain, trader, DAY, SCHEMA, ROOT)
    later = int((first.posted_at + timedelta(hours=10)).timestamp())
    monkeypatch.setattr(headers, "eth_now", lambda: later)
    second = post(chain, trader, DAY + timedelta(1), SCHEMA, ROOT)
    assert second.posted_at - first.posted_at == timedelta(hours=10)


@run_with(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(root=st.binary(min_size=32, max_size=32).filter(any), schema=st.binary(min_size=32, max_size=32).filter(any))
def test_what_is_posted_is_what_is_read(chain, trader, root, schema):
    day = DAY + timedelta(100 + chain.web3.eth.block_number)
    receipt = post(chain, trader, day, schema, root)
    assert (receipt.root, receipt.schema_hash) == (root, schema)
    assert chain.record_of(trader.address, day)[:2] == (root, schema)


def test_neither_the_account_nor_a_key_is_in_the_chains_file(chain, trader, settings):
    post(chain, trader, DAY, SCHEMA, ROOT)
    with sqlite3.connect(settings.paths.chain / "chain.sqlite") as connection:
        content = b"".join(key + value for key, value in connection.execute("SELECT key, value FROM entries"))
    connection.close()
    secrets = [bytes.fromhex(file.read_text()) for file in settings.paths.keys.glob("*.*") if file.stat().st_size]
    assert len(secrets) == 3
    assert not any(secret in content for secret in (*secrets, ACCOUNT.encode()))


def _give(chain, signer, wei, fntx=0):
    from fntx_dagster.chain.keys import deployer_of

    deployer = deployer_of(chain._settings.paths.keys)
    transact(chain.web3, deployer, {"to": signer.address, "value": wei})
    chain.invoke(deployer, chain.fntx, "transfer", signer.address, fntx)


def _spend_all(chain):
    gas, fee = 21_000, 3 * 10**9
    left = chain.funds_of(STRANGER.address).wei - gas * fee
    nonce = chain.web3.eth.get_transaction_count(STRANGER.address)
    fees = {"maxFeePerGas": fee, "maxPriorityFeePerGas": 1, "gas": gas, "chainId": chain.chain_id}
    signed = STRANGER.sign({"to": "0x" + "99" * 20, "value": left, "data": "0x", "nonce": nonce, **fees})
    chain.web3.eth.send_raw_transaction(signed.raw)


def _stopped(chain, words):
    nonce, signed = chain.web3.eth.get_transaction_count(STRANGER.address), []
    with pytest.raises(Permanent, match=words):
        post(chain, STRANGER, DAY, SCHEMA, ROOT, on_signed=signed.append)
    assert not signed
    assert chain.web3.eth.get_transaction_count(STRANGER.address) == nonce
