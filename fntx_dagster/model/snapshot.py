"""One account as IB Gateway sees it at a moment: the shapes, and their form as JSON.

Amounts are exact Decimals; times are aware and in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from fntx_dagster.model.contract import Contract


@dataclass(frozen=True, slots=True)
class MarkedPosition:
    """A holding now: signed quantity, mark per unit, signed market value, and the broker's average cost per unit
    (commissions included), all in `currency`."""

    contract: Contract
    quantity: Decimal
    currency: str
    mark: Decimal
    market_value: Decimal
    average_cost: Decimal


@dataclass(frozen=True, slots=True)
class Execution:
    """A fill of today. `quantity` is signed, `price` in `currency`; `commission` is negative when it costs and, like
    `realised`, in `commission_currency`. `realised` is the broker's P&L of what the fill closed, net of the commissions
    of both legs; None where the broker says that it closed nothing."""

    execution_id: str
    at: datetime
    contract: Contract
    currency: str
    quantity: Decimal
    price: Decimal
    commission: Decimal
    commission_currency: str
    realised: Decimal | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One account at the gateway's time `as_of`: NAV, cash and margin in `currency`, the gateway's for this account.

    `cushion` is excess liquidity as a ratio of the NAV. Margin figures and the buying power are
    None where the gateway delivers none.
    """

    account_id: str
    as_of: datetime
    currency: str
    nav: Decimal
    cash: Decimal
    initial_margin: Decimal | None
    maintenance_margin: Decimal | None
    excess_liquidity: Decimal | None
    cushion: Decimal | None
    positions: tuple[MarkedPosition, ...]
    executions: tuple[Execution, ...]
    buying_power: Decimal | None = None


class ExecutionId(NamedTuple):
    """An execution id in its parts: a correction has the original's `root` and a higher `version`."""

    root: str
    version: int


def execution_id(text: str) -> ExecutionId:
    """`0000e0d5.6576fd38.01.02` is version 2 of `0000e0d5.6576fd38.01`; of a correction the highest version counts."""
    root, dot, version = text.rpartition(".")
    return ExecutionId(root, int(version)) if dot and version.isdecimal() else ExecutionId(text, 0)


def to_json(snapshot: Snapshot) -> dict[str, Any]:
    """The snapshot as plain dicts, lists and strings; Decimals as exact strings, moments in ISO 8601."""
    return plain(asdict(snapshot))


def from_json(stored: Mapping[str, Any]) -> Snapshot:
    """The snapshot that `to_json` made, digit for digit."""
    amounts = ("initial_margin", "maintenance_margin", "excess_liquidity", "cushion")
    return Snapshot(
        account_id=stored["account_id"],
        as_of=datetime.fromisoformat(stored["as_of"]),
        currency=stored["currency"],
        nav=Decimal(stored["nav"]),
        cash=Decimal(stored["cash"]),
        **{name: _decimal(stored[name]) for name in amounts},
        positions=tuple(map(_position_from, stored["positions"])),
        executions=tuple(map(_execution_from, stored["executions"])),
        buying_power=_decimal(stored.get("buying_power")),  # snapshots that were kept before have none
    )


def plain(value: Any) -> Any:
    """Dicts, lists and texts: Decimals as exact texts, dates and moments in ISO 8601."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, date):  # a datetime is one
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _position_from(stored: Mapping[str, Any]) -> MarkedPosition:
    amounts = ("quantity", "mark", "market_value", "average_cost")
    return MarkedPosition(
        contract=_contract_from(stored["contract"]),
        currency=stored["currency"],
        **{name: Decimal(stored[name]) for name in amounts},
    )


def _execution_from(stored: Mapping[str, Any]) -> Execution:
    return Execution(
        execution_id=stored["execution_id"],
        at=datetime.fromisoformat(stored["at"]),
        contract=_contract_from(stored["contract"]),
        currency=stored["currency"],
        quantity=Decimal(stored["quantity"]),
        price=Decimal(stored["price"]),
        commission=Decimal(stored["commission"]),
        commission_currency=stored["commission_currency"],
        realised=_decimal(stored["realised"]),
    )


def _contract_from(stored: Mapping[str, Any]) -> Contract:
    return Contract(
        contract_id=stored["contract_id"],
        symbol=stored["symbol"],
        description=stored["description"],
        asset_category=stored["asset_category"],
        underlying_symbol=stored["underlying_symbol"],
        multiplier=Decimal(stored["multiplier"]),
        strike=_decimal(stored["strike"]),
        expiry=None if stored["expiry"] is None else date.fromisoformat(stored["expiry"]),
        put_call=stored["put_call"],
    )


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
