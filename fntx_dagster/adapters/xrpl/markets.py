"""The exchange of the XRP Ledger: a market's book, an account's open offers and balances, and what each transaction
that touched an account did to it, by its metadata."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from fntx_dagster.adapters.xrpl.accounts import account_lines, pages_of
from fntx_dagster.adapters.xrpl.amounts import Amount, code_of, read_currency
from fntx_dagster.adapters.xrpl.reply import XrplReply
from fntx_dagster.adapters.xrpl.rpc import XrplRpc
from fntx_dagster.execution.assets import DROPS, XRP, LedgerAsset, LedgerPair
from fntx_dagster.execution.books import BookLevel, MarketBook
from fntx_dagster.execution.fills import ConsumedOffer, LedgerTrace
from fntx_dagster.intents.fields import SpecFields

_DEPTH = 200
_SUCCESS = "tesSUCCESS"


class OpenOffer(NamedTuple):
    """An offer of an account that rests: `sequence` cancels it."""

    sequence: int
    gets_asset: LedgerAsset
    gets: Fraction
    pays_asset: LedgerAsset
    pays: Fraction


def market_book(rpc: XrplRpc, pair: LedgerPair, ledger_index: int) -> MarketBook:
    """The book of a market in a validated ledger."""
    asks = [BookLevel(pays / gets, gets) for gets, pays in _offers(rpc, pair.base, pair.quote, ledger_index)]
    bids = [BookLevel(gets / pays, pays) for gets, pays in _offers(rpc, pair.quote, pair.base, ledger_index)]
    return MarketBook(sorted(asks), sorted(bids, reverse=True))


def _offers(
    rpc: XrplRpc, gets: LedgerAsset, pays: LedgerAsset, ledger_index: int
) -> Iterator[tuple[Fraction, Fraction]]:
    """What each offer gives and wants, as far as its owner has it."""
    named = {"taker_gets": _named(gets), "taker_pays": _named(pays)}
    reply = rpc.ask("book_offers", **named, ledger_index=ledger_index, limit=_DEPTH)
    for row in reply.rows("offers"):
        funded = ("taker_gets_funded", "taker_pays_funded")
        names = funded if all(map(row.has, funded)) else ("TakerGets", "TakerPays")
        (_, given), (_, wanted) = (asset_amount(row.amount(name)) for name in names)
        if given > 0 and wanted > 0:
            yield given, wanted


def open_offers(rpc: XrplRpc, address: str, ledger_index: int) -> list[OpenOffer]:
    """The offers of an account that rest in a validated ledger."""
    rows = pages_of(rpc, "account_offers", "offers", account=address, ledger_index=ledger_index)
    return [
        OpenOffer(row.whole("seq"), *asset_amount(row.amount("taker_gets")), *asset_amount(row.amount("taker_pays")))
        for row in rows
    ]


def balances(rpc: XrplRpc, address: str, ledger_index: int) -> dict[LedgerAsset, Fraction]:
    """What an account holds: XRP, its reserve with it, and what issuers owe it."""
    data = rpc.ask("account_info", account=address, ledger_index=ledger_index).inner("account_data")
    held = {XRP: Fraction(data.drops("Balance"), DROPS)}
    for line in account_lines(rpc, address, ledger_index):
        if line.balance > 0:
            held[LedgerAsset(code_of(line.currency), line.peer)] = Fraction(line.balance)
    return held


def traces(rpc: XrplRpc, address: str, first: int, last: int) -> Iterator[LedgerTrace]:
    """Every transaction that touched an account in these ledgers, in the ledgers' order. Raises Transient where the
    server has not all of them: what it leaves out would be lost."""
    params: dict[str, Any] = {"ledger_index_min": first, "ledger_index_max": last, "forward": True}
    head = rpc.ask("account_tx", account=address, **params, limit=1)
    if head.whole("ledger_index_min") > first or head.whole("ledger_index_max") < last:
        raise head.wrong("ledger_index_min")
    for row in pages_of(rpc, "account_tx", "transactions", account=address, **params):
        if row.flag("validated"):
            yield trace_of(row, address)


def trace_of(row: XrplReply, address: str) -> LedgerTrace:
    """What a validated transaction did to an account, of an answer to `tx` or a row of `account_tx`."""
    tx, meta = row.inner("tx_json"), row.inner("meta")
    sender = tx.address("Account")
    code = meta.word("TransactionResult", 60)
    nodes = [*map(_Node, meta.rows("AffectedNodes"))]
    changes: dict[LedgerAsset, Fraction] = {}
    for node in nodes:
        for asset, value in node.changes(address):
            changes[asset] = changes.get(asset, Fraction(0)) + value
    return LedgerTrace(
        row.hash("hash"),
        row.whole("ledger_index"),
        meta.whole("TransactionIndex"),
        tx.whole("date"),
        tx.word("TransactionType", 40),
        sender,
        tx.whole("TicketSequence") if tx.has("TicketSequence") else tx.whole("Sequence"),
        code == _SUCCESS,
        Fraction(tx.drops("Fee"), DROPS) if sender == address else Fraction(0),
        [offer for node in nodes if (offer := node.consumed())],
        {asset: value for asset, value in changes.items() if value},
    )


class _Node:
    """An entry that a transaction made, changed or removed."""

    def __init__(self, row: XrplReply) -> None:
        [name] = [each for each in ("CreatedNode", "ModifiedNode", "DeletedNode") if row.has(each)] or [""]
        if not name:
            raise row.wrong("LedgerIndex")
        self._node = row.inner(name)
        self._is_new = name == "CreatedNode"
        self._kind = self._node.word("LedgerEntryType", 40)
        fields = "NewFields" if self._is_new else "FinalFields"
        self._last = self._node.inner(fields) if self._node.has(fields) else None
        self._before = self._node.inner("PreviousFields") if self._node.has("PreviousFields") else None

    def changes(self, address: str) -> Iterator[tuple[LedgerAsset, Fraction]]:
        """How balances of an account changed here."""
        if self._last is None:
            return
        if self._kind == "AccountRoot" and self._last.word("Account") == address:
            now, was = Fraction(self._last.drops("Balance")), self._drops_before()
            yield XRP, (now - (now if was is None else was)) / DROPS
        if self._kind == "RippleState":
            low, high = (self._last.inner(name).address("issuer") for name in ("LowLimit", "HighLimit"))
            if address in (low, high):
                sign = 1 if address == low else -1
                now, was = self._line(self._last), self._line_before()
                code = code_of(self._last.inner("Balance").currency("currency"))
                yield LedgerAsset(code, high if address == low else low), sign * (now - was)

    def consumed(self) -> ConsumedOffer | None:
        """What of an offer was consumed; None where it was placed, cancelled or removed."""
        if self._kind != "Offer" or self._is_new or self._last is None or self._before is None:
            return None
        gave_asset, gave = self._used("TakerGets")
        got_asset, got = self._used("TakerPays")
        if gave <= 0 or got <= 0:
            return None
        owner, sequence = self._last.address("Account"), self._last.whole("Sequence")
        return ConsumedOffer(self._node.hash("LedgerIndex"), owner, sequence, gave_asset, gave, got_asset, got)

    def _used(self, name: str) -> tuple[LedgerAsset, Fraction]:
        assert self._last is not None
        assert self._before is not None
        asset, now = asset_amount(self._last.amount(name))
        was = asset_amount(self._before.amount(name))[1] if self._before.has(name) else now
        return asset, was - now

    def _drops_before(self) -> Fraction | None:
        if self._is_new:
            return Fraction(0)
        return Fraction(self._before.drops("Balance")) if self._before and self._before.has("Balance") else None

    def _line_before(self) -> Fraction:
        assert self._last is not None
        if self._is_new:
            return Fraction(0)
        return self._line(self._before if self._before and self._before.has("Balance") else self._last)

    @staticmethod
    def _line(fields: XrplReply) -> Fraction:
        return Fraction(fields.inner("Balance").value("value")) if fields.has("Balance") else Fraction(0)


def asset_amount(amount: Amount) -> tuple[LedgerAsset, Fraction]:
    """An amount of the ledger as an asset and so much of it, exactly."""
    if isinstance(amount, str):
        return XRP, Fraction(int(amount), DROPS)
    return LedgerAsset(code_of(amount["currency"]), amount["issuer"]), Fraction(Decimal(amount["value"]))


def _named(asset: LedgerAsset) -> dict[str, str]:
    if asset.is_xrp:
        return {"currency": "XRP"}
    return {"currency": read_currency(SpecFields({"currency": asset.code}), "currency"), "issuer": asset.issuer}
