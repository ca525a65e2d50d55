"""Whether a process that has a role on a server works: what container engines and people ask every few seconds.

An answer takes less than a second, and nothing of Dagster or dbt is imported for it.
"""

from __future__ import annotations

import http.client
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from fntx_dagster.errors import FntxError, masked
from fntx_dagster.settings import Settings

DAEMON_SILENT_SECONDS = 300
"""Dagster's daemon says every 30 seconds that it works; a part of it that is busy says so later."""
_ANSWER_SECONDS = 0.8
PORTS = {"serve": 8765, "webserver": 3000}
"""Where the two that are asked over HTTP listen, unless they were told otherwise."""


class Role(StrEnum):
    """What a process does on a server, called as the command that does it."""

    SERVE = "serve"
    WEBSERVER = "webserver"
    DAEMON = "daemon"
    WORKER = "worker"
    FOLLOW = "follow"


class RoleHealth(NamedTuple):
    """Whether a role's process works, and what was seen."""

    role: str
    healthy: bool
    said: str


def role_health(settings: Settings, role: Role, port: int | None = None, account: str | None = None) -> RoleHealth:
    """Ask once; nothing is raised. `port`: where the servers of HTTP listen on this machine, unless where they usually
    do; `account`: of those who follow, that account's alone."""
    from fntx_dagster.store.probing import both_answer, daemon_beats, writer_beats  # psycopg: a role's name needs none

    try:
        match role:
            case Role.SERVE | Role.WEBSERVER:
                path = "/readyz" if role is Role.SERVE else "/healthz"
                healthy, said = _asked(port or PORTS[role], path)
            case Role.DAEMON:
                healthy, said = _daemon(daemon_beats(settings))
            case Role.WORKER:
                both_answer(settings)
                healthy, said = True, "the database and Dagster's storage answer"
            case Role.FOLLOW:
                accounts = [account] if account else sorted(settings.gateway.addresses)
                healthy, said = _followers(writer_beats(settings), accounts)
    except FntxError as error:
        healthy, said = False, str(error)
    return RoleHealth(role.value, healthy, said)


def role_of_container() -> Role | None:
    """The role of the first process of this container, as its command line names it; None where it has none."""
    try:
        words = Path("/proc/1/cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
    except OSError:
        return None
    return next((Role(word) for word in words if word in {*Role}), None)


def _asked(port: int, path: str) -> tuple[bool, str]:
    """What a server of this machine answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        said = answer.read(200).decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException) as error:
        return False, f"port {port} does not answer ({type(error).__name__})"
    finally:
        connection.close()
    return answer.status == 200, f"{answer.status} {said}"


def _daemon(beats: dict[str, float]) -> tuple[bool, str]:
    if not beats:
        return False, "the daemon has never said that it works"
    age = min(beats.values())
    return age <= DAEMON_SILENT_SECONDS, f"the daemon said {age:.0f} s ago that it works"


def _followers(beats: dict[str, float], accounts: list[str]) -> tuple[bool, str]:
    from fntx_dagster.services.live.holding import UNATTENDED_SECONDS
    from fntx_dagster.services.live.relay import RELAY

    tasks = {f"follow {account}": f"{masked(account)} is" for account in accounts} or {RELAY: "the ledger is"}
    idle = [said for task, said in tasks.items() if beats.get(task, UNATTENDED_SECONDS + 1) > UNATTENDED_SECONDS]
    if idle:
        return False, ", ".join(f"{said} followed by nobody" for said in idle)
    return True, ", ".join(f"{said} followed" for said in tasks.values())
