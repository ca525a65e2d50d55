"""What `fntx` shows a person: tables, outcomes, and the steps of a run while it works.

Figures come from the tables as they are; rounding for display is `report.money`'s.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.markdown import Markdown
from rich.markup import escape
from rich.table import Table

from fntx_dagster.model.period import Period
from fntx_dagster.report import clock, money, tables
from fntx_dagster.report.metrics_table import metrics_table
from fntx_dagster.report.risk_tables import exposure_table, greeks_table
from fntx_dagster.report.summary_table import month_tables

if TYPE_CHECKING:
    from fntx_dagster.cli.chain import TraderState
    from fntx_dagster.defs.run import RunOutcome
    from fntx_dagster.metrics.catalogue import Catalogue
    from fntx_dagster.model.chain import SignedDay, Unfinished, Version
    from fntx_dagster.model.day import ProvisionalDay
    from fntx_dagster.proof.disclosure import Disclosed
    from fntx_dagster.services.database import Database
    from fntx_dagster.services.signatures.checking import Checked
    from fntx_dagster.services.signatures.history import HistoryDay
    from fntx_dagster.services.signatures.posting import Posting
    from fntx_dagster.services.signatures.signing import Proposal, Signing
    from fntx_dagster.services.signatures.values import Difference
    from fntx_dagster.services.signatures.verifying import Verdict
    from fntx_dagster.store.alerts import Alert
    from fntx_dagster.store.marts.status import AccountState
    from fntx_dagster.store.raw_flex.fetches import Fetch
    from fntx_dagster.store.raw_flex.statements import FileLoad

_TABLE_WIDTH = 190
_SHOWN_DAYS = 6


def out(*things: Any) -> None:
    """Print to standard output. Where it is no terminal, tables keep their width instead of being squeezed."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_TABLE_WIDTH)
    for thing in things:
        console.print(thing, soft_wrap=isinstance(thing, str))


def note(text: str) -> None:
    """A sentence beside the output: standard error."""
    Console(stderr=True, highlight=False).print(text, markup=False, soft_wrap=True)


def error(text: str) -> None:
    """An error that does not end the command: the good files beside a bad one go on."""
    shown = "\n".join(map(foreign, text.split("\n")))
    Console(stderr=True, highlight=False).print(f"[red]error[/] {shown}", soft_wrap=True)


def foreign(text: str) -> str:
    """Text out of a file or from a node, on one line, as it may be printed: nothing in it steers the terminal or this
    program's own marks."""
    return escape("".join(sign if sign.isprintable() else "\ufffd" for sign in text))


def title(text: str) -> None:
    """A heading between two parts of the output."""
    out("", f"[bold]── {escape(text)} ──[/]", "")


def narrative(text: str) -> None:
    """Markdown: rendered on a terminal, as it is elsewhere."""
    out(Markdown(text) if Console().is_terminal else escape(text))


@contextmanager
def watching_steps() -> Iterator[None]:
    """While inside, say on standard error which step of a run has started and which is done."""
    from fntx_dagster.defs.progress import PROGRESS

    logger, handler = logging.getLogger(PROGRESS), _Steps()
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Steps(logging.Handler):
    """One line per step that ends, and a status line for the one that runs where there is a terminal."""

    def __init__(self) -> None:
        super().__init__()
        self.console = Console(stderr=True, highlight=False)
        self.running = self.console.status("starting …")
        self.running.start()

    def emit(self, record: logging.LogRecord) -> None:
        step = getattr(record, "step", None)
        if step is None and record.levelno < logging.WARNING:
            self.console.print(f"    {escape(record.getMessage())}", soft_wrap=True)
        elif step is None:
            self.console.print(f"  [yellow]![/] {escape(record.getMessage())}", soft_wrap=True)
        elif record.getMessage() == "started":
            self.running.update(f"{step} …")
        elif record.levelno >= logging.ERROR:
            self.console.print(f"  [red]✗[/] {step}")
        else:
            self.console.print(f"  [green]✓[/] {step:<44} {record.seconds:5.1f} s")

    def close(self) -> None:
        self.running.stop()
        super().close()


