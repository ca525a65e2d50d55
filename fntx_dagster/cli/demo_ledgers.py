"""The ledgers of the demos of a treasury: simulated servers of the XRP Ledger and of Stellar as processes of their own,
asked by the addresses that real ones would have, and ended by their process ids."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.simulate.treasury import AccountsOnStellar, write_stellar

_CLOSES_EVERY = "0.3"
_DROPS = 1_000_000_000
_STARTS_WITHIN = 30
_ANSWERS_WITHIN = 10
_AHEAD = timedelta(hours=1)
"""More than the ledgers' times are ahead of their clock: one closes more often than once a second."""
_RIPPLE_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class DemoLedgers(NamedTuple):
    """Where the servers listen."""

    xrpl: str
    horizon: str

    def held_on_xrpl(self, holder: str, issuer: str) -> str:
        """How many tokens of an issuer's an account holds, as the ledger's server says."""
        found = self._asked("account_lines", account=holder, peer=issuer, ledger_index="validated")
        [line] = found["lines"]
        return line["balance"]

    def closed_at(self) -> datetime:
        """When the last validated ledger of the XRP Ledger closed."""
        found = self._asked("ledger", ledger_index="validated")
        return _RIPPLE_EPOCH + timedelta(seconds=found["ledger"]["close_time"])

    def pass_to(self, moment: datetime) -> None:
        """Let time pass on the XRP Ledger until a moment (aware) that is to come."""
        left = moment - self.closed_at() + _AHEAD
        self._asked("fault", advance=int(left.total_seconds()))
        deadline = time.monotonic() + _ANSWERS_WITHIN
        while self.closed_at() < moment:
            if time.monotonic() > deadline:
                raise Permanent(f"the ledger's time did not come to {moment:%Y-%m-%d}", "Run the demo again")
            time.sleep(0.1)

    def alter_limit(self, holder: str, issuer: str, currency: str, limit: str) -> None:
        """Let the limit of a line be another, as if somebody had changed it past everybody."""
        self._asked("fault", line_limit={"account": holder, "issuer": issuer, "currency": currency, "limit": limit})

    def _asked(self, method: str, **params: Any) -> dict[str, Any]:
        body = json.dumps({"method": method, "params": [params]}).encode()
        found = _answer(urllib.request.Request(self.xrpl, body))["result"]
        if found.get("status") != "success":
            raise Permanent(f"the simulated ledger refused {method}: {found.get('error')}", "Run the demo again")
        return found

    def held_on_stellar(self, holder: str, code: str) -> str:
        """How much of an asset an account holds, as Horizon says."""
        balances = _answer(urllib.request.Request(f"{self.horizon}/accounts/{holder}"))["balances"]
        [balance] = [each["balance"] for each in balances if each.get("asset_code") == code]
        return balance


@contextmanager
def ledgers(
    folder: Path,
    funded: Collection[str],
    network_id: int,
    stellar: AccountsOnStellar,
    passphrase: str,
    *,
    moves_time: bool = False,
) -> Iterator[DemoLedgers]:
    """Both ledgers, until the block ends; `funded` accounts have XRP. `moves_time`: the XRP Ledger's clock can be put
    forward."""
    folder.mkdir(parents=True)
    world = folder / "stellar.jsonl"
    write_stellar(world, stellar, passphrase)
    fund = [word for each in funded for word in ("--fund", f"{each}={_DROPS}")]
    more = {
        "xrpl": ["--network-id", str(network_id), *fund, *(["--faults"] if moves_time else [])],
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
    amount = {"currency": currency, "issuer": issuer, "value": limit}
    send_by_owners(url, [[(seed_file, {"TransactionType": "TrustSet", "LimitAmount": amount})]])


def send_by_owners(url: str, phases: Sequence[Sequence[tuple[Path, dict[str, Any]]]]) -> list[str]:
    """Let owners of accounts send transactions with their own wallets, in a process that is none of ours: those of a
    phase when those before it are in a ledger. Their hashes."""
    asked = json.dumps([[{"seed": str(seed), "tx": tx} for seed, tx in phase] for phase in phases])
    with TemporaryDirectory() as folder:
        file = Path(folder) / "hashes"
        command = [sys.executable, "-m", "fntx_dagster.simulate.customer", url, str(file)]
        done = subprocess.run(command, capture_output=True, text=True, input=asked)
        if done.returncode:
            raise Permanent(f"what an owner sent is in no ledger: {done.stderr.strip()}", "Run the demo again")
        return file.read_text(encoding="utf-8").split()


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
