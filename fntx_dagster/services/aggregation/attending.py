"""What a pool asks of this home by itself: days to submit, others' submissions to check, shares to give, days to open.

Nothing of it happens until a setting names the pool (FNTX_AGGREGATOR) or a trustee's file (FNTX_TRUSTEE_FILE). Evicting
somebody is left to a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.errors import Permanent, Transient, masked
from fntx_dagster.model.period import Period
from fntx_dagster.model.pools import PoolDayState
from fntx_dagster.outbox.sender import OnProgress
from fntx_dagster.services.aggregation.opening import open_day
from fntx_dagster.services.aggregation.pool import PoolView, checked_day, few_of, pool_of
from fntx_dagster.services.aggregation.trading import submit
from fntx_dagster.services.aggregation.trustees import ACCOUNT, serve_share
from fntx_dagster.services.chain_of import connect
from fntx_dagster.store.outbox import signatures

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.client import Chain
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database

LOOKED_BACK = timedelta(days=14)
"""Older days are left to a person: their windows are over."""


class Attended(NamedTuple):
    """What was done, what still waits for others or for time, and what a person has to look at, in words."""

    done: list[str]
    waiting: list[str]
    problems: list[str]


def is_named(settings: Settings) -> bool:
    """Whether the settings name a pool."""
    return settings.aggregation.aggregator is not None


def attend(
    settings: Settings,
    db: Database,
    today: date,
    trustee: str = ACCOUNT,
    on_progress: OnProgress = lambda text: None,
) -> Attended:
    """Do what the pool of the settings asks for the days before `today`. Transient where the chain does not answer;
    what a single day lacks is in the outcome."""
    attended = Attended([], [], [])
    period = Period(today - LOOKED_BACK, today)
    with connect(settings) as chain:
        pool = pool_of(settings, chain)
        to_submit = list(_to_submit(db, chain, pool, period))
        standing = {day: pool.book.day(day).state for day in _days(period)}
        for day, state in standing.items():
            if state in (PoolDayState.COLLECTING, PoolDayState.CHECKING) and pool.terms.key:
                _note_liars(attended, pool, day)
    for account, day in to_submit:
        _note(attended, f"{day} of {masked(account)}", partial(_submitted, settings, db, account, day, on_progress))
    if settings.aggregation.trustee_file is not None:
        for day in (day for day, state in standing.items() if state is PoolDayState.FROZEN):
            _note(attended, f"the share of {day}", partial(_served, settings, db, day, trustee, on_progress))
            _note(attended, f"the opening of {day}", partial(_opened, settings, db, trustee, day, on_progress))
    return attended


def _submitted(settings: Settings, db: Database, account: str, day: date, on_progress: OnProgress) -> str:
    done = submit(settings, db, account, day, on_progress)
    return "; ".join([done.action.state, *done.warnings])


def _served(settings: Settings, db: Database, day: date, trustee: str, on_progress: OnProgress) -> str:
    return serve_share(settings, db, day, trustee, on_progress).state


def _opened(settings: Settings, db: Database, trustee: str, day: date, on_progress: OnProgress) -> str:
    return f"{open_day(settings, db, trustee, day, on_progress).totals.user_count} users"


def _days(period: Period) -> Iterator[date]:
    for ordinal in range(period.first.toordinal(), period.last.toordinal() + 1):
        yield date.fromordinal(ordinal)


def _to_submit(db: Database, chain: Chain, pool: PoolView, period: Period) -> Iterator[tuple[str, date]]:
    """The posted days with a final receipt of the accounts that take part, which the pool still takes."""
    here = (chain.chain_id, chain.contract)
    for posted in signatures.posted_days(db, period):
        if (posted.chain_id, posted.contract) != here or not posted.is_final:
            continue
        takes = pool.book.day(posted.trading_day).state in (PoolDayState.NONE, PoolDayState.COLLECTING)
        if (
            takes
            and pool.book.participant(posted.trader).is_registered
            and pool.book.digest(posted.trading_day, posted.trader) == bytes(32)
        ):
            yield posted.account_id, posted.trading_day


def _note_liars(attended: Attended, pool: PoolView, day: date) -> None:
    if liars := [each.trader for each in checked_day(pool, day).liars]:
        evict = f"`fntx aggregate check --date {day} --evict`"
        attended.problems.append(f"{day}: {few_of(liars)} lied: {evict}")


def _note(attended: Attended, what: str, step: Callable[[], object]) -> None:
    """Take a step, and put what it came to into the outcome of all."""
    try:
        attended.done.append(f"{what}: {step()}")
    except Transient as error:
        attended.waiting.append(f"{what}: {error}")
    except Permanent as error:
        attended.problems.append(f"{what}: {error}")
