"""Making a backup: the database at one moment, the home, the statements, and a manifest behind them."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from fntx_dagster.adapters.evm import keys
from fntx_dagster.backup import sealing
from fntx_dagster.backup.keeping import Keeping, keeping_of, kept
from fntx_dagster.backup.manifest import Manifest, StoredFile, name_at, read, written
from fntx_dagster.errors import Permanent
from fntx_dagster.services.archiving.choosing import archive_of
from fntx_dagster.services.archiving.in_a_folder import FolderArchive
from fntx_dagster.services.backups.home import packed
from fntx_dagster.services.backups.places import MANIFEST, POOL, VAULT, BackupFolder
from fntx_dagster.settings import Settings
from fntx_dagster.store.backups import note_backup
from fntx_dagster.store.database import Database
from fntx_dagster.store.dumping import snapshot

DATABASE, HOME, STATEMENTS = "database.dump", "home.tar", "statements.json"
OnProgress = Callable[[str], object]
_CHUNK = 1 << 20


class BackupRow(NamedTuple):
    """A backup in a list: its name, when it was begun (UTC), its size in bytes, the versions of FNTX, of its tables and
    of PostgreSQL, and how many rows its tables have."""

    name: str
    made_at: datetime
    bytes: int
    program: str
    schema: str
    server: str
    rows: int


class MadeNow(NamedTuple):
    """A backup that was made, how many statements were new in the pool, and which older backups the rule removed."""

    row: BackupRow
    new_statements: int
    removed: list[str]


class PooledStatement(NamedTuple):
    """A statement of a backup: its path beneath the statements' folder, its SHA-256 (hex) and length, and its file in
    the pool."""

    path: str
    sha256: str
    bytes: int
    pooled: str


def key_for(place: BackupFolder, passphrase: str, *, make: bool) -> bytes:
    """The key of the place's backups. Where there is none yet, one is made if `make`. Permanent where the passphrase is
    wrong or too short, or where no backups are."""
    if place.holds(VAULT):
        return sealing.key_of(sealing.vault_of(place.read_json(VAULT)), passphrase)
    if not make:
        raise Permanent(f"there are no backups in {place}", "Name the folder that `fntx backup` wrote")
    if place.names() or place.unfinished():
        raise Permanent(f"{place} has backups and lacks {VAULT}, without which nothing opens them", "Bring it back")
    vault, key = sealing.new_vault(passphrase)
    place.write_json(VAULT, vault.as_json())
    return key


def row_of(manifest: Manifest) -> BackupRow:
    """A backup for a list."""
    versions = (manifest.program, manifest.schema, manifest.server)
    return BackupRow(manifest.name, manifest.made_at, manifest.size, *versions, sum(manifest.counts.values()))


def list_backups(place: BackupFolder, passphrase: str) -> list[BackupRow]:
    """The backups that are complete, oldest first. Raises what `key_for` and `manifests` raise."""
    return [row_of(manifest) for manifest in manifests(place, key_for(place, passphrase, make=False))]


def manifests(place: BackupFolder, key: bytes) -> list[Manifest]:
    """The manifests of the backups that are complete, oldest first."""
    return [read(place.read_json(f"{name}/{MANIFEST}"), key, name) for name in place.names()]


def make_backup(
    settings: Settings,
    db: Database,
    place: BackupFolder,
    passphrase: str,
    now: datetime,
    keep: str | None = None,
    on_progress: OnProgress = lambda words: None,
) -> MadeNow:
    """Back up the database, the home and the statements. A backup that is cut off has no manifest: it counts for
    nothing, and the next one removes it. `keep` says which backups stay, as in 7d,4w,12m; without it all do. Raises
    Permanent and Transient as the parts do; older backups are as they were then."""
    rule = None if keep is None else keeping_of(keep)
    key, name = key_for(place, passphrase, make=True), name_at(now)
    if name in place.names():
        raise Permanent(f"the backup {name} is there already", "Wait a second, and make another")
    for cut_off in place.unfinished():
        place.remove(cut_off)
    on_progress("The database …")
    with snapshot(db.url) as frozen:
        database = _stored(place, key, name, DATABASE, frozen.dumped())
    on_progress("The home: keys, chain, settings …")
    home = _stored(place, key, name, HOME, packed(settings))
    archive = archive_of(settings, db)
    folder = archive.folder if isinstance(archive, FolderArchive) else None  # a bucket is copied by its own means
    statements = list(_pooled(place, key, folder, on_progress)) if folder else []
    listed = json.dumps([statement._asdict() for statement, _ in statements]).encode()
    files = (database, home, _stored(place, key, name, STATEMENTS, [listed]))
    manifest = Manifest(
        name, version("fntx-dagster"), frozen.schema, frozen.server, files, frozen.counts, _mark(settings)
    )
    place.write_json(f"{name}/{MANIFEST}", written(manifest, key))
    note_backup(db, name, manifest.size)
    removed = _thinned(place, key, rule) if rule else []
    return MadeNow(row_of(manifest), sum(is_new for _, is_new in statements), removed)


def statements_of(place: BackupFolder, key: bytes, name: str) -> list[PooledStatement]:
    """The statements that a backup names."""
    content = b"".join(sealing.unsealed(place.read(f"{name}/{STATEMENTS}"), key, f"{name}/{STATEMENTS}"))
    return [PooledStatement(**each) for each in json.loads(content)]


def _stored(
    place: BackupFolder, key: bytes, name: str, file: str, content: Iterator[bytes] | list[bytes]
) -> StoredFile:
    return place.write(f"{name}/{file}", sealing.sealed(content, key, f"{name}/{file}"))


def _pooled(
    place: BackupFolder, key: bytes, folder: Path, on_progress: OnProgress
) -> Iterator[tuple[PooledStatement, bool]]:
    """Each file of the statements' folder, put into the pool unless its content is there, and whether it was new."""
    files = sorted(file for file in folder.rglob("*") if file.is_file()) if folder.is_dir() else []
    there = place.pooled()
    on_progress(f"{len(files)} statements …")
    for file in files:
        digest, size = sha256(), 0
        for chunk in _read(file):
            digest.update(chunk)
            size += len(chunk)
        pooled = hmac.digest(key, digest.digest(), "sha256").hex()
        if is_new := pooled not in there:
            place.write(f"{POOL}/{pooled}", sealing.sealed(_read(file), key, f"{POOL}/{pooled}"))
            there.add(pooled)
        yield PooledStatement(str(file.relative_to(folder)), digest.hexdigest(), size, pooled), is_new


def _read(file: Path) -> Iterator[bytes]:
    with open(file, "rb") as opened:
        while chunk := opened.read(_CHUNK):
            yield chunk


def _mark(settings: Settings) -> str:
    """What recognises the salt secret; empty where there is none yet."""
    secret = keys.secret_if_made(keys.key_ring(settings))
    return "" if secret is None else keys.mark_of(secret)


def _thinned(place: BackupFolder, key: bytes, rule: Keeping) -> list[str]:
    """Remove the backups that the rule does not keep, then the statements that none names any more; their names."""
    there = manifests(place, key)
    stays = kept((manifest.made_at for manifest in there), rule)
    removed = [manifest.name for manifest in there if manifest.made_at not in stays]
    for name in removed:
        place.remove(name)
    if removed:
        named = {each.pooled for name in place.names() for each in statements_of(place, key, name)}
        for pooled in place.pooled() - named:
            place.remove_pooled(pooled)
    return removed
