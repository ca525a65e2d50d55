"""Standard output and standard error without rich: documents, values, JSON for programs, and a command's last words.

Nothing that is written here can steer a terminal; tables and lines for people are written by `cli.terminal`.
"""

from __future__ import annotations

import logging
import sys

from fntx_dagster.cli.commands import as_typed
from fntx_dagster.cli.logs import said
from fntx_dagster.foreign import cleaned, cleaned_lines, escaped_json


def write(text: str) -> None:
    """Write a document or a line, with its line feeds, to standard output."""
    sys.stdout.write(cleaned_lines(text))
    sys.stdout.flush()


def write_json(document: str) -> None:
    """Write JSON to standard output. It holds the same values: what could steer a terminal is escaped."""
    sys.stdout.write(escaped_json(document))
    sys.stdout.flush()


def complain(text: str) -> None:
    """Write one line to standard error."""
    if not said(logging.ERROR, text):
        sys.stderr.write(f"{as_typed(cleaned(text))}\n")
