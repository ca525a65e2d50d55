"""How the fields of a specification are read: each of one type of JSON, none left over, amounts as decimal text.

A field that nobody reads is refused: a payment whose `destinationtag` is misspelt would otherwise go out without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from fntx_dagster.foreign import cleaned
from fntx_dagster.intents.refusal import TransactionRefused

LONGEST = 200
"""Characters of a value as a refusal repeats it."""
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,99})(?:\.[0-9]{1,100})?(?:[eE][+-]?[0-9]{1,4})?")
_WHOLE = re.compile("0|[1-9][0-9]{0,39}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


def shown(value: object) -> str:
    """A value as a refusal repeats it: harmless, and not long."""
    return cleaned(repr(value)[: LONGEST + 1], LONGEST)


class SpecFields:
    """An object of a specification. Every reader takes the field's name and refuses what has not its form."""

    def __init__(self, content: object, where: str = "") -> None:
        if not isinstance(content, Mapping):
            raise TransactionRefused("malformed", f"{where or 'the specification'} is not an object")
        self._content: Mapping[Any, Any] = content
        self._read: set[str] = set()
        self._where = where

    def named(self, name: str) -> str:
        """The field with the way to it, for messages: `params.amount`; of no field the object itself."""
        return ".".join(filter(None, (self._where, name)))

    def has(self, name: str) -> bool:
        """Whether the field is there; null counts as left out."""
        self._read.add(name)
        return self._content.get(name) is not None

    def raw(self, name: str) -> Any:
        """A field of any type."""
        if not self.has(name):
            raise TransactionRefused("missing_field", f"{self.named(name)} is missing")
        return self._content[name]

    def text(self, name: str) -> str:
        """A text whose characters all have a byte form."""
        value = self.raw(name)
        if type(value) is not str or re.search("[\ud800-\udfff]", value):
            raise TransactionRefused("malformed", f"{self.named(name)} is no text: {shown(value)}")
        return value

    def one_of(self, name: str, choices: Iterable[str]) -> str:
        """One of several words."""
        value = self.text(name)
        if value not in (words := list(choices)):
            raise TransactionRefused(
                "unknown_value", f"{self.named(name)} is {shown(value)}, none of {', '.join(words)}"
            )
        return value

    def some_of(self, name: str, choices: Iterable[str]) -> list[str]:
        """Words of a choice, each once; none where the field is left out."""
        if not self.has(name):
            return []
        values = self.raw(name)
        words = list(choices)
        if type(values) is not list or any(type(value) is not str or value not in words for value in values):
            raise TransactionRefused(
                "unknown_value", f"{self.named(name)} is {shown(values)}: it is a list of {', '.join(words)}"
            )
        if len(set(values)) < len(values):
            raise TransactionRefused("twice", f"{self.named(name)} names one of {shown(values)} twice")
        return values

    def whole(self, name: str, lowest: int, highest: int) -> int:
        """A whole number within bounds; also as text, as Horizon writes sequences."""
        value = self.raw(name)
        if type(value) is str and _WHOLE.fullmatch(value):
            value = int(value)
        if type(value) is not int or not lowest <= value <= highest:
            raise TransactionRefused(
                "out_of_range", f"{self.named(name)} is {shown(value)}: it is a whole number from {lowest} to {highest}"
            )
        return value

    def inner(self, name: str) -> SpecFields:
        """An object in this one."""
        return SpecFields(self.raw(name), self.named(name))

    def inners(self, name: str) -> list[SpecFields]:
        """A list of objects."""
        values = self.raw(name)
        if type(values) is not list:
            raise TransactionRefused("malformed", f"{self.named(name)} is no list: {shown(values)}")
        return [SpecFields(value, f"{self.named(name)}[{at}]") for at, value in enumerate(values)]

    def decimal(self, name: str) -> Decimal:
        """A number written as text, never negative; JSON's own numbers are refused, because they are read as floats."""
        value = self.raw(name)
        if type(value) is not str or not _DECIMAL.fullmatch(value):
            raise TransactionRefused(
                "bad_amount", f'{self.named(name)} is {shown(value)}: it is a decimal text that is not negative, "12.5"'
            )
        return Decimal(value)

    def seconds(self, name: str) -> int:
        """A time such as 2026-11-29T01:02:03Z, in Unix seconds."""
        value = self.text(name)
        try:
            if not _TIME.fullmatch(value):
                raise ValueError(value)
            return int(datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())
        except ValueError:
            raise TransactionRefused(
                "bad_time", f"{self.named(name)} is {shown(value)}: it is a time such as 2026-11-29T01:02:03Z"
            ) from None

    def hex(self, name: str, size: int) -> bytes:
        """Bytes of one size, in hex of either case."""
        value = self.text(name)
        if not re.fullmatch(f"[0-9a-fA-F]{{{2 * size}}}", value):
            raise TransactionRefused(
                "malformed", f"{self.named(name)} is {shown(value)}: it is {2 * size} hexadecimal digits"
            )
        return bytes.fromhex(value)

    def close(self) -> None:
        """Refuse a field that nothing has read."""
        left = [name for name in self._content if name not in self._read]
        if left:
            raise TransactionRefused("unknown_field", f"{self.named(shown(left[0]))} is no field of this object")
