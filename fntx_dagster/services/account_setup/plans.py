"""What an account needs to be what the configuration says: the steps in the order that its ledger takes them, and the
intent of each.

Some can be taken once, before the account owns anything; the last one gives up its own key. So they come from here and
from nowhere else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from fntx_dagster.adapters.stellar.states import StellarAccountState, StellarThresholds
from fntx_dagster.adapters.xrpl.accounts import XrplAccount
from fntx_dagster.governance.config import TreasuryConfig

_FIRST = ("require_auth", "allow_trustline_clawback", "allow_trustline_locking")
_BEFORE_ALL_ENTRIES = ("require_auth", "allow_trustline_clawback")
_FOR_GOOD = ("allow_trustline_clawback", "allow_trustline_locking", "no_freeze")
_OPERATED = ("global_freeze", "disable_master")
"""A freeze is a decision of its own; the own key is given up at the end."""
_NO_KEY = "no_regular_key"


class AccountStep(NamedTuple):
    """A step, by its name; `done`: the ledger has it."""

    step: str
    done: bool


class AccountPlan(NamedTuple):
    """What an account has and lacks. `payloads`: of each transaction that is left what it does, in order; `problem`:
    why it cannot be set up as it is."""

    role: str
    account: str
    steps: list[AccountStep]
    payloads: list[dict[str, Any]]
    problem: str = ""

    @property
    def is_done(self) -> bool:
        return not self.payloads and not self.problem


def xrpl_plan(config: TreasuryConfig, role: str, state: XrplAccount | None, named: Collection[str] = ()) -> AccountPlan:
    """The plan of an account of the XRP Ledger; `state` is None where the ledger has no such account. `named`: the keys
    that standing approvals let sign alone for it."""
    account = config.xrpl_accounts[role]
    if state is None:
        return AccountPlan(role, account, [], [], "it is not on the ledger: fund it first")
    wanted = config.document["xrpl"]["accounts"][role]["flags"]
    steps: list[AccountStep] = []
    operations: list[tuple[str, dict[str, Any]]] = []
    for flag in sorted(wanted, key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST)):
        if flag in _OPERATED:
            continue
        has = flag in state.flags
        steps += [AccountStep(flag, has)] if wanted[flag] else [AccountStep(f"no_{flag}", False)] if has else []
        if has != wanted[flag]:
            operations.append(("account.flag", {"set" if wanted[flag] else "clear": flag}))
    payloads = [_payload("xrpl", config.network_id, account, *each) for each in operations]
    strange, signers = _regular_key_payloads(config, state, named), _xrpl_signers_left(config, state)
    if strange:
        steps.insert(0, AccountStep(_NO_KEY, False))
    steps += [AccountStep("signers", not signers), AccountStep("disable_master", "disable_master" in state.flags)]
    payloads = [*strange, *payloads, *signers]
    if not steps[-1].done:
        last = ("account.flag", {"set": "disable_master"})
        payloads.append(_payload("xrpl", config.network_id, account, *last))
    return AccountPlan(role, account, steps, payloads, _xrpl_problem(wanted, state, strange))


def xrpl_signers_plan(config: TreasuryConfig, state: XrplAccount, named: Collection[str] = ()) -> list[dict[str, Any]]:
    """The payloads that let a configuration's signers, and nobody else but the keys `named`, sign for an account; none
    where they do. A strange key goes first: the present signers sign that, too."""
    return [*_regular_key_payloads(config, state, named), *_xrpl_signers_left(config, state)]


def _regular_key_payloads(config: TreasuryConfig, state: XrplAccount, named: Collection[str]) -> list[dict[str, Any]]:
    """The payload that takes a regular key away that nothing names: it signs alone, whatever the signers say."""
    if state.regular_key is None or state.regular_key in named:
        return []
    return [_without_regular_key(config, state.address)]


def _without_regular_key(config: TreasuryConfig, account: str) -> dict[str, Any]:
    return _payload("xrpl", config.network_id, account, "account.key", {})


def _xrpl_signers_left(config: TreasuryConfig, state: XrplAccount) -> list[dict[str, Any]]:
    weights, listed = {each.xrpl: 1 for each in config.signers}, state.signer_list
    if listed is not None and (listed.quorum, dict(listed.weights)) == (config.threshold, weights):
        return []
    return [_xrpl_signers(config, state.address)]


def _xrpl_signers(config: TreasuryConfig, account: str) -> dict[str, Any]:
    signers = [{"account": each.xrpl, "weight": 1} for each in config.signers]
    params = {"quorum": config.threshold, "signers": signers}
    return _payload("xrpl", config.network_id, account, "signers.set", params)


def _xrpl_problem(wanted: Mapping[str, bool], state: XrplAccount, strange: list[dict[str, Any]]) -> str:
    if strange and state.signer_list is None and "disable_master" in state.flags:
        return f"only its regular key {state.regular_key}, which nothing names, signs for it: take another account"
    for flag in wanted:
        is_late = flag in _BEFORE_ALL_ENTRIES and wanted[flag] and flag not in state.flags and state.owner_count
        if is_late:
            return (
                f"{flag} is set before an account owns anything, and it owns {state.owner_count} entries: take another"
            )
        if flag in _FOR_GOOD and not wanted[flag] and flag in state.flags:
            return f"it has {flag}, which cannot be taken back: take another account, or change the configuration"
    return ""


def stellar_plan(
    config: TreasuryConfig, role: str, state: StellarAccountState | None, named: Collection[str] = ()
) -> AccountPlan:
    """The plan of an account of Stellar: all that is left is done in one transaction. `named` as above."""
    account = config.stellar_accounts[role]
    if state is None:
        return AccountPlan(role, account, [], [], "it is not on the ledger: fund it first")
    wanted: Mapping[str, bool] = config.document["stellar"]["accounts"][role]["flags"]
    to_set = [flag for flag, value in wanted.items() if value]
    to_clear = [flag for flag, value in wanted.items() if not value and flag in state.flags]
    operations: list[dict[str, Any]] = []
    has_flags = {*to_set} <= state.flags and not to_clear
    steps = [AccountStep("flags", has_flags)] if wanted else []
    if not has_flags:
        sides = {"set_flags": to_set, "clear_flags": to_clear}
        operations.append({name: flags for name, flags in sides.items() if flags})
    signers = _stellar_signers(config, state, named)
    steps.append(AccountStep("signers", not signers))
    operations += signers
    return AccountPlan(role, account, steps, _stellar_payloads(config, account, operations))


def stellar_signers_plan(
    config: TreasuryConfig, state: StellarAccountState, named: Collection[str] = ()
) -> list[dict[str, Any]]:
    """The payload that lets a configuration's signers, and nobody else but the keys `named`, sign for an account; none
    where they do."""
    return _stellar_payloads(config, state.address, _stellar_signers(config, state, named))


def is_of_rotation(now: TreasuryConfig, new: TreasuryConfig, payload: Mapping[str, Any]) -> bool:
    """Whether a payload lets a new configuration's signers, and nobody else, sign for an account of the present one,
    and does nothing besides: whatever the account's state, `xrpl_signers_plan` and `stellar_signers_plan` give such."""
    account, params = payload["intent"]["account"], payload["intent"]["params"]
    if payload["ledger"] == "xrpl":
        known = (_xrpl_signers(new, account), _without_regular_key(new, account))
        return account in now.xrpl_accounts.values() and payload in known
    wanted, weight = {each.stellar: 1 for each in new.signers}, _thresholds(new)
    options = [each["params"] for each in params["operations"]] if "operations" in params else [params]
    keys = [each["signer"]["key"] for each in options if "signer" in each]
    of_ours = [{"signer": {"key": key, "weight": wanted.get(key, 0)}} for key in keys] + [weight]
    is_known = account in now.stellar_accounts.values() and all(each in of_ours for each in options)
    return is_known and [payload] == _stellar_payloads(new, account, options)


