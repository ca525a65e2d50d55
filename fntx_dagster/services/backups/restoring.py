"""Restoring a backup into an empty home and an empty database, and comparing what is there then with the backup, with
itself and with the chain. Nothing is sent to a chain before that holds."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from fntx_dagster.adapters.evm import keys
from fntx_dagster.adapters.evm.client import connect
from fntx_dagster.backup import sealing
from fntx_dagster.backup.manifest import Manifest
from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import EVER
from fntx_dagster.services.backups.home import unpack
from fntx_dagster.services.backups.making import (
    DATABASE,
    HOME,
    BackupRow,
    PooledStatement,
    key_for,
    manifests,
    row_of,
    statements_of,
)
from fntx_dagster.services.backups.places import POOL, BackupFolder
from fntx_dagster.services.loading import statements_folder
from fntx_dagster.services.signatures.freezing import changed_since_signing, rebuilt, rebuilt_extension
from fntx_dagster.services.signatures.posting import disagreements, held_by
from fntx_dagster.settings import Settings
from fntx_dagster.store import backups
from fntx_dagster.store.database import Database
from fntx_dagster.store.dumping import counted, is_empty, restore
from fntx_dagster.store.opening import database_to_restore, open_database
from fntx_dagster.store.outbox import signatures

OnProgress = Callable[[str], object]


class RestoredNow(NamedTuple):
    """What was restored, and how many statements came back; then `problems` of the comparison, none where it holds."""

    backup: BackupRow
    statements: int
    verified: VerifiedRestore


class VerifiedRestore(NamedTuple):
    """What was compared: the signed days, how many of them are on the chain, and each way in which something is not as
    it was."""

    name: str
    signed_days: int
    posted_days: int
    problems: list[str]


def check_backup(place: BackupFolder, passphrase: str, name: str | None, on_progress: OnProgress) -> BackupRow:
    """Read a whole backup, the newest unless one is named, and prove every file of it. Permanent names the first that
    is not as it was written."""
    key = key_for(place, passphrase, make=False)
    manifest = _chosen(place, key, name)
    _prove_all(place, key, manifest, on_progress)
    return row_of(manifest)


def restore_backup(
    settings: Settings, place: BackupFolder, passphrase: str, name: str | None, on_progress: OnProgress
) -> RestoredNow:
    """Restore a backup, the newest unless one is named, then verify it. A restore that was cut off goes on. Raises
    Permanent where the home or the database is not empty, or the backup is damaged: then nothing was changed."""
    key = key_for(place, passphrase, make=False)
    manifest = _chosen(place, key, name)
    statements = _prove_all(place, key, manifest, on_progress)
    url = database_to_restore(settings)
    if is_empty(url):
        _refuse_other_keys(settings, manifest)
        on_progress("The database …")
        sealed = place.read(f"{manifest.name}/{DATABASE}")
        dump = sealing.unsealed(sealed, key, f"{manifest.name}/{DATABASE}")
        restore(url, dump, backups.noted_restore(manifest.name, manifest.counts))
        if wrong := _miscounted(manifest, counted(url)):
            raise Permanent(f"the restored database differs from the backup: {wrong[0]}", "Restore into another one")
    elif not _is_unfinished(url, manifest.name):
        raise Permanent(
            "the database is not empty", "Restore into an empty one: another FNTX_HOME, or another FNTX_DATABASE_URL"
        )
    on_progress("The home …")
    home = sealing.unsealed(place.read(f"{manifest.name}/{HOME}"), key, f"{manifest.name}/{HOME}")
    unpack(home, settings.paths.home)
    on_progress(f"{len(statements)} statements …")
    for statement in statements:
        _bring_back(place, key, statement, statements_folder(settings))
    with Database(url).connect() as connection:
        backups.complete(connection, manifest.name)
    db = open_database(settings)
    return RestoredNow(row_of(manifest), len(statements), verify_restore(settings, db, on_progress))


def verify_restore(settings: Settings, db: Database, on_progress: OnProgress) -> VerifiedRestore:
    """Compare a restored database with itself, its keys and the chain; where all of it holds, sending is allowed from
    then on. Permanent where nothing was restored, Transient where the chain does not answer."""
    with db.connect() as connection:
        restored = backups.restored(connection)
    if restored is None or not restored.is_complete:
        raise Permanent("no backup was restored into this database", "`fntx restore FOLDER` restores one")
    problems: list[str] = []
    days, ring = signatures.signed_days(db, EVER), keys.key_ring(settings)
    on_progress(f"{len(days)} signed days …")
    for signed in days:
        trees = rebuilt(signed, ring), rebuilt_extension(signed, ring)
        problems += [f"{signed.trading_day}: {what}" for what in changed_since_signing(signed, *trees)]
    posted = signatures.posted_days(db, EVER)
    if posted:
        on_progress(f"{len(posted)} posted days on the chain …")
        with connect(settings) as chain:
            differing = disagreements(db, chain, held_by(db, chain))
            here = (chain.chain_id, chain.contract)
        problems += [f"{record.trading_day}: {what}" for record, what in differing]
        elsewhere = [record for record in posted if (record.chain_id, record.contract) != here]
        if elsewhere:
            problems.append(
                f"{len(elsewhere)} days are on chain {elsewhere[0].chain_id}, contract {elsewhere[0].contract}, which "
                "is not that of the settings: set FNTX_RPC_URL and FNTX_CONTRACTS as they were"
            )
    if not problems:
        backups.verified(db, restored.name)
    return VerifiedRestore(restored.name, len(days), len(posted), problems)


def accept_restore(db: Database, reason: str) -> str:
    """Take a restored database as it is, for a reason; the backup's name. Permanent where nothing was restored."""
    with db.connect() as connection:
        restored = backups.restored(connection)
    if restored is None:
        raise Permanent("no backup was restored into this database", "`fntx restore FOLDER` restores one")
    if not reason.strip():
        raise Permanent("the reason is empty", "Say why the differences are right")
    backups.accept(db, restored.name, reason.strip())
    return restored.name


