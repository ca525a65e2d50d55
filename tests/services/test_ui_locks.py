"""What `fntx ui` makes sure of before anything starts, against real locks and a real server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.services.ui_locks import listen, only_daemon_of_the_database, only_daemon_of_the_home
from fntx_dagster.settings import Settings
from fntx_dagster.store import advisory
from fntx_dagster.store.advisory import AdvisoryLock
from fntx_dagster.store.database import Database

URL = "http://127.0.0.1:3000"
HOLD = """import sys, time
from pathlib import Path
from typing import Any
from fntx_dagster.services.ui_locks import only_daemon_of_the_home
from fntx_dagster.settings import Settings
with only_daemon_of_the_home(Settings(home=Path(sys.argv[1])), "http://127.0.0.1:3999"):
    print("held", flush=True)
    time.sleep(600)"""


def settings_of(tmp_path: Path, db: Database, folder: str = "home") -> Settings:
    return Settings(home=tmp_path / folder, database={"url": db.url})


def test_a_taken_port_is_said_with_the_way_out(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with listen(settings, "127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Permanent, match=rf"port {port} of 127\.0\.0\.1 is taken\. Choose another one with --port"):
            listen(settings, "127.0.0.1", port)
    listen(settings, "127.0.0.1", port).close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_loopback_needs_no_token(tmp_path: Path, host: str) -> None:
    listen(Settings(home=tmp_path), host, 0).close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_an_address_that_others_reach_needs_a_token(tmp_path: Path, host: str) -> None:
    with pytest.raises(Permanent, match="Set FNTX_UI_TOKEN"):
        listen(Settings(home=tmp_path), host, 0)
    listen(Settings(home=tmp_path, ui={"token": "correct horse battery"}), host, 0).close()


def test_a_host_that_is_none_and_one_of_another_machine_are_said(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, ui={"token": "correct horse battery"})
    for host in ("no.such.host.invalid", "192.0.2.1"):
        with pytest.raises(Permanent, match=host):
            listen(settings, host, 0)


def test_a_home_has_one_daemon_and_is_free_when_its_process_was_killed(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        said = rf"already runs on the home {tmp_path} \(process {holder.pid}, http://127\.0\.0\.1:3999\)"
        with pytest.raises(Permanent, match=said), only_daemon_of_the_home(settings, URL):
            pass
    finally:
        holder.kill()
        holder.wait()
    with only_daemon_of_the_home(settings, URL):
        assert (settings.paths.dagster / "daemon.lock").stat().st_mode & 0o777 == 0o600
    with only_daemon_of_the_home(settings, URL):
        pass


def test_a_database_has_one_daemon_whatever_the_home(tmp_path: Path, database: Database) -> None:
    mine, theirs = settings_of(tmp_path, database), settings_of(tmp_path, database, "other")
    with only_daemon_of_the_database(mine) as still_alone:
        with pytest.raises(Permanent, match="works on this database"), only_daemon_of_the_database(theirs):
            pass
        still_alone()
    with only_daemon_of_the_database(theirs):
        pass


def cut(postgres: str, database: Database) -> None:
    """End the connections that hold advisory locks of a database, as a restart of the server does."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(
            """select pg_terminate_backend(pid, 5000) from pg_locks join pg_database on database = pg_database.oid
            where locktype = 'advisory' and datname = %s""",
            [psycopg.conninfo.conninfo_to_dict(database.url)["dbname"]],
        )


def test_a_lock_whose_connection_was_cut_is_taken_again(postgres: str, database: Database) -> None:
    mine, theirs = AdvisoryLock(database.url, "one"), AdvisoryLock(database.url, "one")
    assert mine.take()
    cut(postgres, database)
    assert mine.may_go_on()
    assert not theirs.take()
    mine.release()
    assert theirs.take()
    theirs.release()


def test_a_lock_ends_with_the_network_on_both_sides_and_keeps_the_options_of_the_url(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, made = psycopg.connect, []

    def kept(*arguments: Any, **parameters: Any) -> psycopg.Connection:
        made.append(connect(*arguments, **parameters))
        return made[-1]

    monkeypatch.setattr(psycopg, "connect", kept)
    lock = AdvisoryLock(psycopg.conninfo.make_conninfo(database.url, options="-c work_mem=1234kB"), "one")
    assert lock.take()
    [connection] = made
    assert connection.execute("show work_mem").fetchone() == ("1234kB",)
    parameters = connection.info.get_parameters()
    assert "-c tcp_keepalives_idle=30" in parameters["options"]
    assert {parameters[name] for name in ("keepalives_idle", "tcp_user_timeout")} == {"30", "30000"}
    lock.release()


def test_a_lock_that_another_took_meanwhile_is_lost_for_good_only_after_a_while(
    tmp_path: Path, postgres: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At first the other may be our own old session, which the server has not given up."""
    with only_daemon_of_the_database(settings_of(tmp_path, database)) as still_alone:
        cut(postgres, database)
        other = AdvisoryLock(database.url, "the daemon of fntx ui")
        assert other.take()
        still_alone()
        monkeypatch.setattr(advisory, "_DOUBTFUL_SECONDS", 0)
        with pytest.raises(Permanent, match="works on this database"):
            still_alone()
        other.release()
        still_alone()


def test_while_the_database_is_away_nothing_is_said(tmp_path: Path, database: Database, postgres: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(database.url)["dbname"]
    with (
        only_daemon_of_the_database(settings_of(tmp_path, database)) as still_alone,
        psycopg.connect(postgres, autocommit=True) as connection,
    ):
        connection.execute(f"alter database {name} allow_connections false")
        cut(postgres, database)
        with pytest.raises(Transient):
            AdvisoryLock(database.url, "another").take()
        still_alone()
        connection.execute(f"alter database {name} allow_connections true")
        still_alone()
        assert not AdvisoryLock(database.url, "the daemon of fntx ui").take()
