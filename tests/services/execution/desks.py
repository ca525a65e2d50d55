"""A desk on a simulated XRP Ledger: its account, those who trade with it, and the signers who decide and sign."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from xrpl.models import Transaction
from xrpl.transaction import sign

from fntx_dagster.execution.assets import LedgerAsset
from fntx_dagster.governance.decisions import moment
from fntx_dagster.services.execution.advancing import Advanced, advance
from fntx_dagster.services.execution.asking import desk_ledger
from fntx_dagster.services.execution.starting import start
from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.transactions.importing import import_part
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.xrpl.ledger import new_ledger
from fntx_dagster.simulate.xrpl.server import XrplServer, serve_xrpl
from fntx_dagster.simulate.xrpl.view import NetworkRules
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.desks import desks
from fntx_dagster.store.treasury.proposals import ProposalRow, proposals
from fntx_dagster.store.treasury.strategies import SliceRow, StrategyRow, add_strategy, slices_of
from fntx_dagster.store.treasury.transactions import transaction_of
from tests.services.governance.treasuries import decision
from tests.services.transactions.worlds import SIGNERS, XRPL_NAMES, begun
from tests.simulate.xrpl.people import START, Town, address, signers, token, wallet
from tests.simulate.xrpl.people import XRP as DROPS

LIMITS = {
    "max_position": "100000",
    "max_single_order": "50000",
    "max_slippage_pct": "2",
    "daily_loss_pct": "5",
    "max_daily_volume": "200000",
    "max_open_orders": 50,
    "breaker_pct": "5",
    "kill_pct": "10",
}
IMMEDIATE = 0x20000


class DexDesk(NamedTuple):
    """The desk, its ledger, and who is there."""

    settings: Settings
    db: Database
    town: Town
    server: XrplServer

    @property
    def now(self) -> datetime:
        """The ledger's time."""
        with desk_ledger(self.settings) as at:
            return at.now

    @property
    def bond(self) -> LedgerAsset:
        return LedgerAsset("OPTKAS.BOND", address("issuer"))

    def close(self, seconds: int = 0) -> None:
        """Close a ledger so many seconds later."""
        with self.server.lock:
            if seconds:
                self.server.fail(advance=seconds)
            self.town.close_ledger()

    def offer(self, name: str, gives: str, wants: str, **fields: Any) -> str:
        """`5 XRP` is so many, `5` so many bonds."""
        given, wanted = (
            str(int(float(each[:-4]) * DROPS)) if "X" in each else token(each, "issuer") for each in (gives, wants)
        )
        with self.server.lock:
            return self.town.does(name, "OfferCreate", TakerGets=given, TakerPays=wanted, **fields)

    def lives(self, **limits: Any) -> UUID:
        """Live trading, approved by three."""
        desk = {"quote": {"currency": "XRP"}, "limits": LIMITS | limits}
        return self.decided("trade.live", {"reason": "it was tried on paper", "desk": desk}, *SIGNERS)

    def decided(self, kind: str, payload: dict[str, Any], *by: str) -> UUID:
        proposal = propose(self.settings, self.db, kind, payload)
        for each in by:
            decide(self.settings, self.db, proposal, decision(self.db, proposal, each))
        return proposal

    def document(self, **changed: Any) -> dict[str, Any]:
        """A sale of 100 bonds in four slices of an hour, from the next full minute on."""
        begin = self.now.replace(second=0, microsecond=0) + timedelta(minutes=1)
        whole = {
            "strategy": "twap",
            "side": "sell",
            "base": {"currency": "OPTKAS.BOND", "issuer": address("issuer")},
            "quote": {"currency": "XRP"},
            "quantity": "100",
            "decimals": 6,
            "start": f"{begin:%Y-%m-%dT%H:%M:%SZ}",
            "end": f"{begin + timedelta(hours=4):%Y-%m-%dT%H:%M:%SZ}",
            "slices": 4,
        }
        return whole | changed

    def start(self, **changed: Any) -> UUID:
        return start(self.settings, self.db, self.document(**changed))

    def advance(self) -> Advanced:
        return advance(self.settings, self.db)

    def people_decide(self, *by: str) -> int:
        """The signers approve every batch that waits; how many there were."""
        waiting = self.proposals("pending_approval")
        for row in waiting:
            for each in by or ("treasury", "trustee"):
                decide(self.settings, self.db, row.proposal_id, decision(self.db, row.proposal_id, each))
        return len(waiting)

    def people_sign(self) -> int:
        """The signers sign every order that is prepared; how many there were."""
        waiting = self.proposals("prepared", "signing")
        for row in waiting:
            with self.db.connect() as connection:
                tx = transaction_of(connection, row.proposal_id)
            assert tx
            for each in ("treasury", "trustee"):
                blob = sign(Transaction.from_blob(tx.unsigned), wallet(XRPL_NAMES[each]), multisign=True).blob()
                import_part(self.settings, self.db, blob.encode())
        return len(waiting)

    def turn(self, seconds: int = 0) -> Advanced:
        """Everybody does what is to be done, and a ledger closes; then the program goes on."""
        self.advance()
        self.people_decide()
        self.advance()
        self.people_sign()
        self.advance()
        self.close(seconds)
        return self.advance()

    def proposals(self, *states: str) -> list[ProposalRow]:
        with self.db.connect() as connection:
            return [row for row in reversed(proposals(connection, states)) if row.kind == "trade.order"]

    def slices(self, strategy: UUID) -> list[SliceRow]:
        with self.db.connect() as connection:
            return slices_of(connection, strategy)

    def holds(self) -> dict[LedgerAsset, Any]:
        with desk_ledger(self.settings) as at:
            return at.balances()


