"""Statements from the Flex Web Service into the folder of files, and out of it again when newer ones are loaded.

Here belongs when to ask: which months and queries a range needs, how long an answer counts as fresh, and when a newer
file makes an older one superfluous. The protocol and the folder's layout are in `adapters.flex`, what was loaded and
answered is in `store`. Each query of each token is fetched once for each month of a range, as month-to-date; a query
that fails is reported and delays no other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from itertools import groupby
from pathlib import Path, PurePath
from typing import NamedTuple

from pydantic import SecretStr

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.adapters.flex.answers import NoData, NotServed, TokenRefused
from fntx_dagster.adapters.flex.service import QUERY_NAME, Download, FlexService, Query
from fntx_dagster.adapters.flex.webservice import download
from fntx_dagster.errors import FntxError, Permanent, Transient, without_accounts
from fntx_dagster.model.period import Period
from fntx_dagster.model.session import HONG_KONG, NEW_YORK
from fntx_dagster.services.archiving.archive import Archive
from fntx_dagster.services.archiving.choosing import archive_of
from fntx_dagster.services.loading import date_order
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.raw_flex import fetches
from fntx_dagster.store.raw_flex.archived import FetchedMonth
from fntx_dagster.store.raw_flex.coverage import due_session, listed, missing
from fntx_dagster.store.raw_flex.fetches import Fetch, served_accounts
from fntx_dagster.store.raw_flex.statements import FileLoad
from fntx_dagster.store.raw_flex.token_turns import TokenTurns

Progress = Callable[[str], None]


class Fetched(NamedTuple):
    """The result of one query and month. Without an `error` the archive has it under `file_name`."""

    login: str
    """The name of the token in the settings, never the token."""
    query: Query
    period: Period
    file_name: str
    error: FntxError | None = None
    reused: bool = False
    """Whether the file was there already, fetched a short while ago."""

    @property
    def outcome(self) -> str:
        """In words."""
        if self.error:
            return without_accounts(str(self.error))
        return "fetched a short while ago" if self.reused else "fetched"

    def __str__(self) -> str:
        return f"{self.login}: {self.query.name}, {self.period.first} to {self.period.last}: {self.outcome}"


def fetch(settings: Settings, db: Database, period: Period, now: datetime, on_progress: Progress) -> list[Fetched]:
    """Fetch every configured query for the months of a range, up to the last session that is over in New York at `now`.

    The tokens run side by side, the queries of one token in turn. `on_progress` gets a line of text at each step.
    Returns a result for each query and month, errors of the service among them. A past month that was fetched whole in
    the last twelve hours is not fetched again, so that a long range that was interrupted continues where it stopped.
    Raises Permanent where the settings contradict themselves.
    """
    queries, periods = configured(settings), list(months(period, now))
    fetches.configure(db, _pairs(queries))
    if not queries or not periods:
        return []

    def fetch_login(login: str) -> list[Fetched]:
        return list(_fetch(settings, db, login, queries[login], periods, now, on_progress))

    with ThreadPoolExecutor(max_workers=len(queries)) as pool:
        return [fetched for of_login in pool.map(fetch_login, queries) for fetched in of_login]


def months(period: Period, now: datetime) -> Iterator[Period]:
    """The months that a range touches, each from its first day to its end or to the last session over in New York at
    `now`; a month without such a session is left out."""
    first, last = period
    over = now.astimezone(NEW_YORK).date() - timedelta(days=1)
    month = first.replace(day=1)
    while month <= last:
        following = (month + timedelta(days=31)).replace(day=1)
        ended = [s.day for s in sessions(month, following - timedelta(days=1)) if s.day <= over]
        if ended:
            yield Period(month, following - timedelta(days=1) if following <= over else ended[-1])
        month = following


class Overdue(NamedTuple):
    """Sessions of one month whose statements are late, oldest first, and why; without `days`, `reason` says why there
    is nothing to fetch now."""

    days: list[date]
    reason: str


def overdue(settings: Settings, db: Database, now: datetime) -> Overdue:
    """The sessions to fetch next: those of the oldest month that lacks some and whose last answers are no longer fresh.

    A query that never answered begins with the month of the session that is due. A month without an answer is fetched
    at once. After that the wait depends on the last answer: an hour where it failed, or the due month was incomplete;
    half a day where the due month is over and was fetched whole; a day where an older month still lacks a session, or
    only a person can solve the problem. `now` is any aware time. Raises Permanent where the settings contradict
    themselves.
    """
    queries = configured(settings)
    fetches.configure(db, _pairs(queries))
    if not queries:
        return Overdue([], "no Flex queries are in the settings")
    due, pairs = due_session(now), set(_pairs(queries))
    answers = {_pair(fetch): fetch for fetch in fetches.latest(db)}
    served = served_accounts(db)
    lacking = {lack.day for lack in missing(db, Period(settings.dagster.earliest, due)) if lack.account_id in served}
    if any(pair not in answers or _may_be_retried(answers[pair], now) for pair in pairs):
        lacking.add(due)
    if not lacking:
        return Overdue([], f"nothing is missing up to {due}")
    waiting = []
    for month, group in groupby(sorted(lacking), key=lambda day: day.replace(day=1)):
        days = list(group)
        last = [fetch for fetch in fetches.latest_of(db, Period(days[0], days[-1])) if _pair(fetch) in pairs]
        if len(last) < len(pairs) or _are_outdated(last, due, now):
            return Overdue(days, f"{len(days)} sessions of {month:%B %Y} are missing")
        waiting += days
    return Overdue([], f"{listed(waiting)} missing, asked for a short while ago")


def _pairs(queries: dict[str, list[Query]]) -> list[tuple[str, str]]:
    return [(login, query.name) for login, of_login in queries.items() for query in of_login]


def _pair(fetch: Fetch) -> tuple[str, str]:
    return fetch.login, fetch.query


def _may_be_retried(last: Fetch, now: datetime) -> bool:
    """Whether the query's last answer was a failure that is no longer fresh."""
    return last.outcome in ("failed", "refused") and now - last.asked_at > _freshness(last, last.last_day)


