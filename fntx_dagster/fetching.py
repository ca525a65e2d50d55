"""Statements from the Flex Web Service into the folder of files, and out of it again when newer ones are loaded.

Joins the rooms and holds no rule of its own: the protocol and the folder's layout are `flex`'s, what is loaded and
remembered is `store`'s. Each query of each token is fetched once for each month of a range, as month-to-date; one that
fails is told and holds nobody up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from fntx_dagster.accounting.calendar import NEW_YORK, sessions
from fntx_dagster.errors import FntxError, Permanent, Transient, without_accounts
from fntx_dagster.flex import archive
from fntx_dagster.flex.answers import NoData, TokenRefused
from fntx_dagster.flex.webservice import Download, Query, Service, Window, download
from fntx_dagster.settings import Settings
from fntx_dagster.store import fetches
from fntx_dagster.store.database import Database
from fntx_dagster.store.fetches import Fetch, served_accounts
from fntx_dagster.store.nav import due_session, listed, missing
from fntx_dagster.store.statements import FileLoad

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


def fetch(settings: Settings, db: Database, first: date, last: date, now: datetime, told: Told) -> list[Fetched]:
    """Fetch every configured query for the months of a range, as far as the last session over in New York at `now`.

    Tokens are asked side by side, the queries of one after the other. `told` gets a line per step. A month that is
    over and was fetched whole in the last twelve hours is not asked for again: a long range that was cut off goes on
    where it stopped.
    """
    queries, windows = configured(settings), list(months(first, last, now))
    if not queries or not windows:
        return []
    with ThreadPoolExecutor(max_workers=len(queries)) as pool:
        asked = pool.map(lambda login: list(_fetch(settings, db, login, queries[login], windows, now, told)), queries)
        return [one for found in asked for one in found]


def months(first: date, last: date, now: datetime) -> Iterator[Window]:
    """The months that a range touches, each whole, as far as they have sessions that are over in New York at `now`."""
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

    A query that was never asked begins with the month of the session that is due. After an answer that something is
    not there yet an hour passes, after one that only a person can mend a day.
    """
    queries = configured(settings)
    if not queries:
        return Overdue([], "no Flex queries are in the settings")
    due = due_session(now)
    asked = {(fetch.login, fetch.query) for fetch in fetches.latest(db)}
    served = served_accounts(db)
    lacking = {lack.day for lack in missing(db, settings.first_session, due) if lack.account_id in served}
    if any((login, query.name) not in asked for login, found in queries.items() for query in found):
        lacking.add(due)
    if not lacking:
        return Overdue([], f"nothing is missing up to {due}")
    patient = []
    for month, days in groupby(sorted(lacking), key=lambda day: day.replace(day=1)):
        found = list(days)
        if _patience_is_over(fetches.latest_of(db, found[0], found[-1]), queries, now):
            return Overdue(found, f"{len(found)} sessions of {month:%B %Y} are missing")
        patient += found
    return Overdue([], f"{listed(patient)} missing, asked for a short while ago")


def _patience_is_over(asked: list[Fetch], queries: dict[str, list[Query]], now: datetime) -> bool:
    known = {(fetch.login, fetch.query) for fetch in asked}
    if any((login, query.name) not in known for login, found in queries.items() for query in found):
        return True
    return any(now - one.asked_at > (_DAY if one.outcome == "refused" else _HOUR) for one in asked)


_HOUR, _HALF_A_DAY, _DAY = timedelta(hours=1), timedelta(hours=12), timedelta(days=1)


def configured(settings: Settings) -> dict[str, list[Query]]:
    """Name of each token → its queries. Permanent where names do not match, or one query's name stands twice: files
    are called after it."""
    tokens, named = set(settings.flex_tokens), set(settings.flex_queries)
    if tokens != named:
        raise Permanent(
            f"FNTX_FLEX_TOKENS and FNTX_FLEX_QUERIES name different things: {', '.join(sorted(tokens ^ named))}",
            "Give each token its queries under the same name",
        )
    owners: dict[str, str] = {}
    for login, queries in settings.flex_queries.items():
        for name in queries:
            if name in owners:
                raise Permanent(
                    f"the query name {name} stands under {owners[name]} and {login}, and files are called after it",
                    f"Call one of them otherwise, such as {name}_{login}",
                )
            owners[name] = login
    return {
        login: [Query(name, number) for name, number in queries.items()]
        for login, queries in settings.flex_queries.items()
    }


def statements_folder(settings: Settings) -> Path:
    """The folder of statement files."""
    return settings.statements or settings.paths.statements


def retire(settings: Settings, loads: Iterable[FileLoad]) -> list[Path]:
    """Delete the files whose place a newer one of the same query and month has taken, after that one is loaded.

    One that tells of days or accounts that the newer one does not is kept, as is everything where the settings say so.
    """
    if settings.keep_statements:
        return []
    loaded = {load.path: load for load in loads if load.error is None and load.path is not None}
    ours = {name for queries in settings.flex_queries.values() for name in queries}
    gone = []
    for path, older in archive.replaced(statements_folder(settings), loaded.keys()).items():
        if not any(path.name.startswith(f"{name}_MTD_") for name in ours):
            continue
        for file in older:
            if file not in loaded or loaded[path].covers(loaded[file]):
                file.unlink(missing_ok=True)
                gone.append(file)
    return gone


def _fetch(
    settings: Settings,
    db: Database,
    login: str,
    queries: list[Query],
    windows: list[Window],
    now: datetime,
    told: Told,
) -> Iterator[Fetched]:
    folder, token = statements_folder(settings), settings.flex_tokens[login]
    answer: Download | FntxError | None = None
    for window in windows:
        for query in queries:
            asked_at = datetime.now(UTC)
            path = archive.place(folder, query.name, window.first, now.astimezone(HONG_KONG).date())
            if there := _there(db, login, query, window, path):
                yield there
                continue
            if not isinstance(answer, TokenRefused):  # it would be refused for every other query too
                archive.set_aside(path)
                answer = _download(settings, token, query, window, path, told)
            received = answer if isinstance(answer, Download) else None
            fetched = Fetched(login, query, window, path, None if received else answer)
            fetches.remember(db, _row(fetched, asked_at, received))
            told(str(fetched))
            yield fetched


def _download(
    settings: Settings, token: SecretStr, query: Query, window: Window, path: Path, told: Told
) -> Download | FntxError:
    try:
        return download(_service(settings), token, query, window, path, told=told)
    except FntxError as error:
        return error


def _there(db: Database, login: str, query: Query, window: Window, path: Path) -> Fetched | None:
    """The file of a month that is over, if it was fetched a short while ago and is whole."""
    if (window.last + timedelta(days=1)).day != 1:
        return None
    last = sessions(window.first, window.last)[-1].day
    known = fetches.fetched_since(db, login, query.name, window.first, last, datetime.now(UTC) - _HALF_A_DAY)
    if known is None or not known.file_name or not (there := path.with_name(known.file_name)).exists():
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
        base_url=settings.flex_url,
        hosts=settings.flex_hosts,
        wait=timedelta(seconds=settings.flex_wait),
        throttled_wait=timedelta(seconds=settings.flex_throttled_wait),
        deadline=timedelta(seconds=settings.flex_deadline),
        limits_folder=settings.paths.limits,
    )
