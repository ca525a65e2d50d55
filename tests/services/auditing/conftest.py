"""A log of this test's own: a database, a home for its keys, and events to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.services.auditing.log import append
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def an_event(number: int = 0) -> NewAuditEvent:
    return NewAuditEvent(
        "decision_recorded", "signer:treasury", EventSubject("proposal", f"p-{number}"), {"amount": f"{number}.10"}
    )


def written(settings: Settings, db: Database, count: int, first: int = 0) -> None:
    """So many events, each in a transaction of its own."""
    for number in range(first, first + count):
        with db.connect() as connection:
            append(settings, connection, an_event(number))


def as_superuser(db: Database, *statements: str) -> None:
    """What whoever owns the server can do: switch the triggers off, change what they like, switch them on."""
    triggers = {
        "audit_event": ("append_only", "append_only_whole", "in_order"),
        "audit_checkpoint": ("append_only",),
        "audit_subtree": ("append_only",),
    }
    with db.connect() as connection:
        for table in triggers:
            connection.execute(f"alter table treasury.{table} disable trigger user".encode())
        for statement in statements:
            connection.execute(statement.encode())
        for table, names in triggers.items():
            connection.execute(f"alter table treasury.{table} enable trigger user".encode())
            for name in names:
                connection.execute(f"alter table treasury.{table} enable always trigger {name}".encode())
