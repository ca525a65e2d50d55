"""A whole reconciliation against both simulated ledgers: clean, then with one thing altered there, then with a server
that does not answer."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fntx_dagster.audit.sealing import unsealed
from fntx_dagster.reconciliation.report import report_hash
from fntx_dagster.services.auditing.keys import key_of
from fntx_dagster.services.reconciling.reading import kept, runs, state_custody
from fntx_dagster.simulate.horizon.entries import REQUIRED, REVOCABLE
from fntx_dagster.store.alerts import open_alerts
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.audit_log import stored_line
from tests.services.reconciling.estates import Estate, code, estate
from tests.services.transactions.worlds import XRPL_NAMES
from tests.simulate.horizon.parts import ISSUER as STELLAR_ISSUER
from tests.simulate.xrpl.people import address

PENDING = {"cross.attestation": "PENDING"}
ONE, TWO = XRPL_NAMES["treasury"], XRPL_NAMES["trustee"]


@pytest.fixture
def here(database: Database, tmp_path: Path) -> Iterator[Estate]:
    with estate(tmp_path / "home", database) as whole:
        yield whole


def altered(here: Estate, role: str, kind: str, **fields: Any) -> None:
    """A transaction that two signers sent without us."""
    assert here.town.does(role, kind, by=(ONE, TWO), **fields) == "tesSUCCESS"


def line(here: Estate, limit: str, token: str = "OPTKAS.BOND") -> dict[str, str]:
    return {"currency": code(token), "issuer": address("issuer"), "value": limit}


def test_a_treasury_as_configured_is_clean_and_an_altered_line_is_named(here: Estate) -> None:
    before = here.run()
    assert before.summary._asdict() == {
        "total_checks": 25,
        "matched": 24,
        "mismatched": 0,
        "pending": 1,
        "errors": 0,
        "overall_status": "CLEAN",
    }
    altered(here, "treasury", "TrustSet", LimitAmount=line(here, "100000001"))
    after = here.run()
    [item] = [each for each in after.items if each.status.value == "MISMATCH"]
    assert item.id == "xrpl.trustlines.treasury"
    assert item.details == (
        f"the line OPTKAS.BOND of {address('issuer')} has the limit 100000001 instead of 100000000",
    )
    assert after.summary.overall_status == "DISCREPANCIES_FOUND"


def test_what_is_kept_of_a_run_is_its_report_its_event_and_its_file(here: Estate) -> None:
    done = here.run()
    again = kept(here.db, done.run.run_no)
    assert again.report == done.report == json.loads(done.file.read_text(encoding="utf-8"))
    assert done.file.parent == here.settings.paths.reports
    assert done.report["metadata"]["ledger"]["xrpl"] == here.town.ledger.last.ledger_index
    assert done.report["attestation"]["hash"] == report_hash(done.report) == done.run.report_hash
    stored = stored_line(here.db, done.report["attestation"]["seq"])
    assert stored is not None
    event = unsealed(stored, key_of(here.settings, stored.key_id).secret)
    assert event["type"] == "reconciliation_run"
    assert event["details"]["report_hash"] == done.run.report_hash
    assert [item.id for item in again.items] == [item.id for item in done.items]
    assert here.run().file != done.file
    assert [each.run_no for each in runs(here.db)] == [2, 1]


def test_each_change_on_a_ledger_is_found_where_it_belongs(here: Estate) -> None:
    altered(here, "amm", "SetRegularKey", RegularKey=address("stranger"))
    assert here.found() == PENDING | {"cross.governance": "MISMATCH"}
    altered(here, "amm", "SetRegularKey")
    altered(here, "issuer", "TrustSet", LimitAmount=line(here, "0") | {"issuer": address("trading")}, Flags=0x100000)
    assert here.found() == PENDING | {"xrpl.trustlines.trading": "MISMATCH"}
    altered(here, "issuer", "TrustSet", LimitAmount=line(here, "0") | {"issuer": address("trading")}, Flags=0x200000)
    altered(here, "issuer", "AccountSet", SetFlag=8)
    assert here.found() == PENDING | {"xrpl.default_ripple.issuer": "MISMATCH"}
    altered(here, "issuer", "AccountSet", ClearFlag=8)
    altered(here, "escrow", "Payment", Destination=address("stranger"), Amount="998000000")
    assert here.found() == PENDING | {"xrpl.balance.escrow": "MISMATCH"}
    assert here.found("stellar") == {}
    issuer = here.network.accounts[STELLAR_ISSUER.public_key]
    here.network.put(replace(issuer, flags=REQUIRED | REVOCABLE, low=1))
    differs = {"stellar.flag.auth_clawback_enabled", "stellar.signers.issuer"}
    assert here.found("stellar") == dict.fromkeys(differs, "MISMATCH")


def test_an_escrow_that_is_none_of_ours_is_named(here: Estate) -> None:
    fields = {"Destination": address("stranger"), "Amount": "5000000", "FinishAfter": 900_000_000}
    altered(here, "escrow", "EscrowCreate", **fields)
    [item] = [each for each in here.run("xrpl").items if each.status.value == "MISMATCH"]
    assert item.id == "xrpl.escrows"
    assert f"of {address('escrow')} is none of ours" in item.details[0]


def test_transactions_that_are_none_of_ours_and_tokens_that_we_did_not_issue_are_found(here: Estate) -> None:
    bond = line(here, "5")
    altered(here, "issuer", "Payment", Destination=address("treasury"), Amount=bond)
    found = here.run("deep")
    mismatches = {item.id: item.details for item in found.items if item.status.value == "MISMATCH"}
    assert set(mismatches) == {"ledger.signatures", "supply.xrpl"}
    assert mismatches["supply.xrpl"] == (
        "OPTKAS.BOND: 5 are out instead of 0",
        "OPTKAS.BOND: 5 are out, and 0 are funded",
    )
    assert {item.id: item.status.value for item in found.items}["escrow.custody"] == "PENDING"


def test_a_statement_of_the_custodian_is_compared_with_our_escrows(here: Estate) -> None:
    state_custody(here.settings, here.db, Decimal(0), "OPTKAS.ESCROW", day := runs_day())
    assert "escrow.custody" not in here.found("deep")
    state_custody(here.settings, here.db, Decimal("0.01"), "OPTKAS.ESCROW", day)
    assert here.found("deep")["escrow.custody"] == "MISMATCH"


def runs_day() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC).date()


def test_an_account_that_is_not_there_is_a_mismatch_and_the_rest_is_judged(database: Database, tmp_path: Path) -> None:
    from tests.services.anchoring.harbour import anchored_platform
    from tests.services.reconciling.estates import estate_town

    town = estate_town(anchored_platform())
    del town.ledger.entries[next(key for key, each in town.ledger.entries.items() if _is_root(each, "amm"))]
    with estate(tmp_path / "home", database, town) as here:
        needs = ("xrpl.balance.amm", "xrpl.trustlines.amm", "cross.governance")
        assert here.found() == PENDING | dict.fromkeys(needs, "MISMATCH")


def _is_root(entry: dict[str, Any], name: str) -> bool:
    return entry["LedgerEntryType"] == "AccountRoot" and entry["Account"] == address(name)


def test_a_server_that_hangs_takes_seconds_and_is_an_error_of_its_checks(here: Estate) -> None:
    here.horizon.fail("GET", "/", "silent", times=50)
    begun = time.monotonic()
    done = here.run()
    assert time.monotonic() - begun < 12
    errors = {item.id for item in done.items if item.status.value == "ERROR"}
    assert errors == {item.id for item in done.items if item.id.startswith("stellar.")} | {
        "cross.governance",
        "cross.attestation",
    }
    assert done.summary.overall_status == "ERROR"


@pytest.mark.parametrize(
    ("method", "differs"),
    [
        ("account_lines", {"xrpl.trustlines.issuer"}),
        ("account_objects", {"xrpl.escrows"}),
        ("account_tx", {"cross.attestation"}),
    ],
)
def test_one_question_without_an_answer_is_an_error_of_what_needs_it(
    here: Estate, method: str, differs: set[str]
) -> None:
    here.xrpl.fail(on=method, do="error", error="internal", count=1)
    errors = {item.id for item in here.run().items if item.status.value == "ERROR"}
    assert len(errors) == 1
    assert {each.rsplit(".", 1)[0] for each in errors} <= {each.rsplit(".", 1)[0] for each in differs}


def test_a_server_of_another_network_gives_no_answer(here: Estate) -> None:
    config = here.settings.treasury.config
    assert config is not None
    document = json.loads(config.read_text(encoding="utf-8"))
    document["xrpl"]["network_id"] = 7
    config.write_text(json.dumps(document), encoding="utf-8")
    found = here.found("xrpl")
    assert len(found) == 14
    assert set(found.values()) == {"ERROR"}


def test_a_mismatch_is_one_alert_for_each_value_and_an_error_one_after_three_runs(here: Estate) -> None:
    altered(here, "treasury", "TrustSet", LimitAmount=line(here, "7"))
    here.run("xrpl")
    here.run("xrpl")
    [first] = alerts(here)
    altered(here, "treasury", "TrustSet", LimitAmount=line(here, "8"))
    here.run("xrpl")
    [second] = alerts(here)
    assert (first != second, "limit 8" in second) == (True, True)
    for runs_made in range(1, 4):
        here.xrpl.fail(on="server_info", do="error", error="internal", count=1)
        here.run("xrpl")
        silent = [text for text in alerts(here) if "no answer" in text]
        assert len(silent) == (14 if runs_made == 3 else 0)
        assert second in alerts(here)
    altered(here, "treasury", "TrustSet", LimitAmount=line(here, "100000000"))
    here.run("xrpl")
    assert alerts(here) == []


def alerts(here: Estate) -> list[str]:
    return [alert.text for alert in open_alerts(here.db) if alert.kind == "reconciliation"]


def test_an_anchor_on_a_ledger_that_is_no_checkpoint_of_ours_is_named(here: Estate) -> None:
    memo = {
        "MemoType": b"fntx/audit/v1".hex().upper(),
        "MemoFormat": b"application/octet-stream".hex().upper(),
        "MemoData": "AB" * 32 + (7).to_bytes(8, "big").hex().upper() + "CD" * 8,
    }
    payment = {"Destination": address("treasury"), "Amount": "1", "Memos": [{"Memo": memo}]}
    altered(here, "attestation", "Payment", **payment)
    [item] = [each for each in here.run().items if each.status.value == "MISMATCH"]
    assert (item.id, item.details) == (
        "cross.attestation",
        ("xrpl: the anchor of 7 events is no checkpoint of ours",),
    )


def test_very_many_differences_are_counted(here: Estate) -> None:
    config = here.settings.treasury.config
    assert config is not None
    document = json.loads(config.read_text(encoding="utf-8"))
    lines = [
        {"currency": f"T{number:03d}", "issuer": address("issuer"), "limit": "1", "authorized": True}
        for number in range(150)
    ]
    document["xrpl"]["accounts"]["amm"]["trustlines"] = lines
    config.write_text(json.dumps(document), encoding="utf-8")
    [item] = [each for each in here.run("xrpl").items if each.status.value == "MISMATCH"]
    assert (item.id, len(item.details), item.details[-1]) == (
        "xrpl.trustlines.amm",
        101,
        "and 51 more differences",
    )
