"""The simulated Horizon as a process, and stellar-sdk as it comes: prepare, sign elsewhere, submit, confirm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from stellar_sdk import Asset, Server, Signer, TransactionBuilder, TransactionEnvelope
from stellar_sdk.client.requests_client import RequestsClient
from stellar_sdk.exceptions import BadRequestError, BadResponseError, ConnectionError, NotFoundError
from stellar_sdk.operation.set_trust_line_flags import TrustLineFlags
from stellar_sdk.sep.exceptions import AccountRequiresMemoError

from fntx_dagster.simulate.horizon.network import TESTNET, StellarNetwork
from fntx_dagster.simulate.horizon.server import serve_horizon
from tests.simulate.horizon.parts import ALL_AUTH, HOLDER, ISSUER, PEOPLE, TREASURY, USD, key

ROOT = StellarNetwork().root
ONE, TWO, THREE = PEOPLE


class Served:
    """A server, and the SDK's client of it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.server = Server(url, RequestsClient(num_retries=0, request_timeout=5, post_timeout=10))

    def ask(self, path: str, values: dict[str, Any] | None = None) -> Any:
        """A document, or what a test asks for."""
        body = None if values is None else json.dumps(values).encode()
        with urllib.request.urlopen(self.url + path, body, timeout=10) as answer:
            return json.load(answer)


class ServedAside(Served):
    """A server in a process of its own."""

    def __init__(self, url: str, process: subprocess.Popen[bytes]) -> None:
        super().__init__(url)
        self.process = process

    def kill(self) -> None:
        """End it hard."""
        self.process.kill()
        self.process.wait()


@contextmanager
def served(**options: Any) -> Iterator[Served]:
    """A server in this process, whose ledgers close with each transaction."""
    with serve_horizon(StellarNetwork(), with_faults=True, **options) as server:
        yield Served(server.url)
        assert server.problems == []


@contextmanager
def served_aside(folder: Path, *options: str) -> Iterator[ServedAside]:
    """The process, from its start until the block ends."""
    address = folder / "address"
    address.unlink(missing_ok=True)
    command = [sys.executable, "-m", "fntx_dagster.simulate.horizon", "--address", str(address), *options]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.getcwd()})
    try:
        for _ in range(300):
            assert process.poll() is None, "the simulator ended"
            if address.exists():
                break
            time.sleep(0.1)
        yield ServedAside(address.read_text(), process)
    finally:
        process.terminate()
        assert process.wait(20) in (0, -9, -15)


def fund(horizon: Served, *accounts: Any) -> None:
    """Ten thousand lumens for each, from the key that holds all of them at the start."""
    builder = TransactionBuilder(horizon.server.load_account(ROOT.public_key), TESTNET, 100)
    for account in accounts:
        builder.append_create_account_op(account.public_key, "10000")
    envelope = builder.set_timeout(600).build()
    envelope.sign(ROOT)
    assert horizon.server.submit_transaction(envelope)["successful"]


def signed_elsewhere(unsigned: str, *people: Any) -> TransactionEnvelope:
    """What signers send back, put together."""
    envelope = TransactionEnvelope.from_xdr(unsigned, TESTNET)
    for person in people:
        part = TransactionEnvelope.from_xdr(unsigned, TESTNET)
        part.sign(person)
        envelope.signatures += part.signatures
    return envelope


def set_up(horizon: Served) -> None:
    """An issuer that three people hold, and a holder with an authorised line."""
    fund(horizon, ISSUER, HOLDER)
    server = horizon.server
    builder = TransactionBuilder(server.load_account(ISSUER.public_key), TESTNET, 100)
    builder.append_set_options_op(set_flags=ALL_AUTH)
    for person in PEOPLE:
        builder.append_set_options_op(signer=Signer.ed25519_public_key(person.public_key, 1))
    builder.append_set_options_op(master_weight=0, low_threshold=2, med_threshold=2, high_threshold=3)
    assert server.submit_transaction(signed_elsewhere(builder.set_timeout(600).build().to_xdr(), ISSUER))["successful"]
    line = TransactionBuilder(server.load_account(HOLDER.public_key), TESTNET, 100)
    line.append_change_trust_op(USD, "1000").set_timeout(600)
    assert server.submit_transaction(signed_elsewhere(line.build().to_xdr(), HOLDER))["successful"]


def issue(horizon: Served, amount: str = "10") -> str:
    """An unsigned issuance that opens the holder's line."""
    builder = TransactionBuilder(horizon.server.load_account(ISSUER.public_key), TESTNET, 100)
    builder.append_set_trust_line_flags_op(HOLDER.public_key, USD, set_flags=TrustLineFlags.AUTHORIZED_FLAG)
    builder.append_payment_op(HOLDER.public_key, USD, amount)
    return builder.set_timeout(600).build().to_xdr()


