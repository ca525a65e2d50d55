"""A home with signed days is backed up, destroyed, restored elsewhere and verified; and what goes wrong with that."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from fntx_dagster.settings import Settings
from fntx_dagster.store.dumping import counted
from fntx_dagster.store.server import EmbeddedPostgres, database_url
from tests import homes
from tests.homes import home as homes_home
from tests.processes import run, start

SAMPLES = Path(__file__).parents[3] / "fntx_dagster" / "samples"
OPENS = {"FNTX_BACKUP_PASSPHRASE": "correct horse battery"}
DAYS = ("--from", "2025-07-01", "--to", "2025-07-18")

pytestmark = pytest.mark.slow


def fntx(home: Path, *arguments: str, code: int = 0, **more: str) -> str:
    done = run(home, *arguments, **{**OPENS, **more})
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stdout + done.stderr


def killed_after(seconds: float, home: Path, *arguments: str) -> None:
    """Start a command, and kill it with all that it started, unless it ends before."""
    process = start(home, *arguments, **OPENS)
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def url_of(home: Path) -> str:
    return database_url(EmbeddedPostgres(Settings(home=home).paths.postgres).start(), "fntx")


def sql(home: Path, statement: str) -> list[tuple]:
    with psycopg.connect(url_of(home), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def disclosure(home: Path) -> str:
    return fntx(home, "signature", "disclose", "--date", "2025-07-18", "--metric", "net_pnl")


@pytest.fixture(scope="module")
def original(used_home: Path) -> Iterator[Path]:
    """A home with the sample statements as a user's own, thirteen signed and posted days."""
    with homes_home(used_home) as path:
        fntx(path, "demo")
        statements = path / "ibkr_flexquery"
        statements.mkdir(mode=0o700, exist_ok=True)
        for file in SAMPLES.glob("*.xml"):
            shutil.copy(file, statements)
        yield path


