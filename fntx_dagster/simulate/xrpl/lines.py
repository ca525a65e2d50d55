"""Trust lines: who holds how much of whose token, which side allows what, and tokens that move along them."""

from __future__ import annotations

from decimal import Decimal

from fntx_dagster.simulate.xrpl.amounts import NO_ONE, LedgerToken, plus, value_text
from fntx_dagster.simulate.xrpl.entries import (
    AUTHORIZED,
    DEEP_FROZEN,
    DEFAULT_RIPPLE,
    FROZEN,
    GLOBAL_FREEZE,
    NO_RIPPLE,
    REQUIRE_AUTH,
    RESERVED,
    LedgerEntry,
    account_id,
    line_index,
)
from fntx_dagster.simulate.xrpl.view import TrialState, Work


def line_between(view: TrialState, one: str, other: str, currency: str) -> LedgerEntry | None:
    return view.read(line_index(one, other, currency))


def is_high(line: LedgerEntry, address: str) -> bool:
    return line["HighLimit"]["issuer"] == address


def peer_of(line: LedgerEntry, address: str) -> str:
    return line["LowLimit" if is_high(line, address) else "HighLimit"]["issuer"]


def side_bit(line: LedgerEntry, address: str, low_bit: int) -> int:
    """The bit of one side's flag."""
    return low_bit << 1 if is_high(line, address) else low_bit


def side_has(line: LedgerEntry, address: str, low_bit: int) -> bool:
    """Whether one side has set a flag."""
    return bool(line["Flags"] & side_bit(line, address, low_bit))


def balance_of(line: LedgerEntry, address: str) -> Decimal:
    """What one side holds of the other's token; negative where it owes."""
    balance = Decimal(line["Balance"]["value"])
    return -balance if is_high(line, address) else balance


def limit_of(line: LedgerEntry, address: str) -> Decimal:
    """How much of the other's token one side wants to hold at most."""
    return Decimal(line["HighLimit" if is_high(line, address) else "LowLimit"]["value"])


def held(view: TrialState, address: str, token: LedgerToken) -> Decimal:
    """What an account holds of a token; 0 without a line."""
    line = line_between(view, address, token.issuer, token.currency)
    return Decimal(0) if line is None else balance_of(line, address)


def is_frozen(view: TrialState, address: str, token: LedgerToken) -> bool:
    """Whether the issuer froze the whole token, or this account's line."""
    if address == token.issuer:
        return False
    line = line_between(view, address, token.issuer, token.currency)
    return view.has_flag(token.issuer, GLOBAL_FREEZE) or (
        line is not None and (side_has(line, token.issuer, FROZEN) or side_has(line, token.issuer, DEEP_FROZEN))
    )


def authority_fault(view: TrialState, address: str, token: LedgerToken) -> str | None:
    """Why an account may not hold a token whose issuer wants to be asked: tecNO_LINE or tecNO_AUTH."""
    if address == token.issuer or not view.has_flag(token.issuer, REQUIRE_AUTH):
        return None
    line = line_between(view, address, token.issuer, token.currency)
    if line is None:
        return "tecNO_LINE"
    return None if side_has(line, token.issuer, AUTHORIZED) else "tecNO_AUTH"


def open_line(work: Work, holder: str, token: LedgerToken, limit: Decimal) -> LedgerEntry:
    """A new line that `holder` keeps the reserve of. Its other side has NoRipple unless that account ripples by
    default."""
    low, high = sorted((holder, token.issuer), key=account_id)
    line = {
        "LedgerEntryType": "RippleState",
        "Balance": {"currency": token.currency, "issuer": NO_ONE, "value": "0"},
        "Flags": 0,
        "LowLimit": {"currency": token.currency, "issuer": low, "value": "0"},
        "HighLimit": {"currency": token.currency, "issuer": high, "value": "0"},
        "index": line_index(low, high, token.currency),
    }
    set_limit(line, holder, limit)
    if not work.view.has_flag(peer_of(line, holder), DEFAULT_RIPPLE):
        line["Flags"] |= side_bit(line, peer_of(line, holder), NO_RIPPLE)
    line["Flags"] |= side_bit(line, holder, RESERVED)
    work.view.put(line)
    work.count(holder, 1)
    return line


def set_limit(line: LedgerEntry, address: str, limit: Decimal) -> None:
    line["HighLimit" if is_high(line, address) else "LowLimit"]["value"] = value_text(limit)


def needs_reserve(view: TrialState, line: LedgerEntry, address: str) -> bool:
    """Whether a line is not in one side's default state: that side then pays the reserve."""
    ripples = not side_has(line, address, NO_RIPPLE)
    return (
        ripples != view.has_flag(address, DEFAULT_RIPPLE)
        or side_has(line, address, FROZEN)
        or limit_of(line, address) != 0
        or balance_of(line, address) > 0
    )


def credit(work: Work, sender: str, receiver: str, currency: str, value: Decimal) -> None:
    """Move a token along the line between two accounts, one of which is its issuer. A line that is empty and that
    nobody needs any more is gone after it."""
    line = work.view.edit(line_index(sender, receiver, currency))
    before = balance_of(line, sender)
    after = plus(before, -value)
    line["Balance"]["value"] = value_text(-after if is_high(line, sender) else after)
    if before > 0 and after <= 0 and side_has(line, sender, RESERVED) and not needs_reserve(work.view, line, sender):
        line["Flags"] &= ~side_bit(line, sender, RESERVED)
        work.count(sender, -1)
        if after == 0 and not side_has(line, receiver, RESERVED):
            work.view.erase(line["index"])


def move_token(work: Work, token: LedgerToken, sender: str, receiver: str, value: Decimal) -> None:
    """Move a token from one account to another through its issuer; a receiver without a line gets one."""
    if sender != token.issuer:
        credit(work, sender, token.issuer, token.currency, value)
    if receiver != token.issuer:
        if line_between(work.view, receiver, token.issuer, token.currency) is None:
            line = open_line(work, receiver, token, Decimal(0))
            if not work.view.has_flag(receiver, DEFAULT_RIPPLE):
                line["Flags"] |= side_bit(line, receiver, NO_RIPPLE)
        credit(work, token.issuer, receiver, token.currency, value)
