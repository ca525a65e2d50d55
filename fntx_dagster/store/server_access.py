"""Who gets into the embedded server: its password, its pg_hba.conf, and whether the server at a socket is ours.

The password is generated, and lies in the folder of the server in a file that its owner alone reads. PostgreSQL is
given its SCRAM verifier only. A client insists on SCRAM, in which the server proves that it has the verifier: one that
has not learns nothing. The first line of pg_hba.conf names the password that the cluster was given last, by its digest.
"""

from __future__ import annotations

import hmac
import os
import secrets
import socket
import stat
import struct
from base64 import b64encode
from contextlib import suppress
from hashlib import pbkdf2_hmac, sha256
from pathlib import Path
from urllib.parse import quote

import psycopg

SUPERUSER = "fntx"

MAINTENANCE_DATABASE = "postgres"

PORT = 5432

_ITERATIONS = 1
"""Iterations slow down whoever guesses; nobody guesses 256 random bits, and each connection would pay for them."""


def password_in(folder: Path) -> str | None:
    """The password of the server whose folder it is; None where it has none yet, as before there were passwords.

    Raises PermissionError where it is another user's, who may have put it and a server there for us.
    """
    try:
        with open(folder / "password", encoding="ascii") as file:
            ourselves, owner = os.geteuid(), os.fstat(file.fileno()).st_uid
            if ourselves != 0 and owner not in (0, ourselves):
                raise PermissionError
            return file.read().strip() or None
    except FileNotFoundError:
        return None


def make_password(folder: Path) -> None:
    """Give the folder a password where it has none; the start lock is held."""
    if password_in(folder) is None:
        _write(folder / "password", f"{secrets.token_hex(32)}\n", None)


def url(sockets: Path, password: str | None) -> str:
    """The URL of the maintenance database. Without a password it is that of a server which still trusts everybody."""
    login, only = (f":{password}", "&require_auth=scram-sha-256") if password else ("", "")
    return f"postgresql://{SUPERUSER}{login}@/{MAINTENANCE_DATABASE}?host={quote(str(sockets))}&port={PORT}{only}"


def password_statement(password: str) -> str:
    """The SQL that gives the superuser its password, as a verifier that the password cannot be read from."""
    salt = os.urandom(16)
    salted = pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    stored = sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt_, stored_, server_ = (b64encode(part).decode() for part in (salt, stored, server))
    return f"alter role {SUPERUSER} password 'SCRAM-SHA-256${_ITERATIONS}:{salt_}${stored_}:{server_}'"


def asks_for(cluster: Path, password: str) -> bool:
    """Whether the cluster's pg_hba.conf asks everybody for this password."""
    try:
        return (cluster / "pg_hba.conf").read_text(encoding="utf-8", errors="replace") == _rules(password)
    except FileNotFoundError:
        return False


def ask_for(cluster: Path, password: str) -> None:
    """Write the pg_hba.conf that asks everybody for the password, which the superuser must have already."""
    _write(cluster / "pg_hba.conf", _rules(password), cluster.stat())


def is_served_by_its_owner(sockets: Path, cluster: Path, pid: int) -> bool:
    """Whether the server at a socket is the process `pid` of the cluster's owner, in a folder that is the owner's
    alone: a pid file may lie. Where the system does not say who serves a socket, the folder alone is looked at."""
    owner = cluster.stat().st_uid
    try:
        status = sockets.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != owner or status.st_mode & 0o077:
            return False
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(sockets / f".s.PGSQL.{PORT}"))
            if not hasattr(socket, "SO_PEERCRED"):
                return True
            peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    except OSError:
        return False
    server, user, _ = struct.unpack("3i", peer)
    return user == owner and server in (pid, 0)  # 0: it runs in another container that shares the home


def answers(url: str) -> bool:
    """Whether the server answers a query. Raises PermissionError where it refuses the password."""
    try:
        with psycopg.connect(url, connect_timeout=5, application_name="fntx") as connection:
            return connection.execute("select 1").fetchone() == (1,)
    except psycopg.OperationalError as error:
        if "authentication failed" in str(error) or "no password supplied" in str(error):
            raise PermissionError from None
        # Every slot taken is an answer too; starting another server would not help.
        return "too many clients" in str(error)


def _rules(password: str) -> str:
    digest = sha256(password.encode()).hexdigest()[:16]
    return (
        f"# Written by fntx. The superuser's password has the digest {digest}.\n"
        "local all all scram-sha-256\n"
        "local replication all scram-sha-256\n"
    )


def _write(file: Path, text: str, owner: os.stat_result | None) -> None:
    """Write a file whole or not at all, for its owner alone: ourselves, or the owner of the folder that it lies in. In
    a folder of another user nothing that lies there already is written to."""
    unfinished = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            if owner and owner.st_uid != os.geteuid():
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            os.fsync(descriptor)
        unfinished.replace(file)
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()
