"""Units of a bond change hands: by a vote, with both sides screened, by new rows alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from fntx_dagster.bonds.register import held_on
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.machines import BOND as TABLE
from fntx_dagster.governance.machines import StepImpossible, states
from fntx_dagster.services.bonds.reading import changes_of_holders, holders_of_bond
from fntx_dagster.services.bonds.transferring import propose_transfer
from fntx_dagster.services.bonds.transfers import MOVABLE, register_of
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import show
from fntx_dagster.services.screening.addresses import set_address
from fntx_dagster.services.screening.parties import set_party
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.distributions import DistributionRow, add_distribution
from tests.services.bonds.built import BOND, active, put_in, treasury_of_bonds, voted
from tests.services.screening.conftest import BY
from tests.services.transactions.worlds import events
from tests.simulate.xrpl.people import address

DAY = "2026-05-01"


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    settings = treasury_of_bonds(tmp_path, database)
    active(settings, database)
    set_party(settings, database, "dora", "Dora Winterbourne", "Person", by=BY)
    set_address(database, "dora", address("dora"), by=BY)
    return settings


def asked(
    settings: Settings, db: Database, *moves: tuple[str | None, str, str, Mapping[str, Any]], day: str = DAY
) -> UUID:
    """A proposal of moves: line, from, to, and what else each says."""
    transfers = [
        {**({"equity": True} if line is None else {"tranche": line}), "from": holder, "to": to, **more}
        for line, holder, to, more in moves
    ]
    return propose_transfer(settings, db, BOND, {"record_date": day, "reason": "sold", "transfers": transfers})


def held(db: Database, on: str | None = None) -> dict[tuple[str | None, str], tuple[int, str]]:
    rows = holders_of_bond(db, BOND, date.fromisoformat(on) if on else None)
    return {(row.tranche_id, row.holder): (int(row.units), row.address) for row in rows}


def frozen(db: Database, record_date: str) -> None:
    """A distribution that pays those who held on a day."""
    row = (BOND, 1, 1, Decimal(1), Decimal(0), Decimal(0), "{}", "0" * 64, "xrpl", "rPAYS", 1, "tests")
    with db.connect() as connection:
        new = DistributionRow(uuid4(), *row, datetime.now(UTC), "computed", False, date.fromisoformat(record_date))
        add_distribution(connection, new, [], [], [])


def test_units_go_to_a_new_holder_from_the_record_date_on(settings: Settings, database: Database) -> None:
    before = held(database)
    proposal = asked(
        settings,
        database,
        ("A", "ada", "dora", {"units": "1", "address": address("dora")}),
        (None, "house", "dora", {"address": address("dora")}),
    )
    assert show(database, proposal).row.parties == ["ada", "dora", "house"]
    assert held(database) == before
    voted(settings, database, proposal, "treasury")
    assert held(database) == before
    voted(settings, database, proposal, "compliance")
    after = held(database)
    assert after["A", "ada"] == (1, address("ada"))
    assert after["A", "dora"] == (1, address("dora"))
    assert after[None, "dora"] == (3, address("dora"))
    assert (None, "house") not in after
    assert held(database, "2026-04-30") == before
    made = changes_of_holders(database, BOND)[len(before) :]
    assert [(row.holder, int(row.units), f"{row.record_date}", row.proposal_id) for row in made] == [
        (holder, units, DAY, proposal) for holder, units in (("ada", -1), ("dora", 1), ("house", -3), ("dora", 3))
    ]
    assert events(database).count("holders_changed") == 1
    with database.connect() as connection, pytest.raises(psycopg.Error, match="append-only"):
        connection.execute("update treasury.bond_holding set units = 9")


def test_the_query_and_the_register_say_the_same_on_every_day(settings: Settings, database: Database) -> None:
    set_address(database, "ada", address("ada-2"), by=BY)
    for day, move in (
        ("2026-03-01", ("A", "ada", "ada", {"address": address("ada-2")})),
        ("2026-03-01", ("A", "ada", "bob", {"units": "1"})),
        ("2026-02-01", ("B", "bob", "cleo", {"units": "4", "address": address("cleo")})),
        ("2026-04-01", ("A", "ada", "dora", {"address": address("dora")})),
    ):
        voted(settings, database, asked(settings, database, move, day=day), "treasury", "trustee")
    with database.connect() as connection:
        register = register_of(connection, BOND)
    for day in (None, "2026-01-31", "2026-02-01", "2026-03-01", "2026-04-01"):
        by_rule = held_on(register, date.fromisoformat(day) if day else None)
        assert held(database, day) == by_rule
    assert held(database, "2026-03-01")["A", "ada"] == (1, address("ada-2"))


def test_who_is_on_a_list_gets_no_units_until_compliance_decides(settings: Settings, database: Database) -> None:
    set_party(settings, database, "eve", "Aurelio Vantrosk", "Person", by=BY)
    set_address(database, "eve", address("eve"), by=BY)
    proposal = asked(settings, database, ("A", "ada", "eve", {"units": "1", "address": address("eve")}))
    assert show(database, proposal).row.state == "blocked"
    assert ("A", "eve") not in held(database)


def test_what_a_frozen_distribution_pays_by_is_not_changed_behind_it(settings: Settings, database: Database) -> None:
    move = ("A", "ada", "bob", {"units": "1"})
    waiting = asked(settings, database, move, day="2026-04-01")
    voted(settings, database, waiting, "treasury")
    frozen(database, "2026-04-01")
    for day in ("2026-03-31", "2026-04-01"):
        with pytest.raises(
            Permanent, match=r"pays those who held on 2026-04-01.*Date it 2026-04-02 or later.*withdraw"
        ):
            asked(settings, database, move, day=day)
    with pytest.raises(StepImpossible, match="Date it 2026-04-02 or later"):
        voted(settings, database, waiting, "compliance")
    assert show(database, waiting).row.state == "pending_approval"
    voted(settings, database, asked(settings, database, move, day="2026-04-02"), "treasury", "compliance")
    assert held(database)["A", "bob"] == (2, address("bob"))


@pytest.mark.parametrize(
    ("move", "words"),
    [
        (("A", "ada", "dora", {"units": "1.5", "address": address("dora")}), "a fraction of one cannot be moved"),
        (("A", "ada", "dora", {"units": "0", "address": address("dora")}), "Units are whole, 1 at least"),
        (("A", "ada", "dora", {"units": "3", "address": address("dora")}), "ada has 2 units of tranche A"),
        (("A", "cleo", "dora", {"address": address("dora")}), "cleo has no units of tranche A"),
        (("Z", "ada", "dora", {"units": "1", "address": address("dora")}), "Z is no tranche of BOND-2026-1"),
        (("A", "ada", "dora", {"units": "1"}), "nothing says where dora is paid"),
        (("A", "ada", "dora", {"units": "1", "address": address("bob")}), "is an address of bob"),
        (("A", "ada", "nemo", {"units": "1", "address": address("dora")}), "nemo"),
        (("A", "ada", "bob", {"units": "1", "shade": "blue"}), "shade is no field here"),
    ],
)
def test_what_is_wrong_is_refused_before_anybody_votes(
    settings: Settings, database: Database, move: tuple[str | None, str, str, Mapping[str, Any]], words: str
) -> None:
    with pytest.raises(Permanent, match=words):
        asked(settings, database, move)


def test_a_change_before_the_bond_or_of_no_line_is_refused(settings: Settings, database: Database) -> None:
    with pytest.raises(Permanent, match="begins on 2026-01-01"):
        asked(settings, database, ("A", "ada", "bob", {"units": "1"}), day="2025-12-31")
    with pytest.raises(Permanent, match="Name it: --record-date"):
        propose_transfer(settings, database, BOND, {"transfers": []})
    payload = {"bond": BOND, "record_date": DAY, "transfers": []}
    with pytest.raises(Permanent, match="Give 1 to 1000"):
        propose(settings, database, "bond.transfer", payload)
    payload["transfers"] = [{"from": "ada", "to": "bob", "units": "1", "address": address("bob")}]
    with pytest.raises(Permanent, match="names a tranche, or the equity"):
        propose(settings, database, "bond.transfer", payload)


def test_units_move_in_default_too_and_neither_while_paused_nor_when_all_is_over(
    settings: Settings, database: Database
) -> None:
    waiting = asked(settings, database, ("A", "ada", "bob", {"units": "1"}))
    for state in states(TABLE):
        put_in(database, state)
        if state in MOVABLE:
            assert asked(settings, database, ("A", "ada", "bob", {"units": "1"}))
        else:
            with pytest.raises(Permanent, match=f"is {state}, and keeps its holders"):
                asked(settings, database, ("A", "ada", "bob", {"units": "1"}))
    assert {"Defaulted", "Liquidating"} <= {*MOVABLE}
    assert not {"Paused", "Redeemed", "Matured", "Pending_Approval", "Draft"} & {*MOVABLE}
    put_in(database, "Paused")
    voted(settings, database, waiting, "treasury")
    with pytest.raises(StepImpossible, match="keeps its holders"):
        voted(settings, database, waiting, "compliance")
    put_in(database, "Current")
    voted(settings, database, waiting, "compliance")
    assert held(database)["A", "bob"] == (2, address("bob"))
