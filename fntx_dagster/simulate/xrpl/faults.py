"""Faults on demand: what a test or a demo may ask of the server, by method and count, where it was started with faults.

A request `fault` on the same port plans them: `{"on": method, "do": what, "taken": bool, "count": n}` with `cut` (the
connection ends without an answer), `hang` (no answer until the end, or for `seconds`), `error` (an answer with the
name in `error`), `status` (an HTTP status of its own) and `garbage` (an answer that nobody can read). `taken`: the
server did what was asked all the same. Without `on`: `{"unclosing": n}` ledgers that do not close, `{"late_history":
n}` a history that begins there, `{"signer_list": {account, quorum, signers}}` before the next transaction,
`{"open_fee": drops}`, `{"advance": seconds}` the ledger's clock, `{"line_limit": {account, issuer, currency, limit}}`
another limit of a line, as if somebody had changed it past everybody: from the next ledger on.
"""

from __future__ import annotations

import copy
from collections import defaultdict, deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from fntx_dagster.simulate.xrpl.entries import ONE_OWNER_COUNT, line_index, signers_index
from fntx_dagster.simulate.xrpl.ledger import XrplLedger
from fntx_dagster.simulate.xrpl.lines import set_limit
from fntx_dagster.simulate.xrpl.refusals import MethodRefusedError, address_in, text_in, whole_in

_KINDS = ("cut", "hang", "error", "status", "garbage")


class PlannedFault(NamedTuple):
    """What takes the place of an answer. `taken`: the server does what it was asked all the same."""

    kind: Literal["cut", "hang", "error", "status", "garbage"]
    taken: bool = False
    error: str = "tooBusy"
    status: int = 503
    seconds: float | None = None


@dataclass
class FaultPlan:
    """The faults to come."""

    by_method: dict[str, deque[PlannedFault]] = field(default_factory=lambda: defaultdict(deque))
    signer_lists: deque[dict[str, Any]] = field(default_factory=deque)
    advanced: float = 0
    """Seconds by which the ledger's clock is ahead."""

    def plan(self, ledger: XrplLedger, params: dict[str, Any]) -> dict[str, Any]:
        """Plan what a request says."""
        if "on" in params:
            kind = params.get("do")
            if kind not in _KINDS:
                raise MethodRefusedError("invalidParams", "Invalid field 'do'.")
            seconds = params.get("seconds")
            fault = PlannedFault(
                kind,
                params.get("taken") is True,
                str(params.get("error", "tooBusy")),
                whole_in(params, "status", 503),
                seconds if isinstance(seconds, int | float) else None,
            )
            self.by_method[text_in(params, "on")].extend([fault] * whole_in(params, "count", 1))
        if "unclosing" in params:
            ledger.unclosing = whole_in(params, "unclosing", 0)
        if "late_history" in params:
            ledger.first_kept = whole_in(params, "late_history", 0)
        if "open_fee" in params:
            ledger.open_fee = whole_in(params, "open_fee", 0) or None
        if "advance" in params:
            self.advanced += whole_in(params, "advance", 0)
        if isinstance(params.get("line_limit"), dict):
            _alter_limit(ledger, params["line_limit"])
        if isinstance(params.get("signer_list"), dict):
            self.signer_lists.append(params["signer_list"])
        return {}

    def next_for(self, method: str) -> PlannedFault | None:
        """The fault that takes this request; it is used up."""
        planned = self.by_method.get(method)
        return planned.popleft() if planned else None

    def before_submission(self, ledger: XrplLedger) -> None:
        """Let a list of signers change, as if its account had done it in the ledger before."""
        while self.signer_lists:
            given = self.signer_lists.popleft()
            account = address_in(given)
            entries = [
                {"SignerEntry": {"Account": each["account"], "SignerWeight": each["weight"]}}
                for each in given["signers"]
            ]
            index = signers_index(account)
            entry = {
                "LedgerEntryType": "SignerList",
                "Account": account,
                "Flags": ONE_OWNER_COUNT,
                "SignerEntries": entries,
                "SignerListID": 0,
                "SignerQuorum": given["quorum"],
                "index": index,
            }
            ledger.replace_entry(entry)


def _alter_limit(ledger: XrplLedger, given: dict[str, Any]) -> None:
    """Put another limit into a line of the last ledger's state."""
    account, issuer = address_in(given), text_in(given, "issuer")
    entry = ledger.entries.get(line_index(account, issuer, text_in(given, "currency")))
    if entry is None:
        raise MethodRefusedError("invalidParams", "There is no such line.")
    altered = copy.deepcopy(entry)
    set_limit(altered, account, Decimal(text_in(given, "limit")))
    ledger.replace_entry(altered)
