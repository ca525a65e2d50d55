"""What a probe of each role says, and that it imports nothing that would make it slow."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from fntx_dagster.services.healthy import DAEMON_SILENT_SECONDS, Role, role_health
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.live.states import beat
from tests.processes import environment

ACCOUNT, OTHER = "U1000001", "U1000002"
GATEWAYS = {ACCOUNT: "127.0.0.1:4001", OTHER: "127.0.0.1:4002"}
HEAVY = ("dagster", "dbt", "sqlalchemy", "alembic", "web3", "numpy", "pandas", "rich", "QuantLib", "lxml", "uvicorn")
ASK = """
import sys
from fntx_dagster.cli import main
sys.argv = ["fntx", "healthy", "{role}"]
try:
    main()
finally:
    print(*sorted({{name.partition(".")[0] for name in sys.modules}}))
"""


def settings_of(db: Database, home: Path) -> Settings:
    return Settings(
        home=home,
        database={"url": db.url},
        dagster={"database_url": db.url},
        gateway={"addresses": GATEWAYS},
    )


@contextmanager
def answering(status: int, path: str) -> Iterator[int]:
    """A server on loopback that answers one path with a status, and nothing else; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == path else 404)
            self.end_headers()
            self.wfile.write(b"said\n")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("role", ["worker", "daemon", "follow", "serve"])
def test_a_probe_imports_neither_dagster_nor_dbt_nor_anything_heavy(
    role: str, database: Database, tmp_path: Path
) -> None:
    variables = environment(tmp_path, FNTX_DATABASE_URL=database.url, FNTX_DAGSTER_DATABASE_URL=database.url)
    done = subprocess.run([sys.executable, "-c", ASK.format(role=role)], env=variables, capture_output=True, text=True)
    said = done.stdout.splitlines()
    assert done.returncode == (0 if role == "worker" else 1), done.stderr
    assert {*said[-1].split()} & {*HEAVY} == set()


@pytest.mark.parametrize(
    ("role", "path", "status", "healthy"),
    [
        (Role.SERVE, "/readyz", 200, True),
        (Role.SERVE, "/readyz", 503, False),
        (Role.SERVE, "/healthz", 200, False),
        (Role.WEBSERVER, "/healthz", 200, True),
    ],
)
def test_servers_of_http_are_asked_whether_they_are_ready(
    role: Role, path: str, status: int, healthy: bool, tmp_path: Path
) -> None:
    with answering(status, path) as port:
        health = role_health(Settings(home=tmp_path), role, port)
    assert health.healthy is healthy
    assert health.said.startswith(f"{status if path != '/healthz' or role is Role.WEBSERVER else 404} ")


def test_a_server_that_does_not_listen_is_not_healthy(tmp_path: Path) -> None:
    with answering(200, "/readyz") as port:
        pass
    health = role_health(Settings(home=tmp_path), Role.SERVE, port)
    assert (health.healthy, health.said) == (False, f"port {port} does not answer (ConnectionRefusedError)")


def test_the_daemon_is_healthy_for_five_minutes_after_it_said_so(database: Database, tmp_path: Path) -> None:
    settings = settings_of(database, tmp_path)
    assert role_health(settings, Role.DAEMON).said == "the daemon has never said that it works"
    with database.connect() as connection:
        connection.execute("create table daemon_heartbeats (daemon_type text, timestamp timestamp)")
    for age, healthy in ((DAEMON_SILENT_SECONDS - 20, True), (DAEMON_SILENT_SECONDS + 20, False)):
        with database.connect() as connection:
            connection.execute("delete from daemon_heartbeats")
            connection.execute(
                "insert into daemon_heartbeats values ('SENSOR', now() at time zone 'utc' - %s * interval '1 second')",
                (age,),
            )
        assert role_health(settings, Role.DAEMON).healthy is healthy


def test_a_follower_is_asked_for_each_account_and_accounts_are_masked(database: Database, tmp_path: Path) -> None:
    settings = settings_of(database, tmp_path)
    beat(database, f"follow {ACCOUNT}", "process 1")
    both, one = role_health(settings, Role.FOLLOW), role_health(settings, Role.FOLLOW, account=ACCOUNT)
    assert (both.healthy, both.said) == (False, "U…0002 is followed by nobody")
    assert (one.healthy, one.said) == (True, "U…0001 is followed")
    with database.connect() as connection:
        connection.execute("update live.heartbeats set beat_at = now() - interval '16 seconds'")
    assert not role_health(settings, Role.FOLLOW, account=ACCOUNT).healthy


def test_a_worker_needs_both_databases(database: Database, tmp_path: Path) -> None:
    settings = settings_of(database, tmp_path)
    assert role_health(settings, Role.WORKER).healthy
    away = settings.model_copy(update={"dagster": settings.dagster.model_copy(update={"database_url": None})})
    health = role_health(away, Role.WORKER)
    assert not health.healthy
    assert "cannot connect to the database" in health.said


def test_no_embedded_database_is_started_by_a_probe(tmp_path: Path) -> None:
    health = role_health(Settings(home=tmp_path), Role.WORKER)
    assert (health.healthy, [*tmp_path.iterdir()]) == (False, [])
    assert "the embedded database does not run" in health.said
