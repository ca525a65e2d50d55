"""A program that signs and posts, again and again, each time in a process of its own that is killed.

    python -m tests.services.signatures.killed_poster DATABASE_URL HOME FIRST LAST [RPC_URL]

Each line on standard input is one run: `steps milliseconds`, when it kills itself with SIGKILL, or `0 0` for a run that
goes to its end. A step is the begin or the end of a transaction of the database or of a request to the chain, so that
everything between queue and receipt has its turn. Each run answers with its number of steps, if it came to its end,
and its exit status. The program is loaded once and forks, because loading it takes longer than a run.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from fntx_dagster.adapters.evm.client import connect
from fntx_dagster.adapters.evm.embedded import EmbeddedProvider
from fntx_dagster.model.period import Period
from fntx_dagster.services.signatures.posting import post
from fntx_dagster.services.signatures.signing import sign
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database


def main(url: str, home: str, first: str, last: str, rpc_url: str = "") -> None:
    db, settings, days = Database(url), Settings(home=Path(home)), (date.fromisoformat(first), date.fromisoformat(last))
    if rpc_url:
        settings = behind(settings, rpc_url)
    killed(lambda: run(settings, db, days))


def killed(work: Callable[[], object]) -> None:
    """Do the work for each line of standard input, as the module says."""
    work()  # what is loaded at first use is there before the forks
    for line in sys.stdin:
        steps, milliseconds = map(int, line.split())
        child = os.fork()
        if child == 0:
            count = Steps(steps, milliseconds)
            work()
            _say(count.taken)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        _say(os.waitstatus_to_exitcode(status))


def behind(settings: Settings, rpc_url: str) -> Settings:
    """The same home, whose chain is asked over a URL."""
    contracts = settings.paths.chain / "contracts.json"
    chain = {"rpc_url": rpc_url, "contracts": contracts, "confirmations": 0}
    return Settings.model_validate({"home": settings.home, "chain": chain})


def run(settings: Settings, db: Database, days: tuple[date, date]) -> None:
    sign(settings, db, Period(*days))
    with connect(settings) as chain:
        post(settings, db, chain, Period(*days))


class Steps:
    """Counts the steps of this process, and kills it some milliseconds after the given one."""

    def __init__(self, last: int, milliseconds: int) -> None:
        self.taken = 0
        self._last, self._milliseconds = last, milliseconds
        connected, requested = Database.connect, EmbeddedProvider.make_request

        @contextmanager
        def counted_connect(database: Database) -> Iterator[Any]:
            self._step()
            with connected(database) as connection:
                yield connection
            self._step()

        def counted_request(provider: EmbeddedProvider, *request: Any) -> Any:
            self._step()
            answer = requested(provider, *request)
            self._step()
            return answer

        Database.connect, EmbeddedProvider.make_request = counted_connect, counted_request

    def _step(self) -> None:
        self.taken += 1
        if self.taken == self._last:
            if not self._milliseconds:
                os.kill(os.getpid(), signal.SIGKILL)
            threading.Timer(self._milliseconds / 1000, os.kill, (os.getpid(), signal.SIGKILL)).start()


def _say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
