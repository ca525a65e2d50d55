"""Loading sanctions lists, and which of them can clear somebody: one that is loaded whole, and is not too old."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.compliance.entities import ListedEntity
from fntx_dagster.compliance.rows import ListRefused, require_not_shrunk
from fntx_dagster.compliance.screening import known
from fntx_dagster.errors import Permanent
from fntx_dagster.services.auditing.log import append
from fntx_dagster.services.screening.list_files import ListFile
from fntx_dagster.store.database import InTransaction
from fntx_dagster.store.treasury import lists
from fntx_dagster.store.treasury.lists import EntityRow, ListVersion

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database, Readable

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}").fullmatch


class LoadedList(NamedTuple):
    """A list that was loaded; `changed`: its bytes are others than before, and parties are to be screened again."""

    version: ListVersion
    changed: bool


class ListStanding(NamedTuple):
    """A list that counts, and why it clears nobody: empty where it can. `version`: None where it was never loaded."""

    list_name: str
    version: ListVersion | None
    problem: str


def load_list(
    settings: Settings, db: Database, path: Path, name: str | None = None, dated_at: datetime | None = None, *, by: str
) -> LoadedList:
    """Load a list, whole or not at all, in the place of its last version.

    `name`: what the list is called here; else as its format. `dated_at` (aware): when its publisher was asked for it;
    else the time of the file. Raises ListRefused for a file with a fault, one that has fewer than half of the entities
    of its last version, or an older one than is loaded. `by`: an actor of the audit log.
    """
    file = ListFile(path)
    name = name or file.format
    if not _NAME(name):
        raise Permanent(f"{name[:60]!r} is no name of a list", "Use up to 40 small letters, digits, dots and dashes")
    now = datetime.now(UTC)
    dated_at = min(dated_at or file.dated_at, now)
    with db.connect() as connection:
        entities, names = lists.stage(connection, _rows(file))
        lists.lock_for_loading(connection)
        before = {version.list_name: version for version in lists.newest_versions(InTransaction(connection))}.get(name)
        changed = before is None or before.version != file.version
        if before is not None and changed:
            _require_newer(path, before, dated_at)
        require_not_shrunk(path.name, entities, before.entities if before else 0)
        if changed:
            lists.install(connection, name)
        loaded = ListVersion(name, file.format, file.version, file.digests, dated_at, entities, names, by, now)
        lists.add_version(connection, loaded)
        append(settings, connection, _event(loaded))
    return LoadedList(loaded, changed)


def standings(settings: Settings, db: Readable, now: datetime | None = None) -> list[ListStanding]:
    """Every list that counts, by name: those of FNTX_LISTS, else all that were ever loaded."""
    now = now or datetime.now(UTC)
    loaded = {version.list_name: version for version in lists.newest_versions(db)}
    hours = settings.compliance.lists_max_age
    return [
        ListStanding(name, version, _problem(version, now, hours))
        for name in sorted(settings.compliance.lists or loaded)
        for version in [loaded.get(name)]
    ]


def _problem(version: ListVersion | None, now: datetime, hours: float) -> str:
    if version is None:
        return "it was never loaded"
    age = now - version.dated_at
    return f"it is {age / timedelta(hours=1):.0f} hours old" if age > timedelta(hours=hours) else ""


def _rows(file: ListFile) -> Iterator[EntityRow]:
    for entity in file.entities():
        yield _row(entity)


def _row(entity: ListedEntity) -> EntityRow:
    forms = [name.text for name in known(entity).names]
    return EntityRow(
        entity.entity_id,
        entity.row,
        entity.schema,
        entity.names,
        forms,
        entity.birth_dates,
        entity.countries,
        entity.row_hash,
    )


def _require_newer(path: Path, before: ListVersion, dated_at: datetime) -> None:
    if dated_at < before.dated_at:
        raise ListRefused(
            f"{path.name} is of {dated_at:%Y-%m-%d %H:%M} UTC, older than what is loaded "
            f"({before.dated_at:%Y-%m-%d %H:%M} UTC)",
            "Load the newest file; --fetched says when it was fetched, if its own time is wrong",
        )


def _event(loaded: ListVersion) -> NewAuditEvent:
    details = {
        "version": loaded.version,
        "files": dict(loaded.files),
        "dated_at": f"{loaded.dated_at:%Y-%m-%dT%H:%M:%SZ}",
        "entities": loaded.entities,
    }
    return NewAuditEvent("list_loaded", loaded.loaded_by, EventSubject("list", loaded.list_name), details)
