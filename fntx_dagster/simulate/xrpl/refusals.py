"""What a method refuses to answer, with rippled's names, numbers and words; and the parameters that it reads."""

from __future__ import annotations

from typing import Any

from fntx_dagster.simulate.xrpl.entries import is_address

_WORDS = {
    "actMalformed": (35, "Account malformed."),
    "actNotFound": (19, "Account not found."),
    "entryNotFound": (24, "Requested ledger entry not found."),
    "excessiveLgrRange": (78, "Ledger range exceeds 1000."),
    "internal": (73, "Internal error."),
    "invalidLgrRange": (79, "Ledger range is invalid."),
    "invalidParams": (31, "Invalid parameters."),
    "invalidTransaction": (0, "The transaction is not valid."),
    "lgrIdxsInvalid": (58, "Ledger indexes invalid."),
    "lgrNotFound": (21, "ledgerNotFound"),
    "noNetwork": (17, "Not synced to the network."),
    "slowDown": (10, "You are placing too much load on the server."),
    "tooBusy": (9, "The server is too busy to help you now."),
    "txnNotFound": (29, "Transaction not found."),
    "unknownCmd": (32, "Unknown method."),
}


class MethodRefusedError(Exception):
    """An error answer; `more` are fields beside it."""

    def __init__(self, name: str, message: str = "", **more: Any) -> None:
        self.name = name
        self.code, words = _WORDS.get(name, (-1, name))
        self.message = message or words
        self.more = more
        super().__init__(name)


def address_in(params: dict[str, Any], name: str = "account") -> str:
    """An account's address that a request must hold."""
    given = params.get(name)
    if given is None:
        raise MethodRefusedError("invalidParams", f"Missing field '{name}'.")
    if not isinstance(given, str) or not is_address(given):
        raise MethodRefusedError("actMalformed")
    return given


def whole_in(params: dict[str, Any], name: str, otherwise: int) -> int:
    """A whole number of a request."""
    given = params.get(name, otherwise)
    if isinstance(given, str) and given.isdigit():
        return int(given)
    if not isinstance(given, int) or isinstance(given, bool):
        raise MethodRefusedError("invalidParams", f"Invalid field '{name}'.")
    return given


def text_in(params: dict[str, Any], name: str) -> str:
    """A text that a request must hold."""
    given = params.get(name)
    if not isinstance(given, str):
        raise MethodRefusedError("invalidParams", f"Missing field '{name}'.")
    return given
