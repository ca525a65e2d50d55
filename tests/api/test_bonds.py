"""Bonds over HTTP: from their terms to their approval, what each scope may, and what is refused with which code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from tests.api.conftest import Server
from tests.api.test_client import checked
from tests.api.test_escrows import refused
from tests.services.bonds.built import BOND, STRUCTURE, TERMS, treasury_of_bonds, voted, with_field

BONDS, REPORTS = "/api/treasury/bonds", "/api/treasury/bond-reports"


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    return treasury_of_bonds(tmp_path, database)


@pytest.fixture
def server(settings: Settings, database: Database) -> Iterator[Server]:
    started = Server(database, settings)
    yield started
    started.stop()


def test_a_program_makes_a_bond_and_moves_it_by_its_table(
    server: Server, settings: Settings, database: Database
) -> None:
    clerk = server.client("clerk", "scoped", "treasury:read", "treasury:propose")
    made = clerk.post(BONDS, terms=TERMS)
    assert made.status_code == 201, made.text
    assert checked(made.json(), "BondAnswer")["state"] == "Draft"
    refused(clerk.post(BONDS, terms=TERMS), 422, "refused")
    refused(clerk.post(f"{BONDS}/{BOND}/submit"), 409, "wrong_state")
    structured = clerk.post(f"{BONDS}/{BOND}/structure", structure=STRUCTURE)
    assert checked(structured.json(), "BondAnswer")["possible_events"] == ["submit"]
    proposal = checked(clerk.post(f"{BONDS}/{BOND}/submit").json(), "ProposalAnswer")
    voted(settings, database, UUID(proposal["proposal"]), "treasury", "trustee")
    refused(clerk.post(f"{BONDS}/{BOND}/transitions", event="settle"), 409, "wrong_state")
    refused(clerk.post(f"{BONDS}/{BOND}/transitions", event="escrow_created"), 409, "guard_fails")
    moved = checked(
        clerk.post(f"{BONDS}/{BOND}/transitions", event="pause", reason="look again").json(), "BondMoveAnswer"
    )
    assert moved["state"] == "Active"
    assert moved["proposal"]
    steps = checked(clerk.get(f"{BONDS}/{BOND}/events"), "BondEventsAnswer")["events"]
    assert [each["actor"] for each in steps] == [*["operator:clerk"] * 3, "signer:trustee"]
    assert len(checked(clerk.get(f"{BONDS}/{BOND}/holders"), "BondHoldersAnswer")["holders"]) == 5
    move = {"tranche": "A", "from": "ada", "to": "bob"}
    refused(
        clerk.post(f"{BONDS}/{BOND}/transfers", transfer={"record_date": "2025-01-01", "transfers": [move]}),
        422,
        "refused",
    )
    sold = clerk.post(f"{BONDS}/{BOND}/transfers", transfer={"record_date": "2026-05-01", "transfers": [move]})
    proposal = checked(sold.json(), "ProposalAnswer")
    assert (sold.status_code, proposal["kind"], proposal["parties"]) == (201, "bond.transfer", ["ada", "bob"])
    voted(settings, database, UUID(proposal["proposal"]), "treasury", "trustee")
    register = checked(clerk.get(f"{BONDS}/{BOND}/holders"), "BondHoldersAnswer")
    assert [each["units"] for each in register["changes"][-2:]] == ["-2", "2"]
    assert len(register["holders"]) == 4
    assert len(clerk.get(f"{BONDS}/{BOND}/holders?on=2026-04-30")["holders"]) == 5
    assert [each["state"] for each in checked(clerk.get(BONDS), "BondsAnswer")["bonds"]] == ["Active"]
    report = checked(clerk.get(f"{REPORTS}/trustee_report?bond={BOND}&on=2026-04-02"), "BondReportAnswer")
    assert (report["as_of"], report["figures"]["outstanding"]) == ("2026-04-02", "1500000.00")
    portfolio = checked(clerk.get(f"{REPORTS}/portfolio_summary"), "BondReportAnswer")
    assert [each["bond"] for each in portfolio["tables"]["bonds"]] == [BOND]
    refused(clerk.call("GET", f"{REPORTS}/trustee_report?bond=bond-9"), 404, "bond_not_found")
    refused(clerk.call("GET", f"{REPORTS}/investor_statement?bond={BOND}"), 422, "refused")


def test_each_scope_may_its_own_and_a_request_that_is_none_is_refused(server: Server) -> None:
    reader = server.client("reader", "scoped", "treasury:read")
    clerk = server.client("clerk", "scoped", "treasury:read", "treasury:propose")
    refused(reader.post(BONDS, terms=TERMS), 403, "forbidden")
    refused(clerk.post(BONDS), 422, "validation_failed")
    refused(clerk.post(BONDS, terms=with_field(TERMS, "rate", "5")), 422, "refused")
    refused(clerk.call("GET", f"{BONDS}/{BOND}"), 404, "bond_not_found")
    refused(clerk.post(f"{BONDS}/{BOND}/transitions", event="fly"), 422, "validation_failed")
    refused(reader.call("GET", BONDS, params={"state": "Sold"}), 422, "refused")


@pytest.mark.parametrize("path", ["", "/events", "/holders", "/cash"])
def test_an_id_that_no_database_can_hold_is_that_of_no_bond(server: Server, path: str) -> None:
    reader = server.client("reader", "scoped", "treasury:read")
    refused(reader.call("GET", f"{BONDS}/a%00b{path}"), 404, "bond_not_found")
