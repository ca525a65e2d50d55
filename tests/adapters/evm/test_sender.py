"""Sending on the embedded chain: once, in order, killed anywhere, and stopped before a nonce is taken where it cannot
succeed."""

import sqlite3
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as run_with
from hypothesis import strategies as st

from fntx_dagster.adapters.evm.client import connect
from fntx_dagster.adapters.evm.keys import LocalSigner, deployer_of
from fntx_dagster.adapters.evm.track_record import TrackRecordCalls
from fntx_dagster.adapters.evm.transactions import transact
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.period import Period
from tests.adapters.evm.conftest import ACCOUNT, DAY, POLICY, SCHEMA, amended, first, post, send
from tests.outbox.memory import MemoryJournal

ROOT = b"\x77" * 32
STRANGER = LocalSigner(b"\x01" * 32)


def test_the_receipt_says_where_the_record_is_and_what_it_burned(chain, trader):
    journal = MemoryJournal(first())
    send(chain, trader, journal, POLICY)
    [mined] = journal.receipts.values()
    assert journal.states() == journal.sending_states() == ["final"]
    assert [written[:2] for written in mined.records] == [(trader.address, DAY)]
    assert mined.burned == Decimal(10)
    assert mined.block_number == chain.height
    assert mined.mined_at == chain.record_of(trader.address, DAY).posted_at
    assert mined == chain.mined(mined.tx_hash) == chain.find_posting(trader.address, DAY)


def test_many_days_go_in_bundles_and_in_order(chain, trader):
    entries = [first(n) for n in range(5)]
    journal = MemoryJournal(*reversed(entries))
    send(chain, trader, journal, POLICY._replace(batch=2))
    assert journal.states() == ["final"] * 5
    assert [len(sending.entries) for sending, _ in journal.all.values()] == [2, 2, 1]
    assert [sending.slot for sending, _ in journal.all.values()] == [1, 2, 3]
    assert list(chain.history(trader.address, Period(DAY, DAY + timedelta(9))).values()) == [
        chain.record_of(trader.address, entry.day) for entry in entries
    ]
    assert journal.receipts[entries[0]].burned == 20


def test_a_bundle_holds_one_schema(chain, trader):
    entries = first(0), first(1)._replace(schema_hash=b"\x12" * 32), first(2)
    journal = MemoryJournal(*entries)
    send(chain, trader, journal, POLICY)
    assert [sending.entries for sending, _ in journal.all.values()] == [(entry,) for entry in entries]
    assert journal.states() == ["final"] * 3


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_an_amendment_goes_alone_after_the_version_before_it(chain, trader, batch):
    entry = first()
    second = amended(entry)
    third = amended(second, "and once more: Ω")
    journal = MemoryJournal(third, second, entry, first(1))
    send(chain, trader, journal, POLICY._replace(batch=batch))
    assert journal.states() == ["final"] * 4
    assert chain.record_of(trader.address, DAY)[:2] == (third.root, SCHEMA)
    versions = [chain.version_of(trader.address, DAY, n) for n in (1, 2, 3)]
    assert [version.record.root for version in versions] == [entry.root, second.root, third.root]
    assert [version.previous_root for version in versions] == [None, entry.root, second.root]
    assert [version.reason for version in versions] == [None, "the broker corrected a fee", "and once more: Ω"]
    assert [chain.find_posting(trader.address, DAY, n) for n in (1, 2, 3)] == [
        journal.receipts[version] for version in (entry, second, third)
    ]


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_an_amendment_of_a_record_that_the_chain_does_not_hold_is_refused_and_the_others_go_on(chain, trader, batch):
    without, other = amended(first()), amended(first(1))._replace(previous_root=ROOT)
    journal = MemoryJournal(without, first(1), other, first(2))
    send(chain, trader, journal, POLICY._replace(batch=batch))
    assert journal.states() == ["failed", "final", "failed", "final"]
    assert "the contract holds no record before it" in journal.whys[without]
    assert f"version 1 with root 0x{first(1).root.hex()} before it" in journal.whys[other]


