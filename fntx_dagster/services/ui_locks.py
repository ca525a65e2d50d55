"""What `fntx ui`, `fntx webserver` and `fntx daemon` make sure of before anything starts: the port is free, and no
other daemon works on this home or this database.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address

from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.serving.listening import listen_on, resolved
from fntx_dagster.settings import Settings
from fntx_dagster.store.advisory import AdvisoryLock
from fntx_dagster.store.opening import open_database

_DAEMON = "the daemon of fntx ui"


def listen(settings: Settings, host: str, port: int) -> socket.socket:
    """A socket that listens on an address of this machine.

    Permanent where the address is taken or not this machine's, and where others can reach it and no token is set.
    """
    _, address = resolved(host, port)
    if not settings.ui.token and not ip_address(address[0].partition("%")[0]).is_loopback:
        raise Permanent(
            f"others can reach {host}, and whoever reaches the UI can sign and post",
            "Set FNTX_UI_TOKEN, or stay on 127.0.0.1 behind a proxy that asks who it is (docs/running.md)",
        )
    return listen_on(host, port)


@contextmanager
def only_daemon_of_the_home(settings: Settings, url: str) -> Iterator[None]:
    """While inside, no other daemon has this home: the operating system holds the lock until the process ends.

    Permanent where another one has it; it is named by its process and by the `url` that it gave here.
    """
    folder = settings.paths.dagster
    folder.mkdir(parents=True, exist_ok=True)
    with open(os.open(folder / "daemon.lock", os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Permanent(
                f"`fntx ui` already runs on the home {settings.paths.home} ({lock.read() or 'it is starting'})",
                "Use that one, or end it first",
            ) from None
        lock.truncate()
        lock.write(f"process {os.getpid()}, {url}")
        lock.flush()
        yield


def daemon_of_the_home(settings: Settings) -> str | None:
    """The process and URL of the `fntx ui` that has this home; None where none runs."""
    file = settings.paths.dagster / "daemon.lock"
    with suppress(FileNotFoundError), open(file, encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return lock.read() or "it is starting"
    return None


@contextmanager
def only_daemon_of_the_database(settings: Settings) -> Iterator[Callable[[], None]]:
    """While inside, no other daemon works on this database, on whichever machine. What is yielded raises Permanent
    where that is no longer so; while the database cannot be reached it raises nothing.

    Permanent where another one does.
    """
    other = Permanent(
        "another daemon works on this database, from another home or another machine (`fntx ui` or `fntx daemon`)",
        "End that one first; two daemons would start each run twice",
    )
    lock = AdvisoryLock(open_database(settings).url, _DAEMON)

    def still_alone() -> None:
        with suppress(Transient):
            if not lock.may_go_on():
                raise other

    try:
        if not lock.take():
            raise other
        yield still_alone
    finally:
        lock.release()
