"""The vectors of this folder, as cases for the calculator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILES = ("proofs", "built", "audit-proofs", "sealed", "canonical")


def cases(name: str) -> list[dict[str, Any]]:
    """The cases of one file, each with its kind and what is expected of it."""
    text = (Path(__file__).parent / "vectors" / f"{name}.json").read_text(encoding="utf-8")
    return [{"kind": "proof"} | case for case in json.loads(text)["cases"]]


def whole_proof() -> dict[str, Any]:
    """The proof file that holds."""
    return cases("audit-proofs")[0]["proof"]


def sealed_line() -> tuple[dict[str, Any], bytes]:
    """A line that opens, and its key."""
    case = cases("sealed")[0]
    return case["line"], bytes.fromhex(case["key"])
