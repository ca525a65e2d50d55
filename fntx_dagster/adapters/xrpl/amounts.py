"""Addresses, currencies and amounts of a specification, as the XRP Ledger writes them.

The library's codec takes what no ledger takes: the currency XRP as an issued one, and 1e-82, which it writes as 0.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from fntx_dagster.adapters.xrpl.codec import account_id
from fntx_dagster.intents.fields import SpecFields, shown
from fntx_dagster.intents.refusal import TransactionRefused

Amount = str | dict[str, str]
"""Drops as text, or currency, issuer and value."""

MOST_DROPS = 10**17
MOST_DIGITS = 16
SMALLEST, LARGEST = Decimal("1e-81"), Decimal("9999999999999999e80")
"""Of an issued amount that is not zero."""
_SHORT = re.compile(r"[A-Za-z0-9?!@#$%^&*<>(){}\[\]|]{3}")
_LONG = re.compile(r"[!-~][ -~]{2,18}[!-~]")


def read_account(fields: SpecFields, name: str) -> str:
    """A classic address."""
    address = fields.text(name)
    if account_id(address) is None:
        raise TransactionRefused("bad_account", f"{fields.named(name)} is {shown(address)}: it is no classic address")
    return address


def read_currency(fields: SpecFields, name: str) -> str:
    """The code of an issued currency: three characters stay, 4 to 20 become 40 hex digits."""
    code = fields.text(name)
    if code == "XRP":
        raise TransactionRefused(
            "bad_currency", f"{fields.named(name)} is XRP, which nobody issues: write an amount of XRP as drops, a text"
        )
    if _SHORT.fullmatch(code):
        return code
    if _LONG.fullmatch(code):
        return code.encode("ascii").ljust(20, b"\x00").hex().upper()
    raise TransactionRefused(
        "bad_currency", f"{fields.named(name)} is {shown(code)}: a code has three characters, or 4 to 20 in ASCII"
    )


def code_of(currency: str) -> str:
    """The code of an issued currency of decoded bytes, as people write it; in hex where it is none that
    `read_currency` takes: so that nothing looks like another."""
    if len(currency) != 40:
        return currency
    content = bytes.fromhex(currency)
    text = content.rstrip(b"\x00").decode("latin-1")
    return text if _LONG.fullmatch(text) else f"currency {currency}"


def read_value(fields: SpecFields, name: str, *, may_be_zero: bool = False) -> str:
    """The value of an issued amount, as it is written; refused where the ledger could not hold it exactly."""
    value = fields.decimal(name)
    if may_be_zero and not value:
        return fields.text(name)
    if not SMALLEST <= value <= LARGEST or len(_digits(value)) > MOST_DIGITS:
        raise TransactionRefused(
            "bad_amount",
            f"{fields.named(name)} is {shown(fields.text(name))}: it is above zero, between 1e-81 and "
            "9999999999999999e80, and has at most 16 significant digits",
        )
    return fields.text(name)


def exact(amount: Amount) -> Amount:
    """An amount as the codec is given it: issued ones with 16 digits and an exponent. It refuses some ways to write a
    number that the ledger can hold, 1e95 and 1.00000000000000000."""
    if isinstance(amount, str):
        return amount
    value = Decimal(amount["value"])
    digits = _digits(value).ljust(MOST_DIGITS, "0")
    return amount | {"value": f"{digits}e{value.adjusted() - MOST_DIGITS + 1}" if value else "0"}


def is_same(amount: Amount, other: Amount) -> bool:
    """Whether two amounts are equal, however their values are written."""
    if isinstance(amount, str) or isinstance(other, str):
        return amount == other
    return Decimal(amount["value"]) == Decimal(other["value"]) and kind_of(amount) == kind_of(other)


def _digits(value: Decimal) -> str:
    """The significant digits of a number, without the zeros at its end."""
    return "".join(map(str, value.as_tuple().digits)).strip("0")


def read_drops(fields: SpecFields, name: str) -> str:
    """An amount of XRP in drops, as text."""
    text = fields.text(name)
    if not re.fullmatch("[1-9][0-9]{0,17}", text) or int(text) > MOST_DROPS:
        raise TransactionRefused(
            "bad_amount", f"{fields.named(name)} is {shown(text)}: drops are a whole number from 1 to 10^17, as text"
        )
    return text


def read_issued(issued: SpecFields) -> dict[str, str]:
    """An issued amount: currency, issuer and a value above zero."""
    amount = {
        "currency": read_currency(issued, "currency"),
        "issuer": read_account(issued, "issuer"),
        "value": read_value(issued, "value"),
    }
    issued.close()
    return amount


def read_amount(fields: SpecFields, name: str) -> Amount:
    """An amount above zero, of XRP or issued."""
    value: Any = fields.raw(name)
    return read_issued(fields.inner(name)) if isinstance(value, dict) else read_drops(fields, name)


def kind_of(amount: Amount) -> tuple[str, str]:
    """What an amount is an amount of: two that give the same are of the same asset."""
    return ("XRP", "") if isinstance(amount, str) else (amount["currency"], amount["issuer"])
