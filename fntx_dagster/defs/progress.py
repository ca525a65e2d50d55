"""A logger that says what a run is at, for whoever watches from a terminal: step started, step done, warnings.

It hands each message to the Python logger `fntx.progress`, which the terminal listens to; the UI has its own view.
"""

import logging

import dagster as dg

PROGRESS = "fntx.progress"


class _Steps(logging.Handler):
    """Passes on what a person wants to see of Dagster's events."""

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "dagster_meta", {}).get("dagster_event")
        logger = logging.getLogger(PROGRESS)
        if event is None:
            text = getattr(record, "dagster_meta", {}).get("orig_message", record.getMessage())
            # what a failed step keeps from running needs no line of its own
            if record.levelno >= logging.WARNING and not text.startswith("Dependencies for step"):
                logger.warning(text)
        elif event.event_type_value == "STEP_START":
            logger.info("started", extra={"step": event.step_key})
        elif event.event_type_value == "STEP_SUCCESS":
            seconds = event.step_success_data.duration_ms / 1000
            logger.info("done", extra={"step": event.step_key, "seconds": seconds})
        elif event.event_type_value == "STEP_FAILURE":
            logger.error("failed", extra={"step": event.step_key})


@dg.logger(description="Steps of a run, to the Python logger fntx.progress.")
def progress_logger(_context: dg.InitLoggerContext) -> logging.Logger:
    logger = logging.Logger("fntx-steps", level=logging.DEBUG)
    logger.addHandler(_Steps())
    return logger
