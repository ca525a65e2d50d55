"""One account at this moment, read from IB Gateway over a read-only connection, and the snapshot that comes of it.

The requests are those of a read-only connection: time, positions, account values, executions; none could touch an
order. Account values remain the texts that were sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

import ib_insync
from ib_insync.util import UNSET_DOUBLE

from fntx_dagster.adapters.gateway.address import Gateway
from fntx_dagster.adapters.gateway.conversation import Conversation, connected, exact, require_account, shortest
from fntx_dagster.adapters.gateway.states import State
from fntx_dagster.model.contract import Contract
from fntx_dagster.model.live import HeardCommission, HeardFill, HeardValues
from fntx_dagster.model.snapshot import Execution, MarkedPosition, Snapshot

# The ledger's parts of the NAV; TotalCashBalance holds the result of futures.
_CASH = "TotalCashBalance"
_PARTS = (
    *(_CASH, "AccruedCash", "StockMarketValue", "OptionMarketValue", "FutureOptionValue", "NetDividend"),
    *("FundValue", "CorporateBondValue", "TBondValue", "TBillValue", "WarrantValue", "IssuerOptionValue"),
    *("PhysicalCertificateValue", "Cryptocurrency"),
)
_TOLERANCE = Decimal("0.005")
"""How far the NAV and its parts may differ, as a ratio of the NAV: the gateway updates them at different moments."""

_PAIR = "CASH"


async def read(gateway: Gateway, account: str) -> Snapshot:
    """The snapshot that `client.snapshot` returns, in the running loop."""
    async with connected(gateway) as conversation:
        require_account(gateway, conversation.ib.managedAccounts(), account)
        as_of = await _request(conversation, account)
        await conversation.commissions(lambda: conversation.fills(account))
        conversation.require_whole()
        return snapshot_of(conversation, account, as_of)


async def _request(conversation: Conversation, account: str) -> datetime:
    """Send every request at once; `ib` keeps the answers. Returns the gateway's time."""
    ib = conversation.ib
    answers = await conversation.answers(
        {
            "its time": ib.reqCurrentTimeAsync(),
            "the positions": ib.reqPositionsAsync(),
            "the account values": ib.reqAccountUpdatesAsync(account),
            "the executions": ib.reqExecutionsAsync(ib_insync.ExecutionFilter(acctCode=account)),
        }
    )
    return answers[0]


def snapshot_of(conversation: Conversation, account: str, as_of: datetime) -> Snapshot:
    """The snapshot of what has arrived. Raises Unavailable where it is not whole, or does not add up."""
    ib = conversation.ib
    values = _Values(conversation, {(value.tag, value.currency): value.value for value in ib.accountValues(account)})
    stated = values.stated()
    values.require_sum(stated.nav, stated.currency)
    return Snapshot(
        account_id=account,
        as_of=as_of,
        **stated._asdict(),
        positions=_positions(conversation, account),
        executions=tuple(
            _execution(conversation, fill)
            for fill in sorted(conversation.fills(account), key=lambda fill: (fill.time, fill.execution.execId))
        ),
    )


def values_of(conversation: Conversation, account: str) -> HeardValues:
    """NAV, cash and margin as they have arrived. Raises Unavailable where they are not whole."""
    delivered = {(value.tag, value.currency): value.value for value in conversation.ib.accountValues(account)}
    return _Values(conversation, delivered).stated()


class _Values:
    """The account values as delivered, by tag and currency."""

    def __init__(self, conversation: Conversation, delivered: Mapping[tuple[str, str], str]) -> None:
        self.conversation = conversation
        self.delivered = delivered
        if delivered.get(("AccountReady", ""), "true") != "true":
            raise conversation.unavailable(State.INCOMPLETE, "says that the account is not ready")

    def stated(self) -> HeardValues:
        """NAV, cash and margin, in the account's currency."""
        nav, currency = self.nav()
        return HeardValues(
            currency=currency,
            nav=nav,
            cash=self.required("TotalCashValue", currency),
            initial_margin=self.amount("FullInitMarginReq", currency),
            maintenance_margin=self.amount("FullMaintMarginReq", currency),
            excess_liquidity=self.amount("FullExcessLiquidity", currency),
            cushion=self.amount("Cushion", ""),
            buying_power=self.amount("BuyingPower", currency),
        )

    def nav(self) -> tuple[Decimal, str]:
        """NetLiquidation and its currency."""
        currencies = [currency for tag, currency in self.delivered if tag == "NetLiquidation"]
        if len(currencies) != 1 or currencies[0] in ("", "BASE"):
            raise self.conversation.unavailable(State.INCOMPLETE, "did not deliver NetLiquidation in one currency")
        return self.required("NetLiquidation", currencies[0]), currencies[0]

    def amount(self, tag: str, currency: str) -> Decimal | None:
        """The amount; None where it was not delivered, or not as a number."""
        text = self.delivered.get((tag, currency))
        try:
            amount = None if text is None else Decimal(text)
        except InvalidOperation:
            return None
        return None if amount is None or not amount.is_finite() or float(amount) == UNSET_DOUBLE else amount

    def required(self, tag: str, currency: str) -> Decimal:
        amount = self.amount(tag, currency)
        if amount is None:
            raise self.conversation.unavailable(State.INCOMPLETE, f"did not deliver {tag}")
        return amount

    def require_sum(self, nav: Decimal, currency: str) -> None:
        """Raises Unavailable where the parts of the NAV, in the account's base currency, do not add up to it."""
        ledger = "BASE" if (_CASH, "BASE") in self.delivered else currency
        self.required(_CASH, ledger)
        parts = sum((self.amount(tag, ledger) or Decimal(0) for tag in _PARTS), Decimal(0))
        if abs(nav - parts) > max(abs(nav) * _TOLERANCE, Decimal(1)):
            raise self.conversation.unavailable(
                State.DISAGREES, f"delivered a NAV that its parts do not make: they are {abs(nav - parts):,.2f} apart"
            )


