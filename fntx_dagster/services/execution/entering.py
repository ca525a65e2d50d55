"""What the ledger moved for the desk, entered in its book: each fill, fee and flow once, in the ledger's order.

Transactions are read from the last ledger that was read; what is new, and how far that is, is kept in one transaction
of the database with the entries of the book. A process that is killed has entered all of it, or nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, NamedTuple
from uuid import uuid4

from fntx_dagster.adapters.xrpl.codec import RIPPLE_EPOCH
from fntx_dagster.audit.event import EventSubject, LedgerPlace, NewAuditEvent
from fntx_dagster.execution.assets import XRP, LedgerAsset, decimal_text, short_name
from fntx_dagster.execution.fills import LedgerFill, LedgerTrace, moves_of
from fntx_dagster.ledger import kinds, statements
from fntx_dagster.ledger.book import Booking, EntryRates
from fntx_dagster.ledger.exact import decimal
from fntx_dagster.ledger.kinds import Moments
from fntx_dagster.ledger.positions import Key
from fntx_dagster.model.orders import OrderFill
from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.services.bookkeeping.batch import Batch, BookOwner, batch
from fntx_dagster.services.execution.asking import DeskLedger
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger import day_prices
from fntx_dagster.store.ledger.day_prices import DayPrice
from fntx_dagster.store.treasury.desks import DeskMoveRow, DeskRow, add_moves, desk, keep_desk
from fntx_dagster.store.treasury.strategies import SliceRow, keep_slice, slice_of_turn, slices_of, strategy

USER, BOT, EXCHANGE = "xrpl-desk", "desk", "xrpl"
"""Whose book it is, and the names that its entries have."""
BY = "system:execution"


class EnteredMoves(NamedTuple):
    """What was entered: how many fills, fees and flows, and up to which ledger."""

    fills: int
    others: int
    read_to: int


def enter_moves(settings: Settings, db: Database, at: DeskLedger) -> EnteredMoves:
    """Enter what the ledger moved for the desk since the last time. Nothing where no desk was approved.

    Raises Transient where the server has not all ledgers, or the book's lock is not to be had."""
    with db.connect() as connection:
        known = desk(connection, at.account)
    if known is None:
        return EnteredMoves(0, 0, 0)
    quote = LedgerAsset(known.quote_code, known.quote_issuer)
    owner = BookOwner(USER, False, short_name(quote, at.known))
    with batch(desk_of(settings, db), owner) as into:
        row = desk(into.connection, at.account, for_step=True)
        assert row  # desks are never deleted
        entering = _Entering(at, into, row, quote)
        rows = list(entering.rows())
        add_moves(into.connection, rows)
        keep_desk(into.connection, row._replace(read_to=max(row.read_to, at.head.ledger_index)))
        append_all(settings, into.connection, entering.events)
        book_id = into.book_id
    _keep_prices(db, book_id, at, quote, entering.assets)
    fills = sum(each.kind == "fill" for each in rows)
    return EnteredMoves(fills, len(rows) - fills, at.head.ledger_index)


def _keep_prices(db: Database, book_id: int, at: DeskLedger, quote: LedgerAsset, assets: set[LedgerAsset]) -> None:
    """Let the day of the ledger's time end with the prices of now, until later ones are known."""
    prices = [
        DayPrice(EXCHANGE, _symbol(at, asset, quote), at.now.date(), decimal(worth), "the book of the XRP Ledger")
        for asset in sorted({*assets, *at.balances()} - {quote})
        if (worth := at.worth(asset, quote)) is not None
    ]
    if prices:
        day_prices.add(db, book_id, prices)


def _symbol(at: DeskLedger, base: LedgerAsset, quote: LedgerAsset) -> str:
    return f"{short_name(base, at.known)}/{short_name(quote, at.known)}"


