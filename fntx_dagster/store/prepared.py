"""Statements of the hot path: prepared once on each connection, and sent through libpq itself.

psycopg's own way to run one costs some five times as much time of this process; only what every order runs goes past
it. The transaction is psycopg's: `Database.connect` commits it or rolls it back. After a rollback psycopg lets the
server forget all prepared statements, these too; so the first of a transaction is tried again where it is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import LiteralString, NamedTuple
from weakref import WeakKeyDictionary

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import Escaping, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

_DONE = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)
_names: dict[str, bytes] = {}
"""Statement → what it is called on every connection."""
_prepared: WeakKeyDictionary[psycopg.Connection, set[str]] = WeakKeyDictionary()


def run(connection: psycopg.Connection, statement: LiteralString, *values: str | None) -> str | None:
    """The first value of the first row of a statement, as text; None where it has no row.

    Its parameters are `$1`, `$2` …, each cast to its type in the statement. The first statement of a transaction that
    uses this function is run by it. Raises what psycopg raises.
    """
    pgconn, encoding = connection.pgconn, connection.info.encoding
    if pgconn.transaction_status != TransactionStatus.IDLE:
        return _run(connection, statement, values)
    _checked(pgconn.exec_(b"BEGIN"), encoding)
    try:
        return _run(connection, statement, values)
    except psycopg.errors.InvalidSqlStatementName:
        _prepared.pop(connection, None)
        _checked(pgconn.exec_(b"ROLLBACK"), encoding)
        _checked(pgconn.exec_(b"BEGIN"), encoding)
        return _run(connection, statement, values)


def learn(connection: psycopg.Connection) -> set[str]:
    """The statements that the connection knows, asked of the server: before one is prepared, and by whoever did
    something else first in a transaction, where `run` could not try again."""
    pgconn, encoding = connection.pgconn, connection.info.encoding
    found = _checked(pgconn.exec_(b"select name from pg_prepared_statements"), encoding)
    names = {found.get_value(row, 0) for row in range(found.ntuples)}
    known = _prepared[connection] = {statement for statement, name in _names.items() if name in names}
    return known


class Filling(NamedTuple):
    """A statement and the values of its parameters."""

    statement: LiteralString
    values: Sequence[str]


def run_alone(connection: psycopg.Connection, first: Filling, second: Filling) -> str | None:
    """As `run`, two statements in a transaction of their own: all in one message to the server, which has committed
    when it answers. What is returned is of the second.

    The connection is in no transaction. Raises what psycopg raises; then nothing is stored, unless the connection is
    lost.
    """
    try:
        return _run_alone(connection, first, second)
    except psycopg.errors.InvalidSqlStatementName:
        _prepared.pop(connection, None)
        return _run_alone(connection, first, second)


def _run_alone(connection: psycopg.Connection, *both: Filling) -> str | None:
    encoding, escaping = connection.info.encoding, Escaping(connection.pgconn)
    parts: list[bytes] = []
    for statement, values in both:
        given = b", ".join(escaping.escape_literal(value.encode(encoding)) for value in values)
        parts.append(b"execute %b (%b)" % (_name(connection, statement), given))
    return _first(connection.pgconn.exec_(b"; ".join(parts)), encoding)


def _run(connection: psycopg.Connection, statement: LiteralString, values: Sequence[str | None]) -> str | None:
    pgconn, encoding = connection.pgconn, connection.info.encoding
    name = _name(connection, statement)
    given = [None if value is None else value.encode(encoding) for value in values]
    # libpq takes None for NULL, which psycopg's types leave out
    return _first(pgconn.exec_prepared(name, given), encoding)  # pyright: ignore[reportArgumentType]  # see above


def _name(connection: psycopg.Connection, statement: LiteralString) -> bytes:
    """What a statement is called on the connection, which knows it from now on."""
    pgconn, encoding = connection.pgconn, connection.info.encoding
    name = _names.get(statement) or _names.setdefault(statement, _named(statement))
    if statement in _prepared.get(connection, ()):
        return name
    known = learn(connection)
    if statement not in known:
        _checked(pgconn.prepare(name, statement.encode(encoding)), encoding)
        known.add(statement)
    return name


def _named(statement: str) -> bytes:
    """Of the statement alone: threads that meet two new ones at once must not give both one name."""
    return f"fntx_{sha256(statement.encode()).hexdigest()[:24]}".encode()


def _first(result: PGresult, encoding: str) -> str | None:
    _checked(result, encoding)
    if not result.ntuples or (found := result.get_value(0, 0)) is None:
        return None
    return found.decode(encoding)


def _checked(result: PGresult, encoding: str) -> PGresult:
    if result.status not in _DONE:
        error = error_from_result(result, encoding=encoding)
        raise error if error.sqlstate else psycopg.OperationalError(*error.args)  # libpq's own: the server is gone
    return result
