"""How `fntx ui` ends, what a run under it survives, and its token: each test has a UI on a home of its own."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import psycopg
import pytest

from fntx_dagster.settings import Settings
from fntx_dagster.store.server import EmbeddedPostgres, database_url
from tests import homes
from tests.served_ui import DELIVER, RELOAD, RUNS, Ui, code_servers, free_port, wait_for


def test_while_the_database_makes_it_wait_its_code_server_lives_and_a_run_is_canceled_after_a_reload(
    used_home: Path,
) -> None:
    """A lock on the alerts holds up the run that delivers them, and the look at what has happened."""
    with homes.home(used_home) as home:
        ui = Ui(home, free_port(), FNTX_ALERT_URLS='["json://127.0.0.1:9"]')
        url = database_url(EmbeddedPostgres(Settings(home=home).paths.postgres).start(), "fntx")
        with psycopg.connect(url) as connection:
            connection.execute("lock table alm_reporting.alerts in access exclusive mode")
            deliver = DELIVER.replace("{__typename", "{__typename ... on LaunchRunSuccess {run {runId}}", 1)
            number = ui.ask(deliver)[1]["data"]["launchRun"]["run"]["runId"]
            wait_for(lambda: status(ui, number) == "STARTED", 120)
            servers = code_servers(ui)
            time.sleep(25)  # longer than it waits for a heartbeat
            assert code_servers(ui) == servers
            assert ui.ask(RELOAD)[1]["data"]["reloadRepositoryLocation"]["__typename"] == "WorkspaceLocationEntry"
            assert len(code_servers(ui)) == 2
            assert status(ui, number) == "STARTED"
            cancel = f'mutation {{terminateRun(runId: "{number}") {{__typename ... on PythonError {{message}}}}}}'
            assert ui.ask(cancel)[1]["data"]["terminateRun"] == {"__typename": "TerminateRunSuccess"}
            wait_for(lambda: status(ui, number) == "CANCELED", 90)
            assert ui.end() == 0


def status(ui: Ui, number: str) -> str:
    return next(run["status"] for run in ui.runs() if run["runId"] == number)


@pytest.mark.parametrize(
    ("how", "in_background"), [(signal.SIGINT, False), (signal.SIGTERM, True)], ids=["Ctrl-C", "from a script"]
)
def test_it_ends_with_all_that_it_started(used_home: Path, how: signal.Signals, in_background: bool) -> None:
    with homes.home(used_home) as home:
        served = Ui(home, free_port(), in_background=in_background)
        children = served.children()
        assert children
        assert served.end(how) == 0
        assert not [child for child in children if child.is_running()]
        assert "The UI and its daemon have ended" in served.shown


def test_when_it_is_killed_nothing_of_it_stays(used_home: Path) -> None:
    with homes.home(used_home) as home:
        served = Ui(home, free_port())
        children = served.children()
        served.process.kill()
        served.process.wait()
        wait_for(lambda: not [child for child in children if child.is_running()], 300)
        again = Ui(home, served.port)  # neither lock outlives the process
        assert again.end() == 0


def test_with_a_token_it_asks_for_it(used_home: Path) -> None:
    with homes.home(used_home) as home:
        served = Ui(home, free_port(), FNTX_UI_TOKEN="correct horse battery")
        try:
            assert served.ask(RUNS)[0] == 401
            assert served.ask(RUNS, Authorization="Bearer correct horse battery")[0] == 200
            assert "FNTX_UI_TOKEN" in served.send("GET", "/")[1]
            form = {"Origin": served.origin, "Content-Type": "application/x-www-form-urlencoded"}
            assert served.send("POST", "/fntx/login", "token=correct+horse+battery", **form)[0] == 200
            assert served.send("POST", "/fntx/login", "token=wrong", **form)[0] == 401
            assert "correct horse" not in served.shown + (home / "logs" / "ui.log").read_text()
        finally:
            served.end()
