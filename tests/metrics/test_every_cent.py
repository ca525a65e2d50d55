"""Strategies, round trips and fills make the same money, in generated months of an account that sells options.

The months have partial fills, rolls, assignments of part of a position, expirations and splits. Nothing here asks a
database: the fills go through the matching and the grouping, as in a run.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random

import pytest

from fntx_dagster.accounting.fills import ASSIGNMENT, DELIVERY, EXPIRATION, SPLIT, TRADE, Fill
from fntx_dagster.accounting.lots import LONG, Lot
from fntx_dagster.accounting.matching import match_contracts
from fntx_dagster.metrics.strategies import grouped
from fntx_dagster.metrics.strategy_kinds import strategy_of
from fntx_dagster.model.contract import Contract
from fntx_dagster.model.session import NEW_YORK
from fntx_dagster.model.strategies import Strategy, TradedLot

SPY = Contract("SPY", "SPY", "SPY", "STK")
FIRST = date(2025, 7, 1)
SESSIONS = [day for day in (FIRST + timedelta(n) for n in range(31)) if day.weekday() < 5]


class Month:
    """One account's fills; what it holds of each contract is the sum of them."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.fills: list[Fill] = []
        self.orders: dict[str, str] = {}
        self.contracts = {SPY.contract_id: SPY}
        self.held: dict[str, int] = defaultdict(int)
        self.happened: Counter[str] = Counter()
        for day in SESSIONS:
            self.day, self.minute = day, 0
            self.rate = Decimal(self.random.randint(77500, 78500)).scaleb(-4)
            for _ in range(self.random.randint(0, 4)):
                self.minute += self.random.randint(1, 60)
                self.random.choice((self.sells, self.sells, self.rolls, self.closes, self.deals_in_shares))()
            self.ends_options()
            if self.random.random() < 0.1:
                self.splits()

    # -- what happens

    def sells(self) -> None:
        for right in self.random.choice(("P", "C", "PC")):
            self.order(self.option(right), -self.random.randint(1, 4))

    def rolls(self) -> None:
        if old := self.an_open_option():
            part = self.random.randint(1, abs(self.held[old.contract_id]))
            order = f"roll {len(self.fills)}" if self.random.random() < 0.3 else None
            self.order(old, part, order)
            self.order(self.option(old.put_call or "P"), -part, order)
            self.happened["rolled"] += 1

    def closes(self) -> None:
        if old := self.an_open_option():
            self.order(old, self.random.randint(1, abs(self.held[old.contract_id])))

    def deals_in_shares(self) -> None:
        self.order(SPY, self.random.choice((-150, -100, -30, 70, 100, 200)))

    def ends_options(self) -> None:
        """After the close, into the next session: a part is assigned, and what is left at the expiry expires."""
        for contract in [self.contracts[name] for name, held in self.held.items() if held and name != "SPY"]:
            held = -self.held[contract.contract_id]
            if self.random.random() < 0.15:
                part = self.random.randint(1, held)
                self.happened["assigned in part"] += part < held
                self.assigns(contract, part)
            if contract.expiry == self.day and (left := -self.held[contract.contract_id]):
                self.fill(contract, left, "0", EXPIRATION, commission="0")

    def assigns(self, contract: Contract, part: int) -> None:
        """Its shares come in one fill or in two, which are linked to it, and it to the first."""
        units = part * 100 * (1 if contract.put_call == "P" else -1)
        option, shares = len(self.fills), len(self.fills) + 1
        self.fill(contract, part, "0", ASSIGNMENT, linked=f"{shares:05}", commission="0")
        parts = [units] if self.random.random() < 0.7 else [units // 2, units - units // 2]
        for quantity in parts:
            self.fill(SPY, quantity, str(contract.strike), DELIVERY, linked=f"{option:05}", delivered_by=ASSIGNMENT)

    def splits(self) -> None:
        if held := self.held["SPY"]:
            new, old = self.random.choice(((2, 1), (3, 2), (1, 10)))
            change = Decimal(held) * new / old - held
            if change == int(change):
                fill = self.fill(SPY, int(change), "0", SPLIT, linked=f"{len(self.fills):05}", commission="0")
                self.fills[-1] = fill._replace(ratio=(Decimal(new), Decimal(old)), closes="only")
                self.happened["split"] += 1

    # -- how it happens

    def an_open_option(self) -> Contract | None:
        held = sorted(name for name, quantity in self.held.items() if quantity < 0 and name != "SPY")
        return self.contracts[self.random.choice(held)] if held else None

    def option(self, right: str) -> Contract:
        expiry, strike = self.random.choice(SESSIONS), Decimal(self.random.randint(590, 640))
        name = f"SPY {expiry} {right}{strike}"
        made = Contract(name, name, name, "OPT", "SPY", Decimal(100), strike, max(expiry, self.day), right)
        return self.contracts.setdefault(name, made)

    def order(self, contract: Contract, quantity: int, order: str | None = None) -> None:
        """In up to three fills, seconds apart."""
        left, sign = abs(quantity), 1 if quantity > 0 else -1
        for last in (False, False, True):
            part = left if last else self.random.randint(0, left)
            if part:
                price = str(Decimal(self.random.randint(1, 900)).scaleb(-2))
                fill = self.fill(contract, sign * part, price, TRADE)
                self.happened["filled in part"] += part < abs(quantity)
                if order:
                    self.orders[fill.fill_id] = order
            left -= part

    def fill(
        self,
        contract: Contract,
        quantity: int,
        price: str,
        kind: str,
        linked: str | None = None,
        delivered_by: str | None = None,
        commission: str | None = None,
    ) -> Fill:
        late = kind != TRADE
        clock = time(16, 20) if late else (datetime(2025, 1, 1, 9, 31) + timedelta(minutes=self.minute)).time()
        at = datetime.combine(self.day, clock, NEW_YORK).astimezone(UTC) + timedelta(microseconds=len(self.fills))
        session = self.day
        if late:
            session += timedelta(days=3 if self.day.weekday() == 4 else 1)
        fee = Decimal(commission) if commission else -Decimal(self.random.randint(1, 300_000)).scaleb(-5)
        made = Fill(
            f"{len(self.fills):05}",
            contract.contract_id,
            at,
            session,
            Decimal(quantity),
            Decimal(price),
            contract.multiplier,
            fee,
            self.rate,
            event_type=kind,
            linked_fill_id=linked,
            delivered_by=delivered_by,
        )
        self.fills.append(made)
        self.held[contract.contract_id] += quantity
        return made

    # -- what the account makes of it

    def lots(self) -> tuple[list[TradedLot], Decimal]:
        """The lots as strategies need them, and what the fills realised after their fees, in base currency."""
        matchings = match_contracts(self.fills)
        effects = {fill_id: effect for made in matchings.values() for fill_id, effect in made.effects.items()}
        assert not any(made.unopened for made in matchings.values())
        realised = sum(
            (fill.fx_rate_to_base * (effects[fill.fill_id].gross_realised + fill.commission) for fill in self.fills),
            Decimal(0),
        )
        lots = [
            self.traded(self.contracts[name], lot)
            for name, made in matchings.items()
            for lot in (*made.closed, *made.open)
        ]
        return lots, realised

    def traded(self, contract: Contract, lot: Lot) -> TradedLot:
        same = {name: getattr(lot, name) for name in TradedLot._fields if hasattr(lot, name)}
        return TradedLot(
            contract=contract,
            currency="USD",
            sign=1 if lot.direction == LONG else -1,
            opened_day=lot.opened_session,
            open_rate=lot.open_fx_rate,
            closed_day=lot.closed_session,
            close_rate=lot.close_fx_rate,
            open_order=self.orders.get(lot.open_fill_id),
            close_order=self.orders.get(lot.close_fill_id or ""),
            **same,
        )

    def deliveries(self) -> dict[str, str]:
        return {fill.fill_id: fill.linked_fill_id or "" for fill in self.fills if fill.event_type == DELIVERY}


def strategies_of(month: Month, lots: list[TradedLot]) -> list[Strategy]:
    return [strategy_of(group, Decimal(1_000_000), Decimal(0)) for group in grouped(lots, month.deliveries(), {})]


@pytest.mark.parametrize("seed", range(25))
def test_strategies_round_trips_and_fills_make_the_same_to_the_last_digit(seed: int) -> None:
    month = Month(seed)
    lots, of_fills = month.lots()
    by_trip: dict[str, Decimal] = defaultdict(Decimal)
    for lot in lots:
        by_trip[lot.round_trip_id] += lot.gross_in_base + lot.fees_in_base
    strategies = strategies_of(month, lots)
    assert sum(made.net_pnl for made in strategies) == sum(by_trip.values()) == of_fills
    for made in strategies:  # the options of a trip are never in two
        for trip in made.trips:
            own = [lot for lot in lots if lot.round_trip_id == trip]
            assert own[0].contract == SPY or [trip in other.trips for other in strategies].count(True) == 1


def test_the_generated_months_hold_what_they_are_said_to_hold() -> None:
    happened: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for seed in range(25):
        month = Month(seed)
        happened += month.happened
        kinds += Counter(made.kind for made in strategies_of(month, month.lots()[0]))
    assert min(happened[name] for name in ("rolled", "assigned in part", "split", "filled in part")) >= 10, happened
    assert kinds.keys() >= {"roll chain", "wheel", "covered call", "strangle", "single", "cash-secured put", "shares"}
