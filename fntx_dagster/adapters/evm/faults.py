"""What goes wrong on a chain, in our two kinds of error. The one place that reads web3's exceptions and revert data.

The embedded chain answers with the JSON-RPC errors of an HTTP node (see `embedded`), so there is one form to read. The
text of a connection error is never passed on: it holds the RPC URL, and the URL may hold a key.
"""

from __future__ import annotations

import functools
import json
import sqlite3
from collections.abc import Callable
from enum import StrEnum
from typing import Any, ParamSpec, TypeVar

from fntx_dagster.adapters.evm.artifacts import custom_errors
from fntx_dagster.errors import Permanent, Transient

P = ParamSpec("P")
T = TypeVar("T")

MADE_ANEW = (
    "Move the folder `chain` of the home away, then `fntx run` over all signed days: they are posted to a new one with "
    "the same roots"
)
"""What to do where an embedded chain is lost: it is nobody's but this home's."""

_WAYS_OUT = {
    "ERC20InsufficientBalance": "Send FNTX to the trader's address",
    "ERC20InsufficientAllowance": "Let TrackRecord burn the trader's FNTX with `fntx chain approve`",
    "RecordExists": "A record is never overwritten; a correction is a new version",
    "NoRecord": "Post the day's first version before it is amended",
    "PreviousRootDiffers": "Look at what the contract holds: the amendment was made of another record",
    "SameRoot": "An amendment changes something; there is nothing to post",
    "TooManySchemas": "This trader has signed under 65,535 catalogues: begin with another key",
    "InvalidDate": "Give a day of the calendar, 1970 or later",
    "InvalidReason": "Give a reason of 1 to 256 bytes",
    "OwnRecord": "Attest with another key than the trader's: nobody is a witness of itself",
    "AlreadyAttested": "It is attested with this level or a higher one, or was revoked for ever",
    "NotAttested": "There is no attestation of that version and root to revoke",
    "WrongNumber": "Somebody else commits with this key: let one program alone do so",
}


_NO_NODE = ("the RPC URL answers, but not as an Ethereum node does", "Check the URL")
_NONSENSE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
"""What web3 raises in the middle of its work where an answer has another form than a node's."""


class NodeRefusal(StrEnum):
    """Why a node did not take a transaction, as far as the sender does something about it."""

    ALREADY_KNOWN = "it has it already"
    NONCE_TOO_LOW = "its nonce is used"
    NONCE_TOO_HIGH = "an earlier nonce is free"
    UNDERPRICED = "its fees are too low"
    NO_ETHER = "the ether does not pay for it"
    OTHER = "another reason"


# Words of the clients' refusals, in lower case without spaces: geth and its kin, Nethermind, Besu, Erigon, reth, anvil.
_REFUSALS = {
    NodeRefusal.ALREADY_KNOWN: ("alreadyknown", "alreadyimported", "knowntransaction", "alreadyexists"),
    NodeRefusal.NONCE_TOO_LOW: ("noncetoolow", "oldnonce", "noncebelow"),
    NodeRefusal.NONCE_TOO_HIGH: ("noncetoohigh", "noncegap", "noncetoofar", "noncetoodistant", "nonceistoodistant"),
    NodeRefusal.UNDERPRICED: (
        "underpriced",
        "feetoolow",
        "lessthanblockbasefee",
        "replacementnotallowed",
        "replacementtransaction",
        "couldnotreplace",
        "gaspricebelow",
        "gaspricetoolow",
    ),
    NodeRefusal.NO_ETHER: ("insufficientfunds", "upfrontcost", "insufficientbalance"),
}


class Reverted(Permanent):
    """A contract refused. `error` is the name of its custom error, `arguments` are the error's, by name."""

    def __init__(self, error: str, arguments: dict[str, Any]) -> None:
        self.error = error
        self.arguments = arguments
        listed = ", ".join(f"{name} {_shown(value)}" for name, value in arguments.items())
        super().__init__(f"the contract refused with {error}({listed})", _WAYS_OUT.get(error, ""))