def load_table(loads: Sequence[FileLoad]) -> Table:
    table = _table("file", "section", right=("inserted", "updated", "withdrawn", "unchanged", "superseded"))
    for load in loads:
        if load.error:
            table.add_row(load.file_name, "[red]not loaded[/]")
        for section, counts in load.sections.items():
            table.add_row(load.file_name, section, *map(str, counts))
    return table


def summary_tables(
    db: Database,
    period: Period,
    account: str | None,
    running: Sequence[ProvisionalDay] = (),
    observer: ZoneInfo = clock.HONG_KONG,
) -> Iterator[Table]:
    """A table per account and month, titled with both; `running` are days of the range that no statement tells yet."""
    from fntx_dagster.services.accounts import accounts
    from fntx_dagster.store.marts.story import days

    for one in [account] if account else sorted({*accounts(db), *(day.account_id for day in running)}):
        told = [*days(db, one, period), *(day for day in running if day.account_id == one)]
        for found in month_tables(told, observer):
            yield _rich(found, f"Daily summary, account {one}, {found.title}")


def metrics_tables(rows: Sequence[dict[str, Any]]) -> Iterator[Table]:
    """One table per account of rows of rolling_metrics of one session: the windows side by side, what is undefined a
    dash."""
    for (account, currency), windows in groupby(rows, lambda row: (row["account_id"], row["base_currency"])):
        found = metrics_table(list(windows))
        found = found._replace(headers=(f"{found.headers[0]} ({currency})", *found.headers[1:]))
        yield _rich(found, f"Performance up to {rows[0]['trading_day']}, account {account}")


def greeks_tables(days: Sequence[dict[str, Any]]) -> Iterator[Table | str]:
    """Per account the options at a close, and what the portfolio is exposed to; a dash: undefined."""
    for day in days:
        at = (
            f"as of {day['as_of']:%Y-%m-%d %H:%M} UTC, provisional"
            if day["as_of"]
            else f"at the close of {day['trading_day']}"
        )
        if day["options"]:
            yield _rich(greeks_table(day["options"]), f"Greeks {at}, account {day['account_id']}")
        else:
            yield f"No option was open {at}, account {day['account_id']}."
        yield _rich(exposure_table(day["portfolio"]), f"Exposure {at}, account {day['account_id']}")


def status_table(states: Sequence[AccountState]) -> Table | str:
    if not states:
        return "Nothing is loaded yet. Load statements with `fntx load PATH`, or try `make demo`."
    table = _table("", right=[state.account_id for state in states])
    for label, told in _STATUS_ROWS:
        table.add_row(label, *(told(state) for state in states))
    return table


def fetches_table(found: Sequence[Fetch]) -> Table:
    """What became of each Flex query when it was asked last."""
    table = _table("token", "query", "asked", "window", "outcome", right=())
    for one in found:
        outcome = one.outcome.replace("_", " ") + (f", code {one.code}" if one.code else "")
        asked, window = f"{one.asked_at:%Y-%m-%d %H:%M} UTC", f"{one.first_day} to {one.last_day}"
        table.add_row(one.login, one.query, asked, window, outcome)
    return table


def alerts_table(found: Sequence[Alert]) -> Table | str:
    if not found:
        return "Nothing needs a person."
    table = _table("since", "kind", right=())
    table.add_column("what", overflow="fold")
    for one in found:
        table.add_row(f"{one.raised_at:%Y-%m-%d %H:%M} UTC", one.kind, foreign(one.text))
    return table


def print_outcome(outcome: RunOutcome) -> None:
    for warning in outcome.warnings:
        out(f"[yellow]warning[/] {escape(warning)}")
    for failure in outcome.failures:
        error(failure)
    if outcome.success:
        out(f"Done. Run {outcome.run_id} is in the UI (`make ui`).")


def print_signature(signed: Signing) -> None:
    for warning in signed.warnings:
        note(f"warning: {warning}")
    print_frozen(signed.new, "signed now")
    print_frozen(signed.kept, "signed before, unchanged")


def print_frozen(records: Sequence[SignedDay], when: str = "signed now") -> None:
    for day in records:
        version = f", version {day.version}" if day.version > 1 else ""
        out(f"{day.trading_day}  Merkle root  0x{day.root.hex()}  ({when}{version})")


def print_posting(posted: Posting) -> None:
    for receipt in posted.new + posted.kept:
        when = "posted now" if receipt in posted.new else "posted before"
        state = "" if receipt.is_final else ", not final yet"
        out(f"{receipt.trading_day}  transaction  {receipt.tx_hash}  (block {receipt.block_number}, {when}{state})")


