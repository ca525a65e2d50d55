"""What the OpenAPI document says of requests and answers beyond the types of the endpoints: bodies, examples, problems.

Bodies are read by `services/orders/requests.py`, to the last digit; a test holds that both know the same fields.
"""

from typing import Any

_AMOUNT = {
    "description": "A number above 0, as text or as a plain JSON number: 20 digits, 18 decimal places.",
    "oneOf": [
        {"type": "string", "pattern": r"^[0-9]{1,20}(\.[0-9]{1,18})?$"},
        {"type": "number", "exclusiveMinimum": 0, "maximum": 10**20},
    ],
}
_NUMBER = _AMOUNT | {
    "description": "A number as text or as a plain JSON number; it may be negative.",
    "oneOf": [{"type": "string", "pattern": r"^-?[0-9]{1,20}(\.[0-9]{1,18})?$"}, {"type": "number"}],
}
_NAME = {"type": "string", "pattern": r"^[\x21-\x7e]{1,64}$"}
KEY = {"type": "string", "pattern": r"^[\x20-\x7e]{1,255}$", "description": "In place of the header Idempotency-Key."}
PARTIES = {
    "type": "array",
    "maxItems": 100,
    "items": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$"},
}
_PAPER = {"type": "boolean", "default": True, "description": "The paper book, or the live one."}
_QUOTE = {
    "type": "object",
    "description": "The paper market: paper orders only.",
    "properties": {
        "bid": _AMOUNT,
        "ask": _AMOUNT,
        "bid_size": _AMOUNT,
        "ask_size": _AMOUNT,
        "ts": {"type": "string", "format": "date-time"},
    },
    "required": ["bid", "ask", "ts"],
    "additionalProperties": False,
}


def body_of(properties: dict[str, Any], required: list[str], example: dict[str, Any]) -> dict[str, Any]:
    """The body of a request: its fields, those that it must have, and an example."""
    known = {
        name: kind if name in required else {"anyOf": [kind, {"type": "null"}]} for name, kind in properties.items()
    }
    schema = {"type": "object", "properties": known, "required": required, "additionalProperties": False}
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


SUBMIT = body_of(
    {
        "bot_id": _NAME,
        "exchange": _NAME,
        "symbol": {"type": "string", "pattern": r"^[A-Z0-9.]{1,20}/[A-Z0-9.]{1,20}$"},
        "side": {"type": "string", "enum": ["buy", "sell"]},
        "amount": _AMOUNT,
        "order_type": {"type": "string", "enum": ["market", "limit"], "default": "market"},
        "price": _AMOUNT | {"description": "Of a limit order, in the quote currency."},
        "expected_edge_bps": _NUMBER | {"description": "What the order is expected to earn, in basis points."},
        "reduce_only": {"type": "boolean", "default": False},
        "is_paper": _PAPER,
        "idempotency_key": KEY,
        "quote": _QUOTE,
    },
    ["bot_id", "exchange", "symbol", "side", "amount"],
    {
        "bot_id": "bot_123",
        "exchange": "binance",
        "symbol": "BTC/USDT",
        "side": "buy",
        "amount": "0.01",
        "expected_edge_bps": "80",
        "quote": {"bid": "99.9", "ask": "100", "ts": "2026-03-02T12:00:00Z"},
    },
)
BY_KEY: dict[str, Any] = {
    "security": [{"HTTPBearer": []}],
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "schema": {"anyOf": [{"type": "string"}, {"type": "null"}], "title": "Idempotency-Key"},
        }
    ],
}
"""What FastAPI says of an endpoint with `Trader` and `Key`, for the one that reads them itself."""
FUNDING = body_of(
    {
        "amount": _AMOUNT,
        "currency": {"type": "string", "pattern": "^[A-Z0-9.]{1,20}$", "default": "USDT"},
        "type": {"type": "string", "enum": ["deposit", "withdrawal", "allocation"], "default": "deposit"},
        "bot_id": _NAME | {"description": "Needed for an allocation; a deposit with it is the bot's capital."},
        "description": {"type": "string", "maxLength": 500},
        "is_paper": _PAPER,
        "idempotency_key": KEY,
    },
    ["amount"],
    {"amount": "1000", "currency": "USDT", "type": "deposit"},
)
GUARDING = body_of(
    {
        "bot_id": _NAME,
        "user_id": _NAME,
        "reason": {"type": "string", "maxLength": 500, "description": "For a reset at least 10 characters."},
        "is_paper": _PAPER,
    },
    [],
    {"bot_id": "bot_123", "reason": "the price feed was wrong, and is mended"},
)

