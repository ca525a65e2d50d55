"""A clock that was turned back: it lets no late decision count, and makes nothing valid again that is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fntx_dagster.errors import Transient
from fntx_dagster.services.governance import clock
from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import list_proposals, show
from fntx_dagster.services.governance.standing import StandingUse, use_standing
from fntx_dagster.services.transactions.preparing import prepare
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from tests.governance.keys import KEYS
from tests.services.governance.treasuries import ATTESTATION, FREEZE, REASON, STANDING, begun, decision


class Clock:
    """The clock of the machine, moved by hand."""

    def __init__(self) -> None:
        self.behind = timedelta()

    def now(self, zone: Any) -> datetime:
        return datetime.now(zone) - self.behind


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Clock:
    own = Clock()
    monkeypatch.setattr(clock, "datetime", own)
    return own


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    return begun(tmp_path, database)


def test_nothing_is_decided_by_a_clock_that_was_turned_back(
    settings: Settings, database: Database, hands: Clock
) -> None:
    proposal = propose(settings, database, "freeze", FREEZE)
    handed = decision(database, proposal, "treasury")
    hands.behind = timedelta(hours=1)
    with pytest.raises(Transient, match="nothing is decided by a clock that was turned back") as refused:
        decide(settings, database, proposal, handed)
    assert "Set the clock right" in refused.value.way_out
    with pytest.raises(Transient, match=r"event \d+ of the audit log was written at"):
        propose(settings, database, "emergency.pause", REASON)
    assert (show(database, proposal).decisions, len(list_proposals(database, "all"))) == ([], 1)
    hands.behind = timedelta()
    assert decide(settings, database, proposal, handed).state == "pending_approval"


def test_a_clock_that_is_behind_by_seconds_decides_at_the_time_of_the_log(
    settings: Settings, database: Database, hands: Clock
) -> None:
    before = datetime.now(UTC)
    proposal = propose(settings, database, "freeze", FREEZE)
    hands.behind = timedelta(seconds=4)
    decide(settings, database, proposal, decision(database, proposal, "treasury"))
    [kept] = show(database, proposal).decisions
    assert kept.decided_at >= before


def test_an_approval_that_is_over_is_neither_prepared_nor_used_by_such_a_clock(
    settings: Settings, database: Database, hands: Clock
) -> None:
    frozen, standing = (
        propose(settings, database, "freeze", FREEZE),
        propose(settings, database, "standing.approve", STANDING),
    )
    for proposal in (frozen, standing):
        for signer in KEYS:
            if show(database, proposal).row.state == "pending_approval":
                decide(settings, database, proposal, decision(database, proposal, signer))
    hands.behind = timedelta(days=1)
    with pytest.raises(Transient, match="turned back"):
        prepare(settings, database, frozen)
    with pytest.raises(Transient, match="turned back"):
        use_standing(settings, database, standing, StandingUse(frozen, STANDING["template"], 10, ATTESTATION))
