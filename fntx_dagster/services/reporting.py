"""The report of a range of days, out of the tables and into a file.

What is read is `store.marts`', what is said is `report`'s; here both are joined, and a file is written whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from threading import get_ident
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from fntx_dagster.errors import Permanent, without_accounts
from fntx_dagster.foreign import cleaned
from fntx_dagster.model.account_risk import AccountRisk
from fntx_dagster.model.against_market import AgainstMarket
from fntx_dagster.model.day import ProvisionalDay, without_brokers_words
from fntx_dagster.model.nav import NavDay
from fntx_dagster.model.period import Period
from fntx_dagster.model.strategies import OptionSelling
from fntx_dagster.report.document import to_json
from fntx_dagster.report.head import notes
from fntx_dagster.report.html import AccountReport, to_html
from fntx_dagster.report.markdown import to_markdown
from fntx_dagster.report.narrative import Story
from fntx_dagster.report.round_trips import MOST_TRADES
from fntx_dagster.report.story import narrate
from fntx_dagster.services.account_risk import account_risk
from fntx_dagster.services.accounts import accounts, chosen_account
from fntx_dagster.services.against_market import account_against_market, benchmark_or_why
from fntx_dagster.services.current_day import provisional_days
from fntx_dagster.services.risk import early_assignments_of
from fntx_dagster.services.sessions import require_days, say_lacking_ends
from fntx_dagster.services.signatures.proofs import day_proofs
from fntx_dagster.services.strategies import selling_of
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.labels import account_labels
from fntx_dagster.store.marts import holdings, performance, risk, round_trips, story
from fntx_dagster.store.raw_flex.coverage import positions_without_nav
from fntx_dagster.store.raw_flex.lacking import lacking


def report(
    settings: Settings,
    db: Database,
    period: Period,
    observer: ZoneInfo,
    account: str | None = None,
    form: Literal["md", "json", "html"] = "md",
    on_problem: Callable[[str], None] | None = None,
    *,
    masked: bool = False,
) -> str:
    """The report of a range, of one account or of all, as Markdown, JSON or one HTML file, read from one snapshot.

    Times are in the zone of `observer` and in New York's. Accounts are called by their ids; with `masked` by their
    masked labels, and the broker's own words, which may name a person, are left out. A day that no statement
    covers yet comes last, as IB Gateway saw it. Raises Permanent where the account is not loaded or nothing is built
    in the range. `on_problem` as in `current_day.provisional_days`; it also gets a sentence for each account whose
    built days begin after the range's first session or end before its last one.
    """
    with db.snapshot() as snapshot:
        known = accounts(snapshot)
        if account is not None or not known:
            known = [chosen_account(snapshot, account)]
        provisional = provisional_days(settings, snapshot, period, account, on_problem)
        if not provisional and (held := positions_without_nav(snapshot, period, known)):
            raise Permanent(
                f"no trading day is built for {period}: no statement has its NAV. {held}",
                "Load Change in NAV (or Equity Summary with a total) for these days, then `fntx run`; the days after"
                " them know these positions",
            )
        named = dict.fromkeys([*known, *sorted(day.account_id for day in provisional)])
        shown = {
            account_id: stories_of(snapshot, account_id, period, observer, provisional, masked=masked)
            for account_id in named
        }
        shown = {account_id: stories for account_id, stories in shown.items() if stories}
        require_days(shown, period, snapshot, account)
        labels = account_labels(snapshot)
        built = {account_id: [each.day.trading_day for each in stories] for account_id, stories in shown.items()}
        say_lacking_ends(snapshot, built, labels, period, on_problem)
        names = labels if masked else {account_id: account_id for account_id in shown}
        if form == "html":
            reports = [
                account_report(settings, snapshot, names[account_id], stories) for account_id, stories in shown.items()
            ]
            return to_html(reports, masked_words if masked else cleaned)
        beside = {account_id: _beside(settings, snapshot, stories) for account_id, stories in shown.items()}
    if form == "json":
        selling, markets, risks, _ = ([one for one in every if one] for every in zip(*beside.values(), strict=True))
        said = {name: own.notes for name, own in beside.items() if own.notes}
        text = to_json([story for stories in shown.values() for story in stories], selling, markets, risks, said)
    else:
        text = "\n".join(
            to_markdown(stories, account_label=names[name], **beside[name]._asdict()) for name, stories in shown.items()
        )
    return without_accounts(text) if masked else text


def _notes(db: Readable, account: str, stories: Sequence[Story]) -> tuple[str, ...]:
    """What the statements of the stories' official days lack and contradict."""
    days = [story.day.trading_day for story in stories if story.day.as_of is None]
    return notes(lacking(db, account, Period(days[0], days[-1]))) if days else ()


