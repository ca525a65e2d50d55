"""What each execution row of a statement was: a trade, an expiration, an assignment, an exercise, a delivery of stock.

Reads the values of `raw_flex.trades` and `raw_flex.option_eae` for one account and gives its fills: cancelled rows
gone, contract and signs settled, session, phase and rate assigned, both legs of an assignment linked. What corporate
actions and transfers book is in `bookings.py`, which fill closed which in `lots.py`. Sources: `facts/flex.md`, sections
Identity, Options and Currency.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple, Protocol

from fntx_dagster.accounting.calendar import Calendar
from fntx_dagster.accounting.fx import PLACES, Rates
from fntx_dagster.errors import Permanent
from fntx_dagster.model.session import NEW_YORK

TRADE = "trade"
EXPIRATION = "expiration"
ASSIGNMENT = "assignment"
EXERCISE = "exercise"
DELIVERY = "delivery"
FX_CONVERSION = "fx_conversion"
SPLIT = "split"
MERGER = "merger"
SPIN_OFF = "spin_off"
SYMBOL_CHANGE = "symbol_change"
CORPORATE_ACTION = "corporate_action"
TRANSFER_IN = "transfer_in"
TRANSFER_OUT = "transfer_out"

CORPORATE_ACTIONS = frozenset({SPLIT, MERGER, SPIN_OFF, SYMBOL_CHANGE, CORPORATE_ACTION})
ENDS_AN_OPTION = frozenset({EXPIRATION, ASSIGNMENT, EXERCISE})

CLOSES_ONLY = "only"
CLOSES_SOME = "some"
NOT_TOLD = ""


OPTION_WORDS = {"assignment": ASSIGNMENT, "exercise": EXERCISE, "expiration": EXPIRATION}
"""OptionEAE's transactionType in lower case, on the row of an option."""
DELIVERY_WORDS = frozenset({"buy", "sell"})
"""The same, on the row of the stock or future that moved."""


class TradeRow(NamedTuple):
    """One row of `raw_flex.trades` with row_kind `Trade`, as delivered; money in `currency`."""

    row_key: str
    row_date: date
    currency: str | None = None
    symbol: str | None = None
    description: str | None = None
    conid: str | None = None
    asset_category: str | None = None
    underlying_symbol: str | None = None
    multiplier: Decimal | None = None
    strike: Decimal | None = None
    expiry: date | None = None
    put_call: str | None = None
    trade_id: str | None = None
    transaction_id: str | None = None
    orig_trade_id: str | None = None
    orig_transaction_id: str | None = None
    report_date: date | None = None
    date_time: datetime | None = None
    transaction_type: str | None = None
    quantity: Decimal | None = None
    trade_price: Decimal | None = None
    ib_commission: Decimal | None = None
    ib_commission_currency: str | None = None
    taxes: Decimal | None = None
    close_price: Decimal | None = None
    fifo_pnl_realized: Decimal | None = None
    mtm_pnl: Decimal | None = None
    fx_rate_to_base: Decimal | None = None
    buy_sell: str | None = None
    open_close_indicator: str | None = None
    notes: str | None = None
    order_type: str | None = None


class Described(Protocol):
    """What any row says of its contract."""

    symbol: str | None
    asset_category: str | None
    multiplier: Decimal | None
    strike: Decimal | None
    expiry: date | None
    put_call: str | None


class ExerciseRow(NamedTuple):
    """One row of `raw_flex.option_eae`: the broker's own word on what a BookTrade was."""

    trade_id: str
    transaction_type: str
    conid: str | None = None


