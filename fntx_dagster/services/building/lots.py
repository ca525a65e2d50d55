"""From raw rows to classified fills and FIFO lots: the rebuild of every account."""

from __future__ import annotations

from typing import NamedTuple

from fntx_dagster.errors import Permanent, masked, without_accounts
from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import Period
from fntx_dagster.model.shards import Accounts, is_among
from fntx_dagster.settings import Settings
from fntx_dagster.store.accounting.capital import set_initial_capital
from fntx_dagster.store.accounting.changes import note_refused, stale_range
from fntx_dagster.store.accounting.fills import rebuild
from fntx_dagster.store.database import Database
from fntx_dagster.store.labels import account_labels
from fntx_dagster.store.raw_flex.overview import accounts


class Rebuilt(NamedTuple):
    """What a rebuild did. `fills` and `position_lots` count rows by what became of them; `without_opening` says in
    words which closing fills have no opening in the statements; `refused` are the accounts that were left as they
    were."""

    fills: dict[str, int]
    position_lots: dict[str, int]
    without_opening: list[str]
    refused: list[Finding]


def rebuild_lots(settings: Settings, db: Database, period: Period, only: Accounts = None) -> Rebuilt:
    """Rebuild fills and lots of every account, or of those of `only`, for the sessions of a range and the stale ones
    before it.

    An account that cannot be rebuilt is a finding, stays stale and holds no other account up. Raises Permanent where no
    account can be rebuilt.
    """
    set_initial_capital(db, settings.accounting.initial_capital)
    start = stale_range(db, period, only).period.first
    counts = rebuild(db, Period(start, period.last), fallback=settings.accounting.fx_fallback, only=only)
    note_refused(db, start, ((failed.account_id, str(failed.error)) for failed in counts.failed), only)
    known = [account for account in accounts(db) if is_among(account, only)]
    if counts.failed and len(counts.failed) == len(known):
        raise Permanent("; ".join(f"account {masked(failed.account_id)}: {failed.error}" for failed in counts.failed))
    labels = account_labels(db)
    return Rebuilt(
        counts.fills._asdict(),
        counts.position_lots._asdict(),
        [
            f"{fill.account} {fill.session}: {fill.quantity} {fill.symbol} closed without an opening in the statements"
            for fill in counts.unopened
        ],
        [_refused(labels[failed.account_id], failed.error) for failed in counts.failed],
    )


def _refused(label: str, error: Permanent) -> Finding:
    return Finding(label, f"account {label}: {without_accounts(str(error))}")
