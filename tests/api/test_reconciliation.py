"""Reconciliations over HTTP: listed, one by its number, and for the scope treasury:read alone."""

from __future__ import annotations

from fntx_dagster.services.reconciling.running import run
from tests.api.conftest import Server
from tests.api.test_client import checked
from tests.services.governance.treasuries import settings_in


def test_a_program_reads_the_list_and_a_report(server: Server) -> None:
    settings = settings_in(server.settings.home)
    done = run(settings, server.desk.db)
    client = server.client("eve", "scoped", "treasury:read")
    listed = checked(client.get("/api/treasury/reconciliations"), "ReconciliationsAnswer")["reconciliations"]
    assert [(row["run_no"], row["overall_status"], row["errors"]) for row in listed] == [(done.run.run_no, "ERROR", 25)]
    path = f"/api/treasury/reconciliations/{done.run.run_no}"
    assert checked(client.get(path), "ReconciliationAnswer") == done.report
    missing = client.call("GET", "/api/treasury/reconciliations/999")
    assert (missing.status_code, missing.json()["code"]) == (404, "run_not_found")
    other = server.client("eve", "scoped", "compliance:read").call("GET", path)
    assert other.status_code == 403
