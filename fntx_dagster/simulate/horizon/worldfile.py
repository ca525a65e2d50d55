"""The file that a simulated ledger lives in: JSON, one line for each change, appended before anybody sees the change.

A line holds the accounts that changed and, where a ledger closed, the ledger with its transactions. The first lines may
be written by hand: `{"accounts": {"G…": {"account_id": "G…", "balance": 100000000, "sequence": 0}}}`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class WrongWorld(Exception):
    """A file is no world of this network."""


class WorldFile:
    """The file; none where there is no path, so that the world ends with the process."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def lines(self) -> Iterator[dict[str, Any]]:
        """What was written. A last line that a kill cut short did not happen, and is removed."""
        if self._path is None or not self._path.exists():
            return
        whole = self._path.read_bytes()
        end = whole.rfind(b"\n") + 1
        if end < len(whole):
            with self._path.open("r+b") as file:
                file.truncate(end)
        for number, line in enumerate(whole[:end].splitlines(), 1):
            try:
                values = json.loads(line)
            except ValueError:
                raise WrongWorld(f"line {number} of the world's file is no JSON") from None
            if not isinstance(values, dict):
                raise WrongWorld(f"line {number} of the world's file is no object")
            yield values

    def add(self, line: dict[str, Any]) -> None:
        """Append a line. It reaches the system, and so outlives the process, not a loss of power."""
        if self._path is not None:
            with self._path.open("ab") as file:
                file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
