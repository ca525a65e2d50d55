"""Strategies and executions for those who have a part in them: a source in its own, a participant where he is in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from psycopg.rows import args_row

from fntx_dagster.model.signals import Wish
from fntx_dagster.store.database import Readable
from fntx_dagster.store.queries import columns
from fntx_dagster.store.signals.overview import ListedExecution
from fntx_dagster.store.signals.strategies import Subscription

_NEWEST = 1000
"""So many of a participant's executions say which strategies he is in; an older strategy is shown by its
subscription."""


class ExecutionsWanted(NamedTuple):
    """Which executions: of strategies, of a participant (None: all), below a number, so many at most."""

    codes: Sequence[str] | None
    user_id: str | None
    before: int | None
    limit: int


def provided(db: Readable, source: str) -> list[str]:
    """The strategies that a source has sent signals of, by code."""
    with db.connect() as connection:
        rows = connection.execute(
            """select strategy_code from ledger.strategies
            where exists (select from ledger.signal_log as log where log.strategy_code = strategies.strategy_code
                and source = %s and outcome = 'processed')
            order by 1""",
            (source,),
        ).fetchall()
    return [code for (code,) in rows]


def followed(db: Readable, user_id: str) -> list[str]:
    """The strategies that a participant follows, followed, or had a part in lately, by code."""
    with db.connect() as connection:
        rows = connection.execute(
            """select strategy_code from ledger.subscriptions where user_id = %(user)s
            union
            select strategy_code from ledger.signal_executions where signal_execution_id in (
                select signal_execution_id from ledger.user_signal_allocations where user_id = %(user)s
                order by signal_execution_id desc limit %(newest)s)
            order by 1""",
            {"user": user_id, "newest": _NEWEST},
        ).fetchall()
    return [code for (code,) in rows]


def executions(db: Readable, wanted: ExecutionsWanted) -> list[ListedExecution]:
    """Executions, newest first."""
    with db.connect() as connection, connection.cursor(row_factory=args_row(ListedExecution)) as cursor:
        return cursor.execute(
            f"""select {columns(ListedExecution._fields)}
            from ledger.signal_executions as execution join ledger.instruments using (instrument_id)
            where (%(codes)s::text[] is null or strategy_code = any(%(codes)s))
                and (%(before)s::bigint is null or signal_execution_id < %(before)s)
                and (%(user_id)s::text is null or exists (select from ledger.user_signal_allocations as share
                    where share.user_id = %(user_id)s
                        and share.signal_execution_id = execution.signal_execution_id))
            order by signal_execution_id desc limit %(limit)s""",
            wanted._replace(codes=None if wanted.codes is None else list(wanted.codes))._asdict(),
        ).fetchall()


def subscriptions_of(db: Readable, user_id: str, limit: int) -> list[Subscription]:
    """What a participant wishes and wished of signals, newest first, so many at most."""
    names = ("user_id", "qty", "fee_bps", "fee_fixed", "max_notional")
    with db.connect() as connection:
        rows = connection.execute(
            f"""select strategy_code, {columns(names)}, valid_from, valid_to from ledger.subscriptions
            where user_id = %s order by valid_from desc, strategy_code limit %s""",
            (user_id, limit),
        ).fetchall()
    return [Subscription(row[0], Wish(*row[1:6]), *row[6:]) for row in rows]
