"""What an account's statements book in its ledger, in order: one item per entry, each with a name and a digest.

A trade is a fill; a conversion, a movement of cash, an assignment, a transfer or a corporate action are events of their
kinds (`ledger/statements.py`). Lots that no statement opened are booked in kind where they begin. The ledger counts
shares: of an option, contracts × multiplier, at the price per share; quantity × price is money.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from fntx_dagster.accounting.fills import (
    CORPORATE_ACTIONS,
    DELIVERY,
    FX_CONVERSION,
    TRADE,
    TRANSFER_IN,
    TRANSFER_OUT,
)
from fntx_dagster.accounting.lots import HELD, UNSTATED
from fntx_dagster.ledger import kinds, statements
from fntx_dagster.ledger.book import Booking, Carry, EntryRates
from fntx_dagster.ledger.entries import canonical, moment
from fntx_dagster.ledger.exact import decimal
from fntx_dagster.ledger.positions import Key
from fntx_dagster.model.orders import OrderFill
from fntx_dagster.store.ledger.delivered import (
    CashBalance,
    DeliveredAccount,
    DeliveredCash,
    DeliveredFill,
    DeliveredLot,
)

EXCHANGE, BOT = "ibkr", "statement"
"""The broker, as orders call it, and in place of a bot what no order of the API brought."""
_ZERO = Fraction(0)
_IN_KIND = frozenset({TRANSFER_IN, TRANSFER_OUT})
_OPENING, _DEPOSITS = "opening", {"deposit", "withdrawal", "transfer_in", "transfer_out"}


class Item(NamedTuple):
    """What one entry books. `source` names the row; `session` and `report` are the sessions in which it happened and
    on which it is reported. `body`: the entry without the moment of its recording and an id of its own. `exec_id`: of a
    trade."""

    source: str
    at: datetime
    session: date
    report: date
    body: dict[str, Any]
    exec_id: str | None = None

    @property
    def digest(self) -> str:
        return hashlib.sha256(canonical(self.body)).hexdigest()

    @property
    def cash(self) -> dict[str, Fraction]:
        """Currency → the cash that it moves."""
        moved: defaultdict[str, Fraction] = defaultdict(Fraction)
        for leg in kinds.postings(self.body):
            if leg.account == "cash":
                moved[leg.currency] += leg.amount
        return moved


def items_of(said: DeliveredAccount, owners: Mapping[str, str]) -> list[Item]:
    """All that an account's statements book, in the order in which it counts.

    `owners`: of the fills (by `fill_id`) that a bot's orders made, the bot. What they opened goes on as the bot's: what
    expires, is assigned, splits, merges or is sold by hand of it. All else belongs to `BOT`.
    """
    made = list(_Account(said, owners).items())
    made.sort(key=lambda item: item.at)  # stable: what one moment brings stays in its order
    return [*_openings(said, made), *made]


class _Account:
    """The items of one account, and what they need of its lots."""

    def __init__(self, said: DeliveredAccount, owners: Mapping[str, str]) -> None:
        self.said = said
        self.owners = dict(owners)
        self.keys = _keys(said)
        self.closed: defaultdict[str, list[DeliveredLot]] = defaultdict(list)
        self.carried: defaultdict[str, dict[datetime, list[DeliveredLot]]] = defaultdict(dict)
        self.held: list[DeliveredLot] = []
        for lot in said.lots:
            if lot.close_fill_id:
                self.closed[lot.close_fill_id].append(lot)
            if lot.how_opened in CORPORATE_ACTIONS and lot.origin_fill_id:
                self.carried[lot.open_fill_id].setdefault(lot.opened_at, []).append(lot)
            elif lot.how_opened == HELD:
                self.held.append(lot)
        self.by_id = {fill.fill_id: fill for fill in said.fills}
        self.opened: defaultdict[str, Fraction] = defaultdict(Fraction)
        for lot in said.lots:
            self.opened[lot.open_fill_id] += Fraction(lot.quantity)

    def items(self) -> Iterator[Item]:
        for lot in self.held:
            yield self._found(lot, lot.opened_at, lot.opened_session)
        taken = {self._taken_by(given) for given in self.carried}
        for fill in self.said.fills:
            if fill.fill_id in self.carried:
                yield from self._carries(fill)
            if fill.fill_id not in taken and fill.fill_id not in self.carried:
                yield from self._of(fill)
        yield from map(_of_cash, self.said.cash)

    def _taken_by(self, given: str) -> str:
        return self.by_id[given].linked_fill_id or given

    def _of(self, fill: DeliveredFill) -> Iterator[Item]:
        if fill.event_type == FX_CONVERSION:
            yield self._conversion(fill)
            return
        of_nothing = fill.event_type in CORPORATE_ACTIONS and fill.linked_fill_id is not None
        of_nothing &= not (self.closed[fill.fill_id] or self.opened[fill.fill_id])  # what it exchanges was never held
        if not fill.quantity or of_nothing:
            if cash := Fraction(fill.proceeds) + Fraction(fill.commission):
                yield self._item(fill, self._income(fill, cash))
            return
        known = _ZERO
        for lot in self.closed[fill.fill_id]:
            known += Fraction(lot.quantity)
            if lot.how_opened == UNSTATED:
                yield self._found(lot, fill.executed_at, fill.session)
        rest = abs(Fraction(fill.quantity)) - known - self.opened[fill.fill_id]
        if rest > 0:
            yield self._unopened(fill, rest)
        yield from self._fills(fill) if fill.event_type == TRADE else self._bookings(fill)

    def _parts(self, fill: DeliveredFill) -> list[tuple[str, Fraction]]:
        """What a fill closes and opens by owner, absolute; nearly always one. What it opens is the fill's owner's."""
        if fill.fill_id in self.owners:
            return [(self.owners[fill.fill_id], abs(Fraction(fill.quantity)))]
        parts: dict[str, Fraction] = {}
        for lot in self.closed[fill.fill_id]:
            parts[self._owner(lot)] = parts.get(self._owner(lot), _ZERO) + Fraction(lot.quantity)
        if fill.event_type == DELIVERY and (ended := self.closed[fill.linked_fill_id or ""]):
            self.owners[fill.fill_id] = self._owner(ended[0])  # the shares of an assigned option are its owner's
        if rest := abs(Fraction(fill.quantity)) - sum(parts.values(), _ZERO):
            opener = self.owners.get(fill.fill_id, BOT)
            parts[opener] = parts.get(opener, _ZERO) + rest
        return [*parts.items()]

    def _fills(self, fill: DeliveredFill) -> Iterator[Item]:
        """A trade; what was sold by hand of several bots' lots in parts, of which the last has the fee."""
        name, rate = fill.exec_id or f"flex:{fill.fill_id}", Fraction(fill.rate)
        side, parts = "buy" if fill.quantity > 0 else "sell", self._parts(fill)
        for place, (owner, size) in enumerate(parts, 1):
            quantity = decimal(size * Fraction(fill.multiplier))
            fee = -fill.commission if place == len(parts) else Decimal(0)
            own = name if place == 1 else f"{name}:{place}"
            execution = OrderFill(own, side, quantity, fill.price, fee, fill.currency, "taker", fill.executed_at)
            key, rates = self._key(fill.contract_id, owner), EntryRates(rate, rate)
            item = self._item(fill, kinds.fill("", None, key, execution, rates, _ZERO, False, fill.executed_at))
            yield item if place == 1 else item._replace(source=f"{item.source}:{place}", exec_id=None)

    def _bookings(self, fill: DeliveredFill) -> Iterator[Item]:
        """One per owner of what it closes and opens; nearly always one. The last has the fee and what cash is left."""
        parts = self._parts(fill)
        left, worth = Fraction(fill.proceeds), Fraction(fill.rate)
        for place, (owner, size) in enumerate(parts, 1):
            is_last = place == len(parts)
            quantity = (size if fill.quantity > 0 else -size) * Fraction(fill.multiplier)
            price, fee = Fraction(fill.price), -Fraction(fill.commission) if is_last else _ZERO
            proceeds = left if is_last else -quantity * price
            left -= proceeds
            moved = Booking(quantity, price, proceeds, fee, fill.event_type in _IN_KIND, fill.executed_at)
            key = self._key(fill.contract_id, owner)
            made = self._item(fill, statements.booking(_stated(fill.executed_at), fill.event_type, key, moved, worth))
            yield made if place == 1 else made._replace(source=f"{made.source}:{place}")

    def _owner(self, lot: DeliveredLot) -> str:
        """Whose a lot is: that of the fill that had its cost."""
        opened = lot.origin_fill_id if lot.how_opened in CORPORATE_ACTIONS else lot.open_fill_id
        return self.owners.get(opened or lot.open_fill_id, BOT)

    def _key(self, contract_id: str, owner: str) -> Key:
        return self.keys[contract_id]._replace(bot_id=owner)

    def _income(self, fill: DeliveredFill, cash: Fraction) -> dict[str, Any]:
        rate = Fraction(fill.rate)
        return statements.income(_stated(fill.executed_at), fill.event_type, cash, fill.currency, rate, fill.symbol)

    def _conversion(self, fill: DeliveredFill) -> Item:
        bought = (fill.symbol or "").partition(".")[0]
        amounts = {bought: Fraction(fill.quantity), fill.currency: Fraction(fill.proceeds)}
        fee, rate = -Fraction(fill.commission), Fraction(fill.rate)
        return self._item(fill, statements.conversion(_stated(fill.executed_at), amounts, fee, fill.currency, rate))

    def _found(self, lot: DeliveredLot, at: datetime, session: date) -> Item:
        """A lot that no statement opened. Of an unknown cost it has the one with which it realises what is known."""
        quantity = lot.sign * Fraction(lot.quantity) * Fraction(lot.multiplier)
        if lot.open_price is not None:
            price = Fraction(lot.open_price)
        else:
            gross, close = Fraction(lot.gross_pnl or 0), Fraction(lot.close_price or 0)
            price = close - gross / quantity
        body = self._opening(lot.contract_id, quantity, price, lot.open_rate, at)
        return Item(f"lot:{lot.lot_id}", at, session, session, body)

    def _unopened(self, fill: DeliveredFill, rest: Fraction) -> Item:
        """What a fill closes that is in no lot: it comes and goes at the same price."""
        quantity = (-rest if fill.quantity > 0 else rest) * Fraction(fill.multiplier)
        body = self._opening(fill.contract_id, quantity, Fraction(fill.price), fill.rate, fill.executed_at)
        return Item(f"unopened:{fill.fill_id}", fill.executed_at, fill.session, fill.report_session, body)

    def _opening(
        self, contract: str, quantity: Fraction, price: Fraction, rate: Decimal | None, at: datetime
    ) -> dict[str, Any]:
        moved = Booking(quantity, price, -quantity * price, _ZERO, True, at)
        worth = None if rate is None else Fraction(rate)
        return statements.booking(_stated(at), _OPENING, self.keys[contract], moved, worth)

    def _carries(self, given: DeliveredFill) -> Iterator[Item]:
        """One entry per lot: what it was, and what it goes on as; the cash that came with all of them."""
        taken = self.by_id[self._taken_by(given.fill_id)]
        old = self.closed[taken.fill_id]
        new = [lots for _, lots in sorted(self.carried[given.fill_id].items())]
        legs = {leg.fill_id: leg for leg in (taken, given)}.values()
        left = sum((Fraction(leg.proceeds) for leg in legs), _ZERO)
        for place, (lot, lots) in enumerate(zip(old, new, strict=True)):
            quantity = lot.sign * Fraction(lot.quantity) * Fraction(lot.multiplier)
            size = lots[0].sign * sum((Fraction(part.quantity) for part in lots), _ZERO) * Fraction(given.multiplier)
            price = Fraction(lots[0].open_price or 0)
            cost = quantity * Fraction(lot.open_price or 0)
            cash = Fraction(lot.gross_pnl or 0) - size * price + cost
            left -= cash
            owner = self._owner(lot)
            key, to = self._key(taken.contract_id, owner), self._key(given.contract_id, owner)
            moved = Carry(quantity, to, size, price, cash, given.executed_at)
            body = statements.carry(_stated(given.executed_at), given.event_type, key, moved, Fraction(given.rate))
            source = f"carry:{taken.fill_id}:{place}"
            yield Item(source, given.executed_at, given.session, given.report_session, body)
        left += sum((Fraction(leg.commission) for leg in legs), _ZERO)
        if left:  # of shares that no statement opened, and fees
            yield self._item(given, self._income(given, left))

    def _item(self, fill: DeliveredFill, body: dict[str, Any]) -> Item:
        exec_id = fill.exec_id if body["type"] == "fill" else None
        return Item(f"fill:{fill.fill_id}", fill.executed_at, fill.session, fill.report_session, body, exec_id)


