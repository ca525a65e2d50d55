"""The server at its socket: unmodified xrpl-py, other hosts, faults, and a kill between taking and answering."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from xrpl.account import get_next_valid_seq_number
from xrpl.clients import JsonRpcClient
from xrpl.ledger import get_latest_validated_ledger_sequence
from xrpl.models import AccountSet, EscrowCreate, GatewayBalances, Payment, SignerEntry, SignerListSet, TrustSet, Tx
from xrpl.models.amounts import IssuedCurrencyAmount
from xrpl.models.requests import AccountInfo, AccountLines, Fee, GenericRequest, LedgerEntry, ServerInfo, SubmitOnly
from xrpl.models.requests.ledger_entry import Escrow
from xrpl.models.transactions import AccountSetAsfFlag, Memo, Transaction, TrustSetFlag
from xrpl.transaction import autofill, autofill_and_sign, multisign, sign, submit
from xrpl.utils import xrp_to_drops

from fntx_dagster.simulate.xrpl.server import XrplServer, serve_xrpl
from tests.simulate.xrpl.people import BOND, XRP, Town, address, funded, signers, wallet
from tests.simulate.xrpl.processes import LedgerProcess


@pytest.fixture
def town() -> Town:
    return funded("alice", "s1", "s2-k1")


@pytest.fixture
def server(town: Town) -> Iterator[XrplServer]:
    with serve_xrpl(town.ledger) as running:
        yield running
    assert running.problems == []


def post(url: str, body: Any, **headers: str) -> tuple[int, Any]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, content, {"Content-Type": "application/json"} | headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def ask(url: str, method: str, **params: Any) -> Any:
    return post(url, {"method": method, "params": [params]})[1]["result"]


def done(client: JsonRpcClient, tx: Transaction, name: str) -> str:
    """Sign, submit, close, and the final code."""
    signed = autofill_and_sign(tx, client, wallet(name))
    submit(signed, client)
    client.request(GenericRequest(method="ledger_accept"))
    return client.request(Tx(transaction=signed.get_hash())).result["meta"]["TransactionResult"]


def test_unmodified_xrpl_py_prepares_lets_two_of_three_sign_elsewhere_submits_and_confirms(tmp_path: Path) -> None:
    funds = [f"--fund={address(name)}={1000 * XRP}" for name in ("issuer", "treasury", "friend")]
    process = LedgerProcess(tmp_path, *funds)
    try:
        client = JsonRpcClient(process.url)
        issuer, treasury = address("issuer"), address("treasury")
        auth = AccountSet(account=issuer, set_flag=AccountSetAsfFlag.ASF_REQUIRE_AUTH)
        assert done(client, auth, "issuer") == "tesSUCCESS"
        entries = [SignerEntry(account=address(name), signer_weight=1) for name in ("s1", "s2-k1", "s3")]
        listed = SignerListSet(account=issuer, signer_quorum=2, signer_entries=entries)
        assert done(client, listed, "issuer") == "tesSUCCESS"
        master = AccountSet(account=issuer, set_flag=AccountSetAsfFlag.ASF_DISABLE_MASTER)
        assert done(client, master, "issuer") == "tesSUCCESS"
        limit = IssuedCurrencyAmount(currency=BOND, issuer=issuer, value="1000")
        assert done(client, TrustSet(account=treasury, limit_amount=limit), "treasury") == "tesSUCCESS"
        holder = IssuedCurrencyAmount(currency=BOND, issuer=treasury, value="0")
        authorise = TrustSet(account=issuer, limit_amount=holder, flags=TrustSetFlag.TF_SET_AUTH)
        memo = Memo(memo_data="AB")
        amount = IssuedCurrencyAmount(currency=BOND, issuer=issuer, value="12.5")
        issue = Payment(account=issuer, destination=treasury, amount=amount, memos=[memo])
        for tx in (authorise, issue):
            before = get_latest_validated_ledger_sequence(client)
            prepared = autofill(tx, client, signers_count=2)
            parts: list[Transaction] = [sign(prepared, wallet(name), multisign=True) for name in ("s3", "s2-k1")]
            signed = multisign(prepared, parts)
            answer = submit(signed, client)
            assert answer.result["engine_result"] == "tesSUCCESS"
            client.request(GenericRequest(method="ledger_accept"))
            last = signed.last_ledger_sequence
            found = client.request(Tx(transaction=signed.get_hash(), min_ledger=before, max_ledger=last)).result
            assert (found["validated"], found["meta"]["TransactionResult"]) == (True, "tesSUCCESS")
        lines = client.request(AccountLines(account=treasury)).result["lines"]
        assert (lines[0]["balance"], lines[0]["peer_authorized"]) == ("12.5", True)
        balances = client.request(GatewayBalances(account=issuer, hotwallet=[])).result
        assert balances["obligations"] == {BOND: "12.5"}
        assert (
            client.request(AccountInfo(account=issuer, signer_lists=True)).result["signer_lists"][0]["SignerQuorum"]
            == 2
        )
        assert get_next_valid_seq_number(treasury, client) == 3
    finally:
        assert process.end() == 0


def test_xrpl_py_reads_fees_and_finds_an_escrow_by_what_it_is(server: XrplServer) -> None:
    client = JsonRpcClient(server.url)
    tx = EscrowCreate(account=address("alice"), destination=address("s1"), amount=xrp_to_drops(2), finish_after=10**9)
    assert done(client, tx, "alice") == "tesSUCCESS"
    seq = get_next_valid_seq_number(address("alice"), client) - 1
    found = client.request(LedgerEntry(escrow=Escrow(owner=address("alice"), seq=seq))).result
    assert found["node"]["Amount"] == "2000000"
    assert client.request(Fee()).result["drops"]["base_fee"] == "10"
    assert client.request(ServerInfo()).result["info"]["network_id"] == 1
    missing = client.request(AccountInfo(account=address("nobody")))
    assert not missing.is_successful()
    assert missing.result["error"] == "actNotFound"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "[::2]:80", ""])
def test_a_request_that_names_another_host_is_refused(server: XrplServer, host: str) -> None:
    status, _ = post(server.url, {"method": "server_info", "params": [{}]}, Host=host)
    assert status == 403
    assert server.asked == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"[" * 5000, b'{"method": 5}', b'{"method": "tx", "params": [5]}', b'{"params": []}']
)
def test_what_is_no_request_is_refused(server: XrplServer, body: bytes) -> None:
    assert post(server.url, body)[0] == 400


@pytest.mark.parametrize(("length", "status"), [("1048577", 413), ("-5", 411), ("x", 411)])
def test_a_body_that_is_too_long_or_of_no_length_is_not_read(server: XrplServer, length: str, status: int) -> None:
    connection = HTTPConnection(server.url.removeprefix("http://"), timeout=20)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", length)
    connection.endheaders()
    assert connection.getresponse().status == status
    connection.close()


def test_an_answer_can_be_lost_before_and_after_the_transaction_was_taken(server: XrplServer, town: Town) -> None:
    blob = town.signed("alice", "AccountSet")
    ask(server.url, "fault", on="submit", do="cut")
    ask(server.url, "fault", on="submit", do="cut", taken=True)
    for _ in range(2):
        with pytest.raises((urllib.error.URLError, ConnectionError)):
            ask(server.url, "submit", tx_blob=blob)
    assert ask(server.url, "submit", tx_blob=blob)["engine_result"] == "tefPAST_SEQ"
    ask(server.url, "ledger_accept")
    [name] = server.ledger.last.transactions
    assert ask(server.url, "tx", transaction=name)["meta"]["TransactionResult"] == "tesSUCCESS"


def test_faults_come_by_method_and_count_and_then_no_more(server: XrplServer) -> None:
    ask(server.url, "fault", on="fee", do="error", error="slowDown", count=2)
    ask(server.url, "fault", on="fee", do="status", status=502)
    assert [ask(server.url, "fee").get("error") for _ in range(2)] == ["slowDown", "slowDown"]
    assert "info" in ask(server.url, "server_info")
    assert post(server.url, {"method": "fee", "params": [{}]})[0] == 502
    assert ask(server.url, "fee")["status"] == "success"
    assert ask(server.url, "fault", on="fee", do="explode")["error"] == "invalidParams"
    server.fail(on="fee", do="hang", seconds=0.1)
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        ask(server.url, "fee")


def test_ledgers_do_not_close_history_starts_late_and_a_list_changes_between(server: XrplServer, town: Town) -> None:
    town.does("alice", "SignerListSet", **signers(2, "s1", "s2-k1"))
    first = server.ledger.last.ledger_index
    ask(server.url, "fault", unclosing=2)
    for _ in range(3):
        ask(server.url, "ledger_accept")
    assert server.ledger.last.ledger_index == first + 1
    blob = town.signed("alice", "AccountSet", by=("s1", "s2-k1"))
    other = {"account": address("alice"), "quorum": 1, "signers": [{"account": address("s1"), "weight": 1}]}
    ask(server.url, "fault", signer_list=other)
    assert ask(server.url, "submit", tx_blob=blob)["engine_result"] == "tefBAD_SIGNATURE"
    ask(server.url, "fault", late_history=first + 1)
    said = ask(server.url, "tx", transaction="00" * 32, min_ledger=2, max_ledger=first)
    assert said["searched_all"] is False
    before = server.ledger.last.close_time
    ask(server.url, "fault", advance=5000)
    ask(server.url, "ledger_accept")
    assert server.ledger.last.close_time >= before + 4900


def test_a_limit_is_altered_past_everybody(server: XrplServer, town: Town) -> None:
    amount = {"currency": "USD", "issuer": address("s1"), "value": "1000"}
    assert town.does("alice", "TrustSet", LimitAmount=amount) == "tesSUCCESS"
    line = {"account": address("alice"), "issuer": address("s1"), "currency": "USD", "limit": "7"}
    assert ask(server.url, "fault", line_limit=line)["status"] == "success"
    ask(server.url, "ledger_accept")
    [found] = ask(server.url, "account_lines", account=address("alice"), ledger_index="validated")["lines"]
    assert (found["limit"], found["limit_peer"]) == ("7", "0")
    assert ask(server.url, "fault", line_limit=line | {"currency": "EUR"})["error"] == "invalidParams"


def test_a_server_without_faults_knows_no_such_method(town: Town) -> None:
    with serve_xrpl(town.ledger, faults=False) as server:
        assert ask(server.url, "fault", unclosing=2)["error"] == "unknownCmd"


def test_ledgers_close_by_time_while_many_ask(town: Town) -> None:
    with serve_xrpl(town.ledger, closes_every=0.02) as server:
        names = []

        def send(name: str) -> None:
            for _ in range(5):
                with server.lock:
                    names.append(server.ask("submit", tx_blob=town.signed(name, "AccountSet"))["tx_json"]["hash"])

        threads = [threading.Thread(target=send, args=(name,)) for name in ("alice", "s1", "s2-k1")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        server.close_ledger()
        codes = [ask(server.url, "tx", transaction=name)["meta"]["TransactionResult"] for name in names]
        assert codes == ["tesSUCCESS"] * 15
    assert server.problems == []


def test_a_server_killed_between_taking_and_answering_goes_on_with_the_transaction(tmp_path: Path) -> None:
    process = LedgerProcess(tmp_path, "--faults", f"--fund={address('alice')}={1000 * XRP}")
    try:
        ask(process.url, "fault", on="submit", do="hang", taken=True)
        client = JsonRpcClient(process.url)
        signed = autofill_and_sign(AccountSet(account=address("alice")), client, wallet("alice"))
        waiting = threading.Thread(target=lambda: _lost(process.url, signed.blob()))
        waiting.start()
        _until_taken(tmp_path / "ledger.json", signed.get_hash())
        process.kill()
        waiting.join()
        process.start()
        client = JsonRpcClient(process.url)
        again = client.request(SubmitOnly(tx_blob=signed.blob())).result
        assert again["engine_result"] == "tefPAST_SEQ"
        client.request(GenericRequest(method="ledger_accept"))
        assert client.request(Tx(transaction=signed.get_hash())).result["meta"]["TransactionResult"] == "tesSUCCESS"
    finally:
        process.end()


def _lost(url: str, blob: str) -> None:
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        ask(url, "submit", tx_blob=blob)


def _until_taken(file: Path, name: str) -> None:
    deadline = time.monotonic() + 20
    while name not in json.loads(file.read_text())["waiting"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
