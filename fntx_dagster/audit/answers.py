"""What a rippled or a Horizon answers about an anchor, and whether the ledger then holds it.

A function returns where it does. Permanent: the ledger does not hold it. Transient: this server cannot tell, because
it is of another network, has no history so old, or answers what no such server answers.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, NoReturn, ParamSpec, TypeVar

from fntx_dagster.audit.anchor import DATA_NAME, MEMO_FORMAT, MEMO_TYPE, Anchor, payload
from fntx_dagster.audit.checkpoint import Checkpoint, need
from fntx_dagster.errors import Transient

P = ParamSpec("P")
T = TypeVar("T")


def judged(function: Callable[P, T]) -> Callable[P, T]:
    """Decorator for what reads answers: one that has not the documented form is Transient."""

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            unanswered("the server's answer is not of its form")

    return wrapper


def unanswered(why: str) -> NoReturn:
    """Transient: a server cannot tell."""
    raise Transient(why, "Try again, or name another server")


@judged
def check_xrpl_network(state: Mapping[str, Any], anchor: Anchor) -> None:
    """`server_info` is of the anchor's network."""
    served = state["info"].get("network_id", 0)
    if f"{served}" != anchor.network:
        unanswered(f"the server is of another network: it serves {_shown(served)}")


@judged
def check_xrpl(found: Mapping[str, Any], anchor: Anchor, checkpoint: Checkpoint) -> None:
    """`tx` shows a validated, successful transaction of the account, in that ledger, whose one memo is the payload.
    Both versions of the API are understood."""
    if found.get("error") == "txnNotFound":
        need(found.get("searched_all") is not True, f"ledger {anchor.position} does not hold the transaction")
        unanswered("the server does not have that ledger's transactions")
    if found.get("error"):
        unanswered(f"the server answers {_shown(found['error'])}")
    sent = found.get("tx_json", found)
    need(found.get("validated") is True, "the transaction is not validated")
    result = found["meta"]["TransactionResult"]
    need(result == "tesSUCCESS", f"the transaction failed with {_shown(result)}")
    is_asked = found.get("hash", sent.get("hash")) == anchor.tx_hash.upper()
    need(is_asked, "the server shows another transaction")
    need(sent["Account"] == anchor.account, f"the transaction was sent by {_shown(sent['Account'])}")
    need(memo_of(sent) == payload(checkpoint), "the transaction's memo is not that of the checkpoint")
    held = found.get("ledger_index", sent.get("ledger_index"))
    need(held == anchor.position, f"the transaction is in ledger {_shown(held)}")


@judged
def xrpl_contents(page: Mapping[str, Any], account: str) -> list[bytes | None]:
    """What the memos of an account's own successful transactions hold, of a page of `account_tx`."""
    if page.get("error"):
        unanswered(f"the server answers {_shown(page['error'])}")
    contents = []
    for each in page["transactions"]:
        sent = each.get("tx_json", each.get("tx"))
        is_done = each["validated"] is True and each["meta"]["TransactionResult"] == "tesSUCCESS"
        if is_done and sent["Account"] == account:
            contents.append(memo_of(sent))
    return contents


def memo_of(sent: Mapping[str, Any]) -> bytes | None:
    """The payload in the one memo of a transaction, if it is of our kind."""
    memos = sent.get("Memos", [])
    memo = memos[0]["Memo"] if len(memos) == 1 else {}
    kind = [f"{memo.get(name)}".lower() for name in ("MemoType", "MemoFormat")]
    data = f"{memo.get('MemoData')}"
    if kind != [MEMO_TYPE.encode().hex(), MEMO_FORMAT.encode().hex()] or not _PAYLOAD.fullmatch(data):
        return None
    return bytes.fromhex(data)


@judged
def check_stellar_network(state: Mapping[str, Any] | None, anchor: Anchor) -> None:
    """The answer under `/` is of the anchor's network."""
    served = (state or {})["network_passphrase"]
    if served != anchor.network:
        unanswered(f"the server is of another network: it serves {_shown(served)}")


@judged
def refuse_stellar(state: Mapping[str, Any], anchor: Anchor) -> NoReturn:
    """What it means that Horizon does not have the transaction, given the answer under `/`."""
    is_kept = state["history_elder_ledger"] <= anchor.position <= state["history_latest_ledger"]
    need(not is_kept, f"ledger {anchor.position} does not hold the transaction")
    unanswered("the server does not have that ledger's transactions")


@judged
def check_stellar(
    found: Mapping[str, Any], operations: Mapping[str, Any], anchor: Anchor, checkpoint: Checkpoint
) -> None:
    """The transaction succeeded in that ledger, its memo is the root, and its operations of the account wrote the
    payload."""
    need(found["successful"] is True, "the transaction failed")
    need(found["hash"] == anchor.tx_hash.lower(), "the server shows another transaction")
    memo = (found.get("memo_type"), found.get("memo"))
    is_root = memo == ("hash", b64encode(checkpoint.root).decode())
    need(is_root, "the transaction's memo is not the root of the checkpoint")
    need(found["ledger"] == anchor.position, f"the transaction is in ledger {_shown(found['ledger'])}")
    written = _values(operations, anchor.account)
    need(bool(written), f"no operation of {anchor.account} wrote {DATA_NAME}")
    value = b64encode(payload(checkpoint)).decode()
    need(all(each == value for each in written), "the value written is not that of the checkpoint")


@judged
def stellar_contents(operations: Mapping[str, Any], account: str) -> list[bytes]:
    """What operations of an account wrote under our name."""
    return [b64decode(value) for value in _values(operations, account)]


@judged
def records(page: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]]:
    """The rows of a page of Horizon; none where the account has no page."""
    found = [] if page is None else page["_embedded"]["records"]
    if not isinstance(found, list):
        raise TypeError
    return found


@judged
def anchoring(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """The hashes of those of an account's transactions that may hold an anchor."""
    hashes = [each["hash"] for each in found if each["successful"] is True and each.get("memo_type") == "hash"]
    if not all(map(_HASH.fullmatch, hashes)):
        raise ValueError
    return hashes


@judged
def cursor_behind(rows: Sequence[Mapping[str, Any]]) -> str:
    """Where the page behind these rows begins."""
    cursor = rows[-1]["paging_token"]
    if not _CURSOR.fullmatch(cursor):
        raise ValueError
    return cursor


def _values(operations: Mapping[str, Any], account: str) -> list[str]:
    return [
        each["value"]
        for each in records(operations)
        if (each["type"], each.get("name"), each["source_account"]) == ("manage_data", DATA_NAME, account)
    ]


def _shown(value: Any) -> str:
    return f"{value}"[:80]


_HASH = re.compile(r"[0-9a-f]{64}")
_CURSOR = re.compile(r"[0-9A-Za-z-]{1,60}")
_PAYLOAD = re.compile(r"[0-9a-fA-F]{96}")
