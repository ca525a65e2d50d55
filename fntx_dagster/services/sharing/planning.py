"""What an owner gives away before he does: the days that would be shown, and what follows from them together with
everything that was shown before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.catalogue import CATALOGUES, EXTENSION, EXTENSIONS
from fntx_dagster.metrics.following import Consequence, Known, newly_following
from fntx_dagster.model.period import EVER, Period
from fntx_dagster.services.ranges import refuse_backwards
from fntx_dagster.services.signatures.register import isolated, of_disclosure
from fntx_dagster.store.accounting.calendars import calendar_of
from fntx_dagster.store.database import Readable
from fntx_dagster.store.marts.summaries import numbered_sessions
from fntx_dagster.store.outbox import signatures
from fntx_dagster.store.shares import reading

MOST_DAYS = 400
"""That one link shows: a year and a half of sessions."""
LONGEST_PERIOD = 3 * 366
"""Days of a period: a stranger's page reads no longer one."""


class Follows(NamedTuple):
    """A figure that a stranger can compute on some days, out of others: `sources` are names, `before` those of the
    session before, `is_exact` to the last decimal."""

    metric: str
    sources: tuple[str, ...]
    is_exact: bool
    days: tuple[date, ...]


class SharePlan(NamedTuple):
    """What a link or a file would show of a period: the signed days with their newest versions; the sessions without a
    signed record, which every page of the period calls missing; the signed days that are not on the chain yet; the
    days with a record that are left out, which a page calls posted and not shown. `follows`: what a stranger can
    compute that he could not before; `alone`: the groups of sessions that would stand alone by it (`register`)."""

    metrics: tuple[str, ...]
    period: Period
    calendar: str
    days: tuple[tuple[date, int], ...]
    missing: tuple[date, ...]
    not_posted: tuple[date, ...]
    left_out: tuple[date, ...]
    follows: tuple[Follows, ...]
    alone: tuple[tuple[date, ...], ...]
    shown_before: int

    @property
    def digest(self) -> str:
        """SHA-256 of what would be published: the period, the metrics, and the days with their versions."""
        published = [self.metrics, self.period, self.calendar, self.days]
        return hashlib.sha256(json.dumps(published, default=str).encode("ascii")).hexdigest()


def plan(
    db: Readable, account: str, period: Period, metrics: Sequence[str], days: Sequence[date] | None = None
) -> SharePlan:
    """What would be shown of an account: the named metrics of each signed day of the period, or of `days` alone.

    Raises Permanent for a name that no catalogue has, a day that is not signed, a period without a signed day or longer
    than LONGEST_PERIOD, and more than MOST_DAYS.
    """
    refuse_backwards(period)
    if (period.last - period.first).days >= LONGEST_PERIOD:
        raise Permanent(f"the period {period} is longer than three years", "Choose a shorter one")
    _refuse_unknown(metrics)
    signed = {record.trading_day: record for record in signatures.signed_days(db, period, account)}
    posted = {(record.trading_day, record.version) for record in signatures.posted_days(db, period, account)}
    chosen = sorted(signed) if days is None else sorted(set(days))
    if unsigned := [day for day in chosen if day not in signed]:
        raise Permanent(
            f"{', '.join(map(str, unsigned[:5]))} has no signed record in the period {period}",
            "Choose signed days: `fntx signature generate --date` signs one",
        )
    if not chosen:
        raise Permanent(f"no day is signed in the period {period}", "`fntx run` signs days")
    if len(chosen) > MOST_DAYS:
        raise Permanent(f"{len(chosen)} days are too many for one link", f"Choose at most {MOST_DAYS}")
    calendar, now = calendar_of(db, account), datetime.now(UTC)
    over = [each.day for each in sessions(*period, calendar) if each.closes_at <= now]
    before = shown_figures(db, account)
    new = {Known(day, name) for day in chosen for name in metrics}
    own_sessions = sorted(numbered_sessions(db, EVER, account))
    first = own_sessions[0] if own_sessions else period.first
    telling = [each for day in chosen for each in of_disclosure(day, metrics, first)]
    return SharePlan(
        tuple(metrics),
        period,
        calendar,
        tuple((day, signed[day].version) for day in chosen),
        tuple(day for day in over if day not in signed),
        tuple(day for day in chosen if (day, signed[day].version) not in posted),
        tuple(day for day in signed if day not in chosen),
        tuple(_together(newly_following(new, before, own_sessions))),
        tuple(isolated(db, account, telling)),
        len(before),
    )


def shown_figures(db: Readable, account: str) -> set[Known]:
    """Every metric of every day that was ever shown of an account: what a link showed stays shown after its end."""
    return {Known(row.trading_day, name) for row in reading.shown(db, account) for name in row.metrics}


def _refuse_unknown(metrics: Sequence[str]) -> None:
    known = {name for catalogue in (*CATALOGUES, *EXTENSIONS) for name in catalogue.by_name}
    if not metrics:
        raise Permanent("no metric is named", "Name at least one metric: `fntx signature metrics` lists them")
    if unknown := [name for name in metrics if name not in known]:
        raise Permanent(f"no catalogue has a metric {', '.join(unknown)}", "`fntx signature metrics` lists them")
    if len(metrics) != len(set(metrics)):
        raise Permanent("a metric is named twice", "Name each metric once")
    of_extension = sum(name in EXTENSION.by_name for name in metrics)
    if max(of_extension, len(metrics) - of_extension) > 64:
        raise Permanent("a disclosure shows at most 64 metrics of a record", "Name fewer")


def _together(consequences: Iterable[Consequence]) -> list[Follows]:
    """The same figure that follows in the same way on several days, once."""
    days: dict[tuple[str, tuple[str, ...], bool], list[date]] = {}
    for found, sources, is_exact in consequences:
        names = tuple(_named(source, found.day) for source in sources)
        days.setdefault((found.metric, names, is_exact), []).append(found.day)
    return [Follows(*key, tuple(sorted(own))) for key, own in days.items()]


def _named(source: Known, day: date) -> str:
    if source.day == day:
        return source.metric
    return f"{source.metric} of the session {'before' if source.day < day else 'after'}"
