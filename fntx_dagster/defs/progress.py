"""A logger that reports the progress of a run to a terminal: step started, step done, warnings.

It hands each message to the Python logger `fntx.progress`, which the terminal listens to; the UI has its own view.
"""

import logging
from collections.abc import Callable

import dagster as dg

from fntx_dagster.defs.internals import event_of, is_about_a_step_left_out, message_of
from fntx_dagster.defs.shown import info

PROGRESS = "fntx.progress"


def progress_of(context: dg.AssetExecutionContext) -> Callable[[str], None]:
    """A function that writes a line to the run's log, and to a terminal that watches the run."""

    def on_progress(line: str) -> None:
        logging.getLogger(PROGRESS).info(info(context, line))

    return on_progress


class _Steps(logging.Handler):
    """Passes on what a person wants to see of Dagster's events."""

    def emit(self, record: logging.LogRecord) -> None:
        event = event_of(record)
        logger = logging.getLogger(PROGRESS)
        if event is None:
            # a step that is left out needs no line of its own: the step that failed has one
            if record.levelno >= logging.WARNING and not is_about_a_step_left_out(record):
                logger.warning(message_of(record))
        elif event.event_type_value == "STEP_START":
            logger.info("started", extra={"step": event.step_key})
        elif event.event_type_value == "STEP_SUCCESS":
            seconds = event.step_success_data.duration_ms / 1000
            logger.info("done", extra={"step": event.step_key, "seconds": seconds})
        elif event.event_type_value == "STEP_FAILURE":
            logger.error("failed", extra={"step": event.step_key})


@dg.logger(config_schema={}, description="Steps of a run, to the Python logger fntx.progress.")
def progress_logger(_context: dg.InitLoggerContext) -> logging.Logger:
    logger = logging.Logger("fntx-steps", level=logging.DEBUG)
    logger.addHandler(_Steps())
    return logger