_WRITTEN = re.compile(r"[A-Z0-9.]{1,40}").fullmatch


def _keys(said: DeliveredAccount) -> dict[str, Key]:
    """Contract → its position: a symbol as orders write it, `AAPL/USD`, `AAPL250718C00200000/USD`. A symbol that orders
    could not write is the broker's number; where two contracts have the same one, the later one's has it, too."""
    keys: dict[str, Key] = {}
    taken: set[str] = set()
    rows = (*said.lots, *said.fills)
    for row in sorted(rows, key=lambda row: row.opened_at if isinstance(row, DeliveredLot) else row.executed_at):
        if row.contract_id in keys:
            continue
        words = (row.symbol or row.contract_id).split()
        is_option = len(words) == 2 and len(words[1]) == 15
        name = ("" if is_option else ".").join(words)
        if not _WRITTEN(name):
            name = row.contract_id
        if f"{name}/{row.currency}" in taken:
            name = f"{name}.{row.contract_id}"
        taken.add(f"{name}/{row.currency}")
        keys[row.contract_id] = Key(BOT, EXCHANGE, f"{name}/{row.currency}")
    return keys


def _of_cash(moved: DeliveredCash) -> Item:
    stated, amount = _stated(moved.at), Fraction(moved.amount)
    rate = None if moved.rate is None else Fraction(moved.rate)
    if moved.event_type in _DEPOSITS and rate is not None:
        body = _funding(amount, moved.currency, rate, moved.at, moved.description)
    else:
        body = statements.income(stated, moved.event_type, amount, moved.currency, rate, moved.description)
    return Item(moved.event_id, moved.at, moved.session, moved.session, body)


