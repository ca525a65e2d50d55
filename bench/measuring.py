"""What the benchmarks share: a figure beside its peer or limit, a home of its own for each, a process of its own."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

sys.path.insert(0, str(Path(__file__).parents[1]))  # before a package `tests` that came with another one

from fntx_dagster.settings import Settings, child_environment
from fntx_dagster.simulate.account import Account
from fntx_dagster.simulate.delivery import ACTIVITY, QUERIES, delivered, write_document
from fntx_dagster.store.server import EmbeddedPostgres

Result = TypeVar("Result")


class Measurement(NamedTuple):
    """One row of the table: what was measured, beside what, the ratio or figure that counts, and what is aimed at."""

    what: str
    ours: str
    beside: str
    ratio: str
    aim: str


@contextmanager
def home() -> Iterator[Settings]:
    """Settings of a fresh home with an embedded server of its own, which ends with it."""
    with tempfile.TemporaryDirectory(prefix="fntx-bench-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)  # the embedded server may run as another user
        settings = Settings(home=Path(folder) / "home")
        settings.home.mkdir()
        try:
            yield settings
        finally:
            EmbeddedPostgres(settings.paths.postgres).stop()


def clocked(work: Callable[[], Result]) -> tuple[Result, float]:
    """The result of the work, and the seconds that it takes."""
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started


def timed(work: Callable[[], object]) -> float:
    """Seconds that the work takes."""
    return clocked(work)[1]


def deliver(file: Path, account: Account, first: date, last: date) -> None:
    """Write the statement that the broker delivers of a window on the evening of its last day."""
    document = delivered([account], QUERIES[ACTIVITY], first, last, as_of=last)
    if document is None:
        raise ValueError(f"the account has no session from {first} to {last}")
    write_document(file, document)


def alone(script: str, *arguments: object, settings: Settings | None = None) -> dict[str, Any]:
    """The JSON that a benchmark's script prints as its last line, from a process of its own."""
    environment = child_environment({"FNTX_HOME": str(settings.home)} if settings else {})
    command = [sys.executable, script, *map(str, arguments)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def peak() -> int:
    """The most megabytes that this process held at once so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def shown(rows: Iterable[Measurement]) -> None:
    """The table as Markdown."""
    head = ("what", "ours", "beside it", "ratio", "aim")
    table = [head, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(head))]
    for number, row in enumerate(table):
        sys.stdout.write(f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |\n")
        if not number:
            sys.stdout.write(f"|{'|'.join('-' * (width + 2) for width in widths)}|\n")
