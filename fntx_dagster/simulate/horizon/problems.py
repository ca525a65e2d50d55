"""What Horizon answers where it refuses: problem documents (RFC 9457) with its types, and a transaction's codes."""

from __future__ import annotations

from typing import Any, NamedTuple

from fntx_dagster.simulate.horizon.results import TransactionVerdict, result_xdr
from fntx_dagster.simulate.horizon.transactions import SubmittedTransaction

_TITLES = {
    "not_found": (404, "Resource Missing"),
    "bad_request": (400, "Bad Request"),
    "transaction_malformed": (400, "Transaction Malformed"),
    "transaction_failed": (400, "Transaction Failed"),
    "timeout": (504, "Timeout"),
    "rate_limit_exceeded": (429, "Rate Limit Exceeded"),
    "server_over_capacity": (503, "Server Over Capacity"),
    "forbidden": (403, "Forbidden"),
}


class HorizonAnswer(NamedTuple):
    """A status and a document, which is sent as JSON; `problem`: as problem+json."""

    status: int
    document: Any
    problem: bool = False


class RequestRefused(Exception):
    """A request is answered with a problem."""

    def __init__(self, answer: HorizonAnswer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def problem(kind: str, detail: str = "", **extras: Any) -> HorizonAnswer:
    """A problem of a type of Horizon's."""
    status, title = _TITLES[kind]
    document = {"type": f"https://stellar.org/horizon-errors/{kind}", "title": title, "status": status}
    more: dict[str, Any] = {"extras": extras} if extras else {}
    return HorizonAnswer(status, document | ({"detail": detail} if detail else {}) | more, problem=True)


def bad_field(name: str, reason: str) -> RequestRefused:
    """A field of a request holds what it must not."""
    return RequestRefused(
        problem("bad_request", "The request you sent was invalid.", invalid_field=name, reason=reason)
    )


def failure(submitted: SubmittedTransaction, verdict: TransactionVerdict, fee: int) -> HorizonAnswer:
    """A transaction that failed, in a ledger or before it: its codes and a result that parses."""
    return problem(
        "transaction_failed",
        "The transaction failed when submitted to the stellar network.",
        envelope_xdr=submitted.xdr,
        result_codes=verdict.codes(),
        result_xdr=refusal_xdr(submitted, verdict, fee),
    )


def refusal_xdr(submitted: SubmittedTransaction, verdict: TransactionVerdict, fee: int) -> str:
    """The TransactionResult of a transaction that failed."""
    return result_xdr(verdict, submitted.types() if verdict.operations else (), fee, submitted.inner_hash)
