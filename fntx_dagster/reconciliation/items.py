"""The judgement of one check, and what all of them come to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from fntx_dagster.reconciliation.reading import NoAnswer, NotOnLedger


class ReconStatus(StrEnum):
    """What a check found. PENDING: it cannot be judged yet, and that is in order; ERROR: somebody gave no answer."""

    MATCH = "MATCH"
    MISMATCH = "MISMATCH"
    PENDING = "PENDING"
    ERROR = "ERROR"


CLEAN, DISCREPANCIES, ONLY_ERRORS = "CLEAN", "DISCREPANCIES_FOUND", "ERROR"
"""What a whole reconciliation comes to."""
_NO_HARM = (ReconStatus.MATCH, ReconStatus.PENDING)


class ReconFinding(NamedTuple):
    """What a check compared, in words. `faults`: each difference; none is a MATCH. `waits`: why it is not due yet."""

    expected: str
    actual: str
    faults: Sequence[str] = ()
    waits: str = ""


class ReconItem(NamedTuple):
    """A judgement. `severity` is info for MATCH and PENDING."""

    id: str
    check: str
    ledger: str
    expected: str
    actual: str
    status: ReconStatus
    severity: str
    details: tuple[str, ...] = ()

    @property
    def document(self) -> dict[str, Any]:
        """The item of a report."""
        content = self._asdict() | {"status": self.status.value, "details": [*self.details]}
        return content if self.details else {name: value for name, value in content.items() if name != "details"}


class ReconSummary(NamedTuple):
    """How many checks there were, and how they ended."""

    total_checks: int
    matched: int
    mismatched: int
    pending: int
    errors: int
    overall_status: str


class ReconCheck(NamedTuple):
    """A check: its id, what it looks at in words, the ledger, how bad a difference is, and how to judge."""

    id: str
    words: str
    ledger: str
    severity: str
    judge: Callable[[], ReconFinding]


def judged(check: ReconCheck) -> ReconItem:
    """The item of a check. What the ledger does not have is a MISMATCH; what nobody answers is an ERROR."""
    try:
        found = check.judge()
        status = ReconStatus.MISMATCH if found.faults else ReconStatus.PENDING if found.waits else ReconStatus.MATCH
        details = tuple(found.faults) or ((found.waits,) if found.waits else ())
    except NotOnLedger as error:
        found, status, details = ReconFinding("an account on the ledger", "none"), ReconStatus.MISMATCH, (str(error),)
    except NoAnswer as error:
        found, status, details = ReconFinding("an answer", "none"), ReconStatus.ERROR, (str(error),)
    severity = "info" if status in _NO_HARM else check.severity
    return ReconItem(check.id, check.words, check.ledger, found.expected, found.actual, status, severity, details)


def summary_of(items: Iterable[ReconItem]) -> ReconSummary:
    """What the items come to: a discrepancy weighs more than an error, and what is pending is in order."""
    statuses = [item.status for item in items]
    count = {status: statuses.count(status) for status in ReconStatus}
    overall = DISCREPANCIES if count[ReconStatus.MISMATCH] else ONLY_ERRORS if count[ReconStatus.ERROR] else CLEAN
    return ReconSummary(
        len(statuses),
        count[ReconStatus.MATCH],
        count[ReconStatus.MISMATCH],
        count[ReconStatus.PENDING],
        count[ReconStatus.ERROR],
        overall,
    )
