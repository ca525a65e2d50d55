"""The embedded chain as a file: several processes, killed ones, and the errors of a node."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from fntx_dagster.adapters.evm.client import connect
from fntx_dagster.settings import Settings
from tests.adapters.evm.conftest import ACCOUNT, DAY, SCHEMA, first, post

ROOT_FOLDER = Path(__file__).resolve().parents[3]

POSTER = """
import sys
from pathlib import Path
from fntx_dagster.adapters.evm.client import connect
from fntx_dagster.settings import Settings
from tests.adapters.evm.conftest import first, post

home, account, days = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with connect(Settings(home=home)) as chain:
    trader = chain.trader(account)
    for n in range(days):
        print(post(chain, trader, first(n)).tx_hash, flush=True)
"""


def test_records_outlive_the_process(settings, chain, trader):
    receipt = post(chain, trader, first())
    chain.close()
    with connect(settings) as again:
        assert again.find_posting(trader.address, DAY) == receipt


def test_two_processes_begin_one_chain(tmp_path):
    processes = [_poster(tmp_path, "U0000001", 1), _poster(tmp_path, "U0000002", 1)]
    assert [process.wait(120) for process in processes] == [0, 0]
    with connect(Settings(home=tmp_path)) as chain:
        for account in ("U0000001", "U0000002"):
            assert chain.record_of(chain.trader(account).address, DAY) is not None


@pytest.mark.parametrize("accounts", [(ACCOUNT, ACCOUNT), (ACCOUNT, "U0000002")])
def test_two_processes_that_post_at_once_lose_nothing_and_post_nothing_twice(settings, chain, accounts):
    processes = [_poster(settings.home, account, 6) for account in accounts]
    outputs = [process.communicate(timeout=120)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert [len(hashes) for hashes in outputs] == [6, 6]
    distinct = len(set(accounts))
    assert len({*outputs[0], *outputs[1]}) == 6 * distinct
    burned = 10**27 - chain.fntx.functions.totalSupply().call()
    assert burned == 6 * distinct * 10 * 10**18


def test_threads_share_a_chain(chain, trader):
    with ThreadPoolExecutor(3) as pool:
        receipts = list(pool.map(lambda n: post(chain, trader, first(n)), range(6)))
    assert [mined.records[0].day for mined in receipts] == [DAY + timedelta(n) for n in range(6)]


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
def test_killed_posters_leave_a_chain_that_is_consistent_and_goes_on(settings):
    finished = []
    for kill in range(3):
        process = _poster(settings.home, ACCOUNT, 200)
        for _ in range(2 * kill + 2):
            finished.append(process.stdout.readline().strip())
        time.sleep(0.013 * kill)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        process.stdout.close()
    with connect(settings) as chain:
        _check_every_block(chain)
        trader = chain.trader(ACCOUNT)
        days = len(set(finished))
        assert all(chain.mined(tx_hash).records[0].version == 1 for tx_hash in finished)
        receipts = [post(chain, trader, first(n)) for n in range(days + 3)]
        assert [receipt.tx_hash for receipt in receipts[:days]] == list(dict.fromkeys(finished))


def test_a_read_writes_nothing(settings, chain, trader):
    file = settings.paths.chain / "chain.sqlite"
    before = file.read_bytes()
    chain.record_of(trader.address, DAY)
    chain.web3.eth.estimate_gas({"from": trader.address, "to": trader.address, "value": 1})
    assert file.read_bytes() == before


def test_a_refused_transaction_leaves_no_trace(settings, chain, trader):
    from web3.exceptions import Web3RPCError

    file = settings.paths.chain / "chain.sqlite"
    before = file.read_bytes()
    nonce = chain.web3.eth.get_transaction_count(trader.address)
    fees = {"maxFeePerGas": 10**10, "maxPriorityFeePerGas": 1, "gas": 21_000, "chainId": chain.chain_id}
    signed = trader.sign({"to": trader.address, "value": 0, "data": "0x", "nonce": nonce + 1, **fees})
    with pytest.raises(Web3RPCError, match="nonce"):
        chain.web3.eth.send_raw_transaction(signed.raw)
    assert file.read_bytes() == before


def test_a_mined_revert_is_a_block_with_a_failed_receipt(chain, trader):
    post(chain, trader, first())
    data = chain.track_record.encode_abi("postDailyRecord", args=(20250718, SCHEMA, b"\x78" * 32))
    nonce = chain.web3.eth.get_transaction_count(trader.address)
    fees = {"maxFeePerGas": 10**10, "maxPriorityFeePerGas": 1, "gas": 200_000, "chainId": chain.chain_id}
    signed = trader.sign({"to": chain.contract, "value": 0, "data": data, "nonce": nonce, **fees})
    chain.web3.eth.send_raw_transaction(signed.raw)
    assert chain.web3.eth.get_transaction_receipt(signed.tx_hash)["status"] == 0
    assert chain.record_of(trader.address, DAY).root == first().root


def test_an_unknown_method_is_answered_as_a_node_would(chain):
    answer = chain.web3.provider.make_request("debug_traceTransaction", ["0x"])
    assert answer["error"]["code"] == -32601


def test_a_transaction_that_is_not_there_is_none(chain):
    assert chain.mined("0x" + "12" * 32) is None


def _poster(home, account, days):
    arguments = [sys.executable, "-c", POSTER, str(home), account, str(days)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=ROOT_FOLDER)


def _check_every_block(chain):
    """Each block's parent is the block before it, and each transaction has its receipt."""
    parent = None
    for number in range(chain.web3.eth.block_number + 1):
        block = chain.web3.eth.get_block(number)
        assert parent is None or block["parentHash"] == parent
        parent = block["hash"]
        for tx_hash in block["transactions"]:
            assert chain.web3.eth.get_transaction_receipt(tx_hash)["blockNumber"] == number


def test_a_deep_nesting_in_json_ends_no_process_that_holds_an_evm() -> None:
    program = """
import json, fntx_dagster.adapters.evm.embedded
try: json.loads("[" * 100_000)
except RecursionError: print("refused")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "refused\n")