def test_the_sdk_prepares_signs_elsewhere_submits_and_confirms(tmp_path: Path) -> None:
    with served_aside(tmp_path, "--closes-every", "0.1") as horizon:
        set_up(horizon)
        server = horizon.server
        unsigned = issue(horizon)
        with pytest.raises(BadRequestError) as refused:
            server.submit_transaction(signed_elsewhere(unsigned, ONE))
        assert (refused.value.extras or {})["result_codes"] == {"transaction": "tx_bad_auth"}
        with pytest.raises(BadRequestError) as refused:
            server.submit_transaction(signed_elsewhere(unsigned, ONE, TWO, THREE))
        assert (refused.value.extras or {})["result_codes"] == {"transaction": "tx_bad_auth_extra"}
        ready = signed_elsewhere(unsigned, ONE, THREE)
        with pytest.raises(NotFoundError):
            server.transactions().transaction(ready.hash_hex()).call()
        first = server.submit_transaction(ready)
        assert server.submit_transaction(ready) == first
        found = server.transactions().transaction(ready.hash_hex()).call()
        assert (found["successful"], found["ledger"], found["fee_charged"]) == (True, first["ledger"], "200")
        held = server.accounts().account_id(HOLDER.public_key).call()["balances"][0]
        assert (held["balance"], held["is_authorized"], held["is_clawback_enabled"]) == ("10.0000000", True, True)
        kinds = server.operations().for_transaction(ready.hash_hex()).call()["_embedded"]["records"]
        assert [each["type"] for each in kinds] == ["set_trust_line_flags", "payment"]
        supply = server.assets().for_code(USD.code).for_issuer(ISSUER.public_key).call()["_embedded"]["records"]
        assert supply[0]["balances"]["authorized"] == "10.0000000"
        assert server.root().call()["network_passphrase"] == TESTNET
        assert server.fetch_base_fee() == 100
        assert server.fee_stats().call()["fee_charged"]["mode"] == "100"


def test_history_is_read_in_pages_both_ways() -> None:
    with served() as horizon:
        set_up(horizon)
        builder = horizon.server.transactions().for_account(ISSUER.public_key).limit(1).include_failed(True)
        first = builder.call()["_embedded"]["records"]
        second = builder.next()["_embedded"]["records"]
        assert first[0]["ledger"] < second[0]["ledger"]
        newest = horizon.server.transactions().order(desc=True).limit(200).call()["_embedded"]["records"]
        tokens = [int(each["paging_token"]) for each in newest]
        assert tokens == sorted(tokens, reverse=True)
        assert len(tokens) == 3
        data = horizon.server.accounts().for_signer(TWO.public_key).call()["_embedded"]["records"]
        assert [each["id"] for each in data] == [ISSUER.public_key]


def test_an_answer_that_is_lost_is_found_by_hash_and_the_same_envelope_is_applied_once() -> None:
    with served(closes_every=0.1) as horizon:
        set_up(horizon)
        ready = signed_elsewhere(issue(horizon), ONE, TWO)
        horizon.ask("/simulated/faults", {"method": "POST", "path": "/transactions", "kind": "cut"})
        with pytest.raises(ConnectionError):
            horizon.server.submit_transaction(ready)
        with pytest.raises(NotFoundError):
            horizon.server.transactions().transaction(ready.hash_hex()).call()
        fault = {"method": "POST", "path": "/transactions", "kind": "cut", "taken": True}
        horizon.ask("/simulated/faults", fault)
        with pytest.raises(ConnectionError):
            horizon.server.submit_transaction(ready)
        assert horizon.server.transactions().transaction(ready.hash_hex()).call()["successful"]
        assert horizon.server.submit_transaction(ready)["hash"] == ready.hash_hex()
        held = horizon.server.accounts().account_id(HOLDER.public_key).call()["balances"][0]
        assert held["balance"] == "10.0000000"


def test_the_retries_of_the_sdk_itself_apply_a_transaction_once() -> None:
    with served() as horizon:
        set_up(horizon)
        retrying = Server(horizon.url, RequestsClient(num_retries=3, backoff_factor=0.05))
        for status in (503, 504):
            fault = {"method": "POST", "path": "/transactions", "kind": "problem", "taken": True, "status": status}
            horizon.ask("/simulated/faults", fault)
        ready = signed_elsewhere(issue(horizon), ONE, TWO)
        assert retrying.submit_transaction(ready)["successful"]
        held = horizon.server.accounts().account_id(HOLDER.public_key).call()["balances"][0]
        assert held["balance"] == "10.0000000"


