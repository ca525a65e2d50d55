"""A bond whose holders are paid at a simulated ledger: its rows, its town or network, and its signers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from stellar_sdk import TransactionEnvelope
from xrpl.models import Transaction
from xrpl.transaction import sign

from fntx_dagster.services.distributions.computing import compute
from fntx_dagster.services.distributions.paying import DistributionProgress, pay
from fntx_dagster.services.distributions.proposing import propose_distribution
from fntx_dagster.services.distributions.receipts import receipt_by_evidence
from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.governance.reading import show
from fntx_dagster.services.screening.addresses import set_address
from fntx_dagster.services.screening.parties import set_party
from fntx_dagster.services.transactions.importing import import_part
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.horizon.entries import AccountEntry
from fntx_dagster.simulate.horizon.network import StellarNetwork
from fntx_dagster.simulate.horizon.server import SimulatedHorizon, serve_horizon
from fntx_dagster.simulate.xrpl.server import XrplServer, serve_xrpl
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.bond_money import CashflowRow, add_cashflows
from fntx_dagster.store.treasury.bonds import (
    BondRow,
    FeeRow,
    HoldingRow,
    SeriesRow,
    TrancheRow,
    add_bond,
    add_fees,
    add_holdings,
    add_series,
    add_tranches,
    bond,
    move_bond,
    set_structure,
)
from fntx_dagster.store.treasury.transactions import UNSIGNED_STATES, transactions
from tests.services.governance.treasuries import decision
from tests.services.screening.conftest import BY
from tests.services.transactions.worlds import STELLAR_KEYS, XRPL_NAMES, begun, network
from tests.simulate.horizon.parts import LUMEN, TREASURY, USD_KEY, key, line, multisig
from tests.simulate.xrpl.people import XRP, Town, address, funded, signers, token, wallet

BOND = "bond-1"
TWO = ("treasury", "trustee")
PERIODS = (("2026-01-01", "2026-04-01"), ("2026-04-01", "2026-07-01"), ("2026-07-01", "2026-10-01"))


class BondDesk(NamedTuple):
    """A bond at one ledger, of which there is `town` or `network`."""

    ledger: str
    settings: Settings
    db: Database
    folder: Path
    town: Town | None = None
    xrpl: XrplServer | None = None
    network: StellarNetwork | None = None
    horizon: SimulatedHorizon | None = None

    def cash(self, amount: str, document: str = "statement.pdf") -> None:
        """Cash that came in, by evidence."""
        digest = sha256(document.encode("utf-8", "surrogateescape")).hexdigest()
        receipt_by_evidence(self.settings, self.db, BOND, amount, date(2026, 4, 1), (document, digest), "a statement")

    def approved(self, amount: str, period: int = 1, document: str = "") -> UUID:
        """A distribution that two approved."""
        self.cash(amount, document or f"statement-{period}.pdf")
        row = compute(self.settings, self.db, BOND, period)
        self.decided(propose_distribution(self.settings, self.db, row.distribution_id))
        return row.distribution_id

    def decided(self, proposal: UUID) -> None:
        for signer in TWO:
            decide(self.settings, self.db, proposal, decision(self.db, proposal, signer))
        assert show(self.db, proposal).row.state == "approved"

    def go_on(self, distribution: UUID) -> DistributionProgress:
        return pay(self.settings, self.db, distribution, self.folder)

    def sign(self, *, leave: int = 0) -> int:
        """Sign and import all that waits but for the last few; how many transactions."""
        with self.db.connect() as connection:
            rows = transactions(connection, UNSIGNED_STATES)
        chosen = rows[: len(rows) - leave]
        for row in chosen:
            for part in parts_of(row.ledger, row.unsigned, row.network):
                import_part(self.settings, self.db, part, row.proposal_id)
        return len(chosen)

    def close(self, ledgers: int = 1) -> None:
        for _ in range(ledgers):
            if self.xrpl:
                self.xrpl.close_ledger()
            if self.network:
                self.network.close()

    def paid_out(self, distribution: UUID, rounds: int = 40) -> DistributionProgress:
        """Carry a distribution to its end."""
        report = self.go_on(distribution)
        for _ in range(rounds):
            if report.next == "nothing":
                return report
            self.sign()
            self.go_on(distribution)
            self.close()
            report = self.go_on(distribution)
        raise AssertionError(report.problems or report.next)

    def balance(self, holder: str) -> Decimal:
        """What a holder has of the cash."""
        if self.town:
            held = self.town.line(holder, "bank", "USD")
            return Decimal(held["balance"]) if held else Decimal(0)
        assert self.network
        lines = self.network.accounts[key(holder).public_key].lines
        return Decimal(lines[USD_KEY].balance) / LUMEN

    def state(self) -> str:
        with self.db.connect() as connection:
            row = bond(connection, BOND)
        assert row
        return row.state

    def addressed(self, holder: str) -> str:
        return address(holder) if self.ledger == "xrpl" else key(holder).public_key


def parts_of(ledger: str, unsigned: str, network: str) -> Iterator[bytes]:
    """What two signers return."""
    for signer in TWO:
        if ledger == "xrpl":
            tx = Transaction.from_blob(unsigned)
            yield sign(tx, wallet(XRPL_NAMES[signer]), multisign=True).blob().encode()
        else:
            envelope = TransactionEnvelope.from_xdr(unsigned, network)
            envelope.sign(STELLAR_KEYS[signer])
            yield envelope.to_xdr().encode()


def paying_town(holders: Sequence[str], cash: str = "1000000") -> Town:
    """An XRP Ledger on which the treasury, held by three signers, has dollars of a bank, and each holder a line."""
    town = funded("issuer", "treasury", "bank", *holders, drops=1000 * XRP)
    assert town.does("bank", "AccountSet", SetFlag=8) == "tesSUCCESS"
    for name in ("treasury", *holders):
        assert town.send(name, "TrustSet", LimitAmount=token("100000000", "bank", "USD")) == "tesSUCCESS"
    town.close_ledger()
    assert (
        town.does("bank", "Payment", Destination=address("treasury"), Amount=token(cash, "bank", "USD")) == "tesSUCCESS"
    )
    assert town.does("treasury", "SignerListSet", **signers(2, *XRPL_NAMES.values())) == "tesSUCCESS"
    return town


def paying_network(holders: Sequence[str], cash: int = 200_000) -> StellarNetwork:
    """A Stellar network on which the distribution account has dollars, and each holder a line."""
    known = network()
    fields = {**line(cash, 1_000_000), **multisig()}
    known.put(AccountEntry(TREASURY.public_key, balance=100 * LUMEN, sequence=7, **fields))
    for holder in holders:
        known.put(AccountEntry(key(holder).public_key, balance=100 * LUMEN, sequence=1, **line(0, 1_000_000)))
    return known


@contextmanager
def bond_desk(
    ledger: str, db: Database, home: Path, holders: Sequence[str], closes_every: float | None = None, **more: Any
) -> Iterator[BondDesk]:
    """A bond in the state Funded whose tranche A has these holders, one unit each; fees go to the first."""
    if ledger == "xrpl":
        here = paying_town(holders)
        with serve_xrpl(here.ledger, closes_every=closes_every) as server:
            settings = begun(home, db, xrpl=server.url)
            desk = BondDesk(ledger, settings, db, home / "to-sign", town=here, xrpl=server)
            _enter(desk, holders, **more)
            yield desk
        return
    there = paying_network(holders)
    with serve_horizon(there, closes_every=closes_every or 3600, with_faults=True) as server:
        settings = begun(home, db, horizon=server.url)
        desk = BondDesk(ledger, settings, db, home / "to-sign", network=there, horizon=server)
        _enter(desk, holders, **more)
        yield desk


def _enter(desk: BondDesk, holders: Sequence[str], equity: Sequence[str] = (), principal: str = "100000.00") -> None:
    db = desk.db
    set_party(desk.settings, db, "bank", "Halvorsen Bank", "Company", by=BY)
    if desk.ledger == "xrpl":
        set_address(db, "bank", address("bank"), by=BY)
    for holder in {*holders, *equity}:
        set_party(desk.settings, db, holder, f"Holder {holder} Brightwater", "Company", by=BY)
        set_address(db, holder, desk.addressed(holder), by=BY)
    issuer = USD_KEY.split(":")[1]
    cash = ("xrpl", "USD", address("bank")) if desk.ledger == "xrpl" else ("stellar", USD_KEY.split(":")[0], issuer)
    start, maturity, now = date(2026, 1, 1), date(2026, 10, 1), datetime.now(UTC)
    token_of_bond = ("xrpl", "OPTKAS.BOND", address("issuer"))
    money = ("USD", 2, Decimal(1_500_000), Decimal("0.05"), "30E360", "P3ML1", "NOS", "NC", start, maturity, 10, 30)
    row = BondRow(BOND, "A bond", "bank", *token_of_bond, *cash, *money, "{}", "0" * 64, "tests", now, "Draft")
    with db.connect() as connection:
        assert add_bond(connection, row)
        assert set_structure(connection, BOND, "Draft", "Structuring", "{}", "0" * 64)
        assert move_bond(connection, BOND, "Structuring", "Funded")
        add_fees(connection, BOND, [FeeRow("trustee", Decimal("5000.00"), holders[0], desk.addressed(holders[0]))])
        add_series(connection, BOND, [SeriesRow("s1", Decimal(1_500_000))])
        tranches = [("A", "senior", 1_000_000, "0.05"), ("B", "mezzanine", 500_000, "0.08")]
        add_tranches(
            connection,
            BOND,
            [
                TrancheRow(name, "s1", rank, Decimal(notional), Decimal(rate), "30E360", "linear")
                for name, rank, notional, rate in tranches
            ],
        )
        held = [HoldingRow("A", each, Decimal(1), desk.addressed(each)) for each in holders]
        held.append(HoldingRow("B", holders[-1], Decimal(3), desk.addressed(holders[-1])))
        held += [HoldingRow(None, each, Decimal(1), desk.addressed(each)) for each in equity]
        add_holdings(connection, BOND, held, "tests", now)
        flows: list[CashflowRow] = []
        for number, (begins, ends) in enumerate(PERIODS, 1):
            days = (number, date.fromisoformat(begins), date.fromisoformat(ends), date.fromisoformat(ends))
            flows.append(CashflowRow("fee", "trustee", *days, None, Decimal("5000.00")))
            for name, _, notional, rate in tranches:
                coupon = (Decimal(notional) * Decimal(rate) / 4).quantize(Decimal("0.01"))
                flows.append(CashflowRow("interest", name, *days, Decimal(notional), coupon))
            flows.append(CashflowRow("principal", "A", *days, Decimal(1_000_000), Decimal(principal)))
        add_cashflows(connection, BOND, flows)


__all__ = ["BOND", "BondDesk", "bond_desk", "parts_of", "paying_network", "paying_town"]
