"""A bond by hand: the first quarter of 2026 of the worked waterfall, in which 130,000.00 came in of 150,000.00 owed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from fntx_dagster.model.bond_book import (
    BondBook,
    BondClock,
    BondFacts,
    BondStepPossible,
    BondStepTaken,
    DistributionLine,
    DistributionPayment,
    DistributionStanding,
    DueStanding,
    HoldingStanding,
    PaidStanding,
    TrancheStanding,
)

DUE, NEXT = date(2026, 4, 1), date(2026, 7, 1)
PAID_AT = datetime(2026, 4, 1, 10, 0, 40, tzinfo=UTC)
NOTHING = Decimal("0.00")


def amount(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


FACTS = BondFacts(
    bond_id="BOND-2026-1",
    name="Harbour <2026>",
    issuer="issuer-1",
    state="Current",
    currency="USD",
    decimals=2,
    notional=amount("1,500,000.00"),
    rate=Decimal("0.06"),
    start=date(2026, 1, 1),
    maturity=date(2029, 1, 1),
    grace_days=10,
    cure_days=30,
    as_of=date(2026, 4, 5),
)
LINES = [
    # step, kind, class, line, due, paid, short
    (1, "fee", "trustee", "trustee", "5,000.00", "5,000.00", "0.00"),
    (2, "interest", "senior", "A", "12,500.00", "12,500.00", "0.00"),
    (3, "principal", "senior", "A", "100,000.00", "100,000.00", "0.00"),
    (4, "interest", "mezzanine", "B", "6,000.00", "6,000.00", "0.00"),
    (5, "principal", "mezzanine", "B", "20,000.00", "6,500.00", "13,500.00"),
    (6, "interest", "subordinated", "C", "6,000.00", "0.00", "6,000.00"),
    (8, "residual", "equity", "equity", "0.00", "0.00", "0.00"),
]
PAYMENTS = [
    ("fee", "trustee", "trustee-1", "5,000.00"),
    ("interest", "A", "holder-1", "8,333.33"),
    ("interest", "A", "holder-2", "4,166.67"),
    ("principal", "A", "holder-1", "66,666.67"),
    ("principal", "A", "holder-2", "33,333.33"),
    ("interest", "B", "holder-3", "6,000.00"),
    ("principal", "B", "holder-3", "6,500.00"),
]


def standing(
    number: int, kind: str, line: str, party: str, text: str, *, confirmed: bool = True
) -> DistributionPayment:
    return DistributionPayment(
        kind,
        line,
        party,
        amount(text),
        "confirmed" if confirmed else "signing",
        f"{number:064X}" if confirmed else None,
        PAID_AT if confirmed else None,
    )


DISTRIBUTION = DistributionStanding(
    number=1,
    period=1,
    state="confirmed",
    available=amount("130,000.00"),
    carried=NOTHING,
    retained=NOTHING,
    digest="ab" * 32,
    computed_at=datetime(2026, 4, 1, 9, tzinfo=UTC),
    lines=tuple(
        DistributionLine(step, kind, name, line, amount(due), NOTHING, amount(paid), amount(short))
        for step, kind, name, line, due, paid, short in LINES
    ),
    payments=tuple(standing(number, *payment) for number, payment in enumerate(PAYMENTS, 1)),
)
BOOK = BondBook(
    facts=FACTS,
    clock=BondClock(
        oldest=DUE,
        days_overdue=4,
        arrears=amount("19,500.00"),
        delinquent_from=datetime(2026, 4, 12, tzinfo=UTC),
        default_from=datetime(2026, 5, 12, tzinfo=UTC),
    ),
    tranches=(
        TrancheStanding(
            "A",
            "senior",
            amount("1,000,000.00"),
            amount("900,000.00"),
            Decimal("0.05"),
            "linear",
            amount("500.00"),
            2,
            Decimal(3),
        ),
        TrancheStanding(
            "B",
            "mezzanine",
            amount("300,000.00"),
            amount("293,500.00"),
            Decimal("0.08"),
            "linear",
            amount("260.89"),
            1,
            Decimal(1),
        ),
        TrancheStanding(
            "C",
            "subordinated",
            amount("200,000.00"),
            amount("200,000.00"),
            Decimal("0.12"),
            "bullet",
            None,
            1,
            Decimal(1),
        ),
    ),
    holdings=(
        HoldingStanding("A", "holder-1", Decimal(2), Decimal(3)),
        HoldingStanding("A", "holder-2", Decimal(1), Decimal(3)),
        HoldingStanding("B", "holder-3", Decimal(1), Decimal(1)),
        HoldingStanding("C", "holder-1", Decimal(1), Decimal(1)),
        HoldingStanding(None, "sponsor", Decimal(1), Decimal(1)),
    ),
    dues=(
        *(
            DueStanding(1, DUE, kind, line, amount(due), amount(paid))
            for _, kind, _, line, due, paid, _ in LINES
            if kind != "residual"
        ),
        DueStanding(2, NEXT, "fee", "trustee", amount("5,000.00"), NOTHING),
        DueStanding(2, NEXT, "interest", "A", amount("11,250.00"), NOTHING),
        DueStanding(3, date(2026, 10, 1), "interest", "A", amount("10,000.00"), NOTHING),
    ),
    paid=tuple(
        PaidStanding(kind, line, amount(text), PAID_AT.date(), f"1/{number}")
        for number, (kind, line, _, text) in enumerate(PAYMENTS, 1)
    ),
    distributions=(DISTRIBUTION,),
    steps=(
        BondStepTaken("create", "", "Draft", "", "operator:terminal", None, datetime(2025, 12, 1, 8, tzinfo=UTC), 11),
        BondStepTaken("run_waterfall", "Funded", "Distributing", "", "operator:terminal", None, PAID_AT, 40),
        BondStepTaken("payments_confirmed", "Distributing", "Current", "", "dagster", PAID_AT, PAID_AT, 57),
    ),
    possible=(
        BondStepPossible("miss_payment", "Delinquent", "after_due_plus_grace", 0),
        BondStepPossible("mature", "Matured", "outstanding_zero_and_past_maturity", 0),
    ),
)
DRAFT = BOOK._replace(
    facts=FACTS._replace(bond_id="BOND-2026-2", state="Draft", currency="XAU", decimals=4, notional=Decimal("12.5000")),
    clock=BondClock(None, 0, Decimal(0), None, None),
    tranches=(),
    holdings=(),
    dues=(),
    paid=(),
    distributions=(),
    steps=BOOK.steps[:1],
)
