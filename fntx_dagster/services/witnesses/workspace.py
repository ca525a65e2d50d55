"""Where a witness recomputes a trader's days: a home of its own, so that the witness's own record is not touched.

What belongs here: its database, which is deleted when the days are compared, the statements that are loaded into it,
and the steps from statements to figures. Fetched files stay: a witness who fetched near a day can say so later.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from fntx_dagster.adapters.dbt.running import project_in
from fntx_dagster.adapters.flex.answers import NoData
from fntx_dagster.errors import FntxError, Permanent, Transient, without_accounts
from fntx_dagster.model.period import Period
from fntx_dagster.model.witnesses import Source
from fntx_dagster.services.building.lots import rebuild_lots
from fntx_dagster.services.building.marts import build_marts, manifest
from fntx_dagster.services.database import delete_server, open_database
from fntx_dagster.services.fetching import fetch
from fntx_dagster.services.loading import load, statements_folder
from fntx_dagster.services.risk import update_greeks
from fntx_dagster.services.witnesses.figures import groups_of
from fntx_dagster.services.witnesses.keeping import kept_in
from fntx_dagster.settings import Settings
from fntx_dagster.settings.flex import FlexSettings
from fntx_dagster.store.raw_flex.coverage import first_session

if TYPE_CHECKING:
    from fntx_dagster.store.database import Database
    from fntx_dagster.witness.package import Package

OnProgress = Callable[[str], None]

_BROKERS_HOSTS = FlexSettings().hosts


class Way(NamedTuple):
    """How a witness gets the statements: fetched with a token of its own, from a folder, or from the package."""

    fetches: bool = False
    folder: Path | None = None
    is_direct: bool = False
    """Whether the witness says that it has the folder's files from the broker, not through the trader."""

    def source(self, settings: Settings, package: Package, seen: Collection[str]) -> Source:
        """What an attestation may say of it, where files with the hashes `seen` (SHA-256, hex) were loaded. Fetched is
        only what came from the broker's own host over TLS: what any other address serves, its owner may have written.
        A file that the package brings was given by the trader, wherever else the witness has it from."""
        if self.fetches:
            return Source.BROKER_FETCHED if _is_the_brokers(settings.flex) else Source.FILES_DIRECT
        is_given = any(statement.sha256 in seen for statement in package.statements)
        return Source.FILES_DIRECT if self.is_direct and not is_given else Source.FILES_SEEN


@contextmanager
def workspace(settings: Settings, package: Package, way: Way) -> Iterator[tuple[Settings, Database]]:
    """The settings of a home for a package's days, and its empty database. What the figures depend on is as the trader
    has it; tokens and queries are the witness's own. Transient where another check has that home."""
    home = kept_in(settings) / _name_of_home(settings.flex, package, way)
    home.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    turn = FileLock(home.with_name(f".{home.name}.lock"), timeout=0, mode=0o600)
    try:
        turn.acquire()
    except Timeout:
        raise Transient("another check of this trader's days is running", "Call again when it has ended") from None
    try:
        with _made(home, settings, package, way) as made:
            yield made
    finally:
        turn.release()


@contextmanager
def _made(home: Path, settings: Settings, package: Package, way: Way) -> Iterator[tuple[Settings, Database]]:
    flex = settings.flex.model_copy(update={"folder": None, "keep_files": True})
    ours = Settings(home=home, flex=flex if way.fetches else FlexSettings(), **groups_of(package))
    home.mkdir(exist_ok=True, mode=0o700)
    limits = home / settings.paths.limits.name
    if way.fetches and not limits.exists():  # the broker counts the requests of a token, wherever they come from
        settings.paths.limits.mkdir(parents=True, exist_ok=True)
        limits.symlink_to(settings.paths.limits)
    if not ours.paths.dbt_target.exists() and settings.paths.dbt_target.exists():  # parsed already
        shutil.copytree(settings.paths.dbt_target, ours.paths.dbt_target)
    _forget_database(ours)
    db = open_database(ours)
    try:
        yield ours, db
    finally:
        db.close()
        _forget_database(ours)
        if not way.fetches:
            shutil.rmtree(home, ignore_errors=True)


