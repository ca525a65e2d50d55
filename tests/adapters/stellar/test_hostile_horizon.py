"""A Horizon that answers anything: what is read is right or an error in our words, and nothing is decided by it."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stellar_sdk import BumpSequence

from fntx_dagster.adapters.stellar.connection import LARGEST, HorizonConnection
from fntx_dagster.adapters.stellar.horizon import Horizon
from fntx_dagster.adapters.stellar.states import Meaning
from fntx_dagster.adapters.stellar.submitting import outcome_of, submit, submit_without_waiting
from fntx_dagster.errors import FntxError, Transient
from fntx_dagster.simulate.horizon.network import TESTNET
from fntx_dagster.simulate.horizon.server import serve_horizon
from tests.simulate.horizon.parts import HOLDER, ISSUER, USD, Desk, line

DIGEST = "ab" * 32


class _Liar(http.server.BaseHTTPRequestHandler):
    """Answers with what the test says: status, headers, and pieces of a body with a pause between them."""

    says: tuple[int, dict[str, str], list[bytes], float] = (200, {}, [b"{}"], 0)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        status, headers, pieces, pause = self.says
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            for piece in pieces:
                self.wfile.write(piece)
                self.wfile.flush()
                time.sleep(pause)
        except OSError:
            pass

    do_POST = do_GET


@contextmanager
def lying(status: int, *pieces: bytes, pause: float = 0, **headers: str) -> Iterator[Horizon]:
    """A client of a server that says this to everything."""
    handler = type("Handler", (_Liar,), {"says": (status, headers, list(pieces), pause)})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    connection = HorizonConnection(f"http://127.0.0.1:{server.server_address[1]}", timeout=1, post_timeout=0.5)
    try:
        yield Horizon(connection, TESTNET)
    finally:
        connection.close()
        server.shutdown()
        server.server_close()
        thread.join()


def undecided(horizon: Horizon) -> None:
    """Whatever it says, nothing is confirmed, failed or expired, and every question ends in our error."""
    assert outcome_of(horizon, DIGEST, 1).state == "unknown"
    for send in (submit, submit_without_waiting):
        assert send(horizon, "AAAA").meaning is Meaning.UNKNOWN
    for ask in (horizon.check_network, horizon.last_ledger, lambda: horizon.fee(100)):
        with pytest.raises(FntxError):
            ask()
    with pytest.raises(FntxError):
        horizon.account(HOLDER.public_key)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"null", b"[]", b"1e999", b"[" * 200_000, b'{"a":' * 100_000, b"9" * 10_000, b"\xff\xfe", b"{}"],
)
@pytest.mark.parametrize("status", [200, 404, 400, 302, 600])
def test_an_answer_that_is_none_decides_nothing(status: int, body: bytes) -> None:
    with lying(status, body, Location="http://127.0.0.1:1/elsewhere") as horizon:
        undecided(horizon)


def test_a_redirection_is_not_followed() -> None:
    desk = Desk()
    with serve_horizon(desk.network) as server, lying(302, b"", Location=f"{server.url}/ledgers") as horizon:
        undecided(horizon)
        assert server.requests == []


def test_an_answer_without_end_is_left() -> None:
    endless = [b" " * 65536] * (LARGEST // 65536 + 20)
    with lying(200, *endless) as horizon, pytest.raises(Transient, match="does not answer"):
        horizon.last_ledger()
    with lying(200, *[b" "] * 100, pause=0.1) as horizon:
        begun = time.monotonic()
        assert submit(horizon, "AAAA").meaning is Meaning.UNKNOWN
        assert time.monotonic() - begun < 5


def test_a_transaction_that_is_another_than_asked_for_is_not_believed() -> None:
    desk = Desk(holder=line())
    envelope = desk.build(HOLDER, BumpSequence(0))
    envelope.sign(HOLDER)
    assert desk.submit(envelope).code == "tx_success"
    document = desk.routes.get(f"/transactions/{envelope.hash_hex()}", {}).document
    with lying(200, json.dumps(document).encode()) as horizon:
        assert outcome_of(horizon, envelope.hash_hex(), 1).state == "confirmed"
        assert outcome_of(horizon, DIGEST, 1).state == "unknown"


_leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.lists(st.integers(), max_size=2)
)


@given(st.data())
def test_a_document_with_any_field_replaced_is_read_or_refused_in_our_words(data: st.DataObject) -> None:
    desk = Desk(holder=line(7), issuer={"flags": 11})
    answers = {
        "account": desk.routes.get(f"/accounts/{HOLDER.public_key}", {}).document,
        "ledger": desk.routes.get("/ledgers", {"order": "desc", "limit": "1"}).document,
        "assets": desk.routes.get("/assets", {}).document,
        "fees": desk.routes.get("/fee_stats", {}).document,
    }
    kind = data.draw(st.sampled_from(sorted(answers)))
    document: Any = answers[kind]
    holder, key = document, data.draw(st.sampled_from(sorted(document)))
    for _ in range(data.draw(st.integers(0, 4))):
        inner = holder[key]
        if not isinstance(inner, dict | list) or not inner:
            break
        holder, key = inner, data.draw(st.sampled_from(sorted(inner) if isinstance(inner, dict) else range(len(inner))))
    holder[key] = data.draw(_leaves)
    connection = HorizonConnection("http://127.0.0.1:1")
    horizon = Horizon(connection, TESTNET)
    connection.get = lambda path, **query: json.loads(json.dumps(document))
    asks: dict[str, Any] = {
        "account": lambda: horizon.account(HOLDER.public_key),
        "ledger": horizon.last_ledger,
        "assets": lambda: horizon.supply(USD.code, ISSUER.public_key),
        "fees": lambda: horizon.fee(100),
    }
    words = "about 127.0.0.1:1"
    try:
        asks[kind]()
    except FntxError as error:
        words = str(error)
    connection.close()
    assert "127.0.0.1:1" in words or "base fee" in words
