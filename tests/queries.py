"""How many statements a database is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import psycopg


def statements(work: Callable[[], object]) -> int:
    """How many statements are sent while something is done."""
    sent = 0
    execute = psycopg.Cursor.execute

    def counted(cursor: Any, *arguments: Any, **options: Any) -> Any:
        nonlocal sent
        sent += 1
        return execute(cursor, *arguments, **options)

    with patch.object(psycopg.Cursor, "execute", counted):
        work()
    return sent
