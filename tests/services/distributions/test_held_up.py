"""Distributions that something holds up: the travel rule, a match on a list, a backup, more payments than tickets."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from fntx_dagster.errors import Permanent
from fntx_dagster.services.distributions.computing import compute
from fntx_dagster.services.distributions.proposing import propose_distribution
from fntx_dagster.services.screening.deciding import MatchDecision, dispose, rescreen, to_sign
from fntx_dagster.services.screening.lists import load_list
from fntx_dagster.services.screening.parties import set_party
from fntx_dagster.settings import ComplianceSettings
from fntx_dagster.store.database import Database
from fntx_dagster.store.queries import own_sql
from fntx_dagster.store.server import database_url
from fntx_dagster.store.treasury.distributions import PaymentStanding, payments_of
from tests.governance.keys import KEYS, signed_by
from tests.services.distributions.desks import BOND, BondDesk, bond_desk
from tests.services.screening.conftest import BY, ROWS, write_list
from tests.simulate.xrpl.people import address

CASH = "17500.00"
"""For a fee of 5,000.00 to the first holder and 12,500.00 of interest."""


def payments(desk: BondDesk, distribution: UUID) -> dict[str, PaymentStanding]:
    """Of each party its last payment."""
    with desk.db.connect() as connection:
        return {each.payment.party: each for each in payments_of(connection, distribution)}


def prepared(desk: BondDesk, distribution: UUID) -> None:
    """Tickets made, and every payment prepared."""
    desk.go_on(distribution)
    desk.sign()
    desk.go_on(distribution)
    desk.close()
    desk.go_on(distribution)
    assert {each.state for each in payments(desk, distribution).values()} == {"prepared"}


def side(account: str, **more: str) -> dict[str, str]:
    return {"name": "A holder", "account": account, "address": "1 Harbour Road, Springfield"} | more


def test_above_the_amount_of_the_travel_rule_each_payee_is_named(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", ("h1", "h2")) as desk:
        strict = ComplianceSettings(travel_rule_amount=Decimal(6000))
        desk = desk._replace(settings=desk.settings.model_copy(update={"compliance": strict}))
        desk.cash(CASH)
        row = compute(desk.settings, database, BOND, 1)

        def asked(**sides: Any) -> UUID:
            document = {"originator": side(address("treasury")), "beneficiaries": sides}
            return propose_distribution(desk.settings, database, row.distribution_id, document)

        both = {address(each): side(address(each)) for each in ("h1", "h2")}
        with pytest.raises(Permanent, match="a payment of more than 6000 lacks originator name"):
            propose_distribution(desk.settings, database, row.distribution_id)
        with pytest.raises(Permanent, match=f"lacks beneficiary name.* that to {address('h2')}.*beneficiaries"):
            asked(**{address("h1"): both[address("h1")]})
        with pytest.raises(Permanent, match="which is not paid"):
            asked(**both, **{address("bank"): side(address("bank"))})
        with pytest.raises(Permanent, match="beneficiaries has another account"):
            asked(**both | {address("h2"): side(address("h1"))})
        wrong = {"originator": side(address("bank")), "beneficiaries": both}
        with pytest.raises(Permanent, match=r"originator.account is not that of the intents"):
            propose_distribution(desk.settings, database, row.distribution_id, wrong)
        desk.decided(asked(**both))
        desk.paid_out(row.distribution_id)
        assert desk.balance("h2") == Decimal(6250)


def test_a_payee_who_gets_onto_a_list_after_preparing_is_paid_once_cleared(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", ("h1", "h2")) as desk:
        set_party(desk.settings, database, "h2", "Quorvath Ledgerwood Trust", "Company", by=BY)
        distribution = desk.approved(CASH)
        prepared(desk, distribution)
        listed = write_list(tmp_path / "list.csv", *ROWS, "NK-9,Company,Quorvath Ledgerwood Trust,,,")
        load_list(desk.settings, database, listed, by=BY)
        rescreen(desk.settings, database)
        desk.sign()
        desk.go_on(distribution)
        desk.close()
        report = desk.go_on(distribution)
        number = payments(desk, distribution)["h2"].payment.number
        assert [*report.problems] == [number]
        assert "h2" in report.problems[number]
        assert (desk.balance("h1"), desk.balance("h2")) == (Decimal(11_250), Decimal(0))
        with database.connect() as connection:
            [(check,)] = connection.execute(
                "select max(screening_id) from treasury.screening where party_id = 'h2'"
            ).fetchall()
        decision = MatchDecision("false_positive", "Another company, by its register.")
        content = to_sign(desk.settings, database, check, decision)
        signed = {"signer": "compliance", "signature": signed_by(KEYS["compliance"], content).hex()}
        dispose(desk.settings, database, check, decision, by=BY, signed=signed)
        assert desk.paid_out(distribution).row.state == "confirmed"
        assert desk.balance("h2") == Decimal(6250)
        assert payments(desk, distribution)["h2"].attempts == 1


@contextmanager
def backup_of(postgres: str, database: Database) -> Iterator[Database]:
    """The database as it is now, kept."""
    name = conninfo_to_dict(database.url)["dbname"]
    database.close()
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(own_sql(f"create database {name}_backup template {name}"))
    kept = Database(database_url(postgres, f"{name}_backup"))
    try:
        yield kept
    finally:
        kept.close()
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(own_sql(f"drop database {name}_backup"))


@pytest.mark.parametrize("ledger", ["xrpl", "stellar"])
@pytest.mark.parametrize("left", [0, 1])
def test_a_database_of_yesterday_pays_nobody_again(
    postgres: str, database: Database, tmp_path: Path, ledger: str, left: int
) -> None:
    """All is paid after the backup, or all but one payment; the database of the backup goes on."""
    with bond_desk(ledger, database, tmp_path / "home", ("h1", "h2")) as desk:
        distribution = desk.approved(CASH)
        with backup_of(postgres, database) as kept:
            if left:
                if desk.town:
                    prepared(desk, distribution)
                else:
                    desk.go_on(distribution)
                desk.sign(leave=left)
                for _ in range(6):
                    desk.go_on(distribution)
                    desk.close()
            else:
                desk.paid_out(distribution)
            before = desk.balance("h1") + desk.balance("h2")
            assert before == (Decimal(11_250) if left else Decimal(CASH))
            restored = desk._replace(db=kept)
            assert restored.paid_out(distribution).row.state == "confirmed"
            assert (desk.balance("h1"), desk.balance("h2")) == (Decimal(11_250), Decimal(6250))
            assert restored.state() == "Current"


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("FNTX_TEST_PROFILE") != "search", reason="it takes minutes")
def test_more_holders_than_an_account_can_hold_tickets_are_paid(database: Database, tmp_path: Path) -> None:
    holders = [f"h{number}" for number in range(1, 261)]
    with bond_desk("xrpl", database, tmp_path / "home", holders) as desk:
        distribution = desk.approved(CASH)
        desk.paid_out(distribution)
        assert sum(desk.balance(each) for each in holders) == Decimal(CASH)
        with database.connect() as connection:
            rows = payments_of(connection, distribution)
        assert (len(rows), {each.attempts for each in rows}) == (261, {1})
        assert len({each.tx_hash for each in rows}) == 261
