"""A simulated Horizon as a process: `python -m fntx_dagster.simulate.horizon --port 8000 --world world.jsonl`.

It runs until it gets SIGTERM or SIGINT. Its address is written to the file of `--address`, which appears when it
serves. It prints nothing.
"""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from fntx_dagster.simulate.horizon.network import TESTNET, StellarNetwork
from fntx_dagster.simulate.horizon.server import serve_horizon


def main(arguments: list[str] | None = None) -> None:
    """Serve until a signal ends it."""
    options = _parser().parse_args(arguments)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    network = StellarNetwork(options.passphrase, world=options.world)
    with serve_horizon(
        network,
        port=options.port,
        close_every=options.close_every,
        wait_seconds=options.wait,
        with_faults=options.faults,
    ) as server:
        if options.address:
            partial = options.address.with_suffix(".partial")
            partial.write_text(server.url)
            partial.rename(options.address)
        ended.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fntx_dagster.simulate.horizon", description="A Horizon on loopback.")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--address", type=Path, help="a file that gets the address when it serves")
    parser.add_argument("--world", type=Path, help="a file that the ledger lives in; without one it is forgotten")
    parser.add_argument("--passphrase", default=TESTNET)
    parser.add_argument("--close-every", type=float, default=1.0, help="seconds; 0: with every transaction")
    parser.add_argument("--wait", type=float, default=30.0, help="seconds that a POST waits for its ledger")
    parser.add_argument("--faults", action="store_true", help="serve /simulated/…, which breaks things on demand")
    return parser


if __name__ == "__main__":
    main()
