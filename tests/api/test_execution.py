"""The desk over HTTP: how it stands and its strategies, for the scope treasury:read alone."""

from __future__ import annotations

from uuid import uuid4

from tests.api.conftest import Server
from tests.api.test_client import checked
from tests.services.execution.desks import LIMITS, a_desk_with_a_strategy
from tests.services.governance.treasuries import PLATFORM, begun

ACCOUNT = PLATFORM["xrpl"]["accounts"]["trading"]["address"]


def test_a_program_reads_how_the_desk_stands_and_a_strategy(server: Server) -> None:
    db = server.desk.db
    settings = begun(server.settings.home, db)
    client = server.client("eve", "scoped", "treasury:read")
    before = checked(client.get("/api/treasury/desk"), "DeskAnswer")
    assert (before["account"], before["desk"], before["strategies"]) == (ACCOUNT, None, [])
    name = a_desk_with_a_strategy(settings, db)
    stands = checked(client.get("/api/treasury/desk"), "DeskAnswer")
    assert (stands["desk"]["state"], stands["desk"]["limits"]) == ("active", LIMITS)
    assert [each["event"] for each in stands["events"]] == ["limits"]
    found = checked(client.get(f"/api/treasury/strategies/{name}"), "StrategyAnswer")
    assert (found["quantity"], found["filled"], found["committed"], found["state"]) == ("100", "0", "0", "running")
    assert [(each["n"], each["planned"], each["state"]) for each in found["slices"]] == [(1, "100", "planned")]
    missing = client.call("GET", f"/api/treasury/strategies/{uuid4()}")
    assert (missing.status_code, missing.json()["code"]) == (404, "strategy_not_found")
    other = server.client("eve", "scoped", "compliance:read").call("GET", "/api/treasury/desk")
    assert other.status_code == 403
