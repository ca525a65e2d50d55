"""The sensor of escrows, and what its run does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from fntx_dagster.defs import sensors, treasury
from fntx_dagster.defs.definitions import defs
from fntx_dagster.services.alerting import open_alerts
from fntx_dagster.services.escrows.cancelling import cancel_escrow
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from tests.services.escrows.harbour import DAY, SETTLEMENT, Harbour, harbour_at

from .around import Daemon


@pytest.fixture
def harbour(database: Database, tmp_path: Path) -> Iterator[Harbour]:
    with harbour_at(database, tmp_path / "home") as harbour:
        yield harbour


def test_an_escrow_that_ends_soon_is_an_alert_of_seven_days_and_of_one_each_once(
    harbour: Harbour, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = Daemon(harbour.settings, database, monkeypatch)
    assert daemon.tick(sensors.escrow_deadlines) == "No ledger holds an escrow."
    escrow_id = harbour.active(SETTLEMENT)
    assert isinstance(daemon.tick(sensors.escrow_deadlines), dg.RunRequest)

    def subjects() -> list[str]:
        defs.resolve_job_def("watch_escrows").execute_in_process(resources=daemon.resources)
        return [each.subject for each in open_alerts(database) if each.kind == "escrow"]

    assert subjects() == []
    harbour.passes(22 * DAY)
    assert subjects() == []
    harbour.passes(DAY)
    assert subjects() == subjects() == [f"{escrow_id} 7 days"]
    harbour.passes(6 * DAY)
    assert sorted(subjects()) == [f"{escrow_id} 1 day", f"{escrow_id} 7 days"]
    harbour.passes(2 * DAY)
    cancel = cancel_escrow(harbour.settings, database, escrow_id).transaction
    assert cancel is not None
    assert harbour.sent(cancel) == "confirmed"
    assert subjects() == []
    daemon.settings = Settings(home=harbour.settings.home)
    assert daemon.tick(sensors.escrow_deadlines) == treasury.treasury.NOT_CONFIGURED
