"""deploy/compose.yaml: of the Compose Specification, and of commands and settings that there are."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from tests.deploy.named import DEPLOY, require_command, strange_variables, variables_in_the_open

FILE = DEPLOY / "compose.yaml"
OTHERS = {"postgres", "broker", "secrets", "prometheus"}
"""Services that are no role of `fntx`."""


def interpolated() -> str:
    """The file as Compose reads it where no variable is set, with what it repeats written out."""
    text = re.sub(r"\$\{\w+(?::?-([^}]*))?\}", lambda named: named[1] or "", FILE.read_text(encoding="utf-8"))
    return yaml.safe_dump(yaml.safe_load(text.replace("$$", "$")))


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    return yaml.safe_load(interpolated())["services"]


def test_it_is_of_the_specification_which_takes_no_misspelt_key() -> None:
    PyCompose.from_yaml(interpolated())
    with pytest.raises(ValueError, match="stop_grace"):
        PyCompose.from_yaml(interpolated().replace("stop_grace_period", "stop_grace_perjod"))


def test_every_command_and_every_probe_is_one_of_the_program(services: dict[str, dict[str, Any]]) -> None:
    roles = {name: service for name, service in services.items() if name not in OTHERS}
    for service in roles.values():
        require_command(service["command"])
        probe = service["healthcheck"]
        if not probe.get("disable"):
            assert probe["test"][:2] == ["CMD", "fntx"]
            require_command(probe["test"][2:])
    with pytest.raises(Exception, match="No such option"):
        require_command(["serve", "--no-such-option"])


def test_every_variable_is_a_setting_and_none_holds_a_secret_itself(services: dict[str, dict[str, Any]]) -> None:
    given = {name: value for service in services.values() for name, value in service.get("environment", {}).items()}
    assert strange_variables(given) == set()
    assert variables_in_the_open(name for name, value in given.items() if value) == set()
    assert strange_variables(["FNTX_DATABASE_URI_FILE"]) == {"FNTX_DATABASE_URI_FILE"}


def test_every_role_is_bounded_and_can_write_to_its_home_alone(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        if name == "secrets":
            continue
        assert "mem_limit" in service, name
        if name != "postgres":
            assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name


def test_secrets_are_made_once_and_are_the_same_wherever_they_are_named(
    services: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    [script] = services["secrets"]["command"]
    assert services["secrets"]["entrypoint"] == ["sh", "-euc"]

    def made() -> dict[str, str]:
        subprocess.run(["sh", "-euc", script.replace("/run/fntx", str(tmp_path))], check=True)
        return {file.name: file.read_text().strip() for file in tmp_path.iterdir()}

    first = made()
    assert made() == first
    assert first["database_url"] == f"postgresql://fntx:{first['database_password']}@postgres:5432/fntx"
    assert first["broker_url"] == f"redis://:{first['broker_password']}@broker:6379/0"
    assert first["broker.conf"].splitlines()[0] == f"requirepass {first['broker_password']}"
    assert len({first[name] for name in ("database_password", "broker_password", "ui_token")}) == 3
    assert min(len(value) for value in first.values()) >= 48
    named = {
        str(value).removeprefix("/run/fntx/")
        for service in services.values()
        for name, value in service.get("environment", {}).items()
        if name.endswith("_FILE")
    }
    assert named <= first.keys()


def test_ports_are_published_on_loopback_alone(services: dict[str, dict[str, Any]]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert sorted(published) == ["127.0.0.1:3000:3000", "127.0.0.1:8765:8765", "127.0.0.1:9090:9090"]


def test_everything_waits_for_the_migration_and_that_for_the_database(services: dict[str, dict[str, Any]]) -> None:
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in ("serve", "webserver", "daemon", "follow", "worker", "chain", "exporter"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}, name
    assert services["postgres"]["volumes"][0] == "database:/var/lib/postgresql"
