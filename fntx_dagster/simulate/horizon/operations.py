"""The rules of the operations of a Stellar ledger: what each needs, what it refuses and with which code, what it does.

The codes and their order are stellar-core's. What a treasury does not use (offers, pools, sponsoring, contracts) is
refused as `op_not_supported`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from stellar_sdk import (
    AccountMerge,
    BumpSequence,
    ChangeTrust,
    Clawback,
    CreateAccount,
    ManageData,
    Operation,
    Payment,
    SetOptions,
    SetTrustLineFlags,
)

from fntx_dagster.simulate.horizon.configuring import apply_options, check_options, needs_high
from fntx_dagster.simulate.horizon.entries import IMMUTABLE, LARGEST, AccountEntry, Draft
from fntx_dagster.simulate.horizon.lines import (
    apply_clawback,
    apply_line_flags,
    apply_trust,
    check_clawback,
    check_line_flags,
    check_trust,
)
from fntx_dagster.simulate.horizon.paying import apply_payment, check_payment
from fntx_dagster.simulate.horizon.refusing import OperationFailed, account_of, is_plain, refuse_if, stroops

Level = Literal["low", "med", "high"]


class OperationRule(NamedTuple):
    """One operation. `check` looks at the operation alone, `apply` at the ledger; both raise OperationFailed."""

    level: Callable[[Any], Level]
    check: Callable[[Any, str], None]
    apply: Callable[[Any, str, Draft], None]


def rule_of(operation: Operation) -> OperationRule | None:
    """The rule of an operation; None for one that is not supported."""
    return _RULES.get(type(operation))


def type_of(operation: Operation) -> str:
    """The name of an operation's type in the protocol: `CREATE_ACCOUNT`."""
    return operation.to_xdr_object().body.type.name


def check(operation: Operation, source: str) -> str:
    """The code of an operation that is looked at alone."""
    rule = rule_of(operation)
    if rule is None:
        return "op_not_supported"
    try:
        rule.check(operation, source)
    except OperationFailed as failed:
        return failed.code
    return "op_success"


def apply(operation: Operation, source: str, draft: Draft) -> str:
    """Change the ledger by an operation; its code. With another code than op_success the draft is to be thrown away."""
    rule = rule_of(operation)
    if rule is None:
        return "op_not_supported"
    try:
        refuse_if(draft.accounts.get(source) is None, "op_no_source_account")
        rule.check(operation, source)
        rule.apply(operation, source, draft)
    except OperationFailed as failed:
        return failed.code
    return "op_success"


def _check_create(operation: CreateAccount, source: str) -> None:
    refuse_if(operation.destination == source or stroops(operation.starting_balance) < 0, "op_malformed")


def _apply_create(operation: CreateAccount, source: str, draft: Draft) -> None:
    amount = stroops(operation.starting_balance)
    refuse_if(draft.accounts.get(operation.destination) is not None, "op_already_exists")
    refuse_if(amount < 2 * draft.base_reserve, "op_low_reserve")
    giver = account_of(draft, source)
    refuse_if(giver.balance - giver.reserve(draft.base_reserve) < amount, "op_underfunded")
    draft.accounts[source] = replace(giver, balance=giver.balance - amount)
    new = AccountEntry(operation.destination, amount, draft.ledger << 32)
    draft.accounts[operation.destination] = new


def _check_data(operation: ManageData, source: str) -> None:
    name = operation.data_name
    refuse_if(not 1 <= len(name) <= 64 or not is_plain(name), "op_data_invalid_name")


def _apply_data(operation: ManageData, source: str, draft: Draft) -> None:
    owner = account_of(draft, source)
    data = dict(owner.data)
    if operation.data_value is None:
        refuse_if(data.pop(operation.data_name, None) is None, "op_data_name_not_found")
    else:
        if operation.data_name not in data:
            refuse_if(owner.balance < owner.reserve(draft.base_reserve, 1), "op_low_reserve")
        data[operation.data_name] = bytes(operation.data_value)
    draft.accounts[source] = replace(owner, data=data)


def _check_bump(operation: BumpSequence, source: str) -> None:
    refuse_if(operation.bump_to < 0, "op_bad_seq")


def _apply_bump(operation: BumpSequence, source: str, draft: Draft) -> None:
    account = account_of(draft, source)
    draft.accounts[source] = replace(account, sequence=max(account.sequence, operation.bump_to))


def _check_merge(operation: AccountMerge, source: str) -> None:
    refuse_if(operation.destination.account_id == source, "op_malformed")


def _apply_merge(operation: AccountMerge, source: str, draft: Draft) -> None:
    heir_id = operation.destination.account_id
    heir = draft.accounts.get(heir_id)
    if heir is None:
        raise OperationFailed("op_no_account")
    gone = account_of(draft, source)
    refuse_if(bool(gone.flags & IMMUTABLE), "op_immutable_set")
    refuse_if(gone.subentries != len(gone.signers), "op_has_sub_entries")
    refuse_if(gone.sequence >= draft.ledger << 32, "op_seq_num_too_far")
    refuse_if(heir.balance + gone.balance > LARGEST, "op_dest_full")
    draft.accounts[heir_id] = replace(heir, balance=heir.balance + gone.balance)
    draft.accounts[source] = None


def _always(level: Level) -> Callable[[Any], Level]:
    return lambda _: level


def _options_level(operation: SetOptions) -> Level:
    return "high" if needs_high(operation) else "med"


_RULES: dict[type, OperationRule] = {
    CreateAccount: OperationRule(_always("med"), _check_create, _apply_create),
    Payment: OperationRule(_always("med"), check_payment, apply_payment),
    ChangeTrust: OperationRule(_always("med"), check_trust, apply_trust),
    SetOptions: OperationRule(_options_level, check_options, apply_options),
    SetTrustLineFlags: OperationRule(_always("low"), check_line_flags, apply_line_flags),
    Clawback: OperationRule(_always("med"), check_clawback, apply_clawback),
    ManageData: OperationRule(_always("med"), _check_data, _apply_data),
    BumpSequence: OperationRule(_always("low"), _check_bump, _apply_bump),
    AccountMerge: OperationRule(_always("high"), _check_merge, _apply_merge),
}
