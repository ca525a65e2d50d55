"""All checks, side by side: none waits for another, none ends another, and none takes longer than it may."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from fntx_dagster.errors import FntxError, without_accounts
from fntx_dagster.services.doctor import alerts, broker, chain, clock, database, home, machine, program
from fntx_dagster.services.doctor.checks import Check, CheckResult, Circumstances, Health, right, unused, wrong
from fntx_dagster.settings import Settings, home_folder, load_settings
from fntx_dagster.store.database import Database

SECONDS = 40.0
"""What a check may take. A node that hangs is given up after 30 seconds."""

_CHECKS: dict[str, Check] = {
    "settings": program.settings_fit,
    "home": home.is_private,
    "disk": home.has_space,
    "dagster's storage": database.dagster_answers,
    "backup": database.is_backed_up,
    "broker": machine.broker_answers,
    "clock": clock.is_right,
    "token": broker.tokens_are_valid,
    "queries": broker.queries_answered,
    "statements": broker.statements_hold_what_is_read,
    "chain": chain.answers,
    "keys and funds": chain.traders_can_pay,
    "port": machine.port_is_free,
    "daemon": machine.daemon_runs,
    "ib gateway": machine.gateways_listen,
    "alerts": alerts.destinations_are_understood,
}
"""The checks that need settings, in the order in which they are shown."""


class Examined(NamedTuple):
    """One finding: `check` is the name of its check."""

    check: str
    health: Health
    text: str
    way_out: str

    def as_dict(self) -> dict[str, Any]:
        """The same in plain values, for programs."""
        return self._asdict() | {"health": self.health.value}


def examine(port: int, given: Settings | None = None) -> list[Examined]:
    """Check everything that can be checked, in at most a minute and a half; nothing is raised.

    `port`: where the UI would listen. `given`: the settings, where they were read already. The embedded server is
    started, as by every command; nothing is fetched, built, signed or sent.
    """
    found = _run("program", lambda: [*program.is_supported()])
    try:
        open_before = home.closed_secrets(given.paths.home if given else home_folder())
        settings = given or load_settings()
    except FntxError as error:
        found += [_examined("settings", wrong(error.message, error.way_out))]
        return found + [_examined(name, unused("not checked: the settings come first")) for name in _rest()]
    opened: list[Database] = []
    outcome = _run("database", lambda: [*database.opens(settings, opened.append)])
    circumstances = Circumstances(settings, opened[0] if opened else None, port)
    threads = {name: _Running(name, check, circumstances) for name, check in _CHECKS.items()}
    by_name = {name: thread.outcome() for name, thread in threads.items()} | {"database": outcome}
    return (
        found
        + [_examined("home", finding) for finding in home.were_closed(open_before)]
        + [finding for name in ("settings", "home", "disk", "database") for finding in by_name.pop(name)]
        + [finding for outcome in by_name.values() for finding in outcome]
    )


def _rest() -> list[str]:
    return ["database", *(name for name in _CHECKS if name != "settings")]


def _run(name: str, check: Callable[[], list[CheckResult]]) -> list[Examined]:
    return _Running(name, lambda _: iter(check()), None).outcome()


class _Running:
    """A check in a thread of its own, which the process does not wait for."""

    def __init__(self, name: str, check: Callable[[Any], Any], circumstances: Circumstances | None) -> None:
        self._name, self._check, self._circumstances = name, check, circumstances
        self._found: list[CheckResult] = []
        self._thread = threading.Thread(target=self._work, name=f"doctor {name}", daemon=True)
        self._thread.start()

    def outcome(self) -> list[Examined]:
        """What it found, once it has ended or its time is over."""
        self._thread.join(SECONDS)
        found = list(self._found)
        if self._thread.is_alive():
            found.append(wrong(f"no answer within {SECONDS:.0f} seconds", "Look at the server that this check asks"))
        return [_examined(self._name, finding) for finding in found or [right("nothing to complain about")]]

    def _work(self) -> None:
        try:
            for finding in self._check(self._circumstances):
                self._found.append(finding)
        except FntxError as error:
            self._found.append(wrong(error.message, error.way_out))
        except OSError as error:
            named = f": {error.filename}" if error.filename else ""
            self._found.append(wrong(f"{error.strerror or type(error).__name__}{named}", "Check path and permissions"))
        except Exception as error:  # its text may hold a secret
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(last.filename).name}:{last.lineno}"
            self._found.append(
                wrong(f"the check itself failed ({type(error).__name__} at {place})", "Report this, please")
            )


def _examined(name: str, finding: CheckResult) -> Examined:
    return Examined(name, finding.health, without_accounts(finding.text), without_accounts(finding.way_out))
