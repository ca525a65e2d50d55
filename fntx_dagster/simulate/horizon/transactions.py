"""A transaction of a Stellar ledger: decoded from its XDR, judged before it may enter a ledger, applied in one.

The order of the tests is stellar-core's: shape, time, fee, account, sequence, the source's signatures, balance for
the fee, each operation with its signatures, signatures that nothing used.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from stellar_sdk import AccountMerge, FeeBumpTransaction, FeeBumpTransactionEnvelope, Operation, TransactionBuilder
from stellar_sdk.transaction import Transaction
from stellar_sdk.transaction_envelope import TransactionEnvelope

from fntx_dagster.simulate.horizon import operations
from fntx_dagster.simulate.horizon.entries import AccountEntry, Draft
from fntx_dagster.simulate.horizon.results import TransactionVerdict
from fntx_dagster.simulate.horizon.signing import SignatureCheck

_KEEPS_SEQUENCE = frozenset(
    {"tx_missing_operation", "tx_too_early", "tx_too_late", "tx_bad_seq", "tx_no_source_account", "tx_not_supported"}
)


class UndecodableEnvelope(Exception):
    """A text is no envelope of a transaction in base64."""


@dataclass(frozen=True)
class SubmittedTransaction:
    """One envelope, decoded. `fee_source` and `fee` are those of a fee bump where it is one."""

    xdr: str
    hash: str
    inner_hash: str | None
    """Of the transaction inside a fee bump."""
    fee_source: str
    fee: int
    envelope: TransactionEnvelope
    outer: FeeBumpTransactionEnvelope | None

    @property
    def transaction(self) -> Transaction:
        return self.envelope.transaction

    @property
    def source(self) -> str:
        return self.transaction.source.account_id

    @property
    def operations(self) -> list[Operation]:
        return self.transaction.operations

    @property
    def counted_operations(self) -> int:
        """What its fee pays for: its operations, and one more for a fee bump."""
        return len(self.operations) + (self.outer is not None)

    def source_of(self, operation: Operation) -> str:
        """The account that an operation acts for."""
        return operation.source.account_id if operation.source else self.source

    def types(self) -> tuple[str, ...]:
        """The types of its operations, as the protocol names them."""
        return tuple(operations.type_of(operation) for operation in self.operations)


def decoded(xdr: str, passphrase: str) -> SubmittedTransaction:
    """Read an envelope. Raises UndecodableEnvelope."""
    try:
        base64.b64decode(xdr, validate=True)
        envelope = TransactionBuilder.from_xdr(xdr, passphrase)
        if isinstance(envelope, FeeBumpTransactionEnvelope):
            inner = envelope.transaction.inner_transaction_envelope
            return _fee_bump(xdr, envelope, envelope.transaction, inner)
        transaction = envelope.transaction
        assert isinstance(transaction, Transaction)
        source = transaction.source.account_id
        return SubmittedTransaction(xdr, envelope.hash_hex(), None, source, transaction.fee, envelope, None)
    except (ValueError, TypeError, EOFError, AttributeError, AssertionError, binascii.Error, RecursionError) as error:
        raise UndecodableEnvelope(type(error).__name__) from error
    except Exception as error:  # xdrlib3 has errors of its own for what ends too early
        if type(error).__module__.partition(".")[0] in ("xdrlib3", "stellar_sdk"):
            raise UndecodableEnvelope(type(error).__name__) from error
        raise


class LedgerRules(NamedTuple):
    """What the network demands at a moment. Times in seconds since 1970; `earliest` is compared with the lower bound of
    a transaction, `latest` with its upper one."""

    base_fee: int
    earliest: int
    latest: int


def judged(
    submitted: SubmittedTransaction, draft: Draft, rules: LedgerRules, *, charged: bool = False
) -> TransactionVerdict | None:
    """Why a transaction may not enter a ledger; None where it may. `charged`: its fee is paid already."""
    if submitted.outer is not None and not charged:
        refusal = _outer_refusal(submitted, submitted.outer, draft, rules)
        if refusal:
            return TransactionVerdict(refusal)
    bumped = submitted.outer is not None
    check = SignatureCheck(submitted.envelope.hash(), submitted.envelope.signatures)
    refusal = _refusal(submitted, draft, rules, check, pays=not bumped and not charged)
    if refusal:
        return TransactionVerdict(refusal, bumped=bumped)
    codes = _operation_codes(submitted, draft, check, shapes=not charged)
    if any(code != "op_success" for code in codes):
        return TransactionVerdict("tx_failed", codes, bumped=bumped)
    return None if check.all_used() else TransactionVerdict("tx_bad_auth_extra", bumped=bumped)


def applied(submitted: SubmittedTransaction, draft: Draft, rules: LedgerRules) -> TransactionVerdict:
    """Apply a transaction whose fee is paid. Its sequence is spent also where it fails, unless it was not its turn."""
    verdict = judged(submitted, draft, rules, charged=True)
    if verdict is None or verdict.code not in _KEEPS_SEQUENCE:
        source = draft.accounts[submitted.source]
        assert source is not None
        draft.accounts[submitted.source] = replace(source, sequence=submitted.transaction.sequence)
    if verdict is not None:
        return verdict
    whole, codes, merged = draft.child(), [], 0
    for operation in submitted.operations:
        step, source_id = whole.child(), submitted.source_of(operation)
        before = step.accounts.get(source_id)
        codes.append(operations.apply(operation, source_id, step))
        if codes[-1] == "op_success":
            whole.keep(step)
            merged = before.balance if before and isinstance(operation, AccountMerge) else merged
    bumped = submitted.outer is not None
    if any(code != "op_success" for code in codes):
        return TransactionVerdict("tx_failed", tuple(codes), merged, bumped)
    draft.keep(whole)
    return TransactionVerdict("tx_success", tuple(codes), merged, bumped)


def _fee_bump(
    xdr: str, outer: FeeBumpTransactionEnvelope, bump: FeeBumpTransaction, inner: TransactionEnvelope
) -> SubmittedTransaction:
    fee_source = bump.fee_source.account_id
    return SubmittedTransaction(xdr, outer.hash_hex(), inner.hash_hex(), fee_source, bump.fee, inner, outer)


def _outer_refusal(
    submitted: SubmittedTransaction, outer: FeeBumpTransactionEnvelope, draft: Draft, rules: LedgerRules
) -> str | None:
    """What is wrong with a fee bump itself: it must pay one operation more, and no less for each than the inner one."""
    count, inner = submitted.counted_operations, submitted.transaction
    if submitted.fee < rules.base_fee * count or submitted.fee * len(inner.operations) < inner.fee * count:
        return "tx_insufficient_fee"
    payer = draft.accounts.get(submitted.fee_source)
    if payer is None:
        return "tx_no_source_account"
    check = SignatureCheck(outer.hash(), outer.signatures)
    if not check.weighs(payer.weights(), payer.low):
        return "tx_bad_auth"
    if payer.balance - payer.reserve(draft.base_reserve) < submitted.fee:
        return "tx_insufficient_balance"
    return None if check.all_used() else "tx_bad_auth_extra"


def _refusal(
    submitted: SubmittedTransaction, draft: Draft, rules: LedgerRules, check: SignatureCheck, *, pays: bool
) -> str | None:
    transaction = submitted.transaction
    if not transaction.operations:
        return "tx_missing_operation"
    if refusal := _out_of_bounds(transaction, draft.ledger, rules):
        return refusal
    if pays and submitted.fee < rules.base_fee * len(transaction.operations):
        return "tx_insufficient_fee"
    source = draft.accounts.get(submitted.source)
    if source is None:
        return "tx_no_source_account"
    if transaction.sequence != source.sequence + 1:
        return "tx_bad_seq"
    if not check.weighs(source.weights(), source.low):
        return "tx_bad_auth"
    if pays and source.balance - source.reserve(draft.base_reserve) < submitted.fee:
        return "tx_insufficient_balance"
    return None


def _out_of_bounds(transaction: Transaction, ledger: int, rules: LedgerRules) -> str | None:
    conditions: Any = transaction.preconditions
    if conditions is None:
        return None
    times, ledgers = conditions.time_bounds, conditions.ledger_bounds
    if (times and times.min_time > rules.earliest) or (ledgers and ledgers.min_ledger > ledger):
        return "tx_too_early"
    if times and times.max_time and times.max_time < rules.latest:
        return "tx_too_late"
    if ledgers and ledgers.max_ledger and ledgers.max_ledger <= ledger:
        return "tx_too_late"
    rest = (conditions.min_sequence_number, conditions.min_sequence_age, conditions.min_sequence_ledger_gap)
    return "tx_not_supported" if any(rest) or conditions.extra_signers else None


def _operation_codes(
    submitted: SubmittedTransaction, draft: Draft, check: SignatureCheck, *, shapes: bool
) -> tuple[str, ...]:
    """A code for each operation, up to the first that fails; those after it were not looked at, and count as well."""
    codes = ["op_success"] * len(submitted.operations)
    for index, operation in enumerate(submitted.operations):
        source_id = submitted.source_of(operation)
        rule, account = operations.rule_of(operation), draft.accounts.get(source_id)
        code = "op_success"
        if account is None and operation.source is None:
            code = "op_no_source_account"
        elif rule is None:
            code = "op_not_supported"
        elif not check.weighs(*_needed(account, source_id, rule.level(operation))):
            code = "op_bad_auth"
        elif shapes:
            code = operations.check(operation, source_id)
        codes[index] = code
        if code != "op_success":
            break
    return tuple(codes)


def _needed(account: AccountEntry | None, account_id: str, level: operations.Level) -> tuple[dict[str, int], int]:
    """Who may sign with which weight, and how much is needed. An account that is made on the way signs for itself."""
    if account is None:
        return {account_id: 1}, 0
    return account.weights(), {"low": account.low, "med": account.med, "high": account.high}[level]
