"""Submitting to Stellar, and what became of a transaction: decided by its hash and the ledgers' time, by nothing else.

The bytes and their hash are saved before the first submission. An answer to a submission says what to do next; whether
the transaction happened is what `outcome_of` says.
"""

from __future__ import annotations

import re
from typing import Any

from fntx_dagster.adapters.stellar.horizon import Horizon
from fntx_dagster.adapters.stellar.results import ResultCodes, codes_in, codes_of
from fntx_dagster.adapters.stellar.states import (
    Meaning,
    StellarOutcome,
    StellarSubmission,
    StellarTransactionState,
)
from fntx_dagster.errors import FntxError, Transient

_STATUS = re.compile("[A-Z_]{1,30}", re.ASCII).fullmatch


def submit(horizon: Horizon, signed_xdr: str) -> StellarSubmission:
    """Send an envelope and wait for its ledger as long as Horizon does. Never raises for what the server does: an
    answer that is lost or cannot be read is UNKNOWN. Destinations are not asked for a memo: they are our own accounts,
    and the intent was checked."""
    return _submitted(horizon, "/transactions", signed_xdr)


def submit_without_waiting(horizon: Horizon, signed_xdr: str) -> StellarSubmission:
    """The same; Horizon answers as soon as its node has the envelope."""
    return _submitted(horizon, "/transactions_async", signed_xdr)


def outcome_of(horizon: Horizon, digest: str, max_time: int, prepared_at: int = 0) -> StellarOutcome:
    """What became of a transaction. `max_time`: the end of its time bounds in seconds since 1970; 0 never ends.
    `prepared_at`: the ledger that had closed last when it was prepared.

    It has expired where a ledger closed after `max_time`, the transaction is in none, and the server's history reaches
    back to where it was prepared. Whatever the server does, the answer is no other than what it shows: an error is
    `unknown`."""
    try:
        found = horizon.transaction(digest)
        if found is None and max_time:
            last = horizon.last_ledger()
            if last.closed_at.timestamp() <= max_time:
                return StellarOutcome("unknown", reason="it is in no ledger yet, and its time is not over")
            # Its ledger may have closed after the first question: only what is missing now is missing for good.
            found = horizon.transaction(digest)
            if found is None and horizon.check_network() > max(prepared_at, 1):
                return StellarOutcome("unknown", reason="the server's history begins after it was prepared")
    except FntxError as error:
        return StellarOutcome("unknown", reason=error.message)
    if found is not None:
        return _in_ledger(found)
    if not max_time:
        return StellarOutcome("unknown", reason="it is in no ledger yet, and its time never ends")
    return StellarOutcome("expired", code="tx_too_late")


def another_used_its_sequence(horizon: Horizon, digest: str, source: str, sequence: int, prepared_at: int = 0) -> bool:
    """Whether a transaction can never enter a ledger because its source's sequence is past its own, by another
    transaction. False where the server's history begins after `prepared_at`, the ledger that had closed last when it
    was prepared: then the one that is missing may be itself. Raises Transient, Permanent where the server does not show
    it."""
    account = horizon.account(source)
    if account is None or account.sequence < sequence:
        return False
    # Asked after the account: a transaction that raised the sequence itself is found now.
    return horizon.transaction(digest) is None and horizon.check_network() <= max(prepared_at, 1)


def _in_ledger(found: StellarTransactionState) -> StellarOutcome:
    if found.successful:
        return StellarOutcome("confirmed", found.ledger, found.created_at, "tx_success")
    return StellarOutcome("failed", found.ledger, found.created_at, found.code, found.failed)


def _submitted(horizon: Horizon, path: str, signed_xdr: str) -> StellarSubmission:
    try:
        status, document = horizon.connection.post(path, {"tx": signed_xdr})
    except Transient:
        return StellarSubmission(Meaning.UNKNOWN, "no_answer")
    if document is None or status in (429, 503, 504) or status >= 500:
        return StellarSubmission(Meaning.UNKNOWN, _async_status(document) or f"status_{status}")
    if status in (200, 201, 409):
        taken = document.get("successful") is True or document.get("tx_status") in ("PENDING", "DUPLICATE")
        code = _async_status(document) or "tx_success"
        return StellarSubmission(Meaning.TAKEN if taken else Meaning.UNKNOWN, code if taken else f"status_{status}")
    return _refused(status, document)


def _refused(status: int, document: dict[str, Any]) -> StellarSubmission:
    codes = codes_in(document.get("extras"))
    codes = codes or codes_of(document.get("error_result_xdr") or document.get("errorResultXdr"))
    if codes is None and str(document.get("type")).endswith("/transaction_malformed"):
        codes = ResultCodes("tx_malformed")
    if codes is None:
        return StellarSubmission(Meaning.UNKNOWN, f"status_{status}")
    return StellarSubmission(codes.meaning, codes.transaction, codes.failed)


def _async_status(document: dict[str, Any] | None) -> str | None:
    status = (document or {}).get("tx_status")
    return status if isinstance(status, str) and _STATUS(status) else None
