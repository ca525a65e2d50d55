"""How our errors become Dagster's, and back into words: what cannot succeed on a second try is not tried again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from fntx_dagster.defs.internals import cause_of
from fntx_dagster.defs.shown import failure, text
from fntx_dagster.errors import Permanent, Transient


@contextmanager
def failing_well() -> Iterator[None]:
    """Permanent becomes a Failure that no retry policy repeats, with the words a user reads and no stack of ours;
    Transient, which may be repeated, is raised again in words that a log may keep, and so is an error that nobody
    foresaw, with its traceback: a database's may quote a row."""
    try:
        yield
    except Permanent as error:
        raise failure(str(error)) from None
    except Transient as error:
        raise Transient(text(error.message), text(error.way_out)) from None
    except (dg.Failure, dg.RetryRequested):
        raise
    except Exception as error:
        unforeseen = _in_our_words(error)
        raise unforeseen from unforeseen.__cause__  # without the error itself


class Unforeseen(Exception):
    """Stands for an error of any type, with its words cleaned and its accounts masked."""


def _in_our_words(error: BaseException) -> Unforeseen:
    """The same for an error and for those behind it; each keeps its traceback."""
    ours = Unforeseen(text(f"{type(error).__name__}: {error}")).with_traceback(error.__traceback__)
    behind = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    ours.__cause__ = None if behind is None else _in_our_words(behind)
    return ours


def error_text(event: dg.DagsterEvent) -> str:
    """Why a step failed: its name and the words a user reads."""
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return f"{event.step_key}: {data.user_failure_data.description}"
    error = cause_of(event)
    words = error.message.strip().removeprefix(f"{Transient.__module__}.{Transient.__name__}: ") if error else "failed"
    return f"{event.step_key}: {words}"


def is_transient(event: dg.DagsterEvent) -> bool:
    """Whether a failed step may succeed when it is tried again."""
    cause = cause_of(event)
    return cause is not None and cause.cls_name == Transient.__name__
