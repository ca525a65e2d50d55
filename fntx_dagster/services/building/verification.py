"""What the checks of a run find, per account and day: statements that lack something, equations that do not hold."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import Period
from fntx_dagster.model.shards import Accounts, is_among
from fntx_dagster.services.signatures.refusals import BLOCKING_KINDS, WARNING_KINDS
from fntx_dagster.store.database import Readable
from fntx_dagster.store.labels import account_labels
from fntx_dagster.store.marts.verification import Verification, verifications
from fntx_dagster.store.raw_flex.coverage import due_session, missing, nothing_to_build

__all__ = ["BLOCKING_KINDS", "WARNING_KINDS", "Completeness", "Equations", "completeness", "equations"]


class Completeness(NamedTuple):
    """What the statements of a range lack. `alerts` are the findings that a person has to know and no other check
    reports: those before the session that is due. A range that is longer than what was loaded is none."""

    lacking: list[Finding]
    alerts: list[Finding]


def completeness(db: Readable, period: Period, only: Accounts = None) -> Completeness:
    """The sessions of a range without an official NAV, or without a section that the session before had; a range
    without any NAV is one finding. The session that is due has a check of its own, which raises its alert."""
    found = [lack for lack in missing(db, period) if is_among(lack.account_id, only)]
    lacking = [Finding(str(lack), str(lack), lack.day) for lack in found]
    due = due_session(datetime.now(UTC))
    alerts = [finding for finding, lack in zip(lacking, found, strict=True) if lack.day < due and not lack.is_beyond]
    if nothing := nothing_to_build(db, period):
        lacking = lacking or [Finding(nothing, nothing, period.last)]
    return Completeness(lacking, alerts)


class Equations(NamedTuple):
    """How many equations of a kind a range has; those that do not hold as findings, and the same as `rows`: day, masked
    account, equation, left side, relation, right side, difference."""

    number: int
    failed: list[Finding]
    rows: list[tuple[date, str, str, Decimal, str, Decimal, Decimal]]


def equations(db: Readable, period: Period, kind: str, only: Accounts = None) -> Equations:
    """The equations of one kind (`BLOCKING_KINDS`, `WARNING_KINDS`) for the sessions of a range, of all accounts or of
    some. Both sides of each are rows of daily_verification."""
    found, labels = verifications(db, period, kinds=(kind,)), account_labels(db)
    rows = [row for row in found if is_among(row.account_id, only)]
    failed = [row for row in rows if not row.passed]
    return Equations(
        len(rows),
        [_finding(row, labels[row.account_id]) for row in failed],
        [
            (
                row.trading_day,
                labels[row.account_id],
                row.equation,
                row.left_side,
                row.relation,
                row.right_side,
                row.difference,
            )
            for row in failed
        ],
    )


def _finding(row: Verification, label: str) -> Finding:
    """One failure in words: the day, the equation, both sides and the difference."""
    text = (
        f"{row.trading_day} {label}: {row.equation}: "
        f"{row.left_side} {row.relation} {row.right_side} does not hold, difference {row.difference}"
    )
    return Finding(f"{label} {row.trading_day} {row.equation}", text, row.trading_day)
