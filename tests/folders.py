"""Where the tests make their folders: in memory, where the machine has a file system there with room for them.

A database is 900 files, and a suite makes and removes thousands. ext4 uses the inode of a removed file again after
minutes only, and to find another it looks at all of those: a database that takes 30 ms of the processor to begin with
takes half a second once some hundreds are gone.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")
_ENOUGH = 4 << 30
"""Bytes: what four workers have there at once is some 1.5 GB."""


def short() -> str:
    """The folder of folders whose paths are short enough for a socket, and that every user reaches."""
    return str(_MEMORY) if tempfile.gettempdir() == str(_MEMORY) else "/tmp"


def use_memory() -> None:
    """Let this process and all that it starts make temporary files in memory, unless TMPDIR names a place."""
    if "TMPDIR" not in os.environ and _has_room():
        os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)


def _has_room() -> bool:
    """Whether files fit there, and may be run: containers have 64 MB of it, or forbid that."""
    try:
        there = os.statvfs(_MEMORY)
    except OSError:
        return False
    return there.f_bavail * there.f_frsize >= _ENOUGH and not there.f_flag & os.ST_NOEXEC
