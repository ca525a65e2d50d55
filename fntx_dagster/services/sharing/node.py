"""The owner's own node, for readers of a link to records on the embedded chain: a few questions, nothing else.

It answers what the strangers' page asks, about the contract of the records and that of their attestations. What it
says, its owner says: a page that asks it must say so.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from fntx_dagster.adapters.evm.attestations import attestations_address
from fntx_dagster.adapters.evm.client import Chain
from fntx_dagster.services.chain_of import connect
from fntx_dagster.settings import Settings

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.served import AnsweringNode

LARGEST_QUESTION = 50_000
"""Bytes: the longest that a page asks, of what a witness says of 250 days, is some 48,700."""

_ASKED = {
    "eth_chainId": 0,
    "eth_blockNumber": 0,
    "eth_getCode": 2,
    "eth_call": 2,
    "eth_getLogs": 1,
    "eth_getTransactionReceipt": 1,
    "eth_getBlockByHash": 2,
    "eth_getBlockByNumber": 2,
}
"""Method → how many parameters it takes here."""


class OwnNode:
    """The embedded chain of some settings, opened when it is asked first."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opening = threading.Lock()
        self._chain: Chain | None = None
        self._node: AnsweringNode | None = None

    @property
    def is_there(self) -> bool:
        """Whether there is an embedded chain: none is made for who asks."""
        return self._settings.chain.rpc_url is None and (self._settings.paths.chain / "contracts.json").exists()

    def answer(self, body: bytes) -> bytes:
        """The answer (JSON) to one question (JSON-RPC). What it does not answer is an error in JSON-RPC's form."""
        try:
            question = json.loads(body) if len(body) <= LARGEST_QUESTION and body.count(b"[") < 20 else None
        except (ValueError, RecursionError):
            question = None
        if not self.is_there or not isinstance(question, dict):
            return _error(-32600, "not a question that this node answers")
        chain, node = self._opened()
        method, params = question.get("method"), question.get("params") or []
        takes = _ASKED.get(method) if isinstance(method, str) else None
        if not isinstance(params, list) or len(params) != takes:
            return _error(-32601, "this node answers what the page of a link asks, and nothing else")
        if method in ("eth_call", "eth_getCode", "eth_getLogs"):
            params = _about((chain.contract, attestations_address(chain.contract)), method, params[0])
            if params is None:
                return _error(-32601, "this node answers about the contract of the records, and no other")
        asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return json.dumps(node.answer(json.dumps(asked).encode())).encode("ascii")

    def close(self) -> None:
        """Close the chain, if it was asked."""
        with self._opening:
            if self._node is not None and self._chain is not None:
                self._node.close()
                self._chain.close()
            self._chain = self._node = None

    def _opened(self) -> tuple[Chain, AnsweringNode]:
        with self._opening:
            if self._chain is None or self._node is None:
                from fntx_dagster.adapters.evm.embedded import EmbeddedProvider  # these import web3 at the top
                from fntx_dagster.adapters.evm.served import AnsweringNode

                self._chain = connect(self._settings)
                provider = self._chain.web3.provider
                assert isinstance(provider, EmbeddedProvider)
                self._node = AnsweringNode(provider)
            return self._chain, self._node


def _about(contracts: tuple[str, str], method: str, asked: Any) -> list[Any] | None:
    """The parameters of a question about one of the contracts, and nothing in them that was not checked; None for
    another. Events are answered of the second alone."""
    records, attestations = contracts
    given = asked if isinstance(asked, dict) else {"to": asked}
    address = f"{given.get('address' if method == 'eth_getLogs' else 'to')}".lower()
    contract = {records.lower(): records, attestations.lower(): attestations}.get(address)
    if contract is None:
        return None
    if method == "eth_getCode":
        return [contract, "latest"]
    if method == "eth_call":
        return [{"to": contract, "data": f"{given.get('data', '0x')}"}, "latest"]
    topics = given.get("topics")
    if contract != attestations or not isinstance(topics, list) or not 3 <= len(topics) <= 4:
        return None
    chosen = [None if topic is None else f"{topic}" for topic in topics]
    return [{"address": contract, "fromBlock": "0x0", "toBlock": "latest", "topics": chosen}]


def _error(code: int, message: str) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message}}).encode("ascii")
