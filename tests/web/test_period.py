"""The page of a range, and what it hands out: the report's own words, sums and files."""

from __future__ import annotations

import csv
import json
import re
from datetime import date
from decimal import Decimal
from html import unescape
from io import StringIO

import pytest
import requests

from fntx_dagster.model.data_table import TABLES
from fntx_dagster.model.period import Period
from fntx_dagster.report import money
from fntx_dagster.services.dashboard.period import period_report, period_table
from fntx_dagster.services.performance import summary_rows
from fntx_dagster.services.reporting import report
from fntx_dagster.web.asking import Site

ACCOUNT = "U1000001"
RANGE = Period(date(2025, 7, 7), date(2025, 7, 18))
QUERY = f"?from={RANGE.first}&to={RANGE.last}"


def test_the_lines_and_the_sums_are_those_of_the_report(site: Site, address: str) -> None:
    text = requests.get(f"{address}/a/1/period{QUERY}", timeout=60).text
    words = unescape(re.sub(r"<[^>]*>", "", text))
    rows = summary_rows(site.settings, site.db, RANGE)
    for name in ("difference", "unexplained", "net_pnl"):
        assert money.display(sum((row[name] for row in rows), Decimal(0)), signed=True) in words
    written = report(site.settings, site.db, RANGE, site.observer)
    movers = re.findall(r"Your best day is [^.]*\.", re.sub(r"[*]", "", written))
    assert movers
    assert movers[0] in words
    for row in rows:
        assert f'href="/a/1/day/{row["trading_day"]}"' in text


@pytest.mark.parametrize(
    ("form", "media"), [("md", "text/markdown"), ("json", "application/json"), ("html", "text/html")]
)
def test_a_report_is_handed_out_as_the_terminal_writes_it(site: Site, address: str, form: str, media: str) -> None:
    answer = requests.get(f"{address}/a/1/report.{form}{QUERY}", timeout=60)
    assert answer.headers["Content-Type"].partition(";")[0] == media
    assert answer.headers["Content-Disposition"] == f'attachment; filename="report-1-2025-07-07-2025-07-18.{form}"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.content.decode() == report(site.settings, site.db, RANGE, site.observer, form=form)  # pyright: ignore[reportArgumentType]  # one of the three
    if form == "json":
        assert json.loads(answer.content)["days"]


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_handed_out_whole(address: str, name: str) -> None:
    answer = requests.get(f"{address}/a/1/tables/{name}.csv{QUERY}", timeout=60)
    assert answer.status_code == 200
    rows = list(csv.DictReader(StringIO(answer.content.decode())))
    assert all(row["account_id"] == ACCOUNT for row in rows)
    if name == "summary":
        assert [row["trading_day"] for row in rows] == [
            f"2025-07-{day:02}" for day in (7, 8, 9, 10, 11, 14, 15, 16, 17, 18)
        ]


@pytest.mark.parametrize("name", TABLES)
def test_what_is_masked_names_no_account(site: Site, name: str) -> None:
    assert ACCOUNT not in "".join(period_table(site.db, ACCOUNT, RANGE, name, masked=True))


def test_a_masked_report_names_no_account_and_has_no_words_of_the_broker(site: Site) -> None:
    july = Period(date(2025, 7, 1), date(2025, 7, 18))
    for form in ("md", "json", "html"):
        text = period_report(site.settings, site.db, ACCOUNT, july, site.observer, form, masked=True)
        assert ACCOUNT not in text
        assert "ACCOUNT HOLDER" not in text
    events = "".join(period_table(site.db, ACCOUNT, july, "events", masked=True))
    assert "ACCOUNT HOLDER" not in events


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("period?from=2020-01-01&to=2025-07-18", 409),
        ("report.html?from=2020-01-01&to=2025-07-18", 409),
        ("tables/fills.csv?from=2020-01-01&to=2025-07-18", 409),
        ("report.pdf", 404),
        ("tables/pg_user.csv", 404),
        ("tables/fills;drop.csv", 404),
        ("period?from=2025-07-18&to=2025-07-01", 400),
        ("report.md?from=x", 400),
    ],
)
def test_what_there_is_not_or_is_too_long_is_said(address: str, path: str, status: int) -> None:
    answer = requests.get(f"{address}/a/1/{path}", timeout=60)
    assert answer.status_code == status
    assert "To the accounts" in answer.text


def test_a_range_of_one_day_is_that_day(address: str) -> None:
    answer = requests.get(f"{address}/a/1/period?from=2025-07-17&to=2025-07-17", timeout=60, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/a/1/day/2025-07-17")


def test_a_range_without_days_says_so(address: str) -> None:
    text = requests.get(f"{address}/a/1/period?from=2019-01-01&to=2019-02-01", timeout=60).text
    assert "No session of these days is built." in text
