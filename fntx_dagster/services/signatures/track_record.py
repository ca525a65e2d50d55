"""A trader's whole record, read from a node by a stranger: needs no database and no secret.

This module chooses the node and asks it; `history` has the record of each session.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.adapters.evm.reader import read_at
from fntx_dagster.errors import Permanent
from fntx_dagster.services.chain_of import connect
from fntx_dagster.services.signatures.checking import SETTLED
from fntx_dagster.services.signatures.history import HistoryDay, history_of
from fntx_dagster.settings import Settings

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.reader import Reader
    from fntx_dagster.model.period import Period

NOT_CHECKED = (
    "whether the trader's and the contract's address are the ones you expect: compare them. Whoever deploys a contract "
    "can write records of anybody into it while doing so"
)

_FOR_EVER = datetime.max.replace(tzinfo=UTC)


class Node(NamedTuple):
    """A node by its URL, and the address of TrackRecord on its chain."""

    rpc_url: str
    contract: str


class WrongAddress(Permanent):
    """A trader's address whose upper and lower case letters do not match its checksum."""


class RecordCounts(NamedTuple):
    """How many sessions of a record there are, and of these how many are posted, missing, late or before the close;
    and how many days have a later version."""

    sessions: int
    posted: int
    gaps: int
    late: int
    early: int
    amended: int


class TraderRecord(NamedTuple):
    """A trader's record in a contract, oldest day first. What was posted after `settled_at` is not final."""

    chain_id: int
    contract: str
    days: list[HistoryDay]
    settled_at: datetime

    def counts(self, late: timedelta) -> RecordCounts:
        """Count the days; a posting is late when it lies more than `late` behind the close."""
        sessions = [day for day in self.days if day.closes_at is not None]
        return RecordCounts(
            sessions=len(sessions),
            posted=sum(bool(day.versions) for day in sessions),
            gaps=sum(day.is_gap for day in sessions),
            late=sum(day.is_late(day.first, late) for day in sessions),
            early=sum(day.is_early(day.first) for day in sessions),
            amended=sum(len(day.versions) > 1 for day in self.days),
        )


def trader_record(source: Node | Settings, trader: str, period: Period, calendar: str) -> TraderRecord:
    """Read the record of a trader (0x…, in lower, upper or checksum case) over the sessions of a range that are over,
    by a calendar.

    `source` is a node, or the settings, whose chain is read. Raises WrongAddress; Permanent where the contract is not
    FNTX's, where nothing is to be shown, or where the settings have no chain; Transient where the node does not answer.
    """
    with _reader(source) as chain:
        address = chain.web3.to_checksum_address(trader.lower())
        if trader not in (address, trader.lower(), f"0x{trader[2:].upper()}"):
            raise WrongAddress(f"{trader!r} is no address: a letter of it is another one, or in another case")
        if not chain.runs_our_code():
            raise Permanent(
                f"the code at {chain.contract} on chain {chain.chain_id} is not FNTX's TrackRecord: what it says "
                "proves nothing",
                "Ask the trader for the contract's address",
            )
        days = history_of(chain, address, period, datetime.now(UTC), calendar)
        if not days:
            raise Permanent(
                f"no session of {calendar} was over between {period.first} and {period.last}, and none has a record",
                "Choose other days",
            )
        settled_at = _FOR_EVER if chain.is_embedded else chain.settled_at(SETTLED)
        return TraderRecord(chain.chain_id, chain.contract, days, settled_at)


def _reader(source: Node | Settings) -> Reader:
    if isinstance(source, Node):
        return read_at(source.rpc_url, source.contract)
    if source.chain.rpc_url is None and not (source.paths.chain / "contracts.json").exists():
        raise Permanent("no chain is named, and none is in the home", "Name one with --rpc and --contract")
    return connect(source)
