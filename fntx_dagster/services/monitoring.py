"""What Prometheus scrapes: the platform's figures, asked of the tables when they are wanted, so that no process has to
count anything. An account is named by its number, which stays, and never by its id."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from importlib.metadata import version

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.adapters.prometheus import CONTENT_TYPE, FigureKind, ScrapedFigure, exposition
from fntx_dagster.errors import FntxError
from fntx_dagster.services.accounts import numbered_accounts
from fntx_dagster.settings import Settings
from fntx_dagster.store.accounting.calendars import calendars
from fntx_dagster.store.dagster_runs import run_figures
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.health import server_facts
from fntx_dagster.store.monitoring import MonitoredAccount, MonitoredState, monitored_accounts, monitored_state
from fntx_dagster.store.probing import daemon_beats
from fntx_dagster.store.raw_flex.coverage import due_session

__all__ = ["CONTENT_TYPE", "Scraped", "figures"]

_TRUST_SECONDS = 10.0
"""Whoever scrapes more often than that gets the same figures again."""


class Scraped:
    """The text of the figures, at most ten seconds old."""

    def __init__(self, settings: Settings, db: Database) -> None:
        self._settings, self._db = settings, db
        self._asking = threading.Lock()
        self._until, self._text = 0.0, b""

    def text(self) -> bytes:
        """The figures in Prometheus' text format; where the database does not answer, `fntx_up` alone, which is 0."""
        with self._asking:
            if time.monotonic() >= self._until:
                self._text = exposition(self._figures())
                self._until = time.monotonic() + _TRUST_SECONDS
            return self._text

    def _figures(self) -> list[ScrapedFigure]:
        try:
            return [_up(1), *figures(self._settings, self._db, datetime.now(UTC))]
        except FntxError:
            return [_up(0)]


def figures(settings: Settings, db: Database, now: datetime) -> Iterator[ScrapedFigure]:
    """All figures as they are. Raises Transient where the database does not answer; where Dagster's storage does not,
    its figures are missing."""
    with db.snapshot() as snapshot:
        numbers = {each.account_id: str(each.number) for each in numbered_accounts(snapshot)}
        accounts = monitored_accounts(snapshot, [*numbers])
        missing = _missing(snapshot, accounts, now)
        state, facts = monitored_state(snapshot), server_facts(snapshot)
    yield ScrapedFigure(
        "fntx_build_info",
        FigureKind.GAUGE,
        "What is installed: 1",
        ("version", "schema", "postgresql"),
        {(version("fntx-dagster"), facts.schema_version, facts.version): 1},
    )
    yield from _of_accounts(numbers, accounts, missing)
    yield from _of_all(settings, numbers, state, facts.size)
    with suppress(FntxError):
        yield from _of_dagster(settings)


def _of_accounts(
    numbers: Mapping[str, str], accounts: list[MonitoredAccount], missing: Mapping[str, int]
) -> Iterator[ScrapedFigure]:
    def figure(name: str, words: str, values: Mapping[str, float]) -> ScrapedFigure:
        labelled = {(numbers[account],): value for account, value in values.items()}
        return ScrapedFigure(f"fntx_{name}", FigureKind.GAUGE, words, ("account",), labelled)

    yield figure(
        "told_day_timestamp_seconds",
        "Newest session that is explained, midnight UTC of its date",
        {each.account_id: _seconds(each.last_built) for each in accounts if each.last_built},
    )
    yield figure(
        "signed_day_timestamp_seconds",
        "Newest session that is signed, midnight UTC of its date",
        {each.account_id: _seconds(each.last_signed) for each in accounts if each.last_signed},
    )
    yield figure("sessions_missing", "Sessions whose statement is due and that are not explained", missing)
    yield figure(
        "unexplained_base",
        "What the newest explained session leaves unexplained, in the account's base currency",
        {each.account_id: float(each.unexplained) for each in accounts},
    )
    yield figure(
        "verification_failures",
        "Verifications of the last 40 days that fail",
        {each.account_id: each.failing for each in accounts},
    )


