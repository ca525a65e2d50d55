"""How `fntx ui` ends, what a run under it survives, and its token."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from fntx_dagster.settings import Settings
from fntx_dagster.store.server import EmbeddedPostgres, database_url
from tests import homes
from tests.served_ui import DELIVER, RELOAD, RUNS, Ui, code_servers, free_port, wait_for

TOKEN = "correct horse battery"


@pytest.fixture(scope="module")
def ui(used_home: Path) -> Iterator[Ui]:
    """One that asks for a token, for the tests that leave it running, and for the one behind them that ends it."""
    with homes.home(used_home) as home:
        served = Ui(home, free_port(), token=TOKEN, FNTX_ALERT_URLS='["json://127.0.0.1:9"]')
        yield served
        if served.process.poll() is None:
            served.end()


def test_with_a_token_it_asks_for_it(ui: Ui) -> None:
    assert ui.ask(RUNS, Authorization="")[0] == 401
    assert ui.ask(RUNS, Authorization=f"Bearer {TOKEN}")[0] == 200
    assert "FNTX_UI_TOKEN" in ui.send("GET", "/")[1]
    form = {"Origin": ui.origin, "Content-Type": "application/x-www-form-urlencoded"}
    assert ui.send("POST", "/fntx/login", "token=correct+horse+battery", **form)[0] == 200
    assert ui.send("POST", "/fntx/login", "token=wrong", **form)[0] == 401
    assert "correct horse" not in ui.shown + (ui.home / "logs" / "ui.log").read_text()


def test_while_the_database_makes_it_wait_its_code_server_lives_and_a_run_is_canceled_after_a_reload(ui: Ui) -> None:
    """A lock on the alerts holds up the run that delivers them, and the look at what has happened."""
    url = database_url(EmbeddedPostgres(Settings(home=ui.home).paths.postgres).start(), "fntx")
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


def status(ui: Ui, number: str) -> str:
    return next(run["status"] for run in ui.runs() if run["runId"] == number)


def test_ctrl_c_ends_it_with_all_that_it_started(ui: Ui) -> None:
    ends_with_all_that_it_started(ui, signal.SIGINT)


def test_when_it_is_killed_nothing_of_it_stays_and_the_next_one_is_ended_by_the_script_that_started_it(
    used_home: Path,
) -> None:
    with homes.home(used_home) as home:
        served = Ui(home, free_port())
        children = served.children()
        served.process.kill()
        served.process.wait()
        wait_for(lambda: not [child for child in children if child.is_running()], 300)
        again = Ui(home, served.port, in_background=True)  # neither lock outlives the process
        ends_with_all_that_it_started(again, signal.SIGTERM)


def ends_with_all_that_it_started(ui: Ui, how: signal.Signals) -> None:
    children = ui.children()
    assert children
    assert ui.end(how) == 0
    assert not [child for child in children if child.is_running()]
    assert "The UI and its daemon have ended" in ui.shown