_WORDS = {"type": "string", "minLength": 1, "maxLength": 255}
_SHORT = {"type": "string", "minLength": 1, "maxLength": 64}
_SIZED = _AMOUNT | {"description": "At least 0, with 9 decimal places at most."}
_LADDER = {"type": "array", "items": {"type": "array", "items": _SIZED, "minItems": 2, "maxItems": 2}}
_MARKET = {
    "type": "object",
    "description": "The paper market: best prices or ladders; a side without a size gives any quantity.",
    "properties": {
        "bid": _SIZED,
        "ask": _SIZED,
        "bid_size": _SIZED,
        "ask_size": _SIZED,
        "bids": _LADDER | {"description": "[price, size], instead of bid."},
        "asks": _LADDER | {"description": "[price, size], instead of ask."},
        "ts": {"type": "string", "format": "date-time"},
    },
    "additionalProperties": False,
}
_USER = {
    "description": "A participant: 1 to 64 characters without spaces, or a whole number.",
    "oneOf": [{"type": "string", "minLength": 1, "maxLength": 64}, {"type": "integer", "minimum": 0}],
}
_SIGNAL = {
    "token": _SHORT | {"description": "The underlying's token."},
    "unique_id": _WORDS | {"description": "The signal's own id: one entry and one exit for each."},
    "strike_price_token": _SHORT | {"description": "The token of what is traded."},
    "strategy_code": _NAME,
}
_SIGNALLED = {
    "token": "23",
    "unique_id": "unique_123",
    "strike_price_token": "45678",
    "strategy_code": "STRATEGY_001",
}
SIGNAL_ENTRY = body_of(
    {
        **_SIGNAL,
        "signal": {"type": "string", "enum": ["BUY_ENTRY", "SELL_ENTRY"]},
        "strike_data": {
            "type": "object",
            "description": "The instrument; needed where its token is not known yet.",
            "properties": {
                "token": _SHORT,
                "exchange": _NAME,
                "index_name": _SHORT,
                "DOE": {"type": "string", "description": "Day of expiry, as 2025-12-23."},
                "strike_price": _SIZED,
                "position": {"type": "string", "enum": ["CE", "PE"]},
                "symbol": _SHORT,
                "lot_qty": _SIZED,
            },
            "required": ["symbol"],
            "additionalProperties": False,
        },
        "allocations": {
            "type": "array",
            "description": "Who takes part; else the strategy's subscriptions.",
            "items": {
                "type": "object",
                "properties": {
                    "user_id": _USER,
                    "qty": _NUMBER,
                    "fee_bps": _SIZED,
                    "fee_fixed": _SIZED,
                    "max_notional": _SIZED,
                },
                "required": ["user_id", "qty"],
                "additionalProperties": False,
            },
        },
        "quote": _MARKET,
        "stop_loss": _AMOUNT,
        "target": _AMOUNT,
        "description": {"type": "string", "maxLength": 500},
        "is_paper": _PAPER,
    },
    [*_SIGNAL, "signal"],
    {**_SIGNALLED, "signal": "BUY_ENTRY", "allocations": [{"user_id": "1", "qty": "1"}], "quote": {"ask": "100"}},
)
SIGNAL_EXIT = body_of(
    {
        **_SIGNAL,
        "signal": {"type": "string", "enum": ["BUY_EXIT", "SELL_EXIT"]},
        "quote": _MARKET,
        "user_ids": {"type": "array", "items": _USER, "description": "Who leaves; else all who hold."},
        "exit_reason": {
            "type": "string",
            "enum": ["SIGNAL", "STOPLOSS", "TARGET", "MANUAL", "SQUARE_OFF", "EXPIRY"],
            "default": "SIGNAL",
        },
        "settlement_price": _SIZED | {"description": "Of exit_reason EXPIRY: the official price; no quote is needed."},
    },
    [*_SIGNAL, "signal"],
    {**_SIGNALLED, "signal": "BUY_EXIT", "quote": {"bid": "110"}},
)

_PROBLEM = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("field", "code", "message")},
            },
        },
    },
    "required": ["type", "title", "status", "detail", "code"],
}
_STATUSES = {
    400: "A header or key that cannot be used",
    401: "No good token",
    403: "The token may not do that",
    404: "Not there, or another user's",
    409: "It does not fit the state of what it is about",
    413: "The body is too large",
    422: "The request is not valid",
    429: "Too many wrong tokens",
    503: "The database or a ledger cannot be reached now",
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": words, "content": {"application/problem+json": {"schema": _PROBLEM}}}
    for status, words in _STATUSES.items()
}
"""What every endpoint may answer beside its own."""
UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "The caller has this answer already: If-None-Match"}}


def answered(kind: type, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """That an endpoint answers with a type of `model/answers.py`."""
    return {status: {"model": kind, "description": (kind.__doc__ or "").split("\n")[0]}}
