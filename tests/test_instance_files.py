"""The instance files of deploy/dagster/: Dagster loads each, and they differ in how runs are launched alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.instance.ref import InstanceRef

from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.worker import FOLDER
from tests.tools import ROOT

FILES = sorted((ROOT / "deploy" / "dagster").glob("*.yaml"))
LAUNCHERS = {
    "celery": "CeleryRunLauncher",
    "default": "RunLauncher",
    "docker": "DockerRunLauncher",
    "k8s": "K8sRunLauncher",
}
VARIABLES = {
    "FNTX_BROKER_URL": "redis://127.0.0.1:1/0",
    "FNTX_RESULT_URL": "redis://127.0.0.1:1/1",
    "FNTX_QUEUE": "dagster",
    "DAGSTER_RUN_IMAGE": "fntx:1.0",
    "DAGSTER_RUN_NETWORK": "fntx_default",
    "DAGSTER_RUN_SERVICE_ACCOUNT": "fntx",
    "DAGSTER_RUN_NAMESPACE": "fntx",
    "DAGSTER_RUN_CONFIG_MAP": "fntx-instance",
}


def content(file: Path) -> dict[str, Any]:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def test_there_is_a_file_for_each_launcher() -> None:
    assert [file.stem for file in FILES] == [*LAUNCHERS]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_dagster_loads_it(file: Path, tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every part but the storage's tables, which the whole run of tests/test_servers.py makes."""
    from fntx_dagster.services import environment

    settings = Settings.model_validate(
        {"home": tmp_path / "home", "database": {"url": database.url}, "dagster": {"database_url": database.url}}
    )
    monkeypatch.setattr("fntx_dagster.defs.internals.load_settings", lambda: settings)
    monkeypatch.setattr("dagster_k8s.launcher.load_kubernetes_config", lambda **_: None)  # outside of any cluster
    for name, value in (VARIABLES | environment.dagster_environment(settings)).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "dagster.yaml").write_bytes(file.read_bytes())
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(tmp_path))) as instance:
        assert type(instance.run_launcher).__name__ == LAUNCHERS[file.stem]
        assert type(instance.compute_log_manager).__name__ == "NoOpComputeLogManager"
        assert instance.run_retries_enabled
        assert instance.run_retries_max_retries == 1
        assert instance.run_monitoring_max_resume_run_attempts == 0
        queue = instance.get_concurrency_config().run_queue_config
        assert queue
        assert [dict(limit) for limit in queue.tag_concurrency_limits] == [
            {"key": "fntx/shard", "value": {"applyLimitPerUniqueValue": True}, "limit": 1}
        ]


def test_they_differ_in_the_launcher_alone() -> None:
    first, *others = [{name: part for name, part in content(file).items() if name != "run_launcher"} for file in FILES]
    assert others == [first] * 3


def test_what_the_file_of_one_machine_says_of_retries_and_retention_holds_on_servers_too() -> None:
    alone, servers = content(ROOT / "dagster.yaml"), content(FILES[0])
    for name in ("run_retries", "retention", "telemetry", "nux", "freshness"):
        assert servers[name] == alone[name]
    assert servers["run_monitoring"].items() >= alone["run_monitoring"].items()


def test_a_worker_is_configured_from_the_settings(tmp_path: Path) -> None:
    code = "import dagster_celery_config as c; print(c.broker_url, c.result_backend, c.broker_transport_options)"
    names = {"FNTX_HOME": str(tmp_path), "FNTX_BROKER_URL": "redis://127.0.0.1:1/0"}
    path = os.pathsep.join(filter(None, (str(FOLDER), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | names | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split(maxsplit=2) == [
        "redis://127.0.0.1:1/0",
        "redis://127.0.0.1:1/0",
        "{'visibility_timeout': 43201}\n",
    ]
    longest = {content(file)["run_monitoring"]["max_runtime_seconds"] for file in FILES}
    assert longest == {43_200}, "a run is not given to another worker while it may still work"
