"""A treasury on a simulated XRP Ledger whose time the tests move, with all that an escrow of tokens needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from fntx_dagster.services.escrows.creating import create_escrow
from fntx_dagster.services.escrows.finishing import EscrowMove, finish_escrow
from fntx_dagster.services.escrows.proposing import propose_escrow
from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.governance.reading import show
from fntx_dagster.services.screening.addresses import set_address
from fntx_dagster.services.screening.parties import set_party
from fntx_dagster.services.transactions.submitting import submit
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.xrpl.server import serve_xrpl
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.escrows import EscrowRow, escrow, steps_of
from fntx_dagster.store.treasury.transactions import LedgerTxRow
from tests.services.governance.treasuries import decision
from tests.services.screening.conftest import BY
from tests.services.transactions.desks import SigningDesk
from tests.services.transactions.worlds import XRPL_NAMES, begun
from tests.simulate.xrpl.people import START, XRP, Town, address, funded, signers, token

DAY = timedelta(days=1)
TWO = ("treasury", "trustee")
BOND_FUNDING = {
    "template": "bond_funding",
    "destination": address("buyer"),
    "amount": {"currency": "OPTKAS.BOND", "issuer": "issuer", "value": "250.5"},
}
SETTLEMENT = {"template": "settlement", "destination": address("buyer"), "amount": "25000000"}
DEED = "ab" * 32


def harbour_town() -> Town:
    """An issuer whose tokens may be locked, the treasury that holds 1000 of them under three signers, and a buyer whose
    line is authorised."""
    town = funded("issuer", "treasury", "buyer", "stranger", drops=1000 * XRP)
    for flag in (2, 17):
        assert town.does("issuer", "AccountSet", SetFlag=flag) == "tesSUCCESS"
    for holder in ("treasury", "buyer"):
        assert town.does(holder, "TrustSet", LimitAmount=token("1000", "issuer")) == "tesSUCCESS"
        line = {"currency": token("0", "issuer")["currency"], "issuer": address(holder), "value": "0"}
        assert town.does("issuer", "TrustSet", LimitAmount=line, Flags=0x10000) == "tesSUCCESS"
    paid = town.does("issuer", "Payment", Destination=address("treasury"), Amount=token("1000", "issuer"))
    assert paid == "tesSUCCESS"
    assert town.does("treasury", "SignerListSet", **signers(2, *XRPL_NAMES.values())) == "tesSUCCESS"
    return town


class Harbour(NamedTuple):
    """The treasury, and the ledger whose time passes when a test says so."""

    desk: SigningDesk
    town: Town

    @property
    def settings(self) -> Settings:
        return self.desk.settings

    @property
    def db(self) -> Database:
        return self.desk.db

    def passes(self, time: timedelta) -> None:
        """Let the ledger's time pass, which runs ahead of its clock, and close ledgers."""
        now = self.closed_at().timestamp() + time.total_seconds()
        self.town.ledger.clock = lambda: now
        self.desk.close(2)

    def closed_at(self) -> datetime:
        from fntx_dagster.services.governance.configuration import configured
        from fntx_dagster.services.transactions.opening import opened

        with opened(self.settings, configured(self.settings), "xrpl") as ledger:
            return ledger.closed_at()

    def bond(self, bond_id: str) -> str:
        """A bond that is there."""
        with self.db.connect() as connection:
            connection.execute(
                """insert into treasury.bond (bond_id, name, issuer, token_ledger, token_code, token_issuer,
                    cash_ledger, cash_code, cash_issuer, currency, decimals, notional, rate, day_count, cycle,
                    business_days, calendar, start_date, maturity_date, grace_days, cure_days, terms, terms_hash,
                    created_by, created_at, state)
                values (%s, 'A bond', 'good', 'xrpl', 'B', 'r', 'xrpl', 'C', 'r', 'USD', 2, 250, 0.05, '30E360',
                    'P3ML1', 'SCF', 'NC', '2026-01-01', '2027-01-01', 10, 30, '{}', repeat('0', 64), 'x', now(),
                    'Draft')""",
                [bond_id],
            )
        return bond_id

    def proposed(self, document: dict[str, Any] | None = None) -> UUID:
        return propose_escrow(self.settings, self.db, document or BOND_FUNDING, ["house"]).escrow_id

    def votes(self, proposal: UUID, *names: str, word: str = "approve") -> str:
        """Decide, and say the proposal's state."""
        for name in names:
            decide(self.settings, self.db, proposal, decision(self.db, proposal, name, word))
        return show(self.db, proposal).row.state

    def vote_on(self, escrow_id: UUID, kind: str) -> UUID:
        """The newest proposal of a kind about an escrow."""
        from fntx_dagster.store.treasury.escrows import proposals_of

        with self.db.connect() as connection:
            return [each.proposal_id for each in proposals_of(connection, escrow_id) if each.kind == kind][-1]

    def approved(self, document: dict[str, Any] | None = None) -> UUID:
        escrow_id = self.proposed(document)
        assert self.votes(self.vote_on(escrow_id, "escrow.approve"), *TWO) == "approved"
        return escrow_id

    def sent(self, prepared: LedgerTxRow) -> str:
        """Sign, submit, close a ledger, confirm: the transaction's state."""
        self.desk.signed(prepared.proposal_id, *TWO)
        submit(self.settings, self.db, prepared.proposal_id)
        self.desk.close()
        return self.desk.settled(prepared.proposal_id).state

    def active(self, document: dict[str, Any] | None = None) -> UUID:
        """An escrow that its ledger holds."""
        escrow_id = self.approved(document)
        assert self.sent(create_escrow(self.settings, self.db, escrow_id)) == "confirmed"
        assert self.state(escrow_id) == "Active"
        return escrow_id

    def released(self, escrow_id: UUID) -> EscrowMove:
        """Two approve its release; it is prepared."""
        vote = finish_escrow(self.settings, self.db, escrow_id).vote
        assert vote
        assert self.votes(vote, *TWO) == "approved"
        return finish_escrow(self.settings, self.db, escrow_id)

    def row(self, escrow_id: UUID) -> EscrowRow:
        with self.db.connect() as connection:
            row = escrow(connection, escrow_id)
        assert row
        return row

    def state(self, escrow_id: UUID) -> str:
        return self.row(escrow_id).state

    def events(self, escrow_id: UUID) -> list[str]:
        with self.db.connect() as connection:
            return [each.event for each in steps_of(connection, escrow_id)]


@contextmanager
def harbour_at(db: Database, home: Path) -> Iterator[Harbour]:
    """A treasury at a ledger of its own."""
    town = harbour_town()
    with serve_xrpl(town.ledger) as server:
        settings = begun(home, db, xrpl=server.url)
        set_party(settings, db, "house", "Optkas Treasury Ltd", "Company", by=BY)
        set_address(db, "good", address("buyer"), by=BY)
        town.ledger.clock = lambda: START
        yield Harbour(SigningDesk("xrpl", settings, db, town=town, xrpl=server), town)
