"""Which network a server belongs to, its last validated ledger, and what it asks for: fees and reserves, in drops."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.adapters.xrpl.codec import RIPPLE_EPOCH
from fntx_dagster.adapters.xrpl.costs import fee
from fntx_dagster.adapters.xrpl.reply import XrplReply, unreadable
from fntx_dagster.adapters.xrpl.rpc import XrplRpc
from fntx_dagster.errors import Permanent

_DROPS = Decimal(1_000_000)
_MOST_FEE = 10**9
_ABOVE_ALL_CAPS = 10**15


class XrplLedgerHead(NamedTuple):
    """A validated ledger. `closed_at` is the ledger's own time, which may run ahead of a clock."""

    ledger_index: int
    ledger_hash: str
    close_time: int
    """Seconds since 2000, with which escrows compare."""

    @property
    def closed_at(self) -> datetime:
        return datetime.fromtimestamp(self.close_time + RIPPLE_EPOCH, UTC)


class XrplReserves(NamedTuple):
    """What an account must hold: so many drops, and so many more for each entry that it owns."""

    base: int
    increment: int


class XrplFees(NamedTuple):
    """What a transaction with one signature costs now: at least, and to get into the open ledger at once."""

    base: int
    open_ledger: int


def check_network(rpc: XrplRpc, network_id: int) -> None:
    """Refuse a server of another network; one that names none is of network 0. Raises Permanent, or Transient where the
    server does not answer."""
    found = rpc.ask("server_info").inner("info").whole("network_id", default=0)
    if found != network_id:
        raise Permanent(
            f"the XRP Ledger's server is of network {found}, and the configuration names {network_id}",
            "Correct FNTX_XRPL_URL, or network_id in the file that FNTX_TREASURY_CONFIG names",
        )


def validated_ledger(rpc: XrplRpc) -> XrplLedgerHead:
    """The last validated ledger that the server has; its index holds together what is asked after it."""
    reply = rpc.ask("ledger", ledger_index="validated")
    if not reply.flag("validated"):
        raise reply.wrong("validated")
    close_time = reply.inner("ledger").whole("close_time")
    return XrplLedgerHead(reply.whole("ledger_index"), reply.hash("ledger_hash"), close_time)


def first_ledger(rpc: XrplRpc) -> int:
    """The first ledger from which on the server's history has no gap."""
    complete = rpc.ask("server_info").inner("info").word("complete_ledgers", 2000)
    first = complete.rpartition(",")[2].partition("-")[0].strip()
    if not re.fullmatch("[0-9]{1,10}", first):
        raise unreadable("server_info", "complete_ledgers")
    return int(first)


def reserves(rpc: XrplRpc) -> XrplReserves:
    """The reserves that the last validated ledger asks for."""
    last = rpc.ask("server_info").inner("info").inner("validated_ledger")
    return XrplReserves(_drops(last, "reserve_base_xrp"), _drops(last, "reserve_inc_xrp"))


def _drops(reply: XrplReply, name: str) -> int:
    """XRP as a JSON number, in drops."""
    found = reply.raw(name)
    if isinstance(found, bool) or not isinstance(found, int | Decimal):
        raise reply.wrong(name)
    drops = found * _DROPS if Decimal(found).is_finite() and abs(found) < _DROPS else Decimal(-1)
    if drops < 0 or drops != int(drops):
        raise reply.wrong(name)
    return int(drops)


def fees(rpc: XrplRpc) -> XrplFees:
    """What the server asks for now."""
    drops = rpc.ask("fee").inner("drops")
    return XrplFees(drops.whole("base_fee", _MOST_FEE), drops.whole("open_ledger_fee", _MOST_FEE))


def base_fee_to_take(now: XrplFees, signers: int, fulfillment_bytes: int | None, cap: int) -> int:
    """The `base_fee` of a specification: half as much again as is asked for now, because the signed bytes may wait.

    It is less where the whole fee would then be above `cap` drops, but never below the least: where that is above the
    cap, the transaction is refused when it is built."""
    units = fee(1, signers, fulfillment_bytes, _ABOVE_ALL_CAPS)
    wanted = (max(now) * 3 + 1) // 2
    return max(now.base, min(wanted, cap // units))


def kept_ledgers(rpc: XrplRpc) -> tuple[int, int]:
    """The first and the last of the newest ledgers that the server has without a gap."""
    info = rpc.ask("server_info").inner("info")
    newest = re.fullmatch(r"(?:.*,)?([0-9]{1,10})(?:-([0-9]{1,10}))?", info.word("complete_ledgers", 2000))
    if newest is None:
        raise info.wrong("complete_ledgers")
    return int(newest[1]), int(newest[2] or newest[1])


def first_ledger_since(rpc: XrplRpc, close_time: int, first: int, last: int) -> int:
    """The first of these ledgers that closed at a time (seconds since 2000) or later; one after the last where none
    did."""
    while first <= last:
        middle = (first + last) // 2
        if rpc.ask("ledger", ledger_index=middle).inner("ledger").whole("close_time") < close_time:
            first = middle + 1
        else:
            last = middle - 1
    return first