def _are_outdated(last: list[Fetch], due: date, now: datetime) -> bool:
    """Whether a month may be fetched again; `last` is the last answer of each query."""
    if now - max(fetch.asked_at for fetch in last) <= _HOUR:
        return False
    return any(now - fetch.asked_at > _freshness(fetch, due) for fetch in last)


def _freshness(last: Fetch, due: date) -> timedelta:
    """How long an answer is fresh. Never shorter than `_reusable` reuses the file of a month, or a run would fetch
    nothing and the next one begin at once."""
    if last.outcome == "failed":
        return _HOUR
    if last.outcome == "refused" or last.last_day < due.replace(day=1):
        return _DAY
    whole = (
        _ends_a_month(last.last_day)
        and last.reaches
        and last.reaches >= _last_session(Period(last.first_day, last.last_day))
    )
    return _HALF_A_DAY if whole else _HOUR


def _ends_a_month(day: date) -> bool:
    return (day + timedelta(days=1)).day == 1


def _last_session(period: Period) -> date:
    first, last = period
    return sessions(first, last)[-1].day


_HOUR, _HALF_A_DAY, _DAY = timedelta(hours=1), timedelta(hours=12), timedelta(days=1)


def configured(settings: Settings) -> dict[str, list[Query]]:
    """The queries of each token, by the token's name in the settings.

    Raises Permanent where tokens and queries have different names, or two queries the same: files are named after it.
    """
    tokens, named = set(settings.flex.tokens), set(settings.flex.queries)
    if tokens != named:
        raise Permanent(
            f"FNTX_FLEX_TOKENS and FNTX_FLEX_QUERIES name different things: {', '.join(sorted(tokens ^ named))}",
            "Give each token its queries under the same name",
        )
    owners: dict[str, str] = {}
    for login, queries in settings.flex.queries.items():
        for name in queries:
            if not QUERY_NAME.fullmatch(name):
                raise Permanent(
                    f"the query name {name!r} in FNTX_FLEX_QUERIES cannot be part of a file's name",
                    "Use letters, digits, - and _, beginning with a letter or digit",
                )
            if name in owners:
                raise Permanent(
                    f"{owners[name]} and {login} both have a query named {name}, and files are named after it",
                    f"Rename one of them, for example to {name}_{login}",
                )
            owners[name] = login
    return {
        login: [Query(name, number) for name, number in queries.items()]
        for login, queries in settings.flex.queries.items()
    }


