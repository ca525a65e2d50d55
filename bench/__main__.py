"""Every figure that the platform is held to, as one table: `make bench`, or `python bench NAME …` for some of them.

Each benchmark says what it measures where it is written. A figure is a median, taken beside its peer or its limit in
one run, on a machine that should have nothing else to do. All of them take some 40
minutes, five of them ten years in one run.
"""

from __future__ import annotations

import sys

import accounts
import aggregate
import audit
import crashes
import days
import history
import metrics
import mutations
import orders
import pages
import periods
import reconciliation
import scale
import schedules
import scraping
import screening
import signals
import statement
import streaming
import terminal
import waterfalls
from measuring import shown

BENCHMARKS = {
    "terminal": terminal.measure,
    "statement": statement.measure,
    "metrics": metrics.measure,
    "history": history.measure,
    "days": days.measure,
    "accounts": accounts.measure,
    "mutations": mutations.measure,
    "orders": orders.measure,
    "pages": pages.measure,
    "periods": periods.measure,
    "reconciliation": reconciliation.measure,
    "schedules": schedules.measure,
    "scale": scale.measure,
    "scraping": scraping.measure,
    "screening": screening.measure,
    "signals": signals.measure,
    "streaming": streaming.measure,
    "aggregate": aggregate.measure,
    "audit": audit.measure,
    "waterfalls": waterfalls.measure,
    "crashes": crashes.measure,
}


def main(names: list[str]) -> None:
    if unknown := [name for name in names if name not in BENCHMARKS]:
        sys.exit(f"no benchmark {', '.join(unknown)}: there are {', '.join(BENCHMARKS)}")
    rows = []
    for name in names or BENCHMARKS:
        sys.stderr.write(f"measuring {name} …\n")
        rows += (measured := BENCHMARKS[name]())
        sys.stderr.writelines(f"  {' · '.join(filter(None, row))}\n" for row in measured)
    shown(rows)


if __name__ == "__main__":
    main(sys.argv[1:])
