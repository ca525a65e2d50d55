"""Reading: what a link shows, for a stranger; the links of an account and what was shown of it, for its owner.

A stranger's page reads the tables of this schema and no other.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import LiteralString, NamedTuple

from psycopg.rows import namedtuple_row

from fntx_dagster.model.period import Period
from fntx_dagster.store.database import Readable


class OpenLink(NamedTuple):
    """A link that has not ended: its number, its period and calendar, the node that it proposes, its end (aware)."""

    share_id: int
    period: Period
    calendar: str
    node: str | None
    expires_at: datetime | None


class LinkRow(NamedTuple):
    """A link as its owner sees it. `made_by` and `ended_by` name users. `metrics`: the names of what it shows; `views`
    are of its page, `badges` of its badge and `files` of its file; times are aware. `public_of`: the trader whose page
    lists it, None: it is for whom it was given to."""

    share_id: int
    account_id: str
    note: str
    first_day: date
    last_day: date
    node: str | None
    made_at: datetime
    made_by: str
    expires_at: datetime | None
    ended_at: datetime | None
    ended_by: str | None
    days: int
    metrics: list[str]
    views: int
    badges: int
    files: int
    last_viewed: date | None
    public_of: str | None

    def is_open(self, now: datetime) -> bool:
        """Whether a stranger can use it at a moment (aware)."""
        return self.ended_at is None and (self.expires_at is None or now < self.expires_at)


class ShownRow(NamedTuple):
    """A disclosure that was made: of which day and version, which metrics, when, by which user, and by which link
    (None: a file)."""

    share_id: int | None
    account_id: str
    trading_day: date
    version: int
    metrics: list[str]
    made_at: datetime
    made_by: str


def open_link(db: Readable, digest: bytes) -> OpenLink | None:
    """The link of a token's digest; None where there is none, it was ended or has expired."""
    return next(iter(_open_links(db, "token_digest = %s", (digest,))), None)


def published_links(db: Readable, trader: str, most: int, share_id: int | None = None) -> list[OpenLink]:
    """The links that the page of a trader lists, newest first, so many at most; with `share_id` that one alone."""
    return _open_links(
        db,
        """share_id in (select share_id from sharing.published where trader = %s)
            and share_id = coalesce(%s, share_id) order by share_id desc limit %s""",
        (trader, share_id, most),
    )


def _open_links(db: Readable, where: LiteralString, values: tuple[object, ...]) -> list[OpenLink]:
    with db.connect() as connection:
        rows = connection.execute(
            f"""select share_id, first_day, last_day, calendar, node, expires_at from sharing.shares
            where (expires_at is null or clock_timestamp() < expires_at)
                and not exists (select from sharing.endings where endings.share_id = shares.share_id) and {where}""",
            values,
        )
        return [OpenLink(number, Period(first, last), *rest) for number, first, last, *rest in rows]


def documents(db: Readable, share_id: int) -> list[str]:
    """The disclosures of a link as they were made, oldest day first."""
    with db.connect() as connection:
        rows = connection.execute(
            "select document from sharing.disclosures where share_id = %s order by trading_day", (share_id,)
        )
        return [document for (document,) in rows]


def links(
    db: Readable,
    accounts: Collection[str] | None = None,
    share_id: int | None = None,
    *,
    before: int | None = None,
    most: int | None = None,
) -> list[LinkRow]:
    """The links of some accounts or of all, newest first; with `share_id` that one alone. `before`: those alone with a
    smaller number; `most`: so many at most."""
    asked = {"accounts": None if accounts is None else [*accounts], "share_id": share_id, "before": before}
    with db.connect() as connection, connection.cursor(row_factory=namedtuple_row) as cursor:
        cursor.execute(_LINKS, asked | {"most": most})
        return [LinkRow._make(row) for row in cursor]


def shown(db: Readable, account: str, share_id: int | None = None) -> list[ShownRow]:
    """Everything that was ever shown of an account, by link or as a file, oldest first; with `share_id` that link's."""
    with db.connect() as connection, connection.cursor(row_factory=namedtuple_row) as cursor:
        cursor.execute(
            """select share_id, account_id, trading_day, version, metrics, made_at, made_by from sharing.disclosures
            where account_id = %(account)s and (%(share_id)s::bigint is null or share_id = %(share_id)s)
            order by disclosure_id""",
            {"account": account, "share_id": share_id},
        )
        return [ShownRow._make(row) for row in cursor]


_LINKS = """
    select shares.share_id, account_id, note, first_day, last_day, node, made_at, made_by, expires_at, ended_at,
        ended_by, shown.days, shown.metrics,
        coalesce(seen.page, 0)::bigint as views, coalesce(seen.badge, 0)::bigint as badges,
        coalesce(seen.file, 0)::bigint as files, seen.last_viewed, trader as public_of
    from sharing.shares
    left join sharing.endings using (share_id)
    left join sharing.published using (share_id)
    cross join lateral (
        select count(distinct trading_day) as days, array_agg(distinct metric order by metric) as metrics
        from sharing.disclosures cross join unnest(metrics) as metric
        where disclosures.share_id = shares.share_id
    ) as shown
    left join lateral (
        select sum(times) filter (where place = 'page') as page, sum(times) filter (where place = 'badge') as badge,
            sum(times) filter (where place = 'file') as file, max(day) as last_viewed
        from sharing.views where views.share_id = shares.share_id
    ) as seen on true
    where (%(accounts)s::text[] is null or account_id = any(%(accounts)s))
        and (%(share_id)s::bigint is null or shares.share_id = %(share_id)s)
        and (%(before)s::bigint is null or shares.share_id < %(before)s)
    order by shares.share_id desc limit %(most)s
"""