def test_an_amendment_that_changes_nothing_is_refused_before_a_nonce_is_taken(chain, trader):
    same = amended(first())._replace(root=first().root)
    journal = MemoryJournal(first(), same)
    send(chain, trader, journal, POLICY)
    assert journal.states() == ["final", "failed"]
    assert "SameRoot" in journal.whys[same]
    assert len(journal.all) == 1


def test_a_record_that_the_contract_does_not_take_is_singled_out_of_its_bundle(chain, trader):
    bad = first(1, root=bytes(32))
    journal = MemoryJournal(first(0), bad, first(2))
    send(chain, trader, journal, POLICY)
    assert journal.states() == ["final", "failed", "final"]
    assert "ZeroRoot" in journal.whys[bad]
    assert len(journal.all) == 1


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_what_the_chain_holds_already_is_found_and_not_sent_again(chain, trader, batch):
    entries = [first(0), first(1), amended(first(1)), first(2)]
    before = MemoryJournal(*entries)
    send(chain, trader, before, POLICY._replace(batch=batch))
    height = chain.height
    restored = MemoryJournal(*entries)
    send(chain, trader, restored, POLICY._replace(batch=batch))
    assert restored.receipts == before.receipts
    assert restored.states() == ["final"] * 4
    assert restored.all == {}
    assert chain.height == height


@pytest.mark.parametrize("change", [{"root": b"\x78" * 32}, {"schema_hash": b"\x12" * 32}])
def test_another_record_for_the_day_is_refused_and_the_others_go_on(chain, trader, change):
    post(chain, trader, first(1, ROOT))
    other = first(1, ROOT)._replace(**change)
    journal = MemoryJournal(first(0), other, first(2))
    send(chain, trader, journal, POLICY)
    assert journal.states() == ["final", "failed", "final"]
    assert "another record for it, posted at 2" in journal.whys[other]
    assert f"root 0x{ROOT.hex()}" in journal.whys[other]
    assert chain.record_of(trader.address, other.day).holds(SCHEMA, ROOT)


def test_killed_anywhere_every_record_is_posted_exactly_once(chain, trader):
    """A step is before and after each call of the journal, the signer and the broadcast."""
    kill = 0
    while _killed(chain, trader, [first(2 * kill), first(2 * kill + 1)], [kill]):
        kill += 1
    assert kill == 14, "seven calls for a transaction, and none left"


@run_with(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kills=st.lists(st.integers(0, 30), min_size=2, max_size=5))
def test_killed_again_and_again_every_record_is_posted_exactly_once(chain, trader, kills):
    days = 10 * chain.height
    _killed(chain, trader, [first(days), amended(first(days)), first(days + 1), first(days + 3)], kills)


def test_a_sending_that_would_not_pass_any_more_is_released_if_nothing_of_it_is_signed(chain, trader):
    journal = MemoryJournal(first(), first(1))
    assert _dies(chain, trader, journal, step_named="prepare")
    post(chain, trader, first(1, ROOT), first(2))
    send(chain, trader, journal, POLICY)
    assert journal.states() == ["final", "failed"]
    assert journal.sending_states() == ["released", "final"]


def test_a_foreign_transaction_that_took_the_nonce_is_noticed_and_the_records_are_sent_under_the_next(chain, trader):
    journal = MemoryJournal(first(), first(1))
    assert _dies(chain, trader, journal, step_named="keep")
    post(chain, trader, first(), first(2))  # of which one is the same record
    send(chain, trader, journal, POLICY)
    assert journal.states() == ["final", "final"]
    assert journal.sending_states() == ["released", "final"]
    assert _burned(chain) == 30


