"""The manifest of a backup: what it holds, by hash, and what it was made of. It is written last, so that a backup that
was cut off has none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from fntx_dagster.audit.canonical import canonical
from fntx_dagster.backup.sealing import mac_of
from fntx_dagster.errors import Permanent

FORMAT = "fntx.backup/1"
_NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z").fullmatch
_FORM = "%Y%m%dT%H%M%SZ"


class StoredFile(NamedTuple):
    """A file of a backup: its name there, the SHA-256 (hex) and the length of its sealed bytes."""

    name: str
    sha256: str
    bytes: int


class Manifest(NamedTuple):
    """A backup. `name` is the moment that it was begun (UTC), `program` and `schema` are the versions of FNTX and of
    its tables, `server` is PostgreSQL's. `counts` has what a restored database must have again: table → rows.
    `mark` recognises the salt secret and reveals nothing of it; it is empty where there was none."""

    name: str
    program: str
    schema: str
    server: str
    files: tuple[StoredFile, ...]
    counts: Mapping[str, int]
    mark: str

    @property
    def made_at(self) -> datetime:
        """When it was begun, in UTC."""
        return datetime.strptime(self.name, _FORM).replace(tzinfo=UTC)

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.bytes for file in self.files)


def name_at(moment: datetime) -> str:
    """What a backup that is begun at a moment is called."""
    return moment.astimezone(UTC).strftime(_FORM)


def is_name(text: str) -> bool:
    """Whether a folder's name can be a backup's."""
    return _NAME(text) is not None


def written(manifest: Manifest, key: bytes) -> dict[str, Any]:
    """The manifest as an object, with the keyed hash of the rest."""
    content = {
        "format": FORMAT,
        "name": manifest.name,
        "program": manifest.program,
        "schema": manifest.schema,
        "server": manifest.server,
        "files": [file._asdict() for file in manifest.files],
        "counts": dict(manifest.counts),
        "mark": manifest.mark,
    }
    return {**content, "mac": mac_of(key, canonical(content))}


def read(content: Any, key: bytes, name: str) -> Manifest:
    """The manifest of a backup. Permanent where it was changed, or is of another key, form or backup."""
    wrong = Permanent(f"the manifest of the backup {name} was changed, or another program's", "Use another backup")
    try:
        rest = {field: value for field, value in content.items() if field != "mac"}
        if mac_of(key, canonical(rest)) != content["mac"] or rest["format"] != FORMAT or rest["name"] != name:
            raise wrong
        files = tuple(StoredFile(str(file["name"]), str(file["sha256"]), int(file["bytes"])) for file in rest["files"])
        return Manifest(
            name,
            str(rest["program"]),
            str(rest["schema"]),
            str(rest["server"]),
            files,
            {table: int(rows) for table, rows in rest["counts"].items()},
            str(rest["mark"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise wrong from None