def _name_of_home(flex: FlexSettings, package: Package, way: Way) -> str:
    """One for each record and account. Every file in a home where statements were fetched is from the same hosts, since
    all of them are loaded: what another host served is never taken for the broker's."""
    of = _digest(f"{package.chain_id} {package.contract} {package.trader} {package.account}".lower())
    hosts = "broker" if _is_the_brokers(flex) else _digest(" ".join([flex.url, *sorted(flex.hosts)]))
    return f"{of}-fetched-{hosts}" if way.fetches else f"{of}-files"


def _is_the_brokers(flex: FlexSettings) -> bool:
    address = urlsplit(flex.url)
    return address.scheme == "https" and address.hostname in _BROKERS_HOSTS and flex.hosts <= _BROKERS_HOSTS


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]


def load_statements(
    ours: Settings, db: Database, package: Package, way: Way, since: Period, on_progress: OnProgress
) -> datetime | None:
    """Load the statements into a workspace; the time (UTC) at which they were fetched, None where they were not.

    `since`: the days of which statements are fetched. Permanent for no statement, a file that cannot be loaded, or a
    token or query that the broker refuses; Transient where the broker is away or asks to come later.
    """
    fetched_at = datetime.now(UTC).replace(microsecond=0) if way.fetches else None
    if way.fetches:
        if not ours.flex.tokens:
            raise Permanent("no Flex token is set to fetch with", "Set FNTX_FLEX_TOKENS and FNTX_FLEX_QUERIES")
        results = fetch(ours, db, since, datetime.now(UTC), on_progress)
        _raise([result.error for result in results if result.error and not isinstance(result.error, NoData)])
        if all(result.error for result in results):
            raise Permanent(f"the broker has no statement of {since}", "Check the token and its queries")
        paths = [statements_folder(ours)]
    elif way.folder is not None:
        if not way.folder.exists():
            raise Permanent(f"there is no folder {way.folder}", "Name the one that has the statements")
        paths = [way.folder]
    else:
        paths = [*_unpacked(ours, package)]
    if not paths or not paths[0].exists():
        raise Permanent(
            "there are no statements to recompute the days from",
            "Fetch them with --fetch, name a folder with --statements, or ask for a package that brings them",
        )
    count = 0
    for loaded in load(ours, db, paths):
        if loaded.error is not None:
            raise Permanent(f"{loaded.file_name} cannot be loaded: {without_accounts(str(loaded.error))}")
        count += 1
    if not count:
        raise Permanent(f"{paths[0]} holds no Flex statement", "Name the folder that has the statements as Flex XML")
    return fetched_at


def compute(ours: Settings, db: Database, last: Period) -> None:
    """From the loaded statements to the figures of every session up to the last of a period. Permanent where the
    statements do not allow it."""
    first = first_session(db)
    if first is None or first > last.last:
        return
    period = Period(first, last.last)
    rebuild_lots(ours, db, period)
    manifest(ours)
    nodes = {node.name for node in project_in(ours.paths.dbt_target).compiled.nodes}
    built = build_marts(ours, db, period, nodes, all_models=True)
    if built.failures:
        raise Permanent(
            f"the days cannot be built from these statements: {without_accounts('; '.join(built.failures[:3]))}",
            "Check whether they have every section that `fntx doctor` names",
        )
    update_greeks(ours, db, period)


def _forget_database(ours: Settings) -> None:
    delete_server(ours)
    shutil.rmtree(ours.paths.postgres, ignore_errors=True)


def _unpacked(ours: Settings, package: Package) -> Iterator[Path]:
    """The statements of a package as files of the workspace; their names were checked when it was read."""
    folder = statements_folder(ours)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for statement in package.statements:
        (folder / statement.name).write_bytes(statement.content)
    if package.statements:
        yield folder


def _raise(errors: Sequence[FntxError]) -> None:
    """Raise what can be tried again before what cannot, so that nothing is compared with a part of the statements."""
    for error in sorted(errors, key=lambda error: not isinstance(error, Transient)):
        raise error
