"""`fntx compliance` as an operator uses it: load, add a party, screen, decide; with exit codes that say what is."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fntx_dagster.store.database import Database
from tests.processes import run
from tests.services.screening.conftest import ROWS, write_list

Fntx = Callable[..., Any]


@pytest.fixture
def fntx(database: Database, tmp_path: Path) -> Fntx:
    """Runs a command and gives its JSON; the exit code must be `code`."""

    def call(*words: str, code: int = 0) -> Any:
        done = run(tmp_path / "home", "compliance", *words, "--json", FNTX_DATABASE_URL=database.url)
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout else done.stderr

    return call


def test_a_party_is_added_screened_and_decided_of(fntx: Fntx, tmp_path: Path) -> None:
    assert fntx("lists", code=75) == []
    fntx("party", "bad", "--name", "Vantrosk, Aurelio", "--born", "1961", "--country", "ZZ")
    assert fntx("screen", "bad", code=75)["problems"] == ["no list is loaded"]
    loaded = fntx("load", str(write_list(tmp_path / "list.csv", *ROWS)), code=1)
    assert (loaded["new_hits"], loaded["lists"][0]["changed"], loaded["lists"][0]["entities"]) == (["bad"], True, 3)
    assert fntx("lists")[0]["problem"] is None
    (found,) = fntx("screen", code=1)["parties"]
    assert (found["status"], found["matches"][0]["entity"]) == ("blocked", "NK-1")
    number = str(found["screening_id"])
    fntx("dispose", number, "--as", "false_positive", "--reason", "Another person, by the passport.")
    cleared = fntx("screen", "bad")
    assert cleared["decision"] == "cleared"
    assert cleared["parties"][0]["matches"][0]["disposition"] == "false_positive"
    assert not fntx("load", str(tmp_path / "list.csv"))["lists"][0]["changed"]
    assert fntx("party", "bad", "--retire")["in_use"] is False
    assert "there is no party" in fntx("screen", code=1)


def test_what_is_wrong_is_said_with_its_place(fntx: Fntx, tmp_path: Path) -> None:
    path = write_list(tmp_path / "list.csv", *ROWS, "NK-1,Person,Twice,,,")
    assert "list.csv, row 5, id 'NK-1' stands in a row before" in fntx("load", str(path), code=1)
    assert "no party is called 'nobody'" in fntx("screen", "nobody", code=1)
    assert "no screening has the number 7" in fntx(
        "dispose", "7", "--as", "true_match", "--reason", "The same.", code=1
    )
    for words in (("screen", "--list", str(path)), ("party", "x"), ("load", "--name", "x", str(path), str(path))):
        fntx(*words, code=2)
    fntx("load", str(write_list(path, *ROWS, age=timedelta(hours=60))))
    assert "60 hours old" in fntx("lists", code=75)[0]["problem"]
    fntx("load", str(path), "--fetched", "2999-01-01T00:00:00Z")
    assert fntx("lists")[0]["problem"] is None
