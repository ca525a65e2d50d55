"""The pages, asked over HTTP: what each shows is what its service says."""

from __future__ import annotations

import re
from datetime import date

import pytest
import requests

from fntx_dagster.model.period import Period
from fntx_dagster.report import money
from fntx_dagster.services.performance import summary_rows
from fntx_dagster.web.app import PAGES
from fntx_dagster.web.asking import Site

DAY = date(2025, 7, 17)
ADDRESSES = [page.path.replace("{n:int}", "1").replace("{date}", f"{DAY}") for page in PAGES]


@pytest.mark.parametrize("path", ADDRESSES)
def test_every_page_of_the_menu_and_beside_it_answers(address: str, path: str) -> None:
    answer = requests.get(address + path, timeout=60)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ADDRESSES)
def test_no_page_holds_a_style_or_a_script_of_its_own(address: str, path: str) -> None:
    text = requests.get(address + path, timeout=60).text
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=|javascript:|hx-on", text)


@pytest.mark.parametrize("path", ADDRESSES)
def test_no_page_shows_an_account_by_its_id(address: str, path: str) -> None:
    assert not re.search(r"\bU\d{7}\b", requests.get(address + path, timeout=60).text)


def test_the_page_of_a_day_shows_the_figures_of_its_summary(site: Site, address: str) -> None:
    (row,) = summary_rows(site.settings, site.db, Period.on(DAY))
    text = requests.get(f"{address}/a/1/day/{DAY}", timeout=60).text
    for name in ("opening_nav_official", "closing_nav_official"):
        assert f"<dd>{money.display(row[name])}</dd>" in text
    assert money.display(row["net_pnl"], signed=True) in text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/a/2", 404),
        ("/a/1/day/2025-07-19", 404),
        ("/a/1/day/2025-7-17", 400),
        ("/a/1/day/9999-99-99", 400),
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
