"""A treasury at a simulated ledger whose ledgers close when the test says so: the same words for both ledgers. Signers
sign in this process, with the public libraries; `worlds.signed_elsewhere` has them sign in one of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from stellar_sdk import TransactionEnvelope
from xrpl.models import Transaction
from xrpl.transaction import sign

from fntx_dagster.services.governance.reading import show
from fntx_dagster.services.transactions.confirming import SEND_AGAIN, confirm
from fntx_dagster.services.transactions.importing import ImportedPart, import_part
from fntx_dagster.services.transactions.preparing import prepare
from fntx_dagster.services.transactions.settling import Settled
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.horizon.network import StellarNetwork
from fntx_dagster.simulate.horizon.server import SimulatedHorizon, serve_horizon
from fntx_dagster.simulate.xrpl.server import XrplServer, serve_xrpl
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.transactions import LedgerTxRow, transaction_of
from tests.services.transactions.worlds import (
    STELLAR_KEYS,
    XRPL_NAMES,
    approved,
    begun,
    issue,
    network,
    payment,
    town,
)
from tests.simulate.xrpl.people import Town, wallet

NOW = SEND_AGAIN * 0
TWO = ("treasury", "trustee")


class SigningDesk(NamedTuple):
    """The treasury. Of `town` and `network` there is the one of its ledger."""

    ledger: str
    settings: Settings
    db: Database
    town: Town | None = None
    xrpl: XrplServer | None = None
    network: StellarNetwork | None = None
    horizon: SimulatedHorizon | None = None

    def approved(self, value: str = "1") -> UUID:
        """A proposal of a payment."""
        if self.ledger == "xrpl":
            return approved(self.settings, self.db, "iou.issue", issue(value))
        return approved(self.settings, self.db, "iou.redeem", payment(value))

    def prepared(self, value: str = "1") -> UUID:
        """One whose transaction waits for signatures."""
        proposal = self.approved(value)
        prepare(self.settings, self.db, proposal)
        return proposal

    def ready(self, value: str = "1") -> UUID:
        """One whose transaction is signed."""
        proposal = self.prepared(value)
        assert self.signed(proposal, *TWO).state == "ready_to_submit"
        return proposal

    def part(self, proposal: UUID, signer: str) -> bytes:
        """What a signer returns."""
        row = self.row(proposal)
        if self.ledger == "xrpl":
            tx = Transaction.from_blob(row.unsigned)
            return sign(tx, wallet(XRPL_NAMES[signer]), multisign=True).blob().encode()
        envelope = TransactionEnvelope.from_xdr(row.unsigned, row.network)
        envelope.sign(STELLAR_KEYS[signer])
        return envelope.to_xdr().encode()

    def signed(self, proposal: UUID, *signers: str) -> ImportedPart:
        """Import what signers return."""
        parts = [import_part(self.settings, self.db, self.part(proposal, each)) for each in signers]
        return parts[-1]

    def row(self, proposal: UUID) -> LedgerTxRow:
        with self.db.connect() as connection:
            row = transaction_of(connection, proposal)
        assert row
        return row

    def is_prepared(self, proposal: UUID) -> bool:
        with self.db.connect() as connection:
            return transaction_of(connection, proposal) is not None

    def states(self, proposal: UUID) -> tuple[str, str]:
        """Of the proposal, and of its transaction."""
        return show(self.db, proposal).row.state, self.row(proposal).state

    def settled(self, proposal: UUID) -> Settled:
        """Confirm it now."""
        [settled] = confirm(self.settings, self.db, proposal, send_again=NOW)
        return settled

    def close(self, ledgers: int = 1) -> None:
        """Close ledgers; on Stellar each is a second later."""
        for _ in range(ledgers):
            if self.xrpl:
                self.xrpl.close_ledger()
            if self.network:
                self.network.close()

    def loses_submissions(self, times: int = 1) -> None:
        """The next submissions do not arrive."""
        if self.xrpl:
            self.xrpl.fail(on="submit", do="cut", count=times)
        if self.horizon:
            self.horizon.fail("POST", "/transactions_async", "cut", times=times)

    def paid(self) -> int:
        """How much was paid."""
        from tests.simulate.horizon.parts import LUMEN, TREASURY, USD_KEY

        if self.town:
            line: Any = self.town.line("treasury", "issuer")
            return int(line["balance"])
        assert self.network
        return 500 - self.network.accounts[TREASURY.public_key].lines[USD_KEY].balance // LUMEN


@contextmanager
def desk_at(ledger: str, db: Database, home: Path) -> Iterator[SigningDesk]:
    """A desk at one of the ledgers."""
    if ledger == "xrpl":
        here = town()
        with serve_xrpl(here.ledger) as server:
            yield SigningDesk(ledger, begun(home, db, xrpl=server.url), db, town=here, xrpl=server)
        return
    there = network()
    with serve_horizon(there, closes_every=3600, with_faults=True) as server:
        yield SigningDesk(ledger, begun(home, db, horizon=server.url), db, network=there, horizon=server)
