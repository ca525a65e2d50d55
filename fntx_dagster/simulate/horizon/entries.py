"""What a Stellar ledger that does not exist holds: accounts, their lines, signers and data, and what they must keep.

Amounts are whole stroops (10^-7 of a unit), as in the protocol.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

STROOPS = 10_000_000
LARGEST = 2**63 - 1
REQUIRED, REVOCABLE, IMMUTABLE, CLAWBACK = 1, 2, 4, 8
"""Flags of an account."""
AUTHORIZED, MAINTAINS, CLAWED = 1, 2, 4
"""Flags of a line: authorised, authorised to maintain liabilities, its issuer may claw back."""
MOST_SIGNERS = 20


class HeldLine(NamedTuple):
    """A holder's line to an asset."""

    balance: int
    limit: int
    flags: int


@dataclass(frozen=True)
class AccountEntry:
    """An account at one moment. `lines`: by `CODE:ISSUER`. `signers`: key → weight, without the account's own."""

    account_id: str
    balance: int
    sequence: int
    flags: int = 0
    home_domain: str = ""
    master: int = 1
    low: int = 0
    med: int = 0
    high: int = 0
    signers: Mapping[str, int] = field(default_factory=dict)
    lines: Mapping[str, HeldLine] = field(default_factory=dict)
    data: Mapping[str, bytes] = field(default_factory=dict)
    ledger: int = 1
    """The ledger that changed it last."""

    @property
    def subentries(self) -> int:
        return len(self.signers) + len(self.lines) + len(self.data)

    def reserve(self, base_reserve: int, more: int = 0) -> int:
        """What it must keep in stroops, with so many more subentries."""
        return (2 + self.subentries + more) * base_reserve

    def weights(self) -> dict[str, int]:
        """Key → weight of everybody who may sign for it, its own key among them unless it weighs nothing."""
        own = {self.account_id: self.master} if self.master else {}
        return own | dict(self.signers)

    def as_json(self) -> dict[str, Any]:
        """The entry as JSON values, for a file of the world."""
        return {
            "account_id": self.account_id,
            "balance": self.balance,
            "sequence": self.sequence,
            "flags": self.flags,
            "home_domain": self.home_domain,
            "master": self.master,
            "low": self.low,
            "med": self.med,
            "high": self.high,
            "signers": dict(self.signers),
            "lines": {asset: list(line) for asset, line in self.lines.items()},
            "data": {name: value.hex() for name, value in self.data.items()},
            "ledger": self.ledger,
        }


def account_from_json(values: Mapping[str, Any]) -> AccountEntry:
    """The entry that `as_json` wrote; what is left out has its default."""
    lines = {asset: HeldLine(*line) for asset, line in values.get("lines", {}).items()}
    data = {name: bytes.fromhex(value) for name, value in values.get("data", {}).items()}
    return AccountEntry(**{**values, "lines": lines, "data": data})


Accounts = ChainMap[str, "AccountEntry | None"]
"""Accounts by id; None stands for one that was merged away. A child is a draft that is kept or thrown away."""


class Draft(NamedTuple):
    """The ledger as a transaction changes it."""

    accounts: Accounts
    base_reserve: int
    ledger: int

    def child(self) -> Draft:
        """A draft over this one."""
        return self._replace(accounts=self.accounts.new_child())

    def keep(self, child: Draft) -> None:
        """Take over what a child changed."""
        self.accounts.update(child.accounts.maps[0])