class Fill(NamedTuple):
    """One execution. Times aware, UTC; quantity signed, sells negative; money in `currency`, costs negative.

    `closes` is the broker's word: `only` (what is left after closing opens nothing), `some` (it realised something), or
    not told. `delivered_by` says, on a delivery of stock, whether an assignment or an exercise brought it. `booked`:
    the proceeds of a booking, which need not be a multiple of a price; `ratio`: how many a split makes of how many.
    """

    fill_id: str
    contract_id: str
    executed_at: datetime
    session: date
    quantity: Decimal
    price: Decimal
    multiplier: Decimal
    commission: Decimal
    fx_rate_to_base: Decimal
    event_type: str = TRADE
    linked_fill_id: str | None = None
    delivered_by: str | None = None
    closes: str = NOT_TOLD
    label_source: str = "trade"
    symbol: str | None = None
    description: str | None = None
    asset_category: str = "STK"
    underlying_symbol: str | None = None
    strike: Decimal | None = None
    expiry: date | None = None
    put_call: str | None = None
    currency: str = ""
    base_currency: str = ""
    phase: str = ""
    report_date: date | None = None
    report_session: date | None = None
    fx_source: str = ""
    broker_realised: Decimal | None = None
    broker_mtm: Decimal | None = None
    close_price: Decimal | None = None
    order_type: str | None = None
    source_transaction_id: str | None = None
    booked: Decimal | None = None
    ratio: tuple[Decimal, Decimal] | None = None

    @property
    def proceeds(self) -> Decimal:
        """Signed cash of the execution before commissions: what a sell brings is positive. Of a transfer, the value."""
        return self.booked if self.booked is not None else -self.quantity * self.price * self.multiplier

    @property
    def order(self) -> tuple[datetime, int, str]:
        """The order of execution: time, then the broker's transaction id, which grows; then the row, to be certain."""
        transaction = self.source_transaction_id or ""
        return self.executed_at, int(transaction) if transaction.isdecimal() else 0, self.fill_id


def is_cancel(row: TradeRow) -> bool:
    """Whether a row takes another one back: transactionType `TradeCancel` (and its kin), or buySell `BUY (Ca.)`."""
    return (row.transaction_type or "").endswith("Cancel") or "(Ca.)" in (row.buy_sell or "")


class Cancellations(NamedTuple):
    """Row_keys: `struck_out` rows do not count; `reversing` ones are cancels that stand as trades of their own."""

    struck_out: frozenset[str]
    reversing: frozenset[str]


def cancellations(rows: Iterable[TradeRow]) -> Cancellations:
    """What cancels and corrections do to other rows.

    A cancel reported on the day of its original strikes out both. One reported later reverses it: the broker's NAV of
    the days between counts the trade, so both stand. A cancel whose original is not among the rows stands too, because
    the original may have been reported before the first statement. A TradeCorrect row strikes out what it replaces,
    unless a cancel has reversed that. `rows` may be all of an account or only the rows that share a transaction or
    trade id with a cancel or a correction.
    """
    rows = list(rows)
    originals = [row for row in rows if not is_cancel(row)]
    by_transaction = {row.transaction_id: row for row in originals if row.transaction_id}
    by_trade: dict[str, list[TradeRow]] = defaultdict(list)
    for row in originals:
        if row.trade_id:
            by_trade[row.trade_id].append(row)
    gone: set[str] = set()
    reversed_by: dict[str, str] = {}
    for cancel in filter(is_cancel, rows):
        original = _cancelled_by(cancel, by_transaction, by_trade, gone | reversed_by.keys())
        if original is None:
            continue
        if _report_date(cancel) == _report_date(original):
            gone |= {cancel.row_key, original.row_key}
        else:
            reversed_by[original.row_key] = cancel.row_key
    for row in originals:
        replaced = by_transaction.get(_reference(row.orig_transaction_id))
        if row.transaction_type == "TradeCorrect" and replaced and replaced.row_key not in {row.row_key, *reversed_by}:
            gone.add(replaced.row_key)
    return Cancellations(frozenset(gone), frozenset(reversed_by.values()))


def classify(
    rows: Sequence[TradeRow],
    exercises: Iterable[ExerciseRow],
    calendar: Calendar,
    rates: Rates,
    reversing: Collection[str] = (),
) -> list[Fill]:
    """The fills of one account in order of execution; struck-out rows must be gone already.

    A cancel closes what its original opened; one that is `reversing` may as well open again what its original closed.
    Both legs of an assignment have one time, so a range of rows by time classifies like all of them. Permanent names
    the row, the field and the way out when a row cannot be read.
    """
    labels = _labels(rows, exercises)
    fills = [_fill(row, labels.get(row.row_key), calendar, rates) for row in rows]
    fills = [fill._replace(closes=NOT_TOLD) if fill.fill_id in reversing else fill for fill in fills]
    return sorted(fills, key=lambda fill: fill.order)