def dex_town(began: float = START) -> Town:
    """A ledger on which the desk and a market maker hold 1,000 bonds each, and the desk has twenty tickets; its clock
    stands at `began`, in seconds since 1970."""
    people = ("issuer", "treasury", "trading", "maker", "stranger")
    town = Town(new_ledger({address(name): 10_000 * DROPS for name in people}, NetworkRules(), lambda: began))
    town.does("issuer", "AccountSet", SetFlag=8)
    for name in ("trading", "maker"):
        town.does(name, "TrustSet", LimitAmount=token("100000", "issuer"))
        town.does("issuer", "Payment", Destination=address(name), Amount=token("1000", "issuer"))
    assert town.does("trading", "SignerListSet", **signers(2, *XRPL_NAMES.values())) == "tesSUCCESS"
    assert town.does("trading", "TicketCreate", TicketCount=20) == "tesSUCCESS"
    return town


@contextmanager
def dex_desk(db: Database, home: Path, began: float = START) -> Iterator[DexDesk]:
    town = dex_town(began)
    with serve_xrpl(town.ledger) as server:
        yield DexDesk(begun(home, db, xrpl=server.url), db, town, server)


def a_desk_with_a_strategy(settings: Settings, db: Database) -> UUID:
    """A desk that may trade, with a sale of 100 bonds in one slice, as no ledger has seen it; the sale's id."""
    desk = {"quote": {"currency": "XRP"}, "limits": LIMITS}
    proposal = propose(settings, db, "trade.live", {"reason": "it was tried", "desk": desk})
    for signer in SIGNERS:
        decide(settings, db, proposal, decision(db, proposal, signer))
    begin, end = moment("2026-12-01T10:00:00Z"), moment("2026-12-01T11:00:00Z")
    terms = ("twap", "sell", "OPTKAS.BOND", "rIssuer", "XRP", "", Decimal(100), 6, None, begin, end, 5, None)
    with db.connect() as connection:
        [approved] = desks(connection)
        row = StrategyRow(uuid4(), approved.account, *terms, "running", "", "operator:terminal")
        add_strategy(connection, row, [SliceRow(row.strategy_id, 1, begin, end, Decimal(100))])
    return row.strategy_id