def retire(settings: Settings, db: Database, loads: Iterable[FileLoad]) -> list[PurePath]:
    """Drop the files that a newer, loaded file of the same query and month replaces, and return their names: a folder
    deletes them, an object store lists them no more.

    `loads` are the results of loading the archive. A file that covers a day of an account which the newer one lacks
    stays, as does every file where the settings keep them. A file that was never loaded is deleted only if it was
    fetched, and the newer one on a later day.
    """
    if settings.flex.keep_files:
        return []
    ours = {name for queries in settings.flex.queries.values() for name in queries}
    return archive_of(settings, db).retire(db, loads, ours)


def _fetch(
    settings: Settings,
    db: Database,
    login: str,
    queries: list[Query],
    periods: list[Period],
    now: datetime,
    on_progress: Progress,
) -> Iterator[Fetched]:
    archive, began = archive_of(settings, db), time.monotonic()
    answer: Download | FntxError | None = None
    for period in periods:
        for query in queries:
            asked_at = now + timedelta(seconds=time.monotonic() - began)
            slot = FetchedMonth(query.name, period.first, now.astimezone(HONG_KONG).date())
            if reusable := _reusable(db, archive, login, query, period, slot, asked_at):
                yield reusable
                continue
            if not isinstance(answer, (TokenRefused, NotServed)):  # every other query would fail alike
                answer = _download(
                    archive, _service(settings, db), settings.flex.tokens[login], query, period, slot, on_progress
                )
            received, error = (answer, None) if isinstance(answer, Download) else (None, answer)
            fetched = Fetched(login, query, period, slot.file_name, error)
            fetches.remember(db, _row(fetched, asked_at, received))
            on_progress(str(fetched))
            yield fetched


def _download(
    archive: Archive,
    service: FlexService,
    token: SecretStr,
    query: Query,
    period: Period,
    slot: FetchedMonth,
    on_progress: Progress,
) -> Download | FntxError:
    def write(path: Path) -> Download:
        return download(service, token, query, period, path, on_progress=on_progress)

    try:
        return archive.receive(slot, write)
    except FntxError as error:
        return error


def _reusable(
    db: Database, archive: Archive, login: str, query: Query, period: Period, slot: FetchedMonth, now: datetime
) -> Fetched | None:
    """The file of a month that is over, if it was fetched a short while ago and is whole."""
    if not _ends_a_month(period.last):
        return None
    since, last = now - _HALF_A_DAY, _last_session(period)
    known = fetches.fetched_since(db, login, query.name, period.first, last, since)
    if known is None or known.asked_at < since or not known.file_name:
        return None
    if not archive.holds(slot, known.file_name):
        return None
    return Fetched(login, query, period, known.file_name, reused=True)


def _row(fetched: Fetched, asked_at: datetime, received: Download | None) -> Fetch:
    error = fetched.error
    outcome = "fetched" if error is None else "no_data" if isinstance(error, NoData) else "refused"
    return Fetch(
        login=fetched.login,
        query=fetched.query.name,
        first_day=fetched.period.first,
        last_day=fetched.period.last,
        asked_at=asked_at,
        outcome="failed" if isinstance(error, Transient) else outcome,
        code=getattr(error, "code", None),
        said=without_accounts(str(error)) if error else None,
        file_name=fetched.file_name if error is None else None,
        sha256=received.sha256 if received else None,
        reaches=received.last_day if received else None,
    )


def _service(settings: Settings, db: Database) -> FlexService:
    return FlexService(
        base_url=settings.flex.url,
        hosts=settings.flex.hosts,
        date_order=date_order(settings),
        wait=timedelta(seconds=settings.flex.wait),
        throttled_wait=timedelta(seconds=settings.flex.throttled_wait),
        deadline=timedelta(seconds=settings.flex.deadline),
        limits_folder=settings.paths.limits,
        times=shared_times(settings, db),
    )


def shared_times(settings: Settings, db: Database) -> TokenTurns | None:
    """Where the times of tokens' requests are kept for all machines; None where the home is the only one."""
    return None if settings.database.url is None else TokenTurns(db)
