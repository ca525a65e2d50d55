"""The state of an account in one validated ledger: balance, flags, signers, trust lines, escrows, tickets, and what an
issuer owes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from fntx_dagster.adapters.xrpl.amounts import Amount
from fntx_dagster.adapters.xrpl.reply import XrplReply, unreadable
from fntx_dagster.adapters.xrpl.rpc import XrplRefusedError, XrplRpc

FLAGS = {
    "default_ripple": "defaultRipple",
    "deposit_auth": "depositAuth",
    "disable_master": "disableMasterKey",
    "disallow_incoming_trustline": "disallowIncomingTrustline",
    "disallow_xrp": "disallowIncomingXRP",
    "global_freeze": "globalFreeze",
    "no_freeze": "noFreeze",
    "require_auth": "requireAuthorization",
    "require_dest": "requireDestinationTag",
    "allow_trustline_clawback": "allowTrustLineClawback",
    "allow_trustline_locking": "allowTrustLineLocking",
}
"""Our names → those of account_info."""
_PAGE, _MOST_PAGES = 400, 1000


class XrplSignerList(NamedTuple):
    """Who signs for an account: each signer's weight, and how much is needed."""

    quorum: int
    weights: Mapping[str, int]


class XrplAccount(NamedTuple):
    """An account. `balance` in drops; `sequence` is that of its next transaction."""

    address: str
    balance: int
    owner_count: int
    sequence: int
    flags: frozenset[str]
    regular_key: str | None
    signer_list: XrplSignerList | None
    ledger_index: int


class XrplLine(NamedTuple):
    """A trust line as its account sees it. `authorized`, `frozen` and `no_ripple` are what the other side set."""

    peer: str
    currency: str
    balance: Decimal
    limit: Decimal
    limit_peer: Decimal
    authorized: bool
    frozen: bool
    no_ripple: bool


class XrplEscrow(NamedTuple):
    """An escrow that an account owns. Times in seconds since 2000. `sequence`: the number that finishes it; None where
    the entry does not name it, and `created_by` is the transaction that does."""

    entry_index: str
    owner: str
    destination: str
    amount: Amount
    finish_after: int | None
    cancel_after: int | None
    condition: str | None
    sequence: int | None
    created_by: str


class XrplIssuance(NamedTuple):
    """What an issuer owes, by currency: to holders, and what stands in escrows."""

    obligations: Mapping[str, Decimal]
    locked: Mapping[str, Decimal]


def account_state(rpc: XrplRpc, address: str, ledger_index: int) -> XrplAccount | None:
    """An account in a validated ledger; None where it is not there."""
    try:
        reply = rpc.ask("account_info", account=address, ledger_index=ledger_index, signer_lists=True)
    except XrplRefusedError as error:
        if error.name == "actNotFound":
            return None
        raise
    data, flags = reply.inner("account_data"), reply.inner("account_flags")
    if data.address("Account") != address:
        raise data.wrong("Account")
    lists = (reply if reply.has("signer_lists") else data).rows("signer_lists", 1)
    return XrplAccount(
        address,
        data.drops("Balance"),
        data.whole("OwnerCount"),
        data.whole("Sequence"),
        frozenset(ours for ours, name in FLAGS.items() if flags.flag(name)),
        data.address("RegularKey") if data.has("RegularKey") else None,
        _signers(lists[0]) if lists else None,
        reply.whole("ledger_index"),
    )


def _signers(listed: XrplReply) -> XrplSignerList:
    entries = [row.inner("SignerEntry") for row in listed.rows("SignerEntries", 32)]
    weights = {entry.address("Account"): entry.whole("SignerWeight", 65_535) for entry in entries}
    return XrplSignerList(listed.whole("SignerQuorum"), weights)


