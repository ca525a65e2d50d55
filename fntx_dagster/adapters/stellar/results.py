"""The codes of Stellar's results: read out of XDR in Horizon's words, and sorted by what is to be done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from stellar_sdk import xdr

from fntx_dagster.adapters.stellar.codec import MOST_BYTES
from fntx_dagster.adapters.stellar.states import FailedOperation, Meaning

_MEANINGS = {
    "tx_success": Meaning.TAKEN,
    "tx_internal_error": Meaning.UNKNOWN,
    "tx_bad_seq": Meaning.SEQUENCE_USED,
    "tx_too_early": Meaning.TOO_EARLY,
    "tx_too_late": Meaning.TOO_LATE,
    "tx_insufficient_fee": Meaning.FEE_TOO_LOW,
    "tx_insufficient_balance": Meaning.NEEDS_FUNDS,
    "tx_failed": Meaning.FAILED,
} | dict.fromkeys(
    (
        "tx_bad_auth",
        "tx_bad_auth_extra",
        "tx_no_source_account",
        "tx_malformed",
        "tx_missing_operation",
        "tx_not_supported",
        "tx_bad_sponsorship",
        "tx_bad_min_seq_age_or_gap",
        "tx_soroban_invalid",
        "tx_frozen_key_accessed",
    ),
    Meaning.REFUSED,
)
_NEEDS_FUNDS = ("op_low_reserve", "op_underfunded")
_TRANSACTION_NAMES = {"tx_no_account": "tx_no_source_account"}
# where Horizon's word is not the name in the protocol, of an operation's type or of all
_OPERATION_NAMES = {
    "CREATE_ACCOUNT_ALREADY_EXIST": "op_already_exists",
    "SET_TRUST_LINE_FLAGS_NO_TRUST_LINE": "op_no_trustline",
    "ALLOW_TRUST_NO_TRUST_LINE": "op_no_trustline",
    "MANAGE_DATA_NAME_NOT_FOUND": "op_data_name_not_found",
    "MANAGE_DATA_INVALID_NAME": "op_data_invalid_name",
    "ACCOUNT_MERGE_SEQNUM_TOO_FAR": "op_seq_num_too_far",
    "opNO_ACCOUNT": "op_no_source_account",
}


class ResultCodes(NamedTuple):
    """A transaction's code, as `tx_failed`, and those of its operations where it got as far."""

    transaction: str
    operations: tuple[str, ...] = ()

    @property
    def meaning(self) -> Meaning:
        """What is to be done; a code that nobody knows decides nothing."""
        failed = self.failed
        if failed is not None and failed.code in _NEEDS_FUNDS:
            return Meaning.NEEDS_FUNDS
        return _MEANINGS.get(self.transaction, Meaning.UNKNOWN)

    @property
    def failed(self) -> FailedOperation | None:
        """The first operation that did not succeed."""
        return first_failed(self.operations)


def first_failed(codes: Sequence[str]) -> FailedOperation | None:
    """The first code that is not op_success."""
    return next((FailedOperation(place, code) for place, code in enumerate(codes, 1) if code != "op_success"), None)


def codes_of(result_xdr: object) -> ResultCodes | None:
    """The codes in a TransactionResult, of a fee bump those of the transaction inside; None where it is none."""
    if not isinstance(result_xdr, str) or len(result_xdr) > 2 * MOST_BYTES:
        return None
    try:
        result = xdr.TransactionResult.from_xdr(result_xdr).result
        inner: Any = result if result.inner_result_pair is None else result.inner_result_pair.result.result
        operations = tuple(_operation_code(operation) for operation in inner.results or ())
        return ResultCodes(_transaction_code(inner.code), operations)
    except Exception:  # the library raises whatever the bytes lead it to
        return None


def codes_in(extras: object) -> ResultCodes | None:
    """The codes in `extras` of a problem, from `result_codes`; None where there are none."""
    found: Any = extras.get("result_codes") if isinstance(extras, dict) else None
    if not isinstance(found, dict):
        return None
    code: Any = found.get("inner_transaction", found.get("transaction"))
    operations: Any = found.get("operations") or []
    if not isinstance(operations, list) or len(operations) > 100:
        return None
    if not all(isinstance(each, str) and 0 < len(each) <= 60 for each in (code, *operations)):
        return None
    return ResultCodes(code, tuple(operations))


def _transaction_code(code: xdr.TransactionResultCode) -> str:
    name = f"tx_{code.name.removeprefix('tx').lower()}"
    return _TRANSACTION_NAMES.get(name, name)


def _operation_code(result: xdr.OperationResult) -> str:
    if result.tr is None:
        name = result.code.name
        return _OPERATION_NAMES.get(name) or f"op_{name.removeprefix('op').lower()}"
    kind = result.tr.type.name
    inner = next(value for name, value in vars(result.tr).items() if name != "type" and value is not None)
    name = inner.code.name
    return _OPERATION_NAMES.get(name) or f"op_{name.removeprefix(f'{kind}_').lower()}"
