"""Writing a Flex document: rows, sections and statements, with the dates and times that the parser reads."""

from __future__ import annotations

from datetime import UTC, date, datetime
from xml.sax.saxutils import quoteattr

TAIL = "</FlexStatements></FlexQueryResponse>"


def row(tag: str, **attributes: str) -> str:
    """An element of attributes alone."""
    return f"<{tag}{''.join(f' {name}={quoteattr(value)}' for name, value in attributes.items())} />"


def section(tag: str, *rows: str) -> str:
    """A section with its rows, or without any."""
    return "\n".join((f"<{tag}>", *rows, f"</{tag}>"))


def statement_of(account: str, first: str, last: str, generated: str, *sections: str) -> str:
    """The statement of an account over a period: its days as `plain` writes them, `generated` as `stamp` does."""
    head = row("FlexStatement", accountId=account, fromDate=first, toDate=last, whenGenerated=generated)
    return "\n".join((head.replace(" />", ">"), *sections, "</FlexStatement>"))


def head(count: int, query: str) -> str:
    """How a document of a query begins; its statements follow, and `TAIL`."""
    opening = row("FlexQueryResponse", queryName=query, type="AF").replace(" />", ">")
    return f'{opening}\n<FlexStatements count="{count}">'


def plain(day: date) -> str:
    """`20250717`."""
    return f"{day:%Y%m%d}"


def stamp(moment: datetime) -> str:
    """`20250717;164637 EDT`: a moment in its own zone, to the second."""
    return f"{moment:%Y%m%d;%H%M%S %Z}"


def exact_stamp(moment: datetime) -> str:
    """`20250717;204637.000042 UTC`: a moment in UTC, with its microseconds where it has any."""
    local = moment.astimezone(UTC)
    return f"{local:%Y%m%d;%H%M%S}{f'.{local:%f}' if local.microsecond else ''} UTC"
