"""Requests of the API as typed values: exact numbers, no doubled keys, all faults at once, and the fingerprint.

A JSON number is read by its literal text, never through a float. What a field may hold is written here once; the
OpenAPI document describes the same fields, and a test compares the two.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, cast

from fntx_dagster.ledger.kinds import DEPOSIT, FUNDING
from fntx_dagster.ledger.names import CURRENCY, NAME
from fntx_dagster.model.orders import OrderRequest, OrderType, Quote, Side
from fntx_dagster.services.orders.fields import Declined, FieldFault, Fields, moment_of, read_object

_SYMBOL = re.compile(r"[A-Z0-9.]{1,20}/[A-Z0-9.]{1,20}").fullmatch


class Submission(NamedTuple):
    """An order as it was asked for, with the quote that came with it (paper only) and its key."""

    order: OrderRequest
    is_paper: bool
    quote: Quote | None
    key: str | None
    fingerprint: bytes


class Funding(NamedTuple):
    """Money that comes in, leaves, or is given to a bot."""

    kind: str
    amount: Decimal
    currency: str
    bot_id: str | None
    description: str | None
    is_paper: bool
    key: str | None
    fingerprint: bytes


class Guarding(NamedTuple):
    """A breaker to reset or to trip by hand: a bot's, or a user's, and why."""

    bot_id: str | None
    user_id: str | None
    reason: str
    is_paper: bool


def submission(body: bytes, header_key: str | None) -> Submission:
    """An order to submit. Raises Declined with every fault."""
    fields = Fields(read_object(body))
    order_type = fields.choice("order_type", ("market", "limit"), "market")
    order = OrderRequest(
        bot_id=fields.text("bot_id", NAME, "1 to 64 printable ASCII characters without spaces"),
        exchange=fields.text("exchange", NAME, "the name of an exchange, such as binance"),
        symbol=fields.text("symbol", _SYMBOL, "BASE/QUOTE, such as BTC/USDT"),
        side=cast(Side, fields.choice("side", ("buy", "sell"), None)),
        amount=fields.amount("amount") or Decimal(0),
        order_type=cast(OrderType, order_type),
        price=fields.amount("price", optional=True),
        expected_edge_bps=fields.number("expected_edge_bps"),
        reduce_only=fields.boolean("reduce_only", False),
    )
    if order_type == "limit" and order.price is None and not fields.has("price"):
        fields.fault("price", "missing", "a limit order needs its price")
    if order_type == "market" and fields.has("price"):
        fields.fault("price", "not_allowed", "only a limit order has a price")
    is_paper = fields.boolean("is_paper", True)
    quote = fields.quote("quote")
    only_quote = quote is not None and not is_paper
    key = fields.key(header_key)
    if not is_paper and key is None:
        raise Declined(
            [FieldFault("idempotency_key", "missing", "a live order needs an Idempotency-Key")],
            "idempotency_key_missing",
            400,
        )
    fields.finish()
    if only_quote:
        raise Declined([FieldFault("quote", "not_allowed", "a live order brings no quote")], "quote_not_allowed")
    return Submission(order, is_paper, quote, key, fields.fingerprint("orders/submit", is_paper=is_paper))


def amount_of(name: str, text: str) -> Decimal:
    """A number above zero of a query. Raises Declined for anything else."""
    fields = Fields({name: text})
    number = fields.amount(name)
    fields.finish()
    assert number is not None
    return number


def optional_moment(name: str, text: str | None) -> datetime | None:
    """A moment of a query or a header, where there is one. Raises Declined for what is none."""
    try:
        return None if text is None else moment_of(text)
    except ValueError as error:
        raise Declined([FieldFault(name, "invalid", str(error))]) from None


def funding(body: bytes, header_key: str | None) -> Funding:
    """Money to record. Raises Declined with every fault."""
    fields = Fields(read_object(body))
    kind = fields.choice("type", FUNDING, DEPOSIT)
    bot_id = fields.text("bot_id", NAME, "1 to 64 printable ASCII characters without spaces", optional=True)
    if kind == "allocation" and not bot_id and not fields.has("bot_id"):
        fields.fault("bot_id", "missing", "an allocation is for a bot")
    asked = Funding(
        kind=kind,
        amount=fields.amount("amount") or Decimal(0),
        currency=fields.text("currency", CURRENCY, "a currency, such as USDT", optional=True) or "USDT",
        bot_id=bot_id or None,
        description=fields.words("description"),
        is_paper=fields.boolean("is_paper", True),
        key=fields.key(header_key),
        fingerprint=b"",
    )
    fields.finish()
    return asked._replace(fingerprint=fields.fingerprint("ledger/funding", is_paper=asked.is_paper))


def guarding(body: bytes) -> Guarding:
    """A breaker to reset or to trip. Raises Declined with every fault, and where neither a bot nor a user is named."""
    fields = Fields(read_object(body))
    what = "1 to 64 printable ASCII characters without spaces"
    asked = Guarding(
        fields.text("bot_id", NAME, what, optional=True) or None,
        fields.text("user_id", NAME, what, optional=True) or None,
        fields.words("reason") or "",
        fields.boolean("is_paper", True),
    )
    fields.finish()
    if asked.bot_id is None and asked.user_id is None:
        raise Declined([FieldFault("bot_id", "missing", "name the bot (bot_id) or the user (user_id)")])
    return asked
