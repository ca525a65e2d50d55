"""A rippled and a Horizon that answer in the documented shapes, and lie where a test wants it."""

from __future__ import annotations

import json
import re
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.verify.audit_logs import PASSPHRASE, STELLAR_ACCOUNT, XRPL_ACCOUNT, Content, Log

MEMO_TYPE, MEMO_FORMAT = b"fntx/audit/v1".hex().upper(), b"application/octet-stream".hex().upper()


class Ledgers:
    """What the two hold; a test changes it. `xrpl` and `stellar` are their transactions by hash, in order."""

    def __init__(self) -> None:
        self.network_id: int | None = 1
        self.passphrase = PASSPHRASE
        self.xrpl: dict[str, Content] = {}
        self.stellar: dict[str, Content] = {}
        self.operations: dict[str, list[Content]] = {}
        self.searched_all: bool | None = True
        self.elder, self.latest = 1, 10_000
        self.page = 2
        """How many transactions rippled gives at once; Horizon gives 200."""
        self.is_old = False
        """Whether rippled answers in the shapes of API version 1."""

    def anchor_on_xrpl(self, log: Log, size: int, tx_hash: str = "A" * 64, index: int = 2000) -> Content:
        """The entry of a proof file about a true anchor."""
        memo = {"MemoType": MEMO_TYPE, "MemoFormat": MEMO_FORMAT, "MemoData": log.payload(size).hex().upper()}
        sent = {
            "Account": XRPL_ACCOUNT,
            "Amount": "1",
            "Destination": "rPT1Sjq2YGrBMTttX4GZHjKu9dyfzbpAYe",
            "Memos": [{"Memo": memo}],
            "TransactionType": "Payment",
        }
        self.xrpl[tx_hash] = {
            "tx_json": sent,
            "meta": {"TransactionResult": "tesSUCCESS", "delivered_amount": "1"},
            "hash": tx_hash,
            "ledger_index": index,
            "validated": True,
        }
        return log.on_xrpl(size, tx_hash, index)

    def anchor_on_stellar(self, log: Log, size: int, tx_hash: str = "b" * 64, sequence: int = 77) -> Content:
        """The same on Stellar."""
        anchor = log.on_stellar(size, tx_hash, sequence)
        self.stellar[tx_hash] = {
            "hash": tx_hash,
            "successful": True,
            "ledger": sequence,
            "memo_type": "hash",
            "memo": b64encode(log.root(size)).decode(),
            "source_account": STELLAR_ACCOUNT,
            "paging_token": f"{sequence << 32}",
        }
        wrote = {"type": "manage_data", "name": "fntx.audit", "value": anchor["value"]}
        self.operations[tx_hash] = [{**wrote, "source_account": STELLAR_ACCOUNT, "transaction_hash": tx_hash}]
        return anchor

    def rippled(self, method: str, asked: Content) -> Content:
        """The `result` of an answer."""
        if method == "server_info":
            network = {} if self.network_id is None else {"network_id": self.network_id}
            return {"info": {"build_version": "3.1.0", **network}, "status": "success"}
        if method == "account_tx":
            found = [each for each in self.xrpl.values() if asked["account"] in json.dumps(each["tx_json"])]
            start = int(asked.get("marker", 0))
            more = {"marker": f"{start + self.page}"} if start + self.page < len(found) else {}
            rows = [self._shaped(each, "tx") for each in found[start : start + self.page]]
            return {"account": asked["account"], "transactions": rows, "status": "success", **more}
        found = self.xrpl.get(asked["transaction"])
        if found is None:
            searched = {} if self.searched_all is None else {"searched_all": self.searched_all}
            return {"status": "error", "error": "txnNotFound", "error_code": 29, "request": asked, **searched}
        return {**self._shaped(found, None), "status": "success"}

    def horizon(self, path: str, query: dict[str, list[str]]) -> Content | None:
        """An answer; None: 404."""
        if path == "/":
            ledgers = {"history_latest_ledger": self.latest, "history_elder_ledger": self.elder}
            return {"network_passphrase": self.passphrase, **ledgers}
        if match := re.fullmatch(r"/transactions/([0-9a-f]{64})(/operations)?", path):
            if match[1] not in self.stellar:
                return None
            return _page(self.operations[match[1]]) if match[2] else self.stellar[match[1]]
        if re.fullmatch(r"/accounts/G[A-Z2-7]{55}/transactions", path):
            since = int(query.get("cursor", ["0"])[0])
            return _page([each for each in self.stellar.values() if int(each["paging_token"]) > since][:200])
        return None

    def _shaped(self, found: Content, name: str | None) -> Content:
        if not self.is_old:
            return found
        rest = {key: found[key] for key in ("meta", "validated")}
        sent = {**found["tx_json"], "hash": found["hash"], "ledger_index": found["ledger_index"]}
        return {**rest, name: sent} if name else {**rest, **sent}


@contextmanager
def served(ledgers: Ledgers) -> Iterator[str]:
    """Both on one port of loopback: rippled under any path by POST, Horizon by GET."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(200, {"result": ledgers.rippled(asked["method"], asked["params"][0])})

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            answer = ledgers.horizon(url.path, parse_qs(url.query))
            self._answer(404 if answer is None else 200, answer or {"title": "Resource Missing", "status": 404})

        def do_OPTIONS(self) -> None:
            self._answer(200, {})

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is printed."""

        def _answer(self, status: int, content: Content) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", f"{len(body)}")
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Access-Control-Allow-Headers", "*")
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _page(found: list[Content]) -> Content:
    return {"_links": {"self": {"href": ""}}, "_embedded": {"records": found}}
