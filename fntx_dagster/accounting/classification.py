"""What each execution row of a statement was: a trade, an expiration, an assignment, an exercise, a delivery of stock.

Reads the values of `raw_flex.trades` and `raw_flex.option_eae` for one account and gives its fills: contract and signs
settled, session, phase and rate assigned, both legs of an assignment linked. Cancelled rows are gone already
(`trade_rows.py`). What corporate actions and transfers book is in `bookings.py`, which fill closed which in
`matching.py`. Sources: the broker's Flex reference, its codes in the field Notes/Codes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.accounting.calendar import Calendar
from fntx_dagster.accounting.fills import (
    ASSIGNMENT,
    CLOSES_ONLY,
    CLOSES_SOME,
    CLOSES_UNKNOWN,
    DELIVERY,
    ENDS_AN_OPTION,
    EXERCISE,
    EXPIRATION,
    FX_CONVERSION,
    TRADE,
    Fill,
)
from fntx_dagster.accounting.fx import PLACES, Rates
from fntx_dagster.accounting.section_rows import asset_category, fill_of, multiplier, needed, time_of
from fntx_dagster.accounting.trade_rows import (
    NO_CANCELS,
    Cancellations,
    ExerciseRow,
    TradeRow,
    codes_of,
    is_cancel,
    signed_quantity,
)
from fntx_dagster.model.session import NEW_YORK

OPTION_WORDS = {"assignment": ASSIGNMENT, "exercise": EXERCISE, "expiration": EXPIRATION}
"""OptionEAE's transactionType in lower case, on the row of an option."""
DELIVERY_WORDS = frozenset({"buy", "sell"})
"""The same, on the row of the stock or future that moved."""


def classify(
    rows: Sequence[TradeRow],
    exercises: Iterable[ExerciseRow],
    calendar: Calendar,
    rates: Rates,
    cancels: Cancellations = NO_CANCELS,
) -> list[Fill]:
    """The fills of one account in order of execution; struck-out rows must be gone already.

    A cancel closes what its original opened; one that is reversing may as well open again what its original closed, and
    counts, as a late correction does, on the morning of the session that it is reported for.
    Both legs of an assignment have one time, so a range of rows by time classifies like all of them. Permanent names
    the row, the field and the way out when a row cannot be read.
    """
    labels = _labels(rows, exercises)
    fills = [_fill(row, labels.get(row.row_key), calendar, rates) for row in rows]
    if cancels.late:
        fills = [_undone(fill, cancels, calendar) if fill.fill_id in cancels.late else fill for fill in fills]
    return sorted(fills, key=lambda fill: fill.order)


def _undone(fill: Fill, cancels: Cancellations, calendar: Calendar) -> Fill:
    if fill.fill_id in cancels.reversing:
        fill = fill._replace(closes=CLOSES_UNKNOWN)
    session = calendar.on_or_after(fill.report_date or fill.session)
    if fill.session >= session.day:
        return fill
    morning = session.morning
    return fill._replace(executed_at=morning, session=session.day, phase=session.phase(morning))


class _Label(NamedTuple):
    event_type: str
    label_source: str
    linked_fill_id: str | None = None
    delivered_by: str | None = None


_TRADED = _Label(TRADE, "trade")
_CONVERSION = _Label(FX_CONVERSION, "trade")
_NOTE_EVENTS = {"A": ASSIGNMENT, "Ex": EXERCISE, "Ep": EXPIRATION}


def _fill(row: TradeRow, label: _Label | None, calendar: Calendar, rates: Rates) -> Fill:
    if label is None:
        label = _CONVERSION if asset_category(row) == "CASH" else _TRADED
    executed_at = time_of(row)
    currency = needed(row, row.currency, "currency")
    fill = fill_of(
        row,
        calendar,
        rates,
        fill_id=row.row_key,
        contract_id=row.conid or needed(row, row.symbol, "conid"),
        executed_at=executed_at,
        quantity=signed_quantity(row),
        currency=currency,
        stated_rate=row.fx_rate_to_base,
    )
    return fill._replace(
        price=needed(row, row.trade_price, "tradePrice"),
        commission=_commission(row, currency, rates),
        event_type=label.event_type,
        linked_fill_id=label.linked_fill_id,
        delivered_by=label.delivered_by,
        closes=_closes(row, label.event_type),
        label_source=label.label_source,
        broker_realised=row.fifo_pnl_realized,
        broker_mtm=row.mtm_pnl,
        close_price=row.close_price,
        order_type=row.order_type,
    )


def _commission(row: TradeRow, currency: str, rates: Rates) -> Decimal:
    """Commission and taxes in the fill's currency; the broker may charge in another one (conversions: in the base)."""
    commission = row.ib_commission or Decimal(0)
    charged_in = row.ib_commission_currency or currency
    if commission and charged_in != currency:
        to_base = rates.of_row(charged_in, row.reported_on, None).rate
        from_base = rates.of_row(currency, row.reported_on, row.fx_rate_to_base).rate
        commission = (commission * to_base / from_base).quantize(PLACES)
    return commission + (row.taxes or Decimal(0))


def _closes(row: TradeRow, event_type: str) -> str:
    codes = codes_of(row.open_close_indicator) | codes_of(row.notes)
    if event_type in ENDS_AN_OPTION or is_cancel(row) or ("C" in codes and "O" not in codes):
        return CLOSES_ONLY
    return CLOSES_SOME if row.fifo_pnl_realized and "O" not in codes else CLOSES_UNKNOWN


