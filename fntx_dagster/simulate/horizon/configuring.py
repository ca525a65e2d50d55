"""SetOptions on a Stellar ledger: flags, home domain, thresholds, the master key's weight, signers."""

from __future__ import annotations

from dataclasses import replace

from stellar_sdk import SetOptions
from stellar_sdk.signer import Signer
from stellar_sdk.signer_key import SignerKeyType

from fntx_dagster.simulate.horizon.entries import (
    CLAWBACK,
    IMMUTABLE,
    MOST_SIGNERS,
    REVOCABLE,
    AccountEntry,
    Draft,
)
from fntx_dagster.simulate.horizon.refusing import account_of, is_plain, refuse_if

_FLAGS = 15


def needs_high(operation: SetOptions) -> bool:
    """Whether it touches who may sign: signers, thresholds, the master key's weight."""
    return operation.signer is not None or any(weight is not None for weight in _weights(operation))


def check_options(operation: SetOptions, source: str) -> None:
    """Known flags, weights up to 255, another's key as signer, a home domain of at most 32 signs."""
    sets, clears = int(operation.set_flags or 0), int(operation.clear_flags or 0)
    refuse_if(bool((sets | clears) & ~_FLAGS), "op_unknown_flag")
    refuse_if(bool(sets & clears), "op_bad_flags")
    refuse_if(any(weight is not None and weight > 255 for weight in _weights(operation)), "op_threshold_out_of_range")
    if operation.signer is not None:
        is_key = operation.signer.signer_key.signer_key_type == SignerKeyType.SIGNER_KEY_TYPE_ED25519
        refuse_if(not is_key, "op_not_supported")
        refuse_if(_key(operation.signer) == source or operation.signer.weight > 255, "op_bad_signer")
    domain = operation.home_domain or ""
    refuse_if(len(domain) > 32 or not is_plain(domain), "op_invalid_home_domain")


def apply_options(operation: SetOptions, source: str, draft: Draft) -> None:
    """Change what is named, and leave the rest."""
    account = account_of(draft, source)
    refuse_if(bool(operation.inflation_dest) and not draft.accounts.get(operation.inflation_dest or ""),
              "op_invalid_inflation")  # fmt: skip
    sets, clears = int(operation.set_flags or 0), int(operation.clear_flags or 0)
    refuse_if(bool(sets | clears) and bool(account.flags & IMMUTABLE), "op_cant_change")
    flags = account.flags & ~clears | sets
    refuse_if(bool(flags & CLAWBACK) and not flags & REVOCABLE, "op_auth_revocable_required")
    master, low, med, high = _weights(operation)
    account = replace(
        account,
        flags=flags,
        home_domain=account.home_domain if operation.home_domain is None else operation.home_domain,
        master=account.master if master is None else master,
        low=account.low if low is None else low,
        med=account.med if med is None else med,
        high=account.high if high is None else high,
    )
    draft.accounts[source] = account if operation.signer is None else _with_signer(account, operation.signer, draft)


def _with_signer(account: AccountEntry, signer: Signer, draft: Draft) -> AccountEntry:
    signers, key = dict(account.signers), _key(signer)
    if signer.weight == 0:
        signers.pop(key, None)
        return replace(account, signers=signers)
    if key not in signers:
        refuse_if(len(signers) >= MOST_SIGNERS, "op_too_many_signers")
        refuse_if(account.balance < account.reserve(draft.base_reserve, 1), "op_low_reserve")
    return replace(account, signers=dict(sorted({**signers, key: signer.weight}.items())))


def _weights(operation: SetOptions) -> tuple[int | None, int | None, int | None, int | None]:
    return operation.master_weight, operation.low_threshold, operation.med_threshold, operation.high_threshold


def _key(signer: Signer) -> str:
    return signer.signer_key.encoded_signer_key
