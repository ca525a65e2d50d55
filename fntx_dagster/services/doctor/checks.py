"""A check and what it found: the values that the modules of this folder return."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from enum import Enum
from typing import NamedTuple

from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database


class Health(Enum):
    """What a check says of its subject."""

    RIGHT = "right"
    ADVICE = "advice"
    """It works; something could be better."""
    WRONG = "wrong"
    """A person has to change something, or a server does not answer."""
    UNUSED = "unused"
    """The settings do not use it, or it cannot be checked before something else is right."""


class CheckResult(NamedTuple):
    """The outcome of a check; `way_out` says what to do, and is empty where nothing is to be done."""

    health: Health
    text: str
    way_out: str = ""


class Circumstances(NamedTuple):
    """What checks look at. `db` is None where the database does not answer; `port` is that of the UI."""

    settings: Settings
    db: Database | None
    port: int

    def now(self) -> datetime:
        """The time of this machine's clock."""
        return datetime.now(UTC)


Check = Callable[[Circumstances], Iterator[CheckResult]]
"""A check yields what it found; errors that a user is meant to read may leave it."""


def right(text: str) -> CheckResult:
    """It is as it has to be."""
    return CheckResult(Health.RIGHT, text)


def advice(text: str, way_out: str) -> CheckResult:
    """It works, and could be better."""
    return CheckResult(Health.ADVICE, text, way_out)


def wrong(text: str, way_out: str) -> CheckResult:
    """Something is to be mended."""
    return CheckResult(Health.WRONG, text, way_out)


def unused(text: str) -> CheckResult:
    """There is nothing to check."""
    return CheckResult(Health.UNUSED, text)


NO_DATABASE = unused("not checked: the database comes first")