def account_lines(rpc: XrplRpc, address: str, ledger_index: int, peer: str | None = None) -> list[XrplLine]:
    """All trust lines of an account that is there, or those with a peer: an issuer may have very many."""
    only = {} if peer is None else {"peer": peer}
    return [
        XrplLine(
            row.address("account"),
            row.currency("currency"),
            row.value("balance"),
            row.value("limit"),
            row.value("limit_peer") if row.has("limit_peer") else Decimal(0),
            row.flag("peer_authorized"),
            row.flag("freeze_peer"),
            row.flag("no_ripple_peer"),
        )
        for row in pages_of(rpc, "account_lines", "lines", account=address, ledger_index=ledger_index, **only)
    ]


def account_escrows(rpc: XrplRpc, address: str, ledger_index: int) -> list[XrplEscrow]:
    """The escrows that an account owns; those that it may receive are their owners'."""
    rows = pages_of(
        rpc, "account_objects", "account_objects", account=address, ledger_index=ledger_index, type="escrow"
    )
    return [_escrow(row, address) for row in rows if row.address("Account") == address]


def escrow_of(rpc: XrplRpc, owner: str, sequence: int, ledger_index: int) -> XrplEscrow | None:
    """The escrow that a finish or a cancellation names, in a validated ledger; None where it is not there."""
    try:
        reply = rpc.ask("ledger_entry", escrow={"owner": owner, "seq": sequence}, ledger_index=ledger_index)
    except XrplRefusedError as error:
        if error.name == "entryNotFound":
            return None
        raise
    node = reply.inner("node")
    if node.word("LedgerEntryType", 40) != "Escrow" or node.address("Account") != owner:
        raise node.wrong("Account")
    return _escrow(node, owner)._replace(sequence=sequence)


def _escrow(row: XrplReply, owner: str) -> XrplEscrow:
    return XrplEscrow(
        row.hash("index"),
        owner,
        row.address("Destination"),
        row.amount("Amount"),
        row.whole("FinishAfter") if row.has("FinishAfter") else None,
        row.whole("CancelAfter") if row.has("CancelAfter") else None,
        row.word("Condition", 520) if row.has("Condition") else None,
        row.whole("Sequence") if row.has("Sequence") else None,
        row.hash("PreviousTxnID") if row.has("PreviousTxnID") or not row.has("Sequence") else "",
    )


def escrow_sequence(rpc: XrplRpc, escrow: XrplEscrow) -> int:
    """The number that finishes an escrow, from the transaction that made it where the entry does not name it: an escrow
    is never changed."""
    if escrow.sequence is not None:
        return escrow.sequence
    made = rpc.ask("tx", transaction=escrow.created_by).inner("tx_json")
    return made.whole("TicketSequence") if made.has("TicketSequence") else made.whole("Sequence")


def free_tickets(rpc: XrplRpc, address: str, ledger_index: int) -> list[int]:
    """The tickets that an account has not used, the lowest first."""
    rows = pages_of(
        rpc, "account_objects", "account_objects", account=address, ledger_index=ledger_index, type="ticket"
    )
    return sorted(row.whole("TicketSequence") for row in rows)


def issuance(rpc: XrplRpc, issuer: str, ledger_index: int) -> XrplIssuance:
    """What an issuer owes, no wallet of its own left out."""
    reply = rpc.ask("gateway_balances", account=issuer, ledger_index=ledger_index, hotwallet=[])
    return XrplIssuance(reply.items("obligations"), reply.items("locked"))


def pages_of(rpc: XrplRpc, method: str, rows: str, **params: Any) -> Iterator[XrplReply]:
    """Every row, page by page. A server whose pages do not end is not followed for ever."""
    marker: Any = None
    for _ in range(_MOST_PAGES):
        more = {} if marker is None else {"marker": marker}
        reply = rpc.ask(method, **params, **more, limit=_PAGE)
        yield from reply.rows(rows)
        after = reply.raw("marker")
        if after is None:
            return
        if after == marker:
            break
        marker = after
    raise unreadable(method, "pages without an end")
