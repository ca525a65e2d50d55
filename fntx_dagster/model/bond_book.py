"""A bond as its tables have it on a date: what the reports of a bond are made of. Amounts are in its currency."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple


class BondFacts(NamedTuple):
    """What does not change of a bond, and its state. `rate`: a year's, 0.05 for 5 %; `as_of`: the UTC date that counts
    as today."""

    bond_id: str
    name: str
    issuer: str
    state: str
    currency: str
    decimals: int
    notional: Decimal
    rate: Decimal
    start: date
    maturity: date
    grace_days: int
    cure_days: int
    as_of: date


class TrancheStanding(NamedTuple):
    """A tranche: `accrued` is the interest of the running period that has been accrued by day, None before the first.
    `units`: of all its holders."""

    tranche_id: str
    class_name: str
    notional: Decimal
    outstanding: Decimal
    rate: Decimal
    repayment: str
    accrued: Decimal | None
    holders: int
    units: Decimal


class DueStanding(NamedTuple):
    """An amount that is due by schedule, and what of it was paid. `kind`: fee, interest, principal."""

    period: int
    due_date: date
    kind: str
    line_id: str
    amount: Decimal
    paid: Decimal

    @property
    def unpaid(self) -> Decimal:
        return self.amount - self.paid


class PaidStanding(NamedTuple):
    """What counts as paid on a line. `source`: the payment of a distribution, which counts once."""

    kind: str
    line_id: str
    amount: Decimal
    paid_on: date
    source: str


class HoldingStanding(NamedTuple):
    """What a party holds of a tranche (None: of the equity), in units, of all its units."""

    tranche_id: str | None
    holder: str
    units: Decimal
    of_units: Decimal


class BondStepTaken(NamedTuple):
    """A step of a bond. `ledger_date`: the close time by which a clock judged it; `audit_seq`: its event's number in
    the audit log."""

    event: str
    from_state: str
    to_state: str
    reason: str
    actor: str
    ledger_date: datetime | None
    recorded_at: datetime | None
    audit_seq: int


class BondStepPossible(NamedTuple):
    """A step that the state allows, what it needs, and how many approvals."""

    event: str
    to_state: str
    guard: str
    approvals: int


class DistributionLine(NamedTuple):
    """A line of a distribution, in the order of the waterfall."""

    step: int
    kind: str
    class_name: str
    line_id: str
    due: Decimal
    arrears_before: Decimal
    paid: Decimal
    shortfall: Decimal


class DistributionPayment(NamedTuple):
    """What one party gets of one line. `tx_hash`, `closed_at`: of the validated transaction, None until there is one;
    `state`: confirmed, or where its proposal stands."""

    kind: str
    line_id: str
    party: str
    amount: Decimal
    state: str
    tx_hash: str | None
    closed_at: datetime | None


class DistributionStanding(NamedTuple):
    """A frozen distribution. `digest`: SHA-256 of what was frozen; `kind`: waterfall, or release: of payments that were
    set aside, which has no lines."""

    number: int
    period: int
    state: str
    available: Decimal
    carried: Decimal
    retained: Decimal
    digest: str
    computed_at: datetime
    lines: tuple[DistributionLine, ...]
    payments: tuple[DistributionPayment, ...]
    kind: str = "waterfall"


class HeldStanding(NamedTuple):
    """What is held for a party that cannot be paid: a payment of a distribution, by their numbers, set aside on `since`
    (UTC)."""

    distribution: int
    number: int
    kind: str
    line_id: str
    party: str
    amount: Decimal
    since: date
    reason: str


class BondClock(NamedTuple):
    """How late a bond is: the due date that sets its clock, and the moments (UTC) from which it is delinquent and in
    default; None where nothing is overdue."""

    oldest: date | None
    days_overdue: int
    arrears: Decimal
    delinquent_from: datetime | None
    default_from: datetime | None


class BondBook(NamedTuple):
    """Everything of one bond. `dues` are in the order of their dates, `distributions` and `steps` in theirs."""

    facts: BondFacts
    clock: BondClock
    tranches: tuple[TrancheStanding, ...]
    holdings: tuple[HoldingStanding, ...]
    dues: tuple[DueStanding, ...]
    paid: tuple[PaidStanding, ...]
    distributions: tuple[DistributionStanding, ...]
    steps: tuple[BondStepTaken, ...]
    possible: tuple[BondStepPossible, ...]
    held: tuple[HeldStanding, ...] = ()

    @property
    def waterfalls(self) -> tuple[DistributionStanding, ...]:
        """The distributions of cash that came in, without the releases of what was set aside."""
        return tuple(each for each in self.distributions if each.kind == "waterfall")

    @property
    def outstanding(self) -> Decimal:
        return sum((tranche.outstanding for tranche in self.tranches), Decimal(0))

    @property
    def next_due(self) -> date | None:
        """The next date on which something is due that is not paid."""
        return min((due.due_date for due in self.dues if due.due_date >= self.facts.as_of and due.unpaid), default=None)
