"""What the value of a setting has to look like, in words, from its type and its limits."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

JSON_FORM = "of the form that docs/settings.md shows (JSON names each thing once, ids stand in quotes)"

ADDRESS = "^0x[0-9a-fA-F]{40}$"

_KINDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    Decimal: "a number",
    bool: "true or false",
    date: "a day, as 2025-07-17",
    Path: "a path",
    str: "a text",
    SecretStr: "a text",
}


def form_of(field: FieldInfo) -> str:
    """The form of a field, after `it has to be`: `a whole number from 1 to 150`."""
    kind = _without_none(field.annotation)
    if get_origin(kind) is Literal:
        return " or ".join(map(str, get_args(kind)))
    if kind not in _KINDS:
        return JSON_FORM
    if field.examples:
        return " or ".join(f"`{example}`" for example in field.examples) + ", as an example"
    if any(getattr(constraint, "pattern", None) == ADDRESS for constraint in field.metadata):
        return "an address: 0x and 40 hex digits"
    limits = {
        name: limit
        for constraint in field.metadata
        for name in ("ge", "gt", "le", "lt", "min_length")
        if (limit := getattr(constraint, name, None)) is not None
    }
    return _KINDS[kind] + _limited(limits)


def _without_none(annotation: Any) -> Any:
    """Of a setting that takes several kinds the first, which its examples show beside the others."""
    if get_origin(annotation) in (Union, UnionType):
        annotation = next(kind for kind in get_args(annotation) if kind is not type(None))
    return _without_none(get_args(annotation)[0]) if get_origin(annotation) is Annotated else annotation


def _limited(limits: dict[str, Any]) -> str:
    if "ge" in limits and "le" in limits:
        return f" from {limits['ge']} to {limits['le']}"
    words = {"ge": "from {} on", "gt": "above {}", "le": "up to {}", "lt": "below {}"}
    words["min_length"] = "of at least {} characters"
    return "".join(f" {words[name].format(limit)}" for name, limit in limits.items())
