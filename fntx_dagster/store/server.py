"""The embedded PostgreSQL: the wheel's binaries, one cluster in one folder, reached over a Unix socket.

Here belong starting, finding again and stopping that server, and nothing about what is stored in it. The wheel's own
launcher is not used: it trusts a dead postmaster's pid file and never stops after its first client was killed. This one
holds by two file locks. `start.lock` is held for the moment of starting, so that any number of processes may start at
once. `alive.lock` is handed down to the server and is therefore held by the operating system for exactly as long as any
process of that cluster lives; a pid file found while nobody holds it is stale, whoever has that pid now.

Everybody is asked for a password (`server_access`), and a cluster from before there was one is given it at its next
start, or while it runs.

PostgreSQL refuses to run as root, so root runs it as a user made for it (`server_user`). What that user cannot reach, a
checkout beneath /root for instance, is moved: binaries are linked or copied and the cluster is made in /var/lib/fntx or
the temporary directory, and a file `location` in the folder holds its path.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import psycopg

from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.store import server_access
from fntx_dagster.store.server_access import MAINTENANCE_DATABASE, PORT, SUPERUSER
from fntx_dagster.store.server_user import (
    MAJOR_VERSION,
    OWN_DATABASE,
    ServerUser,
    copied_binaries,
    reachable_place,
    service_user,
    wheel_binaries,
)

LONGEST_SOCKET_FOLDER = 88
"""Bytes. A Unix socket's path holds 104 of them on macOS, and `/.s.PGSQL.5432` and a final zero must fit too."""

START_SECONDS = 120.0

STOP_SECONDS = 60.0

OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "work_mem": "32MB",
    "temp_buffers": "32MB",
    "maintenance_work_mem": "128MB",
    "wal_buffers": "16MB",
    "max_wal_size": "2GB",
    "jit": "off",
    # Files of the cluster instead of /dev/shm, which a container limits to 64 MB.
    "dynamic_shared_memory_type": "mmap",
    # A query whose client was killed ends too.
    "client_connection_check_interval": "2s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # An error's statement and detail hold values, account ids among them; they stay out of the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}

_launched: list[subprocess.Popen[bytes]] = []
"""Servers this process started: they outlive it, and are kept here so that a server that ended is reaped."""


