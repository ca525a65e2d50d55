"""A database with made-up lists and parties, and files of lists that a test changes."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fntx_dagster.services.screening.lists import load_list
from fntx_dagster.services.screening.parties import set_party
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database

BY = "operator:test"
HEADER = "id,schema,name,aliases,birth_date,countries\n"
ROWS = (
    "NK-1,Person,Aurelio Vantrosk,A. Vantroska,1961-04-02,zz",
    "NK-2,Company,Quillon Maritime Holdings Ltd,Quillon Shipping,,pa",
    "NK-3,Vessel,OSTRELLA,,,pa",
)


def write_list(path: Path, *rows: str, age: timedelta = timedelta()) -> Path:
    """A list of OpenSanctions with these rows, fetched so long ago."""
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    at = (datetime.now(UTC) - age).timestamp()
    os.utime(path, (at, at))
    return path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def loaded(settings: Settings, database: Database, tmp_path: Path) -> Database:
    """A list of three entities, and two parties: `good`, and `bad`, who is listed."""
    load_list(settings, database, write_list(tmp_path / "list.csv", *ROWS), by=BY)
    set_party(settings, database, "good", "Helena Brightwater", "Person", by=BY)
    set_party(settings, database, "bad", "VANTROSK, Aurelio", "Person", "1961", by=BY)
    return database
