"""The embedded chain over HTTP: a node's form, for web3, a browser, and anybody who sends nonsense."""

import http.client
import json
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Event, Semaphore, get_ident
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from fntx_dagster.adapters.evm import embedded, served
from fntx_dagster.adapters.evm.artifacts import artifact
from fntx_dagster.adapters.evm.served import MAX_BATCH, MAX_BODY, serve
from fntx_dagster.adapters.evm.transactions import GAS_LIMIT
from fntx_dagster.errors import Permanent
from tests.verify.conftest import KEY


@pytest.fixture
def url(shown):
    return shown.url


@pytest.fixture
def web3(url):
    from web3 import HTTPProvider, Web3

    return Web3(HTTPProvider(url))


def post(url, body, host=None, method="POST", **headers):
    """Status, headers and content of the answer."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    written = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request(method, "/", written, {**({"Host": host} if host else {}), **headers})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, response.headers, json.loads(content) if content else None


def ask(url, method, *params):
    return post(url, {"jsonrpc": "2.0", "id": 7, "method": method, "params": list(params)})[2]


def test_web3_reads_it_as_any_node(shown, web3):
    record = web3.eth.contract(address=shown.node.contract, abi=artifact("TrackRecord")["abi"])
    assert web3.eth.chain_id == shown.node.chain_id
    assert record.functions.recordOf(shown.node.trader, 20190718).call()[3] == 2
    events = record.events.DailyRecordPosted().get_logs(from_block=0, argument_filters={"date": 20190718})
    assert [event["args"]["version"] for event in events] == [1, 2]
    receipt = web3.eth.get_transaction_receipt(events[0]["transactionHash"])
    assert receipt["status"] == 1
    block = web3.eth.get_block(receipt["blockNumber"], True)
    assert block["transactions"][0]["hash"] == events[0]["transactionHash"]
    assert block["transactions"][0]["blockNumber"] == block["number"]
    assert web3.eth.fee_history(2, "latest")["baseFeePerGas"]
    assert web3.eth.get_block("finalized")["number"] <= web3.eth.block_number


def test_web3_sends_through_it(shown, web3):
    from eth_account import Account

    account = Account.from_key(KEY)
    call = {
        "to": "0x" + "44" * 20,
        "value": 5,
        "chainId": web3.eth.chain_id,
        "nonce": web3.eth.get_transaction_count(account.address),
    }
    tip = web3.eth.max_priority_fee
    fees = {"maxPriorityFeePerGas": tip, "maxFeePerGas": 2 * web3.eth.get_block("latest")["baseFeePerGas"] + tip}
    gas = web3.eth.estimate_gas({"from": account.address, "to": call["to"], "value": 5})
    tx_hash = web3.eth.send_raw_transaction(account.sign_transaction({**call, **fees, "gas": gas}).raw_transaction)
    assert web3.eth.wait_for_transaction_receipt(tx_hash)["status"] == 1
    assert web3.eth.get_balance(call["to"]) == 5


def test_a_revert_has_its_bytes_as_at_a_node(shown, web3):
    from web3.exceptions import ContractCustomError

    record = web3.eth.contract(address=shown.node.contract, abi=artifact("TrackRecord")["abi"])
    with pytest.raises(ContractCustomError) as caught:
        record.functions.postDailyRecord(20190700, b"\x11" * 32, b"\x11" * 32).call()
    assert int(caught.value.data[10:], 16) == 20190700  # InvalidDate(20190700)


def test_its_answers_have_the_form_of_the_standard(shown, url):
    block = ask(url, "eth_getBlockByNumber", "latest", True)["result"]
    [sent] = block["transactions"]
    receipt = ask(url, "eth_getTransactionReceipt", sent["hash"])["result"]
    for answer in (block, sent, receipt):
        assert not [key for key in answer if "_" in key]
        assert not [key for key, value in answer.items() if isinstance(value, int) and not isinstance(value, bool)]
    for quantity in (block["number"], block["timestamp"], sent["nonce"], receipt["status"], receipt["gasUsed"]):
        assert quantity == hex(int(quantity, 16))
    assert len(block["logsBloom"]) == 2 + 512
    assert ask(url, "eth_getTransactionReceipt", "0x" + "12" * 32) == {"jsonrpc": "2.0", "id": 7, "result": None}
    assert ask(url, "eth_chainId")["result"] == hex(shown.node.chain_id)


def test_a_call_needs_no_sender_and_no_block_and_may_say_input(shown, url):
    asked = {"to": shown.node.contract, "input": shown.node.record.encode_abi("VERSION", [])}
    assert int(ask(url, "eth_call", asked)["result"], 16) == 2


def test_a_batch_is_answered_in_its_order(url):
    asked = [
        {"jsonrpc": "2.0", "id": n, "method": method}
        for n, method in enumerate(("eth_chainId", "what", "eth_blockNumber"))
    ]
    answers = post(url, [*asked, 5])[2]
    assert [answer["id"] for answer in answers] == [0, 1, 2, None]
    assert [answer.get("error", {}).get("code") for answer in answers] == [None, -32601, None, -32600]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", -32700),
        (b"", -32700),
        (b"\xff", -32700),
        (b"[" * 100_000, -32700),
        (b'{"a":' * 1000, -32700),
        (b'"' + b'\\"' * 490_000, -32700),
        (b'"\\\n' * 240_000, -32700),
        ([], -32600),
        ([1] * (MAX_BATCH + 1), -32600),
        ({"method": 5}, -32600),
        ({"method": "eth_call", "params": [5]}, -32603),
        ({"method": "eth_call", "params": {"a": 1}}, -32603),
        ({"method": "eth_getBlockByNumber", "params": [[]]}, -32603),
        ({"method": "eth_sendRawTransaction", "params": ["0x00"]}, -32603),
        ({"method": "evm_snapshot"}, -32601),
        ({"method": "evm_mine"}, -32601),
        ({"method": "__class__"}, -32601),
    ],
)
def test_nonsense_is_answered_with_an_error_and_the_next_request_works(url, body, code):
    assert post(url, body)[2]["error"]["code"] == code
    assert "result" in ask(url, "eth_chainId")


def test_a_page_in_a_browser_may_ask(url):
    status, headers, _ = post(url, b"", method="OPTIONS")
    assert status == 204
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Access-Control-Allow-Headers"] == "Content-Type"
    assert post(url, {"method": "eth_chainId"})[1]["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "[", ""])
def test_a_page_that_reaches_it_under_a_foreign_name_is_refused(url, host):
    assert post(url, {"method": "eth_chainId"}, host=host or " ")[0] == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:8545", "127.0.0.1", "[::1]:8545"])
def test_every_name_of_this_machine_is_answered(url, host):
    assert post(url, {"method": "eth_chainId"}, host=host)[0] == 200


def test_a_body_that_is_too_large_is_not_read(url):
    assert post(url, b" " * 10, **{"Content-Length": str(MAX_BODY + 1)})[0] == 413
    assert post(url, b"", **{"Content-Length": "-1"})[0] == 411


def test_another_host_than_loopback_and_a_taken_port_are_refused(shown):
    with pytest.raises(Permanent, match="not a loopback"), serve(shown.node.provider, "0.0.0.0"):
        pass
    taken = urlsplit(shown.url).port
    with pytest.raises(Permanent, match=f"cannot listen on 127.0.0.1:{taken}"), serve(shown.node.provider, port=taken):
        pass


def test_when_the_block_is_left_nothing_listens(shown):
    with serve(shown.node.provider) as url:
        assert ask(url, "eth_chainId")
    with pytest.raises(ConnectionRefusedError):
        ask(url, "eth_chainId")


def test_a_page_of_history_reads_the_same_over_http(shown, web3):
    record = web3.eth.contract(address=shown.node.contract, abi=artifact("TrackRecord")["abi"])
    days = [each[0] for each in record.functions.history(shown.node.trader, 20190701, 20190731).call()]
    assert days == [int(date(2019, 7, day).strftime("%Y%m%d")) for day in (17, 18, 22)]


LOOP = "635b6000566000526004601cf3"
"""Deploys `5b600056`, which jumps to its own beginning for ever."""
DIVE = "6d60006000600060006000305af100600052600e6012f3"
"""Deploys what calls itself with all the gas that it has."""


@pytest.fixture(scope="module")
def hostile(shown):
    """The addresses of contracts that cost whoever executes them much."""

    def deployed(code):
        tx_hash = shown.node.send("", f"0x{code}")
        return shown.node.web3.eth.get_transaction_receipt(tx_hash)["contractAddress"]

    return {"loop": deployed(LOOP), "dive": deployed(DIVE)}


def call(to, data="0x", **more):
    return {"jsonrpc": "2.0", "id": 7, "method": "eth_call", "params": [{"to": to, "data": data, **more}, "latest"]}


@pytest.fixture
def loops(monkeypatch):
    """Holds each request that loops in the EVM where it is, until `ended` is set; then its time is over."""
    monkeypatch.setattr(served, "CALL_SECONDS", 600.0)
    monkeypatch.setattr(served, "BODY_SECONDS", 600.0)
    steps, check = Counter(), embedded._check_time
    loops = SimpleNamespace(started=Semaphore(0), ended=Event())

    def held():
        thread = get_ident()
        steps[thread] += 1
        if steps[thread] == 20_000:  # of honest requests none takes so many steps
            loops.started.release()
            assert loops.ended.wait(600)
            raise embedded.OutOfTime
        check()

    monkeypatch.setattr(embedded, "_check_time", held)
    yield loops
    loops.ended.set()


def test_while_endless_loops_run_everybody_else_is_served_and_then_they_are_ended(shown, url, hostile, loops):
    version = shown.node.record.encode_abi("VERSION", [])
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(post, url, call(hostile["loop"], gas="0xffffffffff")) for _ in range(3)]
        for _ in asked:
            assert loops.started.acquire(timeout=600)
        answers = [post(url, call(shown.node.contract, version))[2]["result"], ask(url, "eth_chainId")["result"]]
        assert not any(loop.done() for loop in asked)
        loops.ended.set()
        errors = [loop.result()[2]["error"] for loop in asked]
    assert [int(answer, 16) for answer in answers] == [2, shown.node.chain_id]
    assert errors == [{"code": -32005, "message": "the embedded chain gives a request 600 seconds: ask for less"}] * 3


def test_who_finds_no_room_beside_long_requests_is_told_to_ask_again(url, hostile, loops, monkeypatch):
    with ThreadPoolExecutor(served._LONG_AT_ONCE) as pool:
        asked = [pool.submit(post, url, call(hostile["loop"])) for _ in range(served._LONG_AT_ONCE)]
        for _ in asked:
            assert loops.started.acquire(timeout=600)
        monkeypatch.setattr(served, "CALL_SECONDS", 0.1)
        error = post(url, call(hostile["loop"]))[2]["error"]
        loops.ended.set()
    assert error == {
        "code": -32005,
        "message": "the embedded chain answers 8 long requests at once: ask again later",
    }


def test_a_call_has_the_gas_of_one_transaction_at_most(shown, url):
    gas_left = "0x5a60005260206000f3"  # returns what it has left
    for given in ({}, {"gas": "0xffffffffffffffffff"}, {"gas": hex(GAS_LIMIT)}):
        assert int(post(url, call(None, gas_left, **given))[2]["result"], 16) <= GAS_LIMIT
    assert int(post(url, call(None, gas_left, gas=hex(100_000)))[2]["result"], 16) < 100_000


OUT_OF_TIME = {"code": -32005, "message": "the embedded chain gives a request 2 seconds: ask for less"}
NOT_COMPUTED = {"code": -32005, "message": "the embedded chain computes no pairing, BLAKE2 or BLS over HTTP"}
NO_SUCH_BLOCK = {"code": -32603, "message": "cannot answer this (BlockNotFound)"}


@pytest.mark.parametrize(
    ("method", "param", "seconds", "answered"),
    [
        ("eth_estimateGas", {"to": "loop"}, 2.0, {"error": OUT_OF_TIME}),
        ("eth_call", {"to": "dive"}, 600.0, {"result": "0x"}),
        ("eth_call", {"to": "0x" + "00" * 19 + "08", "data": "0x" + "00" * 192 * 400}, 600.0, {"error": NOT_COMPUTED}),
        (
            "eth_call",
            {"to": "0x" + "00" * 19 + "09", "data": "0x00ffffff" + "00" * 209},
            600.0,
            {"error": NOT_COMPUTED},
        ),
        ("eth_getLogs", {"fromBlock": "0x0", "toBlock": "0xffffffffffff"}, 600.0, {"error": NO_SUCH_BLOCK}),
    ],
)
def test_what_would_take_for_ever_is_answered_and_the_next_request_works(
    url, hostile, monkeypatch, method, param, seconds, answered
):
    monkeypatch.setattr(served, "CALL_SECONDS", seconds)
    monkeypatch.setattr(served, "BODY_SECONDS", 600.0)
    param = {**param, "to": hostile.get(param["to"], param["to"])} if "to" in param else param
    answer = post(url, {"id": 7, "method": method, "params": [param]})[2]
    assert answer == {"jsonrpc": "2.0", "id": 7, **answered}
    assert "result" in ask(url, "eth_blockNumber")


def test_a_batch_has_a_time_for_all_of_it(url, hostile, monkeypatch):
    monkeypatch.setattr(served, "CALL_SECONDS", 0.2)
    monkeypatch.setattr(served, "BODY_SECONDS", 1.0)
    answers = post(url, [call(hostile["loop"])] * 200 + [{"id": 8, "method": "eth_chainId"}])[2]
    assert [answer["error"]["code"] for answer in answers[:-1]] == [-32005] * 200
    assert len(answers) == 201


def test_a_request_that_does_not_arrive_holds_nobody_up_and_is_cut_off(url, monkeypatch):
    monkeypatch.setattr(served, "ARRIVAL_SECONDS", 1.0)
    address = urlsplit(url)
    slow = [socket.create_connection((address.hostname, address.port)) for _ in range(20)]
    for place, connection in enumerate(slow):
        head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n"
        connection.sendall(head + (b"\r\n{" if place % 2 else b""))
    assert "result" in ask(url, "eth_chainId")
    for connection in slow:
        connection.settimeout(30)
        assert connection.recv(1) == b""
        connection.close()


def test_a_drip_of_bytes_does_not_hold_a_connection(url, monkeypatch):
    monkeypatch.setattr(served, "ARRIVAL_SECONDS", 0.5)
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port)) as drip:
        drip.settimeout(0.1)
        assert any(_is_cut_off(drip) for _ in range(600))


def _is_cut_off(connection):
    """Whether the server has ended a connection that it gets one more byte of."""
    try:
        connection.sendall(b"X")
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_there_are_only_so_many_connections_at_once_and_each_that_ends_makes_room(url, monkeypatch):
    address = urlsplit(url)
    held = [socket.create_connection((address.hostname, address.port)) for _ in range(served.MAX_CONNECTIONS)]
    for connection in held:
        connection.sendall(b"POST / HTTP/1.1\r\n")
    with socket.create_connection((address.hostname, address.port)) as refused:
        refused.settimeout(30)
        assert refused.recv(1) == b""
    for connection in held:
        connection.close()
    for _ in range(300):
        try:
            assert "result" in ask(url, "eth_chainId")
            return
        except (http.client.HTTPException, ConnectionError):
            time.sleep(0.1)
    raise AssertionError("no room was made")


@pytest.mark.parametrize("method", ["eth_newFilter", "eth_newBlockFilter", "eth_getFilterChanges"])
def test_a_filter_that_would_stay_in_memory_is_not_served(url, method):
    assert ask(url, method, {})["error"]["code"] == -32601
