"""The client: it covers the document, its types are what the server answers, and it sends nothing twice."""

from __future__ import annotations

import http.client
import inspect
import io
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints
from urllib.parse import urlsplit

import jsonschema_rs
import pytest
import requests

from fntx_dagster.api.app import make_app
from fntx_dagster.client import ApiProblem, Client
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.store.database import Database
from tests.api.conftest import NOON, Server

CALLS: dict[str, dict[str, Any]] = {
    "submit": {
        "bot_id": "bot",
        "exchange": "binance",
        "symbol": "BTC/USDT",
        "side": "buy",
        "amount": "1",
        "price": "2",
        "expected_edge_bps": "3",
        "quote": {"bid": "1", "ask": "2", "ts": NOON},
    },
    "order": {"order_id": "{order_id}"},
    "cancel": {"order_id": "{order_id}"},
    "pending": {"bot_id": "bot"},
    "fund": {"amount": "1", "bot_id": "bot", "description": "why"},
    "fills": {"bot_id": "bot", "since": NOON, "until": NOON, "cursor": "9"},
    "audit_trail": {"before": 9},
    "ledger_status": {},
    "portfolio": {},
    "profits": {},
    "countdown": {},
    "breaker": {"bot_id": "bot", "user_id": "ada"},
    "trips": {"bot_id": "bot"},
    "reset": {"reason": "a reason of more", "bot_id": "bot", "user_id": "ada"},
    "trip": {"reason": "a reason of more", "bot_id": "bot", "user_id": "ada"},
    "limits": {"bot_id": "bot"},
    "enter_signal": {
        "strategy_code": "STRATEGY_001",
        "unique_id": "unique_123",
        "signal": "BUY_ENTRY",
        "token": "23",
        "strike_price_token": "45678",
        "strike_data": {"symbol": "NIFTY23DEC23500CE"},
        "allocations": [{"user_id": "1", "qty": 1}],
        "quote": {"ask": "100"},
        "stop_loss": "90",
        "target": "120",
        "description": "why",
    },
    "share_proof": {"signal_execution_id": "{signal_execution_id}", "user_id": "1"},
    "exit_signal": {
        "strategy_code": "STRATEGY_001",
        "unique_id": "unique_123",
        "signal": "BUY_EXIT",
        "token": "23",
        "strike_price_token": "45678",
        "quote": {"bid": "110"},
        "user_ids": ["1"],
        "settlement_price": "0",
    },
    "active_positions": {"strategy_code": "STRATEGY_001", "user_id": "1"},
    "signal_execution": {"signal_execution_id": "{signal_execution_id}"},
    "signal_performance": {
        "strategy_code": "STRATEGY_001",
        "symbol": "NIFTY23DEC23500CE",
        "first": NOON.date(),
        "last": NOON,
        "user_id": "1",
        "after": "0",
    },
    "accounts": {},
    "days": {"number": "{number}", "first": NOON.date(), "last": NOON.date()},
    "day": {"number": "{number}", "day": "{day}"},
    "current": {"number": "{number}"},
    "metrics": {"number": "{number}", "on": NOON.date()},
    "positions": {"number": "{number}", "on": NOON.date()},
    "signatures": {"number": "{number}", "first": NOON.date(), "last": NOON.date()},
    "shown": {"number": "{number}", "before": 9},
    "table": {"number": "{number}", "name": "{name}", "first": NOON.date(), "last": NOON.date()},
    "alerts": {},
    "events": {"after": 9},
    "audit_status": {},
    "audit_checkpoint": {"since": 9},
    "make_audit_checkpoint": {},
    "audit_proof": {"seq": "{seq}"},
    "audit_anchors": {},
    "propose": {
        "kind": "emergency.pause",
        "payload": {"reason": "a key may be lost"},
        "parties": ["customer-17"],
        "travel_rule": {},
    },
    "proposals": {"state": "all", "before": 9},
    "proposal": {"proposal_id": "{proposal_id}"},
    "decide": {"proposal_id": "{proposal_id}", "signer": "treasury", "decision": "approve", "signature": "00"},
    "cancel_proposal": {"proposal_id": "{proposal_id}", "reason": "withdrawn"},
    "end_standing": {"proposal_id": "{proposal_id}", "reason": "the key was lost"},
    "screen_proposal": {"proposal_id": "{proposal_id}"},
    "treasury_queue": {},
    "prepare": {"proposal_id": "{proposal_id}"},
    "signing": {"proposal_id": "{proposal_id}"},
    "add_signature": {
        "proposal_id": "{proposal_id}",
        "blob": "12",
        "xdr": "AA==",
        "account": "r",
        "public_key": "ED",
        "signature": "00",
    },
    "submit_transaction": {"proposal_id": "{proposal_id}"},
    "confirm_transaction": {"proposal_id": "{proposal_id}"},
    "screen": {
        "parties": ["customer-17"],
        "cases": [{"id": "a", "kind": "screen", "party": {"name": "Helena Brightwater"}}],
        "party": {"name": "Helena Brightwater"},
    },
    "sanctions_lists": {},
    "screening": {"screening_id": "{screening_id}"},
    "disposition_bytes": {
        "screening_id": "{screening_id}",
        "verdict": "false_positive",
        "reason": "Born in 1987 by the passport.",
        "entity": "NK-1",
    },
    "dispose": {
        "screening_id": "{screening_id}",
        "verdict": "false_positive",
        "reason": "Born in 1987 by the passport.",
        "entity": "NK-1",
        "signer": "compliance",
        "signature": "00",
    },
    "propose_escrow": {"escrow": {}, "parties": ["house"], "travel_rule": {}},
    "escrows": {"state": "all"},
    "escrow": {"escrow_id": "{escrow_id}"},
    "create_escrow": {"escrow_id": "{escrow_id}"},
    "finish_escrow": {"escrow_id": "{escrow_id}"},
    "cancel_escrow": {"escrow_id": "{escrow_id}", "reason": "not delivered"},
    "dispute_escrow": {"escrow_id": "{escrow_id}", "reason": "not delivered"},
    "resolve_escrow": {"escrow_id": "{escrow_id}", "reason": "delivered"},
    "attest_document": {"escrow_id": "{escrow_id}", "sha256": "ab" * 32, "title": "title deed"},
    "escrow_templates": {},
    "create_bond": {"terms": {}},
    "structure_bond": {"bond_id": "{bond_id}", "structure": {}},
    "submit_bond": {"bond_id": "{bond_id}"},
    "transition_bond": {"bond_id": "{bond_id}", "event": "pause", "reason": "the register is wrong"},
    "bonds": {"state": "Delinquent"},
    "bond_report": {"kind": "{kind}", "bond": "BOND-2026-1", "holder": "ada", "on": "2026-04-02"},
    "bond": {"bond_id": "{bond_id}"},
    "bond_events": {"bond_id": "{bond_id}"},
    "bond_holders": {"bond_id": "{bond_id}", "on": "2026-04-02"},
    "bond_ledger_holders": {"bond_id": "{bond_id}"},
    "transfer_bond": {"bond_id": "{bond_id}", "transfer": {}},
    "bond_cash": {"bond_id": "{bond_id}"},
    "record_receipt": {
        "bond_id": "{bond_id}",
        "tx_hash": "ab" * 32,
        "amount": "150000.00",
        "received_on": "2026-04-01",
        "evidence": "statement.pdf",
        "evidence_sha256": "cd" * 32,
        "reason": "by wire",
    },
    "distribute": {
        "bond_id": "{bond_id}",
        "period": 1,
        "travel_rule": {"originator": {}, "beneficiaries": {}},
        "as_registered": True,
    },
    "distribution": {"distribution_id": "{distribution_id}"},
    "set_aside": {"distribution_id": "{distribution_id}", "payments": [3], "reason": "the account is closed"},
    "release": {
        "distribution_id": "{distribution_id}",
        "payments": [3],
        "reason": "it opened an account",
        "address": "rAddress",
        "travel_rule": {},
    },
    "withdraw_distribution": {"distribution_id": "{distribution_id}", "reason": "computed from wrong inputs"},
    "void_receipt": {"receipt_id": "{receipt_id}", "reason": "of another bond"},
    "signers": {},
    "machines": {},
    "trading_desk": {},
    "dry_run_strategy": {"strategy": {}},
    "start_strategy": {"strategy": {}, "idempotency_key": "sale-1"},
    "halt_strategy": {"strategy_id": "{strategy_id}", "reason": "it was a mistake"},
    "halt_desk": {"reason": "the market is closed"},
    "kill_desk": {"reason": "prices are wrong"},
    "resume_desk": {"reason": "the loss is explained"},
    "strategy": {"strategy_id": "{strategy_id}"},
    "reconciliations": {},
    "reconciliation": {"number": "{number}"},
    "sealed_events": {"first": 9},
}
"""Each method with every argument that it has."""