def test_a_nonce_under_which_nothing_is_signed_is_given_back_if_the_records_would_not_pass_any_more(chain, trader):
    journal, nonce = MemoryJournal(first(), first(1)), chain.web3.eth.get_transaction_count(trader.address) + 1
    _drain(chain, trader, lambda: _dies(chain, trader, journal, step_named="prepare"))
    with pytest.raises(Permanent, match="holds 0 FNTX"):
        send(chain, trader, journal, POLICY)
    assert (journal.states(), journal.sending_states()) == (["queued", "queued"], ["released"])
    assert chain.web3.eth.get_transaction_count(trader.address) == nonce


def test_a_transaction_that_no_node_takes_is_given_up_and_signed_anew_another_time(chain, trader, monkeypatch):
    """As a node does that caps what a transaction may cost: the same bytes would be offered for ever."""
    from web3.exceptions import Web3RPCError

    said = {"error": {"code": -32000, "message": "tx fee (1.20 ether) exceeds the configured cap (1.00 ether)"}}
    journal = MemoryJournal(first())
    with monkeypatch.context() as patch:
        refusing = Web3RPCError("refused", rpc_response=said)
        patch.setattr(chain.web3.eth, "send_raw_transaction", lambda raw: (_ for _ in ()).throw(refusing))
        with pytest.raises(Transient, match="exceeds the configured cap"):
            send(chain, trader, journal, POLICY)
    assert journal.sendings() == []
    assert journal.queued() == [first()]
    send(chain, trader, journal, POLICY)
    assert chain.record_of(trader.address, first().day).root == first().root


def test_a_revert_is_failed_with_its_reason_and_never_sent_again(chain, trader):
    journal = MemoryJournal(first(), first(1))
    _drain(chain, trader, lambda: _dies(chain, trader, journal, step_named="keep"))
    send(chain, trader, journal, POLICY)
    height = chain.height
    send(chain, trader, journal, POLICY)
    assert chain.height == height
    assert journal.states() == journal.sending_states() * 2 == ["failed"] * 2
    assert "was reverted: the contract refused with ERC20InsufficientBalance" in journal.whys[first()]


def test_a_record_that_somebody_posts_between_the_look_and_the_simulation_is_looked_at_again(
    chain, trader, monkeypatch
):
    post(chain, trader, first())
    monkeypatch.setattr(chain, "history", lambda *_: {})
    journal = MemoryJournal(first())
    with pytest.raises(Transient, match="somebody posts with the key"):
        send(chain, trader, journal, POLICY)
    monkeypatch.undo()
    send(chain, trader, journal, POLICY)
    assert (journal.states(), journal.all) == (["final"], {})


def test_a_record_is_not_final_unless_the_contract_says_so_as_well(chain, trader, monkeypatch):
    monkeypatch.setattr(chain, "history", lambda *_: {})
    journal = MemoryJournal(first())
    with pytest.raises(Permanent, match=r"is mined, but the contract .* holds no record"):
        send(chain, trader, journal, POLICY)
    assert journal.states() == ["mined"]
    monkeypatch.undo()
    send(chain, trader, journal, POLICY)
    assert journal.states() == ["final"]


def test_a_chain_that_was_made_anew_is_posted_to_again_with_the_same_roots(settings, chain, trader):
    journal = MemoryJournal(*[first(n) for n in range(3)])
    send(chain, trader, journal, POLICY._replace(batch=1))
    journal.queue(first(3))
    assert _dies(chain, trader, journal, step_named="seen")
    chain.close()
    for file in settings.paths.chain.iterdir():
        file.unlink()
    with connect(settings) as fresh:
        assert fresh.history(trader.address, Period(DAY, DAY + timedelta(9))) == {}
        journal.queue(*[first(n) for n in range(3)])
        send(fresh, fresh.trader(ACCOUNT), journal, POLICY)
        assert journal.states() == ["final"] * 4
        assert len(fresh.history(trader.address, Period(DAY, DAY + timedelta(9)))) == 4


def test_without_fntx_it_stops_before_a_nonce_is_taken(chain):
    _give(chain, STRANGER, wei=10**18)
    _stopped(chain, "holds 0 FNTX; a record burns 10, and 2 wait.*Send at least 20 FNTX")


