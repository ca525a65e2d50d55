"""A file that appears under its name whole or not at all, and is counted and hashed while it is written.

Here belong the calls to the file system; the caller decides when the content is whole.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from fntx_dagster.adapters.flex.answers import NotYet
from fntx_dagster.errors import Permanent, without_accounts


class Part:
    """The unfinished file, `.<name>.part` beside its target. One process writes it, over that of a dead one."""

    def __init__(self, target: Path) -> None:
        self.size = 0
        self._digest = sha256()
        self._target = target
        self._path = target.with_name(f".{target.name}.part")
        self._kept = False

    def __enter__(self) -> Part:
        try:
            self._target.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._locked()
        except OSError as error:
            raise self._unwritable(error) from None
        return self

    def write(self, piece: bytes) -> None:
        try:
            self._file.write(piece)
        except OSError as error:
            raise self._unwritable(error) from None
        self.size += len(piece)
        self._digest.update(piece)

    @property
    def sha256(self) -> str:
        """Of what was written, in hex."""
        return self._digest.hexdigest()

    def keep(self) -> None:
        """Give the file its name. Once this returns, the whole file survives a crash of the machine."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._path.replace(self._target)
            self._kept = True
            folder = os.open(self._target.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise self._unwritable(error) from None

    def __exit__(self, *_: object) -> None:
        if not self._kept:
            self._path.unlink(missing_ok=True)
        with suppress(OSError):  # the write has reported a full disk
            self._file.close()

    def _locked(self) -> BinaryIO:
        """Open the file, empty and locked for this process until it is closed."""
        while True:
            file = open(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600), "wb")  # noqa: SIM115
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(file.fileno()), self._path.stat()):
                    file.truncate(0)
                    return file
            except BlockingIOError:
                file.close()
                raise NotYet(
                    f"{without_accounts(str(self._target))} is being received by another process",
                    "Wait until that one has ended",
                ) from None
            except FileNotFoundError:
                pass
            file.close()  # it was renamed to its target meanwhile

    def _unwritable(self, error: OSError) -> Permanent:
        return Permanent(
            f"cannot write {without_accounts(str(self._target))} ({error.strerror})",
            "Check the disk and the folder's permissions",
        )
