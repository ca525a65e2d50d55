"""The process's environment, which no other room touches: what it says of settings, and what children are given."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from fntx_dagster.settings.names import PREFIX, twins


def settings_variables() -> dict[str, str]:
    """The variables that begin with FNTX_ and are not empty, their names in upper case."""
    return {name.upper(): value for name, value in os.environ.items() if name.upper().startswith(PREFIX) and value}


def logs_are_json() -> bool:
    """Whether this process is to log JSON lines: asked before anything else is read."""
    return settings_variables().get("FNTX_LOG", "").strip().lower() == "json"


def child_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment for a child process (dbt, a measurement): this one with `extra` on top."""
    twins = _twins(extra)
    return {**{name: value for name, value in os.environ.items() if name.upper() not in twins}, **extra}


def export(variables: Mapping[str, str]) -> None:
    """Put variables into this process's environment, for libraries that read only that (Dagster's `env:` fields)."""
    twins = _twins(variables)
    for name in [name for name in os.environ if name.upper() in twins]:
        del os.environ[name]
    os.environ.update(variables)


def service_socket() -> str | None:
    """The socket at which systemd wants to hear that this service is ready; None where nobody does."""
    return os.environ.get("NOTIFY_SOCKET")


def executable(name: str) -> str:
    """A program of this Python environment, whatever PATH says."""
    return str(Path(sys.executable).with_name(name))


def _twins(variables: Mapping[str, str]) -> set[str]:
    """The other names of the settings that `variables` set: with both names set, a setting would contradict itself."""
    return {other for name in variables for other in twins(name)}
