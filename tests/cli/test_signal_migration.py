"""`fntx signals migrate` as a process: what it prints, and a thousand signals whose migration is killed and resumed."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from fntx_dagster.simulate.old_service import ZONE, OldService, old_service
from fntx_dagster.store.database import Database
from tests.processes import FNTX, environment, run
from tests.services.signals.old_databases import filled


@contextmanager
def migrating(server: str, service: OldService, folder: Path) -> Iterator[tuple[str, ...]]:
    """The command that migrates a service."""
    (folder / "old.toml").write_text(f'currency = "INR"\nzone = "{ZONE}"\n', encoding="utf-8")
    with filled(server, service) as old:
        yield ("signals", "migrate", "--from", old.url, "--mapping", f"{folder / 'old.toml'}")


def test_the_command_says_what_it_folded_what_not_and_what_is_archived(
    postgres: str, database: Database, tmp_path: Path
) -> None:
    service = old_service(seed=8, signals=10, users=2, faults=("no_trade",))
    with migrating(postgres, service, tmp_path) as command:
        shown = run(tmp_path, *command, "--dry-run", FNTX_DATABASE_URL=database.url)
        assert shown.returncode == 1
        assert "9 executions would be folded; 0 were there." in shown.stdout
        assert "9 of 9 signals" in shown.stderr
        assert "no_trade" in shown.stdout
        refused = run(tmp_path, *command, "--archive", "-o", f"{tmp_path / 'list.csv'}", FNTX_DATABASE_URL=database.url)
        assert (refused.returncode, "were not archived" in refused.stderr) == (1, True)
        assert (tmp_path / "list.csv").read_text() == (
            "table,id,reason,about\npositions,18,group_waits,position 17\n"
            f"positions,17,no_trade,STRATEGY_000 unique_9 {service.rows['positions'][16][3]} BUY\n"
        )
        with (tmp_path / "old.toml").open("a") as file:
            file.write("[set_aside]\npositions = [17]\n")
        done = run(tmp_path, *command, "--archive", "--json", FNTX_DATABASE_URL=database.url)
        found = json.loads(done.stdout)
        assert (done.returncode, found["is_whole"], found["reasons"]) == (0, True, {"set_aside": 1})
        assert (found["executions"], found["known"]) == (1, 9)
        assert found["archived"] == {"positions": 20, "orders": 40, "trades": 19}
        wrong = run(tmp_path, *command, "--dry-run", "--archive", FNTX_DATABASE_URL=database.url)
        assert wrong.returncode == 2


@pytest.mark.slow
def test_a_thousand_signals_to_twenty_users_are_killed_and_resumed_to_the_cent(
    postgres: str, database: Database, tmp_path: Path
) -> None:
    service = old_service(seed=16, signals=1000, users=20)
    with migrating(postgres, service, tmp_path) as command:
        counts = []
        for _ in range(2):
            counts.append(killed_after_more(command, database, tmp_path, counts[-1] if counts else 0))
        assert 0 < counts[0] < counts[1] < service.folding
        file = tmp_path / "list.csv"
        done = run(tmp_path, *command, "--json", "-o", f"{file}", FNTX_DATABASE_URL=database.url)
    found = json.loads(done.stdout)
    assert (found["known"], found["executions"] + found["known"]) == (counts[1], service.folding)
    assert found["differences"] == []
    listed = [line.split(",", 3)[:3] for line in file.read_text().splitlines()[1:]]
    assert {(table, int(number)): reason for table, number, reason in listed} == service.faults
    unfolded = {number for table, number in service.faults if table == "positions"}
    positions = {row[0] for row in service.rows["positions"]} - unfolded
    folded = [row for row in service.rows["trades"] if row[2] in positions]
    with database.connect() as connection:
        sums = connection.execute(
            """select sum(pnl), sum(qty), sum(money_in), sum(money_out), count(*), count(distinct migrated_from)
            from ledger.user_signal_allocations"""
        ).fetchone()
        assert connection.execute("select sum(total_pnl), count(*) from ledger.trades").fetchone() == (
            sum(row[11] for row in folded),
            service.folding,
        )
    assert sums == (
        sum(row[11] for row in folded),
        sum(row[8] for row in folded),
        sum(row[5] * row[6] for row in folded),
        sum(row[8] * row[9] for row in folded),
        len(positions),
        len(positions),
    )
    [pnl] = [row for row in found["sums"] if row["measure"] == "pnl"]
    assert Decimal(pnl["old"]) == sum(row[11] for row in service.rows["trades"])


def killed_after_more(command: tuple[str, ...], database: Database, home: Path, before: int) -> int:
    """Start the migration, kill it once it has folded more than before: how many executions there are then."""
    process = subprocess.Popen(
        [FNTX, *command],
        env=environment(home, FNTX_DATABASE_URL=database.url),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with psycopg.connect(database.url, autocommit=True) as connection:
        query = "select count(*) from ledger.signal_executions"
        while connection.execute(query).fetchone() == (before,):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        [row] = connection.execute(query).fetchall()
    return row[0]