def asset_category(row: Described) -> str:
    """The broker's category; where the field is not delivered, what the contract's own terms say."""
    if row.asset_category:
        return row.asset_category
    if row.put_call or row.strike:
        return "OPT"
    if row.expiry:
        return "FUT"
    is_pair = len(parts := (row.symbol or "").split(".")) == 2 and all(len(part) == 3 for part in parts)
    return "CASH" if is_pair else "STK"


def multiplier(row: Described, category: str) -> Decimal:
    """Units of the price to one of the quantity; a bond is priced in percent."""
    if category in _PRICED_IN_PERCENT:
        return (row.multiplier or Decimal(1)) / 100
    if row.multiplier:
        return row.multiplier
    if category == "OPT":
        return Decimal(100)
    if category in ("FUT", "FOP"):
        _needed(row, "multiplier", "multiplier")
    return Decimal(1)


_PRICED_IN_PERCENT = frozenset({"BOND", "BILL"})


def proceeds(row: TradeRow) -> Decimal:
    """Signed cash of a row in its currency, from its own quantity, price and multiplier; exact."""
    return -_signed_quantity(row) * _needed(row, "trade_price", "tradePrice") * multiplier(row, asset_category(row))


class _Label(NamedTuple):
    event_type: str
    label_source: str
    linked_fill_id: str | None = None
    delivered_by: str | None = None


_TRADED = _Label(TRADE, "trade")
_CONVERSION = _Label(FX_CONVERSION, "trade")
_NOTE_EVENTS = {"A": ASSIGNMENT, "Ex": EXERCISE, "Ep": EXPIRATION}


def _fill(row: TradeRow, label: _Label | None, calendar: Calendar, rates: Rates) -> Fill:
    category = asset_category(row)
    if label is None:
        label = _CONVERSION if category == "CASH" else _TRADED
    executed_at = _needed(row, "date_time", "dateTime")
    currency = _needed(row, "currency", "currency")
    session = calendar.at(executed_at)
    report_date = _report_date(row)
    rate = rates.of_row(currency, report_date, row.fx_rate_to_base)
    return Fill(
        fill_id=row.row_key,
        contract_id=row.conid or _needed(row, "symbol", "conid"),
        executed_at=executed_at,
        session=session.day,
        quantity=_signed_quantity(row),
        price=_needed(row, "trade_price", "tradePrice"),
        multiplier=multiplier(row, category),
        commission=_commission(row, currency, report_date, rates),
        fx_rate_to_base=rate.rate,
        event_type=label.event_type,
        linked_fill_id=label.linked_fill_id,
        delivered_by=label.delivered_by,
        closes=_closes(row, label.event_type),
        label_source=label.label_source,
        symbol=row.symbol,
        description=row.description,
        asset_category=category,
        underlying_symbol=row.underlying_symbol,
        strike=row.strike,
        expiry=row.expiry,
        put_call=row.put_call,
        currency=currency,
        base_currency=rates.base_currency,
        phase=session.phase(executed_at),
        report_date=report_date,
        report_session=calendar.on_or_after(report_date).day,
        fx_source=rate.source,
        broker_realised=row.fifo_pnl_realized,
        broker_mtm=row.mtm_pnl,
        close_price=row.close_price,
        order_type=row.order_type,
        source_transaction_id=row.transaction_id,
    )


def _report_date(row: TradeRow) -> date:
    return row.report_date or row.row_date


def _needed(row: Described, name: str, attribute: str):
    value = getattr(row, name)
    if value is None or value == "":
        raise Permanent(
            f"trade row {row.row_key} of {row.row_date} has no {attribute}",
            f"Add the field {attribute} to the Trades section of the Flex query and load the statement again",
        )
    return value