def _of_all(
    settings: Settings, numbers: Mapping[str, str], state: MonitoredState, size: int
) -> Iterator[ScrapedFigure]:
    def one(name: str, words: str, value: float, kind: FigureKind = FigureKind.GAUGE) -> ScrapedFigure:
        return ScrapedFigure(f"fntx_{name}", kind, words, (), {(): value})

    def by(
        name: str, words: str, label: str, values: Mapping[str, float], kind: FigureKind = FigureKind.GAUGE
    ) -> ScrapedFigure:
        return ScrapedFigure(f"fntx_{name}", kind, words, (label,), {(key,): value for key, value in values.items()})

    queue = dict.fromkeys(("queued", "signed", "broadcast", "mined", "failed"), 0) | dict(state.queue)
    yield by("queue_records", "Signed records that are not final, by state", "state", queue)
    yield one("queue_oldest_seconds", "Age of the oldest record that waits for the chain", state.oldest)
    yield one("gas_used", "Gas of all transactions of records", state.gas_used, FigureKind.COUNTER)
    yield by("fetch_outcome", "Answers of the Flex Web Service, by code", "code", state.fetches, FigureKind.COUNTER)
    yield by("alerts_open", "Alerts that are open and not dismissed", "kind", state.alerts)
    known = {account: value for account, value in state.followers.items() if account in numbers}
    followed = {numbers[account]: value for account, value in known.items()}
    yield by("gateway_up", "Whether an account is followed", "account", {key: up for key, (up, _) in followed.items()})
    ages = {key: age for key, (_, age) in followed.items()}
    yield by("gateway_event_age_seconds", "Seconds since the newest event of an account", "account", ages)
    if state.backup_age is not None:
        yield one("backup_age_seconds", "Seconds since the newest backup was complete", state.backup_age)
    yield one("runs_silent", "Runs that were not heard of for five minutes", state.silent_runs)
    yield one("database_size_bytes", "Size of the database", size)
    with suppress(OSError):
        disk = shutil.disk_usage(settings.paths.home)
        yield one("disk_free_ratio", "Part of the home's disk that is free", disk.free / disk.total)


def _of_dagster(settings: Settings) -> Iterator[ScrapedFigure]:
    found, beats = run_figures(settings), daemon_beats(settings)
    runs = dict.fromkeys(("success", "failure", "canceled", "started", "queued"), 0) | found.runs
    yield ScrapedFigure("fntx_runs", FigureKind.GAUGE, "Runs of the last day, by state", ("status",), _keyed(runs))
    words = "Seconds of the last run that succeeded"
    yield ScrapedFigure("fntx_run_seconds", FigureKind.GAUGE, words, ("job",), _keyed(found.seconds))
    if beats:
        words = "Seconds since the daemon was last heard of"
        yield ScrapedFigure("fntx_daemon_heartbeat_age_seconds", FigureKind.GAUGE, words, (), {(): max(beats.values())})


def _missing(db: Readable, accounts: list[MonitoredAccount], now: datetime) -> dict[str, int]:
    """Account → sessions of its calendar behind its newest explained one, whose statement should be there; the accounts
    that were explained up to the same day are counted once."""
    followed = calendars(db)
    counted: dict[tuple[date, str], int] = {}
    for each in accounts:
        if each.last_built is None:
            continue
        key = (each.last_built, followed[each.account_id])
        if key not in counted:
            due = due_session(now, key[1])
            counted[key] = sum(session.day > each.last_built for session in sessions(each.last_built, due, key[1]))
    return {
        each.account_id: counted.get((each.last_built, followed[each.account_id]), 0)
        for each in accounts
        if each.last_built
    }


def _keyed(values: Mapping[str, float]) -> dict[tuple[str, ...], float]:
    return {(key,): value for key, value in values.items()}


def _seconds(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def _up(value: int) -> ScrapedFigure:
    return ScrapedFigure("fntx_up", FigureKind.GAUGE, "Whether the database answers", (), {(): value})