def print_verdict(verdict: Verdict) -> None:
    _print_differences(verdict.differences)
    for problem in verdict.problems:
        out(f"[red]✗[/] {foreign(problem)}")
    if verdict.holds:
        posted = f"block {verdict.posted.block_number}" if verdict.posted else "no stored receipt"
        out(f"[green]✓[/] {verdict.day.trading_day}: database, signed record and chain agree ({posted})")
        out(f"  Merkle root  0x{verdict.day.root.hex()}")
    else:
        out(f"{verdict.day.trading_day} does not verify.")


def print_proposals(proposed: Sequence[Proposal]) -> None:
    """Each day that would get a new version, metric by metric, and what it would follow on."""
    for one in proposed:
        if one.held:
            out(
                f"{one.before.trading_day}: the chain holds another record, 0x{one.held.root.hex()}; "
                "ours would follow it"
            )
        else:
            out(f"{one.before.trading_day}, version {one.before.version} as signed:")
        _print_differences(one.differences)


def print_checked(checked: Checked) -> None:
    """A disclosure's metrics, whose they are, and what was found; what was not asked is said too."""
    found = checked.disclosure
    if found is not None:
        context = found.context
        version = f", version {found.version}" if found.version > 1 else ""
        out(f"{context.day}{version}, trader {context.trader}")
        out(f"contract {context.contract} on chain {context.chain_id}")
        out(f"root 0x{found.root.hex()}")
        currency = next((metric.value for metric, _ in checked.verdicts if metric.name == "base_currency"), None)
        for metric, leads in checked.verdicts:
            sign = "[green]✓[/]" if leads else "[red]✗[/]"
            out(f"  {sign} {foreign(metric.name)} = {foreign(_shown(metric, currency))}")
    for problem in checked.problems:
        out(f"[red]✗[/] {foreign(problem)}")
    for remark in checked.notes:
        out(f"  {foreign(remark)}")
    for lack in checked.not_checked:
        out(f"  NOT CHECKED: {foreign(lack)}")
    sign = "[red]✗[/]" if checked.problems else "[green]✓[/]"
    if checked.holds and (checked.away is not None or checked.superseded_by is not None):
        sign = "[yellow]![/]"
    out(f"{sign} {foreign(checked.verdict)}")


def history_table(days: Sequence[HistoryDay], late: timedelta, settled_at: datetime) -> Table:
    """A trader's record: a row per session and version; what is missing, late or corrected is marked, and what was
    posted after `settled_at` is not final."""
    from fntx_dagster.services.signatures.history import in_words

    table = _table("session", "posted at (UTC)", right=("behind the close",))
    table.add_column("version", no_wrap=True)
    table.add_column("root", no_wrap=True)
    table.add_column("remark", overflow="fold")
    for day in days:
        if day.is_gap:
            table.add_row(f"{day.day}", "–", "–", "–", "–", "[red]gap: no record[/]")
        for one in day.versions:
            record = one.record
            table.add_row(
                f"{day.day}" if record.version == 1 else "",
                f"{record.posted_at:%Y-%m-%d %H:%M}",
                in_words(day.behind(one)),
                f"{record.version}",
                f"0x{record.root.hex()}",
                _remark(day, one, late, settled_at),
            )
    return table


def catalogue_table(catalogue: Catalogue) -> Table:
    """Every metric that is signed, by slot."""
    table = _table("metric", "unit", "category", right=("slot", "decimals"))
    for metric in catalogue.metrics:
        table.add_row(metric.name, metric.unit, metric.category, f"{metric.index}", f"{metric.decimals}")
    table.title = f"Catalogue, version {catalogue.version}"
    return table


def queue_table(waiting: Sequence[Unfinished]) -> Table | str:
    """The records that are not final."""
    if not waiting:
        return "No record waits for the chain."
    table = _table("account", "day", "version", "state", "queued (UTC)", right=())
    table.add_column("why", overflow="fold")
    for one in waiting:
        state = f"[red]{one.state}[/]" if one.state == "failed" else one.state
        queued = f"{one.queued_at.astimezone(UTC):%Y-%m-%d %H:%M}"
        table.add_row(one.account_id, f"{one.trading_day}", f"{one.version}", state, queued, foreign(one.error or ""))
    return table


