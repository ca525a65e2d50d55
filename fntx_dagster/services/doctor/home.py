"""The folder of everything embedded: who may read and write it, and how much space its disk has."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from fntx_dagster.services.doctor.checks import CheckResult, Circumstances, advice, right, unused, wrong
from fntx_dagster.settings import Paths, Settings

LEAST_FREE = 10**9
"""Bytes that a home should have free: a statement's rows, dbt's files and the database's log need room at once."""


def closed_secrets(home: Path) -> list[Path]:
    """The settings files and keys of a home that others may reach now, before the program closes it to them."""
    paths = Paths(home.expanduser().resolve())
    files = [paths.home / ".env", paths.home / "fntx.toml", *sorted(paths.keys.glob("*"))]
    try:
        return [file for file in files if file.is_file() and _others_reach(file, paths.home)]
    except OSError:
        return []


def were_closed(files: Sequence[Path]) -> Iterator[CheckResult]:
    """That files with secrets were open to others until this command."""
    for file in files:
        yield advice(
            f"others could read {file} until now; it is closed to them",
            "Where others use this machine, change the secrets in it",
        )


def is_private(circumstances: Circumstances) -> Iterator[CheckResult]:
    """Whether the home can be written, and its secrets are readable for their owner alone."""
    settings = circumstances.settings
    folder = settings.paths.home
    place = _existing(folder)
    if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        yield wrong(f"this user may not write to {place}", "Run as its owner, or choose another folder by FNTX_HOME")
        return
    for file in secret_files(settings):
        if file.is_file() and _others_reach(file, folder):
            yield wrong(f"others may read {file}, which holds a secret", f"chmod 600 {file}")
    yield right(f"{folder} can be written") if folder.exists() else unused(f"{folder} is not made yet")


def has_space(circumstances: Circumstances) -> Iterator[CheckResult]:
    """Whether the disks of the home and of the embedded database have room."""
    place = _existing(circumstances.settings.paths.home)
    free = shutil.disk_usage(place).free
    shown = f"{free / 10**9:.1f} GB" if free >= 10**8 else f"{free / 10**6:.1f} MB"
    if free < LEAST_FREE:
        yield wrong(f"only {shown} are free where {place} lies", "Free some space, or move the home (FNTX_HOME)")
    else:
        yield right(f"{shown} are free")


def secret_files(settings: Settings) -> list[Path]:
    """The files that hold a secret: settings, keys, keystores and the database's password."""
    paths = settings.paths
    named = [paths.home / ".env", paths.home / "fntx.toml", paths.postgres / "password"]
    keystores = [file.expanduser() for file in settings.keys.keystores.values()]
    return [*named, *sorted(paths.keys.glob("*")), *keystores]


def _others_reach(file: Path, home: Path) -> bool:
    """Whether others may do something with a file. What lies in a home that they cannot enter is out of their reach."""
    if file.is_relative_to(home) and not home.stat().st_mode & (stat.S_IXGRP | stat.S_IXOTH):
        return False
    return bool(file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())
