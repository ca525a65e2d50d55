"""The pictures of the dashboard in docs. `python -m tests.web.pictures` makes them anew, in a minute or two.

They are of the home that `fntx demo` leaves, served by `fntx serve`, which a browser enters by its link as a person does.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.homes import home
from tests.processes import FNTX, environment, run
from tests.verify.browser import Page, browser
from tests.web.looking import look, picture

DOCS = Path(__file__).parents[2] / "docs"
PICTURES = {
    "dashboard-overview": ("/a/1", 1200, False),
    "dashboard-day": ("/a/1/day/2025-07-18", 1200, False),
    "dashboard-row": ("/a/1/raw/trades/3", 1200, False),
    "dashboard-positions": ("/a/1/positions/2025-07-17", 1200, True),
    "dashboard-performance": ("/a/1/performance", 390, True),
}
"""Name → the page, the width of the window, and whether it is dark."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """`fntx serve` on a home: the link that signs in."""
    command = [FNTX, "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment(folder), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        try:
            yield next(found[0] for line in process.stderr if (found := re.search(r"http://\S+/enter#\S+", line)))
        finally:
            process.terminate()
            process.stderr.read()


def entered(page: Page, link: str) -> str:
    """Open the link in the browser, as a person does: where the dashboard is."""
    look(page, link)
    address = link.partition("/enter")[0]
    while page.ask("location.pathname") != "/":
        page.ask("new Promise(done => setTimeout(done, 50))")
    return address


def main() -> None:
    with home() as folder:
        assert run(folder, "demo").returncode == 0
        with served(folder) as link, browser() as page:
            address = entered(page, link)
            for name, (path, width, dark) in PICTURES.items():
                look(page, address + path, width, dark=dark)
                picture(page, DOCS / f"{name}.png")


if __name__ == "__main__":
    main()