def _stellar_payloads(config: TreasuryConfig, account: str, options: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One payload of all these `account.options`; none where there are none."""
    if len(options) < 2:
        return [_payload("stellar", config.passphrase, account, "account.options", each) for each in options]
    batch = {"operations": [{"op": "account.options", "params": each} for each in options]}
    return [_payload("stellar", config.passphrase, account, "batch", batch)]


def _stellar_signers(
    config: TreasuryConfig, state: StellarAccountState, named: Collection[str]
) -> list[dict[str, Any]]:
    """The parameters of each `account.options`. The thresholds come last: until then those are in force that the
    signatures were judged by. A key that is named stays where its weight cannot change who signs."""
    weights, wanted = dict(state.signers), {each.stellar: 1 for each in config.signers}
    signers = [{"key": key, "weight": 1} for key in wanted if weights.get(key) != 1]
    thresholds = StellarThresholds(**config.document["stellar"]["thresholds"])
    kept = {key for key in named if weights.get(key, 0) < thresholds.high}
    signers += [{"key": key, "weight": 0} for key in weights if key not in wanted and key not in kept]
    options: list[dict[str, Any]] = [{"signer": each} for each in signers]
    if state.thresholds != thresholds:
        options.append(_thresholds(config))
    return options


def _thresholds(config: TreasuryConfig) -> dict[str, Any]:
    thresholds = StellarThresholds(**config.document["stellar"]["thresholds"])
    return {"master_weight": thresholds.master} | {name: getattr(thresholds, name) for name in ("low", "med", "high")}


def _payload(ledger: str, network: int | str, account: str, op: str, params: dict[str, Any]) -> dict[str, Any]:
    return {"ledger": ledger, "network_id": network, "intent": {"op": op, "account": account, "params": params}}


def step_of(payload: Mapping[str, Any]) -> str:
    """What a payload of a plan does, in a word."""
    intent = payload["intent"]
    if intent["op"] == "account.flag":
        params = intent["params"]
        return params["set"] if "set" in params else f"no_{params['clear']}"
    if intent["op"] == "account.key":
        return "regular_key" if intent["params"] else _NO_KEY
    return "signers" if intent["op"] == "signers.set" else "options"
