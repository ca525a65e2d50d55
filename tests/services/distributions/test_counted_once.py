"""No cash counts twice, and no server is believed that does not know yet what another one said."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from stellar_sdk import Account, Asset, FeeBumpTransaction, FeeBumpTransactionEnvelope, Keypair, TransactionBuilder

from fntx_dagster.adapters.xrpl.payments import invoiced
from fntx_dagster.adapters.xrpl.rpc import XrplRpc
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.services.bonds.transitions import transition_bond
from fntx_dagster.services.distributions.computing import compute
from fntx_dagster.services.distributions.proposing import propose_distribution
from fntx_dagster.services.distributions.receipts import receipt_by_evidence, receipt_of_transaction
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.cash_receipts import receipts_of
from fntx_dagster.store.treasury.distributions import distributions, payments_of
from tests.services.distributions.desks import BOND, BondDesk, bond_desk
from tests.services.transactions.worlds import STELLAR_KEYS
from tests.simulate.horizon.parts import ISSUER, TREASURY, key
from tests.simulate.xrpl.people import address, token

HOLDERS = ("h1", "h2", "h3")


def test_a_server_that_lags_behind_what_another_said_is_not_believed(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", HOLDERS) as desk:
        assert desk.xrpl
        rpc = XrplRpc(desk.xrpl.url, 3, 10)
        last = rpc.ask("ledger", ledger_index="validated").whole("ledger_index")
        assert [*invoiced(rpc, address("treasury"), last, last)] == []
        with pytest.raises(Transient, match="is behind ledger"):
            next(invoiced(rpc, address("treasury"), last, last + 1))


def paid(desk: BondDesk, source: Keypair) -> TransactionBuilder:
    assert desk.network
    sequence = desk.network.accounts[source.public_key].sequence
    builder = TransactionBuilder(Account(source.public_key, sequence), desk.network.passphrase, 100)
    builder.add_time_bounds(0, 0)
    return builder.append_payment_op(TREASURY.public_key, Asset("OPTKASUSD", ISSUER.public_key), "10")


def test_a_payment_whose_fee_was_bumped_counts_once_by_either_of_its_hashes(database: Database, tmp_path: Path) -> None:
    with bond_desk("stellar", database, tmp_path / "home", HOLDERS) as desk:
        assert desk.network
        assert desk.horizon
        distribution = desk.approved("17500.00")
        desk.paid_out(distribution)
        inner = paid(desk, key("h1")).build()
        inner.sign(key("h1"))
        bump = FeeBumpTransactionEnvelope(
            FeeBumpTransaction(key("h2").public_key, 1000, inner), desk.network.passphrase
        )
        bump.sign(key("h2"))
        httpx.post(f"{desk.horizon.url}/transactions_async", data={"tx": bump.to_xdr()}).raise_for_status()
        desk.close()
        row = receipt_of_transaction(desk.settings, database, BOND, inner.hash_hex())
        assert row.tx_hash == bump.hash_hex()
        for digest in (bump.hash_hex(), bump.hash_hex().upper(), inner.hash_hex()):
            with pytest.raises(Permanent, match="recorded already"):
                receipt_of_transaction(desk.settings, database, BOND, digest)


def test_what_the_account_pays_to_itself_is_no_cash_that_came_in(database: Database, tmp_path: Path) -> None:
    with bond_desk("stellar", database, tmp_path / "home", HOLDERS) as desk:
        assert desk.horizon
        own = paid(desk, TREASURY).build()
        for name in ("treasury", "trustee"):
            own.sign(STELLAR_KEYS[name])
        httpx.post(f"{desk.horizon.url}/transactions_async", data={"tx": own.to_xdr()}).raise_for_status()
        desk.close()
        with pytest.raises(Permanent, match="to itself"):
            receipt_of_transaction(desk.settings, database, BOND, own.hash_hex())


def test_a_bond_whose_waterfall_was_begun_by_name_is_distributed(database: Database, tmp_path: Path) -> None:
    with bond_desk("stellar", database, tmp_path / "home", HOLDERS) as desk:
        desk.cash("17500.00")
        assert transition_bond(desk.settings, database, BOND, "run_waterfall").row.state == "Distributing"
        row = compute(desk.settings, database, BOND, 1)
        with pytest.raises(Permanent, match="is computed"):
            compute(desk.settings, database, BOND, 1)
        desk.decided(propose_distribution(desk.settings, database, row.distribution_id))
        desk.paid_out(row.distribution_id)
        assert desk.state() == "Current"


def test_a_document_whose_name_is_no_text_is_evidence_once_by_its_bytes(database: Database, tmp_path: Path) -> None:
    with bond_desk("stellar", database, tmp_path / "home", HOLDERS) as desk:
        desk.cash("17500.00", "\udcff.pdf")
        with database.connect() as connection:
            [row] = receipts_of(connection, BOND)
        assert row.evidence == "\ufffd.pdf"
        with pytest.raises(Permanent, match="recorded already"):
            receipt_by_evidence(
                desk.settings,
                database,
                BOND,
                "1.00",
                row.received_on,
                ("other.pdf", row.evidence_sha256 or ""),
                "by wire",
            )


def test_after_an_older_backup_no_cash_is_distributed_that_is_paid_out(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", HOLDERS) as desk:
        assert desk.town
        sent = {"Destination": address("treasury"), "Amount": token("5000", "bank", "USD")}
        paid_in = desk.town.submitted(desk.town.signed("bank", "Payment", **sent))["tx_json"]["hash"]
        desk.close()
        receipt_of_transaction(desk.settings, database, BOND, paid_in)
        # what the newest database did: its distribution, which this one, of yesterday, does not know
        payee = {"Destination": address("h1"), "Amount": token("5000", "bank", "USD"), "InvoiceID": "AB" * 32}
        assert desk.town.does("treasury", "Payment", by=("s1", "s3"), **payee) == "tesSUCCESS"
        with pytest.raises(Permanent, match="this database does not know it"):
            compute(desk.settings, database, BOND, 1)
        with database.connect() as connection:
            assert distributions(connection, BOND) == []


def test_after_an_older_backup_no_typed_cash_is_distributed_that_is_paid_out(
    database: Database, tmp_path: Path
) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", HOLDERS) as desk:
        assert desk.town
        desk.paid_out(desk.approved("5000.00"))
        payee = {"Destination": address("h1"), "Amount": token("700", "bank", "USD"), "InvoiceID": "AB" * 32}
        assert desk.town.does("treasury", "Payment", by=("s1", "s3"), **payee) == "tesSUCCESS"
        desk.cash("700.00", "the statement that the newest database has too")
        with pytest.raises(Permanent, match="this database does not know it"):
            compute(desk.settings, database, BOND, 2)


def test_cash_of_two_payments_in_is_distributed_after_our_own_payments(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", HOLDERS) as desk:
        assert desk.town
        hashes: list[str] = []
        for _ in range(2):
            sent = {"Destination": address("treasury"), "Amount": token("5000", "bank", "USD")}
            hashes.append(desk.town.submitted(desk.town.signed("bank", "Payment", **sent))["tx_json"]["hash"])
            desk.close()
        receipt_of_transaction(desk.settings, database, BOND, hashes[1])
        row = compute(desk.settings, database, BOND, 1)
        desk.decided(propose_distribution(desk.settings, database, row.distribution_id))
        desk.paid_out(row.distribution_id)
        receipt_of_transaction(desk.settings, database, BOND, hashes[0])  # recorded late, before our own payments
        assert compute(desk.settings, database, BOND, 2).state == "computed"


def test_an_amount_of_which_sums_would_be_rounded_is_refused(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", HOLDERS) as desk:
        for amount in ("1" + "0" * 26, "9" * 30, "0", "1.001", "-1"):
            with pytest.raises(Permanent, match="is no amount of USD"):
                desk.cash(amount)
        desk.cash("9" * 26, "a-lot.pdf")
        with database.connect() as connection:
            assert [row.amount for row in receipts_of(connection, BOND)] == [Decimal("9" * 26)]


@pytest.mark.parametrize("payees", [("h1", "h2"), ("h2", "h2")])
def test_a_transaction_of_two_payments_under_the_id_of_one_pays_nobody_again(
    payees: tuple[str, str], database: Database, tmp_path: Path
) -> None:
    """Signers sent it on their own: where the payee is among those that it paid it is paid, else it is left alone."""
    with bond_desk("stellar", database, tmp_path / "home", HOLDERS) as desk:
        assert desk.network
        assert desk.horizon
        distribution = desk.approved("5000.00")
        with database.connect() as connection:
            [payment] = [each.payment for each in payments_of(connection, distribution)]
        sequence = desk.network.accounts[TREASURY.public_key].sequence
        builder = TransactionBuilder(Account(TREASURY.public_key, sequence), desk.network.passphrase, 100)
        builder.add_time_bounds(0, 0).add_hash_memo(payment.invoice_id)
        for payee in payees:
            asset = Asset("OPTKASUSD", ISSUER.public_key)
            builder.append_payment_op(key(payee).public_key, asset, "5000")
        own = builder.build()
        for name in ("treasury", "trustee"):
            own.sign(STELLAR_KEYS[name])
        httpx.post(f"{desk.horizon.url}/transactions_async", data={"tx": own.to_xdr()}).raise_for_status()
        desk.close()
        report = desk.go_on(distribution)
        is_paid = "h1" in payees
        assert (report.row.state, report.payments[0].attempts) == ("confirmed" if is_paid else "paying", 0)
        assert "has its invoice id and paid 5000" in report.problems[1]
        assert desk.balance("h1") == (5000 if is_paid else 0)
