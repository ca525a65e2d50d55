"""What a process says on standard error as JSON lines, for whoever collects logs: with FNTX_LOG=json.

A line has `ts` (UTC), `level`, `event` and `logger`, and `run`, `job`, `shard`, `session` and `ms` where they are
known. Accounts are masked. Of an exception its type and place are there and never its text, which may hold a value.
"""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fntx_dagster.errors import without_accounts
from fntx_dagster.foreign import cleaned, escaped_json

_FIELDS = ("run", "job", "shard", "session", "ms")


class JsonLines(logging.Formatter):
    """A record of logging as a line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        known = {name: getattr(record, name) for name in _FIELDS if hasattr(record, name)}
        known["logger"] = record.name
        if record.exc_info and record.exc_info[0]:
            last = traceback.extract_tb(record.exc_info[2])[-1:]
            known["error"] = record.exc_info[0].__name__
            known["at"] = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in last]
        return _line(datetime.fromtimestamp(record.created, UTC), record.levelname, record.getMessage(), known)


def log_as_json() -> None:
    """From here on what this process logs on standard error is JSON lines."""
    handler = logging.StreamHandler()  # of standard error
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def said(level: int, text: str) -> bool:
    """Log a sentence that would be printed for a person, where JSON lines are wanted; whether it was."""
    root = logging.getLogger()
    wanted = any(isinstance(handler.formatter, JsonLines) for handler in root.handlers)
    if wanted:
        logging.getLogger("fntx").log(level, "%s", text)
    return wanted


def _line(moment: datetime, level: str, event: str, known: dict[str, Any]) -> str:
    fields = {"ts": moment.isoformat(timespec="milliseconds"), "level": level.lower()}
    fields["event"] = without_accounts(cleaned(event))
    return escaped_json(json.dumps({**fields, **known}, ensure_ascii=False, default=str))
