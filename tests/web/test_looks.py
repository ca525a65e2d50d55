"""Every page in a real browser: on a telephone, a tablet and a screen, light and dark, with and without script."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.tools import needs_browser
from tests.verify.browser import Page, browser
from tests.web.looking import WIDTHS, complaints, look, runs_over, violations
from tests.web.test_pages import ADDRESSES

pytestmark = [needs_browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def window() -> Iterator[Page]:
    with browser() as page:
        yield page


@pytest.mark.parametrize("path", ADDRESSES)
def test_every_page_is_whole_for_everybody_on_every_screen(window: Page, address: str, path: str) -> None:
    wrong: dict[str, list[str]] = {}
    for width in WIDTHS:
        for dark in (False, True):
            look(window, address + path, width, dark=dark)
            found = complaints(window, address) + runs_over(window) + violations(window)
            if found:
                wrong[f"{width} px, {'dark' if dark else 'light'}"] = found
    assert wrong == {}


@pytest.mark.parametrize("path", ADDRESSES)
def test_a_page_without_script_shows_every_figure(window: Page, address: str, path: str) -> None:
    look(window, address + path)
    shown = window.ask("document.querySelector('main').innerText")
    look(window, address + path, scripts=False)
    document = window.send("DOM.getDocument", depth=-1)["root"]["nodeId"]
    main = window.send("DOM.querySelector", nodeId=document, selector="main")["nodeId"]
    without = window.send("DOM.getOuterHTML", nodeId=main)["outerHTML"]
    figures = set(re.findall(r"[+-]?\d[\d,]*\.\d+", shown))
    assert figures <= set(re.findall(r"[+-]?\d[\d,]*\.\d+", re.sub(r"<[^>]+>", " ", without)))


def test_what_is_wrong_with_a_page_is_found(window: Page, address: str) -> None:
    """The test of the tests above."""
    look(window, f"{address}/", WIDTHS[0])
    window.ask(
        """document.querySelector('main').insertAdjacentHTML('beforeend',
        '<img src="http://elsewhere.invalid/x.png"><p class="soft" id="wide">' + 'x'.repeat(500) + '</p>');
        console.error('wrong'); new Promise(done => setTimeout(done, 300))"""
    )
    assert any("elsewhere.invalid" in each for each in complaints(window, address))
    assert any("wrong" in each for each in complaints(window, address))
    assert any(each.startswith("image-alt") for each in violations(window))
    assert runs_over(window)
