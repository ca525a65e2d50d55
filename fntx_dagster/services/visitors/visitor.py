"""A visitor of the dashboard: who he is, and what his role lets him see and do."""

from __future__ import annotations

from typing import NamedTuple

OWNER, TRADER, FUND, AUDITOR, SOURCE = ROLES = ("owner", "trader", "fund", "auditor", "source")


class Visitor(NamedTuple):
    """Who asks for a page. `accounts`: the accounts that he may see, None for all of them."""

    user_id: str
    role: str
    accounts: frozenset[str] | None = None

    def may_see(self, account: str) -> bool:
        """Whether an account is shown to him."""
        return self.accounts is None or account in self.accounts

    @property
    def may_act(self) -> bool:
        """Whether he may disclose, share, and reset what tripped: an owner, or a trader in what is his."""
        return self.role in (OWNER, TRADER)

    @property
    def sees_names(self) -> bool:
        """Whether he sees account ids and the broker's own words, which may name a person: all but a fund."""
        return self.role != FUND

    @property
    def sees_system(self) -> bool:
        """Whether he sees how the platform runs: files, queues, schedules, who signed in."""
        return self.role in (OWNER, AUDITOR)

    @property
    def sees_every_book(self) -> bool:
        """Whether he sees the ledger books of all users, beside his own."""
        return self.role in (OWNER, AUDITOR)
