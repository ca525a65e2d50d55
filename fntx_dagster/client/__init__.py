"""A client of the HTTP API: one method for each endpoint, amounts exact, and no order sent twice.

    from fntx_dagster.client import Client

    client = Client(token)
    client.fund("1000")
    answer = client.submit("bot_123", "binance", "BTC/USDT", "buy", "0.01", expected_edge_bps="80", quote=quote)

Every order and every movement of money goes with a key: the caller's, or one that is made here. Where an answer is lost
(the connection breaks, the server is away for a moment), the same request goes again with the same key, and the server
answers what it answered, or would have answered, the first time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

from fntx_dagster.client.audit import AuditLogReader
from fntx_dagster.client.bonds import BondCaller
from fntx_dagster.client.compliance import ComplianceCaller
from fntx_dagster.client.escrows import EscrowCaller
from fntx_dagster.client.record import RecordReader
from fntx_dagster.client.sending import Amount, ApiProblem, written
from fntx_dagster.client.treasury import TreasuryCaller
from fntx_dagster.model import answers, signal_answers

__all__ = ["Amount", "ApiProblem", "Client"]


class Client(RecordReader, AuditLogReader, TreasuryCaller, EscrowCaller, BondCaller, ComplianceCaller):
    """A bot's way to the API. One client is for one thread; `is_paper` of every call is the one given here."""

    def submit(
        self,
        bot_id: str,
        exchange: str,
        symbol: str,
        side: Literal["buy", "sell"],
        amount: Amount,
        *,
        order_type: Literal["market", "limit"] = "market",
        price: Amount | None = None,
        expected_edge_bps: Amount | None = None,
        reduce_only: bool = False,
        quote: Mapping[str, Amount | datetime] | None = None,
        idempotency_key: str | None = None,
    ) -> answers.SubmitAnswer:
        """Submit an order through the four gates. A refusal by a gate is an answer: `success` is False.

        `amount` in the symbol's base currency, `price` in its quote currency; `quote`: bid, ask, ts and, where they are
        limited, bid_size and ask_size of the paper market. Give a key of your own where the bot may start again in the
        middle: the same key never trades twice.
        """
        body = {
            "bot_id": bot_id,
            "exchange": exchange,
            "symbol": symbol,
            "side": side,
            "amount": amount,
            "order_type": order_type,
            "price": price,
            "expected_edge_bps": expected_edge_bps,
            "reduce_only": reduce_only,
            "quote": quote,
        }
        return self._keyed("/api/orders/submit", body, idempotency_key)

    def order(self, order_id: str) -> answers.OrderAnswer:
        """An order as it is now."""
        return self._call("GET", f"/api/orders/{order_id}/status")

    def cancel(self, order_id: str) -> answers.OrderAnswer:
        """Cancel what rests of an order."""
        return self._call("POST", f"/api/orders/{order_id}/cancel")

    def pending(self, bot_id: str | None = None) -> answers.PendingAnswer:
        """The orders that may still be filled, newest first."""
        return self._get("/api/orders/pending", bot_id=bot_id)

    def fund(
        self,
        amount: Amount,
        *,
        currency: str = "USDT",
        type: Literal["deposit", "withdrawal", "allocation"] = "deposit",
        bot_id: str | None = None,
        description: str | None = None,
        idempotency_key: str | None = None,
    ) -> answers.FundingAnswer:
        """Record a deposit, a withdrawal, or an allocation of the book's money to a bot."""
        body = {"amount": amount, "currency": currency, "type": type, "bot_id": bot_id, "description": description}
        return self._keyed("/api/ledger/funding", body, idempotency_key)

    def fills(
        self,
        *,
        bot_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> answers.FillsAnswer:
        """A page of fills from `since` on and before `until`, newest first; at most 1,000."""
        return self._get("/api/ledger/fills", bot_id=bot_id, since=since, until=until, limit=limit, cursor=cursor)

    def all_fills(
        self, *, bot_id: str | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[answers.FillAnswer]:
        """Every fill, newest first, page by page."""
        cursor: str | None = None
        while True:
            page = self.fills(bot_id=bot_id, since=since, until=until, limit=1000, cursor=cursor)
            yield from page["fills"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def audit_trail(self, limit: int = 100, before: int | None = None) -> answers.AuditTrailAnswer:
        """Entries of the ledger before an entry's number, newest first; at most 1,000."""
        return self._get("/api/ledger/audit-trail", limit=limit, before=before)

    def ledger_status(self) -> answers.LedgerStatusAnswer:
        """How the live book is served: ages of its prices, orders of unknown outcome, the watcher's heartbeat."""
        return self._call("GET", "/api/ledger/status", params={})

    def portfolio(self) -> answers.PortfolioAnswer:
        """What the book is worth, and how it came to it."""
        return self._get("/api/portfolio/summary")

    def profits(
        self, period: Literal["daily", "weekly", "monthly"] = "daily", limit: int = 30
    ) -> answers.ProfitsAnswer:
        """Profits by period, oldest first."""
        return self._get("/api/profits", period=period, limit=limit)

    def countdown(self, target: Amount = 1_000_000) -> answers.CountdownAnswer:
        """How far a target is, and in how many days it is reached."""
        return self._get("/api/countdown/status", target=target)

    def breaker(self, bot_id: str | None = None, user_id: str | None = None) -> answers.BreakerAnswer:
        """Whether a breaker is tripped: a bot's, another user's (admins), or your own."""
        return self._get("/api/circuit-breaker/status", bot_id=bot_id, user_id=user_id)

    def trips(self, bot_id: str | None = None, limit: int = 10) -> answers.TripsAnswer:
        """The trips of the book, newest first."""
        return self._get("/api/circuit-breaker/history", bot_id=bot_id, limit=limit)

    def reset(self, reason: str, *, bot_id: str | None = None, user_id: str | None = None) -> answers.ResetAnswer:
        """Reset a breaker, with a reason of at least 10 characters."""
        return self._post("/api/circuit-breaker/reset", bot_id=bot_id, user_id=user_id, reason=reason)

    def trip(
        self, reason: str | None = None, *, bot_id: str | None = None, user_id: str | None = None
    ) -> answers.BreakerAnswer:
        """The kill switch: trip a breaker by hand. Until it is reset, only reduce-only orders pass."""
        return self._post("/api/circuit-breaker/trip", bot_id=bot_id, user_id=user_id, reason=reason)

    def enter_signal(
        self,
        strategy_code: str,
        unique_id: str,
        signal: Literal["BUY_ENTRY", "SELL_ENTRY"],
        token: str,
        strike_price_token: str,
        *,
        strike_data: Mapping[str, Any] | None = None,
        allocations: Sequence[Mapping[str, Any]] | None = None,
        quote: Mapping[str, Any] | None = None,
        stop_loss: Amount | None = None,
        target: Amount | None = None,
        description: str | None = None,
    ) -> signal_answers.EntryAnswer:
        """Enter a signal: one block order, shared among `allocations`, or else among those who follow the strategy. The
        same signal again is answered as the first time. A token of the role signal_source sends it."""
        body = {
            "strategy_code": strategy_code,
            "unique_id": unique_id,
            "signal": signal,
            "token": token,
            "strike_price_token": strike_price_token,
            "strike_data": strike_data,
            "allocations": allocations,
            "quote": quote,
            "stop_loss": stop_loss,
            "target": target,
            "description": description,
            "is_paper": self.is_paper,
        }
        return self._call("POST", "/db/signals/v2/entry", json=written(body), once=True)

    def exit_signal(
        self,
        strategy_code: str,
        unique_id: str,
        signal: Literal["BUY_EXIT", "SELL_EXIT"],
        token: str,
        strike_price_token: str,
        *,
        quote: Mapping[str, Any] | None = None,
        user_ids: Sequence[str] | None = None,
        exit_reason: str = "SIGNAL",
        settlement_price: Amount | None = None,
    ) -> signal_answers.ExitAnswer:
        """Leave a signal: for all who hold, or for `user_ids`. While something is open the same exit goes on; once all
        is closed it is answered with the last result."""
        body = {
            "strategy_code": strategy_code,
            "unique_id": unique_id,
            "signal": signal,
            "token": token,
            "strike_price_token": strike_price_token,
            "quote": quote,
            "user_ids": user_ids,
            "exit_reason": exit_reason,
            "settlement_price": settlement_price,
        }
        return self._call("POST", "/db/signals/v2/exit", json=written(body))

    def active_positions(
        self, strategy_code: str | None = None, user_id: str | None = None
    ) -> signal_answers.PositionsAnswer:
        """What is open of signals at the newest prices: a trader's own; for other roles everybody's, or a user's."""
        return self._get("/db/signals/v2/active-positions", strategy_code=strategy_code, user_id=user_id)

    def signal_execution(
        self, signal_execution_id: int, *, after: int = 0, limit: int = 100
    ) -> signal_answers.ExecutionAnswer:
        """An execution, with its participants from the place `after` on; at most 1,000."""
        page = {"after": f"{after}", "limit": f"{limit}"}
        return self._call("GET", f"/db/signals/v2/executions/{signal_execution_id}", params=page)

    def signal_performance(
        self,
        strategy_code: str,
        *,
        symbol: str | None = None,
        first: date | datetime | None = None,
        last: date | datetime | None = None,
        user_id: str | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> signal_answers.PerformanceAnswer:
        """How a strategy did from a day to another, both included (or from a moment on and before another), and what
        its participants have of it, those behind the id `after`; at most 1,000."""
        period = {"from": first, "to": last}
        who = {"user_id": user_id, "after": after, "limit": limit}
        return self._get("/db/signals/v2/performance", strategy_code=strategy_code, symbol=symbol, **period, **who)

    def share_proof(self, signal_execution_id: int, user_id: str | None = None) -> signal_answers.ShareProof:
        """The proof of a participant's share, the caller's own unless another is named: `fntx verify` checks it."""
        path = f"/db/signals/v2/executions/{signal_execution_id}/proof"
        return self._call("GET", path, params=written({"user_id": user_id}))

    def limits(self, bot_id: str | None = None) -> answers.LimitsAnswer:
        """How much of the limits of the day and of the burst is used."""
        return self._get("/api/limits/status", bot_id=bot_id)