def _labels(rows: Sequence[TradeRow], exercises: Iterable[ExerciseRow]) -> dict[str, _Label]:
    """Labels of book trades by row_key; every row without one is an ordinary trade.

    First the broker's own word (OptionEAE), then the pairing of an option's leg with the stock it moved, then the rule
    that a book trade on an option is an expiration.
    """
    said_by_trade: dict[str | None, ExerciseRow] = {exercise.trade_id: exercise for exercise in exercises}
    booked = [row for row in rows if not is_cancel(row) and (_is_book_trade(row) or row.trade_id in said_by_trade)]
    said = {row.row_key: _said(row, said_by_trade) for row in booked}
    booked = [row for row in booked if said[row.row_key] or _is_book_trade(row)]
    options = [row for row in booked if _has_a_right(row)]
    stocks = [row for row in booked if not _has_a_right(row)]
    pairs = _paired_legs(
        [row for row in options if said[row.row_key] != EXPIRATION and "Ep" not in codes_of(row.notes)], stocks
    )
    labels = {row.row_key: _option_label(row, said[row.row_key], pairs.get(row.row_key)) for row in options}
    for row in stocks:
        labels[row.row_key] = _stock_label(row, said[row.row_key], pairs.get(row.row_key), labels)
    return {key: label for key, label in labels.items() if label}


def _has_a_right(row: TradeRow) -> bool:
    """Whether the contract is a call or a put, and so ends by a booking: an option, and a warrant, which is none."""
    return bool(row.put_call)


def _is_book_trade(row: TradeRow) -> bool:
    return row.transaction_type == "BookTrade" or (not row.transaction_type and row.trade_price == 0)


def _said(row: TradeRow, said_by_trade: Mapping[str | None, ExerciseRow]) -> str | None:
    """What OptionEAE calls this row: an event of an option, or a delivery; None when the section does not cover it."""
    exercise = said_by_trade.get(row.trade_id)
    if exercise is None or (exercise.conid and row.conid and exercise.conid != row.conid):
        return None
    word = exercise.transaction_type.lower()
    if _has_a_right(row):
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
    delivered_by = option.event_type if option else EXERCISE if "Ex" in codes_of(row.notes) else ASSIGNMENT
    return _Label(DELIVERY, "option_eae" if said else "leg_pairing", option_key, delivered_by)


def _noted(row: TradeRow) -> str | None:
    codes = codes_of(row.notes)
    return next((event for code, event in _NOTE_EVENTS.items() if code in codes), None)


def _ended_by_side(row: TradeRow) -> str:
    """A short option is bought back by an assignment; a long one is given up by an exercise."""
    return ASSIGNMENT if signed_quantity(row) > 0 else EXERCISE


def _ended_by_date(row: TradeRow) -> str:
    """Before its expiry an option cannot expire: its delivery is only not in the statement."""
    early = row.expiry and row.date_time and row.date_time.astimezone(NEW_YORK).date() < row.expiry
    return _ended_by_side(row) if early else EXPIRATION


_Leg = tuple[str, Decimal]
"""A row's key and the stock that it moves, signed."""


def _paired_legs(options: Sequence[TradeRow], stocks: Sequence[TradeRow]) -> dict[str, str]:
    """Row_key of the other leg for both legs: same underlying and minute, stock at the strike, contracts x multiplier.

    Within one minute, strike and direction first leg by leg; then, when the sums agree, what is left as one bundle
    (one delivery for several option rows, or several for one).
    """
    groups: dict[tuple, tuple[list[_Leg], list[_Leg]]] = defaultdict(lambda: ([], []))
    for row in options:
        delivered = _delivered_quantity(row)
        underlying = row.underlying_symbol or (row.symbol or "").split(" ")[0]
        groups[underlying, _minute(row), row.strike, delivered > 0][0].append((row.row_key, delivered))
    for row in stocks:
        quantity = signed_quantity(row)
        groups[row.symbol, _minute(row), row.trade_price, quantity > 0][1].append((row.row_key, quantity))
    pairs: dict[str, str] = {}
    for option_legs, stock_legs in groups.values():
        _pair_one_by_one(option_legs, stock_legs, pairs)
        if option_legs and stock_legs and sum(q for _, q in option_legs) == sum(q for _, q in stock_legs):
            pairs |= {key: stock_legs[0][0] for key, _ in option_legs}
            pairs |= {key: option_legs[0][0] for key, _ in stock_legs}
    return pairs


def _pair_one_by_one(option_legs: list[_Leg], stock_legs: list[_Leg], pairs: dict[str, str]) -> None:
    for leg in sorted(option_legs):
        match = next((stock for stock in sorted(stock_legs) if stock[1] == leg[1]), None)
        if match:
            pairs |= {leg[0]: match[0], match[0]: leg[0]}
            option_legs.remove(leg)
            stock_legs.remove(match)


def _delivered_quantity(row: TradeRow) -> Decimal:
    """Stock that the end of an option moves. An assigned short put (+1) buys, an assigned short call (+1) sells."""
    contracts = signed_quantity(row)
    category = asset_category(row)
    units = Decimal(1) if category == "FOP" else multiplier(row, category)  # an option on a future moves one future
    return contracts * units * (-1 if row.put_call == "C" else 1)


def _minute(row: TradeRow) -> datetime:
    return time_of(row).replace(second=0, microsecond=0)
