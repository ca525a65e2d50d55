"""The HTML report as a reader opens it: from a file, in a real browser, without a network."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tools import needs_browser
from tests.verify.browser import Page, browser

from .html_pages import month_page, role_model_page, year_of_charts

pytestmark = needs_browser

SUMMARY_FITS = """(() => { const box = document.querySelector('.summaries .wide');
    return box.scrollWidth <= box.clientWidth; })()"""
TOUCHING = """[...document.querySelectorAll('svg')].flatMap(svg => {
    const labels = [...svg.querySelectorAll('text')].filter(e => e.checkVisibility());
    const boxes = labels.map(e => e.getBoundingClientRect());
    return labels.flatMap((a, i) => labels.slice(i + 1).flatMap((b, k) => {
        const [p, q] = [boxes[i], boxes[i + 1 + k]];
        const apart = p.right <= q.left || q.right <= p.left || p.bottom <= q.top + 2 || q.bottom <= p.top + 2;
        return apart ? [] : [`${a.textContent} | ${b.textContent}`];
    }));
})"""
"""Pairs of labels of one drawing that touch each other."""
BEYOND = """[...document.querySelectorAll('.drawing')].flatMap(box => {
    const room = box.getBoundingClientRect();
    return [...box.querySelectorAll('text, rect, path')].filter(e => {
        const own = e.checkVisibility() ? e.getBoundingClientRect() : room;
        const halo = parseFloat(getComputedStyle(e).strokeWidth) / 2 + 1;
        return own.left < room.left - halo || own.right > room.right + halo || own.bottom > room.bottom + halo;
    }).map(e => `${box.ariaLabel}: ${e.textContent || e.tagName}`);
})"""
"""What of a drawing lies outside of its box, and is cut off."""
COLOUR = "getComputedStyle(document.querySelector('svg.chart .s-accent')).stroke"
GROUND = "getComputedStyle(document.body).backgroundColor"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    file = tmp_path_factory.mktemp("report") / "july.html"
    file.write_text(role_model_page(), encoding="utf-8")
    with browser() as page:
        page.send("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
        page.send("Emulation.setDeviceMetricsOverride", width=1280, height=900, deviceScaleFactor=1, mobile=False)
        page.open(file)
        page.file = file
        yield page


def open_month(page: Page, folder: Path) -> None:
    file = folder / "month.html"
    file.write_text(month_page(), encoding="utf-8")
    page.open(file)


def light_or_dark(page: Page, scheme: str, media: str = "screen") -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.send("Emulation.setEmulatedMedia", media=media, features=features)


def test_it_asks_for_nothing_but_itself_and_breaks_no_policy(opened: Page) -> None:
    asked = [
        event["params"]["request"]["url"]
        for event in opened.events
        if event.get("method") == "Network.requestWillBeSent"
    ]
    assert asked == [opened.file.as_uri()]
    assert not [event for event in opened.events if event.get("method") == "Log.entryAdded"]


def test_its_style_holds_in_light_and_in_dark_and_never_is_dark_on_paper(opened: Page) -> None:
    light_or_dark(opened, "light")
    light = opened.ask(GROUND), opened.ask(COLOUR)
    light_or_dark(opened, "dark")
    dark = opened.ask(GROUND), opened.ask(COLOUR)
    light_or_dark(opened, "dark", "print")
    paper = opened.ask(GROUND), opened.ask(COLOUR)
    light_or_dark(opened, "light")
    assert light == ("rgb(253, 252, 250)", "rgb(31, 95, 168)")
    assert dark == ("rgb(18, 22, 28)", "rgb(127, 180, 238)")
    assert paper == ("rgb(255, 255, 255)", "rgb(31, 95, 168)")


def test_a_chart_is_drawn_over_the_width_of_the_page_and_the_summary_fits(opened: Page) -> None:
    drawn = opened.ask("document.querySelector('svg.chart').getBoundingClientRect().width")
    assert drawn > 900
    assert opened.ask(SUMMARY_FITS)
    assert opened.ask("document.documentElement.scrollWidth <= innerWidth")


def test_a_narrow_page_scrolls_inside_its_tables_and_not_as_a_whole(opened: Page) -> None:
    opened.send("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=False)
    assert opened.ask("document.documentElement.scrollWidth <= innerWidth")
    words = "[...document.querySelectorAll('td.word')].map(e => e.getBoundingClientRect().width).filter(w => w)"
    assert opened.ask(f"Math.min(...{words})") >= 7 * 16, "a day with its time takes two lines, not four"
    opened.send("Emulation.setDeviceMetricsOverride", width=1280, height=900, deviceScaleFactor=1, mobile=False)


@pytest.mark.parametrize("width", [1440, 1280, 1024, 900, 768, 600, 390, 360])
def test_every_chart_is_whole_and_legible_and_no_two_labels_touch(opened: Page, tmp_path: Path, width: int) -> None:
    file = tmp_path / "year.html"
    file.write_text(year_of_charts(), encoding="utf-8")
    opened.send("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
    opened.open(file)
    assert opened.ask("document.querySelectorAll('.drawing').length") == 10
    assert opened.ask(BEYOND) == []
    assert opened.ask(TOUCHING) == []
    small = "[...document.querySelectorAll('text')].map(e => parseFloat(getComputedStyle(e).fontSize))"
    assert opened.ask(f"Math.min(...{small})") >= 9.6
    assert opened.ask("document.documentElement.scrollWidth <= innerWidth")
    opened.send("Emulation.setDeviceMetricsOverride", width=1280, height=900, deviceScaleFactor=1, mobile=False)


def test_a_line_keeps_its_width_and_a_dot_its_shape_however_narrow_the_chart(opened: Page, tmp_path: Path) -> None:
    """Lines stretch with the chart; without the style sheet's word their strokes would, too."""
    file = tmp_path / "year.html"
    file.write_text(year_of_charts(), encoding="utf-8")
    opened.open(file)
    effects = "[...document.querySelectorAll('.plot path')].map(e => getComputedStyle(e).vectorEffect)"
    assert set(opened.ask(effects)) == {"non-scaling-stroke"}


