"""What goes wrong on a chain, in our two kinds of error. The one place that reads web3's exceptions and revert data.

The embedded chain answers with the JSON-RPC errors of an HTTP node (see `embedded`), so there is one form to read. The
text of a connection error is never passed on: it holds the RPC URL, and the URL may hold a key.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from fntx_dagster.chain.artifacts import custom_errors
from fntx_dagster.errors import Permanent, Transient

P = ParamSpec("P")
T = TypeVar("T")

_WAYS_OUT = {
    "ERC20InsufficientBalance": "Send FNTX to the trader's address",
    "ERC20InsufficientAllowance": "Approve TrackRecord to burn the trader's FNTX",
    "RecordExists": "A record is never overwritten; a correction is a new version",
    "InvalidDate": "Give a day of the calendar, 1970 or later",
}

_ALREADY_THERE = ("already known", "alreadyknown", "already imported")


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


def is_already_known(error: Exception) -> bool:
    """Whether a node refused a transaction because it has it, which is success."""
    return any(words in str(error).lower() for words in _ALREADY_THERE)


def _meaning(error: Exception) -> Transient | Permanent | None:
    from requests.exceptions import RequestException
    from web3 import exceptions as web3

    if isinstance(error, web3.ContractLogicError):
        return _reverted(error.data)
    if isinstance(error, web3.TimeExhausted):
        return Transient("the transaction is not mined yet", "Try again: the contract is read before anything is sent")
    if isinstance(error, web3.Web3RPCError):
        return _refused_by_node(str((error.rpc_response or {}).get("error") or error))
    if isinstance(error, (RequestException, web3.ProviderConnectionError, ConnectionError, TimeoutError)):
        return Transient(f"the RPC node does not answer ({type(error).__name__})", "Check FNTX_RPC_URL and the network")
    if isinstance(error, sqlite3.OperationalError):
        return Transient(f"the embedded chain's file cannot be used: {error}", "Check the disk, then try again")
    if isinstance(error, web3.BadFunctionCallOutput):
        return Permanent("the contract does not answer as FNTX's do", "Check the file named by FNTX_CONTRACTS")
    return None


def _reverted(data: Any) -> Permanent:
    from eth_abi import decode
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


def _refused_by_node(words: str) -> Transient | Permanent:
    lowered = words.lower()
    if "insufficient funds" in lowered:
        return Permanent("the ether of the sender does not pay for the transaction", "Send ether to its address")
    if "nonce" in lowered or "underpriced" in lowered:
        return Transient(
            "the node refused the transaction's nonce or fee: another one of the same key is in progress",
            "Try again when it is mined: the contract is read before anything is sent",
        )
    return Transient(f"the node refused: {words[:200]}", "Try again; if it stays, check the node")


def _shown(value: Any) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
