"""The ledgers of `fntx demo --treasury`: simulated servers of the XRP Ledger and of Stellar as processes of their own,
asked by the addresses that real ones would have, and ended by their process ids."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.simulate.treasury import AccountsOnStellar, AccountsOnXrpl, write_stellar, write_xrpl

_CLOSES_EVERY = "0.3"
_STARTS_WITHIN = 30
_ANSWERS_WITHIN = 10


class DemoLedgers(NamedTuple):
    """Where the servers listen."""

    xrpl: str
    horizon: str

    def held_on_xrpl(self, holder: str, issuer: str) -> str:
        """How many tokens of an issuer's an account holds, as the ledger's server says."""
        params = {"account": holder, "peer": issuer, "ledger_index": "validated"}
        body = json.dumps({"method": "account_lines", "params": [params]}).encode()
        [line] = _answer(urllib.request.Request(self.xrpl, body))["result"]["lines"]
        return line["balance"]

    def held_on_stellar(self, holder: str, code: str) -> str:
        """How much of an asset an account holds, as Horizon says."""
        balances = _answer(urllib.request.Request(f"{self.horizon}/accounts/{holder}"))["balances"]
        [balance] = [each["balance"] for each in balances if each.get("asset_code") == code]
        return balance


@contextmanager
def ledgers(
    folder: Path, xrpl: AccountsOnXrpl, network_id: int, stellar: AccountsOnStellar, passphrase: str
) -> Iterator[DemoLedgers]:
    """Both ledgers with a treasury's accounts, until the block ends."""
    folder.mkdir(parents=True)
    states = {"xrpl": folder / "xrpl.json", "horizon": folder / "stellar.jsonl"}
    write_xrpl(states["xrpl"], xrpl, network_id)
    write_stellar(states["horizon"], stellar, passphrase)
    more = {"xrpl": ["--network-id", str(network_id)], "horizon": ["--passphrase", passphrase]}
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, state in states.items():
            arguments = ["--address", str(folder / f"{name}.url"), "--state", str(state)]
            arguments += ["--closes-every", _CLOSES_EVERY, *more[name]]
            processes[name] = subprocess.Popen(
                [sys.executable, "-m", f"fntx_dagster.simulate.{name}", *arguments], stdin=subprocess.DEVNULL
            )
        urls = {name: _address(folder / f"{name}.url", process) for name, process in processes.items()}
        yield DemoLedgers(**urls)
    finally:
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            process.wait()


def _address(file: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + _STARTS_WITHIN
    while not file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise Permanent(f"the simulated server of {file.stem} did not start", "Run the demo again")
        time.sleep(0.02)
    return file.read_text(encoding="utf-8")


def _answer(request: urllib.request.Request) -> Any:
    try:
        with urllib.request.urlopen(request, timeout=_ANSWERS_WITHIN) as response:
            return json.load(response)
    except (OSError, ValueError) as error:
        raise Permanent(f"{request.full_url} did not answer: {error}", "Run the demo again") from None
