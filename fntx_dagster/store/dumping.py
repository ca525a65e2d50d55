"""A database as a stream of bytes and back: `pg_dump` in its custom form, and restored whole or not at all.

The programs are those of the embedded server's wheel: they read every older server, and a server's own may be older
than the database. A dump of a newer server sets a variable that an older one does not know; that line is left out.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO, NamedTuple

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.settings import child_environment
from fntx_dagster.store.server_user import wheel_binaries
from fntx_dagster.store.urls import without_password

_CHUNK = 1 << 20
_UNKNOWN_TO_OLDER = (b"SET transaction_timeout ",)
_HEADER = 200
"""Lines at the beginning of a script, among which the variables are set; behind them are rows."""
_ROLES = """
DO $$ BEGIN
    CREATE ROLE fntx_api NOLOGIN NOSUPERUSER;
    GRANT fntx_api TO CURRENT_USER;
EXCEPTION WHEN duplicate_object THEN NULL;
END $$
"""
"""A dump holds what roles may do, and not the roles."""


class FrozenDatabase(NamedTuple):
    """A database at one moment: what to dump it by, the rows of each table (`schema.table` → rows), and the versions of
    our tables and of the server."""

    url: str
    number: str
    counts: Mapping[str, int]
    schema: str
    server: str

    def dumped(self) -> Iterator[bytes]:
        """The dump. Transient where the server goes away, Permanent where it refuses."""
        command = [str(wheel_binaries() / "pg_dump"), "-Fc", "--no-owner", "--compress=gzip:3"]
        command += [f"--snapshot={self.number}", "-d", _named(self.url)]
        with _started(command, self.url) as process:
            assert process.stdout
            while chunk := process.stdout.read(_CHUNK):
                yield chunk
            _ended(process, "pg_dump")


@contextmanager
def snapshot(url: str) -> Iterator[FrozenDatabase]:
    """The database as it is now, for as long as the block lasts. Transient where the server goes away."""
    with without_password(url), psycopg.connect(url, application_name="fntx") as connection:
        connection.execute("set transaction isolation level repeatable read, read only")
        row = connection.execute(
            """select pg_export_snapshot(), version_num, current_setting('server_version')
            from raw_flex.schema_version"""
        ).fetchone()
        assert row
        yield FrozenDatabase(url, row[0], _counted(connection), row[1], row[2])


def counted(url: str) -> dict[str, int]:
    """The rows of each table of a database: `schema.table` → rows."""
    with without_password(url), psycopg.connect(url, application_name="fntx") as connection:
        return _counted(connection)


def _counted(connection: psycopg.Connection) -> dict[str, int]:
    tables = connection.execute(
        """select schemaname, tablename from pg_tables
        where schemaname not in ('pg_catalog', 'information_schema') order by 1, 2"""
    ).fetchall()
    each = [
        sql.SQL("select {}, count(*) from {}").format(f"{schema}.{table}", sql.Identifier(schema, table))
        for schema, table in tables
    ]
    return dict(connection.execute(sql.SQL(" union all ").join(each)).fetchall()) if each else {}


def is_empty(url: str) -> bool:
    """Whether a database has no table of ours."""
    with without_password(url), psycopg.connect(url, connect_timeout=10, application_name="fntx") as connection:
        row = connection.execute("select to_regclass('raw_flex.schema_version') is null").fetchone()
        assert row
        return row[0]


def restore(url: str, dump: Iterable[bytes], behind: str) -> None:
    """Fill an empty database from a dump, in one transaction, in which the statements `behind` are the last. Permanent
    where the dump or the server's rights do not allow it: then nothing is changed."""
    with without_password(url), psycopg.connect(url, autocommit=True, application_name="fntx") as connection:
        connection.execute(_ROLES)
    binaries = wheel_binaries()
    script = [str(binaries / "pg_restore"), "--no-owner", "-f", "-"]
    fill = [str(binaries / "psql"), "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-o", os.devnull, "-d", _named(url)]
    with _started(script, url, reads=True) as reader, _started(fill, url, reads=True) as writer:
        feeder = _Feeder(dump, reader)
        feeder.start()
        try:
            is_taken = _copied(reader, writer)
            if not is_taken:
                reader.kill()
            feeder.join()
            feeder.raise_if_failed()
            if is_taken:
                _ended(reader, "pg_restore")
                with suppress(BrokenPipeError):
                    _input_of(writer).write(behind.encode())
                    _input_of(writer).close()
            _ended(writer, "psql")
        except BaseException:
            reader.kill()
            writer.kill()  # its transaction ends with it
            raise


class _Feeder(threading.Thread):
    """Writes a dump into a process; what reading the dump raised is kept."""

    def __init__(self, dump: Iterable[bytes], process: subprocess.Popen[bytes]) -> None:
        super().__init__(daemon=True)
        self._dump, self._process, self._error = dump, process, None

    def run(self) -> None:
        stdin = _input_of(self._process)
        try:
            for chunk in self._dump:
                stdin.write(chunk)
            stdin.close()
        except BrokenPipeError:
            pass  # it says itself why it ended
        except BaseException as error:
            self._error = error
            self._process.kill()

    def raise_if_failed(self) -> None:
        if self._error is not None:
            raise self._error


def _copied(reader: subprocess.Popen[bytes], writer: subprocess.Popen[bytes]) -> bool:
    """Write what one process prints into another; whether that one took all of it."""
    source, target = reader.stdout, _input_of(writer)
    assert source
    try:
        for _ in range(_HEADER):
            line = source.readline()
            if not line.startswith(_UNKNOWN_TO_OLDER):
                target.write(line)
        while chunk := source.read(_CHUNK):
            target.write(chunk)
        target.flush()
    except BrokenPipeError:
        return False
    return True


def _input_of(process: subprocess.Popen[bytes]) -> IO[bytes]:
    assert process.stdin
    return process.stdin


def _named(url: str) -> str:
    """The database without its password, which goes by the environment: command lines are seen by everybody."""
    return make_conninfo("", **{name: value for name, value in conninfo_to_dict(url).items() if name != "password"})


def _started(command: list[str], url: str, *, reads: bool = False) -> subprocess.Popen[bytes]:
    password = conninfo_to_dict(url).get("password")
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE if reads else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=child_environment({"PGPASSWORD": str(password)} if password else {}),
    )


def _ended(process: subprocess.Popen[bytes], name: str) -> None:
    assert process.stderr
    said = process.stderr.read().decode(errors="replace").strip().splitlines()
    if process.wait() == 0:
        return
    kind = Transient if any("connection" in line or "terminating" in line for line in said) else Permanent
    raise kind(f"{name} failed ({said[0] if said else process.returncode})", "Nothing was changed in the database")
