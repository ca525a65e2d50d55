"""Bonds for tests: documents of their terms and structure, the parties that they name, and bonds in any state."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from fntx_dagster.services.bonds.factory import create_bond, structure_bond, submit_bond
from fntx_dagster.services.bonds.guards import LedgerSaid
from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.screening.addresses import set_address
from fntx_dagster.services.screening.lists import load_list
from fntx_dagster.services.screening.parties import set_party
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.bonds import BondRow, bond, move_bond
from tests.services.governance.treasuries import begun, decision
from tests.services.screening.conftest import BY, ROWS, write_list
from tests.simulate.xrpl.people import address

BOND = "BOND-2026-1"
PEOPLE = {
    "house": "Quarrion Solar Ltd",
    "bank": "Bellweather Bank Ltd",
    "ada": "Helena Brightwater",
    "bob": "Tobias Wrenfield",
    "cleo": "Cleo Marchbanks",
    "trust": "Ostrander Trustees Ltd",
}
"""Party → name; `address(party)` is where each is paid."""
TERMS: dict[str, Any] = {
    "id": BOND,
    "name": "Solar park",
    "issuer": "house",
    "token": {"ledger": "xrpl", "code": "OPTKAS.BOND"},
    "cash": {"ledger": "xrpl", "code": "USD", "issuer": address("bank")},
    "currency": "USD",
    "decimals": 2,
    "notional": "1500000.00",
    "rate": "0.05",
    "day_count": "30E360",
    "cycle": "P3ML1",
    "start": "2026-01-01",
    "maturity": "2027-01-01",
    "fees": [{"id": "trustee", "due": "5000.00", "party": "trust", "address": address("trust")}],
}
STRUCTURE: dict[str, Any] = {
    "series": [
        {
            "id": "S1",
            "notional": "1500000.00",
            "tranches": [
                {
                    "id": "A",
                    "class": "senior",
                    "notional": "1000000.00",
                    "holders": [
                        {"party": "ada", "units": "2", "address": address("ada")},
                        {"party": "bob", "units": "1", "address": address("bob")},
                    ],
                },
                {
                    "id": "B",
                    "class": "mezzanine",
                    "notional": "300000.00",
                    "rate": "0.08",
                    "repayment": "linear",
                    "holders": [{"party": "bob", "units": "10", "address": address("bob")}],
                },
                {
                    "id": "C",
                    "class": "subordinated",
                    "notional": "200000.00",
                    "rate": "0.12",
                    "repayment": "annuity",
                    "holders": [{"party": "cleo", "units": "1", "address": address("cleo")}],
                },
            ],
        }
    ],
    "equity": [{"party": "house", "units": "3", "address": address("house")}],
}


def with_field(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of a document in which one field is another; `None` leaves it out."""
    changed = copy.deepcopy(document)
    *way, name = (int(part) if part.isdigit() else part for part in path.split("."))
    inner: Any = changed
    for part in way:
        inner = inner[part]
    if value is None:
        del inner[name]
    else:
        inner[name] = value
    return changed


def enter_parties(settings: Settings, db: Database) -> None:
    """A list of three entities, and the parties of the bond, who are not on it."""
    load_list(settings, db, write_list(settings.home / "list.csv", *ROWS), by=BY)
    for party, name in PEOPLE.items():
        set_party(settings, db, party, name, "Person", by=BY)
        set_address(db, party, address(party), by=BY)


def treasury_of_bonds(home: Path, db: Database) -> Settings:
    """A treasury whose three signers are enrolled, with the parties of a bond."""
    settings = begun(home, db)
    enter_parties(settings, db)
    return settings


def drafted(settings: Settings, db: Database) -> BondRow:
    return create_bond(settings, db, TERMS)


def structured(settings: Settings, db: Database) -> BondRow:
    drafted(settings, db)
    return structure_bond(settings, db, BOND, STRUCTURE)


def submitted(settings: Settings, db: Database) -> UUID:
    """The proposal of a bond that waits for its approval."""
    structured(settings, db)
    return submit_bond(settings, db, BOND).proposal_id


def active(settings: Settings, db: Database) -> BondRow:
    """A bond that two signers approved."""
    voted(settings, db, submitted(settings, db), "treasury", "trustee")
    return now(db)


def put_in(db: Database, state: str) -> None:
    """Move the bond to a state by the store alone: how it got there plays no part in what follows."""
    with db.connect() as connection:
        found = bond(connection, BOND)
        assert found
        assert found.state == state or move_bond(connection, BOND, found.state, state)


def now(db: Database) -> BondRow:
    with db.connect() as connection:
        found = bond(connection, BOND)
    assert found
    return found


def voted(settings: Settings, db: Database, proposal: UUID, *signers: str, word: str = "approve") -> None:
    for signer in signers:
        decide(settings, db, proposal, decision(db, proposal, signer, word))


def on(day: str) -> LedgerSaid:
    """A ledger that closed in the middle of a day."""
    return LedgerSaid(datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC).replace(hour=12))
