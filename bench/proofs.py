"""How long 1,000 records take to build, to disclose and to verify: `python bench/proofs.py`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from eth_account import Account
from measuring import clocked

from fntx_dagster.adapters.evm.embedded import EmbeddedProvider
from fntx_dagster.metrics.catalogue import CATALOGUE, CATALOGUES
from fntx_dagster.proof.disclosure import check, disclose, parse
from fntx_dagster.proof.record import build_record
from fntx_dagster.proof.salts import SaltForm
from tests.verify.conftest import KEY, SECRET, Node
from verify import verify as script

RECORDS = 1000
VALUES = {metric.index: 10**10 + metric.index for metric in CATALOGUE.metrics if metric.name != "base_currency"}
FIRST = date(2020, 1, 1)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        account = Account.from_key(KEY)
        provider = EmbeddedProvider(Path(folder) / "chain.sqlite", account.address)
        node = Node(provider, account)
        days = [FIRST + timedelta(n) for n in range(RECORDS)]
        records = _timed(
            "build",
            lambda: [
                build_record(node.context(day), "U0000001", VALUES, SECRET, salt_form=SaltForm.RECORD) for day in days
            ],
        )
        _timed(
            "post, 150 days a transaction", lambda: [node.post(records[n : n + 150]) for n in range(0, RECORDS, 150)]
        )
        texts = _timed("disclose one metric", lambda: [disclose(record, CATALOGUE, ["net_pnl"]) for record in records])
        parsed = _timed("parse", lambda: [parse(text, CATALOGUES) for text in texts])
        _timed("check against the root", lambda: [check(shown, shown.root) for shown in parsed])
        _timed("verify.py, without a node", lambda: [script.verify(text) for text in texts])
        _timed("the contract's verifyMetric, by eth_call", lambda: [_asked(node, record) for record in records])
        provider.close()


def _asked(node: Node, record) -> bool:
    number = int(record.context.day.strftime("%Y%m%d"))
    arguments = (node.trader, number, 1, 13, record.values[13], record.salts[13], list(record.proof(13)))
    return node.record.functions.verifyMetric(*arguments).call()


def _timed(what: str, work: Callable[[], list]) -> list:
    done, seconds = clocked(work)
    sys.stdout.write(f"{what:44}{seconds:8.2f} s for {RECORDS:,}\n")
    return done


if __name__ == "__main__":
    main()
