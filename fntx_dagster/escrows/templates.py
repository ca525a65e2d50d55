"""The templates of escrows, as data: their times, what their release needs, and who enforces each of their rules.

Every template has a condition. Without one anybody could finish a time-based escrow as soon as its time has come, and
"release needs signatures" would be a wish.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from fntx_dagster.errors import Permanent

BOND_FUNDING, SETTLEMENT = "bond_funding", "settlement"
SCREENED, ATTESTED, APPROVED, CLOSED_AFTER_FINISH = (
    "compliance_clearance",
    "document_verification",
    "multisig_approval",
    "after_finish_after",
)
"""The conditions of a release."""
LEAST_BETWEEN = timedelta(days=1)
"""From finish_after to cancel_after: who may finish has at least a day for it."""
LONGEST_PREPARED = timedelta(hours=1)
"""A creation that is submitted later than this after it was prepared is prepared again: its times are counted anew."""

EnforcedBy = Literal["ledger", "gate"]


class EscrowRule(NamedTuple):
    """A rule of a template in a treasurer's words. `by`: the XRP Ledger, against everybody; or the gate, this program
    alone, against whoever needs it: its signers, or the preimage that it keeps sealed. `refusal`: what is answered."""

    rule: str
    by: EnforcedBy
    refusal: str


class EscrowTemplate(NamedTuple):
    """A template. Times are counted from the close time of the validated ledger at which its creation was prepared.
    `finish_after` None: no earliest time; `release_within`: later than that it is not finished any more, only
    cancelled."""

    name: str
    purpose: str
    finish_after: timedelta | None
    release_within: timedelta | None
    cancel_after: timedelta
    conditions: tuple[str, ...]
    rules: tuple[EscrowRule, ...]


class CountedTimes(NamedTuple):
    """The times of an escrow that is created of a ledger that closed at `counted_from`."""

    counted_from: datetime
    finish_after: datetime | None
    cancel_after: datetime


_OF_ALL = (
    EscrowRule("only whoever knows the preimage can finish it", "ledger", "tecCRYPTOCONDITION_ERROR"),
    EscrowRule("nobody can finish it after cancel_after", "ledger", "tecNO_PERMISSION"),
    EscrowRule("nobody can cancel it up to cancel_after; after it anybody can", "ledger", "tecNO_PERMISSION"),
    EscrowRule("it pays its destination or its owner, nobody else", "ledger", "there is no such transaction"),
    EscrowRule("the preimage is sealed until two signers, the trustee among them, approved", "gate", "conditions_met"),
)
TEMPLATES = {
    each.name: each
    for each in (
        EscrowTemplate(
            BOND_FUNDING,
            "money for a bond, held until its papers are verified",
            finish_after=None,
            release_within=timedelta(days=90),
            cancel_after=timedelta(days=120),
            conditions=(SCREENED, ATTESTED, APPROVED),
            rules=(
                *_OF_ALL,
                EscrowRule("it is released within 90 days, or not at all", "gate", "before_cancel_after"),
                EscrowRule("both sides are cleared by a screening at the release", "gate", "conditions_met"),
                EscrowRule("a document is attested for it by its SHA-256", "gate", "conditions_met"),
            ),
        ),
        EscrowTemplate(
            SETTLEMENT,
            "money that changes hands a day later",
            finish_after=timedelta(seconds=86_400),
            release_within=None,
            cancel_after=timedelta(days=30),
            conditions=(CLOSED_AFTER_FINISH, APPROVED),
            rules=(
                *_OF_ALL,
                EscrowRule("nobody can finish it up to finish_after", "ledger", "tecNO_PERMISSION"),
            ),
        ),
    )
}


def template_of(name: str) -> EscrowTemplate:
    """The template of that name. Raises Permanent where there is none."""
    if name not in TEMPLATES:
        raise Permanent(f"{name[:40]!r} is no template of an escrow", f"It is one of {', '.join(TEMPLATES)}")
    return TEMPLATES[name]


def times_of(template: EscrowTemplate, close: datetime) -> CountedTimes:
    """The times of a creation that is prepared when the last validated ledger closed at `close` (aware)."""
    finish = None if template.finish_after is None else close + template.finish_after
    return CountedTimes(close, finish, close + template.cancel_after)


def is_stale(counted_from: datetime, close: datetime) -> bool:
    """Whether a creation has to be prepared again when the last validated ledger closed at `close`."""
    return close - counted_from > LONGEST_PREPARED


def release_ends(template: EscrowTemplate, counted_from: datetime, cancel_after: datetime) -> datetime:
    """The last close time at which an escrow may be released."""
    if template.release_within is None:
        return cancel_after
    return min(cancel_after, counted_from + template.release_within)
