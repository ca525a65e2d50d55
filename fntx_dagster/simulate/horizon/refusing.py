"""How a rule of an operation refuses, and what all rules ask of the ledger."""

from __future__ import annotations

from decimal import Decimal

from stellar_sdk import Asset, LiquidityPoolAsset

from fntx_dagster.simulate.horizon.entries import STROOPS, AccountEntry, Draft


class OperationFailed(Exception):
    """An operation is refused, with Horizon's code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def refuse_if(wrong: bool, code: str) -> None:
    """Raise OperationFailed where something is wrong."""
    if wrong:
        raise OperationFailed(code)


def is_plain(text: str) -> bool:
    """Whether a text holds visible ASCII and blanks alone, as the protocol demands of names."""
    return all(" " <= sign <= "~" for sign in text)


def account_of(draft: Draft, account_id: str) -> AccountEntry:
    """The account of an operation's source, which is there: that was asked first."""
    account = draft.accounts[account_id]
    assert account is not None
    return account


def stroops(amount: str | Decimal) -> int:
    """An amount of the SDK, with up to seven decimals, in stroops."""
    return int(Decimal(amount) * STROOPS)


def asset_key(asset: Asset | LiquidityPoolAsset) -> str:
    """`CODE:ISSUER`. Refuses shares of a pool, and lumens, which no line holds."""
    refuse_if(not isinstance(asset, Asset), "op_not_supported")
    assert isinstance(asset, Asset)
    refuse_if(asset.is_native() or asset.issuer is None, "op_malformed")
    return f"{asset.code}:{asset.issuer}"


def issuer_of(key: str) -> str:
    """The issuer in `CODE:ISSUER`."""
    return key.partition(":")[2]
