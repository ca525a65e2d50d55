"""A page of the dashboard as a person's browser shows it: how wide, light or dark, and what is wrong with it.

What belongs here: asking a real browser. `vendor/axe-4.14.1.min.js` is Deque's axe-core (MPL-2.0), which finds what
keeps people out of a page.
"""

from __future__ import annotations

import json
from base64 import b64decode
from functools import cache
from pathlib import Path
from typing import Any

from tests.verify.browser import Page

WIDTHS = (390, 1024, 1440)
"""A telephone, a tablet, a screen; in CSS pixels."""
_AXE = Path(__file__).parent / "vendor" / "axe-4.14.1.min.js"
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_PAINT = "performance.getEntriesByName('first-contentful-paint').map(entry => entry.startTime)[0]"
_WEIGHT = (
    "performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource'))"
    ".reduce((sum, entry) => sum + entry.transferSize, 0)"
)


def look(page: Page, url: str, width: int = WIDTHS[-1], *, dark: bool = False, scripts: bool = True) -> None:
    """Open a page in a window of a width, and wait until it and what it loads are there."""
    page.send("Emulation.setScriptExecutionDisabled", value=not scripts)
    page.send(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=900,
        deviceScaleFactor=1,
        mobile=width < 600,
        screenWidth=width,
        screenHeight=900,
    )
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    page.send("Emulation.setEmulatedMedia", features=[scheme])
    page.events.clear()
    page.send("Page.navigate", url=url)
    page.wait_for("Page.loadEventFired")


def complaints(page: Page, address: str) -> list[str]:
    """What the browser reports of the page since it was opened: errors, and requests to anywhere but `address`."""
    found = []
    for event in page.events:
        params = event.get("params", {})
        match event.get("method"):
            case "Runtime.exceptionThrown":
                found.append(json.dumps(params["exceptionDetails"])[:500])
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                found.append(json.dumps(params["args"])[:500])
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                found.append(params["entry"]["text"])
            case "Network.requestWillBeSent":
                url = params["request"]["url"]
                if not url.startswith((address + "/", address.replace("http", "ws") + "/", "data:", "blob:")):
                    found.append(f"a request to {url}")
    return found


def violations(page: Page) -> list[str]:
    """What axe-core finds against WCAG 2.2 A and AA: the rule, and where."""
    page.send("Runtime.evaluate", expression=_axe())
    asked = f"axe.run(document, {{runOnly: {json.dumps(_RULES)}}}).then(found => found.violations)"
    found: list[dict[str, Any]] = page.ask(asked)
    return [f"{each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]]


def runs_over(page: Page) -> list[str]:
    """What is wider than the window: the page then scrolls sideways. Empty where nothing is."""
    return page.ask(
        """document.documentElement.scrollWidth <= screen.width ? [] :
        [...document.body.querySelectorAll('*')]
            .filter(each => each.getBoundingClientRect().right > screen.width + 1 && !each.closest('.wide, .drawing'))
            .map(each => each.outerHTML.slice(0, 120)).concat('the page')"""
    )


def first_paint(page: Page) -> float:
    """Seconds from the request to the first contentful paint."""
    while (milliseconds := page.ask(_PAINT)) is None:
        page.ask("new Promise(done => requestAnimationFrame(done))")
    return milliseconds / 1000


def weight(page: Page) -> int:
    """Bytes that the page and all that it loaded took on the wire."""
    return page.ask(_WEIGHT)


def picture(page: Page, file: Path, *, whole: bool = False) -> None:
    """Write what the window shows, or the whole page, as PNG."""
    taken = page.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
    file.write_bytes(b64decode(taken["data"]))


@cache
def _axe() -> str:
    return _AXE.read_text(encoding="utf-8")
