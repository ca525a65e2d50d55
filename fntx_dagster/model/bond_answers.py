"""What the HTTP API answers of bonds: the types of its OpenAPI document and of the client."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict  # the one that pydantic reads before Python 3.12

BondPart = dict[str, Any]


class BondSummary(TypedDict):
    """A bond in a line: amounts are texts with the decimals of its currency."""

    bond: str
    name: str
    state: str
    issuer: str
    currency: str
    decimals: int
    notional: str
    token: dict[str, str]
    start: str
    maturity: str


class BondAnswer(BondSummary):
    """A bond: its terms as they were handed in, its tranches, what is overdue at `as_of`, the events that are possible
    now, and the proposals about it."""

    as_of: str
    possible_events: list[str]
    terms: BondPart
    terms_hash: str
    structure_hash: str | None
    series: list[BondPart]
    tranches: list[BondPart]
    fees: list[BondPart]
    holders: int
    next_due: str | None
    arrears: list[BondPart]
    set_aside: BondPart
    proposals: list[BondPart]


class BondsAnswer(TypedDict):
    """Bonds, newest first."""

    bonds: list[BondSummary]


class BondMoveAnswer(TypedDict):
    """The state of a bond after a step that was asked for; `proposal`: the id of the one that waits for decisions, null
    where the step was taken."""

    bond: str
    state: str
    proposal: str | None


class BondEventsAnswer(TypedDict):
    """Every step of a bond, in the order of the audit log."""

    events: list[BondPart]


class BondHoldersAnswer(TypedDict):
    """Who holds units of a bond, and every change of that, each from its `record_date` on, null of the structure;
    `tranche` is null for the equity."""

    holders: list[BondPart]
    changes: list[BondPart]


class BondLedgerHoldersAnswer(TypedDict):
    """Whoever has another share of a bond's token on its `ledger` than of its units in the register, at the end of
    `on`: `registered` and `held`, in tokens. `tokens`: what all holders have, 0 where only the register says who holds;
    `shared_with`: bonds that have the same token."""

    bond: str
    on: str
    ledger: str
    ledger_index: int
    token: dict[str, str]
    tokens: str
    shared_with: list[str]
    differences: list[BondPart]


class BondCashAnswer(TypedDict):
    """What came in on a bond, and its distributions, as `fntx bond cash` has them."""

    receipts: list[BondPart]
    distributions: list[BondPart]


class CashReceiptAnswer(TypedDict):
    """Cash that came in on a bond, as `fntx bond receipt` has it."""

    receipt_id: str
    bond_id: str
    amount: str
    received_on: str
    ledger: str | None
    tx_hash: str | None
    ledger_index: int | None
    evidence: str
    evidence_sha256: str | None
    reason: str
    recorded_by: str
    recorded_at: str


class VoidedReceiptAnswer(CashReceiptAnswer):
    """A receipt that counts no more; `voided`: why."""

    voided: str


class DistributionAnswer(TypedDict):
    """A distribution with its lines and payments, as `fntx bond pay` has it; amounts are texts."""

    distribution: str
    bond: str
    number: int
    period: int
    kind: str
    state: str
    is_withdrawn: bool
    hash: str
    currency: str
    available: str
    carried: str
    retained: str
    ledger: str
    account: str
    computed_by: str
    computed_at: str
    lines: list[BondPart]
    payments: list[BondPart]
    tickets: list[BondPart]
    proposals: list[str]
    withdrawn: str
    next: str


class BondReportAnswer(TypedDict):
    """A report of a bond (docs/bonds.md#reports). `bond` and `currency` are null where it is about several."""

    format: str
    version: int
    kind: str
    title: str
    bond: str | None
    as_of: str
    currency: str | None
    figures: BondPart
    notes: list[str]
    tables: dict[str, list[BondPart]]
    totals: dict[str, BondPart]