def test_with_a_little_too_little_fntx_it_stops_before_a_nonce_is_taken(chain):
    _give(chain, STRANGER, wei=10**18, fntx=10 * 10**18 - 1)
    chain.approve_burning(STRANGER)
    _stopped(chain, "holds 9.999999999999999999 FNTX")


def test_without_allowance_it_stops_before_a_nonce_is_taken(chain):
    _give(chain, STRANGER, wei=10**18, fntx=10**20)
    _stopped(chain, "TrackRecord may burn 0 FNTX.*`fntx chain approve`")


def test_without_ether_it_stops_before_a_nonce_is_taken(chain):
    _give(chain, STRANGER, wei=10**18, fntx=10**20)
    chain.approve_burning(STRANGER)
    _spend_all(chain)
    _stopped(chain, "ether .*does not pay for the transaction.*Send ether to 0x[0-9a-fA-F]{40}")


def test_a_bundle_shrinks_to_what_the_fntx_pays_for_and_the_rest_says_what_is_missing(chain):
    _give(chain, STRANGER, wei=10**18, fntx=25 * 10**18)
    chain.approve_burning(STRANGER)
    journal = MemoryJournal(*[first(n) for n in range(4)])
    with pytest.raises(Permanent, match=r"holds 5 FNTX; a record burns 10, and 2 wait\. Send at least 15 FNTX"):
        send(chain, STRANGER, journal, POLICY)
    assert journal.states() == ["final", "final", "queued", "queued"]


def test_while_the_chain_is_dearer_than_the_cap_no_nonce_is_taken(chain, trader):
    journal = MemoryJournal(first())
    with pytest.raises(Transient, match=r"above the cap.*FNTX_FEE_CAP_GWEI"):
        send(chain, trader, journal, fee_cap=1)
    assert journal.all == {}


def test_a_node_that_lags_is_asked_again_and_contradicts_nothing(chain, trader, monkeypatch):
    entry = first()
    post(chain, trader, entry, amended(entry))
    height, calls, asked = chain.height, TrackRecordCalls(chain, trader.address), []
    calls.confirm([entry], height)
    monkeypatch.setattr(chain, "version_of", lambda *arguments: asked.append(arguments))
    with pytest.raises(Transient, match="shows version 2 of 2025-07-18 and no version 1"):
        calls.confirm([entry], height)
    with pytest.raises(Transient, match="shows version 2 of 2025-07-18 and no version 1"):
        list(calls.examine([entry], height, lambda number: True))
    assert asked == [(trader.address, DAY, 1, height)] * 2


def test_the_contracts_clock_is_now_also_in_a_process_that_runs_for_long(chain, trader, monkeypatch):
    from eth._utils import headers

    mined = post(chain, trader, first())
    later = int((mined.mined_at + timedelta(hours=10)).timestamp())
    monkeypatch.setattr(headers, "eth_now", lambda: later)
    assert post(chain, trader, first(1)).mined_at - mined.mined_at == timedelta(hours=10)


def test_neither_the_account_nor_a_key_is_in_the_chains_file(chain, trader, settings):
    post(chain, trader, first())
    with sqlite3.connect(settings.paths.chain / "chain.sqlite") as connection:
        content = b"".join(key + value for key, value in connection.execute("SELECT key, value FROM entries"))
    connection.close()
    secrets = [bytes.fromhex(file.read_text()) for file in settings.paths.keys.glob("*.*") if file.stat().st_size]
    assert len(secrets) == 3
    assert not any(secret in content for secret in (*secrets, ACCOUNT.encode()))


class Kill:
    """Raises KeyboardInterrupt at the n-th step, or after the step of that name."""

    def __init__(self, at=None, named=None):
        self.left, self.named, self.has_killed = at, named, False

    def step(self, name=None):
        if (self.named is not None and name == self.named) or self.left == 0:
            self.has_killed = True
            raise KeyboardInterrupt
        self.left = None if self.left is None else self.left - 1

    def around(self, thing, *names):
        """`thing` with a step before and after each call of the named methods."""
        return _Stepped(thing, self, names)


