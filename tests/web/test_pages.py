"""The pages, asked over HTTP: what each shows is what its service says."""

from __future__ import annotations

import re
from datetime import date

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fntx_dagster.api.serving import served
from fntx_dagster.model.period import Period
from fntx_dagster.report import money
from fntx_dagster.services.database import Database
from fntx_dagster.services.performance import summary_rows
from fntx_dagster.web import health
from fntx_dagster.web.app import PAGES
from fntx_dagster.web.asking import Site, read_form

DAY = date(2025, 7, 17)
PARTS = {
    "{n:int}": "1",
    "{date}": f"{DAY}",
    "{key:path}": "3940000364",
    "{table}": "trades",
    "{row}": "4",
    "{form}": "md",
}
FILES = ("/a/1/trades.csv", "/a/1/report.md", "/a/1/tables/trades.csv")
OF_IDS = ("/a/1/raw/trades/4",)
"""A row as delivered names its account."""


def address_of(path: str) -> str:
    """A page of the demo by its path."""
    for part, value in PARTS.items():
        path = path.replace(part, value)
    return path


FILLED = [address_of(page.path) for page in PAGES if "GET" in page.methods]
ADDRESSES = [path for path in FILLED if "{" not in path and path not in FILES]
"""Without the pages of one order, book or execution: this home has none."""


@pytest.mark.parametrize("path", ADDRESSES)
def test_every_page_of_the_menu_and_beside_it_answers(address: str, path: str) -> None:
    answer = requests.get(address + path, timeout=60)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ADDRESSES)
def test_no_page_holds_a_style_or_a_script_of_its_own(address: str, path: str) -> None:
    text = requests.get(address + path, timeout=60).text
    assert not re.search(r"<style|<[^>]*\s(style|on\w+)=|<script(?![^>]*\ssrc=)|javascript:|hx-on", text)


@pytest.mark.parametrize("path", [path for path in ADDRESSES if path not in OF_IDS])
def test_no_page_shows_an_account_by_its_id(address: str, path: str) -> None:
    assert not re.search(r"\bU\d{7}\b", requests.get(address + path, timeout=60).text)


def test_the_page_of_a_day_shows_the_figures_of_its_summary(site: Site, address: str) -> None:
    (row,) = summary_rows(site.settings, site.db, Period.on(DAY))
    text = requests.get(f"{address}/a/1/day/{DAY}", timeout=60).text
    for name in ("opening_nav_official", "closing_nav_official"):
        assert f">{money.display(row[name])}</a></dd>" in text
    assert money.display(row["net_pnl"], signed=True) in text


@pytest.mark.parametrize(("path", "said"), [("/healthz", "alive\n"), ("/readyz", "ready\n")])
def test_probes_are_answered_without_a_visitor_and_told_nothing_else(address: str, path: str, said: str) -> None:
    answer = requests.get(address + path, headers={"Host": "probe"}, timeout=60)
    assert (answer.status_code, answer.text, answer.headers["Cache-Control"]) == (200, said, "no-store")
    assert requests.post(address + path, timeout=60).status_code == 405


def test_a_server_without_its_database_is_alive_and_not_ready() -> None:
    with served(health.answers(Database("postgresql://nobody:secret@127.0.0.1:9/none"))) as url:
        assert requests.get(f"{url}/healthz", timeout=60).status_code == 200
        answer = requests.get(f"{url}/readyz", timeout=60)
    assert (answer.status_code, answer.text) == (503, "the database does not answer\n")


@pytest.mark.parametrize(
    ("content", "media", "status"),
    [
        (b"a=1", "text/plain", 415),
        (b"a=1", "multipart/form-data; boundary=x", 415),
        (b"a=" + b"x" * 70_000, "application/x-www-form-urlencoded", 413),
        (b"a=%ff", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a=1" for _ in range(300)), "application/x-www-form-urlencoded", 400),
    ],
)
def test_what_is_no_form_of_a_page_is_refused(content: bytes, media: str, status: int) -> None:
    async def read(request: Request) -> Response:
        return JSONResponse(await read_form(request))

    with served(Starlette(routes=[Route("/", read, methods=["POST"])])) as url:
        assert requests.post(url, content, headers={"Content-Type": media}, timeout=60).status_code == status
        given = requests.post(url, {"reason": "a & b", "empty": ""}, timeout=60)
    assert given.json() == {"reason": "a & b", "empty": ""}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/a/2", 404),
        ("/a/1/day/2025-07-19", 404),
        ("/a/1/day/2025-7-17", 400),
        ("/a/1/day/9999-99-99", 400),
        ("/a/1/day/0001-01-01", 400),
        ("/a/1/report.html?from=0001-01-01&to=0001-01-01", 400),
        ("/a/1/report.json?from=9999-12-31&to=9999-12-31", 400),
        ("/a/0", 404),
        ("/nothing", 404),
        ("/static/0000000000000000/site.css", 404),
        ("/static/x/../../../etc/passwd", 404),
    ],
)
def test_what_there_is_not_is_said_on_a_page_of_ours(address: str, path: str, status: int) -> None:
    answer = requests.get(address + path, timeout=60)
    assert answer.status_code == status
    assert "To the accounts" in answer.text
