"""Accounts: which are loaded, which one a user means, and what they are called where their ids must not be shown."""

from __future__ import annotations

from fntx_dagster.errors import Permanent, masked
from fntx_dagster.store.database import Readable
from fntx_dagster.store.raw_flex.overview import accounts

__all__ = ["accounts", "chosen_account"]


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
