"""Rows that a service returns, as the tables that Dagster's UI shows."""

from collections.abc import Iterable, Sequence

import dagster as dg

from fntx_dagster.report.markdown import table


def shown_table(headers: Sequence[str], rows: Iterable[Sequence[object]], left_aligned: int) -> dg.MetadataValue:
    """A table in Markdown; the first `left_aligned` columns are words, the others figures."""
    return dg.MetadataValue.md(table(headers, [[str(cell) for cell in row] for row in rows], left_aligned))
