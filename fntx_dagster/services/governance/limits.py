"""What an operation may not do under a kind of proposal, although the kind has it: who has to approve, and whether
anybody is screened, goes by the kind."""

from __future__ import annotations

from typing import Any

from fntx_dagster.governance.config import TreasuryConfig
from fntx_dagster.governance.kinds import BATCH
from fntx_dagster.intents.refusal import TransactionRefused

_FREEZE, _AUTHORIZE = "freeze", "trustline.authorize"
_AUTHORIZED, _MAINTAIN = "authorized", "maintain_liabilities"
_LONGEST = 40
_SET = {_FREEZE: {_MAINTAIN}, _AUTHORIZE: {_AUTHORIZED}}
_CLEARED = {_FREEZE: {_AUTHORIZED, _MAINTAIN}, _AUTHORIZE: {_MAINTAIN}}


def check_meaning(kind: str, payload: Any, config: TreasuryConfig) -> None:
    """Raise TransactionRefused for an operation that is another kind's by what it does: who has to approve, and who is
    screened, would be decided by its name. What is malformed is left to the builder, which says so."""
    intent = payload["intent"]
    account, params = intent["account"], intent["params"]
    operations = params.get("operations") if intent["op"] == BATCH else [intent]
    for each in operations if type(operations) is list else []:
        check_line_flags(kind, each["op"], each["params"])
        if check := _CHECKS.get(each["op"]):
            check(kind, account, each["params"], config)


def _check_payment(kind: str, account: str, params: Any, config: TreasuryConfig) -> None:
    """What leaves the payer is what arrives, and new tokens leave their issuer by an issue."""
    if "send_max" in params and _asset_of(params["send_max"]) != _asset_of(params.get("amount")):
        raise TransactionRefused(
            "other_token", "send_max is of another token than the amount: that is a trade, and no payment by this kind"
        )
    issuer = _issuer_of(params)
    if kind == "distribution.pay" and issuer == account:
        raise TransactionRefused("not_of_the_kind", f"{account} issues this token: propose it as iou.issue")
    if kind == "iou.issue" and issuer == account and account not in config.issuers:
        raise TransactionRefused("no_issue", f"{account} is no issuer of the configuration: it issues nothing")
    if kind == "iou.redeem" and issuer == params.get("destination") and issuer not in config.issuers:
        raise TransactionRefused(
            "no_redemption",
            "the token is none of ours: its issuer redeems it. Propose it as distribution.pay",
        )


def _check_offer(kind: str, account: str, params: Any, config: TreasuryConfig) -> None:
    """Whoever takes an offer is nobody's party: so it sells no new tokens, and none that holders cannot pass on."""
    sold = params.get("taker_gets")
    if not isinstance(sold, dict):
        return
    if sold.get("issuer") == account:
        raise TransactionRefused("not_of_the_kind", f"{account} would issue the token that it sells: that is iou.issue")
    named = (sold.get("currency"), sold.get("issuer"))
    kept = [(each.code, each.issuer_address) for each in config.tokens if each.flow and not each.transferable]
    if named in kept:
        raise TransactionRefused(
            "not_transferable", f"the configuration does not let holders pass {named[0]} on: it is not sold"
        )


def _check_creation(kind: str, account: str, params: Any, config: TreasuryConfig) -> None:
    """The lumens of a new account are a payment, and this kind screens nobody."""
    if params.get("destination") not in {*config.stellar_accounts.values(), config.stellar_anchor}:
        raise TransactionRefused(
            "not_ours", "account.create makes accounts of the configuration alone: add it by config.change first"
        )


def _check_cancellation(kind: str, account: str, params: Any, config: TreasuryConfig) -> None:
    """A cancelled escrow pays its owner, and this kind screens nobody."""
    if params.get("owner") not in config.xrpl_accounts.values():
        raise TransactionRefused("not_ours", "an escrow of others gives back to others: its owner cancels it himself")


def _check_key(kind: str, account: str, params: Any, config: TreasuryConfig) -> None:
    """One key that signs alone is for anchors: elsewhere it would undo the signers' quorum."""
    if "key" in params and account != config.xrpl_accounts["attestation"]:
        raise TransactionRefused(
            "single_key",
            f"signers sign for {account}: one key alone is for the attestation account and no other",
        )


_CHECKS = {
    "payment": _check_payment,
    "offer.create": _check_offer,
    "account.create": _check_creation,
    "escrow.cancel": _check_cancellation,
    "account.key": _check_key,
}


def _asset_of(amount: Any) -> Any:
    """What an amount of the XRP Ledger is an amount of; None for drops."""
    return (amount.get("currency"), amount.get("issuer")) if isinstance(amount, dict) else None


def _issuer_of(params: Any) -> Any:
    """Who issues what a payment moves, on either ledger; None for the ledger's own coin."""
    named = params.get("asset", params.get("amount"))
    return named.get("issuer") if isinstance(named, dict) else None


def check_line_flags(kind: str, op: str, params: Any) -> None:
    """Raise TransactionRefused where flags of a line on Stellar are not what the kind is for. To authorise a holder,
    also again after a freeze, is `trustline.authorize`, whose holder is screened; to take that back is `freeze`, which
    needs the signer of the role compliance. `clawback` of a line cannot be set again: nothing clears it."""
    if op != "trustline.flags" or kind not in _SET:
        return
    given = {name: params.get(name, []) for name in ("set", "clear")}
    if any(type(names) is not list for names in given.values()):
        return  # the builder says what is wrong with it
    for name, allowed in (("set", _SET[kind]), ("clear", _CLEARED[kind])):
        if strange := [flag for flag in given[name] if type(flag) is not str or flag not in allowed]:
            right = f": propose it as {_AUTHORIZE if kind == _FREEZE else _FREEZE}" if strange[0] == _AUTHORIZED else ""
            flag = repr(strange[0])[:_LONGEST]
            raise TransactionRefused("not_of_the_kind", f"{kind} does not {name} {flag} of a line{right}")
    if kind == _AUTHORIZE and _AUTHORIZED not in given["set"]:
        raise TransactionRefused("not_of_the_kind", f"{kind} sets {_AUTHORIZED}, and this does not")
