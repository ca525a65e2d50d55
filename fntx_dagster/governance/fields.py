"""How fields of what people hand in are read: each of its form, none missing, none left over; the error names it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import Any, NoReturn

from fntx_dagster.errors import Permanent
from fntx_dagster.governance.secret_shapes import seems_a_secret

_DIGITS = re.compile("0|[1-9][0-9]{0,18}").fullmatch
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,18})(?:\.[0-9]{1,18})?").fullmatch
_MOST = 2**53 - 1
_LONGEST = 80


class StrictFields:
    """An object of a document; `where` is the way to it, as `xrpl.accounts.issuer`. `shown` says where a reader sees
    one."""

    def __init__(self, content: Any, where: str, shown: str = "docs/treasury.md") -> None:
        self._shown = shown
        if type(content) is not dict:
            raise Permanent(f"{where or 'the document'} is no object", f"Write it as {shown} shows")
        self._content: dict[str, Any] = content
        self._where = where
        self._read: set[str] = set()

    @property
    def content(self) -> dict[str, Any]:
        """The object as it was handed in."""
        return self._content

    def has(self, name: str) -> bool:
        """Whether there is such a field."""
        return name in self._content

    def any(self, name: str) -> Any:
        """A field of any form."""
        self._read.add(name)
        if name not in self._content:
            raise Permanent(f"{self._named(name)} is missing", f"Write it as {self._shown} shows")
        return self._content[name]

    def text(self, name: str) -> str:
        value = self.any(name)
        if type(value) is not str or not value.strip():
            self._refuse(name, "a text")
        return value

    def whole(self, name: str, least: int, most: int = _MOST) -> int:
        value = self.any(name)
        if type(value) is not int or not least <= value <= most:
            self._refuse(name, f"a whole number from {least}{'' if most == _MOST else f' to {most}'}")
        return value

    def digits(self, name: str) -> str:
        return self.checked(name, lambda text: _DIGITS(text) is not None, "a whole number as a text")

    def decimal(self, name: str) -> str:
        return self.checked(name, lambda text: _DECIMAL(text) is not None, "an amount as a text")

    def one_of(self, name: str, values: Collection[str]) -> str:
        return self.checked(name, lambda text: text in values, f"one of {', '.join(values)}")

    def yes_or_no(self, name: str) -> bool:
        value = self.any(name)
        if type(value) is not bool:
            self._refuse(name, "true or false")
        return value

    def checked(self, name: str, holds: Callable[[str], bool], form: str) -> str:
        """A text for which `holds` is true; `form` says what that is."""
        value = self.any(name)
        if type(value) is not str or not holds(value):
            self._refuse(name, form)
        return value

    def secret(self, name: str, form: str) -> str:
        """A text that no error shows; `form` says what it is."""
        value = self.any(name)
        if type(value) is not str or not value:
            raise Permanent(f"{self._named(name)} is not {form}", "Correct it, and try again")
        return value

    def object(self, name: str) -> StrictFields:
        return StrictFields(self.any(name), self._named(name), self._shown)

    def objects(self, name: str) -> list[StrictFields]:
        values = self.any(name)
        if type(values) is not list:
            self._refuse(name, "a list")
        return [StrictFields(value, f"{self._named(name)}[{place}]", self._shown) for place, value in enumerate(values)]

    def each(self, name: str, names: Collection[str]) -> Iterator[tuple[str, StrictFields]]:
        """The objects of an object that has exactly these names."""
        outer = self.object(name)
        for each in names:
            yield each, outer.object(each)
        outer.end()

    def flags(self, name: str) -> None:
        """An object of names and whether each is set."""
        flags = self.object(name)
        for each in [*flags._content]:
            flags.yes_or_no(each)

    def end(self) -> None:
        """Refuse a field that nobody read: it would be a slip of another."""
        if left := [name for name in self._content if name not in self._read]:
            raise Permanent(f"{self._named(str(left[0]))} is no field here", f"It may have {', '.join(self._read)}")

    def _named(self, name: str) -> str:
        return f"{self._where}.{name}" if self._where else name

    def _refuse(self, name: str, form: str) -> NoReturn:
        value = self._content[name]
        shown = repr(value)
        if seems_a_secret(value if type(value) is str else shown):
            raise Permanent(
                f"{self._named(name)} seems to hold a private key, a seed or a mnemonic",
                "Leave it out, and consider that key as lost",
            )
        shown = shown[:_LONGEST]
        raise Permanent(f"{self._named(name)} is {shown}, which is not {form}", "Correct it, and try again")
