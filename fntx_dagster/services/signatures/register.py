"""The register of what was shown of an account, and whether what comes next would let a few days stand alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from functools import cache

from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.catalogue import CATALOGUES, EXTENSIONS
from fntx_dagster.metrics.windows import first_day
from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import EVER, Period
from fntx_dagster.periods.isolation import APART, ShownDays, Telling, standing_alone
from fntx_dagster.periods.shown import names_of
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.labels import account_labels
from fntx_dagster.store.marts.summaries import numbered_sessions
from fntx_dagster.store.shares import register as rows
from fntx_dagster.store.shares.register import NewlyShown, RegisterRow

PACKAGE, PERIOD = "package", "period"

_WINDOWS = ("30d", "mtd", "ytd", "all")
_OVER_ALL = ("dpi", "tvpi", "rvpi")
_FLOWS = ("deposits", "withdrawals")
_AS_ITEM = {"implied_turnover": "turnover", "total_return": "twr"}
"""The metrics that a period calls otherwise."""
_NAV = frozenset({"nav"})
_AT_OPEN = ("opening_nav_official", "opening_nav_calculated")
_AT_CLOSE = ("closing_nav_official", "closing_nav_calculated")
_OF_A_DAY = ("implied_turnover", "wins", "losses", "break_evens")
_CATEGORIES_OF_A_DAY = ("account", "pnl", "reconciliation")
_NAMED = 3


def registered(
    db: Readable, accounts: Collection[str] | None = None, most: int | None = None, before: int | None = None
) -> list[RegisterRow]:
    """What was ever shown of some accounts or of all, newest first, at most `most` rows, all before that of an id."""
    return rows.registered(db, accounts, most, before)


def shown_names(row: RegisterRow) -> Sequence[str]:
    """What a row shows, as the commands name it: the metrics of a day, the figures and bounds of a period."""
    return names_of(row.items) if row.kind == PERIOD else row.items


def register_package(
    db: Database, account: str, period: Period, versions: Sequence[int], witness: str, *, by: str
) -> None:
    """Keep that a package shows a witness (its address) every figure of the signed days of a period, in `versions`,
    oldest day first."""
    rows.register(db, [NewlyShown(account, period, versions, ["record"], PACKAGE, witness, by)])


def refuse_isolated(db: Readable, account: str, new: Sequence[ShownDays]) -> None:
    """Raise Permanent with the days that would stand alone once `new` is shown beside what was shown before."""
    if groups := isolated(db, account, new):
        raise Permanent(
            f"with what was shown before, {in_words(groups)} would stand alone: two figures would tell those of fewer "
            f"than {APART} sessions",
            f"Begin and end where something that was shown does, or {APART} sessions away from it: `fntx signature "
            "shown` lists it. --isolate shows it all the same",
        )


def isolated(db: Readable, account: str, new: Sequence[ShownDays]) -> list[tuple[date, ...]]:
    """The groups of sessions of an account that would stand alone, and did not before."""
    sessions = sorted(numbered_sessions(db, EVER, account))
    return standing_alone(new, _shown_before(db, account, sessions), sessions)


def isolated_so_far(db: Readable, account: str) -> list[tuple[date, ...]]:
    """The groups of sessions of an account that stand alone by what was shown already."""
    sessions = sorted(numbered_sessions(db, EVER, account))
    return standing_alone(_shown_before(db, account, sessions), (), sessions)


def isolated_days(db: Readable) -> list[Finding]:
    """Of each account whose days stand alone by what was shown, which ones."""
    labels = account_labels(db)
    accounts = sorted({row.account_id for row in rows.registered(db)})
    return [
        Finding(
            labels[account],
            f"{labels[account]}: {in_words(groups)} stand alone: what was shown tells the figures of fewer than "
            f"{APART} sessions. `fntx signature shown` lists it",
        )
        for account in accounts
        if (groups := isolated_so_far(db, account))
    ]


def of_disclosure(day: date, metrics: Collection[str], first_session: date) -> list[ShownDays]:
    """What the named metrics of a day tell of days: a window's of all its days, a NAV's of a level. `first_session`:
    the account's. A metric that no period adds up, such as delta, tells nothing here.

    The day is shown singly, with nothing left to hide, where its result and its return follow: from net P&L and a NAV,
    or from both NAVs and the flows between them. Else it is shown singly in the figures that were named."""
    shown = [
        ShownDays(first_day("all" if name in _OVER_ALL else window, day, first_session), day, Telling.TOTAL, figures)
        for name in metrics
        if (window := name.rpartition("_")[2]) in _WINDOWS or name in _OVER_ALL
        for figures in [_figures(name if name in _OVER_ALL else name.removesuffix(f"_{window}"))]
    ]
    at_open, at_close = (any(name in metrics for name in names) for names in (_AT_OPEN, _AT_CLOSE))
    levels = ((Telling.AT_OPEN, at_open), (Telling.AT_CLOSE, at_close))
    shown += [ShownDays(day, day, kind, _NAV) for kind, is_shown in levels if is_shown]
    by_result = "net_pnl" in metrics and (at_open or at_close)
    if by_result or (at_open and at_close and all(name in metrics for name in _FLOWS)):
        shown.append(ShownDays(day, day, Telling.SINGLY))
    elif named := _figures(*(name for name in metrics if name in _metrics_of_a_day())):
        shown.append(ShownDays(day, day, Telling.SINGLY, named))
    return shown


def of_period(first: date, last: date, items: Collection[str]) -> ShownDays:
    """What the items of a period, bounds such as `drawdown=-20.0%` among them, tell of its days."""
    return ShownDays(first, last, Telling.TOTAL, _figures(*items))


def in_words(groups: Sequence[Sequence[date]]) -> str:
    """`2025-07-18; 2025-07-21 and 2025-07-22`."""
    named = ["; ".join(" and ".join(map(str, group)) for group in groups[:_NAMED])]
    return "".join([*named, f" and {len(groups) - _NAMED} more" if len(groups) > _NAMED else ""])


def _shown_before(db: Readable, account: str, sessions: Sequence[date]) -> list[ShownDays]:
    """All but packages: a witness who holds them has every figure, and nobody else learns of a day by them."""
    first = sessions[0] if sessions else date.min
    shown: list[ShownDays] = []
    for row in rows.registered(db, {account}):
        if row.kind == PERIOD:
            shown.append(of_period(*_proved_days(row, sessions), row.items))
        elif row.kind != PACKAGE:
            shown += of_disclosure(row.first_day, row.items, first)
    return shown


def _proved_days(row: RegisterRow, sessions: Sequence[date]) -> Period:
    """The first and the last day that a period's file has. Rows of earlier programs keep the range that was asked for,
    which may end after the last of the days."""
    asked = [day for day in sessions if row.first_day <= day <= row.last_day]
    covered = asked[: len(row.versions)]
    return Period(covered[0], covered[-1]) if len(covered) < len(asked) else Period(row.first_day, row.last_day)


def _figures(*names: str) -> frozenset[str]:
    bare = (name.partition("=")[0] for name in names)
    return frozenset(_AS_ITEM.get(name, name) for name in bare)


@cache
def _metrics_of_a_day() -> frozenset[str]:
    """The metrics that tell of their day alone what a period adds up, or a part of it."""
    named = {
        metric.name
        for catalogue in (*CATALOGUES, *EXTENSIONS)
        for metric in catalogue.metrics
        if metric.category in _CATEGORIES_OF_A_DAY
    }
    return frozenset(named - {*_AT_OPEN, *_AT_CLOSE} | {*_OF_A_DAY})
