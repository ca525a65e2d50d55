"""The lines that the terminal of `fntx ui` shows: one for each thing that happened, none for a look without news."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import pytest

from fntx_dagster.defs.happenings import Happenings
from fntx_dagster.model.finding import Finding
from fntx_dagster.store.alerts import dismiss, observe, open_alerts
from fntx_dagster.store.database import Database

from .around import remember_run


@dg.op
def fails() -> None:
    raise ValueError("account U1000001\nhas no \x1b[31mprice")


@dg.job
def failing() -> None:
    fails()


@dg.op
def works() -> None:
    pass


@dg.job
def working() -> None:
    works()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def test_what_there_was_before_is_no_news(instance: dg.DagsterInstance, database: Database) -> None:
    working.execute_in_process(instance=instance)
    observe(database, "funds", "funds", [Finding("ether", "no ether")])
    assert list(Happenings(instance, database).new()) == []


def test_a_run_that_a_tick_requested_begins_and_ends_with_a_line_each(
    instance: dg.DagsterInstance, database: Database
) -> None:
    happenings = Happenings(instance, database)
    remember_run(instance, "working", dg.DagsterRunStatus.NOT_STARTED)
    [run] = instance.get_runs()
    instance.add_run_tags(run.run_id, {"dagster/sensor_name": "chain_queue"})
    name = f"working, run {run.run_id[:8]}"
    assert list(happenings.new()) == [f"chain_queue requested {name}"]
    assert list(happenings.new()) == []
    instance.handle_run_event(run.run_id, dg.DagsterEvent("PIPELINE_START", "working"), None)
    assert list(happenings.new()) == [f"{name}: started"]
    instance.handle_run_event(run.run_id, dg.DagsterEvent("PIPELINE_SUCCESS", "working"), None)
    [line] = happenings.new()
    assert re.fullmatch(rf"{name}: succeeded after \d+ s", line)
    assert list(happenings.new()) == []


def test_a_failed_run_says_why_on_one_line_with_its_account_masked(
    instance: dg.DagsterInstance, database: Database
) -> None:
    happenings = Happenings(instance, database)
    failing.execute_in_process(instance=instance, raise_on_error=False)
    [line] = happenings.new()
    assert line.startswith("failing, run ")
    assert re.search(r"failed after \d+ s: fails: ValueError: account U…0001 has no", line)
    assert "\n" not in line


def test_an_alert_has_a_line_when_it_is_raised_and_when_it_is_over(
    instance: dg.DagsterInstance, database: Database
) -> None:
    happenings = Happenings(instance, database)
    observe(database, "funds", "funds", [Finding("ether", "no ether for U1000001")])
    assert list(happenings.new()) == ["alert: no ether for U…0001"]
    observe(database, "funds", "funds", [])
    assert list(happenings.new()) == ["alert over: no ether for U…0001"]
    assert list(happenings.new()) == []


def test_an_alert_that_somebody_dismisses_is_not_called_over(instance: dg.DagsterInstance, database: Database) -> None:
    observe(database, "funds", "funds", [Finding("ether", "no ether")])
    happenings = Happenings(instance, database)
    dismiss(database, [alert.alert_id for alert in open_alerts(database)])
    assert list(happenings.new()) == ["alert dismissed: no ether"]
    observe(database, "funds", "funds", [])
    assert list(happenings.new()) == []


def test_a_run_that_ended_long_ago_is_forgotten_and_no_news_when_it_is_tagged(
    instance: dg.DagsterInstance, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    happenings = Happenings(instance, database)
    working.execute_in_process(instance=instance)
    assert len(list(happenings.new())) == 1
    monkeypatch.setattr("fntx_dagster.defs.happenings._OVERLAP", timedelta(0))
    list(happenings.new())
    assert happenings._runs == {}
    time.sleep(0.01)
    [run] = instance.get_runs()
    instance.add_run_tags(run.run_id, {"seen": "yes"})
    assert list(happenings.new()) == []
