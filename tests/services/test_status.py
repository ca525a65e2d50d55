"""The state of many accounts is read as that of one: by the same number of questions."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import psycopg
import pytest

from fntx_dagster.services.status import status
from fntx_dagster.simulate.documents import document, statement, write
from fntx_dagster.store.database import Database
from fntx_dagster.store.raw_flex.statements import load_file
from tests import by_hand

DAY = date(2025, 7, 14)


def questions(db: Database, monkeypatch: pytest.MonkeyPatch) -> int:
    asked = []
    execute = psycopg.Cursor.execute

    def counted(cursor: psycopg.Cursor, *arguments, **options) -> psycopg.Cursor:
        asked.append(arguments[0])
        return execute(cursor, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(psycopg.Cursor, "execute", counted)
        status(db)
    return len(asked)


def test_as_many_questions_for_thirty_accounts_as_for_one(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    db = by_hand.create_marts(database)

    def add(*numbers: int) -> None:
        accounts = [f"U70000{number:02}" for number in numbers]
        load_file(db, write(tmp_path / f"{numbers[0]}.xml", document(*(statement(account=each) for each in accounts))))
        for account in accounts:
            by_hand.build(db, account, DAY)

    add(0)
    one = questions(db, monkeypatch)
    add(*range(1, 30))
    assert questions(db, monkeypatch) == one < 20
    assert len(status(db).accounts) == 30
