"""`python -m fntx_dagster.simulate.xrpl`: the ledger as a process of its own, until it gets SIGTERM or SIGINT.

It prints nothing: `--address FILE` is where it writes the address at which it listens, once it does.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fntx_dagster.simulate.loopback import serve_until_ended
from fntx_dagster.simulate.xrpl.ledger import new_ledger
from fntx_dagster.simulate.xrpl.server import serve_xrpl
from fntx_dagster.simulate.xrpl.view import NetworkRules


def main() -> None:
    """Serve until the process is asked to end."""
    parser = argparse.ArgumentParser(prog="python -m fntx_dagster.simulate.xrpl", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--address", type=Path, required=True, help="the file that gets the address")
    parser.add_argument("--state", type=Path, help="the file that keeps the ledger; without it, it is in memory")
    parser.add_argument("--network-id", type=int, default=1)
    parser.add_argument("--fund", action="append", default=[], metavar="ACCOUNT=DROPS")
    parser.add_argument("--closes-every", type=float, help="seconds; without it, by ledger_accept alone")
    parser.add_argument("--faults", action="store_true", help="let the request `fault` plan what goes wrong")
    given = parser.parse_args()
    funded = dict(each.split("=", 1) for each in given.fund)
    ledger = new_ledger({account: int(drops) for account, drops in funded.items()}, NetworkRules(given.network_id))
    serving = serve_xrpl(
        ledger, file=given.state, port=given.port, closes_every=given.closes_every, faults=given.faults
    )
    serve_until_ended(serving, given.address)


if __name__ == "__main__":
    main()
