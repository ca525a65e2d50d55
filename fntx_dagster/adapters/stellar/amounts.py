"""Addresses, assets and amounts of a specification, as Stellar writes them."""

from __future__ import annotations

import re
from decimal import Decimal

from stellar_sdk import Asset

from fntx_dagster.adapters.stellar.codec import is_address
from fntx_dagster.intents.fields import SpecFields, shown
from fntx_dagster.intents.refusal import TransactionRefused

STROOP = Decimal("0.0000001")
LARGEST = Decimal("922337203685.4775807")


def read_address(fields: SpecFields, name: str) -> str:
    """The public key of an account."""
    address = fields.text(name)
    if not is_address(address):
        raise TransactionRefused("bad_account", f"{fields.named(name)} is {shown(address)}: it is no address G…")
    return address


def read_asset(fields: SpecFields, name: str) -> Asset:
    """An issued asset: code and issuer."""
    inner = fields.inner(name)
    code, issuer = inner.text("code"), read_address(inner, "issuer")
    inner.close()
    if not re.fullmatch("[A-Za-z0-9]{1,12}", code):
        raise TransactionRefused(
            "bad_asset", f"{inner.named('code')} is {shown(code)}: a code has 1 to 12 letters and digits of ASCII"
        )
    return Asset(code, issuer)


def read_amount(fields: SpecFields, name: str, *, may_be_zero: bool = False) -> str:
    """An amount in units with at most seven decimals, in plain digits."""
    value = fields.decimal(name)
    if not (value or may_be_zero) or value > LARGEST or (value and value.quantize(STROOP) != value):
        raise TransactionRefused(
            "bad_amount",
            f"{fields.named(name)} is {shown(fields.text(name))}: it is above zero, at most {LARGEST}, and has at most "
            "seven decimals",
        )
    return f"{value.quantize(STROOP):f}"
