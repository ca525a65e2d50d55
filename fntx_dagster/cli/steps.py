"""The steps of a run while it works, and what became of it, for a person at a terminal."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fntx_dagster.cli.commands import as_typed
from fntx_dagster.cli.terminal import BAD, DOUBTFUL, GOOD, Terminal, error, line, out, styled

if TYPE_CHECKING:
    from rich.text import Text

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
    """Print a run's warnings and failures, what is missing behind the report's figures, and what the run changed."""
    for warning in outcome.warnings:
        out(line(styled("warning", "yellow"), f" {as_typed(warning)}"))
    for note in outcome.notes:
        out(line(styled("note", "cyan"), f" {as_typed(note)}"))
    for failure in outcome.failures:
        error(failure)
    if outcome.success:
        done = ", ".join(f"{what.replace('_', ' ')} {number:,}" for what, number in outcome.changed.items() if number)
        out(f"Done: {done or 'nothing is new'}.")


class _Steps(logging.Handler):
    """One line per step that ends, and a status line for the one that runs where there is a terminal."""

    def __init__(self) -> None:
        super().__init__()
        self.console = Terminal(to_errors=True)
        self.running = self.console.status("starting …")
        self.running.start()

    def emit(self, record: logging.LogRecord) -> None:
        step = getattr(record, "step", None)
        if step is None and record.levelno < logging.WARNING:
            self._print(line("    ", record.getMessage()))
        elif step is None:
            self._print(line("  ", DOUBTFUL, f" {record.getMessage()}"))
        elif record.getMessage() == "started":
            self.running.update(f"{step} …")
        elif record.levelno >= logging.ERROR:
            self._print(line("  ", BAD, f" {step}"))
        else:
            seconds: float = getattr(record, "seconds", 0.0)
            self._print(line("  ", GOOD, f" {step:<52} {seconds:5.1f} s"))

    def _print(self, content: Text) -> None:
        self.console.print(content, soft_wrap=True)

    def close(self) -> None:
        self.running.stop()
        super().close()