class _Entering:
    """What one reading enters."""

    def __init__(self, at: DeskLedger, into: Batch, row: DeskRow, quote: LedgerAsset) -> None:
        self._at, self._into, self._row, self._quote = at, into, row, quote
        self.events: list[NewAuditEvent] = []
        self.assets: set[LedgerAsset] = set()

    def rows(self) -> Iterator[DeskMoveRow]:
        """The moves, each with its entry in the book: at the first time what the desk holds, later what came since."""
        if not self._row.read_to:
            head = self._at.head
            opening = LedgerTrace(
                head.ledger_hash, head.ledger_index, 0, head.close_time, "opening", "", 0, True, Fraction(0), (), {}
            )
            for asset, value in sorted(self._at.balances().items()):
                yield self._flow(opening, asset, value)
            return
        for trace in self._at.traces(self._row.read_to):
            yield from self._moved(trace)

    def _moved(self, trace: LedgerTrace) -> Iterator[DeskMoveRow]:
        moves = moves_of(self._at.account, trace)
        fee = moves.fee
        for each in moves.fills:
            yield self._fill(trace, each, fee)
            fee = Fraction(0)  # the fee of the transaction stands with its first fill
        if fee:
            yield self._cost(trace, "fee", XRP, fee)
        for asset, value in moves.transfer_fees.items():
            yield self._cost(trace, "transfer_fee", asset, value)
        for asset, value in moves.flows.items():
            yield self._flow(trace, asset, value)

    def _fill(self, trace: LedgerTrace, fill: LedgerFill, fee: Fraction) -> DeskMoveRow:
        is_buy = self._is_base(fill.got_asset, fill.gave_asset)
        base, quote = (fill.got_asset, fill.gave_asset) if is_buy else (fill.gave_asset, fill.got_asset)
        quantity, money = (fill.got, fill.gave) if is_buy else (fill.gave, fill.got)
        self.assets |= {base, quote}
        execution = OrderFill(
            f"{fill.tx_hash}:{fill.offer_index[:16]}",
            "buy" if is_buy else "sell",
            decimal(quantity),
            decimal(money / quantity),
            decimal(fee),
            "XRP",
            "maker" if fill.is_maker else "taker",
            _moment(trace),
        )
        key = Key(BOT, EXCHANGE, _symbol(self._at, base, quote))
        rates = EntryRates(self._rate(quote), self._rate(XRP))
        entry = kinds.fill(f"{uuid4()}", None, key, execution, rates, Fraction(0), False, self._into.recorded_at)
        slice_row = slice_of_turn(self._into.connection, self._at.account, fill.own_sequence)
        if slice_row is not None and not self._traded(slice_row, fill):
            slice_row = None
        number = self._into.add(entry)
        self.events.append(self._event(trace, fill, slice_row))
        row = _row(self._at.account, trace, fill.offer_index, "fill", number)
        row = _with_amounts(row, fill.got_asset, fill.got, fill.gave_asset, fill.gave)
        row = row._replace(own_sequence=fill.own_sequence, is_maker=fill.is_maker)
        return row._replace(strategy_id=slice_row.strategy_id, slice_n=slice_row.n) if slice_row else row

    def _traded(self, row: SliceRow, fill: LedgerFill) -> bool:
        """Add a fill to its slice; False where it is of another market than the strategy's."""
        connection = self._into.connection
        of = strategy(connection, row.strategy_id)
        assert of  # a slice has one
        base, quote = LedgerAsset(of.base_code, of.base_issuer), LedgerAsset(of.quote_code, of.quote_issuer)
        assets = (fill.got_asset, fill.gave_asset) if of.side == "buy" else (fill.gave_asset, fill.got_asset)
        if assets != (base, quote):
            return False
        quantity, money = (fill.got, fill.gave) if of.side == "buy" else (fill.gave, fill.got)
        [now] = [each for each in slices_of(connection, row.strategy_id) if each.n == row.n]
        keep_slice(connection, now._replace(filled=now.filled + decimal(quantity), paid=now.paid + decimal(money)))
        return True

    def _cost(self, trace: LedgerTrace, kind: str, asset: LedgerAsset, value: Fraction) -> DeskMoveRow:
        stated = {**Moments(_moment(trace), self._into.recorded_at).stated, "is_paper": False, "bot_id": BOT}
        rate, name = self._rate(asset), short_name(asset, self._at.known)
        number = self._into.add(statements.income(stated, kind, -value, name, rate, trace.kind))
        row = _row(self._at.account, trace, f"{kind}:{name}", kind, number)
        return row._replace(gave_code=asset.code, gave_issuer=asset.issuer, gave=decimal(value))

    def _flow(self, trace: LedgerTrace, asset: LedgerAsset, value: Fraction) -> DeskMoveRow:
        """Money of the desk's currency is a deposit or a withdrawal; anything else is a position that comes or goes in
        kind, at the price of now. What has no price is kept beside the book."""
        when, known = Moments(_moment(trace), self._into.recorded_at), self._at.known
        worth = self._at.worth(asset, self._quote)
        name = short_name(asset, known)
        number = None
        if asset == self._quote:
            kind = kinds.DEPOSIT if value > 0 else kinds.WITHDRAWAL
            amount = decimal(abs(value))
            entry = kinds.funding(
                kind, f"{uuid4()}", amount, name, Fraction(1), None, f"{trace.kind} on the XRP Ledger", False, when
            )
            number = self._into.add(entry)
        elif worth is not None:
            self.assets.add(asset)
            booked = Booking(value, worth, -value * worth, Fraction(0), True, when.at)
            key = Key(BOT, EXCHANGE, _symbol(self._at, asset, self._quote))
            stated = {**when.stated}
            number = self._into.add(
                {**statements.booking(stated, "transfer", key, booked, Fraction(1)), "is_paper": False}
            )
        row = _row(self._at.account, trace, f"flow:{asset.code}:{asset.issuer}", "flow", number)
        if value > 0:
            return row._replace(got_code=asset.code, got_issuer=asset.issuer, got=decimal(value))
        return row._replace(gave_code=asset.code, gave_issuer=asset.issuer, gave=decimal(-value))

    def _is_base(self, asset: LedgerAsset, other: LedgerAsset) -> bool:
        """Whether an asset is the base of a fill: the desk's currency never is, XRP neither where no other is."""
        for quote in (self._quote, XRP):
            if quote in (asset, other):
                return other == quote
        return asset < other

    def _rate(self, asset: LedgerAsset) -> Fraction | None:
        return self._at.worth(asset, self._quote)

    def _event(self, trace: LedgerTrace, fill: LedgerFill, row: SliceRow | None) -> NewAuditEvent:
        details: dict[str, Any] = {
            "offer": fill.offer_index,
            "got": f"{decimal_text(fill.got)} {short_name(fill.got_asset, self._at.known)}",
            "gave": f"{decimal_text(fill.gave)} {short_name(fill.gave_asset, self._at.known)}",
        }
        details |= {"strategy": str(row.strategy_id), "slice": row.n} if row else {}
        place = LedgerPlace("xrpl", self._at.config.network_id, trace.tx_hash, trace.ledger_index)
        return NewAuditEvent("trade_executed", BY, EventSubject("desk", self._at.account), details, place)


def _row(account: str, trace: LedgerTrace, name: str, kind: str, entry_no: int | None) -> DeskMoveRow:
    return DeskMoveRow(
        account, trace.tx_hash, name, kind, trace.ledger_index, trace.position, _moment(trace), entry_no=entry_no
    )


def _with_amounts(
    row: DeskMoveRow, got_asset: LedgerAsset, got: Fraction, gave_asset: LedgerAsset, gave: Fraction
) -> DeskMoveRow:
    taken = row._replace(got_code=got_asset.code, got_issuer=got_asset.issuer, got=decimal(got))
    return taken._replace(gave_code=gave_asset.code, gave_issuer=gave_asset.issuer, gave=decimal(gave))


def _moment(trace: LedgerTrace) -> datetime:
    return datetime.fromtimestamp(trace.close_time + RIPPLE_EPOCH, UTC)
