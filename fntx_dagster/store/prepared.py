"""Statements of the hot path: prepared once on each connection, and sent through libpq itself.

psycopg's own way to run one costs some five times as much time of this process; only what every order runs goes past
it. The transaction is psycopg's: `Database.connect` commits it or rolls it back. After a rollback psycopg lets the
server forget all prepared statements, these too; so the first of a transaction is tried again where it is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString
from weakref import WeakKeyDictionary

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus
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


def _run(connection: psycopg.Connection, statement: LiteralString, values: Sequence[str | None]) -> str | None:
    pgconn, encoding = connection.pgconn, connection.info.encoding
    known = _prepared.setdefault(connection, set())
    name = _names.setdefault(statement, f"fntx_{len(_names)}".encode())
    if statement not in known:
        _checked(pgconn.prepare(name, statement.encode(encoding)), encoding)
        known.add(statement)
    given = [None if value is None else value.encode(encoding) for value in values]
    # libpq takes None for NULL, which psycopg's types leave out
    result = _checked(pgconn.exec_prepared(name, given), encoding)  # pyright: ignore[reportArgumentType]  # see above
    if not result.ntuples or (found := result.get_value(0, 0)) is None:
        return None
    return found.decode(encoding)


def _checked(result: PGresult, encoding: str) -> PGresult:
    if result.status not in _DONE:
        raise error_from_result(result, encoding=encoding)
    return result