def explained(function: Callable[P, T]) -> Callable[P, T]:
    """Decorator: whatever the chain raises inside `function` leaves it as Transient or Permanent."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            meaning = _meaning(error)
            if meaning is None:
                raise
            raise meaning from None

    return wrapper


def as_a_node_answers(function: Callable[P, T]) -> Callable[P, T]:
    """Decorator for what only reads: as `explained`, and an answer that web3 cannot read is Transient."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return explained(function)(*args, **kwargs)
        except _NONSENSE:
            raise Transient(*_NO_NODE) from None

    return wrapper


def refusal_of(error: Exception) -> NodeRefusal:
    """Why a node did not take a transaction, from the words of its JSON-RPC error."""
    words = _words(error).lower().replace(" ", "").replace("_", "")
    return next(
        (refusal for refusal, known in _REFUSALS.items() if any(phrase in words for phrase in known)), NodeRefusal.OTHER
    )


def _meaning(error: Exception) -> Transient | Permanent | None:
    from eth_abi.exceptions import DecodingError
    from requests import exceptions as requests
    from urllib3.exceptions import LocationValueError
    from web3 import exceptions as web3

    if isinstance(error, web3.ContractLogicError):
        return _reverted(error.data)
    if isinstance(error, web3.TimeExhausted):
        return Transient("the transaction is not mined yet", "Try again: the contract is read before anything is sent")
    if isinstance(error, web3.Web3RPCError):
        return refused_by_node(error)
    if isinstance(error, (requests.InvalidURL, requests.MissingSchema, requests.InvalidSchema, LocationValueError)):
        return Permanent("the RPC URL is none", "Its form: https://host/path")
    if isinstance(error, (requests.JSONDecodeError, json.JSONDecodeError, web3.BadResponseFormat)):
        return Transient(*_NO_NODE)
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return Transient(f"the RPC node answers with HTTP {error.response.status_code}", "Check its URL and its limits")
    if isinstance(error, (requests.RequestException, web3.ProviderConnectionError, ConnectionError, TimeoutError)):
        return Transient(f"the RPC node does not answer ({type(error).__name__})", "Check its URL and the network")
    if isinstance(error, sqlite3.OperationalError):
        return Transient(f"the embedded chain's file cannot be used: {error}", "Check the disk, then try again")
    if isinstance(error, sqlite3.DatabaseError):
        return Permanent(f"the embedded chain's file is damaged: {error}", MADE_ANEW)
    if isinstance(error, (web3.BlockNotFound, web3.TransactionNotFound)):
        return Transient("the node does not show a block that it had, or has not got it yet", "Try again")
    if isinstance(error, (web3.BadFunctionCallOutput, DecodingError)):
        return Permanent("the contract does not answer as FNTX's do", "Check the file named by FNTX_CONTRACTS")
    return None


def _reverted(data: Any) -> Permanent:
    from eth_abi.abi import decode
    from eth_abi.exceptions import DecodingError

    raw = bytes.fromhex(data.removeprefix("0x")) if isinstance(data, str) else b""
    name, inputs = custom_errors().get(raw[:4], ("revert", None))
    try:
        if inputs is not None:
            values = decode([kind for _, kind in inputs], raw[4:])
            return Reverted(name, dict(zip((label for label, _ in inputs), values, strict=True)))
    except DecodingError:
        pass
    return Reverted(name, {"data": raw})


def refused_by_node(error: Exception, sender: str = "") -> Transient | Permanent:
    """A node's JSON-RPC error, in our two kinds. `sender`: whose transaction it was, where that is known."""
    refusal = refusal_of(error)
    if refusal is NodeRefusal.NO_ETHER:
        return Permanent(
            f"the ether of {sender or 'the sender'} does not pay for the transaction",
            f"Send ether to {sender or 'the address of the account: `fntx chain status` names it'}",
        )
    if refusal is not NodeRefusal.OTHER:
        return Transient(
            f"the node refused the transaction: {refusal}. Another one of the same key may be in progress",
            "Try again when it is mined: the contract is read before anything is sent",
        )
    return Transient(f"the node refused: {_words(error)[:200]}", "Try again; if it stays, check the node")


def _words(error: Exception) -> str:
    return str((getattr(error, "rpc_response", None) or {}).get("error") or error)


def _shown(value: Any) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
