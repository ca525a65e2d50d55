"""`fntx demo`: the main job end to end on the bundled samples, for a person to read.

It runs the job that the UI serves and then shows what the tables and the chain hold; it computes nothing itself.
"""

from __future__ import annotations

from datetime import date

from fntx_dagster.cli.commands import command
from fntx_dagster.cli.steps import watching_steps
from fntx_dagster.cli.tables import greeks_tables, metrics_tables, summary_tables
from fntx_dagster.cli.terminal import GOOD, line, narrative, note, out, rendered, title
from fntx_dagster.defs.run import RunOutcome, run_range
from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period
from fntx_dagster.report import clock, money
from fntx_dagster.services.database import Database, open_database
from fntx_dagster.services.loading import SAMPLE_ACCOUNT, refuse_own_statements
from fntx_dagster.services.performance import rolling_metrics, summary_days
from fntx_dagster.services.reporting import report
from fntx_dagster.services.risk import closing_risk
from fntx_dagster.services.sharing.making import TERMINAL, make_file
from fntx_dagster.services.signatures.verifying import prove_metric, verify_record
from fntx_dagster.settings import Settings

FIRST, LAST = date(2025, 7, 1), date(2025, 7, 18)
SHOWN = Period(date(2025, 7, 17), LAST)
PROVED = "net_pnl"


def run_demo(settings: Settings) -> None:
    """Run and show it; Permanent where the home holds somebody's own statements, or a step failed."""
    if settings.chain.rpc_url is not None:
        raise Permanent("the demo signs made-up days, and FNTX_RPC_URL names a chain", "Unset it for the demo")
    note("Starting the embedded database and loading the definitions …")
    db = open_database(settings)
    refuse_own_statements(db)
    with watching_steps():
        outcome = run_range(settings, "daily_run", Period(FIRST, LAST))
    if not outcome.success:
        raise Permanent("the run failed: " + "; ".join(outcome.failures), "`fntx ui` shows each step")
    _show_loaded(outcome)
    _show_story(settings, db)
    _show_figures(settings, db)
    _show_proof(settings, db)
    _show_news(outcome)


def _show_loaded(outcome: RunOutcome) -> None:
    title("What was loaded")
    out(rendered(outcome.metadata["raw_flex_xml"]["loaded"]))


def _show_story(settings: Settings, db: Database) -> None:
    title("Why the account moved: 17 and 18 July 2025")
    narrative(report(settings, db, SHOWN, clock.HONG_KONG, SAMPLE_ACCOUNT))


def _show_figures(settings: Settings, db: Database) -> None:
    title("The month so far")
    out(*summary_tables(summary_days(settings, db, Period(FIRST, LAST), SAMPLE_ACCOUNT)))
    title(f"Performance up to {LAST}")
    out(*metrics_tables(rolling_metrics(db, Period.on(LAST), SAMPLE_ACCOUNT)))
    title(f"What the account was exposed to at the close of {SHOWN.first}")
    out(*greeks_tables(closing_risk(settings, db, SHOWN.first, SAMPLE_ACCOUNT)))


def _show_proof(settings: Settings, db: Database) -> None:
    title(f"The signed day: {LAST}")
    verdict = verify_record(settings, db, SAMPLE_ACCOUNT, LAST)
    signed, receipt = verdict.day, verdict.posted
    if receipt is None:
        raise Permanent(f"{LAST} is not posted", "See `fntx signature verify`")
    out(f"Merkle root   0x{signed.root.hex()}")
    out(f"Transaction   {receipt.tx_hash}")
    out(f"Contract      {receipt.contract} on chain {receipt.chain_id}, block {receipt.block_number}")
    out(f"Trader        {receipt.trader}")
    proved = prove_metric(settings, signed, PROVED)
    if not (verdict.holds and proved.holds) or proved.value is None:
        wrong = [*verdict.problems, *(difference.metric for difference in verdict.differences)]
        raise Permanent(f"{LAST} does not verify: {'; '.join(wrong) or PROVED}", "See `fntx signature verify`")
    out(line(GOOD, " verified: the database, the signed record and the chain agree"))
    figure = f"{PROVED} = {money.display(proved.value, signed=True)} HKD"
    how = "from its value, its salt and six hashes, without seeing any other metric"
    out(line(GOOD, f" verified: the contract confirms {figure} {how}"))
    file = settings.paths.home / f"disclosure-{LAST}.json"
    file.write_text(make_file(settings, db, SAMPLE_ACCOUNT, LAST, [PROVED], by=TERMINAL), encoding="utf-8")
    out("")
    out(f"{file} shows that one figure. A stranger checks it without this database or its secrets:")
    out(f"  {command('chain', 'serve')}    you: this home's chain as a node, until Ctrl-C")
    out(f"  {command('verify', file, '--rpc', 'http://127.0.0.1:8545')}")


def _show_news(outcome: RunOutcome) -> None:
    title("What this run changed")
    rows, posted = outcome.metadata["raw_flex_xml"], outcome.metadata["chain_receipt"]["posted"]
    changed = rows["inserted"] + rows["updated"] + rows["withdrawn"]
    if changed or posted:
        out(f"{changed} rows loaded, {posted} days signed and posted, {posted * 10} FNTX burned.")
    else:
        out("Nothing: no new rows, no new transaction. Everything was loaded, explained and signed before.")
    out("")
    out("Next:")
    following = {
        command("serve"): "the dashboard on http://localhost:8765: every day, figure and proof in a browser",
        command("ui"): "the Dagster UI on http://127.0.0.1:3000, same database",
        command("status"): "what is loaded, what is missing, what is signed",
        command("report", "--from", "2025-07-10", "--to", "2025-07-11"): "",
        command("load", "PATH"): "statements of your own",
        command("db", "stop"): "end the embedded database",
    }
    for called, what in following.items():
        out(f"  {called:<{len(command('signature'))}}  {what}".rstrip())
