"""The reports of bonds that trustees and investors expect: which figures and tables each has, from a bond's book."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from fntx_dagster.errors import Permanent
from fntx_dagster.model.bond_book import BondBook, BondClock, DistributionPayment
from fntx_dagster.report import bond_tables as tables
from fntx_dagster.report.bond_report import BondReport, KeyFigure
from fntx_dagster.report.sheets import Cell, CurrencyAmount, Sheet, YearlyRate

CONFIRMED, SET_ASIDE = "confirmed", "set aside"


def investor_statement(book: BondBook, holder: str) -> BondReport:
    """What one holder has of a bond, and every payment to it, also when it holds nothing any more. Permanent for a
    party that holds nothing of it and is paid nothing."""
    mine = [each for each in book.holdings if each.holder == holder]
    if not mine and not any(payment.party == holder for each in book.distributions for payment in each.payments):
        raise Permanent(
            f"{holder[:80]!r} holds nothing of bond {book.facts.bond_id}",
            "Name one of its holders: `fntx bond holders` lists them",
        )
    paid = [
        (payment.kind, payment.amount)
        for each in book.distributions
        for payment in each.payments
        if payment.party == holder and payment.state == CONFIRMED
    ]
    held = {each.tranche_id for each in mine}
    figures = (
        _figure(book, "received", "Received", (amount for _, amount in paid)),
        _figure(book, "interest", "Of it interest", (amount for kind, amount in paid if kind == "interest")),
        _figure(book, "principal", "Of it principal", (amount for kind, amount in paid if kind == "principal")),
        _figure(book, "set_aside", "Held for it", (each.amount for each in book.held if each.party == holder)),
        KeyFigure("next_due", "Next due", book.next_due),
    )
    ahead = [
        due
        for due in book.dues
        if due.unpaid and due.line_id in held and (due.due_date < book.facts.as_of or due.due_date == book.next_due)
    ]
    sheets = (
        tables.holdings_sheet(book, holder),
        tables.payments_sheet(book, holder),
        tables.dues_sheet(
            book,
            "tranche_dues",
            "Due to the Whole Tranches: Overdue and Next",
            ahead,
            "Nothing is overdue, and nothing more is due.",
        ),
    )
    return _report(
        book, "investor_statement", "Investor Statement", figures, sheets, (f"Holder: {holder}.", *_late(book))
    )


def trustee_report(book: BondBook) -> BondReport:
    """Where a bond stands, for the trustee: what is outstanding, in arrears and retained, who holds it."""
    arrears = [due for due in book.dues if due.unpaid and due.due_date < book.facts.as_of]
    ahead = [due for due in book.dues if due.unpaid and due.due_date == book.next_due]
    retained = book.waterfalls[-1].retained if book.waterfalls else Decimal(0)
    figures = (
        KeyFigure("state", "State", book.facts.state),
        _figure(book, "outstanding", "Outstanding", [book.outstanding]),
        _figure(book, "arrears", "Arrears", [book.clock.arrears]),
        _figure(book, "retained", "Retained cash", [retained]),
        _figure(book, "set_aside", "Held for payees", (each.amount for each in book.held)),
        KeyFigure("next_due", "Next due", book.next_due),
    )
    sheets = (
        tables.tranches_sheet(book),
        tables.dues_sheet(book, "arrears", "Arrears", arrears, "Nothing is overdue."),
        tables.dues_sheet(book, "next_dues", "Due Next", ahead, "Nothing more is due."),
        tables.distributions_sheet(book),
        tables.held_sheet(book),
        tables.holdings_sheet(book),
        tables.steps_sheet(book),
    )
    return _report(book, "trustee_report", "Trustee Report", figures, sheets, _late(book))


def payment_reconciliation(book: BondBook) -> BondReport:
    """What was due beside what counts as paid, and that beside what validated ledgers hold."""
    lines = tables.lines_sheet(book)
    payments = [payment for each in book.distributions for payment in each.payments]
    differing = sum(row[-1] != "matched" for row in lines.rows)
    figures = (
        _figure(book, "due", "Due so far", (due.amount for due in book.dues if due.due_date <= book.facts.as_of)),
        _figure(book, "recorded", "Recorded as paid", (each.amount for each in book.paid)),
        _figure(book, "on_ledger", "On the ledger", (each.amount for each in payments if each.tx_hash)),
        _figure(book, "open", "Not confirmed", (each.amount for each in payments if _is_open(each))),
        _figure(book, "set_aside", "Held for payees", (each.amount for each in book.held)),
        KeyFigure("differences", "Differences", differing),
    )
    sheets = (
        lines,
        tables.dues_sheet(book, "dues", "Everything Due", book.dues, "The bond has no schedule yet."),
        tables.payments_sheet(book),
        tables.held_sheet(book),
    )
    note = "What the equity gets is on the ledger and is no due: it is left out of the comparison by fee and tranche."
    return _report(book, "payment_reconciliation", "Payment Reconciliation", figures, sheets, (note,))


def lifecycle_status(book: BondBook) -> BondReport:
    """The state of a bond, how it came there, and which steps are possible."""
    clock = book.clock
    figures = (
        KeyFigure("state", "State", book.facts.state),
        KeyFigure("maturity", "Maturity", book.facts.maturity),
        _figure(book, "arrears", "Arrears", [clock.arrears]),
        _figure(book, "set_aside", "Held for payees", (each.amount for each in book.held)),
        KeyFigure("days_overdue", "Days overdue", clock.days_overdue),
        KeyFigure("delinquent_from", "Delinquent from", clock.delinquent_from),
        KeyFigure("default_from", "In default from", clock.default_from),
    )
    sheets = (tables.possible_sheet(book), tables.steps_sheet(book))
    note = f"Grace {book.facts.grace_days} days, cure {book.facts.cure_days} days."
    return _report(book, "lifecycle_status", "Lifecycle Status", figures, sheets, (note, *_late(book)))


def waterfall_summary(book: BondBook) -> BondReport:
    """Every distribution of a bond, by the lines of its waterfall."""
    lines = [line for each in book.waterfalls for line in each.lines]
    by_kind = (("fee", "Fees"), ("interest", "Interest"), ("principal", "Principal"), ("residual", "Equity"))
    figures = (
        KeyFigure("distributions", "Distributions", len(book.waterfalls)),
        _figure(book, "paid", "Paid", (line.paid for line in lines)),
        *(_figure(book, kind, label, (line.paid for line in lines if line.kind == kind)) for kind, label in by_kind),
    )
    sheets = (tables.distributions_sheet(book), tables.waterfall_sheet(book))
    return _report(book, "waterfall_summary", "Waterfall Summary", figures, sheets)


def portfolio_summary(books: Sequence[BondBook], as_of: date) -> BondReport:
    """All bonds, and the sums of each currency."""
    by_currency: dict[tuple[str, int], list[BondBook]] = {}
    for book in books:
        by_currency.setdefault((book.facts.currency, book.facts.decimals), []).append(book)
    sums = tuple(
        (currency, len(of_it), *_sums(of_it, decimals)) for (currency, decimals), of_it in sorted(by_currency.items())
    )
    none = "There is no bond."
    sheets = (
        Sheet("bonds", "Bonds", _BOND_COLUMNS, tuple(_bond_row(book) for book in books), none, words=4),
        Sheet("currencies", "By Currency", _CURRENCY_COLUMNS, sums, none),
    )
    states = Counter(book.facts.state for book in books)
    figures = (
        KeyFigure("bonds", "Bonds", len(books)),
        *(KeyFigure(state.lower(), state.replace("_", " "), states[state]) for state in sorted(states)),
    )
    return BondReport("portfolio_summary", "Portfolio Summary", None, "All bonds", None, as_of, figures, sheets)


OF_ONE_BOND: Mapping[str, Callable[[BondBook], BondReport]] = {
    "trustee_report": trustee_report,
    "payment_reconciliation": payment_reconciliation,
    "lifecycle_status": lifecycle_status,
    "waterfall_summary": waterfall_summary,
}
"""The reports that need nothing but the bond's book."""