class Recorder:
    """In place of a session: keeps what would be sent."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.sent: list[tuple[str, str, dict[str, Any]]] = []

    def request(self, method: str, url: str, **more: Any) -> requests.Response:
        self.sent.append((method, urlsplit(url).path, more))
        response = requests.Response()
        response.status_code = 200
        response._content = b"{}"
        return response


@cache
def document() -> dict[str, Any]:
    """The API's OpenAPI document; whoever changes it takes a copy."""
    return make_app(Desk(Database("postgresql://nowhere"))).openapi()


def test_each_endpoint_of_the_document_has_one_method_that_sends_all_that_it_takes() -> None:
    methods = {name for name, _ in inspect.getmembers(Client, inspect.isfunction) if not name.startswith("_")}
    assert methods == {*CALLS, "all_fills"}
    client, recorder = Client("token"), Recorder()
    client._session = recorder  # pyright: ignore[reportAttributeAccessIssue]  # it takes what a session takes
    for name, arguments in CALLS.items():
        getattr(client, name)(**arguments)
    paths = document()["paths"]
    reached = set()
    for name, (verb, path, sent) in zip(CALLS, recorder.sent, strict=True):
        operation = paths[path][verb.lower()]
        reached.add((path, verb.lower()))
        query = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"}
        assert sent.get("params", {}).keys() == query, name
        body = operation.get("requestBody", {"content": {"application/json": {"schema": {"properties": {}}}}})
        fields = set(body["content"]["application/json"]["schema"]["properties"])
        keyed = {"idempotency_key"} if "Idempotency-Key" in sent["headers"] else set()
        assert set(sent.get("json", {})) | keyed == fields, name
        success = next(status for status in operation["responses"] if status.startswith("2"))
        schema = operation["responses"][success]["content"]["application/json"]["schema"]
        hints = get_type_hints(getattr(Client, name))
        assert schema["$ref"] == f"#/components/schemas/{hints['return'].__name__}", name
    assert reached == {(path, verb) for path, verbs in paths.items() for verb in verbs}


