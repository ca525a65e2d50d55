"""Where backups lie: a folder, in which each file appears whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from fntx_dagster.backup.manifest import StoredFile, is_name
from fntx_dagster.errors import Permanent, Transient

VAULT, MANIFEST, POOL = "fntx-backups.json", "manifest.json", "statements"
_CHUNK = 1 << 20


class BackupFolder:
    """The folder of all backups: `fntx-backups.json`, a folder for each backup, and `statements`, which they share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().absolute()

    def __str__(self) -> str:
        return str(self.folder)

    def read(self, name: str) -> Iterator[bytes]:
        """A file's bytes. Permanent where it is missing."""
        try:
            with open(self.folder / name, "rb") as file:
                while chunk := file.read(_CHUNK):
                    yield chunk
        except OSError as error:
            raise Permanent(f"cannot read {self.folder / name} ({error.strerror})", "Use another backup") from None

    def read_json(self, name: str) -> Any:
        """A small file of JSON. Permanent where it is missing or none."""
        try:
            return json.loads(b"".join(self.read(name)))
        except ValueError:
            raise Permanent(f"{self.folder / name} is no JSON", "Use another backup") from None

    def holds(self, name: str) -> bool:
        """Whether a file is there."""
        return (self.folder / name).is_file()

    def write(self, name: str, chunks: Iterable[bytes]) -> StoredFile:
        """Write a file, on the disk, whole or not at all. Transient where the disk is full, Permanent where the folder
        cannot be written."""
        file = self.folder / name
        unfinished = file.with_name(f".{file.name}.{secrets.token_hex(4)}.unfinished")
        digest, size = sha256(), 0
        try:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
                for chunk in chunks:
                    digest.update(chunk)
                    size += len(chunk)
                    written.write(chunk)
                written.flush()
                os.fsync(written.fileno())
            unfinished.replace(file)
            _on_disk(file.parent)
        except OSError as error:
            kind = Transient if error.errno == 28 else Permanent  # ENOSPC
            raise kind(
                f"cannot write {file} ({error.strerror})", "Make room, or name a folder that you may write to"
            ) from None
        finally:
            unfinished.unlink(missing_ok=True)
        return StoredFile(name.partition("/")[2] or name, digest.hexdigest(), size)

    def write_json(self, name: str, content: Any) -> None:
        """Write a small file of JSON."""
        self.write(name, [json.dumps(content, indent=1).encode() + b"\n"])

    def names(self) -> list[str]:
        """The backups that are complete, oldest first."""
        return [name for name in self._folders() if self.holds(f"{name}/{MANIFEST}")]

    def unfinished(self) -> list[str]:
        """The backups that were cut off, oldest first."""
        return [name for name in self._folders() if not self.holds(f"{name}/{MANIFEST}")]

    def remove(self, name: str) -> None:
        """Remove a backup: its manifest first, so that half of it is never taken for one."""
        (self.folder / name / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(self.folder / name, ignore_errors=True)

    def pooled(self) -> set[str]:
        """The names in the pool of statements."""
        pool = self.folder / POOL
        return {file.name for file in pool.iterdir() if not file.name.startswith(".")} if pool.is_dir() else set()

    def remove_pooled(self, name: str) -> None:
        """Remove a file of the pool."""
        (self.folder / POOL / name).unlink(missing_ok=True)

    def _folders(self) -> list[str]:
        try:
            return sorted(each.name for each in self.folder.iterdir() if is_name(each.name) and each.is_dir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Permanent(f"cannot look into {self.folder} ({error.strerror})", "Name the backups' folder") from None


def _on_disk(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
