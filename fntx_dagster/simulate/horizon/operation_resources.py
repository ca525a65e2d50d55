"""What Horizon says of the operations of a transaction."""

from __future__ import annotations

import base64
from typing import Any

from stellar_sdk import (
    AccountMerge,
    Asset,
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

from fntx_dagster.simulate.horizon.network import HistoryEntry
from fntx_dagster.simulate.horizon.refusing import stroops
from fntx_dagster.simulate.horizon.resources import ACCOUNT_FLAGS, Values, amount, asset_fields, moment

_LINE_FLAGS = {"authorized": 1, "authorized_to_maintain_liabilites": 2, "clawback_enabled": 4}
"""Horizon's own spelling."""


def operations(entry: HistoryEntry, url: str) -> list[Values]:
    """The operations of a transaction, in order."""
    submitted = entry.submitted
    found = []
    for index, (operation, kind) in enumerate(zip(submitted.operations, submitted.types(), strict=True), 1):
        number = str(entry.token + index)
        source = submitted.source_of(operation)
        found.append(
            {
                "_links": {
                    "self": {"href": f"{url}/operations/{number}"},
                    "transaction": {"href": f"{url}/transactions/{submitted.hash}"},
                },
                "id": number,
                "paging_token": number,
                "transaction_successful": entry.verdict.successful,
                "source_account": source,
                "type": kind.lower(),
                "type_i": int(operation.to_xdr_object().body.type),
                "created_at": moment(entry.closed_at),
                "transaction_hash": submitted.hash,
                **_details(operation, source),
            }
        )
    return found


def _details(operation: Operation, source: str) -> Values:
    if isinstance(operation, CreateAccount):
        starting = amount(stroops(operation.starting_balance))
        return {"starting_balance": starting, "funder": source, "account": operation.destination}
    if isinstance(operation, Payment):
        ends = {"from": source, "to": operation.destination.account_id}
        return {**_asset(operation.asset), **ends, "amount": amount(stroops(operation.amount))}
    if isinstance(operation, Clawback):
        held = {"from": operation.from_.account_id, "amount": amount(stroops(operation.amount))}
        return {**_asset(operation.asset), **held}
    if isinstance(operation, ManageData):
        value = operation.data_value
        return {"name": operation.data_name, "value": base64.b64encode(value).decode() if value else None}
    if isinstance(operation, BumpSequence):
        return {"bump_to": str(operation.bump_to)}
    if isinstance(operation, AccountMerge):
        return {"account": source, "into": operation.destination.account_id}
    return _configuration(operation, source)


def _configuration(operation: Operation, source: str) -> Values:
    if isinstance(operation, ChangeTrust) and isinstance(operation.asset, Asset):
        limit = amount(stroops(operation.limit))
        return {**_asset(operation.asset), "limit": limit, "trustee": operation.asset.issuer, "trustor": source}
    if isinstance(operation, SetTrustLineFlags):
        flags = _flags(operation, _LINE_FLAGS)
        return {**_asset(operation.asset), "trustor": operation.trustor, **flags}
    if isinstance(operation, SetOptions):
        named: dict[str, Any] = {
            "home_domain": operation.home_domain,
            "master_key_weight": operation.master_weight,
            "low_threshold": operation.low_threshold,
            "med_threshold": operation.med_threshold,
            "high_threshold": operation.high_threshold,
        }
        if operation.signer is not None:
            named["signer_key"] = operation.signer.signer_key.encoded_signer_key
            named["signer_weight"] = operation.signer.weight
        return {key: value for key, value in named.items() if value is not None} | _flags(operation, ACCOUNT_FLAGS)
    return {}


def _asset(asset: Asset) -> Values:
    return {"asset_type": "native"} if asset.is_native() else asset_fields(f"{asset.code}:{asset.issuer}")


def _flags(operation: SetOptions | SetTrustLineFlags, flags: dict[str, int]) -> Values:
    found: Values = {}
    for name, value in (("set_flags", operation.set_flags), ("clear_flags", operation.clear_flags)):
        held = [(each, flag) for each, flag in flags.items() if int(value or 0) & flag]
        if held:
            found[name] = [flag for _, flag in held]
            found[f"{name}_s"] = [each for each, _ in held]
    return found
