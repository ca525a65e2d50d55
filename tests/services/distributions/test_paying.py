"""A distribution from the cash that came in to the last payment: frozen, approved once, each holder paid once."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from fntx_dagster.bonds.distributions import invoice_id
from fntx_dagster.services.building.bonds import clocks_run
from fntx_dagster.services.distributions.computing import compute
from fntx_dagster.services.distributions.settling import settled
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.bond_money import outstanding_of, paid_on
from fntx_dagster.store.treasury.distributions import distribution, payments_of
from tests.services.distributions.desks import BOND, BondDesk, bond_desk
from tests.services.transactions.worlds import events
from tests.simulate.xrpl.people import address

HOLDERS = ("h1", "h2", "h3")
LEDGERS = ("xrpl", "stellar")


@pytest.mark.parametrize("ledger", LEDGERS)
def test_each_holder_is_paid_once_and_the_bond_is_current(ledger: str, database: Database, tmp_path: Path) -> None:
    with bond_desk(ledger, database, tmp_path / "home", HOLDERS) as desk:
        distribution_id = desk.approved("130000.00")
        assert desk.state() == "Distributing"
        report = desk.paid_out(distribution_id)
        assert report.row.state == "confirmed"
        assert desk.state() == "Current"
        # fees 5,000; interest of A 12,500; principal 100,000; interest of B 10,000 to the last; 2,500 retained
        assert report.row.retained == Decimal(2500)
        assert [desk.balance(each) for each in HOLDERS] == [
            Decimal("5000.00") + Decimal("4166.67") + Decimal("33333.34"),
            Decimal("4166.67") + Decimal("33333.33"),
            Decimal("4166.66") + Decimal("33333.33") + Decimal("10000.00"),
        ]
        with database.connect() as connection:
            outstanding = {row.tranche_id: row.outstanding for row in outstanding_of(connection, BOND)}
            assert outstanding == {"A": Decimal(900_000), "B": Decimal(500_000)}
            assert sum(row.amount for row in paid_on(connection, BOND)) == Decimal(127_500)
            assert len({each.tx_hash for each in payments_of(connection, distribution_id)}) == 8
        told = events(database)
        assert (told.count("waterfall_distributed"), told.count("allocation_completed")) == (1, 1)
        again = desk.go_on(distribution_id)
        assert (again.next, again.files) == ("nothing", [])


def test_what_is_retained_is_the_first_cash_of_the_next_and_what_is_short_its_arrears(
    database: Database, tmp_path: Path
) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", HOLDERS) as desk:
        desk.paid_out(desk.approved("130000.00"))
        desk.paid_out(desk.approved("90000.00", 2))
        with database.connect() as connection:
            row = distribution(connection, compute_next(desk))
        assert row is not None
        deal = json.loads(row.document)["deal"]
        tranche = {each["id"]: each for each in deal["tranches"]}
        # 2: 92,500 for fees 5,000, interest of A 12,500, as its principal came after 1 July, principal 75,000
        assert (row.number, row.period, row.carried) == (3, 3, Decimal(0))
        assert tranche["A"]["principal_arrears"] == "25000.00"
        assert tranche["A"]["outstanding"] == "825000.00"
        assert tranche["B"]["interest_arrears"] == "10000.00"


def compute_next(desk: BondDesk):
    desk.cash("1000.00", "statement-3.pdf")
    return compute(desk.settings, desk.db, BOND).distribution_id


def test_periods_that_were_never_distributed_are_in_arrears(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", HOLDERS) as desk:
        desk.cash("1000.00")
        deal = json.loads(compute(desk.settings, database, BOND, 2).document)["deal"]
    assert deal["period"] == {"start": "2026-04-01", "end": "2026-07-01"}
    assert deal["fees"] == [{"id": "trustee", "due": "5000.00", "arrears": "5000.00"}]
    [senior, mezzanine] = deal["tranches"]
    assert (senior["interest_arrears"], senior["principal_arrears"], senior["principal_due"]) == (
        *("12500.00", "100000.00", "100000.00"),
    )
    assert mezzanine["interest_arrears"] == "10000.00"


def test_a_period_that_was_short_is_distributed_again_for_its_arrears_alone(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", HOLDERS) as desk:
        desk.paid_out(desk.approved("10000.00"))
        desk.cash("200000.00", "later.pdf")
        row = compute(desk.settings, database, BOND, 1)
    lines = json.loads(row.document)["result"]["lines"]
    assert [(line["due"], line["arrears_before"], line["paid"]) for line in lines[:3]] == [
        ("0.00", "0.00", "0.00"),
        ("0.00", "7500.00", "7500.00"),
        ("0.00", "100000.00", "100000.00"),
    ]


def test_a_distribution_is_frozen_with_its_hash_and_its_invoice_ids(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", HOLDERS, equity=("h2",)) as desk:
        desk.cash("200000.00")
        row = compute(desk.settings, database, BOND, 1)
        assert hashlib.sha256(row.document.encode()).hexdigest() == row.hash
        document = json.loads(row.document)
        assert [each["invoice_id"] for each in document["payments"]] == [
            invoice_id(str(row.distribution_id), number) for number in range(1, len(document["payments"]) + 1)
        ]
        assert document["payments"][-1]["kind"] == "residual"
        for change in (
            "update treasury.distribution set hash = repeat('0', 64)",
            "delete from treasury.distribution",
            "truncate treasury.distribution cascade",
            "update treasury.payment set amount = 1",
            "delete from treasury.distribution_line",
            "update treasury.cash_receipt set amount = 1",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), database.connect() as connection:
                connection.execute(change)
        with pytest.raises(psycopg.errors.UniqueViolation), database.connect() as connection:
            connection.execute(
                "insert into treasury.distribution select gen_random_uuid(), bond_id, 2, period, available, carried,"
                " retained, document, hash, ledger, account, head, computed_by, computed_at, 'computed'"
                " from treasury.distribution"
            )


def test_a_payment_that_somebody_else_sent_is_found_by_its_invoice_id(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", HOLDERS) as desk:
        distribution_id = desk.approved("130000.00")
        with database.connect() as connection:
            [first, *_] = payments_of(connection, distribution_id)
        assert desk.town
        payment = first.payment
        amount = {"currency": "USD", "issuer": address("bank"), "value": f"{payment.amount:f}"}
        sent = {"Destination": payment.address, "Amount": amount, "InvoiceID": payment.invoice_id.upper()}
        assert desk.town.does("treasury", "Payment", by=("s1", "s3"), **sent) == "tesSUCCESS"
        before = desk.balance("h1")
        desk.paid_out(distribution_id)
        assert before == Decimal(5000)
        assert desk.balance("h1") == Decimal("42500.01")
        assert settled(desk.settings, database, distribution_id).strange == {}


def test_a_payment_that_only_the_ledger_knows_makes_no_bond_late(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", HOLDERS, principal="0.00") as desk:
        desk.paid_out(desk.approved("30000.00"))
        assert desk.state() == "Current"
        rest, states = desk.approved("60000.00", 3), set[str | None]()
        for _ in range(20):
            desk.go_on(rest)
            desk.sign()
            desk.go_on(rest)
            desk.close()
            with database.connect() as connection:
                states = {each.state for each in payments_of(connection, rest)}
            if states == {"submitted"}:
                break
        assert states == {"submitted"}
        shown = clocks_run(desk.settings, database)
        assert (shown.steps, desk.state()) == ([], "Current")
