"""Flex documents for tests and the simulated broker: a statement with an account and days of its own."""

from __future__ import annotations

from pathlib import Path

from fntx_dagster.adapters.flex.writing import TAIL, plain, row, section, stamp, statement_of
from fntx_dagster.adapters.flex.writing import head as head_of

__all__ = ["TAIL", "document", "head", "plain", "row", "section", "stamp", "statement", "write"]


def statement(
    *sections: str,
    account: str = "U1000001",
    first: str = "20250717",
    last: str = "",
    generated: str = "20250719;050026 EDT",
) -> str:
    return statement_of(account, first, last or first, generated, *sections)


def document(*statements: str, count: int | None = None) -> str:
    return "\n".join((head(len(statements) if count is None else count), *statements, TAIL))


def head(count: int, query: str = "Test") -> str:
    """How a document begins; its statements follow, and `TAIL`."""
    return head_of(count, query)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path
