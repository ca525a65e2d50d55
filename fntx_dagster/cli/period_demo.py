"""The first step of `fntx demo --proofs`: figures of a year, proved without one of its days, and a stranger's check."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from time import perf_counter

from fntx_dagster.cli.periods import print_checked_period
from fntx_dagster.cli.terminal import GOOD, line, note, out, title
from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period
from fntx_dagster.services.chain import serve
from fntx_dagster.services.database import Database
from fntx_dagster.services.sharing.making import TERMINAL
from fntx_dagster.services.signatures.period_checking import check_period
from fntx_dagster.services.signatures.period_proofs import PeriodRequest, prove_period
from fntx_dagster.settings import Settings

SHOWN = ("twr", "sharpe", "win_rate", "net_pnl", "flows")
BOUNDS = ("drawdown=-30%",)

_VERIFIER = Path(__file__).parents[2] / "verify" / "verify.py"


def prove_the_year(settings: Settings, db: Database, account: str, year: Period) -> None:
    """Prove figures of a year, and check the file over a node, in this program and in a fresh process that has one file
    of Python. Raises Permanent where it does not hold, or what must be refused is not."""
    title("Figures of the year, without one of its days")
    begin = perf_counter()
    request = PeriodRequest([account], year, SHOWN, BOUNDS, "whoever runs this demo")
    proved = prove_period(settings, db, request, by=TERMINAL, on_note=note)
    file = settings.paths.home / "period.json"
    file.write_text(proved.text, encoding="ascii")
    out(f"{file.name}: {len(proved.text) / 1000:,.0f} kB, proved in {perf_counter() - begin:.1f} s")
    with serve(settings, 0) as chain:
        checked = check_period(proved.text, chain.url)
        print_checked_period(checked)
        if checked.exit_code:
            raise Permanent("the period does not hold", "Report it: this is a fault of FNTX")
        if _VERIFIER.exists():  # a checkout: what a stranger runs
            title("A stranger with verify.py, one file of Python")
            command = [sys.executable, "-I", str(_VERIFIER), str(file), "--rpc", chain.url]
            said = subprocess.run(command, capture_output=True, text=True)
            out(*said.stdout.rstrip().splitlines())
            if said.returncode:
                raise Permanent(f"verify.py ends with {said.returncode}: {said.stderr}")
    title("What is refused: a second period that lets a few days stand alone")
    shorter = Period(year.first, year.last.replace(day=27))
    try:
        prove_period(settings, db, request._replace(period=shorter), by=TERMINAL)
    except Permanent as refusal:
        out(line(GOOD, f" refused: {refusal.message}"), "Every day of the year stays hidden.")
    else:
        raise Permanent("what isolates days was not refused", "Report it: this is a fault of FNTX")