def _positions(conversation: Conversation, account: str) -> tuple[MarkedPosition, ...]:
    """The positions with their market values, which only the portfolio has; both lists must agree."""
    held = {item.contract.conId: item.position for item in conversation.ib.positions(account) if is_held(item.contract)}
    marked = [item for item in conversation.ib.portfolio(account) if is_held(item.contract)]
    if held != {item.contract.conId: item.position for item in marked}:
        raise conversation.unavailable(State.INCOMPLETE, "did not deliver the market value of every position")
    return tuple(position_of(conversation, item) for item in marked)


def position_of(conversation: Conversation, item: ib_insync.PortfolioItem) -> MarkedPosition:
    """A position of the portfolio. Raises Unavailable where it lacks its figures."""
    return MarkedPosition(
        contract=_contract(item.contract),
        quantity=exact(conversation, item.position),
        currency=item.contract.currency,
        mark=exact(conversation, item.marketPrice),
        market_value=exact(conversation, item.marketValue),
        average_cost=exact(conversation, item.averageCost) / _multiplier(item.contract),
    )


def is_held(contract: ib_insync.Contract) -> bool:
    """Whether a listed position counts: the gateway lists pairs of currencies for display, and their money is cash."""
    return contract.secType != _PAIR


def _execution(conversation: Conversation, fill: ib_insync.Fill) -> Execution:
    done, charged = fill_of(conversation, fill), commission_of(conversation, fill)
    return Execution(
        **done._asdict(),
        commission=charged.commission,
        commission_currency=charged.currency,
        realised=charged.realised,
    )


def fill_of(conversation: Conversation, fill: ib_insync.Fill) -> HeardFill:
    """A fill, without what its commission report adds. Raises Unavailable where it lacks its figures."""
    execution = fill.execution
    size = exact(conversation, execution.shares)
    return HeardFill(
        execution_id=execution.execId,
        at=execution.time,
        contract=_contract(fill.contract),
        currency=fill.contract.currency,
        quantity=-size if execution.side == "SLD" else size,
        price=exact(conversation, execution.price),
    )


def commission_of(conversation: Conversation, fill: ib_insync.Fill) -> HeardCommission:
    """What the commission report of a fill says."""
    report = fill.commissionReport
    closed_nothing = fill.execution.execId in conversation.wrapper.closed_nothing
    return HeardCommission(
        execution_id=fill.execution.execId,
        at=fill.execution.time,
        commission=-exact(conversation, report.commission),
        currency=report.currency or fill.contract.currency,
        realised=None if closed_nothing else exact(conversation, report.realizedPNL),
    )


def _contract(wire: ib_insync.Contract) -> Contract:
    """The contract with the names that the broker's statements have for it."""
    option = wire.right[:1] in ("C", "P")
    strike = Decimal(shortest(wire.strike)) if option else None
    expiry = _day(wire.lastTradeDateOrContractMonth)
    name = wire.localSymbol or wire.symbol
    described = f"{wire.symbol} {expiry:%d%b%y} {strike} {wire.right[:1]}".upper() if option and expiry else name
    return Contract(
        contract_id=str(wire.conId),
        symbol=name,
        description=described,
        asset_category=wire.secType,
        underlying_symbol=wire.symbol or None,
        multiplier=_multiplier(wire),
        strike=strike,
        expiry=expiry,
        put_call=wire.right[:1] if option else None,
    )


def _day(text: str) -> date | None:
    return datetime.strptime(text[:8], "%Y%m%d").date() if text[:8].isdecimal() and len(text) >= 8 else None


def _multiplier(wire: ib_insync.Contract) -> Decimal:
    return Decimal(wire.multiplier or 1)