def test_the_page_of_a_bots_author_lists_every_endpoint_with_its_method() -> None:
    page = (Path(__file__).parents[2] / "docs" / "bots.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (GET|POST) \| `(.*?)` \| (.*?) \|$", page, re.MULTILINE)
    paths = document()["paths"]
    assert {(path, verb.lower()) for verb, path, _ in rows} == {(path, verb) for path in paths for verb in paths[path]}
    assert {name for *_, names in rows for name in re.findall(r"`(\w+)`", names)} == {*CALLS, "all_fills"}


def checked(answer: object, name: str) -> Any:
    """An answer that has the fields of its type, each of its kind, and no other."""
    components = deepcopy(document()["components"])
    for schema in components["schemas"].values():
        if "properties" in schema:
            schema |= {"additionalProperties": False, "required": [*schema["properties"]]}
    jsonschema_rs.validate({"$ref": f"#/components/schemas/{name}", "components": components}, answer)
    return answer


@pytest.fixture
def bot(server: Server) -> Client:
    return Client(server.client(role="admin").session.headers["Authorization"].split()[1], server.url, now=NOON)


def order(client: Client, market: str = "100", later: float = 20, **more: Any) -> Any:
    """An order in a market of one price, some seconds after the one before."""
    assert client.now is not None
    client.now += timedelta(seconds=later)
    wanted: dict[str, Any] = {"side": "buy", "amount": Decimal(1), "expected_edge_bps": 100} | more
    quote = {"bid": market, "ask": market, "ts": client.now}
    return client.submit("bot", "binance", "BTC/USDT", quote=quote, **wanted)


def test_every_answer_has_the_fields_of_its_type_and_no_other(bot: Client) -> None:
    checked(bot.portfolio(), "PortfolioAnswer")
    checked(bot.countdown(), "CountdownAnswer")
    checked(bot.fund("1000", bot_id="bot", description="to begin with"), "FundingAnswer")
    filled = checked(order(bot), "SubmitAnswer")
    refused = checked(order(bot, expected_edge_bps=None), "SubmitAnswer")
    resting = checked(order(bot, order_type="limit", price="90"), "SubmitAnswer")
    assert [filled["state"], refused["reason_code"], resting["state"]] == ["filled", "edge_missing", "open"]
    checked(bot.pending("bot"), "PendingAnswer")
    assert checked(bot.order(resting["order_id"]), "OrderAnswer")["price"] == "90"
    assert checked(bot.cancel(resting["order_id"]), "OrderAnswer")["state"] == "cancelled"
    order(bot, side="sell")
    checked(bot.portfolio(), "PortfolioAnswer")
    checked(bot.limits(), "LimitsAnswer")
    checked(bot.limits("bot"), "LimitsAnswer")
    checked(bot.breaker("bot"), "BreakerAnswer")
    assert checked(bot.trip("the feed is wrong", bot_id="bot"), "BreakerAnswer")["tripped"]
    checked(bot.reset("the feed is mended", bot_id="bot"), "ResetAnswer")
    assert checked(bot.trips(), "TripsAnswer")["count"] == 1
    checked(bot.profits("weekly"), "ProfitsAnswer")
    checked(bot.countdown("2000"), "CountdownAnswer")
    checked(bot.audit_trail(1000), "AuditTrailAnswer")
    checked(bot.ledger_status(), "LedgerStatusAnswer")
    assert checked(bot.fills(limit=1), "FillsAnswer")["next_cursor"]
    assert [fill["side"] for fill in bot.all_fills(bot_id="bot", since=NOON)] == ["sell", "buy"]


