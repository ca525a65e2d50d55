"""Payments that validated ledgers hold: one by its hash, or those of an account that have an invoice id."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from fntx_dagster.adapters.xrpl.amounts import Amount
from fntx_dagster.adapters.xrpl.codec import RIPPLE_EPOCH
from fntx_dagster.adapters.xrpl.reply import XrplReply, unreadable
from fntx_dagster.adapters.xrpl.rpc import XrplRefusedError, XrplRpc
from fntx_dagster.errors import Transient

_PAGE, _MOST_PAGES = 200, 10_000


class XrplPaid(NamedTuple):
    """A payment that succeeded. `delivered`: what arrived; `invoice_id`: 64 hex digits in upper case, or None."""

    hash: str
    ledger_index: int
    closed_at: datetime
    account: str
    destination: str
    delivered: Amount
    invoice_id: str | None


def payment(rpc: XrplRpc, transaction_id: str) -> XrplPaid | None:
    """A validated payment that succeeded; None where the transaction is another one, failed, or is not validated."""
    try:
        reply = rpc.ask("tx", transaction=transaction_id)
    except XrplRefusedError as error:
        if error.name == "txnNotFound":
            return None
        raise
    if reply.hash("hash") != transaction_id.upper():
        raise reply.wrong("hash")
    return _paid(reply)


def invoiced(rpc: XrplRpc, account: str, since: int, until: int = 0) -> Iterator[XrplPaid]:
    """The payments of an account with an invoice id, in the validated ledgers from `since` on, the oldest first. Raises
    Transient where the server's history begins later, or ends before `until`: then nothing is known."""
    asked: dict[str, Any] = {"account": account, "ledger_index_min": since, "ledger_index_max": -1, "forward": True}
    for _ in range(_MOST_PAGES):
        try:
            page = rpc.ask("account_tx", **asked, limit=_PAGE)
        except XrplRefusedError as error:
            if error.name == "lgrIdxsInvalid":
                raise Transient(f"the XRP Ledger's server is behind ledger {since}", "Ask again in a minute") from None
            raise
        if page.whole("ledger_index_min") > since:
            raise Transient(
                f"the XRP Ledger's server has no ledgers before {page.whole('ledger_index_min')}",
                "Name one with the whole history in FNTX_XRPL_URL",
            )
        for row in page.rows("transactions"):
            found = _paid(row)
            if found is not None and found.account == account and found.invoice_id is not None:
                yield found
        if page.whole("ledger_index_max") < until:
            raise Transient(f"the XRP Ledger's server is behind ledger {until}", "Ask again in a minute")
        if not page.has("marker"):
            return
        asked["marker"] = page.raw("marker")
    raise unreadable("account_tx", "marker")


def _paid(reply: XrplReply) -> XrplPaid | None:
    if not reply.flag("validated"):
        return None
    tx, meta = reply.inner("tx_json"), reply.inner("meta")
    if tx.word("TransactionType") != "Payment" or meta.word("TransactionResult", 60) != "tesSUCCESS":
        return None
    if meta.raw("delivered_amount") in (None, "unavailable"):
        return None
    return XrplPaid(
        reply.hash("hash"),
        reply.whole("ledger_index"),
        datetime.fromtimestamp(tx.whole("date") + RIPPLE_EPOCH, UTC),
        tx.address("Account"),
        tx.address("Destination"),
        meta.amount("delivered_amount"),
        tx.hash("InvoiceID") if tx.has("InvoiceID") else None,
    )
