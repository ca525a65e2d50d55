"""Queries that this program puts together, and single rows of their results.

psycopg takes a query only as a literal, so that no value from outside becomes a part of it. A query that repeats the
columns of a row type, or that is one for several tables, is not a literal to the type checker: `own_sql` vouches that
its parts are this program's own. Values are parameters, always.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, LiteralString, TypeVar

if TYPE_CHECKING:
    import psycopg

AnyRow = TypeVar("AnyRow")


def own_sql(text: str) -> LiteralString:
    """A query, or a part of one, whose every name is written in this program: of its tables, its row types' fields."""
    return text  # pyright: ignore[reportReturnType]  # the one place that vouches for it


def columns(names: Iterable[str], of: LiteralString = "") -> LiteralString:
    """The fields of a row type as a list of columns, each after the alias `of` where there is one."""
    return own_sql(", ".join(f"{of}.{name}" if of else name for name in names))


AMONG: LiteralString = "account_id = any(coalesce(%(accounts)s::text[], array[account_id]))"
"""The condition that a row is of one of the accounts that something is limited to; the parameter is `listed`."""


def listed(accounts: Collection[str] | None) -> list[str] | None:
    """Accounts as the parameter `accounts` of `AMONG`; None: all."""
    return None if accounts is None else sorted(accounts)


def one_row(cursor: psycopg.Cursor[AnyRow]) -> AnyRow:
    """The row of a query that always has one, such as an aggregate. Raises LookupError where there is none."""
    row = cursor.fetchone()
    if row is None:
        raise LookupError("a query that always has a row has none")
    return row


def one_value(cursor: psycopg.Cursor[tuple[Any, ...]]) -> Any:
    """The first column of the row of a query that always has one. Raises LookupError where there is none."""
    return one_row(cursor)[0]


def text_array(values: Iterable[str]) -> str:
    """Texts as an array literal, for a parameter that is cast to text[]: ten thousand at once, faster than a list."""
    values = [*values]
    whole = "".join(values)
    if '"' in whole or "\\" in whole:
        values = [value.replace("\\", "\\\\").replace('"', '\\"') for value in values]
    return '{"' + '","'.join(values) + '"}' if values else "{}"
