"""What the ledger says to one transaction, in the ledger's order: its shape, its signatures, the account, the sequence
or ticket, the last ledger, the fee, who may sign, and then what it does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from xrpl.core.binarycodec import decode, encode

from fntx_dagster.simulate.xrpl import accounts, escrows, offers, payments, trust
from fntx_dagster.simulate.xrpl.codes import SUCCESS, claims_fee
from fntx_dagster.simulate.xrpl.entries import (
    DISABLE_MASTER,
    LedgerEntry,
    half_hash,
    signers_index,
    ticket_index,
)
from fntx_dagster.simulate.xrpl.signatures import key_account, signature_fault
from fntx_dagster.simulate.xrpl.view import NetworkRules, TrialState, Work

_UNIVERSAL = 0x80000000
"""tfFullyCanonicalSig: it has no meaning any more, and is let pass."""


class _Kind(NamedTuple):
    """What a kind of transaction needs, what is wrong with its shape, and what it does."""

    fields: tuple[str, ...]
    flags: int
    shape: Callable[[dict[str, Any]], str | None]
    apply: Callable[[Work], str]


_KINDS = {
    "Payment": _Kind(("Destination", "Amount"), payments.KNOWN, payments.shape, payments.apply),
    "TrustSet": _Kind(("LimitAmount",), trust.KNOWN, trust.shape, trust.apply),
    "AccountSet": _Kind((), 0, accounts.shape_of_flags, accounts.set_flags),
    "SetRegularKey": _Kind((), 0, accounts.shape_of_key, accounts.set_regular_key),
    "SignerListSet": _Kind(("SignerQuorum",), 0, accounts.shape_of_signers, accounts.set_signers),
    "TicketCreate": _Kind(("TicketCount",), 0, accounts.shape_of_tickets, accounts.create_tickets),
    "AccountDelete": _Kind(("Destination",), 0, accounts.shape_of_deletion, accounts.delete_account),
    "EscrowCreate": _Kind(("Destination", "Amount"), 0, escrows.shape_of_creation, escrows.create),
    "EscrowFinish": _Kind(("Owner", "OfferSequence"), 0, escrows.shape_of_finish, escrows.finish),
    "EscrowCancel": _Kind(("Owner", "OfferSequence"), 0, lambda _: None, escrows.cancel),
    "OfferCreate": _Kind(("TakerPays", "TakerGets"), offers.KNOWN, offers.shape, offers.create),
    "OfferCancel": _Kind(("OfferSequence",), 0, offers.shape_of_cancellation, offers.cancel),
}


class SentTransaction(NamedTuple):
    """A transaction as it came: its bytes in hex, its hash, and what they say."""

    blob: str
    transaction_id: str
    tx: dict[str, Any]


def read_blob(blob: str) -> SentTransaction:
    """Decode a signed transaction. Raises ValueError where the bytes are none, or not in the one canonical form."""
    try:
        tx = decode(blob)
        again = encode(tx)
    except Exception as error:  # the codec raises errors of many kinds
        raise ValueError("the bytes are no transaction") from error
    if again != blob.upper() or "TransactionType" not in tx:
        raise ValueError("the bytes are not in canonical form")
    return SentTransaction(again, half_hash(b"TXN\x00" + bytes.fromhex(again)), tx)


@dataclass(frozen=True)
class LedgerToCome:
    """The ledger in which transactions are tried. `is_open`: the fee's minimum is asked for; `retries`: a tec waits for
    what else is in the ledger."""

    rules: NetworkRules
    ledger_index: int
    parent_close: int
    is_open: bool = True
    retries: bool = False


class EngineVerdict(NamedTuple):
    """The code; `is_in`: the transaction changed the state, at least by its fee. `nodes`: which entries changed."""

    code: str
    is_in: bool = False
    nodes: tuple[dict[str, Any], ...] = ()
    delivered: Any = None


def attempt(view: TrialState, sent: SentTransaction, coming: LedgerToCome, *, signed: bool = True) -> EngineVerdict:
    """Try one transaction on a state, and change it where the transaction gets in. `signed` False tries one that nobody
    has signed yet."""
    fault = _shape(sent.tx, coming.rules) or (signature_fault(sent.tx) if signed else None)
    fault = fault or _account_fault(view, sent, coming)
    if signed:
        fault = fault or _authority_fault(view, sent.tx)
    if fault:
        return EngineVerdict(fault)
    tx, paid = sent.tx, TrialState(view)
    root = paid.edit_root(tx["Account"])
    prior = int(root["Balance"])
    root["Balance"] = str(prior - int(tx["Fee"]))
    _use_up_sequence(paid, tx)
    key = tx["SigningPubKey"]
    signed_by = key_account(key) if key else ""
    done = TrialState(paid)
    work = Work(
        done,
        tx,
        coming.rules,
        sent.transaction_id,
        coming.ledger_index,
        coming.parent_close,
        prior,
        signed_by,
    )
    code = _KINDS[tx["TransactionType"]].apply(work)
    if code == SUCCESS:
        done.commit()
    elif not claims_fee(code) or coming.retries:
        return EngineVerdict(code)
    nodes = _nodes(view, paid, sent.transaction_id, coming.ledger_index)
    paid.commit()
    return EngineVerdict(code, True, nodes, work.delivered if code == SUCCESS else None)


def required_fee(tx: dict[str, Any], rules: NetworkRules) -> int:
    """The least fee in drops: more for each signer, for a fulfillment, for the end of an account."""
    signers = len(tx.get("Signers", ()))
    if tx["TransactionType"] == "AccountDelete":
        return rules.reserve_inc
    if "Fulfillment" in tx:
        return rules.base_fee * (33 + len(tx["Fulfillment"]) // 2 // 16 + signers)
    return rules.base_fee * (1 + signers)


def _shape(tx: dict[str, Any], rules: NetworkRules) -> str | None:
    kind = _KINDS.get(tx["TransactionType"])
    if kind is None:
        return "temDISABLED"
    needed = ("Account", "Fee", "Sequence", "SigningPubKey", *kind.fields)
    if any(field not in tx for field in needed):
        return "temMALFORMED"
    if rules.network_id <= 1024 and "NetworkID" in tx:
        return "telNETWORK_ID_MAKES_TX_NON_CANONICAL"
    if rules.network_id > 1024 and tx.get("NetworkID") != rules.network_id:
        return "telWRONG_NETWORK" if "NetworkID" in tx else "telREQUIRES_NETWORK_ID"
    if not tx["Fee"].isdigit():
        return "temBAD_FEE"
    if tx.get("Flags", 0) & ~(kind.flags | _UNIVERSAL):
        return "temINVALID_FLAG"
    if "TicketSequence" in tx and tx["Sequence"]:
        return "temSEQ_AND_TICKET"
    return kind.shape(tx)


def _account_fault(view: TrialState, sent: SentTransaction, coming: LedgerToCome) -> str | None:
    tx = sent.tx
    root = view.root(tx["Account"])
    if root is None:
        return "terNO_ACCOUNT"
    ticket = tx.get("TicketSequence")
    if ticket is None:
        if tx["Sequence"] != root["Sequence"]:
            return "tefPAST_SEQ" if tx["Sequence"] < root["Sequence"] else "terPRE_SEQ"
    elif ticket >= root["Sequence"]:
        return "terPRE_TICKET"
    elif view.read(ticket_index(tx["Account"], ticket)) is None:
        return "tefNO_TICKET"
    if coming.ledger_index > tx.get("LastLedgerSequence", coming.ledger_index):
        return "tefMAX_LEDGER"
    fee, balance = int(tx["Fee"]), int(root["Balance"])
    if coming.is_open and fee < required_fee(tx, coming.rules):
        return "telINSUF_FEE_P"
    return "terINSUF_FEE_B" if balance < fee else None


def _authority_fault(view: TrialState, tx: dict[str, Any]) -> str | None:
    """Why those who signed may not sign for the account."""
    if "Signers" in tx:
        return _multisign_fault(view, tx)
    root = view.root(tx["Account"]) or {}
    signer = key_account(tx["SigningPubKey"])
    if signer == root.get("RegularKey"):
        return None
    if signer == tx["Account"]:
        return "tefMASTER_DISABLED" if root["Flags"] & DISABLE_MASTER else None
    return "tefBAD_AUTH" if "RegularKey" in root else "tefBAD_AUTH_MASTER"


def _multisign_fault(view: TrialState, tx: dict[str, Any]) -> str | None:
    listed = view.read(signers_index(tx["Account"]))
    if listed is None:
        return "tefNOT_MULTI_SIGNING"
    entries = (each["SignerEntry"] for each in listed["SignerEntries"])
    weights = {entry["Account"]: entry["SignerWeight"] for entry in entries}
    weight = 0
    for signer in (each["Signer"] for each in tx["Signers"]):
        if signer["Account"] not in weights:
            return "tefBAD_SIGNATURE"
        by, root = key_account(signer["SigningPubKey"]), view.root(signer["Account"])
        if by == signer["Account"]:
            if root is not None and root["Flags"] & DISABLE_MASTER:
                return "tefMASTER_DISABLED"
        elif root is None or root.get("RegularKey") != by:
            return "tefBAD_SIGNATURE"
        weight += weights[signer["Account"]]
    return "tefBAD_QUORUM" if weight < listed["SignerQuorum"] else None


def _use_up_sequence(view: TrialState, tx: dict[str, Any]) -> None:
    root = view.edit_root(tx["Account"])
    if "TicketSequence" not in tx:
        root["Sequence"] += 1
        return
    view.erase(ticket_index(tx["Account"], tx["TicketSequence"]))
    root["OwnerCount"] -= 1
    root["TicketCount"] -= 1
    if not root["TicketCount"]:
        del root["TicketCount"]


def _nodes(before: TrialState, after: TrialState, transaction_id: str, ledger_index: int) -> tuple[dict[str, Any], ...]:
    """What changed, as a transaction's metadata tell it; each changed entry then names this transaction."""
    nodes = []
    for index in sorted(after.changed):
        old, new = before.read(index), after.changed[index]
        if old == new or (old is None and new is None):
            continue
        if new is not None:
            new["PreviousTxnID"], new["PreviousTxnLgrSeq"] = transaction_id, ledger_index
        head = {"LedgerEntryType": (new or old or {})["LedgerEntryType"], "LedgerIndex": index}
        if old is None:
            nodes.append({"CreatedNode": head | {"NewFields": shown_fields(new or {})}})
        else:
            last = new or after.removed.get(index, old)
            changed = {name: value for name, value in shown_fields(old).items() if last.get(name) != value}
            fields: dict[str, Any] = {"FinalFields": shown_fields(last)}
            if new is not None or changed:
                fields["PreviousFields"] = changed
            nodes.append({"DeletedNode" if new is None else "ModifiedNode": head | fields})
    return tuple(nodes)


_NOT_IN_METADATA = ("LedgerEntryType", "index", "PreviousTxnID", "PreviousTxnLgrSeq")


def shown_fields(entry: LedgerEntry) -> dict[str, Any]:
    """The fields of an entry in metadata; those of our own begin with a line."""
    return {name: value for name, value in entry.items() if name not in _NOT_IN_METADATA and not name.startswith("_")}
