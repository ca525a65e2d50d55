"""What is due on a bond: what is paid goes to what was due first, and late principal makes interest due with the same
figures that accruals and the waterfall have."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.services.bonds.accruing import accrue
from fntx_dagster.services.bonds.dues import arrears_of, dues_of
from fntx_dagster.services.distributions.inputs import inputs_of
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.bond_money import (
    CashflowRow,
    PaidRow,
    accruals_of,
    add_cashflows,
    add_paid,
    cashflows_of,
    paid_on,
)
from fntx_dagster.store.treasury.cash_receipts import CashReceiptRow, add_receipt
from tests.services.bonds.built import BOND, active, now, put_in, treasury_of_bonds
from tests.services.screening.conftest import BY
from tests.store.treasury.test_bonds import FIRST, kept_bond


def fee(period: int, due: date, amount: str) -> CashflowRow:
    return CashflowRow("fee", "trustee", period, due - timedelta(days=90), due, due, None, Decimal(amount))


def test_accruals_dues_and_the_waterfall_have_one_figure_for_late_and_partial_principal(
    database: Database, tmp_path: Path
) -> None:
    """B repays 75,000 a quarter at 8 %: of the first 25,000 come on 1 May, 50,000 on 16 June. By hand, 30E360, the
    second quarter: 300,000 for 30 days, 275,000 for 45, 225,000 for 15: 2,000 + 2,750 + 750."""
    settings = treasury_of_bonds(tmp_path, database)
    active(settings, database)
    put_in(database, "Current")
    with database.connect() as connection:
        for n, (amount, day) in enumerate((("25000.00", date(2026, 5, 1)), ("50000.00", date(2026, 6, 16)))):
            assert add_paid(connection, BOND, PaidRow(f"d/{n}", "principal", "B", Decimal(amount), day))
    for each in range(91):
        accrue(database, date(2026, 4, 1) + timedelta(days=each))
    at, document = datetime(2026, 7, 1, tzinfo=UTC), ("statement.pdf", "0" * 64, "by wire", BY)
    with database.connect() as connection:
        add_receipt(connection, CashReceiptRow(uuid4(), BOND, Decimal(1), at.date(), None, None, None, *document, at))
        rows = accruals_of(connection, BOND, date(2026, 4, 1), date(2026, 6, 30))
        [due] = [
            each
            for each in dues_of(connection, BOND, date(2026, 7, 1))
            if (each.kind, each.line_id, each.period) == ("interest", "B", 2)
        ]
        deal = inputs_of(connection, now(database), 2, date(2026, 7, 1)).deal
    assert due.amount == Decimal("5500.00")
    assert sum(each.amount for each in rows if each.tranche_id == "B") == due.amount
    [tranche] = [each for each in deal["tranches"] if each["id"] == "B"]
    assert (tranche["interest_due"], tranche["interest_arrears"]) == ("5500.00", "6000.00")


def test_what_is_paid_goes_to_what_was_due_first(database: Database) -> None:
    second = FIRST + timedelta(days=91)
    with database.connect() as connection:
        kept_bond(connection)
        add_cashflows(connection, "B-1", [fee(1, FIRST, "12.50"), fee(2, second, "12.50")])
        assert [row.period for row in cashflows_of(connection, "B-1", 2)] == [2]
        assert arrears_of(connection, "B-1", FIRST) == []  # it may still be paid on the day
        [late] = arrears_of(connection, "B-1", FIRST + timedelta(days=1))
        assert (late.due_date, late.unpaid) == (FIRST, Decimal("12.50"))
        assert add_paid(connection, "B-1", PaidRow("d/1", "fee", "trustee", Decimal("12.51"), second))
        assert not add_paid(connection, "B-1", PaidRow("d/1", "fee", "trustee", Decimal("12.51"), second))
        assert len(paid_on(connection, "B-1")) == 1
        assert [row.unpaid for row in dues_of(connection, "B-1", second)] == [0, Decimal("12.49")]
        # what was paid later was not there then
        assert len(arrears_of(connection, "B-1", second - timedelta(days=1))) == 1
        [late] = arrears_of(connection, "B-1", second + timedelta(days=1))
        assert (late.period, late.unpaid) == (2, Decimal("12.49"))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8), st.lists(st.integers(1, 60), max_size=8))
def test_paid_amounts_fill_the_dues_in_their_order(
    module_database: Database, due: list[int], payments: list[int]
) -> None:
    """Against an allocation written the other way round, payment by payment."""
    with module_database.connect() as connection:
        kept_bond(connection)
        rows = [fee(n, FIRST + timedelta(days=n), str(cents)) for n, cents in enumerate(due, 1)]
        add_cashflows(connection, "B-1", rows)
        for n, cents in enumerate(payments):
            add_paid(connection, "B-1", PaidRow(f"d/{n}", "fee", "trustee", Decimal(cents), FIRST))
        found = [int(row.paid) for row in dues_of(connection, "B-1", FIRST, ahead=True)]
        connection.rollback()
    left = sum(payments)
    expected = []
    for cents in due:
        expected.append(min(cents, left))
        left -= expected[-1]
    assert found == expected