def _signed_quantity(row: TradeRow) -> Decimal:
    """Buys positive, sells negative; a cancel reverses the side that it names."""
    quantity = _needed(row, "quantity", "quantity")
    side = row.buy_sell or ""
    if not side.startswith(("BUY", "SELL")):
        return quantity
    return abs(quantity) if side.startswith("BUY") != is_cancel(row) else -abs(quantity)


def _commission(row: TradeRow, currency: str, report_date: date, rates: Rates) -> Decimal:
    """Commission and taxes in the fill's currency; the broker may charge in another one (conversions: in the base)."""
    commission = row.ib_commission or Decimal(0)
    charged_in = row.ib_commission_currency or currency
    if commission and charged_in != currency:
        to_base = rates.of_row(charged_in, report_date, None).rate
        from_base = rates.of_row(currency, report_date, row.fx_rate_to_base).rate
        commission = (commission * to_base / from_base).quantize(PLACES)
    return commission + (row.taxes or Decimal(0))


def _closes(row: TradeRow, event_type: str) -> str:
    codes = _codes(row.open_close_indicator) | _codes(row.notes)
    if event_type in ENDS_AN_OPTION or is_cancel(row) or ("C" in codes and "O" not in codes):
        return CLOSES_ONLY
    return CLOSES_SOME if row.fifo_pnl_realized and "O" not in codes else NOT_TOLD


@lru_cache(maxsize=1024)
def _codes(text: str | None) -> frozenset[str]:
    return frozenset((text or "").replace(",", ";").replace(" ", "").split(";"))


def _reference(identifier: str | None) -> str | None:
    """The broker writes 0 for "no original"."""
    return None if identifier in (None, "", "0") else identifier


def _cancelled_by(
    cancel: TradeRow,
    by_transaction: Mapping[str, TradeRow],
    by_trade: Mapping[str, list[TradeRow]],
    gone: Collection[str],
) -> TradeRow | None:
    """The row that a cancel takes back. A trade id alone is shared by corrections, so size and price must agree too."""
    original = by_transaction.get(_reference(cancel.orig_transaction_id))
    if original and original.row_key not in gone:
        return original
    same_trade = by_trade.get(_reference(cancel.orig_trade_id), [])
    return next((row for row in same_trade if row.row_key not in gone and _same_deal(row, cancel)), None)


def _same_deal(row: TradeRow, cancel: TradeRow) -> bool:
    return (
        (row.conid or row.symbol) == (cancel.conid or cancel.symbol)
        and abs(row.quantity or 0) == abs(cancel.quantity or 0)
        and row.trade_price == cancel.trade_price
    )


def _labels(rows: Sequence[TradeRow], exercises: Iterable[ExerciseRow]) -> dict[str, _Label]:
    """Labels of book trades by row_key; every row without one is an ordinary trade.

    First the broker's own word (OptionEAE), then the pairing of an option's leg with the stock it moved, then the rule
    of seed 001 that a book trade on an option is an expiration.
    """
    said_by_trade = {exercise.trade_id: exercise for exercise in exercises}
    booked = [row for row in rows if not is_cancel(row) and (_is_book_trade(row) or row.trade_id in said_by_trade)]
    said = {row.row_key: _said(row, said_by_trade) for row in booked}
    booked = [row for row in booked if said[row.row_key] or _is_book_trade(row)]
    options = [row for row in booked if row.put_call]
    stocks = [row for row in booked if not row.put_call]
    pairs = _paired_legs(
        [row for row in options if said[row.row_key] != EXPIRATION and "Ep" not in _codes(row.notes)], stocks
    )
    labels = {row.row_key: _option_label(row, said[row.row_key], pairs.get(row.row_key)) for row in options}
    for row in stocks:
        labels[row.row_key] = _stock_label(row, said[row.row_key], pairs.get(row.row_key), labels)
    return {key: label for key, label in labels.items() if label}


def _is_book_trade(row: TradeRow) -> bool:
    return row.transaction_type == "BookTrade" or (not row.transaction_type and row.trade_price == 0)