def test_ledgers_that_do_not_close_answer_a_timeout_and_then_the_transaction_is_there() -> None:
    with served(wait_seconds=0.2) as horizon:
        set_up(horizon)
        horizon.ask("/simulated/ledgers", {"halted": True})
        ready = signed_elsewhere(issue(horizon), ONE, TWO)
        with pytest.raises(BadResponseError) as late:
            horizon.server.submit_transaction(ready)
        assert (late.value.status, (late.value.extras or {})["hash"]) == (504, ready.hash_hex())
        horizon.ask("/simulated/ledgers", {"halted": False, "close": 1})
        assert horizon.server.transactions().transaction(ready.hash_hex()).call()["successful"]


def test_signers_that_change_between_preparing_and_submitting_are_met() -> None:
    with served() as horizon:
        set_up(horizon)
        ready = signed_elsewhere(issue(horizon), ONE, TWO)
        signers = {ONE.public_key: 1, key("four").public_key: 1}
        horizon.ask("/simulated/accounts", {"account_id": ISSUER.public_key, "signers": signers})
        with pytest.raises(BadRequestError) as refused:
            horizon.server.submit_transaction(ready)
        assert (refused.value.extras or {})["result_codes"] == {"transaction": "tx_bad_auth"}


def test_a_world_outlives_its_process_and_what_only_waited_does_not(tmp_path: Path) -> None:
    world = tmp_path / "world.jsonl"
    with served_aside(tmp_path, "--closes-every", "0", "--state", str(world)) as horizon:
        set_up(horizon)
        ready = signed_elsewhere(issue(horizon), ONE, TWO)
        horizon.server.submit_transaction(ready)
        before = horizon.ask(f"/accounts/{HOLDER.public_key}"), horizon.ask("/ledgers?order=desc&limit=1")
        horizon.kill()
    with world.open("ab") as file:
        file.write(b'{"accounts":{"G')  # a line that the kill cut short
    with served_aside(tmp_path, "--closes-every", "0", "--state", str(world), "--faults") as horizon:
        address = json.dumps(before).replace(before[0]["_links"]["self"]["href"].partition("/accounts")[0], horizon.url)
        after = horizon.ask(f"/accounts/{HOLDER.public_key}"), horizon.ask("/ledgers?order=desc&limit=1")
        assert json.loads(address) == [*after]
        assert horizon.server.submit_transaction(ready)["successful"]
        horizon.ask("/simulated/ledgers", {"halted": True})
        waiting = signed_elsewhere(issue(horizon), ONE, TWO)
        answer = horizon.server.submit_transaction_async(waiting)
        assert answer["tx_status"] == "PENDING"
        horizon.kill()
    with served_aside(tmp_path, "--closes-every", "0", "--state", str(world)) as horizon:
        with pytest.raises(NotFoundError):
            horizon.server.transactions().transaction(waiting.hash_hex()).call()
        assert horizon.server.submit_transaction(waiting)["successful"]
        held = horizon.server.accounts().account_id(HOLDER.public_key).call()["balances"][0]
        assert held["balance"] == "20.0000000"


def test_another_host_is_refused_and_nothing_can_be_broken_without_faults(tmp_path: Path) -> None:
    with served_aside(tmp_path, "--closes-every", "0", "--fund", f"{TREASURY.public_key}=12.5") as horizon:
        assert horizon.ask(f"/accounts/{TREASURY.public_key}")["balances"][0]["balance"] == "12.5000000"
        request = urllib.request.Request(horizon.url + "/", headers={"Host": "rebound.example"})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=5)
        assert refused.value.code == 403
        with pytest.raises(urllib.error.HTTPError) as missing:
            horizon.ask("/simulated/ledgers", {"close": 1})
        assert missing.value.code == 404
        with pytest.raises(urllib.error.HTTPError) as malformed:
            urllib.request.urlopen(horizon.url + "/transactions", b"tx=AAAA", timeout=5)
        assert json.load(malformed.value)["title"] == "Transaction Malformed"


def test_a_payment_to_an_account_that_demands_a_memo_is_stopped_by_the_sdk_itself() -> None:
    """SEP-29: the SDK reads `config.memo_required` of each destination."""
    with served() as horizon:
        fund(horizon, TREASURY, HOLDER)
        wants = TransactionBuilder(horizon.server.load_account(HOLDER.public_key), TESTNET, 100)
        wants.append_manage_data_op("config.memo_required", "1").set_timeout(600)
        horizon.server.submit_transaction(signed_elsewhere(wants.build().to_xdr(), HOLDER))
        pay = TransactionBuilder(horizon.server.load_account(TREASURY.public_key), TESTNET, 100)
        pay.append_payment_op(HOLDER.public_key, Asset.native(), "1").set_timeout(600)
        ready = signed_elsewhere(pay.build().to_xdr(), TREASURY)
        with pytest.raises(AccountRequiresMemoError):
            horizon.server.submit_transaction(ready)
        assert horizon.server.submit_transaction(ready, skip_memo_required_check=True)["successful"]
