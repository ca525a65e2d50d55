"""The risk state of the desk: its equity at the ledger, the loss of the day, the breaker and the kill by that loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.execution.assets import LedgerAsset, decimal_text
from fntx_dagster.execution.risk import ACTIVE, HALTED, KILLED, DeskDay, DeskLimits, loss_pct, state_after
from fntx_dagster.ledger.exact import decimal
from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.services.execution.asking import DeskLedger
from fntx_dagster.services.execution.calculator import desk_limits, percent
from fntx_dagster.services.execution.entering import BY
from fntx_dagster.services.execution.switching import stopped
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.desks import DeskMoveRow, DeskRow, desk, keep_desk, moves
from fntx_dagster.store.treasury.platform import entered


class DeskLook(NamedTuple):
    """How the desk stands at a ledger. `unpriced`: what it holds that never had a price: it counts for nothing."""

    row: DeskRow
    equity: Fraction
    net_flows: Fraction
    loss_pct: Fraction
    unpriced: tuple[LedgerAsset, ...]

    @property
    def quote(self) -> LedgerAsset:
        return LedgerAsset(self.row.quote_code, self.row.quote_issuer)

    @property
    def limits(self) -> DeskLimits:
        return desk_limits(self.row.limits)

    def day(self, position: Fraction, volume_today: Fraction, open_orders: int) -> DeskDay:
        """The day as the risk controller asks for it."""
        start = self.row.equity_start
        assert start is not None  # a look sets it
        return DeskDay(
            self.row.state, Fraction(start), self.equity, self.net_flows, position, volume_today, open_orders
        )


def look(settings: Settings, db: Database, at: DeskLedger) -> DeskLook:
    """Value the desk at the ledger, and halt or kill it where it has lost too much. The first look of a day of the
    ledger's time, and the first after people let it trade again, is where its losses count from; it is judged by the
    day before as well, or what was lost in between would count on no day.

    Raises Permanent where no desk was approved."""
    held = at.balances()
    with entered(db) as connection:
        row = required(connection, at.account)
        quote = LedgerAsset(row.quote_code, row.quote_issuer)
        prices = row.prices | {
            f"{asset.code}:{asset.issuer}": decimal_text(now)
            for asset in held
            if (now := at.worth(asset, quote)) is not None
        }
        row = row._replace(prices=prices)
        worth = {asset: _known(prices, asset) for asset in held}
        equity = sum((value * (worth[asset] or 0) for asset, value in held.items()), Fraction(0))
        row = row._replace(equity=decimal(equity))
        events: list[NewAuditEvent] = []
        if row.equity_start is not None and row.day != at.now.date():
            # what was lost since the last look of the day before is still a loss of that day
            row, _, _ = _judged(connection, at, row, events)
        if row.equity_start is None or row.day != at.now.date():
            row = row._replace(
                equity_start=decimal(equity), day=at.now.date(), flows_from=max(row.read_to, at.head.ledger_index)
            )
        keep_desk(connection, row)
        row, flows, lost = _judged(connection, at, row, events)
        append_all(settings, connection, events)
    unpriced = tuple(asset for asset, value in worth.items() if value is None)
    return DeskLook(row, equity, flows, lost, unpriced)


def _judged(
    connection: Connection, at: DeskLedger, row: DeskRow, events: list[NewAuditEvent]
) -> tuple[DeskRow, Fraction, Fraction]:
    """The desk, stopped where it has lost too much since its day began, with its net flows and that loss."""
    day = _day(connection, row)
    lost, state = loss_pct(day), state_after(day, desk_limits(row.limits))
    if state != row.state:
        limit = "kill_pct" if state == KILLED else "breaker_pct"
        when = "today" if row.day == at.now.date() else f"since {row.day}"
        reason = f"a loss of {percent(lost)} % {when}, above {row.limits[limit]} %"
        where = {"loss": decimal(lost), "ledger_index": at.head.ledger_index}
        events += stopped(connection, row, state, reason, BY, **where)
        row = row._replace(state=state, reason=reason)
    return row, day.net_flows, lost


def last_loss(connection: Connection, row: DeskRow) -> Fraction | None:
    """What the desk had lost in percent when somebody looked last; None where nobody has since it may trade, or where
    it holds nothing."""
    if row.equity_start is None or row.equity is None:
        return None
    day = _day(connection, row)
    return None if day.equity_start + max(day.net_flows, Fraction(0)) <= 0 else loss_pct(day)


def _day(connection: Connection, row: DeskRow) -> DeskDay:
    """The day so far, without orders."""
    flows = _net(row.prices, moves(connection, row.account, row.flows_from, ["flow"]))
    equity = Fraction(row.equity or 0)
    return DeskDay(row.state, Fraction(row.equity_start or 0), equity, flows, Fraction(0), Fraction(0), 0)


def halt_desk(settings: Settings, db: Database, account: str, reason: str, by: str) -> DeskRow:
    """Halt the desk by hand: nobody has to agree to that. Two have to, so that it trades again."""
    with entered(db) as connection:
        row = required(connection, account)
        if row.state != ACTIVE:
            raise Permanent(f"the desk is {row.state} already", "`fntx strategy resume` proposes that it trades again")
        append_all(settings, connection, stopped(connection, row, HALTED, reason, by))
        return required(connection, account)


def required(connection: Connection, account: str) -> DeskRow:
    """The desk, held until the transaction ends. Raises Permanent where nobody approved that it trades."""
    row = desk(connection, account, for_step=True)
    if row is None:
        raise Permanent(
            "the desk may not trade live: no approved proposal says within which limits",
            "`fntx treasury propose trade.live --input live.json` proposes it (docs/execution.md)",
        )
    return row


def _known(prices: Mapping[str, str], asset: LedgerAsset) -> Fraction | None:
    """What one of an asset was worth last. A market in which nobody offers anything just now is no loss."""
    text = prices.get(f"{asset.code}:{asset.issuer}")
    return None if text is None else Fraction(text)


def _net(prices: Mapping[str, str], rows: Sequence[DeskMoveRow]) -> Fraction:
    """Deposits less withdrawals, at the prices of now."""
    net = Fraction(0)
    for row in rows:
        for code, issuer, value, sign in (
            (row.got_code, row.got_issuer, row.got, 1),
            (row.gave_code, row.gave_issuer, row.gave, -1),
        ):
            if code is not None and value is not None:
                net += sign * Fraction(value) * (_known(prices, LedgerAsset(code, issuer or "")) or 0)
    return net
