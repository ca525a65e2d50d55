"""A treasury with something on each of its pages, made in a home of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

from fntx_dagster.bonds.deals import read_deal
from fntx_dagster.bonds.distributions import Payee, frozen
from fntx_dagster.bonds.waterfall import distributed
from fntx_dagster.services.auditing.checkpointing import make_checkpoint
from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.services.database import open_database
from fntx_dagster.services.escrows.payloads import approval_payload
from fntx_dagster.services.escrows.sealing import new_sealed_condition
from fntx_dagster.services.escrows.steps import begin_escrow
from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.governance.ending import cancel
from fntx_dagster.services.governance.proposing import propose, proposed
from fntx_dagster.services.governance.reading import list_proposals
from fntx_dagster.services.reconciling.running import run as reconcile
from fntx_dagster.services.screening.addresses import set_address
from fntx_dagster.services.screening.parties import set_party
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.distributions import DistributionRow, LineRow, PaymentRow, add_distribution
from fntx_dagster.store.treasury.escrows import EscrowRow
from fntx_dagster.store.treasury.platform import entered
from tests.services.bonds.built import BOND, PEOPLE, structured
from tests.services.execution.desks import a_desk_with_a_strategy
from tests.services.governance.treasuries import STANDING, decision
from tests.services.screening.conftest import BY
from tests.services.transactions.worlds import begun, issue
from tests.simulate.xrpl.people import address


def filled(home: Path) -> None:
    """A treasury: a proposal of each way to wait, one that is over, a standing approval, a party with a match, a bond
    with its structure."""
    db = open_database(Settings(home=home))
    settings = begun(home, db)
    for kind, payload, parties in (
        ("iou.issue", issue(), ["good"]),
        ("emergency.pause", {"reason": "a key may be lost"}, []),
    ):
        propose(settings, db, kind, payload, parties)
    over = propose(settings, db, "emergency.pause", {"reason": "it was a mistake"})
    cancel(settings, db, over, "it was withdrawn")
    set_party(settings, db, "listed", "Aurelio Vantrosk", "Person", "1961", by=BY)
    propose(settings, db, "iou.issue", issue("7"), ["listed"])
    approved = propose(settings, db, "iou.issue", issue("3"), ["good"])
    standing = propose(settings, db, "standing.approve", STANDING)
    for proposal, signers in ((approved, ("treasury", "trustee")), (standing, ("treasury", "trustee", "compliance"))):
        for signer in signers:
            decide(settings, db, proposal, decision(db, proposal, signer))
    for party, name in PEOPLE.items():
        set_party(settings, db, party, name, "Person", by=BY)
        set_address(db, party, address(party), by=BY)
    structured(settings, db)
    a_distribution(db)
    an_escrow(settings, db)
    a_desk_with_a_strategy(settings, db)
    make_checkpoint(settings, db, datetime.now(UTC))
    reconcile(settings, db)  # no server is named: every check is without an answer
    db.close()


def a_distribution(db: Database) -> None:
    """A distribution that is computed; no ledger is asked."""
    holders = [{"id": party, "units": "1"} for party in sorted(PEOPLE)]
    tranche = {"id": "A", "class": "senior", "outstanding": "1000000.00", "rate": "0.05", "day_count": "30E360"}
    owed = {"principal_due": "100000.00", "interest_arrears": "0.00", "principal_arrears": "0.00"}
    asked = {
        "currency": "USD",
        "decimals": 2,
        "period": {"start": "2026-01-01", "end": "2026-04-01"},
        "state": "current",
        "available": "90000.00",
        "fees": [],
        "equity": {"holders": []},
        "tranches": [tranche | owed | {"holders": holders}],
    }
    deal, distribution_id = read_deal(asked), uuid4()
    waterfall = distributed(deal)
    payees = {("A", party): Payee(party, address(party)) for party in PEOPLE}
    whole = frozen({"distribution": str(distribution_id), "bond": BOND, "number": 1}, asked, deal, waterfall, payees)
    none = Decimal(0)
    row = DistributionRow(
        *(distribution_id, BOND, 1, 1, Decimal(90_000), none, none, whole.document, whole.hash),
        *("xrpl", address("treasury"), 7, BY, datetime.now(UTC), "computed"),
    )
    lines = [
        LineRow(number, each.step, each.kind, each.rank, each.id, *(Decimal(units).scaleb(-2) for units in each[4:8]))
        for number, each in enumerate(waterfall.lines, 1)
    ]
    paid = [
        PaymentRow(
            *(each.number, each.step, each.kind, each.line_id, each.payee.party, each.payee.address),
            *(Decimal(each.amount), each.invoice_id),
        )
        for each in whole.payments
    ]
    with db.connect() as connection:
        add_distribution(connection, row, lines, paid, [])


def an_escrow(settings: Settings, db: Database) -> UUID:
    """An escrow whose terms wait for decisions; no ledger is asked."""
    escrow_id, events = uuid4(), []
    with entered(db) as connection:
        sealed = new_sealed_condition(settings, connection, escrow_id)
        row = EscrowRow(
            *(escrow_id, "settlement", None, 1, address("treasury"), address("stranger"), None, None, None),
            *(Decimal(25_000_000), sealed.condition, ["good"], BY, datetime.now(UTC), "Proposed"),
        )
        begin_escrow(connection, row, sealed.preimage, BY)
        proposed(settings, connection, "escrow.approve", approval_payload(row), events, row.parties)
        append_all(settings, connection, events)
    return escrow_id


def waiting(db: Database) -> UUID:
    """The first proposal that waits for decisions."""
    return list_proposals(db, "pending_approval")[-1].row.proposal_id
