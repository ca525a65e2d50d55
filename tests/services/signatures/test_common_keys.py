"""Machines on one database sign with one salt secret and one key for each account: another one is refused."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from fntx_dagster.adapters.evm.keys import key_ring, mark_of, salt_secret
from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period
from fntx_dagster.services.signatures.common_keys import common_secret, common_trader
from fntx_dagster.services.signatures.signing import Signing, sign
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from tests import by_hand

ACCOUNT, OTHER, DAY = "U7000001", "U7000002", date(2025, 7, 17)
MAKES, SERVED = {"make": True}, {"embedded": True}


def machine(home: Path, db: Database, keys: Any = None) -> Settings:
    """A home on the database, as a server has it."""
    return Settings.model_validate({"home": home, "database": {"url": db.url}, "chain": SERVED, "keys": keys or {}})


def why(signing: Signing) -> str:
    assert not signing.new
    [refused] = signing.refused
    return str(refused.error)


@pytest.fixture
def signed(built: Database, home: Path) -> Database:
    """A database in which one machine has signed a day of an account."""
    for account in (ACCOUNT, OTHER):
        by_hand.build(built, account, DAY)
    assert len(sign(machine(home, built, MAKES), built, Period.on(DAY), ACCOUNT).new) == 1
    return built


def test_a_server_makes_no_secret_and_no_key_unless_asked(built: Database, home: Path) -> None:
    by_hand.build(built, ACCOUNT, DAY)
    signing = sign(machine(home, built), built, Period.on(DAY))
    assert "none is made beside a database" in why(signing)
    assert "FNTX_SALT_FILE" in why(signing)
    signing = sign(machine(home, built, {"salt": "ab" * 32}), built, Period.on(DAY))
    assert "U…0001 has no key" in why(signing)
    assert not [*(home / "keys").glob("trader-*")]
    assert not (home / "keys" / "salt.secret").exists()
    assert len(sign(machine(home, built, {"salt": "ab" * 32, "make": True}), built, Period.on(DAY)).new) == 1


def test_a_second_home_with_another_salt_secret_or_none_is_refused_and_told_the_way_out(
    signed: Database, home: Path, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    for folder in ("chain", "keys/audit"):
        shutil.copytree(home / folder, second / folder)
    for keys in ({}, MAKES):  # it makes none, either
        said = why(sign(machine(second, signed, keys), signed, Period.on(DAY), OTHER))
        assert "salt.secret is missing" in said
        assert "name a copy of it by FNTX_SALT_FILE" in said
    said = why(sign(machine(second, signed, {"salt": "cd" * 32}), signed, Period.on(DAY), OTHER))
    assert "not the one that this was signed with" in said
    assert "Correct FNTX_SALT_FILE" in said
    assert "cdcd" not in said
    right = {"salt": (home / "keys" / "salt.secret").read_text(), "make": True}
    assert len(sign(machine(second, signed, right), signed, Period.on(DAY), OTHER).new) == 1


def test_of_two_homes_that_begin_at_once_one_makes_the_secret_and_the_other_is_refused(
    database: Database, tmp_path: Path
) -> None:
    homes = [machine(tmp_path / name, database, MAKES) for name in ("a", "b", "c")]

    def begin(settings: Settings) -> bytes | str:
        try:
            return common_secret(settings, database)
        except Permanent as refused:
            return refused.message

    with ThreadPoolExecutor(3) as pool:
        outcomes = [*pool.map(begin, homes)]
    made = [outcome for outcome in outcomes if isinstance(outcome, bytes)]
    assert len(made) == 1
    assert sum("is missing" in outcome for outcome in outcomes if isinstance(outcome, str)) == 2
    assert sum((settings.paths.keys / "salt.secret").exists() for settings in homes) == 1
    with database.connect() as connection:
        rows = connection.execute("select name, mark from fntx.secret_marks").fetchall()
    assert rows == [("salt", mark_of(made[0]))]
    assert made[0].hex() not in str(rows)


def test_a_development_key_is_that_of_the_machine_that_signed_first(
    signed: Database, home: Path, tmp_path: Path
) -> None:
    first = machine(home, signed, MAKES)
    address = common_trader(first, signed, ACCOUNT)
    salt = salt_secret(key_ring(first)).hex()
    second = machine(tmp_path / "second", signed, {"salt": salt, "make": True})
    with pytest.raises(Permanent, match=f"the development key of {address}, which this home does not have") as refused:
        common_trader(second, signed, ACCOUNT)
    assert "Copy the folder `keys`" in str(refused.value)
    assert ACCOUNT not in str(refused.value)
    assert not [*(tmp_path / "second" / "keys").glob("trader-*")]
    shutil.copytree(home / "keys", tmp_path / "second" / "keys", dirs_exist_ok=True)
    assert common_trader(second, signed, ACCOUNT) == address


def test_the_mark_of_an_older_database_is_that_of_its_signed_days(signed: Database, home: Path) -> None:
    from fntx_dagster.store.migrating import MIGRATIONS

    [file] = (MIGRATIONS / "versions").glob("*_shared_machines.py")
    text = file.read_text(encoding="utf-8")
    begin = text.index("INSERT INTO fntx.secret_marks")
    with signed.connect() as connection:
        connection.execute("alter table fntx.secret_marks disable trigger all; delete from fntx.secret_marks")
        connection.execute(text[begin : text.index(";", begin)].encode())
        marks = connection.execute("select name, mark from fntx.secret_marks").fetchall()
    assert marks == [("salt", mark_of(salt_secret(key_ring(machine(home, signed)))))]


def test_the_mark_of_a_secret_is_kept_for_ever(signed: Database) -> None:
    with pytest.raises(Exception, match="append-only"), signed.connect() as connection:
        connection.execute("delete from fntx.secret_marks")


def test_the_later_days_of_an_account_are_signed_on_a_machine_with_the_same_keys(
    signed: Database, home: Path, tmp_path: Path
) -> None:
    by_hand.build(signed, ACCOUNT, DAY + timedelta(days=1))
    second = tmp_path / "second"
    shutil.copytree(home, second)
    os.remove(second / "keys" / "salt.secret")
    ours = machine(second, signed, {"salt": (home / "keys" / "salt.secret").read_text()})
    assert len(sign(ours, signed, Period.on(DAY + timedelta(days=1)), ACCOUNT).new) == 1
