"""The steps of a run while it works, and what became of it, for a person at a terminal."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from fntx_dagster.cli.terminal import error, out

if TYPE_CHECKING:
    from fntx_dagster.defs.run import RunOutcome


@contextmanager
def watching_steps() -> Iterator[None]:
    """While inside, print to standard error which step of a run has started and which is done."""
    from fntx_dagster.defs.progress import PROGRESS

    logger, handler = logging.getLogger(PROGRESS), _Steps()
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def print_outcome(outcome: RunOutcome) -> None:
    """Print a run's warnings and failures, and where to see it."""
    for warning in outcome.warnings:
        out(f"[yellow]warning[/] {escape(warning)}")
    for failure in outcome.failures:
        error(failure)
    if outcome.success:
        out(f"Done. Run {outcome.run_id} is in the UI (`make ui`).")


class _Steps(logging.Handler):
    """One line per step that ends, and a status line for the one that runs where there is a terminal."""

    def __init__(self) -> None:
        super().__init__()
        self.console = Console(stderr=True, highlight=False)
        self.running = self.console.status("starting …")
        self.running.start()

    def emit(self, record: logging.LogRecord) -> None:
        step = getattr(record, "step", None)
        if step is None and record.levelno < logging.WARNING:
            self.console.print(f"    {escape(record.getMessage())}", soft_wrap=True)
        elif step is None:
            self.console.print(f"  [yellow]![/] {escape(record.getMessage())}", soft_wrap=True)
        elif record.getMessage() == "started":
            self.running.update(f"{step} …")
        elif record.levelno >= logging.ERROR:
            self.console.print(f"  [red]✗[/] {step}")
        else:
            seconds: float = getattr(record, "seconds", 0.0)
            self.console.print(f"  [green]✓[/] {step:<44} {seconds:5.1f} s")

    def close(self) -> None:
        self.running.stop()
        super().close()