def traders_table(traders: Sequence[TraderState]) -> Table:
    """What each account's trader has on the chain."""
    table = _table("account", "trader", right=("ether", "FNTX", "may be burned", "days paid for"))
    for one in traders:
        if one.problem is not None:
            table.add_row(one.account_id, f"[red]{foreign(one.problem)}[/]")
        else:
            allowed = "without limit" if one.allowance > _COUNTED else money.plain(one.allowance)
            ether = f"{Decimal(one.wei) / 10**18:.6f}"
            table.add_row(one.account_id, one.trader, ether, money.plain(one.fntx), allowed, f"{one.days}")
    return table


_COUNTED = 10**30
"""An allowance above it was given without a limit."""


def _print_differences(differences: Sequence[Difference]) -> None:
    for difference in differences:
        signed, found = _value(difference.signed), _value(difference.found)
        out(f"[red]✗[/] {difference.metric}: signed {signed}, the database says {found}")


def _shown(metric: Disclosed, currency: str | None) -> str:
    """A metric's value with its unit; an amount says nothing where its currency is not disclosed beside it."""
    if metric.value is None:
        return "null (undefined on that day)"
    if metric.unit == "base_currency":
        return f"{metric.value} {currency or _NO_CURRENCY}"
    return metric.value if metric.unit in _SPEAKING_UNITS else f"{metric.value} {metric.unit}"


_NO_CURRENCY = "(in the account's base currency, which is not disclosed)"
_SPEAKING_UNITS = ("ascii_letters", "sha256")
"""Of these the value alone says enough."""


def _remark(day: HistoryDay, version: Version, late: timedelta, settled_at: datetime) -> str:
    said = []
    if day.closes_at is None:
        said.append("no session of the exchange")
    elif day.is_early(version):
        said.append("[red]posted before the close[/]")
    elif day.is_late(version, late):
        said.append("[yellow]late[/]")
    if version.reason is not None:
        said.append(f'[yellow]correction:[/] "{foreign(version.reason)}"')
    if version.record.posted_at > settled_at:
        said.append("[yellow]not final[/]")
    return ", ".join(said)


def _days(found: Sequence[date]) -> str:
    if not found:
        return "none"
    more = f" and {len(found) - _SHOWN_DAYS} more" if len(found) > _SHOWN_DAYS else ""
    return ", ".join(map(str, found[:_SHOWN_DAYS])) + more


_STATUS_ROWS = (
    ("statement files", lambda state: str(state.files)),
    ("loaded", lambda state: f"{state.first_day} to {state.last_day}"),
    ("generated", lambda state: f"{state.generated_at:%Y-%m-%d %H:%M} UTC" if state.generated_at else "unknown"),
    ("sessions without official NAV", lambda state: _days(state.missing)),
    ("sessions explained", lambda state: f"{state.told}, up to {state.last_told}" if state.told else "none"),
    ("to explain, or to explain again", lambda state: _days(state.to_tell)),
    ("failing verification", lambda state: str(state.failing_verification or "none")),
    ("signed", lambda state: f"{state.signed}, up to {state.last_signed}" if state.signed else "none"),
    ("posted to the chain", lambda state: str(state.posted or "none")),
    ("waiting for the chain", lambda state: str(state.waiting or "none")),
    ("failed to be posted", lambda state: f"{state.failed}: `fntx chain status`" if state.failed else "none"),
)


def _value(value: Decimal | None) -> str:
    return "nothing" if value is None else money.plain(value)


def _rich(found: tables.Table, title: str) -> Table:
    """A table of the report for the terminal."""
    table = _table(*found.headers[: found.words], right=found.headers[found.words :])
    table.title, table.caption, table.caption_justify = title, found.footnote or None, "left"
    for row in found.rows:
        table.add_row(*map(foreign, row))
    if found.totals:
        table.show_footer = True
        for column, total in zip(table.columns, found.totals, strict=True):
            column.footer = total
    return table


def _table(*left: str, right: Sequence[str]) -> Table:
    table = Table(header_style="bold")
    for name in left:
        table.add_column(name, no_wrap=True)
    for name in right:
        table.add_column(name, justify="right")
    return table
