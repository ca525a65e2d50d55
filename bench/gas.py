"""What the contracts cost in gas, and what a post costs in time, on a fresh embedded chain: `python bench/gas.py`."""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

started = time.perf_counter()

from fntx_dagster.adapters.evm.anchors import AnchorBook, deploy_anchor  # noqa: E402
from fntx_dagster.adapters.evm.client import Chain, connect  # noqa: E402
from fntx_dagster.adapters.evm.commitments import CommitmentBook, deploy_commitments  # noqa: E402
from fntx_dagster.adapters.evm.keys import Signer, deployer_of  # noqa: E402
from fntx_dagster.adapters.evm.reader import yyyymmdd  # noqa: E402
from fntx_dagster.adapters.evm.transactions import transact  # noqa: E402
from fntx_dagster.settings import Settings  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.contracts.chains import InMemory  # noqa: E402
from tests.contracts.costs import costs  # noqa: E402

SCHEMA = b"\x11" * 32
ROOT, OTHER_ROOT = b"\xff" * 32, b"\xfe" * 32  # no zero byte: the dearest calldata
POSTS = 20


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        with connect(settings) as chain:
            _say("import, new chain, deployment", f"{time.perf_counter() - started:.2f} s")
            for number, contract in ((1, "FNTX"), (2, "TrackRecord")):
                _say(f"deploy {contract}", f"{chain.web3.eth.get_block(number).get('gasUsed', 0):,} gas")
            before = time.perf_counter()
            trader = chain.trader("U0000001")
            _say("fund a trader (3 transactions)", f"{time.perf_counter() - before:.2f} s")
            _posts(chain, trader)
            _batches(chain, trader)
            _amendments(chain, trader)
            _reading(chain, trader)
            _commitments(chain, trader, settings)
            _anchors(chain, trader, settings)
        _pools()
        before = time.perf_counter()
        with connect(settings):
            _say("connect to an existing chain", f"{(time.perf_counter() - before) * 1000:.0f} ms")


def _posts(chain: Chain, trader: Signer) -> None:
    days = _sessions(date(2025, 6, 30), POSTS + 1)
    _say("post with a new schema", f"{_post(chain, trader, days[0]):,} gas")
    before = time.perf_counter()
    used = {day: _post(chain, trader, day) for day in days[1:]}
    first, later = ([used[day] for day in used if (day.weekday() == 0) is is_first] for is_first in (True, False))
    _say("post, first of its week", f"{max(first):,} gas")
    _say("post, another of the week", f"{max(later):,} gas")
    _say("post, average", f"{sum(used.values()) / len(used):,.0f} gas")
    _say("post, mined", f"{(time.perf_counter() - before) / POSTS * 1000:.0f} ms")


def _batches(chain: Chain, trader: Signer) -> None:
    for count, first in ((100, date(2024, 1, 1)), (150, date(2024, 7, 1))):
        days = [yyyymmdd(day) for day in _sessions(first, count)]
        before = time.perf_counter()
        used = _send(chain, trader, "postDailyRecords", SCHEMA, days, [ROOT] * count)
        seconds = time.perf_counter() - before
        _say(f"batch of {count} sessions", f"{used:,} gas, {used / count:,.0f} a day, {seconds:.2f} s")


def _amendments(chain: Chain, trader: Signer) -> None:
    for length in (32, 256):
        day = yyyymmdd(date(2024, 1, 1) + timedelta(length % 5))
        used = _send(chain, trader, "amendDailyRecord", day, ROOT, SCHEMA, OTHER_ROOT, "x" * length)
        _say(f"amend, reason of {length} bytes", f"{used:,} gas")


def _reading(chain: Chain, trader: Signer) -> None:
    """Calls: they cost gas in no transaction, but a node may cap what a call uses."""
    functions = chain.track_record.functions
    history = functions.history(trader.address, 20240101, 20241231)
    before = time.perf_counter()
    days = len(history.call())
    seconds = time.perf_counter() - before
    _say(f"history of a year, {days} days", f"{history.estimate_gas():,} gas as a call, {seconds:.2f} s")
    proof = [ROOT] * 6
    verify = functions.verifyMetric(trader.address, 20240101, 1, 5, 1, SCHEMA, proof)
    _say("verifyMetric", f"{verify.estimate_gas():,} gas as a call")


def _commitments(chain: Chain, trader: Signer, settings: Settings) -> None:
    """Of signals, in SignalCommitments."""
    deploy_commitments(chain, deployer_of(settings.paths.keys))
    newest = chain.web3.eth.get_block("latest").get("gasUsed", 0)
    _say("deploy SignalCommitments", f"{newest:,} gas")
    contract = CommitmentBook(chain.web3, chain.chain_id).commitments

    def commit(first: int, count: int) -> int:
        data = contract.encode_abi("commit", args=[SCHEMA, first, [ROOT] * count])
        return transact(chain.web3, trader, {"to": contract.address, "data": data})["gasUsed"]

    _say("commit a first of a strategy", f"{commit(0, 1):,} gas")
    used = [commit(number, 1) for number in range(1, 9)]
    _say("commit a signal, average", f"{sum(used) / len(used):,.0f} gas, {max(used):,} at most")
    _say("commit 150 signals", f"{commit(9, 150) / 150:,.0f} gas each")


def _anchors(chain: Chain, trader: Signer, settings: Settings) -> None:
    """Of audit logs, in AuditAnchor."""
    deploy_anchor(chain, deployer_of(settings.paths.keys))
    contract = AnchorBook(chain.web3, chain.chain_id).anchor
    for which, size in (("first", 8), ("later", 2**20)):
        data = contract.encode_abi("post", args=[ROOT, size, ROOT])
        used = transact(chain.web3, trader, {"to": contract.address, "data": data})["gasUsed"]
        _say(f"anchor an audit log, {which}", f"{used:,} gas")


def _pools() -> None:
    """Of encrypted figures, in Aggregator; 2 of 3 trustees."""
    for what, used in costs(InMemory()).items():
        _say(f"pool: {what}", f"{used:,} gas")


def _post(chain: Chain, trader: Signer, day: date) -> int:
    return _send(chain, trader, "postDailyRecord", yyyymmdd(day), SCHEMA, ROOT)


def _send(chain: Chain, trader: Signer, function: str, *arguments: Any) -> int:
    """Send to TrackRecord; the gas used."""
    data = chain.track_record.encode_abi(function, args=arguments)
    return transact(chain.web3, trader, {"to": chain.contract, "data": data})["gasUsed"]


def _sessions(first: date, count: int) -> list[date]:
    days = (first + timedelta(n) for n in range(2 * count + 2))
    return [day for day in days if day.weekday() < 5][:count]


def _say(what: str, figure: str) -> None:
    sys.stdout.write(f"{what:32}{figure}\n")


if __name__ == "__main__":
    main()