def test_what_may_be_null_or_one_of_several_is_so_in_the_document_too() -> None:
    states = document()["components"]["schemas"]["SubmitAnswer"]["properties"]["state"]["enum"]
    hints = get_type_hints(Client.submit)["return"]
    assert tuple(states) == get_args(get_type_hints(hints)["state"])


@contextmanager
def between(url: str, lost: int) -> Iterator[tuple[str, list[bytes]]]:
    """A way to the server that loses its first answers after the server gave them: its address, and the requests."""
    port, seen = urlsplit(url).port, []

    def carry(taken: socket.socket) -> None:
        with taken:
            request = b""
            while b"\r\n\r\n" not in request:
                request += taken.recv(65536)
            head, _, body = request.partition(b"\r\n\r\n")
            headers = http.client.parse_headers(io.BytesIO(head.partition(b"\r\n")[2] + b"\r\n\r\n"))
            while len(body) < int(headers.get("Content-Length", 0)):
                body += taken.recv(65536)
            seen.append(headers["Idempotency-Key"].encode())
            verb, path, _ = head.split(b"\r\n")[0].decode().split()
            onward = http.client.HTTPConnection("127.0.0.1", port)
            onward.request(verb, path, body, dict(headers))
            answer = onward.getresponse()
            text = answer.read()
            if len(seen) > lost:
                taken.sendall(
                    f"HTTP/1.1 {answer.status} OK\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n".encode()
                    + text
                )

    with socket.create_server(("127.0.0.1", 0)) as listening:

        def take() -> None:
            while True:
                try:
                    carry(listening.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", seen
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_an_order_whose_answers_are_lost_is_asked_for_again_and_trades_once(bot: Client) -> None:
    bot.fund("1000")
    real = bot._url
    with between(real, lost=2) as (url, seen):
        bot._url = url
        answer = order(bot)
    bot._url = real
    assert (len(seen), len(set(seen))) == (3, 1), "three requests with one key"
    assert bot.portfolio()["total_fills"] == 1
    assert bot.order(answer["order_id"])["filled_amount"] == "1"


def test_what_may_not_happen_twice_by_itself_goes_once(bot: Client) -> None:
    with between(bot._url, lost=9) as (url, _):
        bot._url = url
        bot._attempts = 2
        with pytest.raises(requests.ConnectionError):
            order(bot)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        bot._url, bot._timeout = f"http://127.0.0.1:{deaf.getsockname()[1]}", 0.05
        with pytest.raises(requests.Timeout):
            bot.reset("a reason that is long enough", bot_id="bot")
        deaf.accept()[0].close()
        deaf.settimeout(0.2)
        with pytest.raises(TimeoutError):
            deaf.accept()


def test_a_problem_has_its_code_and_each_wrong_field(bot: Client) -> None:
    with pytest.raises(ApiProblem, match="404 order_not_found") as nothing:
        bot.order("00000000-0000-0000-0000-000000000000")
    assert nothing.value.status == 404
    with pytest.raises(ApiProblem) as wrong:
        bot.submit("a bot", "binance", "BTCUSDT", "buy", "0.01")
    assert {each["field"] for each in wrong.value.errors} == {"bot_id", "symbol"}
    bot._session.headers["Authorization"] = "Bearer wrong"
    with pytest.raises(ApiProblem, match="401 unauthorized"):
        bot.limits()


@pytest.mark.parametrize(
    ("amount", "error"), [(0.1, TypeError), (Decimal("1E-9"), None), ("0.000000000000000001", None), (10**18, None)]
)
def test_amounts_go_out_exactly_and_floats_do_not(bot: Client, amount: Any, error: type[Exception] | None) -> None:
    if error:
        with pytest.raises(error, match="exact"):
            bot.fund(amount)
    else:
        assert Decimal(bot.fund(amount)["amount"]) == Decimal(amount)


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        Client("token").fills(since=datetime(2026, 3, 2, tzinfo=UTC).replace(tzinfo=None))
