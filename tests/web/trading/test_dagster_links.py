"""Dagster's pages lead to the dashboard's: the report of a day names the page of that day."""

from __future__ import annotations

from datetime import date

from fntx_dagster.model.period import Period
from fntx_dagster.services.building.reports import write_reports
from fntx_dagster.services.visitors.visitor import OWNER, Visitor
from fntx_dagster.web.asking import Site
from tests.web.asking import ask

DAY = date(2025, 7, 17)


def test_the_report_of_a_day_links_to_the_page_of_the_day(site: Site) -> None:
    [report] = write_reports(site.settings, site.db, Period.on(DAY)).narratives
    assert report.page == f"http://localhost:8765/a/1/day/{DAY}"
    answer = ask(site, report.page.removeprefix("http://localhost:8765"), Visitor("olga", OWNER))
    assert answer.status_code == 200


def test_the_link_goes_to_the_origin_of_the_settings(site: Site) -> None:
    web = site.settings.web.model_copy(update={"origin": "https://fntx.example.com"})
    settings = site.settings.model_copy(update={"web": web})
    [report] = write_reports(settings, site.db, Period.on(DAY)).narratives
    assert report.page == f"https://fntx.example.com/a/1/day/{DAY}"
