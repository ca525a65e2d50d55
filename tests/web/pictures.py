"""The pictures of the dashboard in docs. `python -m tests.web.pictures` makes them anew, in a minute or two.

They are of the home that `fntx demo` leaves, served by `fntx serve`; a browser enters by its link as a person does.
"""

from __future__ import annotations

from pathlib import Path

from tests.homes import home
from tests.processes import run
from tests.verify.browser import browser
from tests.web.looking import look, picture
from tests.web.served import entered, served

DOCS = Path(__file__).parents[2] / "docs"
PICTURES = {
    "dashboard-overview": ("/a/1", 1200, False),
    "dashboard-day": ("/a/1/day/2025-07-18", 1200, False),
    "dashboard-row": ("/a/1/raw/trades/4", 1200, False),
    "dashboard-positions": ("/a/1/positions/2025-07-17", 1200, True),
    "dashboard-performance": ("/a/1/performance", 390, True),
}
"""Name → the page, the width of the window, and whether it is dark."""


def main() -> None:
    with home() as folder:
        assert run(folder, "demo").returncode == 0
        with served(folder) as (_, link), browser() as page:
            address = entered(page, link)
            for name, (path, width, dark) in PICTURES.items():
                look(page, address + path, width, dark=dark)
                picture(page, DOCS / f"{name}.png")


if __name__ == "__main__":
    main()
