"""Nobody gets into the embedded server without its password, and no other server gets the password."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from fntx_dagster.errors import Permanent
from fntx_dagster.store import server_access, server_user
from fntx_dagster.store.server import EmbeddedPostgres

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="root alone runs something as another user")

CONNECT = (
    "import os, pwd, sys, psycopg\n"
    "user = pwd.getpwuid(int(sys.argv[2]))\n"
    "os.setgroups([]); os.setgid(user.pw_gid); os.setuid(user.pw_uid)\n"
    "url = sys.stdin.read()\n"
    "try: print(psycopg.connect(url).execute('select 1').fetchone())\n"
    "except psycopg.OperationalError as error: print('refused:', error)\n"
)


def part_of(url: str, name: str) -> str:
    return str(conninfo_to_dict(url)[name])


def sockets_of(url: str) -> Path:
    return Path(part_of(url, "host"))


def pid_of(server: EmbeddedPostgres) -> int:
    return int((server.cluster / "postmaster.pid").read_text().splitlines()[0])


def without_password(server: EmbeddedPostgres) -> str:
    return server_access.url(sockets_of(server.start()), None)


def connect_as(uid: int, url: str) -> str:
    """What the server answers to a process of another user that connects; it may read what every user may."""
    command = [sys.executable, "-c", CONNECT, "connect", str(uid)]
    return subprocess.run(command, input=url, capture_output=True, text=True, check=True).stdout


def trust_everybody(server: EmbeddedPostgres, *, running: bool) -> str:
    """The cluster as it was before there were passwords. Returns the password that it had."""
    url = server.start()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table kept as select 1 as x")
        connection.execute("alter role fntx password null")
        (server.cluster / "pg_hba.conf").write_text("local all all trust\n")
        connection.execute("select pg_reload_conf()")
    password = (server.folder / "password").read_text()
    (server.folder / "password").unlink()
    trusting = server_access.url(sockets_of(url), None)
    while not server_access.answers(trusting):
        pass
    if not running:
        server.stop()
    return password


def is_protected(server: EmbeddedPostgres) -> bool:
    url = server.start()
    with psycopg.connect(url) as connection:
        kept = connection.execute("select x from kept").fetchone() == (1,)
    with pytest.raises(PermissionError):
        server_access.answers(server_access.url(sockets_of(url), None))
    return kept


def test_the_password_is_in_a_file_of_its_owner_and_nowhere_else(new_server: EmbeddedPostgres) -> None:
    password = part_of(new_server.start(), "password")
    file = new_server.folder / "password"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().strip() == password
    new_server.stop()
    held = [path for path in new_server.folder.rglob("*") if path.is_file() and password.encode() in path.read_bytes()]
    assert held == [file]
    new_server.start()
    for process in psutil.process_iter(["cmdline"]):
        assert password not in " ".join(process.info["cmdline"] or ())
    assert password not in "".join(psutil.Process(pid_of(new_server)).environ().values())


def test_whoever_has_no_password_or_a_wrong_one_is_refused(server: EmbeddedPostgres) -> None:
    sockets = sockets_of(server.start())
    for password in (None, "0" * 64):
        with pytest.raises(PermissionError):
            server_access.answers(server_access.url(sockets, password))


@as_root
def test_another_user_is_refused_and_so_are_nobody_and_the_servers_own_user_without_the_password(
    server: EmbeddedPostgres,
) -> None:
    url = without_password(server)
    for user in ("nobody", "daemon"):
        assert "Permission denied" in connect_as(pwd.getpwnam(user).pw_uid, url), user
    assert "no password supplied" in connect_as(server.cluster.stat().st_uid, url)
    assert connect_as(0, server.start()) == "(1,)\n", "the test of the test"


@as_root
def test_the_server_has_a_user_of_its_own_whose_folders_no_other_enters(new_server: EmbeddedPostgres) -> None:
    url = new_server.start()
    own = pwd.getpwnam(server_user.OWN_USER)
    assert psutil.Process(pid_of(new_server)).uids().real == own.pw_uid == new_server.cluster.stat().st_uid
    for folder in (new_server.cluster, sockets_of(url)):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (stat.S_IMODE(new_server.folder.stat().st_mode), new_server.folder.stat().st_gid) == (0o710, own.pw_gid)


@as_root
def test_where_no_user_can_be_made_nobody_runs_it_and_still_needs_the_password(
    new_server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_user, "OWN_USER", "no:such/user")  # useradd refuses it
    url, nobody = without_password(new_server), pwd.getpwnam("nobody").pw_uid
    assert psutil.Process(pid_of(new_server)).uids().real == nobody
    assert "no password supplied" in connect_as(nobody, url)


@as_root
def test_a_cluster_that_nobody_ran_is_the_own_users_at_the_next_start(
    new_server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(server_user, "OWN_USER", "no:such/user")
        trust_everybody(new_server, running=True)
        os.kill(pid_of(new_server), signal.SIGKILL)
    link = new_server.cluster / "a link"
    link.symlink_to(new_server.folder / "start.lock")
    os.chown(link, pwd.getpwnam("nobody").pw_uid, -1, follow_symlinks=False)
    assert is_protected(new_server)
    own = pwd.getpwnam(server_user.OWN_USER).pw_uid
    assert {path.lstat().st_uid for path in new_server.cluster.rglob("*")} == {own}
    assert (new_server.folder / "start.lock").stat().st_uid == 0, "what a link names is not handed on"


@pytest.mark.parametrize("running", [False, True])
def test_a_cluster_that_trusted_everybody_asks_for_a_password_from_the_next_start_on(
    server: EmbeddedPostgres, running: bool
) -> None:
    before = trust_everybody(server, running=running)
    pid = pid_of(server) if running else None
    assert is_protected(server)
    assert (server.folder / "password").read_text() != before
    assert pid in (None, pid_of(server)), "a running server goes on"
    rules = (server.cluster / "pg_hba.conf").stat()
    server.stop()
    assert is_protected(server)
    assert (server.cluster / "pg_hba.conf").stat().st_mtime_ns == rules.st_mtime_ns, "it is done once"


@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize("after", ["password", "role", "rules"])
def test_a_change_to_passwords_that_was_cut_off_is_done_again(
    server: EmbeddedPostgres, after: str, running: bool
) -> None:
    trust_everybody(server, running=True)
    server_access.make_password(server.folder)
    if after == "role":
        sockets = Path((server.cluster / "postmaster.pid").read_text().splitlines()[4])
        with psycopg.connect(server_access.url(sockets, None)) as connection:
            connection.execute(server_access.password_statement("that of the process that was killed").encode())
    if after == "rules":
        password = (server.folder / "password").read_text().strip()
        sockets = Path((server.cluster / "postmaster.pid").read_text().splitlines()[4])
        with psycopg.connect(server_access.url(sockets, None)) as connection:
            connection.execute(server_access.password_statement(password).encode())
        server_access.ask_for(server.cluster, password)
    if not running:
        os.kill(pid_of(server), signal.SIGKILL)
    assert is_protected(server)


def test_a_lost_password_is_said_while_the_server_runs_and_replaced_when_it_starts(server: EmbeddedPostgres) -> None:
    server.start()
    (server.folder / "password").unlink()
    with pytest.raises(Permanent, match="refuses the password"):
        server.start()
    assert server.stop()
    server.start()
    assert server.running()


@as_root
def test_a_password_that_another_user_put_there_is_not_used(short_path: Path) -> None:
    server_access.make_password(short_path)
    file = short_path / "password"
    file.chmod(0o644)
    os.chown(file, pwd.getpwnam("daemon").pw_uid, -1)
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        with pytest.raises(Permanent, match="belongs to another user"):
            EmbeddedPostgres(short_path).start()
    finally:
        os.seteuid(0)


class Liar:
    """A server at a socket of its own that asks whoever connects for the password in clear text."""

    def __init__(self, sockets: Path) -> None:
        self.heard = b""
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(sockets / f".s.PGSQL.{server_access.PORT}"))
        self._listening.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            with connection:
                connection.settimeout(5)
                while True:
                    said = connection.recv(4096)
                    self.heard += said
                    if not said:
                        break
                    # no TLS, then AuthenticationCleartextPassword
                    encrypted = said[4:8] in (b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30")
                    connection.sendall(b"N" if encrypted else b"R\0\0\0\x08\0\0\0\x03")


def test_a_server_that_does_not_know_the_password_does_not_learn_it(short_path: Path) -> None:
    liar = Liar(short_path)
    assert not server_access.answers(server_access.url(short_path, "the-password"))
    assert b"fntx" in liar.heard
    assert b"the-password" not in liar.heard


@pytest.mark.parametrize("whose", ["open to others", "another process"])
def test_a_pid_file_that_names_the_socket_of_another_server_is_not_believed(
    server: EmbeddedPostgres, short_path: Path, whose: str
) -> None:
    server.start()
    server.stop()
    lies = short_path / "lies"
    lies.mkdir(mode=0o755 if whose == "open to others" else 0o700)
    lies.chmod(0o755 if whose == "open to others" else 0o700)
    liar = Liar(lies)
    owner = server.cluster.stat()
    os.chown(lies, owner.st_uid, owner.st_gid)
    file = server.cluster / "postmaster.pid"
    pid = os.getpid() if whose == "open to others" else os.getppid()
    file.write_text(f"{pid}\n{server.cluster}\n0\n{server_access.PORT}\n{lies}\n\n  0  0\nready   \n")
    assert not server.running()
    assert sockets_of(server.start()) != lies
    assert liar.heard == b""
