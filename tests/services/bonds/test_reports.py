"""Reports of a bond as the database has it: before anything is paid, while payments wait, and after."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.report.bond_html import bond_report_html
from fntx_dagster.report.bond_report import bond_report_document
from fntx_dagster.services.bonds.accruing import accrue
from fntx_dagster.services.bonds.reports import INVESTOR, PORTFOLIO, REPORT_KINDS, bond_report
from fntx_dagster.services.bonds.steps import NoSuchBond
from fntx_dagster.store.database import Database
from tests.services.distributions.desks import BOND, bond_desk

HOLDERS = ("h1", "h2", "h3")
LATER = date(2030, 1, 1)
"""After every time of the simulated ledger."""


def document(db: Database, kind: str, holder: str | None = None, on: date | None = LATER) -> dict[str, Any]:
    bond = None if kind == PORTFOLIO else BOND
    return bond_report_document(bond_report(db, kind, bond, holder, on))


def test_reports_follow_a_distribution_from_its_approval_to_its_last_payment(
    database: Database, tmp_path: Path
) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", HOLDERS) as desk:
        distribution = desk.approved("130000.00")
        waiting = document(database, "payment_reconciliation")
        assert (waiting["figures"]["recorded"], waiting["figures"]["on_ledger"]) == ("0.00", "0.00")
        assert waiting["figures"]["open"] == "127500.00"
        assert {row["state"] for row in waiting["tables"]["payments"]} == {"open"}
        desk.paid_out(distribution)
    done = document(database, "payment_reconciliation")
    assert (done["figures"]["recorded"], done["figures"]["on_ledger"]) == ("127500.00", "127500.00")
    assert (done["figures"]["open"], done["figures"]["differences"]) == ("0.00", 0)
    assert len({row["transaction"] for row in done["tables"]["payments"]}) == 8

    statements = {holder: document(database, INVESTOR, holder) for holder in HOLDERS}
    # 12,500.00 and 100,000.00 of A in thirds; all of B's 10,000.00 is h3's.
    assert [each["figures"]["principal"] for each in statements.values()] == ["33333.34", "33333.33", "33333.33"]
    assert sum(Decimal(each["figures"]["interest"]) for each in statements.values()) == Decimal("22500.00")
    assert statements["h1"]["tables"]["holdings"][0]["outstanding"] == "300000.00"

    trustee = document(database, "trustee_report")
    assert trustee["figures"]["state"] == "Current"
    assert trustee["figures"]["outstanding"] == "1400000.00"
    assert trustee["figures"]["retained"] == "2500.00"
    assert len(trustee["tables"]["distributions"][0]["hash"]) == 64
    waterfall = document(database, "waterfall_summary")
    assert waterfall["figures"]["paid"] == "127500.00"
    portfolio = document(database, PORTFOLIO)
    assert [row["bond"] for row in portfolio["tables"]["bonds"]] == [BOND]
    assert portfolio["tables"]["currencies"][0]["outstanding"] == "1400000.00"


def test_what_was_paid_after_the_day_that_counts_as_today_does_not_count(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", HOLDERS) as desk:
        desk.paid_out(desk.approved("130000.00"))
    before = document(database, "payment_reconciliation", on=date(2020, 1, 1))
    assert (before["figures"]["due"], before["figures"]["recorded"], before["figures"]["on_ledger"]) == ("0.00",) * 3
    assert before["figures"]["differences"] == 0
    assert before["figures"]["open"] == "127500.00"
    trustee = document(database, "trustee_report", on=date(2026, 4, 2))
    assert trustee["figures"]["outstanding"] == "1500000.00"
    # Due on 1 April: the fee, the interest of A and B, the principal of A.
    assert trustee["figures"]["arrears"] == "127500.00"
    clocks = document(database, "lifecycle_status", on=date(2026, 4, 2))["figures"]
    assert (clocks["days_overdue"], clocks["delinquent_from"]) == (1, "2026-04-12T00:00:00Z")


def test_what_has_accrued_is_that_of_the_days_before_in_the_running_period(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", HOLDERS):
        for number in range(12):
            accrue(database, date(2026, 3, 26) + timedelta(days=number))

    def accrued(day: int, month: int = 4) -> str | None:
        return document(database, "trustee_report", on=date(2026, month, day))["tables"]["tranches"][0]["accrued"]

    # A: 1,000,000.00 at 5 %, of which 100,000.00 were due on 1 April; 30E360, so 31 March adds nothing.
    assert accrued(26, 3) is None  # before the first day that is kept
    assert accrued(1) == "12500.00"
    assert accrued(2) == "138.89"
    assert accrued(4) == "416.67"  # the three days of 1, 2 and 3 April
    assert accrued(4, 7) is None


@pytest.mark.parametrize("kind", REPORT_KINDS)
def test_every_report_is_written_as_a_page(kind: str, database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", HOLDERS):
        pass
    found = bond_report(database, kind, None if kind == PORTFOLIO else BOND, "h1" if kind == INVESTOR else None)
    assert f"<h1>{found.title}</h1>" in bond_report_html(found)


def test_what_is_asked_for_wrongly_is_refused(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", HOLDERS):
        pass
    wrong: list[tuple[tuple[Any, ...], str]] = [
        (("nav_snapshot", BOND), "'nav_snapshot' is no report of a bond. It is one of investor_statement,"),
        (
            (INVESTOR, BOND),
            "investor_statement needs a holder. Name the party that holds units, on the command line with --holder",
        ),
        (("trustee_report", BOND, "h1"), "trustee_report is about no holder"),
        (("trustee_report",), "trustee_report needs a bond"),
        ((PORTFOLIO, BOND), "portfolio_summary is about all bonds"),
        ((INVESTOR, BOND, "nobody"), f"'nobody' holds nothing of bond {BOND}"),
    ]
    for asked, message in wrong:
        with pytest.raises(Permanent, match=message):
            bond_report(database, *asked)
    with pytest.raises(NoSuchBond):
        bond_report(database, "trustee_report", "bond-9")
