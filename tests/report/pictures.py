"""The pictures of reports in docs. `python -m tests.report.pictures` makes them anew; it takes some minutes.

The month is that of the bundled statements. The year is that of a simulated account beside a benchmark with made-up
prices, at 1440 and at 390 pixels. Both are built as a user builds them, and a browser takes the pictures.
"""

from __future__ import annotations

import base64
import random
import subprocess
import sys
import tempfile
from datetime import date
from decimal import Decimal
from pathlib import Path

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.settings.environment import child_environment
from fntx_dagster.simulate.delivery import ACTIVITY, QUERIES, delivered, write_document
from fntx_dagster.simulate.trading import trade
from tests.homes import home
from tests.verify.browser import Page, browser

DOCS = Path(__file__).parents[2] / "docs"
SAMPLES = Path(__file__).parents[2] / "fntx_dagster" / "samples"
MONTH = date(2025, 7, 1), date(2025, 7, 18)
YEAR = date(2024, 7, 1), date(2025, 6, 30)
_BUILD = """
import sys
from datetime import date
from pathlib import Path
from fntx_dagster.defs.run import run_range
from fntx_dagster.model.period import Period
from fntx_dagster.services.database import open_database
from fntx_dagster.services.reporting import report
from fntx_dagster.model.session import HONG_KONG
from fntx_dagster.settings import load_settings
from fntx_dagster.store.raw_flex.statements import load_paths

statements, first, last, page, masked = sys.argv[1:]
settings, period = load_settings(), Period(date.fromisoformat(first), date.fromisoformat(last))
db = open_database(settings)
load_paths(db, [Path(statements)])
outcome = run_range(settings, "verify_days", period)
assert outcome.success, outcome.failures
Path(page).write_text(report(settings, db, period, HONG_KONG, None, "html", masked=bool(masked)), encoding="utf-8")
"""


def build(statements: Path, first: date, last: date, page: Path, *, masked: str = "", **more: str) -> None:
    """The HTML report of the statements, from a home of its own."""
    with home() as folder:
        command = [sys.executable, "-c", _BUILD, str(statements), f"{first}", f"{last}", str(page), masked]
        subprocess.run(command, env=child_environment({"FNTX_HOME": str(folder), **more}), check=True)


def year(folder: Path) -> Path:
    """The page of the simulated year."""
    first, last = YEAR
    [books] = trade(5, ["U3000001"], first, last, trades_per_day=2)
    document = delivered([books], QUERIES[ACTIVITY], first, last, as_of=last)
    assert document is not None
    write_document(folder / "year.xml", document)
    moves, price = random.Random(11), 545.0
    lines = ["date,close"]
    for session in sessions(first, last):
        price *= 1 + moves.gauss(0.0003, 0.008)
        lines.append(f"{session.day},{Decimal(price):.2f}")
    (folder / "SPY.csv").write_text("\n".join(lines), encoding="utf-8")
    page = folder / "year.html"
    build(folder / "year.xml", first, last, page, masked="masked", FNTX_BENCHMARK=str(folder / "SPY.csv"))
    return page


def shot(page: Page, file: Path, width: int, height: int, shown: float = 1.0) -> bytes:
    """The upper part of a page as a PNG; `shown` is its size beside the screen's."""
    page.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=shown, mobile=False)
    page.open(file)
    page.ask("document.fonts.ready.then(() => true)")
    return base64.b64decode(page.send("Page.captureScreenshot", format="png")["data"])


def beside(page: Page, file: Path, pictures: list[bytes], height: int, width: int) -> bytes:
    """Pictures beside one another, as one."""
    images = "".join(f'<img src="data:image/png;base64,{base64.b64encode(each).decode()}">' for each in pictures)
    style = "body{margin:0;display:flex;justify-content:space-between;background:#fff}"
    file.write_text(f"<!doctype html><title>Pictures</title><style>{style}</style>{images}", encoding="utf-8")
    return shot(page, file, width, height)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="fntx-pictures-", dir="/tmp") as name, browser() as page:
        folder = Path(name)
        page.send("Emulation.setScrollbarsHidden", hidden=True)
        page.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
        build(SAMPLES, *MONTH, folder / "month.html")
        (DOCS / "report-html.png").write_bytes(shot(page, folder / "month.html", 1200, 1600, 0.8))
        file = year(folder)
        both = [shot(page, file, 1440, 2900, 0.5), shot(page, file, 390, 2636, 0.55)]
        (DOCS / "report-year.png").write_bytes(beside(page, folder / "both.html", both, 1450, 950))


if __name__ == "__main__":
    main()