class _Stepped:
    def __init__(self, thing, kill, names):
        self._thing, self._kill, self._names = thing, kill, names

    def __getattr__(self, name):
        method = getattr(self._thing, name)
        if name not in self._names:
            return method

        def stepped(*arguments):
            self._kill.step()
            result = method(*arguments)
            self._kill.step(name)
            return result

        return stepped


def _send_and_die(chain, signer, journal, kill):
    """Whether the kill came before `send` was done."""
    writes = ("prepare", "keep", "sent", "seen", "final", "reopen", "release", "fail", "adopt", "refuse")
    eth = chain.web3.eth
    eth.send_raw_transaction = kill.around(eth, "send_raw_transaction").send_raw_transaction
    try:
        send(chain, kill.around(signer, "sign"), kill.around(journal, *writes), POLICY)
    except KeyboardInterrupt:
        return True
    finally:
        del eth.send_raw_transaction
    return False


def _dies(chain, signer, journal, step_named):
    return _send_and_die(chain, signer, journal, Kill(named=step_named))


def _killed(chain, signer, entries, kills):
    """Send with kills, then without; check that each entry is there once. Whether the last kill came in time."""
    journal, burned = MemoryJournal(*entries), _burned(chain)
    nonce = chain.web3.eth.get_transaction_count(signer.address)
    for kill in kills:
        killed = _send_and_die(chain, signer, journal, Kill(at=kill))
    send(chain, signer, journal, POLICY)
    assert journal.states() == ["final"] * len(entries)
    assert {state for _, state in journal.all.values()} == {"final"}
    assert _burned(chain) - burned == 10 * len(entries)
    for entry in entries:
        assert chain.version_of(signer.address, entry.day, entry.version).record.root == entry.root
    used = [sending.slot for sending, _ in journal.all.values()]
    assert used == list(range(nonce, nonce + len(used)))
    assert chain.web3.eth.get_transaction_count(signer.address) == nonce + len(used)
    return killed


def _burned(chain):
    return 10**9 - chain.fntx.functions.totalSupply().call() // 10**18


def _give(chain, signer, wei, fntx=0):
    deployer = deployer_of(chain._settings.paths.keys)
    transact(chain.web3, deployer, {"to": signer.address, "value": wei})
    chain.invoke(deployer, chain.fntx, "transfer", signer.address, fntx)


def _drain(chain, trader, in_between):
    """Take the trader's FNTX away without a transaction of its own after `in_between`, which must be true."""
    deployer = deployer_of(chain._settings.paths.keys)
    chain.invoke(trader, chain.fntx, "approve", deployer.address, 2**255)
    assert in_between()
    everything = chain.fntx.functions.balanceOf(trader.address).call()
    chain.invoke(deployer, chain.fntx, "transferFrom", trader.address, deployer.address, everything)


def _spend_all(chain):
    gas, fee = 21_000, 3 * 10**9
    left = chain.funds_of(STRANGER.address).wei - gas * fee
    nonce = chain.web3.eth.get_transaction_count(STRANGER.address)
    fees = {"maxFeePerGas": fee, "maxPriorityFeePerGas": 1, "gas": gas, "chainId": chain.chain_id}
    signed = STRANGER.sign({"to": "0x" + "99" * 20, "value": left, "data": "0x", "nonce": nonce, **fees})
    chain.web3.eth.send_raw_transaction(signed.raw)


def _stopped(chain, words):
    nonce, journal = chain.web3.eth.get_transaction_count(STRANGER.address), MemoryJournal(first(), first(1))
    with pytest.raises(Permanent, match=words):
        send(chain, STRANGER, journal, POLICY)
    assert journal.all == {}
    assert chain.web3.eth.get_transaction_count(STRANGER.address) == nonce