class EmbeddedPostgres:
    """The PostgreSQL server whose cluster belongs to `folder`; any number of processes may hold one for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    def start(self) -> str:
        """The URL of the running server's maintenance database, starting the server when none answers. It holds the
        password: hand it on, and do not show it.

        The server outlives this process and a Ctrl-C in its terminal. Raises Transient when it does not come up, and
        Permanent when it cannot (another user's cluster, another major version, binaries missing for this machine).
        """
        if url := self._attach():
            return url
        self._prepare_folder()
        with closing(self._open_lock("start.lock")) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            server_access.make_password(self.folder)
            return self._attach() or self._launch()

    def stop(self) -> bool:
        """End the server, letting no transaction be half-written; False when none was running."""
        if not self.folder.is_dir():
            return False
        with closing(self._open_lock("start.lock")) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            pid, status = self._postmaster(), self._pid_file()
            if pid is None:
                return False
            for wish, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, STOP_SECONDS)):
                with suppress(ProcessLookupError):
                    os.kill(pid, wish)
                if self._wait_until_ended(seconds):
                    with suppress(OSError):
                        Path(status[4]).rmdir()  # empty now, and perhaps in the temporary directory
                    return True
            raise Transient(
                f"the embedded PostgreSQL (process {pid}) does not end", f"Its log is {self.log}; end it by hand"
            )

    def running(self) -> bool:
        """Whether the server answers a query."""
        return self._attach() is not None

    def url_if_running(self) -> str | None:
        """As `start` returns it, but no server is started: None where none answers."""
        return self._attach()

    @property
    def log(self) -> Path:
        return self.folder / "postgres.log"

    @property
    def place(self) -> Path:
        """The folder that holds the cluster: this one, or the reachable one that root's server had to be given."""
        with suppress(FileNotFoundError):
            return Path((self.folder / "location").read_text().strip())
        return self.folder

    @property
    def cluster(self) -> Path:
        return self.place / "cluster"

    # -- attaching ------------------------------------------------------------------------------------------------

    def _attach(self) -> str | None:
        """The URL when a server of this cluster answers, asks for the password, and is not somebody else's."""
        password = self._password()
        if password is None or not server_access.asks_for(self.cluster, password):
            return None
        if not (sockets := self._sockets()):
            return None
        url = server_access.url(sockets, password)
        try:
            return url if server_access.answers(url) else None
        except PermissionError:
            raise self._refused() from None

    def _protect_running(self) -> str | None:
        """The URL when a server answers that trusted everybody until now: it is given the password. The start lock is
        held. What was connected stays so."""
        password, sockets = self._password(), self._sockets()
        if password is None or sockets is None:
            return None
        # True here where the process that wrote the rules was killed before the server read them.
        is_written = server_access.asks_for(self.cluster, password)
        trusting = server_access.url(sockets, None)
        try:
            if not server_access.answers(trusting):
                return None
        except PermissionError:
            if is_written:  # the server has read them since
                return None
            raise self._refused() from None  # it asks for a password that this folder does not have
        with psycopg.connect(trusting, autocommit=True, application_name="fntx") as connection:
            if not is_written:
                connection.execute(server_access.password_statement(password).encode())
                server_access.ask_for(self.cluster, password)
            connection.execute("select pg_reload_conf()")
        deadline = time.monotonic() + START_SECONDS
        while not (url := self._attach()) and time.monotonic() < deadline:  # until the server has read it
            time.sleep(0.02)
        return url

    def _sockets(self) -> Path | None:
        """The folder of the socket that the server of this cluster serves; what the pid file says is not believed."""
        status = self._pid_file()
        if len(status) < 5 or not status[0].isdecimal() or not status[4]:
            return None
        sockets = Path(status[4])
        return sockets if server_access.is_served_by_its_owner(sockets, self.cluster, int(status[0])) else None

    def _password(self) -> str | None:
        try:
            return server_access.password_in(self.folder)
        except PermissionError:
            raise self._another_users() from None

    def _refused(self) -> Permanent:
        return Permanent(
            f"the embedded PostgreSQL of {self.folder} refuses the password in that folder",
            f"Remove {self.folder / 'password'} and run `fntx db stop`; the next start sets another",
        )

    def _another_users(self) -> Permanent:
        return Permanent(
            f"the database in {self.folder} belongs to another user",
            f"Run as that user, or choose another folder by FNTX_HOME. {OWN_DATABASE}",
        )

    def _pid_file(self) -> list[str]:
        """The lines of postmaster.pid: pid, cluster, start, port, socket folder, address, shared memory, status."""
        try:
            return (self.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []
        except PermissionError:
            raise self._another_users() from None

    def _postmaster(self) -> int | None:
        """The pid of the living server of this cluster, by the pid file and by what that process really is."""
        import psutil

        status = self._pid_file()
        try:
            pid = int(status[0])
            command = psutil.Process(pid).cmdline()
        except (IndexError, ValueError, psutil.Error):
            return None
        return pid if str(self.cluster) in command else None

    # -- launching ------------------------------------------------------------------------------------------------

    def _launch(self) -> str:
        """Start the server (the start lock is held) and wait for its first answer."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            alive = self._open_lock("alive.lock")
            with closing(alive):
                if _try_lock(alive) and self._postmaster() is None:
                    process = self._spawn(alive)
                    break
            # A server is coming up or going down; either way this ends soon.
            if url := self._attach() or self._protect_running():
                return url
            if time.monotonic() > deadline:
                raise Transient(
                    f"the embedded PostgreSQL of {self.folder} runs but does not answer{self._last_lines()}",
                    f"End it with `fntx db stop` and try again. {OWN_DATABASE}",
                )
            time.sleep(0.05)
        while process.poll() is None and time.monotonic() < deadline:
            if url := self._attach():
                return url
            time.sleep(0.02)
        raise Transient(
            f"the embedded PostgreSQL of {self.folder} does not start{self._last_lines()}",
            f"The log is {self.log}. {OWN_DATABASE}",
        )

    def _spawn(self, alive: BinaryIO) -> subprocess.Popen[bytes]:
        service = self._service()
        self._make_cluster(service)
        service.take_over(self.cluster, self.place / "socket")
        sockets = self._socket_folder(service)
        for stale in (self.cluster / "postmaster.pid", sockets / f".s.PGSQL.{PORT}", sockets / f".s.PGSQL.{PORT}.lock"):
            stale.unlink(missing_ok=True)
        options = OPTIONS | {"unix_socket_directories": str(sockets)}
        command = [str(service.binaries / "postgres"), "-D", str(self.cluster), "-p", str(PORT)]
        command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self._protect_stopped(service, alive)
        process = service.popen(command, self.log, pass_fds=(alive.fileno(),))
        _launched[:] = [earlier for earlier in _launched if earlier.poll() is None] + [process]
        return process

    def _protect_stopped(self, service: ServerUser, alive: BinaryIO) -> None:
        """Give a cluster the password before its server starts, with nobody connected: first to its superuser."""
        password = self._password()
        if password is None or server_access.asks_for(self.cluster, password):
            return
        command = [str(service.binaries / "postgres"), "--single", "-D", str(self.cluster), "-c", "exit_on_error=on"]
        command += [part for name, value in OPTIONS.items() for part in ("-c", f"{name}={value}")]
        process = service.popen([*command, MAINTENANCE_DATABASE], self.log, (alive.fileno(),), subprocess.PIPE)
        process.communicate(f"{server_access.password_statement(password)}\n".encode())
        if process.returncode != 0:
            raise Transient(
                f"cannot set the password of the embedded PostgreSQL of {self.folder}{self._last_lines()}",
                f"The log is {self.log}. {OWN_DATABASE}",
            )
        server_access.ask_for(self.cluster, password)

    def _prepare_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise Permanent(
                f"cannot make the folder {self.folder} ({error.strerror})", "Choose another one by FNTX_HOME"
            ) from None

    def _open_lock(self, name: str) -> BinaryIO:
        path = self.folder / name
        try:
            return open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
        except OSError as error:
            raise Permanent(
                f"cannot open {path} ({error.strerror})",
                f"Run as the user who owns that folder, or choose another one by FNTX_HOME. {OWN_DATABASE}",
            ) from None

    def _service(self) -> ServerUser:
        """Who runs the server, with which binaries; as root this may decide where the cluster lies."""
        binaries = wheel_binaries()
        if os.geteuid() != 0:
            return ServerUser(None, binaries)
        service = ServerUser(service_user(self.folder, self.cluster), binaries)
        location = self.folder / "location"
        if self.place == self.folder and service.enters(self.folder.parents[1]):
            service.let_through(self.folder.parent, self.folder)
        if not location.exists() and not self.cluster.exists() and not service.reaches(self.folder):
            location.write_text(f"{reachable_place(service)}\n")
        if not self.place.is_dir():
            raise Permanent(
                f"the database of {self.folder} lies in {self.place}, which is gone",
                f"Bring it back, or remove {location} to start with an empty one",
            )
        if not service.runs("postgres"):
            service = ServerUser(service.user, copied_binaries(binaries, self.place))
        return service

    def _make_cluster(self, service: ServerUser) -> None:
        try:
            version = (self.cluster / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            self._initialise(service)
            return
        if version != MAJOR_VERSION:
            raise Permanent(
                f"the database in {self.cluster} was made by PostgreSQL {version}, this is {MAJOR_VERSION}",
                "Move that folder away to start anew (statements load again), or run it with the version that made it",
            )

    def _initialise(self, service: ServerUser) -> None:
        """initdb beside, then rename: a cluster that was cut off half-way is never mistaken for one."""
        fresh = self.place / "cluster.new"
        shutil.rmtree(fresh, ignore_errors=True)
        service.make_folder(fresh)
        command = [
            str(service.binaries / "initdb"),
            "-D",
            str(fresh),
            "-U",
            SUPERUSER,
            "--auth=trust",
            "--encoding=UTF8",
        ]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions"]
        if service.popen(command, self.log).wait() != 0:
            raise Permanent(
                f"cannot create the embedded database in {self.place}{self._last_lines()}",
                f"The log is {self.log}. {OWN_DATABASE}",
            )
        fresh.rename(self.cluster)

    def _socket_folder(self, service: ServerUser) -> Path:
        """A private folder whose path is short enough for a socket, verified to be ours."""
        name = f"fntx-{service.uid}-{sha256(os.fsencode(self.cluster)).hexdigest()[:12]}"
        candidates = (self.place / "socket", Path(tempfile.gettempdir(), name), Path("/tmp", name))
        short = next(path for path in candidates if len(os.fsencode(path)) <= LONGEST_SOCKET_FOLDER)
        service.make_folder(short)
        return short

    def _wait_until_ended(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with closing(self._open_lock("alive.lock")) as alive:
                if _try_lock(alive) and self._postmaster() is None:
                    return True
            time.sleep(0.02)
        return False

    def _last_lines(self, count: int = 4) -> str:
        with suppress(OSError):
            with open(self.log, "rb") as log:
                log.seek(max(0, self.log.stat().st_size - 4096))
                lines = log.read().decode(errors="replace").strip().splitlines()[-count:]
            return "; its log ends with: " + " | ".join(lines) if lines else ""
        return ""


def database_url(url: str, database: str) -> str:
    """The same server, another database. `url` is one that `EmbeddedPostgres.start` returned."""
    return url.replace(f"@/{MAINTENANCE_DATABASE}?", f"@/{database}?", 1)


def _try_lock(lock: BinaryIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
