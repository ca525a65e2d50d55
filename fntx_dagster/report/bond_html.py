"""A report of a bond as one HTML file that needs nothing else. The same values give the same bytes."""

from __future__ import annotations

from collections.abc import Callable

from fntx_dagster.foreign import cleaned
from fntx_dagster.report.bond_report import BondReport
from fntx_dagster.report.clock import full_date
from fntx_dagster.report.page import report_page
from fntx_dagster.report.sheets import shown, table_of


def bond_report_html(report: BondReport, words: Callable[[str], str] = cleaned) -> str:
    """The report as a document; every text passes `words`."""
    page = report_page("bond.html.j2", words)
    return page.template.render(
        style=page.style,
        style_hash=page.style_hash,
        report=report,
        as_of=full_date(report.as_of),
        figures=[(figure.label, shown(figure.value)) for figure in report.figures],
        parts=[(table_of(sheet), sheet.empty) for sheet in report.sheets],
    )
