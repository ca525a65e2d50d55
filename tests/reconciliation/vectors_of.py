"""The vectors of this folder: a case in which everything agrees, and what each other one changes of it."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

Change = Sequence[Any]
"""`[path, value]` puts a value, `[path]` removes what is there."""


@cache
def document() -> dict[str, Any]:
    """The whole file."""
    return json.loads((Path(__file__).parent / "vectors" / "cases.json").read_text(encoding="utf-8"))


def changed(*changes: Change) -> dict[str, Any]:
    """The case in which everything agrees, with these changes."""
    case = copy.deepcopy(document()["base"])
    for path, *values in changes:
        at = case
        for name in path[:-1]:
            at = at[name]
        if values:
            at[path[-1]] = copy.deepcopy(values[0])
        else:
            del at[path[-1]]
    return case


def cases() -> list[dict[str, Any]]:
    """Every vector as a case, with what is expected of it."""
    return [changed(*each["set"]) | {"id": each["id"], "expected": each["expected"]} for each in document()["cases"]]
