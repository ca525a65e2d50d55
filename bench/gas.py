"""What the contracts cost in gas, and what a post costs in time, on a fresh embedded chain: `python bench/gas.py`."""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

started = time.perf_counter()

from fntx_dagster.chain.client import Chain, connect  # noqa: E402 - the import is part of what is measured
from fntx_dagster.chain.sender import post  # noqa: E402
from fntx_dagster.settings import Settings  # noqa: E402

DAY = date(2025, 7, 1)
SCHEMA = b"\x11" * 32
ROOT = b"\xff" * 32  # no zero byte: the dearest calldata
POSTS = 20


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        with connect(settings) as chain:
            _say("import, new chain, deployment", f"{time.perf_counter() - started:.2f} s")
            for number, contract in ((1, "FNTX"), (2, "TrackRecord")):
                _say(f"deploy {contract}", f"{_gas_of_block(chain, number):,} gas")
            before = time.perf_counter()
            trader = chain.trader("U0000001")
            _say("fund a trader (3 transactions)", f"{time.perf_counter() - before:.2f} s")
            _say("post with a new schema", f"{post(chain, trader, DAY, SCHEMA, ROOT).gas_used:,} gas")
            before = time.perf_counter()
            used = [post(chain, trader, DAY + timedelta(1 + n), SCHEMA, ROOT).gas_used for n in range(POSTS)]
            _say("post", f"{min(used):,} to {max(used):,} gas")
            _say("post, mined and read back", f"{(time.perf_counter() - before) / POSTS * 1000:.0f} ms")
        before = time.perf_counter()
        with connect(settings):
            _say("connect to an existing chain", f"{(time.perf_counter() - before) * 1000:.0f} ms")


def _gas_of_block(chain: Chain, number: int) -> int:
    return chain.web3.eth.get_block(number)["gasUsed"]


def _say(what: str, figure: str) -> None:
    sys.stdout.write(f"{what:32}{figure}\n")


if __name__ == "__main__":
    main()
