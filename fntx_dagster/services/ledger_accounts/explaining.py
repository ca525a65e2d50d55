"""What a run does with the closed days of ledger accounts: fills and lots, marts, verification, reports, signatures.

The steps are those of every account; here they run one after the other for a range of UTC days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from fntx_dagster.adapters.dbt.compiled import kept
from fntx_dagster.errors import Permanent, without_accounts
from fntx_dagster.ledger.days import day_of
from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import Period
from fntx_dagster.services.building.lots import rebuild_lots
from fntx_dagster.services.building.marts import build_marts, manifest
from fntx_dagster.services.building.reports import rewrite_reports, write_reports
from fntx_dagster.services.building.risk import build_risk
from fntx_dagster.services.building.verification import BLOCKING_KINDS
from fntx_dagster.services.chain_of import connect
from fntx_dagster.services.ledger_accounts.accounts import ledger_accounts
from fntx_dagster.services.ledger_accounts.statements import last_over, refuse_unfinished
from fntx_dagster.services.ranges import refuse_backwards
from fntx_dagster.services.signatures.posting import post
from fntx_dagster.services.signatures.signing import sign
from fntx_dagster.services.watching import Plan
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.labels import Labels, account_labels
from fntx_dagster.store.ledger import checking, day_prices, reading
from fntx_dagster.store.marts.summaries import summary
from fntx_dagster.store.marts.verification import verifications
from fntx_dagster.store.outbox.signatures import last_signed_sessions


class ExplainedDays(NamedTuple):
    """How many days of ledger accounts were built, each equation of them that does not hold, and the days whose NAV is
    not the equity that the ledger had at their end: entries came late."""

    days: int
    failed: list[Finding]
    differing: list[Finding]


class ProvedDays(NamedTuple):
    """Days that were signed and posted now, and what stopped an account."""

    signed: int
    posted: int
    refused: list[Finding]


def explain_days(settings: Settings, db: Database, period: Period, on_progress: Callable[[str], None]) -> ExplainedDays:
    """Build the days of a range: lots, marts, risk, reports. Raises Permanent where a model of dbt fails."""
    refused = rebuild_lots(settings, db, period).refused
    on_progress("fills and lots are rebuilt")
    manifest(settings)
    names = [node.name for node in kept(settings.paths.dbt_target).nodes]
    if failures := build_marts(settings, db, period, names, all_models=True).failures:
        raise Permanent("; ".join(failures))
    on_progress("days, metrics and their verification are built")
    build_risk(settings, db, period)
    write_reports(settings, db, period)
    on_progress("reports are written")
    own, labels = {account.account_id for account in ledger_accounts(db)}, account_labels(db)
    failed = [
        Finding(
            f"{labels[row.account_id]} {row.trading_day} {row.equation}",
            f"{row.trading_day} {labels[row.account_id]}: {row.equation}: {row.left_side} {row.relation}"
            f" {row.right_side} does not hold, difference {row.difference}",
            row.trading_day,
        )
        for row in verifications(db, period, None, kinds=BLOCKING_KINDS, failed_only=True)
        if row.account_id in own
    ]
    rows = [row for row in summary(db, period) if row["account_id"] in own]
    differing = list(_differing(settings, db, period, rows, labels))
    return ExplainedDays(len(rows), [*refused, *failed], differing)


def _differing(
    settings: Settings, db: Readable, period: Period, rows: Sequence[Mapping[str, Any]], labels: Labels
) -> Iterator[Finding]:
    """The ledger keeps the equity of each day's last valuation, by days of its own zone. A day that ends with a price
    that a person gave was not valued at it then."""
    if settings.orders.trading_day_zone != "UTC":
        return
    for account in ledger_accounts(db):
        ends = day_prices.closing(db, account.book.book_id, *period)
        given = {day for day, prices in ends if prices.sources}
        equity = {day.day: day.equity for day in reading.days(db, account.book.book_id) if day.day not in given}
        for row in rows:
            kept, label = equity.get(row["trading_day"]), labels[account.account_id]
            if row["account_id"] == account.account_id and kept is not None and kept != row["closing_nav_official"]:
                text = (
                    f"{row['trading_day']} {label}: the NAV is {row['closing_nav_official']}, and the ledger valued the"
                )
                text += f" day at {kept}: entries came late, or were corrected"
                yield Finding(f"{label} {row['trading_day']} equity", text, row["trading_day"])


def prove_days(settings: Settings, db: Database, period: Period, on_progress: Callable[[str], None]) -> ProvedDays:
    """Sign the days of ledger accounts in a range, and post them. Raises Transient where the chain does not answer;
    the signed days wait in the queue then."""
    labels, signed, refusals, posted = account_labels(db), 0, [], 0
    accounts = [account.account_id for account in ledger_accounts(db) if account.account_id in labels]
    for account in accounts:
        outcome = sign(settings, db, period, account)
        signed += len(outcome.new)
        refusals += outcome.refused
        for warning in outcome.warnings:
            on_progress(warning)
    with connect(settings) as chain:
        for account in accounts:
            posting = post(settings, db, chain, period, account, on_progress)
            posted += len(posting.new)
            refusals += posting.refused
            rewrite_reports(settings, db, sorted({receipt.trading_day for receipt in posting.new}))
    findings = [
        Finding(
            f"{labels[refusal.account_id]} {refusal.day}",
            f"{labels[refusal.account_id]}: from {refusal.day} on: {without_accounts(str(refusal.error))}",
            refusal.day,
        )
        for refusal in refusals
    ]
    return ProvedDays(signed, posted, findings)


def days_to_close(db: Readable, now: datetime) -> Plan:
    """The days of ledger accounts that are over and not signed, from the first of any account to the last."""
    last, signed = last_over(now), last_signed_sessions(db)
    firsts = [
        signed[account.account_id] + timedelta(days=1) if account.account_id in signed else day_of(began)
        for account in ledger_accounts(db)
        if (began := checking.first_movement(db, account.book.book_id)) is not None
    ]
    if not firsts:
        return Plan(None, "No book of the ledger holds anything.")
    if min(firsts) > last:
        return Plan(None, f"Every day up to {last} is signed.")
    return Plan(Period(min(firsts), last), f"{now.astimezone(UTC).date()}")


def days_in(db: Readable, period: Period) -> Period | None:
    """The days of a range that are over and in which a book of the ledger is an account; None where there are none."""
    firsts = [
        day_of(began)
        for account in ledger_accounts(db)
        if (began := checking.first_movement(db, account.book.book_id)) is not None
    ]
    last = min(period.last, last_over(datetime.now(UTC)))
    if not firsts or max(period.first, min(firsts)) > last:
        return None
    return Period(max(period.first, min(firsts)), last)


def range_to_close(db: Readable, first: date | None, last: date | None) -> Period:
    """The range that a person asks for. What is left out: from the first day that is not signed, to the last one that
    is over; where every day is signed, the last one alone, so that what came late is found.

    Raises Permanent where no book holds anything, and for a range that ends before it begins or with a day that is not
    over.
    """
    plan, over = days_to_close(db, datetime.now(UTC)), last_over(datetime.now(UTC))
    if not any(checking.first_movement(db, account.book.book_id) for account in ledger_accounts(db)):
        raise Permanent("no book of the ledger holds anything", "`fntx ledger status` lists the books")
    last = last or over
    refuse_unfinished(last)
    period = Period(first or min(plan.period.first if plan.period else over, last), last)
    refuse_backwards(period)
    return period
