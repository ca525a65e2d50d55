"""Who may read what lies in the home: its owner. What is written from now on, and what an earlier version left open."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

from fntx_dagster.settings.places import PROJECT, Paths


def write_privately() -> None:
    """Let what this process and its children write be their user's alone. Every entry point begins with it."""
    os.umask(0o077)


def make_private(paths: Paths) -> None:
    """Take from others what they may do with the files of a home, which were open to them in earlier versions.

    Nothing is done in a home that others cannot enter. The home comes last, so that what was cut off is done again.
    Root's database server runs as another user, who still passes through to it (`store.server_user`). A home that holds
    more than ours, as the user's own folder or /tmp, stays as open as it is, and our folders in it do not.
    """
    passed = {paths.home, paths.postgres} if os.geteuid() == 0 else set()
    if not _is_open(paths.home, passed):
        return
    for folder in {*vars(paths).values()} - {paths.home}:
        if not folder.is_symlink() and _is_open(folder, passed):
            _close_what_is_in(folder, only_files=folder in passed)
            _close(folder, passed)
    if not _holds_more_than_ours(paths.home):
        _close_what_is_in(paths.home, only_files=True)
        _close(paths.home, passed)


def _others_may(folder: Path, passed: set[Path]) -> int:
    """The bits of a mode that are taken from others: all but passing through."""
    return 0o066 if folder in passed else 0o077


def _is_open(folder: Path, passed: set[Path]) -> bool:
    try:
        status = folder.stat()
    except FileNotFoundError:
        return False
    return status.st_uid == os.geteuid() and bool(status.st_mode & _others_may(folder, passed))


def _close(folder: Path, passed: set[Path]) -> None:
    with suppress(OSError):  # a file system that keeps no modes
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) & ~_others_may(folder, passed))


def _close_what_is_in(top: Path, *, only_files: bool) -> None:
    for _, folders, files, here in os.fwalk(top, follow_symlinks=False):
        for name in files if only_files else (*folders, *files):
            with suppress(OSError):
                status = os.stat(name, dir_fd=here, follow_symlinks=False)
                if status.st_uid == os.geteuid() and not stat.S_ISLNK(status.st_mode) and status.st_mode & 0o077:
                    os.chmod(name, stat.S_IMODE(status.st_mode) & 0o700, dir_fd=here)
        if only_files:
            return


def _holds_more_than_ours(home: Path) -> bool:
    others = (Path(os.path.expanduser("~")), PROJECT, Path(sys.prefix))
    return bool(home.stat().st_mode & stat.S_ISVTX) or any(other.is_relative_to(home) for other in others)
