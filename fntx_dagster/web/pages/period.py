"""`/a/{n}/period`: several days as one, and what can be taken away of them: the report and the tables."""

from __future__ import annotations

from typing import Literal, cast
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response, StreamingResponse

from fntx_dagster.model.data_table import TABLES
from fntx_dagster.model.period import Period
from fntx_dagster.report.figures import difference_figure
from fntx_dagster.report.market import labelled_parts
from fntx_dagster.report.period import PeriodSummary
from fntx_dagster.report.summary_table import month_tables
from fntx_dagster.report.tables import Figure
from fntx_dagster.services.building.reports import report_page
from fntx_dagster.services.dashboard.period import (
    FORMS,
    period_of,
    period_report,
    period_table,
    usual_month,
)
from fntx_dagster.web.asking import Answer, Asked, NotFound, Shown

_MEDIA = {"md": "text/markdown", "json": "application/json", "html": "text/html"}
_NOTHING_ELSE = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""The policy of a file that a browser opens in spite of its being a download; the report holds a stricter one."""


def show(asked: Asked) -> Answer:
    """The range that the address names, or the month so far."""
    period = _period(asked)
    if period is None:
        return Shown("period.html.j2", "Period", {"period": None, "found": None})
    masked = not asked.visitor.sees_names
    found = period_of(asked.site.db, asked.account.account_id, period, asked.site.observer, masked=masked)
    if found and found.summary is None and period.first == period.last:
        return RedirectResponse(f"/a/{asked.account.number}/day/{found.days[0].trading_day}", 303)
    query = urlencode({"from": f"{period.first}", "to": f"{period.last}"})
    values = {
        "period": period,
        "found": found,
        "months": month_tables([story.day for story in found.stories], asked.site.observer) if found else [],
        "bar": _bar(found.summary) if found and found.summary else None,
        "reports": [(form, f"/a/{asked.account.number}/report.{form}?{query}") for form in FORMS],
        "tables": [(name, f"/a/{asked.account.number}/tables/{name}.csv?{query}") for name in TABLES],
    }
    return Shown("period.html.j2", "Period", values)


def download_report(asked: Asked) -> Answer:
    """The report of the range as a file."""
    form = asked.part("form")
    period = _period(asked)
    if form not in FORMS or period is None:
        raise NotFound
    text = period_report(
        asked.site.settings,
        asked.site.db,
        asked.account.account_id,
        period,
        asked.site.observer,
        cast(Literal["md", "json", "html"], form),
        masked=not asked.visitor.sees_names,
    )
    name = f"report-{asked.account.number}-{period.first}-{period.last}.{form}"
    headers = _as_file(name) | {"Content-Security-Policy": _NOTHING_ELSE}
    return Response(text, media_type=_MEDIA[form], headers=headers)


def show_written(asked: Asked) -> Answer:
    """The report of all accounts that a run wrote, on whichever machine."""
    content = report_page(asked.site.db, asked.part("name"))
    if content is None:
        raise NotFound
    return Response(
        content,
        media_type=_MEDIA["html"],
        headers={"Content-Security-Policy": f"{_NOTHING_ELSE}; img-src data:", "Cache-Control": "no-store"},
    )


def download_table(asked: Asked) -> Answer:
    """A table of the range as CSV."""
    table, period = asked.part("table"), _period(asked)
    if table not in TABLES or period is None:
        raise NotFound
    masked = not asked.visitor.sees_names
    pieces = period_table(asked.site.db, asked.account.account_id, period, table, masked=masked)
    name = f"{table}-{asked.account.number}-{period.first}-{period.last}.csv"
    return StreamingResponse(pieces, media_type="text/csv", headers=_as_file(name))


def _period(asked: Asked) -> Period | None:
    usual = usual_month(asked.site.db, asked.account.account_id)
    return asked.period(usual) if usual else None


def _bar(made: PeriodSummary) -> Figure | None:
    parts = labelled_parts(made.difference_parts, made.released_marks)
    if not parts and not made.unexplained:
        return None
    return difference_figure(parts, made.unexplained, made.base_currency, "difference")


def _as_file(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
