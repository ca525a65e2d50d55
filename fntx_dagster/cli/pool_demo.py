"""A step of `fntx demo --proofs`: five traders, one of whom lies, added up without anybody seeing one of them."""

from __future__ import annotations

from time import perf_counter

from fntx_dagster.cli.aggregate import print_checked
from fntx_dagster.cli.terminal import out, title
from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period
from fntx_dagster.services.aggregation.checking import check_epoch
from fntx_dagster.services.aggregation.rehearsing import rehearse
from fntx_dagster.services.chain import serve
from fntx_dagster.services.database import Database
from fntx_dagster.settings import Settings


def add_up_traders(settings: Settings, db: Database, account: str, year: Period) -> None:
    """Run a pool with made-up traders, and check the file of its day over a node. Raises Permanent where it does not
    hold."""
    title("The totals of several traders, of whom nobody sees one")
    begin = perf_counter()
    done = rehearse(settings, db, settings.paths.home / "trustees", out)
    file = settings.paths.home / "epoch.json"
    file.write_text(done.file, encoding="ascii")
    out(f"{file.name}: {len(done.file) / 1000:,.0f} kB, after {perf_counter() - begin:.0f} s")
    with serve(settings, 0) as chain:
        checked = check_epoch(done.file, chain.url)
    print_checked(checked)
    if checked.exit_code:
        raise Permanent("the record of the pool's day does not hold", "This is a fault of the program: report it")
