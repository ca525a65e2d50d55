"""A server's answer, read field by field: what has another form than a ledger's is an error, and goes no further."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from fntx_dagster.adapters.xrpl.amounts import LARGEST, MOST_DROPS, Amount
from fntx_dagster.adapters.xrpl.codec import account_id
from fntx_dagster.errors import Transient
from fntx_dagster.foreign import cleaned

MOST_UINT32 = 2**32 - 1
_HASH = re.compile("[0-9A-Fa-f]{64}")
_VALUE = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,100})?([eE][+-]?[0-9]{1,3})?")
_CURRENCY = re.compile("[!-~]{3}|[0-9A-Fa-f]{40}")


def unreadable(method: str, what: str) -> Transient:
    """The error for an answer that no ledger gives. `what` is a name of ours, never the server's text."""
    return Transient(
        f"the answer to {method} is not that of an XRP Ledger: {what}",
        "Check FNTX_XRPL_URL, or name another server there",
    )


class XrplReply:
    """The fields of an answer or of an object in it. `method` and `path` are for errors. Each method raises Transient
    where a field is missing or has another form, unless it says what stands for a missing one."""

    def __init__(self, method: str, fields: Mapping[str, Any], path: str = "") -> None:
        self._method, self._fields, self._path = method, fields, path

    def has(self, name: str) -> bool:
        return self._fields.get(name) is not None

    def raw(self, name: str) -> Any:
        """A field as it came, for handing back to the server alone."""
        return self._fields.get(name)

    def inner(self, name: str) -> XrplReply:
        found = self._fields.get(name)
        if not isinstance(found, dict):
            raise self.wrong(name)
        return XrplReply(self._method, found, f"{self._path}{name}.")

    def rows(self, name: str, most: int = 10_000) -> list[XrplReply]:
        found = self._fields.get(name)
        if not isinstance(found, list) or len(found) > most or not all(isinstance(row, dict) for row in found):
            raise self.wrong(name)
        return [XrplReply(self._method, row, f"{self._path}{name}[{at}].") for at, row in enumerate(found)]

    def whole(self, name: str, most: int = MOST_UINT32, default: int | None = None) -> int:
        """A whole number from 0 on, written as a number or as text."""
        found = self._fields.get(name, default)
        if isinstance(found, str) and re.fullmatch("[0-9]{1,20}", found):
            found = int(found)
        if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= most:
            raise self.wrong(name)
        return found

    def flag(self, name: str) -> bool:
        """Whether a field is true; false where it is missing."""
        found = self._fields.get(name, False)
        if not isinstance(found, bool):
            raise self.wrong(name)
        return found

    def word(self, name: str, longest: int = 80) -> str:
        """A short text, cleaned."""
        found = self._fields.get(name)
        if not isinstance(found, str):
            raise self.wrong(name)
        return cleaned(found, longest)

    def address(self, name: str) -> str:
        found = self._fields.get(name)
        if not isinstance(found, str) or account_id(found) is None:
            raise self.wrong(name)
        return found

    def hash(self, name: str) -> str:
        """A hash in upper-case hex."""
        found = self._fields.get(name)
        if not isinstance(found, str) or not _HASH.fullmatch(found):
            raise self.wrong(name)
        return found.upper()

    def currency(self, name: str) -> str:
        """Three characters, or 40 hex digits in upper case."""
        found = self._fields.get(name)
        if not isinstance(found, str) or not _CURRENCY.fullmatch(found):
            raise self.wrong(name)
        return found.upper() if len(found) == 40 else found

    def value(self, name: str) -> Decimal:
        """The value of a token, which may be negative."""
        found = self._fields.get(name)
        if not isinstance(found, str) or not _VALUE.fullmatch(found):
            raise self.wrong(name)
        try:
            value = Decimal(found)
        except InvalidOperation:
            raise self.wrong(name) from None
        if abs(value) > LARGEST:
            raise self.wrong(name)
        return value

    def drops(self, name: str) -> int:
        return self.whole(name, MOST_DROPS)

    def amount(self, name: str) -> Amount:
        """Drops as text, or currency, issuer and value."""
        if isinstance(self._fields.get(name), str):
            return str(self.drops(name))
        inner = self.inner(name)
        return {
            "currency": inner.currency("currency"),
            "issuer": inner.address("issuer"),
            "value": f"{inner.value('value')}",
        }

    def wrong(self, name: str) -> Transient:
        return unreadable(self._method, f"{self._path}{name}")

    def items(self, name: str, most: int = 10_000) -> dict[str, Decimal]:
        """A table of currencies and values; empty where it is missing."""
        if not self.has(name):
            return {}
        found = self._fields[name]
        if not isinstance(found, dict) or len(found) > most:
            raise self.wrong(name)
        table = XrplReply(self._method, found, f"{self._path}{name}.")
        if not all(_CURRENCY.fullmatch(each) for each in found):
            raise self.wrong(name)
        return {each: table.value(each) for each in found}
