"""Flex documents from their parts: rows, sections, statements, and dates as they write them."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from xml.sax.saxutils import quoteattr


def row(tag: str, **attributes: str) -> str:
    return f"<{tag}{''.join(f' {name}={quoteattr(value)}' for name, value in attributes.items())} />"


def section(tag: str, *rows: str) -> str:
    return "\n".join((f"<{tag}>", *rows, f"</{tag}>"))


def statement(
    *sections: str,
    account: str = "U1000001",
    first: str = "20250717",
    last: str = "",
    generated: str = "20250719;050026 EDT",
) -> str:
    head = row("FlexStatement", accountId=account, fromDate=first, toDate=last or first, whenGenerated=generated)
    return "\n".join((head.replace(" />", ">"), *sections, "</FlexStatement>"))


def document(*statements: str, count: int | None = None) -> str:
    return "\n".join((head(len(statements) if count is None else count), *statements, TAIL))


def head(count: int, query: str = "Test") -> str:
    """How a document begins; its statements follow, and `TAIL`."""
    opening = row("FlexQueryResponse", queryName=query, type="AF").replace(" />", ">")
    return f'{opening}\n<FlexStatements count="{count}">'


TAIL = "</FlexStatements></FlexQueryResponse>"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def plain(day: date) -> str:
    return f"{day:%Y%m%d}"


def stamp(moment: datetime) -> str:
    return f"{moment:%Y%m%d;%H%M%S %Z}"
