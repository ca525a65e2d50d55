"""What Dagster shows and keeps: log lines, metadata, results, failures, reasons. No other module of `defs` makes one.

Everything passes here on its way out: a text in which no character steers what shows it, and no account id is whole.
Markdown keeps its lines; it was escaped where it was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import dagster as dg

from fntx_dagster.errors import without_accounts
from fntx_dagster.foreign import cleaned, cleaned_lines


class Logs(Protocol):
    """The context of an asset, a check, an op or a sensor."""

    @property
    def log(self) -> Any: ...


def text(words: str) -> str:
    """Words of others or about an account on one line, as they may be kept."""
    return without_accounts(cleaned(words))


def info(context: Logs, line: str) -> str:
    """Write a line to the log of a run or a tick, and return it as it was written."""
    context.log.info(shown := text(line))
    return shown


def warning(context: Logs, line: str) -> str:
    """As `info`, as a warning."""
    context.log.warning(shown := text(line))
    return shown


def metadata(values: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata by name; names are texts too."""
    return {text(name): _value(value) for name, value in values.items()}


def materialized(values: Mapping[str, Any], **of: Any) -> dg.MaterializeResult:
    """The result of an asset with its metadata; `of` is the rest of it, such as its checks."""
    return dg.MaterializeResult(metadata=metadata(values), **of)


def checked(*, description: str | None, values: Mapping[str, Any], **of: Any) -> dg.AssetCheckResult:
    """The result of a check with its description and metadata; `of` is the rest of it."""
    described = None if description is None else text(description)
    return dg.AssetCheckResult(description=described, metadata=metadata(values), **of)


def failure(words: str) -> dg.Failure:
    """A failure that no retry policy repeats."""
    return dg.Failure(text(words), allow_retries=False)


def skipped(words: str) -> dg.SkipReason:
    """Why a tick requests no run."""
    return dg.SkipReason(text(words))


def _value(value: Any) -> Any:
    """A value of metadata, as deep as it goes."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dg.MarkdownMetadataValue):
        return dg.MetadataValue.md(without_accounts(cleaned_lines(value.md_str or "")))
    if isinstance(value, dg.TextMetadataValue):
        return dg.MetadataValue.text(text(value.text or ""))
    if isinstance(value, dg.UrlMetadataValue):
        return dg.MetadataValue.url(cleaned(value.url or ""))
    if isinstance(value, dg.JsonMetadataValue):
        return dg.MetadataValue.json(_value(value.data))
    if isinstance(value, dg.MetadataValue):
        return value  # a figure, a path, a table's shape: no text of others
    if isinstance(value, Mapping):
        return {text(str(name)): _value(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_value(each) for each in value]
    return value
