"""TrustSet: lines are opened, limited, authorised, frozen, and closed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fntx_dagster.simulate.xrpl.amounts import LedgerToken, amount_of, is_bad_currency
from fntx_dagster.simulate.xrpl.codes import SUCCESS
from fntx_dagster.simulate.xrpl.entries import (
    AUTHORIZED,
    DISALLOW_LINES,
    FROZEN,
    NO_FREEZE,
    NO_RIPPLE,
    REQUIRE_AUTH,
    RESERVED,
    LedgerEntry,
)
from fntx_dagster.simulate.xrpl.lines import (
    balance_of,
    line_between,
    needs_reserve,
    open_line,
    set_limit,
    side_bit,
    side_has,
)
from fntx_dagster.simulate.xrpl.view import Work

SET_AUTH, SET_NO_RIPPLE, CLEAR_NO_RIPPLE, SET_FREEZE, CLEAR_FREEZE = 0x10000, 0x20000, 0x40000, 0x100000, 0x200000
KNOWN = SET_AUTH | SET_NO_RIPPLE | CLEAR_NO_RIPPLE | SET_FREEZE | CLEAR_FREEZE


def shape(tx: dict[str, Any]) -> str | None:
    limit = tx["LimitAmount"]
    if isinstance(limit, str):
        return "temBAD_LIMIT"
    if is_bad_currency(limit):
        return "temBAD_CURRENCY"
    return "temBAD_LIMIT" if Decimal(limit["value"]) < 0 else None


def apply(work: Work) -> str:
    token, limit = amount_of(work.tx["LimitAmount"])
    peer, flags, view = token.issuer, work.flags, work.view
    if flags & SET_AUTH and not view.has_flag(work.account, REQUIRE_AUTH):
        return "tefNO_AUTH_REQUIRED"
    if peer == work.account:
        return "temDST_IS_SRC"
    if view.root(peer) is None:
        return "tecNO_DST"
    line = line_between(view, work.account, peer, token.currency)
    if line is None and view.has_flag(peer, DISALLOW_LINES):
        return "tecNO_PERMISSION"
    if flags & SET_FREEZE and (flags & CLEAR_FREEZE or view.has_flag(work.account, NO_FREEZE)):
        return "tecNO_PERMISSION"
    if line is None:
        return _open(work, token, limit)
    return _change(work, view.edit(line["index"]), limit)


def _open(work: Work, token: LedgerToken, limit: Decimal) -> str:
    if limit == 0 and not work.flags & SET_AUTH:
        return "tecNO_LINE_REDUNDANT"
    if not _can_reserve(work):
        return "tecNO_LINE_INSUF_RESERVE"
    line = open_line(work, work.account, token, limit)
    _set_flags(work, line)
    return SUCCESS


def _can_reserve(work: Work) -> bool:
    """Whether the account can reserve one line more. The first two entries of an account need no reserve."""
    return work.owner_count(work.account) < 2 or work.can_own(1)


def _change(work: Work, line: LedgerEntry, limit: Decimal) -> str:
    can_reserve = _can_reserve(work)
    set_limit(line, work.account, limit)
    if work.flags & SET_NO_RIPPLE and not work.flags & CLEAR_NO_RIPPLE and balance_of(line, work.account) < 0:
        return "tecNO_PERMISSION"
    _set_flags(work, line)
    sides = (line["LowLimit"]["issuer"], line["HighLimit"]["issuer"])
    increased = False
    for address in sides:
        needed, reserved = needs_reserve(work.view, line, address), side_has(line, address, RESERVED)
        if needed != reserved:
            line["Flags"] ^= side_bit(line, address, RESERVED)
            work.count(address, 1 if needed else -1)
            increased = increased or (needed and address == work.account)
    if Decimal(line["Balance"]["value"]) == 0 and not any(side_has(line, address, RESERVED) for address in sides):
        work.view.erase(line["index"])
    elif increased and not can_reserve:
        return "tecINSUF_RESERVE_LINE"
    return SUCCESS


def _set_flags(work: Work, line: LedgerEntry) -> None:
    for set_it, clear_it, low_bit in (
        (SET_AUTH, 0, AUTHORIZED),
        (SET_NO_RIPPLE, CLEAR_NO_RIPPLE, NO_RIPPLE),
        (SET_FREEZE, CLEAR_FREEZE, FROZEN),
    ):
        bit = side_bit(line, work.account, low_bit)
        if work.flags & set_it and not work.flags & clear_it:
            line["Flags"] |= bit
        elif work.flags & clear_it and not work.flags & set_it:
            line["Flags"] &= ~bit