def _said(row: TradeRow, said_by_trade: Mapping[str, ExerciseRow]) -> str | None:
    """What OptionEAE calls this row: an event of an option, or a delivery; None when it says nothing we know."""
    exercise = said_by_trade.get(row.trade_id)
    if exercise is None or (exercise.conid and row.conid and exercise.conid != row.conid):
        return None
    word = exercise.transaction_type.lower()
    if row.put_call:
        return OPTION_WORDS.get(word)
    return DELIVERY if word in DELIVERY_WORDS else None


def _option_label(row: TradeRow, said: str | None, stock_key: str | None) -> _Label | None:
    if said:
        return _Label(said, "option_eae", stock_key)
    if stock_key:
        return _Label(_noted(row) or _ended_by_side(row), "leg_pairing", stock_key)
    if row.trade_price:
        return None
    return _Label(_noted(row) or _ended_by_date(row), "book_trade_rule")


def _stock_label(
    row: TradeRow, said: str | None, option_key: str | None, labels: Mapping[str, _Label | None]
) -> _Label | None:
    option = labels.get(option_key) if option_key else None
    if option is None and said is None:
        return None
    delivered_by = option.event_type if option else EXERCISE if "Ex" in _codes(row.notes) else ASSIGNMENT
    return _Label(DELIVERY, "option_eae" if said else "leg_pairing", option_key, delivered_by)


def _noted(row: TradeRow) -> str | None:
    codes = _codes(row.notes)
    return next((event for code, event in _NOTE_EVENTS.items() if code in codes), None)


def _ended_by_side(row: TradeRow) -> str:
    """A short option is bought back by an assignment; a long one is given up by an exercise."""
    return ASSIGNMENT if _signed_quantity(row) > 0 else EXERCISE


def _ended_by_date(row: TradeRow) -> str:
    """Before its expiry an option cannot expire: its delivery is only not in the statement."""
    early = row.expiry and row.date_time and row.date_time.astimezone(NEW_YORK).date() < row.expiry
    return _ended_by_side(row) if early else EXPIRATION


def _paired_legs(options: Sequence[TradeRow], stocks: Sequence[TradeRow]) -> dict[str, str]:
    """Row_key of the other leg for both legs: same underlying and minute, stock at the strike, contracts x multiplier.

    Within one minute, strike and direction first leg by leg; then, when the sums agree, what is left as one bundle
    (one delivery for several option rows, or several for one).
    """
    groups: dict[tuple, tuple[list, list]] = defaultdict(lambda: ([], []))
    for row in options:
        delivered = _delivered_quantity(row)
        underlying = row.underlying_symbol or (row.symbol or "").split(" ")[0]
        groups[underlying, _minute(row), row.strike, delivered > 0][0].append((row.row_key, delivered))
    for row in stocks:
        quantity = _signed_quantity(row)
        groups[row.symbol, _minute(row), row.trade_price, quantity > 0][1].append((row.row_key, quantity))
    pairs: dict[str, str] = {}
    for option_legs, stock_legs in groups.values():
        _pair_one_by_one(option_legs, stock_legs, pairs)
        if option_legs and stock_legs and sum(q for _, q in option_legs) == sum(q for _, q in stock_legs):
            pairs |= {key: stock_legs[0][0] for key, _ in option_legs}
            pairs |= {key: option_legs[0][0] for key, _ in stock_legs}
    return pairs


def _pair_one_by_one(option_legs: list, stock_legs: list, pairs: dict[str, str]) -> None:
    for leg in sorted(option_legs):
        match = next((stock for stock in sorted(stock_legs) if stock[1] == leg[1]), None)
        if match:
            pairs |= {leg[0]: match[0], match[0]: leg[0]}
            option_legs.remove(leg)
            stock_legs.remove(match)


def _delivered_quantity(row: TradeRow) -> Decimal:
    """Stock that the end of an option moves. An assigned short put (+1) buys, an assigned short call (+1) sells."""
    contracts = _signed_quantity(row)
    category = asset_category(row)
    units = Decimal(1) if category == "FOP" else multiplier(row, category)  # an option on a future moves one future
    return contracts * units * (-1 if row.put_call == "C" else 1)


def _minute(row: TradeRow) -> datetime:
    return _needed(row, "date_time", "dateTime").replace(second=0, microsecond=0)
