"""Which accounts a run works on, by its tags, and the shards that plans of runs are made for."""

from __future__ import annotations

from collections.abc import Iterator

from fntx_dagster.errors import Permanent
from fntx_dagster.model.shards import Accounts, Shard, all_shards
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Readable
from fntx_dagster.store.labels import account_labels
from fntx_dagster.store.raw_flex.overview import accounts as loaded

__all__ = ["Accounts", "Shard", "accounts_of_run", "labels_of", "parts"]


def accounts_of_run(db: Readable, shard: str | None, named: str | None) -> Accounts:
    """The loaded accounts of a shard (`3/8`), or those that are `named`, with commas between them; None where neither
    is given: all. Permanent where both are, where the shard cannot be read, or where an account is not loaded."""
    if shard is None and named is None:
        return None
    known = loaded(db)
    if shard is None:
        wanted = [account.strip() for account in (named or "").split(",")]
        if strangers := len({*wanted} - {*known}):
            raise Permanent(
                f"{strangers} of the {len(wanted)} accounts of the run's tag are not loaded", "`fntx status` lists them"
            )
        return wanted
    part = Shard.read(shard)
    if part is None or named is not None:
        raise Permanent(
            f"the run's tags name no part of the accounts (fntx/shard: {shard})",
            "Give `fntx/shard` as 3/8, the third of eight, or `fntx/accounts` as ids with commas between them",
        )
    return part.of(known)


def labels_of(db: Readable, accounts: Accounts) -> list[str] | None:
    """The labels of the accounts that a run is for, by which its findings name them; None: all."""
    if accounts is None:
        return None
    labels = account_labels(db)
    return [labels[account] for account in accounts if account in labels]


def parts(settings: Settings, db: Readable) -> Iterator[tuple[str | None, Accounts]]:
    """The shards that have accounts, each as its tag says it and with its accounts; with one shard (FNTX_SHARDS),
    or before anything is loaded, no tag and all accounts."""
    known = loaded(db) if settings.dagster.shards > 1 else []
    if not known:
        yield None, None
    for shard in all_shards(settings.dagster.shards):
        if own := shard.of(known):
            yield str(shard), own
