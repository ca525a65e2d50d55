"""The ledger's state while transactions are tried on it: copies that are kept or thrown away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from fntx_dagster.simulate.xrpl.entries import LedgerEntry, parties, root_index


class TrialState:
    """A state over another one: what is changed here is seen here alone, until it is committed."""

    def __init__(self, below: Mapping[str, LedgerEntry] | TrialState) -> None:
        self.below = below
        self.changed: dict[str, LedgerEntry | None] = {}
        """Index → the entry as it is here; None where it is gone."""
        self.removed: dict[str, LedgerEntry] = {}
        """Index → an entry as it was at last, of those that were changed before they were removed."""

    def read(self, index: str) -> LedgerEntry | None:
        """An entry, not to be changed."""
        if index in self.changed:
            return self.changed[index]
        return self.below.read(index) if isinstance(self.below, TrialState) else self.below.get(index)

    def edit(self, index: str) -> LedgerEntry:
        """An entry that is there, to be changed."""
        if index not in self.changed:
            self.changed[index] = deepcopy(self.read(index))
        entry = self.changed[index]
        assert entry is not None, index
        return entry

    def put(self, entry: LedgerEntry) -> None:
        self.changed[entry["index"]] = entry

    def erase(self, index: str) -> None:
        last = self.changed.get(index)
        if last is not None:
            self.removed[index] = last
        self.changed[index] = None

    def entries(self) -> Iterator[LedgerEntry]:
        """Every entry."""
        below = self.below.entries() if isinstance(self.below, TrialState) else self.below.values()
        for entry in below:
            if entry["index"] not in self.changed:
                yield entry
        yield from (entry for entry in self.changed.values() if entry is not None)

    def owned(self, address: str) -> list[LedgerEntry]:
        """What stands in an account's directory, in the order of the indexes."""
        return sorted((entry for entry in self.entries() if address in parties(entry)), key=lambda each: each["index"])

    def root(self, address: str) -> LedgerEntry | None:
        return self.read(root_index(address))

    def edit_root(self, address: str) -> LedgerEntry:
        return self.edit(root_index(address))

    def has_flag(self, address: str, flag: int) -> bool:
        """Whether an account is there and has a flag."""
        root = self.root(address)
        return root is not None and bool(root["Flags"] & flag)

    def commit(self) -> None:
        """Make what was changed here so in the state below."""
        assert isinstance(self.below, TrialState)
        self.below.changed.update(self.changed)
        self.below.removed.update(self.removed)
        self.changed, self.removed = {}, {}


@dataclass(frozen=True)
class NetworkRules:
    """What a network asks for, in drops. `keylet_fields`: an escrow's entry names its sequence."""

    network_id: int = 1
    base_fee: int = 10
    reserve_base: int = 1_000_000
    reserve_inc: int = 200_000
    keylet_fields: bool = True

    def reserve(self, owner_count: int) -> int:
        return self.reserve_base + self.reserve_inc * owner_count


@dataclass
class Work:
    """One transaction at work: what its rules read and change."""

    view: TrialState
    tx: dict[str, Any]
    rules: NetworkRules
    transaction_id: str
    ledger_index: int
    parent_close: int
    """Seconds since 2000: when the ledger before closed. All times compare with this, never with a clock."""
    prior_balance: int
    """Drops of the account before the fee."""
    signed_by: str
    """The account of the one key that signed; empty for a multisigned transaction."""
    delivered: Any = None

    @property
    def account(self) -> str:
        return self.tx["Account"]

    @property
    def sequence(self) -> int:
        """The number that names what the transaction makes: its sequence, or its ticket's."""
        return self.tx.get("TicketSequence") or self.tx["Sequence"]

    @property
    def flags(self) -> int:
        return self.tx.get("Flags", 0)

    def move_drops(self, address: str, drops: int) -> None:
        root = self.view.edit_root(address)
        root["Balance"] = str(int(root["Balance"]) + drops)

    def count(self, address: str, more: int) -> None:
        """Let an account own so many entries more."""
        self.view.edit_root(address)["OwnerCount"] += more

    def owner_count(self, address: str) -> int:
        root = self.view.root(address)
        assert root is not None
        return root["OwnerCount"]

    def can_own(self, more: int) -> bool:
        """Whether the account could pay the reserve of so many more entries, with what it had before the fee."""
        return self.prior_balance >= self.rules.reserve(self.owner_count(self.account) + more)
