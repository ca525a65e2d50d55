"""Statements from the Flex Web Service into the folder of files, and out of it again when newer ones are loaded.

Joins the rooms and holds no rule of its own: the protocol and the folder's layout are `flex`'s, what is loaded and
remembered is `store`'s. Each query of each token is fetched once for each month of a range, as month-to-date; one that
fails is told and holds nobody up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.adapters.flex import archive
from fntx_dagster.adapters.flex.answers import NoData, NotServed, TokenRefused
from fntx_dagster.adapters.flex.archive import Archived
from fntx_dagster.adapters.flex.webservice import QUERY_NAME, Download, Query, Service, Window, download
from fntx_dagster.errors import FntxError, Permanent, Transient, without_accounts
from fntx_dagster.model.period import Period
from fntx_dagster.model.session import NEW_YORK
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.raw_flex import fetches
from fntx_dagster.store.raw_flex.coverage import due_session, listed, missing
from fntx_dagster.store.raw_flex.fetches import Fetch, served_accounts
from fntx_dagster.store.raw_flex.statements import FileLoad, covered_again, never_loaded

HONG_KONG = ZoneInfo("Asia/Hong_Kong")
Told = Callable[[str], None]


class Fetched(NamedTuple):
    """What became of one query and month. `error` None: the file lies at `path`; `before` says that it was there."""

    login: str
    query: Query
    window: Window
    path: Path
    error: FntxError | None = None
    before: bool = False

    @property
    def outcome(self) -> str:
        """In words."""
        if self.error:
            return without_accounts(str(self.error))
        return "fetched a short while ago" if self.before else "fetched"

    def __str__(self) -> str:
        """In words; `login` is the name of a token in the settings, never the token."""
        return f"{self.login}: {self.query.name}, {self.window.first} to {self.window.last}: {self.outcome}"


def fetch(settings: Settings, db: Database, period: Period, now: datetime, told: Told) -> list[Fetched]:
    """Fetch every configured query for the months of a range, as far as the last session over in New York at `now`.

    Tokens are asked side by side, the queries of one after the other. `told` gets a line per step. A month that is
    over and was fetched whole in the last twelve hours is not asked for again: a long range that was cut off goes on
    where it stopped.
    """
    queries, windows = configured(settings), list(months(period, now))
    fetches.configure(db, _pairs(queries))
    if not queries or not windows:
        return []

    def ask(login: str) -> list[Fetched]:
        return list(_fetch(settings, db, login, queries[login], windows, now, told))

    with ThreadPoolExecutor(max_workers=len(queries)) as pool:
        return [one for found in pool.map(ask, queries) for one in found]


def months(period: Period, now: datetime) -> Iterator[Window]:
    """The months that a range touches, each whole, as far as they have sessions that are over in New York at `now`."""
    first, last = period
    over = now.astimezone(NEW_YORK).date() - timedelta(days=1)
    month = first.replace(day=1)
    while month <= last:
        following = (month + timedelta(days=31)).replace(day=1)
        ended = [s.day for s in sessions(month, following - timedelta(days=1)) if s.day <= over]
        if ended:
            yield Window(month, following - timedelta(days=1) if following <= over else ended[-1])
        month = following


class Overdue(NamedTuple):
    """What should have arrived and has not: sessions of one month, oldest first; empty with the reason why there is
    nothing to do now."""

    days: list[date]
    reason: str


def overdue(settings: Settings, db: Database, now: datetime) -> Overdue:
    """The sessions to fetch next: of the oldest month that lacks any and was not asked for a while.

    A query that never answered begins with the month of the session that is due. A month that was not asked yet is
    asked at once, and then at most once an hour: again after an hour where an answer failed or something of the due
    month was not there yet, after half a day where that month is over and was fetched whole, after a day where an
    older month still lacks something, or only a person can mend it.
    """
    queries = configured(settings)
    fetches.configure(db, _pairs(queries))
    if not queries:
        return Overdue([], "no Flex queries are in the settings")
    due, pairs = due_session(now), set(_pairs(queries))
    answers = {(fetch.login, fetch.query): fetch for fetch in fetches.latest(db)}
    served = served_accounts(db)
    lacking = {
        lack.day for lack in missing(db, Period(settings.dagster.first_session, due)) if lack.account_id in served
    }
    if any(pair not in answers or _is_worth_another_try(answers[pair], now) for pair in pairs):
        lacking.add(due)
    if not lacking:
        return Overdue([], f"nothing is missing up to {due}")
    patient = []
    for month, days in groupby(sorted(lacking), key=lambda day: day.replace(day=1)):
        found = list(days)
        asked = [one for one in fetches.latest_of(db, Period(found[0], found[-1])) if (one.login, one.query) in pairs]
        if len(asked) < len(pairs) or _patience_is_over(asked, due, now):
            return Overdue(found, f"{len(found)} sessions of {month:%B %Y} are missing")
        patient += found
    return Overdue([], f"{listed(patient)} missing, asked for a short while ago")


def _pairs(queries: dict[str, list[Query]]) -> list[tuple[str, str]]:
    return [(login, query.name) for login, found in queries.items() for query in found]


def _is_worth_another_try(last: Fetch, now: datetime) -> bool:
    """Whether a query whose last answer was none may be asked again."""
    return last.outcome in ("failed", "refused") and now - last.asked_at > _patience(last, last.last_day)


def _patience_is_over(asked: list[Fetch], due: date, now: datetime) -> bool:
    """Whether a month may be asked again; `asked`: what each query answered last."""
    if now - max(one.asked_at for one in asked) <= _HOUR:
        return False
    return any(now - one.asked_at > _patience(one, due) for one in asked)


def _patience(one: Fetch, due: date) -> timedelta:
    """How long an answer stands. Never shorter than the file of a month is taken for fresh, or nothing would be asked
    and the question come again at once."""
    if one.outcome == "failed":
        return _HOUR
    if one.outcome == "refused" or one.last_day < due.replace(day=1):
        return _DAY
    whole = (
        _ends_a_month(one.last_day)
        and one.reaches
        and one.reaches >= _last_session(Period(one.first_day, one.last_day))
    )
    return _HALF_A_DAY if whole else _HOUR


def _ends_a_month(day: date) -> bool:
    return (day + timedelta(days=1)).day == 1


def _last_session(period: Period) -> date:
    first, last = period
    return sessions(first, last)[-1].day


_HOUR, _HALF_A_DAY, _DAY = timedelta(hours=1), timedelta(hours=12), timedelta(days=1)


def configured(settings: Settings) -> dict[str, list[Query]]:
    """Name of each token → its queries. Permanent where names do not match, or one query's name stands twice: files
    are called after it."""
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
                    f"the query name {name!r} in FNTX_FLEX_QUERIES cannot be a file's",
                    "Use letters, digits, - and _, beginning with a letter or digit",
                )
            if name in owners:
                raise Permanent(
                    f"the query name {name} stands under {owners[name]} and {login}, and files are called after it",
                    f"Call one of them otherwise, such as {name}_{login}",
                )
            owners[name] = login
    return {
        login: [Query(name, number) for name, number in queries.items()]
        for login, queries in settings.flex.queries.items()
    }


def statements_folder(settings: Settings) -> Path:
    """The folder of statement files."""
    return settings.flex.folder or settings.paths.statements


def retire(settings: Settings, db: Database, loads: Iterable[FileLoad]) -> list[Path]:
    """Delete the files whose place a newer one of the same query and month has taken, after that one is loaded.

    One that tells of a day of an account that the newer one does not is kept, as is everything where the settings say
    so. One that was never loaded goes only if it was fetched, and the newer one on a later day.
    """
    if settings.flex.keep_files:
        return []
    loaded = {load.path: load.sha256 for load in loads if load.error is None and load.path is not None}
    ours = {name for queries in settings.flex.queries.values() for name in queries}
    gone = []
    for newer, older in archive.replaced(statements_folder(settings), loaded.keys()).items():
        if newer.query not in ours:
            continue
        try:
            for file in _superseded(db, newer, loaded[newer.path], older):
                file.path.unlink(missing_ok=True)
                gone.append(file.path)
        except OSError:
            continue  # what cannot be read or deleted stays
    return gone


def _superseded(db: Database, newer: Archived, sha256: str | None, older: list[Archived]) -> list[Archived]:
    """Those of some older files that a newer one makes superfluous. None when it is no longer what was loaded; and not
    the very file that lies there and is only about to be replaced by another process."""
    now = archive.content(newer.path)
    if now.sha256 != sha256:
        return []
    contents = {file: archive.content(file.path) for file in older}
    found = {one.sha256 for one in contents.values()}
    told, in_vain = covered_again(db, now.sha256, found), never_loaded(db, found)
    return [
        file
        for file, one in contents.items()
        if one.inode != now.inode
        and (one.sha256 in told or (one.sha256 in in_vain and file.fetched_on < newer.fetched_on))
    ]


def _fetch(
    settings: Settings,
    db: Database,
    login: str,
    queries: list[Query],
    windows: list[Window],
    now: datetime,
    told: Told,
) -> Iterator[Fetched]:
    folder, began = statements_folder(settings), time.monotonic()
    answer: Download | FntxError | None = None
    for window in windows:
        for query in queries:
            asked_at = now + timedelta(seconds=time.monotonic() - began)
            path = archive.place(folder, query.name, window.first, now.astimezone(HONG_KONG).date())
            if there := _there(db, login, query, window, path, asked_at):
                yield there
                continue
            if not isinstance(answer, (TokenRefused, NotServed)):  # every other query would meet the same
                answer = _download(_service(settings), settings.flex.tokens[login], query, window, path, told)
            received = answer if isinstance(answer, Download) else None
            fetched = Fetched(login, query, window, path, None if received else answer)
            fetches.remember(db, _row(fetched, asked_at, received))
            told(str(fetched))
            yield fetched


def _download(
    service: Service, token: SecretStr, query: Query, window: Window, path: Path, told: Told
) -> Download | FntxError:
    aside = None
    try:
        aside = archive.set_aside(path)
        return download(service, token, query, window, path, told=told)
    except FntxError as error:
        if aside:
            aside.unlink(missing_ok=True)  # nothing took its place
        return error


def _there(db: Database, login: str, query: Query, window: Window, path: Path, now: datetime) -> Fetched | None:
    """The file of a month that is over, if it was fetched a short while ago and is whole."""
    if not _ends_a_month(window.last):
        return None
    since, last = now - _HALF_A_DAY, _last_session(Period(window.first, window.last))
    known = fetches.fetched_since(db, login, query.name, window.first, last, since)
    if known is None or known.asked_at < since or not known.file_name:
        return None
    if not (there := path.with_name(known.file_name)).exists():
        return None
    return Fetched(login, query, window, there, before=True)


def _row(fetched: Fetched, asked_at: datetime, received: Download | None) -> Fetch:
    error = fetched.error
    outcome = "fetched" if error is None else "no_data" if isinstance(error, NoData) else "refused"
    return Fetch(
        login=fetched.login,
        query=fetched.query.name,
        first_day=fetched.window.first,
        last_day=fetched.window.last,
        asked_at=asked_at,
        outcome="failed" if isinstance(error, Transient) else outcome,
        code=getattr(error, "code", None),
        said=without_accounts(str(error)) if error else None,
        file_name=fetched.path.name if error is None else None,
        sha256=received.sha256 if received else None,
        reaches=received.last_day if received else None,
    )


def _service(settings: Settings) -> Service:
    return Service(
        base_url=settings.flex.url,
        hosts=settings.flex.hosts,
        wait=timedelta(seconds=settings.flex.wait),
        throttled_wait=timedelta(seconds=settings.flex.throttled_wait),
        deadline=timedelta(seconds=settings.flex.deadline),
        limits_folder=settings.paths.limits,
    )