_CURRENCY_COLUMNS = (
    ("currency", "Currency"),
    ("bonds", "Bonds"),
    ("notional", "Notional"),
    ("outstanding", "Outstanding"),
    ("arrears", "Arrears"),
)
_BOND_COLUMNS = (
    ("bond", "Bond"),
    ("name", "Name"),
    ("state", "State"),
    ("currency", "Currency"),
    ("rate", "Rate"),
    ("maturity", "Maturity"),
    ("next_due", "Next due"),
    ("notional", "Notional"),
    ("outstanding", "Outstanding"),
    ("arrears", "Arrears"),
    ("days_overdue", "Days overdue"),
)


def _report(
    book: BondBook,
    kind: str,
    title: str,
    figures: tuple[KeyFigure, ...],
    sheets: tuple[Sheet, ...],
    notes: tuple[str, ...] = (),
) -> BondReport:
    facts = book.facts
    subject = f"{facts.name} ({facts.bond_id})"
    return BondReport(kind, title, facts.bond_id, subject, facts.currency, facts.as_of, figures, sheets, notes)


def _is_open(payment: DistributionPayment) -> bool:
    """Whether a payment is still to be made: of one that was set aside, what is held says more."""
    return not payment.tx_hash and payment.state != SET_ASIDE


def _figure(book: BondBook, name: str, label: str, amounts: Iterable[Decimal]) -> KeyFigure:
    return KeyFigure(name, label, CurrencyAmount(sum(amounts, Decimal(0)), book.facts.decimals))


def _late(book: BondBook) -> tuple[str, ...]:
    clock: BondClock = book.clock
    if clock.oldest is None:
        return ()
    return (f"The oldest payment that is not paid in full was due on {clock.oldest}, {clock.days_overdue} days ago.",)


def _bond_row(book: BondBook) -> tuple[Cell, ...]:
    facts = book.facts
    return (
        facts.bond_id,
        facts.name,
        facts.state,
        facts.currency,
        YearlyRate(facts.rate),
        facts.maturity,
        book.next_due,
        *_sums([book], facts.decimals),
        book.clock.days_overdue,
    )


def _sums(books: Sequence[BondBook], decimals: int) -> tuple[CurrencyAmount, ...]:
    sums = (
        sum((book.facts.notional for book in books), Decimal(0)),
        sum((book.outstanding for book in books), Decimal(0)),
        sum((book.clock.arrears for book in books), Decimal(0)),
    )
    return tuple(CurrencyAmount(each, decimals) for each in sums)
