"""How a Stellar ledger says what came of a transaction: the codes as Horizon words them, and the XDR behind them."""

from __future__ import annotations

from typing import NamedTuple

from stellar_sdk import xdr

_TRANSACTION = {"tx_no_source_account": "txNO_ACCOUNT"}
_OPERATION = {
    "op_bad_auth": "opBAD_AUTH",
    "op_no_source_account": "opNO_ACCOUNT",
    "op_not_supported": "opNOT_SUPPORTED",
}
_SUFFIX = {
    "op_already_exists": "ALREADY_EXIST",
    "op_no_trustline": "NO_TRUST_LINE",
    "op_data_name_not_found": "NAME_NOT_FOUND",
    "op_data_invalid_name": "INVALID_NAME",
    "op_seq_num_too_far": "SEQNUM_TOO_FAR",
}
# operation → the field of its result, the class of the result, the class of its codes, the prefix of the codes
_RESULTS = {
    "CREATE_ACCOUNT": ("create_account_result", xdr.CreateAccountResult, xdr.CreateAccountResultCode, "CREATE_ACCOUNT"),
    "PAYMENT": ("payment_result", xdr.PaymentResult, xdr.PaymentResultCode, "PAYMENT"),
    "CHANGE_TRUST": ("change_trust_result", xdr.ChangeTrustResult, xdr.ChangeTrustResultCode, "CHANGE_TRUST"),
    "SET_OPTIONS": ("set_options_result", xdr.SetOptionsResult, xdr.SetOptionsResultCode, "SET_OPTIONS"),
    "SET_TRUST_LINE_FLAGS": (
        "set_trust_line_flags_result",
        xdr.SetTrustLineFlagsResult,
        xdr.SetTrustLineFlagsResultCode,
        "SET_TRUST_LINE_FLAGS",
    ),
    "CLAWBACK": ("clawback_result", xdr.ClawbackResult, xdr.ClawbackResultCode, "CLAWBACK"),
    "MANAGE_DATA": ("manage_data_result", xdr.ManageDataResult, xdr.ManageDataResultCode, "MANAGE_DATA"),
    "BUMP_SEQUENCE": ("bump_seq_result", xdr.BumpSequenceResult, xdr.BumpSequenceResultCode, "BUMP_SEQUENCE"),
    "ACCOUNT_MERGE": ("account_merge_result", xdr.AccountMergeResult, xdr.AccountMergeResultCode, "ACCOUNT_MERGE"),
}
SUPPORTED = frozenset(_RESULTS)


class TransactionVerdict(NamedTuple):
    """What came of a transaction. `operations`: a code for each, where it got as far. `bumped`: the verdict is of the
    transaction inside a fee bump."""

    code: str
    operations: tuple[str, ...] = ()
    merged: int = 0
    """Stroops that its operation of AccountMerge moved."""
    bumped: bool = False

    @property
    def successful(self) -> bool:
        return self.code == "tx_success"

    def codes(self) -> dict[str, object]:
        """`result_codes` as Horizon writes them."""
        operations = {"operations": list(self.operations)} if self.operations else {}
        if not self.bumped:
            return {"transaction": self.code, **operations}
        outer = "tx_fee_bump_inner_success" if self.successful else "tx_fee_bump_inner_failed"
        return {"transaction": outer, "inner_transaction": self.code, **operations}


def result_xdr(verdict: TransactionVerdict, types: tuple[str, ...], fee: int, inner_hash: str | None) -> str:
    """A TransactionResult in base64. `types`: the operations' types, as `CREATE_ACCOUNT`. `fee` in stroops."""
    code = _transaction_code(verdict.code)
    results = None
    if verdict.successful or verdict.code == "tx_failed":
        operations = zip(verdict.operations, types, strict=True)
        results = [_operation_result(each, kind, verdict.merged) for each, kind in operations]
    if verdict.bumped and inner_hash is not None:
        inner = xdr.InnerTransactionResult(
            xdr.Int64(0), xdr.InnerTransactionResultResult(code, results), xdr.InnerTransactionResultExt(0)
        )
        pair = xdr.InnerTransactionResultPair(xdr.Hash(bytes.fromhex(inner_hash)), inner)
        outer = "txFEE_BUMP_INNER_SUCCESS" if verdict.successful else "txFEE_BUMP_INNER_FAILED"
        result = xdr.TransactionResultResult(xdr.TransactionResultCode[outer], inner_result_pair=pair)
    else:
        result = xdr.TransactionResultResult(code, results=results)
    return xdr.TransactionResult(xdr.Int64(fee), result, xdr.TransactionResultExt(0)).to_xdr()


def _transaction_code(code: str) -> xdr.TransactionResultCode:
    return xdr.TransactionResultCode[_TRANSACTION.get(code) or f"tx{code.removeprefix('tx_').upper()}"]


def _operation_result(code: str, kind: str, merged: int) -> xdr.OperationResult:
    if code in _OPERATION:
        return xdr.OperationResult(xdr.OperationResultCode[_OPERATION[code]])
    field, result, codes, prefix = _RESULTS[kind]
    named = codes[f"{prefix}_{_SUFFIX.get(code) or code.removeprefix('op_').upper()}"]
    more = {"source_account_balance": xdr.Int64(merged)} if kind == "ACCOUNT_MERGE" and code == "op_success" else {}
    inner = xdr.OperationResultTr(xdr.OperationType[kind], **{field: result(named, **more)})
    return xdr.OperationResult(xdr.OperationResultCode.opINNER, inner)
