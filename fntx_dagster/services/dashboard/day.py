"""One day of one account: its story, its verification and its proof."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

from fntx_dagster.model.chain import DayProof
from fntx_dagster.model.period import Period
from fntx_dagster.report.narrative import Story
from fntx_dagster.services.reporting import stories_of
from fntx_dagster.services.signatures.proofs import day_proofs
from fntx_dagster.store.database import Database
from fntx_dagster.store.marts.summaries import neighbours
from fntx_dagster.store.marts.verification import Verification, verifications


class DayShown(NamedTuple):
    """`story` is None where the day is not built; `verification` holds its equations, `proof` its signed record;
    `before` and `after` are the built days beside it."""

    story: Story | None
    verification: list[Verification]
    proof: DayProof | None
    before: date | None
    after: date | None


def day_of(db: Database, account: str, day: date, observer: ZoneInfo, *, masked: bool = False) -> DayShown:
    """Read one official day from one snapshot; times are in the zone of `observer` and in the market's. Without the
    broker's own words where `masked`."""
    with db.snapshot() as snapshot:
        stories = stories_of(snapshot, account, Period.on(day), observer, masked=masked)
        return DayShown(
            stories[0] if stories else None,
            verifications(snapshot, Period.on(day), account),
            day_proofs(snapshot, account, [day]).get(day),
            *neighbours(snapshot, account, day),
        )