def _openings(said: DeliveredAccount, made: Sequence[Item]) -> Iterator[Item]:
    """The cash before the first Cash Report: what it starts with, less what the rows before it brought."""
    first: dict[str, CashBalance] = {}
    for balance in said.balances:
        if balance.start is not None:
            first.setdefault(balance.currency, balance)
    for currency, balance in sorted(first.items()):
        before = sum((item.cash.get(currency, _ZERO) for item in made if item.report < balance.first), _ZERO)
        amount = Fraction(balance.start or 0) - before
        rate = Fraction(1) if currency == said.base_currency else Fraction(said.first_rates.get(currency, 0))
        if not amount:
            continue
        words = "held before the first statement"
        body = (
            _funding(amount, currency, rate, said.beginning, words)
            if rate
            else statements.income(_stated(said.beginning), _OPENING, amount, currency, None, words)
        )
        session = min((item.session for item in made), default=balance.first)
        yield Item(f"{_OPENING}:{currency}", said.beginning, session, min(session, balance.first), body)


def _funding(amount: Fraction, currency: str, rate: Fraction, at: datetime, words: str | None) -> dict[str, Any]:
    kind = kinds.DEPOSIT if amount > 0 else kinds.WITHDRAWAL
    return kinds.funding(kind, "", decimal(abs(amount)), currency, rate, None, words, False, kinds.Moments(at, at))


def _stated(at: datetime) -> dict[str, str]:
    return {"timestamp": moment(at)}
