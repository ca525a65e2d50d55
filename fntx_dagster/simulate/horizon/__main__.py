"""A simulated Horizon as a process: `python -m fntx_dagster.simulate.horizon --address FILE --state world.jsonl`.

It runs until it gets SIGTERM or SIGINT. It prints nothing: `--address FILE` is where it writes its address, once it
serves.
"""

from __future__ import annotations

import argparse
from decimal import Decimal
from pathlib import Path

from fntx_dagster.simulate.horizon.entries import AccountEntry
from fntx_dagster.simulate.horizon.network import TESTNET, StellarNetwork
from fntx_dagster.simulate.horizon.refusing import stroops
from fntx_dagster.simulate.horizon.server import serve_horizon
from fntx_dagster.simulate.loopback import serve_until_ended


def main() -> None:
    """Serve until the process is asked to end."""
    parser = argparse.ArgumentParser(prog="python -m fntx_dagster.simulate.horizon", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--address", type=Path, required=True, help="the file that gets the address")
    parser.add_argument("--state", type=Path, help="the file that keeps the ledger; without it, it is in memory")
    parser.add_argument("--passphrase", default=TESTNET)
    parser.add_argument("--fund", action="append", default=[], metavar="ADDRESS=LUMENS", help="where there is none yet")
    parser.add_argument("--closes-every", type=float, default=1.0, help="seconds; 0: with every transaction")
    parser.add_argument("--wait", type=float, default=30.0, help="seconds that a POST waits for its ledger")
    parser.add_argument("--faults", action="store_true", help="serve /simulated/…, which breaks things on demand")
    given = parser.parse_args()
    network = StellarNetwork(given.passphrase, world=given.state)
    for each in given.fund:
        address, _, lumens = each.partition("=")
        if address not in network.accounts:
            network.give(AccountEntry(address, stroops(Decimal(lumens)), network.last.sequence << 32))
    serving = serve_horizon(
        network, port=given.port, closes_every=given.closes_every, wait_seconds=given.wait, with_faults=given.faults
    )
    serve_until_ended(serving, given.address)


if __name__ == "__main__":
    main()
