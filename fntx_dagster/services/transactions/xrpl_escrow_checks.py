"""What would fail of an escrow on the XRP Ledger although it costs its fee: a token that cannot be locked, and a finish
or a cancellation of an escrow that the ledger does not hold, or does not let go."""

from __future__ import annotations

from decimal import Decimal
from typing import NoReturn

from fntx_dagster.adapters.xrpl.accounts import XrplEscrow, escrow_of
from fntx_dagster.adapters.xrpl.codec import TxJson
from fntx_dagster.adapters.xrpl.network import validated_ledger
from fntx_dagster.adapters.xrpl.rpc import XrplRpc
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.services.transactions.xrpl_checks import XrplChecks

_SECONDS_TO_WAIT = 72 * 3600
"""A transaction waits so long for its signers: what opens later it does not meet."""


class EscrowChecks:
    """The escrows of one validated ledger. `checks`: its accounts and lines, as the transaction meets them."""

    def __init__(self, rpc: XrplRpc, checks: XrplChecks, head: int) -> None:
        self._rpc, self._checks, self._head = rpc, checks, head

    def require(self, tx: TxJson) -> None:
        """Raise TransactionRefused for a transaction of an escrow that would end with a tec, as far as can be seen."""
        own = {"EscrowCreate": self._created, "EscrowFinish": self._finished, "EscrowCancel": self._cancelled}
        if check := own.get(tx["TransactionType"]):
            check(tx)

    def _created(self, tx: TxJson) -> None:
        amount, holder, closed = tx["Amount"], self._checks.account(tx["Destination"]), self._closed()
        if "deposit_auth" in holder.flags:
            raise TransactionRefused("deposit_auth", f"{holder.address} takes nothing but what it fetches itself")
        if "require_dest" in holder.flags and "DestinationTag" not in tx:
            raise TransactionRefused("needs_tag", f"{holder.address} takes nothing without a destination_tag")
        if any(closed > tx[name] for name in ("FinishAfter", "CancelAfter") if name in tx):
            raise TransactionRefused("too_late", "a time of the escrow has passed on the ledger")
        drops = int(amount) if isinstance(amount, str) else 0
        self._checks.require_drops(drops + int(tx["Fee"]), 1, "own the escrow")
        if isinstance(amount, dict):
            self._created_of_tokens(tx["Account"], amount, holder.address)

    def _created_of_tokens(self, owner: str, amount: dict[str, str], holder: str) -> None:
        """The issuer lets its tokens be locked, the owner has them, and the destination can take them at the finish."""
        issuer, value, currency = self._checks.account(amount["issuer"]), Decimal(amount["value"]), amount["currency"]
        if "allow_trustline_locking" not in issuer.flags:
            raise TransactionRefused(
                "no_locking", f"{issuer.address} has not set allow_trustline_locking: its tokens go into no escrow"
            )
        self._checks.paying_line(owner, issuer, currency, value)
        if holder != issuer.address:
            self._checks.receiving_line(holder, issuer, currency, value)

    def _finished(self, tx: TxJson) -> None:
        escrow, closed = held_escrow(self._rpc, tx["Owner"], tx["OfferSequence"], self._head), self._closed()
        if escrow.cancel_after is not None and closed > escrow.cancel_after:
            raise TransactionRefused("too_late", "the escrow can be cancelled now, and be finished no more")
        if escrow.finish_after is not None and closed + _SECONDS_TO_WAIT <= escrow.finish_after:
            _too_early(escrow.finish_after - closed, "finished")
        if (escrow.condition or "").upper() != tx.get("Condition", ""):
            lacks = "condition and fulfillment" if escrow.condition else "none"
            raise TransactionRefused("bad_condition", f"the escrow has another condition than this: it needs {lacks}")
        destination = self._checks.account(escrow.destination)
        if "deposit_auth" in destination.flags and tx["Account"] != escrow.destination:
            raise TransactionRefused("deposit_auth", f"{escrow.destination} takes from nobody: it finishes it itself")
        amount = escrow.amount
        if isinstance(amount, str) or escrow.destination == amount["issuer"] or tx["Account"] == escrow.destination:
            return
        # what was locked before a freeze is paid out in spite of it, but over a line that is authorised
        issuer, value = self._checks.account(amount["issuer"]), Decimal(amount["value"])
        self._checks.receiving_line(escrow.destination, issuer, amount["currency"], value, frozen=True)

    def _cancelled(self, tx: TxJson) -> None:
        escrow, closed = held_escrow(self._rpc, tx["Owner"], tx["OfferSequence"], self._head), self._closed()
        if escrow.cancel_after is None:
            raise TransactionRefused("never", "the escrow has no cancel_after: it can be finished, and never cancelled")
        if closed + _SECONDS_TO_WAIT <= escrow.cancel_after:
            _too_early(escrow.cancel_after - closed, "cancelled")

    def _closed(self) -> int:
        """When the last validated ledger closed: escrows compare with it, and with no clock."""
        return validated_ledger(self._rpc).close_time


def held_escrow(rpc: XrplRpc, owner: str, sequence: int, head: int) -> XrplEscrow:
    """An escrow that has to be there."""
    found = escrow_of(rpc, owner, sequence, head)
    if found is None:
        raise TransactionRefused("no_escrow", f"the ledger holds no escrow {sequence} of {owner}")
    return found


def _too_early(seconds: int, what: str) -> NoReturn:
    raise TransactionRefused(
        "too_early", f"the escrow can be {what} in {seconds // 3600} hours: a transaction waits 72 for its signers"
    )
