"""The operations of the treasury on Stellar: the parameters of each, what of them is refused, and the library's
operation that they become. What a transaction has beside its operations is added in `building`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from stellar_sdk import AuthorizationFlag, Signer, TrustLineFlags
from stellar_sdk.asset import Asset
from stellar_sdk.operation import (
    ChangeTrust,
    Clawback,
    CreateAccount,
    ManageData,
    Operation,
    Payment,
    SetOptions,
    SetTrustLineFlags,
)

from fntx_dagster.adapters.stellar.amounts import read_address, read_amount, read_asset
from fntx_dagster.adapters.stellar.codec import from_base64
from fntx_dagster.audit.anchor import DATA_NAME
from fntx_dagster.intents.anchors import read_anchor
from fntx_dagster.intents.fields import SpecFields, shown
from fntx_dagster.intents.refusal import TransactionRefused

MOST_WEIGHT = 255
MOST_BYTES_OF_DATA = 64
ACCOUNT_FLAGS = {
    "auth_required": AuthorizationFlag.AUTHORIZATION_REQUIRED,
    "auth_revocable": AuthorizationFlag.AUTHORIZATION_REVOCABLE,
    "auth_immutable": AuthorizationFlag.AUTHORIZATION_IMMUTABLE,
    "auth_clawback_enabled": AuthorizationFlag.AUTHORIZATION_CLAWBACK_ENABLED,
}
LINE_FLAGS = {
    "authorized": TrustLineFlags.AUTHORIZED_FLAG,
    "maintain_liabilities": TrustLineFlags.AUTHORIZED_TO_MAINTAIN_LIABILITIES_FLAG,
    "clawback": TrustLineFlags.TRUSTLINE_CLAWBACK_ENABLED_FLAG,
}


class Setting(NamedTuple):
    """Where an operation stands: the account that it is for, and whether the operation itself names it."""

    account: str
    named: str | None
    memo_hash: bytes | None


Reader = Callable[[Setting, SpecFields], Operation]


def _set_line(at: Setting, params: SpecFields) -> Operation:
    asset = read_asset(params, "asset")
    if asset.issuer == at.account:
        raise TransactionRefused("self_trust", f"{at.account} cannot have a trust line to itself")
    # A limit of 0 is how a line is given up.
    return ChangeTrust(asset, read_amount(params, "limit", may_be_zero=True), source=at.named)


def _pay(at: Setting, params: SpecFields) -> Operation:
    destination = _other(at, params, "destination", "cannot pay itself")
    asset = Asset.native() if params.raw("asset") == "native" else read_asset(params, "asset")
    return Payment(destination, asset, read_amount(params, "amount"), source=at.named)


def _other(at: Setting, params: SpecFields, name: str, words: str) -> str:
    address = read_address(params, name)
    if address == at.account:
        raise TransactionRefused("self_payment", f"{at.account} {words}")
    return address


def _set_account(at: Setting, params: SpecFields) -> Operation:
    to_set, to_clear = params.some_of("set_flags", ACCOUNT_FLAGS), params.some_of("clear_flags", ACCOUNT_FLAGS)
    _require_apart(to_set, to_clear)
    if "auth_clawback_enabled" in to_set and "auth_revocable" not in to_set:
        raise TransactionRefused(
            "contradiction", "auth_clawback_enabled is set together with auth_revocable, without which it is refused"
        )
    weights = {name: params.whole(name, 0, MOST_WEIGHT) for name in _WEIGHTS if params.has(name)}
    signer = _signer(at, params.inner("signer")) if params.has("signer") else None
    domain = params.text("home_domain") if params.has("home_domain") else None
    if domain is not None and not re.fullmatch("[!-~]{0,32}", domain):
        raise TransactionRefused("malformed", f"home_domain is {shown(domain)}: it has at most 32 ASCII signs")
    if not (to_set or to_clear or weights or signer or domain is not None):
        raise TransactionRefused("nothing", "account.options changes nothing")
    return SetOptions(
        set_flags=_sum(ACCOUNT_FLAGS, to_set, AuthorizationFlag),
        clear_flags=_sum(ACCOUNT_FLAGS, to_clear, AuthorizationFlag),
        master_weight=weights.get("master_weight"),
        low_threshold=weights.get("low"),
        med_threshold=weights.get("med"),
        high_threshold=weights.get("high"),
        signer=signer,
        home_domain=domain,
        source=at.named,
    )


_WEIGHTS = ("master_weight", "low", "med", "high")


def _signer(at: Setting, signer: SpecFields) -> Signer:
    key, weight = read_address(signer, "key"), signer.whole("weight", 0, MOST_WEIGHT)
    signer.close()
    if key == at.account:
        raise TransactionRefused("bad_signers", f"{at.account} cannot be its own signer: its weight is master_weight")
    return Signer.ed25519_public_key(key, weight)


def _set_line_flags(at: Setting, params: SpecFields) -> Operation:
    trustor, asset = read_address(params, "trustor"), read_asset(params, "asset")
    to_set, to_clear = params.some_of("set", LINE_FLAGS), params.some_of("clear", LINE_FLAGS)
    _require_issuer(at, asset)
    _require_apart(to_set, to_clear)
    if trustor == at.account:
        raise TransactionRefused("self_trust", f"{at.account} has no trust line to itself")
    if {"authorized", "maintain_liabilities"} <= {*to_set}:
        raise TransactionRefused("contradiction", "a line is authorized or maintain_liabilities, not both")
    if "clawback" in to_set:
        raise TransactionRefused("contradiction", "clawback of a line can only be cleared: it is set when a line opens")
    if not (to_set or to_clear):
        raise TransactionRefused("nothing", "trustline.flags neither sets nor clears a flag")
    flags = (_sum(LINE_FLAGS, names, TrustLineFlags) for names in (to_clear, to_set))
    return SetTrustLineFlags(trustor, asset, *flags, source=at.named)


def _require_issuer(at: Setting, asset: Asset) -> None:
    if asset.issuer != at.account:
        raise TransactionRefused("not_the_issuer", f"{at.account} is not the issuer of {asset.code}")


def _require_apart(to_set: list[str], to_clear: list[str]) -> None:
    if both := sorted({*to_set} & {*to_clear}):
        raise TransactionRefused("contradiction", f"{both[0]} is both set and cleared")


def _sum(flags: dict, names: list[str], kind: Callable):
    return kind(sum(flags[name] for name in names)) if names else None


def _set_data(at: Setting, params: SpecFields) -> Operation:
    name = params.text("name")
    if not re.fullmatch(f"[ -~]{{1,{MOST_BYTES_OF_DATA}}}", name):
        raise TransactionRefused("bad_data", f"{params.named('name')} is {shown(name)}: it has 1 to 64 ASCII signs")
    value = from_base64(params.text("value")) if params.has("value") else None
    if params.has("value") and (value is None or len(value) > MOST_BYTES_OF_DATA):
        raise TransactionRefused("bad_data", f"{params.named('value')} is no base64 of at most 64 bytes")
    return ManageData(name, value, source=at.named)


def _claw_back(at: Setting, params: SpecFields) -> Operation:
    holder, asset = _other(at, params, "from", "cannot claw back from itself"), read_asset(params, "asset")
    _require_issuer(at, asset)
    return Clawback(asset, holder, read_amount(params, "amount"), source=at.named)


def _create_account(at: Setting, params: SpecFields) -> Operation:
    destination = _other(at, params, "destination", "cannot create itself")
    return CreateAccount(destination, read_amount(params, "amount"), source=at.named)


def _anchor(at: Setting, params: SpecFields) -> Operation:
    payload = read_anchor(params)
    if at.memo_hash != payload[:32]:
        raise TransactionRefused("bad_memo", "the memo of an anchor's transaction is of type hash, and is its root")
    return ManageData(DATA_NAME, payload, source=at.named)


OPERATIONS: dict[str, Reader] = {
    "trustline.set": _set_line,
    "payment": _pay,
    "account.options": _set_account,
    "trustline.flags": _set_line_flags,
    "data.set": _set_data,
    "clawback": _claw_back,
    "account.create": _create_account,
    "anchor": _anchor,
}
"""What a specification calls it → what it becomes, given the account that it is for."""
