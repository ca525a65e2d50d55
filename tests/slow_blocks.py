"""The embedded chain behind a URL, with a block time: what is sent waits until a block is made, as on a public chain.

    python -m tests.slow_blocks CHAIN_FILE DEPLOYER SECONDS

serves it as a process of its own and writes the URL. Every so many seconds what waits is mined, one block for each
transaction. The methods that a node was asked, and how often, are the last line, written when standard input ends.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eth.vm.forks.cancun.transactions import CancunTransactionBuilder
from eth_utils.address import to_checksum_address
from web3.types import RPCEndpoint, RPCResponse

from fntx_dagster.adapters.evm.embedded import EmbeddedProvider
from fntx_dagster.adapters.evm.served import AnsweringNode, serve

ROOT = Path(__file__).parents[1]


class SlowProvider(EmbeddedProvider):
    """A chain that mines what waits in `mine`, and nothing else."""

    def __init__(self, file: Path, deployer: str) -> None:
        super().__init__(file, deployer, is_made=True)
        self._waiting: dict[str, tuple[str, int, Any]] = {}
        """Hash → sender, nonce and the parameters of what waits, in the order in which it came."""
        self._order = threading.Lock()

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        if method == "eth_sendRawTransaction":
            return self._take(params)
        answer = super().make_request(method, params)
        with self._order:
            if method == "eth_getTransactionCount" and params[1] == "pending":
                answer["result"] = answer.get("result", 0) + sum(
                    sender == params[0] for sender, _, _ in self._waiting.values()
                )
            elif method == "eth_getTransactionByHash" and answer.get("result") is None and params[0] in self._waiting:
                sender, nonce, _ = self._waiting[params[0]]
                answer["result"] = {"hash": params[0], "nonce": nonce, "from": sender}
        return answer

    def mine(self) -> None:
        """Make the blocks of what waits."""
        with self._order:
            waiting, self._waiting = self._waiting, {}
            for _, _, params in waiting.values():
                super().make_request(RPCEndpoint("eth_sendRawTransaction"), params)

    def _take(self, params: Any) -> RPCResponse:
        raw = params[0] if isinstance(params[0], bytes) else bytes.fromhex(params[0].removeprefix("0x"))
        transaction = CancunTransactionBuilder().decode(raw)
        reference = f"0x{transaction.hash.hex()}"
        with self._order:
            if reference in self._waiting:
                return self._error(-32000, "already known")
            self._waiting[reference] = (to_checksum_address(transaction.sender), transaction.nonce, params)
        return {"jsonrpc": "2.0", "id": 0, "result": reference}


@contextmanager
def served(file: Path, deployer: str, seconds: float) -> Iterator[tuple[str, Counter[str]]]:
    """The URL of a process that serves the chain in `file` so, and what it was asked, which is there afterwards."""
    command = [sys.executable, "-m", "tests.slow_blocks", str(file), deployer, f"{seconds}"]
    asked: Counter[str] = Counter()
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield process.stdout.readline().strip(), asked
        finally:
            process.stdin.close()
            asked.update(json.loads(process.stdout.readline() or "{}"))


def main(file: str, deployer: str, seconds: str) -> None:
    provider, ended = SlowProvider(Path(file), deployer), threading.Event()
    asked: Counter[str] = Counter()
    answer = AnsweringNode.answer

    def counting(node: AnsweringNode, body: bytes) -> Any:
        requests = json.loads(body)
        asked.update(each["method"] for each in (requests if isinstance(requests, list) else [requests]))
        asked["bodies"] += 1
        return answer(node, body)

    AnsweringNode.answer = counting  # pyright: ignore[reportAttributeAccessIssue]  # another name for `self`

    def mine() -> None:
        while not ended.wait(float(seconds)):
            provider.mine()

    miner = threading.Thread(target=mine)
    with serve(provider) as url:
        miner.start()
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        sys.stdin.read()
        ended.set()
        miner.join()
    provider.close()
    sys.stdout.write(f"{json.dumps(asked)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