def test_a_day_in_the_summary_leads_to_its_narrative(opened: Page) -> None:
    opened.open(opened.file)
    opened.ask("document.querySelector('.summaries a[href=\"#a1-2025-07-18\"]').click()")
    assert opened.ask("location.hash") == "#a1-2025-07-18"
    assert "Friday, July 18, 2025" in opened.ask("document.querySelector(location.hash).textContent")


def test_a_month_prints_to_at_most_a_page_for_three_days(opened: Page, tmp_path: Path) -> None:
    opened.send("Emulation.setEmulatedMedia", media="")
    open_month(opened, tmp_path)
    days = opened.ask("document.querySelectorAll('article.day').length")
    printed = base64.b64decode(opened.send("Page.printToPDF", preferCSSPageSize=True)["data"])
    pages = len(re.findall(rb"/Type /Page\b", printed))
    assert days == 22
    assert 3 < pages <= math.ceil(days / 3)


def test_what_is_printed_is_on_the_paper_and_of_a_size_that_can_be_read(opened: Page, tmp_path: Path) -> None:
    open_month(opened, tmp_path)
    light_or_dark(opened, "light", "print")
    opened.send("Emulation.setDeviceMetricsOverride", width=718, height=1050, deviceScaleFactor=1, mobile=False)
    beyond = "[...document.querySelectorAll('table, svg, p, li')].filter(e => e.getBoundingClientRect().right > 719)"
    assert opened.ask(f"{beyond}.map(e => e.textContent.slice(0, 60))") == []
    sizes = "[...document.querySelectorAll('td, li, p, code')].map(e => parseFloat(getComputedStyle(e).fontSize))"
    assert opened.ask(f"Math.min(...{sizes}) * 72 / 96") >= 6.99
    light_or_dark(opened, "light")