@pytest.fixture(scope="module")
def vault(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of backups, with one of the home."""
    folder = tmp_path_factory.mktemp("vault")
    [made] = json.loads(f"[{fntx(original, 'backup', str(folder), '--json')}]")
    assert (made["new_statements"], made["removed"]) == (6, [])
    return folder


@pytest.fixture
def copied(vault: Path, tmp_path: Path) -> Path:
    """The same backups, for a test that changes them."""
    return Path(shutil.copytree(vault, tmp_path / "vault"))


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """An empty home."""
    with homes.home() as path:
        yield path


def test_what_is_restored_elsewhere_is_the_same_and_posts_nothing_twice(
    original: Path, vault: Path, elsewhere: Path
) -> None:
    kept = json.loads((next(vault.glob("2*")) / "manifest.json").read_text())["counts"]
    said = json.loads(fntx(elsewhere, "restore", str(vault), "--json"))
    assert (said["signed_days"], said["posted_days"], said["problems"]) == (13, 13, [])
    rows = counted(url_of(elsewhere))
    assert {table: rows[table] for table in kept if table != "alm_reporting.restores"} == {
        table: count for table, count in kept.items() if table != "alm_reporting.restores"
    }
    assert disclosure(elsewhere) == disclosure(original)
    for name in ("ibkr_flexquery", "keys"):
        mine, theirs = (
            {file.relative_to(home / name): file.read_bytes() for file in (home / name).rglob("*") if file.is_file()}
            for home in (elsewhere, original)
        )
        assert {file for file in theirs if file.suffix != ".lock" and file.name != ".lock"} == {
            file for file in mine if file.suffix != ".lock" and file.name != ".lock"
        }
        assert all(theirs[file] == content for file, content in mine.items() if file in theirs)
    receipts = "select count(*), count(distinct tx_hash) from alm_reporting.chain_receipts"
    before = sql(elsewhere, receipts)
    fntx(elsewhere, "run", *DAYS)
    assert sql(elsewhere, receipts) == before == sql(original, receipts)


def test_nothing_is_sent_until_the_restored_days_are_found_on_the_chain(
    original: Path, vault: Path, elsewhere: Path
) -> None:
    chain = elsewhere.with_name("no-chain")
    with homes_home() as other:
        fntx(elsewhere, "restore", str(vault))
        sql(elsewhere, "update alm_reporting.restores set verified_at = null")
        sql(elsewhere, "update alm_reporting.chain_postings set state = 'queued', sending_id = null")
        refused = fntx(elsewhere, "run", *DAYS, code=75)
        assert "is not verified, so nothing is sent" in refused
        assert "fntx restore --verify" in refused
        (elsewhere / "chain").rename(chain)
        shutil.copytree(other, elsewhere / "chain", dirs_exist_ok=True)
        said = fntx(elsewhere, "restore", "--verify", code=1)
        assert "differs: " in said
        assert "nothing is posted until" in said
        assert "is not verified" in fntx(elsewhere, "run", *DAYS, code=75)
        shutil.rmtree(elsewhere / "chain")
        chain.rename(elsewhere / "chain")
        assert "13 of them are on the chain" in fntx(elsewhere, "restore", "--verify")
        fntx(elsewhere, "run", *DAYS)


def test_a_second_backup_stores_no_statement_again_and_the_rule_removes_older_ones(
    original: Path, copied: Path
) -> None:
    pool = {file.name for file in (copied / "statements").iterdir()}
    [old] = [file.name for file in copied.glob("2*")]
    time.sleep(1.1)  # a backup is named by its second
    said = json.loads(fntx(original, "backup", str(copied), "--keep", "1d", "--json"))
    assert (said["new_statements"], said["removed"]) == (0, [old])
    assert {file.name for file in (copied / "statements").iterdir()} == pool
    listed = json.loads(fntx(original, "backup", str(copied), "--list", "--json"))
    assert [each["name"] for each in listed] == [said["name"]]


def test_the_folder_says_nothing_of_accounts_statements_or_figures(vault: Path) -> None:
    assert {file.name for file in vault.iterdir() if file.is_file()} == {"fntx-backups.json"}
    for file in vault.rglob("*"):
        assert "U1000001" not in str(file)
        assert "Trades" not in str(file)
        if file.is_file():
            assert file.stat().st_mode & 0o077 == 0
            content = file.read_bytes()
            assert b"U1000001" not in content
            assert b"PGDMP" not in content
            assert b"salt.secret" not in content


def test_a_wrong_passphrase_and_none_change_nothing(vault: Path, elsewhere: Path) -> None:
    wrong = fntx(elsewhere, "restore", str(vault), code=1, FNTX_BACKUP_PASSPHRASE="another passphrase")
    assert "the passphrase does not open these backups" in wrong
    said = run(elsewhere, "restore", str(vault))
    assert (said.returncode, "needs its passphrase" in said.stderr) == (1, True)
    assert not (elsewhere / "keys").exists()


@pytest.mark.parametrize("name", ["database.dump", "home.tar", "statements.json", "manifest.json"])
def test_a_file_that_was_changed_is_named_before_anything_is_restored(name: str, copied: Path, elsewhere: Path) -> None:
    [file] = copied.glob(f"2*/{name}")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert "was changed" in fntx(elsewhere, "restore", str(copied), code=1)
    assert not (elsewhere / "keys").exists()


def test_a_statement_that_is_missing_or_another_one_is_noticed(copied: Path, elsewhere: Path) -> None:
    first, second, *_ = sorted((copied / "statements").iterdir())
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    assert "was changed or cut off" in fntx(elsewhere, "backup", str(copied), "--check", code=1)
    first.unlink()
    assert "cannot read" in fntx(elsewhere, "backup", str(copied), "--check", code=1)
    first.write_bytes(content)
    fntx(elsewhere, "backup", str(copied), "--check")


def test_a_home_in_use_is_not_restored_over(original: Path, vault: Path) -> None:
    assert "the database is not empty" in fntx(original, "restore", str(vault), code=1)


def test_a_folder_without_backups_says_so(tmp_path: Path, elsewhere: Path, vault: Path) -> None:
    assert "there are no backups in" in fntx(elsewhere, "restore", str(tmp_path), code=1)
    assert "there is no backup 20200101T000000Z" in fntx(
        elsewhere, "restore", str(vault), "--name", "20200101T000000Z", code=1
    )
    assert "--keep cannot be" in fntx(elsewhere, "backup", str(tmp_path), "--keep", "often", code=1)


def test_a_backup_that_is_killed_counts_for_nothing_and_the_next_one_is_whole(original: Path, copied: Path) -> None:
    chosen = random.Random(7)
    there = {file.name for file in copied.glob("2*")}
    for _ in range(3):
        time.sleep(1.1)
        killed_after(chosen.uniform(0.5, 2.5), original, "backup", str(copied))
    complete = json.loads(fntx(original, "backup", str(copied), "--list", "--json"))
    assert there <= {each["name"] for each in complete}
    time.sleep(1.1)
    fntx(original, "backup", str(copied))
    assert not list(copied.rglob("*.unfinished"))
    assert all((folder / "manifest.json").exists() for folder in copied.glob("2*"))
    fntx(original, "backup", str(copied), "--check")


def test_a_restore_that_is_killed_goes_on_where_it_stopped(vault: Path, elsewhere: Path) -> None:
    chosen = random.Random(11)
    for _ in range(4):
        killed_after(chosen.uniform(1.0, 4.0), elsewhere, "restore", str(vault))
    done = run(elsewhere, "restore", str(vault), **OPENS)
    if done.returncode:
        assert "the database is not empty" in done.stderr  # a killed one had come to its end
        assert "13 of them are on the chain" in fntx(elsewhere, "restore", "--verify")
    assert sql(elsewhere, "select count(*) from alm_reporting.restores where verified_at is not null") == [(1,)]
    assert len(list((elsewhere / "ibkr_flexquery").iterdir())) == 6
    assert not (elsewhere / ".restoring").exists()


def test_one_thing_is_asked_of_restore(elsewhere: Path) -> None:
    assert "say one thing" in fntx(elsewhere, "restore", code=1)
    assert "say one thing" in fntx(elsewhere, "restore", "x", "--verify", code=1)
    assert "no backup was restored" in fntx(elsewhere, "restore", "--verify", code=1)
