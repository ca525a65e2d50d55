"""Drawing across a chart, in a real browser: the page of the days that were drawn across."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tools import needs_browser
from tests.verify.browser import Page, browser
from tests.web.looking import complaints, look

pytestmark = [needs_browser, pytest.mark.slow]

BOX = """(box => [box.left, box.top + box.height / 2, box.width])(
    document.querySelectorAll('.plot')[{number}].getBoundingClientRect())"""
DAYS = "[...document.querySelectorAll('figure[data-zoom] tbody tr > :first-child')].map(cell => cell.textContent)"


@pytest.fixture(scope="module")
def window() -> Iterator[Page]:
    with browser() as page:
        yield page


def draw(page: Page, start: float, end: float, number: int = 0, *, release: bool = True) -> None:
    """Press at a part of a chart's width, and move to another."""
    page.ask(f"document.querySelectorAll('.plot')[{number}].scrollIntoView({{block: 'center'}})")
    left, middle, width = page.ask(BOX.format(number=number))
    at = [{"x": left + width * part, "y": middle} for part in (start, end)]
    page.send("Input.dispatchMouseEvent", type="mousePressed", button="left", clickCount=1, **at[0])
    page.send("Input.dispatchMouseEvent", type="mouseMoved", button="left", buttons=1, **at[1])
    if release:
        page.send("Input.dispatchMouseEvent", type="mouseReleased", button="left", clickCount=1, **at[1])


@pytest.mark.parametrize(("path", "number"), [("/a/1", 0), ("/a/1/performance?window=all", 1)])
def test_drawing_across_a_chart_opens_the_days_drawn_across(window: Page, address: str, path: str, number: int) -> None:
    look(window, address + path)
    days = window.ask(DAYS)
    window.events.clear()
    first, last = 2, len(days) - 3
    draw(window, (last + 0.5) / len(days), (first + 0.5) / len(days), number)
    window.wait_for("Page.loadEventFired")
    assert window.ask("location.pathname + location.search") == f"/a/1/performance?from={days[first]}&to={days[last]}"
    shown = window.ask(DAYS)
    assert shown == days[first : last + 1]
    assert complaints(window, address) == []


def test_a_click_and_a_drawing_that_was_given_up_open_nothing(window: Page, address: str) -> None:
    look(window, f"{address}/a/1/performance?window=all")
    draw(window, 0.5, 0.5)
    draw(window, 0.2, 0.8, release=False)
    assert window.ask("document.querySelector('.band').hidden") is False
    window.send("Input.dispatchKeyEvent", type="keyDown", key="Escape")
    assert window.ask("document.querySelector('.band').hidden") is True
    left, middle, width = window.ask(BOX.format(number=0))
    window.send("Input.dispatchMouseEvent", type="mouseReleased", button="left", clickCount=1, x=left + width, y=middle)
    assert window.ask("location.search") == "?window=all"