def _chosen(place: BackupFolder, key: bytes, name: str | None) -> Manifest:
    there = {manifest.name: manifest for manifest in manifests(place, key)}
    if name is None and there:
        return there[max(there)]
    if name is None or name not in there:
        raise Permanent(
            f"there is no backup {name} in {place}" if name else f"there is no backup in {place}",
            "`fntx backup FOLDER --list` names them",
        )
    return there[name]


def _prove_all(place: BackupFolder, key: bytes, manifest: Manifest, on_progress: OnProgress) -> list[PooledStatement]:
    """Prove every file of a backup; its statements. Permanent names the first that is not as it was written."""
    on_progress(f"The backup {manifest.name}: {manifest.size / 1e6:,.1f} MB …")
    for file in manifest.files:
        _prove(place, key, manifest.name, file.name, file.sha256)
    statements = statements_of(place, key, manifest.name)
    for statement in statements:
        for _ in _content(place, key, statement):
            pass
    return statements


def _prove(place: BackupFolder, key: bytes, name: str, file: str, digest: str) -> None:
    counted_bytes = sha256()

    def read() -> Iterator[bytes]:
        for chunk in place.read(f"{name}/{file}"):
            counted_bytes.update(chunk)
            yield chunk

    for _ in sealing.unsealed(read(), key, f"{name}/{file}"):
        pass
    if counted_bytes.hexdigest() != digest:
        raise Permanent(f"the file {file} of the backup {name} is another than its manifest says", "Use another backup")


def _content(place: BackupFolder, key: bytes, statement: PooledStatement) -> Iterator[bytes]:
    """A statement's bytes. Permanent at their end where they are not those of its hash."""
    digest = sha256()
    for piece in sealing.unsealed(place.read(f"{POOL}/{statement.pooled}"), key, f"{POOL}/{statement.pooled}"):
        digest.update(piece)
        yield piece
    if digest.hexdigest() != statement.sha256:
        raise Permanent("a statement of the backup is not the one that was backed up", "Use another backup")


def _bring_back(place: BackupFolder, key: bytes, statement: PooledStatement, folder: Path) -> None:
    file = folder / statement.path
    if not file.resolve().is_relative_to(folder.resolve()):
        raise Permanent("the backup names a statement outside of the statements' folder", "Use another backup")
    if file.exists():
        if sha256(file.read_bytes()).hexdigest() != statement.sha256:
            raise Permanent(f"{file} is there already, and is another statement", "Restore into an empty home")
        return
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = file.with_name(f".{secrets.token_hex(4)}.unfinished")
    try:
        with open(unfinished, "xb") as written:
            for piece in _content(place, key, statement):
                written.write(piece)
            written.flush()
            os.fsync(written.fileno())
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def _refuse_other_keys(settings: Settings, manifest: Manifest) -> None:
    secret = keys.secret_if_made(keys.key_ring(settings))
    if secret is not None and keys.mark_of(secret) != manifest.mark:
        raise Permanent(
            f"the home {settings.paths.home} has a salt secret of its own",
            "Restore into an empty home: set FNTX_HOME to another folder",
        )


def _miscounted(manifest: Manifest, rows: dict[str, int]) -> list[str]:
    wanted = dict(manifest.counts)
    noted = ("alm_reporting.restores",)
    return [
        f"{table} has {rows.get(table, 0)} rows, the backup {wanted.get(table, 0)}"
        for table in sorted({*wanted, *rows})
        if table not in noted and rows.get(table) != wanted.get(table)
    ]


def _is_unfinished(url: str, name: str) -> bool:
    with Database(url).connect() as connection:
        restored = backups.restored(connection)
    return restored is not None and restored.name == name and not restored.is_complete
