"""The desk's ledger: asked at one validated ledger, so that what is read together belongs together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from fractions import Fraction

from fntx_dagster.adapters.xrpl.markets import OpenOffer, balances, market_book, open_offers, traces
from fntx_dagster.adapters.xrpl.network import XrplLedgerHead, check_network, validated_ledger
from fntx_dagster.adapters.xrpl.rpc import XrplRpc
from fntx_dagster.errors import Permanent
from fntx_dagster.execution.assets import LedgerAsset, LedgerPair
from fntx_dagster.execution.books import MarketBook
from fntx_dagster.execution.fills import LedgerTrace
from fntx_dagster.governance.config import TreasuryConfig
from fntx_dagster.services.execution.switching import DESK
from fntx_dagster.services.governance.configuration import configured
from fntx_dagster.services.transactions.plausible import require_possible_ledger
from fntx_dagster.settings import Settings

_CONNECT, _ANSWER = 3, 20
"""Seconds."""


class DeskLedger:
    """What the ledger says of the desk's account and of markets, at `head`."""

    def __init__(self, rpc: XrplRpc, config: TreasuryConfig, head: XrplLedgerHead) -> None:
        self.rpc, self.config, self.head = rpc, config, head
        self.account = config.xrpl_accounts[DESK]
        self.known = frozenset(
            LedgerAsset(each.code, each.issuer_address) for each in config.tokens if each.ledger == "xrpl"
        )
        self._books: dict[LedgerPair, MarketBook] = {}

    @property
    def now(self) -> datetime:
        """The ledger's own time: when `head` closed."""
        return self.head.closed_at

    def book(self, pair: LedgerPair) -> MarketBook:
        """The book of a market."""
        if pair not in self._books:
            self._books[pair] = market_book(self.rpc, pair, self.head.ledger_index)
        return self._books[pair]

    def worth(self, asset: LedgerAsset, quote: LedgerAsset) -> Fraction | None:
        """What one of an asset is worth, by the middle of its market; None where nobody offers anything."""
        return Fraction(1) if asset == quote else self.book(LedgerPair(asset, quote)).mid

    def balances(self) -> dict[LedgerAsset, Fraction]:
        """What the desk holds."""
        return balances(self.rpc, self.account, self.head.ledger_index)

    def offers(self) -> list[OpenOffer]:
        """The desk's offers that rest."""
        return open_offers(self.rpc, self.account, self.head.ledger_index)

    def traces(self, after: int) -> Iterator[LedgerTrace]:
        """Every transaction that touched the desk after a ledger."""
        if after < self.head.ledger_index:
            yield from traces(self.rpc, self.account, after + 1, self.head.ledger_index)


@contextmanager
def desk_ledger(settings: Settings) -> Iterator[DeskLedger]:
    """The ledger of the desk now. Raises Permanent where no server is named, and for one of another network; Transient
    where it does not answer."""
    config = configured(settings)
    url = settings.treasury.xrpl_url
    if url is None:
        raise Permanent("no server of the XRP Ledger is named", "Set FNTX_XRPL_URL")
    rpc = XrplRpc(url.get_secret_value(), _CONNECT, _ANSWER)
    check_network(rpc, config.network_id)
    head = validated_ledger(rpc)
    require_possible_ledger("xrpl", head.ledger_index, head.closed_at)
    yield DeskLedger(rpc, config, head)
