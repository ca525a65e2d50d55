"""A run whose database server ends: one error that says so, in place of what each step and Dagster print about it."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from typing import Any, TextIO

import dagster as dg

from fntx_dagster.defs.progress import PROGRESS
from fntx_dagster.errors import FntxError, Transient
from fntx_dagster.services.database import server_start
from fntx_dagster.settings import Settings

_ABOUT_STORAGE = (
    "Exception while storing event batch",
    "Exception while writing logger call to event log",
    "Falling back to storing multiple single-event storage requests",
)
"""How Dagster begins what it writes to standard error when its storage cannot be reached."""
_ABOUT_CONNECTING = "Retrying failed database connection"


@contextmanager
def naming_a_lost_server(settings: Settings, run_id: str) -> Iterator[Callable[[], None]]:
    """While inside, an exception becomes Transient where the database server that ran at the beginning runs no more.
    What is yielded raises it too, for failures that are no exceptions. The embedded server is started again.

    What Dagster prints about its storage is held back, and logged at the end if the server did not end.
    """
    began = server_start(settings)

    def fail_if_lost() -> None:
        if server_start(settings) == began:
            return
        held.clear()
        with suppress(Exception), dg.DagsterInstance.get() as instance:  # else it would count as under way for hours
            run = instance.get_run_by_id(run_id)
            if run and not run.is_finished:
                instance.report_run_failed(run)
        raise Transient("the database server ended during the run", "Run it again: it goes on where it stopped")

    held: list[str] = []
    with _held_back(held):
        try:
            yield fail_if_lost
        except FntxError:
            raise
        except Exception:
            fail_if_lost()
            raise


@contextmanager
def _held_back(held: list[str]) -> Iterator[None]:
    root = logging.getLogger()

    def is_about_something_else(record: logging.LogRecord) -> bool:
        if not record.getMessage().startswith(_ABOUT_CONNECTING):
            return True
        held.append(record.getMessage())
        return False

    root.addFilter(is_about_something_else)
    try:
        with redirect_stderr(_Holding(sys.stderr, held)):  # pyright: ignore[reportArgumentType]  # the rest is a TextIO's
            yield
    finally:
        root.removeFilter(is_about_something_else)
        for text in held:
            logging.getLogger(PROGRESS).warning(text.strip())


class _Holding:
    """A stream that keeps what Dagster says about its storage."""

    def __init__(self, stream: TextIO, held: list[str]) -> None:
        self._stream, self._held = stream, held

    def write(self, text: str) -> int:
        if not text.startswith(_ABOUT_STORAGE):
            return self._stream.write(text)
        self._held.append(text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
