"""What Prometheus is given: figures of the tables, for whoever may ask, and rules that fire when they should."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from fntx_dagster.api.serving import served
from fntx_dagster.cli.exporter import exporter
from fntx_dagster.errors import Permanent
from fntx_dagster.services.monitoring import Scraped, figures
from fntx_dagster.settings import Settings
from fntx_dagster.store.backups import note_backup
from fntx_dagster.store.database import Database
from fntx_dagster.web.scraped import scraped_app
from tests.processes import run
from tests.tools import needs_promtool

RULES = Path(__file__).parents[1] / "deploy" / "monitoring"
TOKEN = "a token of sixteen"
LINE = re.compile(r"(?m)^(fntx_\w+)(\{[^}]*\})? (\S+)$")


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    return Settings.model_validate(
        {
            "home": tmp_path,
            "database": {"url": database.url},
            # Dagster's storage is away, and the other figures are there all the same
            "dagster": {"database_url": "postgresql://nobody@127.0.0.1:1/none"},
        }
    )


@pytest.fixture
def asked(settings: Settings, database: Database) -> Iterator[str]:
    with served(scraped_app(Scraped(settings, database), None)) as url:
        yield url


def values(text: str) -> dict[str, float]:
    return {f"{name}{labels or ''}": float(value) for name, labels, value in LINE.findall(text)}


def test_the_figures_of_the_tables_are_given_and_none_names_an_account(asked: str, database: Database) -> None:
    with database.connect() as connection:
        connection.execute(
            """insert into alm_reporting.alerts (kind, source, subject, text)
            values ('funds', 'a check', 'U…0001', 'text of an alert'), ('funds', 'a check', 'U…0002', 'another')"""
        )
        connection.execute(
            """insert into raw_flex.fetches (login, query, first_day, last_day, asked_at, outcome, code)
            values ('login', 'query', '2025-07-01', '2025-07-18', now(), 'failed', 1018),
                ('login', 'query', '2025-07-01', '2025-07-18', now(), 'fetched', null)"""
        )
        connection.execute(
            """insert into fntx.run_heartbeats (run_id, host, process, launcher, seen_at)
            values ('a run', 'a host', 1, 'a launcher', now() - interval '6 minutes'),
                ('b run', 'a host', 1, 'a launcher', now())"""
        )
    note_backup(database, "20260101T000000Z", 10)
    answer = requests.get(f"{asked}/metrics", timeout=60)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = values(answer.text)
    assert found["fntx_up"] == 1
    assert found['fntx_alerts_open{kind="funds"}'] == 2
    assert found['fntx_fetch_outcome_total{code="1018"}'] == found['fntx_fetch_outcome_total{code="fetched"}'] == 1
    assert found["fntx_runs_silent"] == 1
    assert 0 <= found["fntx_backup_age_seconds"] < 600
    assert found['fntx_queue_records{state="failed"}'] == 0
    for secret in ("U…000", "login", "a host", "text of an alert"):
        assert secret not in answer.text


def test_where_the_database_is_away_the_answer_says_so(tmp_path: Path) -> None:
    away = Database("postgresql://u:hunter2@127.0.0.1:1/db")
    text = Scraped(Settings(home=tmp_path), away).text().decode()
    assert values(text) == {"fntx_up": 0}


def test_a_page_of_a_stranger_and_another_host_read_nothing(asked: str) -> None:
    for host in ("evil.example", "192.0.2.1", "127.0.0.1.evil.example", ""):
        assert requests.get(f"{asked}/metrics", headers={"Host": host}, timeout=60).status_code in (400, 403)
    assert requests.get(f"{asked}/healthz", timeout=60).text == "alive\n"
    assert requests.get(f"{asked}/", timeout=60).status_code == 404
    assert requests.post(f"{asked}/metrics", timeout=60).status_code == 405


def test_with_a_token_only_who_brings_it_reads(settings: Settings, database: Database) -> None:
    with served(scraped_app(Scraped(settings, database), TOKEN)) as url:
        for given in (None, "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer é"):
            headers = {"Authorization": given.encode()} if given else {}
            assert requests.get(f"{url}/metrics", headers=headers, timeout=60).status_code == 401
        good = {"Authorization": f"Bearer {TOKEN}", "Host": "fntx.internal"}
        assert requests.get(f"{url}/metrics", headers=good, timeout=60).status_code == 200


def test_another_address_than_loopback_needs_a_token(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = settings.database.url
    assert url
    monkeypatch.setenv("FNTX_HOME", str(tmp_path))
    monkeypatch.setenv("FNTX_DATABASE_URL", url.get_secret_value())
    with pytest.raises(Permanent, match="anybody could read the figures there"):
        exporter(port=0, host="0.0.0.0")


def test_it_prints_the_figures_once(settings: Settings, tmp_path: Path) -> None:
    url = settings.database.url
    assert url
    done = run(tmp_path, "exporter", "--once", FNTX_DATABASE_URL=url.get_secret_value())
    assert done.returncode == 0, done.stderr
    assert values(done.stdout)["fntx_up"] == 1


def test_rules_and_dashboard_use_figures_that_there_are(settings: Settings, database: Database) -> None:
    known = {figure.name for figure in figures(settings, database, datetime.now(UTC))} | {
        "fntx_up",
        "fntx_backup_age_seconds",
        "fntx_runs",
        "fntx_run_seconds",
        "fntx_daemon_heartbeat_age_seconds",
    }
    counters = {f"{name}_total" for name in known}
    dashboard = json.loads((RULES / "dashboard.json").read_text("utf-8"))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    text = (RULES / "rules.yml").read_text("utf-8") + " ".join(asked)
    assert {*re.findall(r"fntx_\w+", text)} <= known | counters
    assert len(asked) >= 8


@needs_promtool
def test_the_text_is_as_prometheus_reads_it(asked: str) -> None:
    text = requests.get(f"{asked}/metrics", timeout=60).text
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


@needs_promtool
def test_each_rule_fires_when_it_should_and_not_before() -> None:
    for command in (["check", "config", "prometheus.yml"], ["test", "rules", "rules_test.yml"]):
        done = subprocess.run(["promtool", *command], cwd=RULES, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    rules = {*re.findall(r"- alert: (\w+)", (RULES / "rules.yml").read_text("utf-8"))}
    tested = {*re.findall(r"alertname: (\w+)", (RULES / "rules_test.yml").read_text("utf-8"))}
    assert rules == tested
