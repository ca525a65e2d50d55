"""Accounts: which are loaded, which one a user means, and what they are called where their ids must not be shown."""

from __future__ import annotations

from typing import NamedTuple

from fntx_dagster.errors import Permanent, masked
from fntx_dagster.store.database import Readable
from fntx_dagster.store.labels import account_labels
from fntx_dagster.store.raw_flex.overview import accounts

__all__ = ["NumberedAccount", "accounts", "chosen_account", "numbered_accounts"]


class NumberedAccount(NamedTuple):
    """An account by its number, from 1 in the order in which accounts were loaded first: it stays, and tells nothing of
    the id. `label` is masked."""

    number: int
    account_id: str
    label: str


def numbered_accounts(db: Readable) -> list[NumberedAccount]:
    """Every account that has statements, in the order of the numbers."""
    labels = account_labels(db)
    return [NumberedAccount(number, *each) for number, each in enumerate(labels.items(), start=1)]


def chosen_account(db: Readable, account: str | None) -> str:
    """The account that was named, or the only one that is loaded where none was named. Raises Permanent where it is not
    loaded, where several are, or where nothing is loaded yet."""
    known = accounts(db)
    if account in known:
        return account
    if not known:
        raise Permanent("nothing is loaded yet", "Load statements with `fntx load PATH`, or try `fntx demo`")
    shown = ", ".join(map(masked, known))
    if account is None and len(known) == 1:
        return known[0]
    if account is None:
        raise Permanent(
            f"{len(known)} accounts are loaded ({shown})", "Choose with --account; `fntx status` lists them"
        )
    raise Permanent(f"account {account} is not loaded (loaded: {shown})", "`fntx status` lists what is")