def masked_words(text: str) -> str:
    """A text of a masked report: fit to be shown, and without account ids."""
    return without_accounts(cleaned(text))


def stories_of(
    db: Readable,
    account: str,
    period: Period,
    observer: ZoneInfo,
    provisional: Sequence[ProvisionalDay] = (),
    *,
    masked: bool = False,
) -> list[Story]:
    """Narrate an account's days of a range, oldest first. Those of `provisional` that are the account's come last,
    because no statement covers them yet. Times are in the zone of `observer` and in New York's. With `masked` the
    broker's own words, which may name a person, are left out."""
    days = [*story.days(db, account, period), *(day for day in provisional if day.account_id == account)]
    return [narrate(without_brokers_words(day) if masked else day, observer) for day in days]


def account_report(settings: Settings, db: Readable, label: str, stories: Sequence[Story]) -> AccountReport:
    """What the HTML report shows of one account around its stories, which are in the order of time and not empty.

    The account is called `label`. Metrics, marks and risk are those of the last official day.
    """
    account = stories[0].day.account_id
    first, last = (story.day.trading_day for story in (stories[0], stories[-1]))
    official = [story.day.trading_day for story in stories if story.day.as_of is None]
    if not official:
        return AccountReport(label, stories)
    history = performance.nav_history(db, account, official[-1])
    options = risk.option_greeks(db, Period.on(official[-1]), account)
    return AccountReport(
        label,
        stories,
        history=history,
        marks=holdings.closing_marks(db, account, official[-1]),
        stocks=holdings.stock_positions(db, account, Period(first, last)),
        trades=round_trips.round_trips(db, account, Period(first, last), MOST_TRADES),
        proofs=day_proofs(db, account, official),
        metrics=performance.rolling_metrics(db, Period.on(official[-1]), account),
        options=options,
        early=early_assignments_of(settings, db, official[-1], account, options),
        portfolio=next(iter(risk.portfolio_risk(db, Period.on(official[-1]), account)), None),
        **_beside(settings, db, stories, history)._asdict(),
    )


class _Beside(NamedTuple):
    """What a report has beside its narratives: of several official days option selling, market and risk, and in every
    case `notes`, what is missing behind the figures."""

    selling: OptionSelling | None = None
    market: AgainstMarket | None = None
    risk: AccountRisk | None = None
    notes: tuple[str, ...] = ()


def _beside(
    settings: Settings, db: Readable, stories: Sequence[Story], history: Sequence[NavDay] | None = None
) -> _Beside:
    """Option selling and the market over the official days of one account, and the risk at the close of the last. A
    benchmark that cannot be read is named in the notes, and the rest goes on without it."""
    account, official = stories[0].day.account_id, [story.day.trading_day for story in stories if not story.day.as_of]
    notes = _notes(db, account, stories)
    if len(official) < 2:
        return _Beside(notes=notes)
    period = Period(official[0], official[-1])
    benchmark, why = benchmark_or_why(settings, db, period)
    days = performance.nav_history(db, account, period.last) if history is None else history
    return _Beside(
        selling_of(settings, db, account, period),
        account_against_market(db, account, period, benchmark, days),
        account_risk(settings, db, period.last, account, history=days),
        (*notes, *why),
    )


def refuse_unwritable(file: Path) -> Path:
    """The place that a file will be written to. Raises Permanent where its folder does not exist or lets nobody write,
    or `file` is a folder: asked before anything is computed or registered for it."""
    target = Path(os.path.expanduser(file)).resolve()  # as it is where `~name` is nobody, which Path refuses
    if not target.parent.is_dir():
        raise Permanent(
            f"the folder {target.parent} of {target.name} does not exist", "Create it, or give another path"
        )
    if target.is_dir():
        raise Permanent(f"{file} is a folder", "Give the path of a file in it")
    if not os.access(target if target.exists() and not target.is_file() else target.parent, os.W_OK):
        raise Permanent(f"{file} cannot be written", "Check the permissions of its folder, or give another path")
    return target


def write_whole(file: Path, content: str | bytes | Iterable[bytes], *, private: bool = False) -> None:
    """Write a file whole or not at all, a text in UTF-8 or blocks of bytes, in place of what is there and with the same
    permissions; `private` lets the owner alone read it. A pipe or another special file is written to as it is. Raises
    as `refuse_unwritable` does."""
    target = refuse_unwritable(file)
    whole = content.encode() if isinstance(content, str) else content
    blocks = [whole] if isinstance(whole, bytes) else whole
    if target.exists() and not target.is_file():
        with target.open("wb") as stream:
            stream.writelines(blocks)
        return
    mode = 0o600 if private else target.stat().st_mode & 0o777 if target.exists() else 0o666
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.{get_ident()}.unfinished")
    try:
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "wb") as stream:
            stream.writelines(blocks)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
