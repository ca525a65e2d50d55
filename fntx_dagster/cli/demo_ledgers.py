"""The ledgers of `fntx demo --treasury`: simulated servers of the XRP Ledger and of Stellar as processes of their own,
asked by the addresses that real ones would have, and ended by their process ids."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.simulate.treasury import AccountsOnStellar, write_stellar

_CLOSES_EVERY = "0.3"
_DROPS = 1_000_000_000
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
    folder: Path, funded: Collection[str], network_id: int, stellar: AccountsOnStellar, passphrase: str
) -> Iterator[DemoLedgers]:
    """Both ledgers, until the block ends; `funded` accounts have XRP."""
    folder.mkdir(parents=True)
    world = folder / "stellar.jsonl"
    write_stellar(world, stellar, passphrase)
    fund = [word for each in funded for word in ("--fund", f"{each}={_DROPS}")]
    more = {
        "xrpl": ["--network-id", str(network_id), *fund],
        "horizon": ["--passphrase", passphrase, "--state", str(world)],
    }
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, own in more.items():
            arguments = ["--address", str(folder / f"{name}.url"), "--closes-every", _CLOSES_EVERY, *own]
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


def open_line(url: str, seed_file: Path, issuer: str, currency: str, limit: str) -> None:
    """Let the owner of an account open a line with his own wallet, in a process of his own."""
    command = [sys.executable, "-m", "fntx_dagster.simulate.customer", url, str(seed_file), issuer, currency, limit]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise Permanent(f"the line was not opened: {done.stderr.strip()}", "Run the demo again")


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
