from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from fntx_dagster.errors import Permanent
from fntx_dagster.store.server import EmbeddedPostgres

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="what root must do for the database's user")


def pid_of(server: EmbeddedPostgres) -> int:
    return int((server.cluster / "postmaster.pid").read_text().splitlines()[0])


def remember(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE remembered (x int)")
        connection.execute("INSERT INTO remembered VALUES (1)")


def remembers(url: str) -> bool:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT x FROM remembered").fetchone() == (1,)


def start_elsewhere(server: EmbeddedPostgres, then: str = "") -> subprocess.Popen[bytes]:
    script = (
        "import sys, os, signal, time\nfrom pathlib import Path\nimport psycopg\n"
        "from fntx_dagster.store.server import EmbeddedPostgres\n"
        "url = EmbeddedPostgres(Path(sys.argv[1])).start()\nprint(url, flush=True)\n" + then
    )
    command = [sys.executable, "-c", script, str(server.folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)


def test_a_server_starts_is_found_again_and_stops(new_server: EmbeddedPostgres) -> None:
    assert not new_server.running()
    assert not new_server.stop()
    url = new_server.start()
    assert new_server.running()
    pid = pid_of(new_server)
    assert EmbeddedPostgres(new_server.folder).start() == url
    assert pid_of(new_server) == pid
    remember(url)
    assert new_server.stop()
    assert not new_server.running()
    assert not new_server.stop()
    assert remembers(new_server.start())


def test_eight_processes_that_start_at_once_share_one_server(new_server: EmbeddedPostgres) -> None:
    processes = [start_elsewhere(new_server, "with psycopg.connect(url) as c: c.execute('SELECT 1')") for _ in range(8)]
    outputs = {process.communicate(timeout=120)[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 8
    assert len(outputs) == 1
    mine = [p for p in psutil.process_iter(["cmdline"]) if str(new_server.cluster) in (p.info["cmdline"] or ())]
    assert len(mine) == 1


def test_the_server_outlives_its_starter_and_a_ctrl_c(server: EmbeddedPostgres) -> None:
    process = start_elsewhere(server, "os.killpg(0, signal.SIGINT)")
    process.kill() if process.wait(60) == 0 else None
    assert server.running()
    assert os.getsid(pid_of(server)) != os.getsid(0)


def test_after_a_killed_postmaster_the_data_is_there_again(server: EmbeddedPostgres) -> None:
    remember(server.start())
    killed = pid_of(server)
    os.kill(killed, signal.SIGKILL)
    assert remembers(server.start())
    assert pid_of(server) != killed


def test_a_backend_that_survives_its_postmaster_is_waited_for(server: EmbeddedPostgres) -> None:
    url = server.start()
    remember(url)
    busy = psycopg.connect(url)
    with busy.cursor() as cursor:
        cursor.execute("SET client_connection_check_interval = 0")
    os.kill(pid_of(server), signal.SIGKILL)
    assert remembers(server.start())
    busy.close()


@pytest.mark.parametrize("whose", ["ours", "init", "nobody"])
def test_a_stale_pid_file_is_removed_whoever_has_that_pid_now(server: EmbeddedPostgres, whose: str) -> None:
    pid = {"ours": os.getpid(), "init": 1, "nobody": 2**22 - 1}[whose]
    remember(server.start())
    file = server.cluster / "postmaster.pid"
    lines = file.read_text().splitlines()
    owner = file.stat()
    server.stop()
    file.write_text("\n".join([str(pid), *lines[1:]]) + "\n")
    os.chown(file, owner.st_uid, owner.st_gid)
    file.chmod(0o600)
    assert not server.running()
    assert not server.stop()
    assert remembers(server.start())


def test_a_pid_file_cut_off_is_no_obstacle(server: EmbeddedPostgres) -> None:
    remember(server.start())
    server.stop()
    (server.cluster / "postmaster.pid").write_text("")
    assert remembers(server.start())


def test_a_killed_client_does_no_harm(server: EmbeddedPostgres) -> None:
    remember(server.start())
    process = start_elsewhere(
        server,
        "c = psycopg.connect(url); c.execute('UPDATE remembered SET x = 2'); print('held', flush=True); time.sleep(60)",
    )
    assert process.stdout
    process.stdout.readline()
    assert process.stdout.readline() == b"held\n"
    process.kill()
    process.communicate()
    assert remembers(server.start())
    assert server.stop()


def test_an_initialisation_cut_off_half_way_is_repeated(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    server.cluster.rename(server.place / "cluster.new")
    (server.place / "cluster.new" / "PG_VERSION").unlink()
    assert server.start()


def test_a_long_path_gets_its_socket_elsewhere(server: EmbeddedPostgres) -> None:
    deep = EmbeddedPostgres(server.folder / ("d" * 100) / "postgres")
    try:
        sockets = Path(str(conninfo_to_dict(deep.start())["host"]))
        assert len(str(sockets)) < 60
        assert sockets.stat().st_mode & 0o777 == 0o700
    finally:
        deep.stop()
    assert not sockets.exists()


def test_a_socket_folder_that_others_may_enter_is_refused(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    (server.place / "socket").mkdir()
    (server.place / "socket").chmod(0o755)  # whatever the umask
    with pytest.raises(Permanent, match="not a private folder"):
        server.start()


def test_the_server_does_not_inherit_secrets(server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FNTX_TRADER_KEY", "0xsecret")
    server.start()
    assert "FNTX_TRADER_KEY" not in psutil.Process(pid_of(server)).environ()


def test_nothing_listens_on_the_network(server: EmbeddedPostgres) -> None:
    server.start()
    assert psutil.Process(pid_of(server)).net_connections(kind="inet") == []


def test_another_version_is_refused_with_a_way_out(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    (server.cluster / "PG_VERSION").write_text("15\n")
    with pytest.raises(Permanent, match="PostgreSQL 15"):
        server.start()


def test_a_server_that_cannot_start_names_the_reason(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    (server.cluster / "postgresql.conf").write_text("nonsense = 1\n")
    before = time.monotonic()
    with pytest.raises(Exception, match=r"nonsense.*postgres\.log"):
        server.start()
    assert time.monotonic() - before < 60


@as_root
def test_root_runs_the_server_as_another_user(server: EmbeddedPostgres) -> None:
    server.start()
    assert server.place == server.folder
    assert psutil.Process(pid_of(server)).uids().real != 0


@as_root
def test_root_gives_the_server_a_place_when_its_own_folder_is_out_of_reach(short_path: Path) -> None:
    import shutil

    short_path.chmod(0o700)
    server = EmbeddedPostgres(short_path / "home" / "postgres")
    try:
        remember(server.start())
        assert server.place != server.folder
        assert server.stop()
        again = EmbeddedPostgres(server.folder)
        assert remembers(again.start())
    finally:
        server.stop()
        shutil.rmtree(server.place)
    with pytest.raises(Permanent, match="is gone"):
        server.start()
