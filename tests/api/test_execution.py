"""The desk over HTTP: how it stands and its strategies, for the scope treasury:read alone."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

from fntx_dagster.governance.decisions import moment
from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.store.treasury.strategies import SliceRow, StrategyRow, add_strategy
from tests.api.conftest import Server
from tests.api.test_client import checked
from tests.services.execution.desks import LIMITS
from tests.services.governance.treasuries import PLATFORM, begun, decision

ACCOUNT = PLATFORM["xrpl"]["accounts"]["trading"]["address"]


def test_a_program_reads_how_the_desk_stands_and_a_strategy(server: Server) -> None:
    db = server.desk.db
    settings = begun(server.settings.home, db)
    client = server.client("eve", "scoped", "treasury:read")
    before = checked(client.get("/api/treasury/desk"), "DeskAnswer")
    assert (before["account"], before["desk"], before["strategies"]) == (ACCOUNT, None, [])
    desk = {"quote": {"currency": "XRP"}, "limits": LIMITS}
    proposal = propose(settings, db, "trade.live", {"reason": "it was tried", "desk": desk})
    for signer in ("treasury", "compliance", "trustee"):
        decide(settings, db, proposal, decision(db, proposal, signer))
    name, begin, end = uuid4(), moment("2026-12-01T10:00:00Z"), moment("2026-12-01T11:00:00Z")
    row = StrategyRow(
        *(
            name,
            ACCOUNT,
            "twap",
            "sell",
            "OPTKAS.BOND",
            "rIssuer",
            "XRP",
            "",
            Decimal(100),
            6,
            None,
            begin,
            end,
            5,
            None,
        ),
        *("running", "", "operator:terminal"),
    )
    with db.connect() as connection:
        add_strategy(connection, row, [SliceRow(name, 1, begin, end, Decimal(100))])
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
