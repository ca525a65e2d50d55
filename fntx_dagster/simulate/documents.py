"""Flex documents from their parts: rows, sections, statements."""

from __future__ import annotations

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
    opening = f'<FlexStatements count="{len(statements) if count is None else count}">'
    return "\n".join(
        (
            '<FlexQueryResponse queryName="Test" type="AF">',
            opening,
            *statements,
            "</FlexStatements></FlexQueryResponse>",
        )
    )


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path
