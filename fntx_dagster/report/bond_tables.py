"""The tables that reports of bonds are made of: which values they show, by which names, in which order."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from fntx_dagster.model.bond_book import BondBook, BondFacts, DueStanding
from fntx_dagster.report.sheets import Cell, CurrencyAmount, Sheet, YearlyRate, summed

_RESIDUAL = "residual"
_NONE = "No cash was distributed."


def tranches_sheet(book: BondBook) -> Sheet:
    rows = tuple(
        (
            each.tranche_id,
            each.class_name,
            each.repayment,
            _amount(book.facts, each.notional),
            _amount(book.facts, each.outstanding),
            YearlyRate(each.rate),
            None if each.accrued is None else _amount(book.facts, each.accrued),
            each.holders,
        )
        for each in book.tranches
    )
    columns = (
        ("tranche", "Tranche"),
        ("class", "Class"),
        ("repayment", "Repayment"),
        ("notional", "Notional"),
        ("outstanding", "Outstanding"),
        ("rate", "Rate"),
        ("accrued", "Accrued"),
        ("holders", "Holders"),
    )
    return Sheet("tranches", "Tranches", columns, rows, "The bond has no structure yet.", summed(rows), words=3)


def dues_sheet(book: BondBook, name: str, title: str, dues: Iterable[DueStanding], empty: str) -> Sheet:
    facts = book.facts
    rows = tuple(
        (
            each.due_date,
            each.period,
            each.kind,
            each.line_id,
            _amount(facts, each.amount),
            _amount(facts, each.paid),
            _amount(facts, each.unpaid),
            due_status(each, facts),
        )
        for each in dues
    )
    columns = (
        ("due", "Due"),
        ("period", "Period"),
        ("kind", "Kind"),
        ("line", "Fee or tranche"),
        ("amount", "Amount"),
        ("paid", "Paid"),
        ("unpaid", "Unpaid"),
        ("status", "Status"),
    )
    return Sheet(name, title, columns, rows, empty, summed(rows), words=4)


def due_status(due: DueStanding, facts: BondFacts) -> str:
    """paid, overdue, or what is still in time: due today, or upcoming."""
    if not due.unpaid:
        return "paid"
    if due.due_date < facts.as_of:
        return "overdue"
    return "due today" if due.due_date == facts.as_of else "upcoming"


def steps_sheet(book: BondBook) -> Sheet:
    rows = tuple(
        (
            each.recorded_at,
            each.event,
            each.from_state or None,
            each.to_state,
            each.actor,
            each.ledger_date,
            each.reason or None,
            each.audit_seq,
        )
        for each in book.steps
    )
    columns = (
        ("recorded_at", "Recorded"),
        ("event", "Event"),
        ("from", "From"),
        ("to", "To"),
        ("actor", "By"),
        ("ledger_date", "Ledger's time"),
        ("reason", "Reason"),
        ("audit_seq", "Audit event"),
    )
    return Sheet("steps", "Steps", columns, rows, "No step was taken.", words=7)


def possible_sheet(book: BondBook) -> Sheet:
    rows = tuple((each.event, each.to_state, each.guard or None, each.approvals) for each in book.possible)
    columns = (("event", "Event"), ("to", "To"), ("guard", "Needs"), ("approvals", "Approvals"))
    return Sheet("possible_events", "Possible Now", columns, rows, f"{book.facts.state} is final.", words=3)


def distributions_sheet(book: BondBook) -> Sheet:
    facts = book.facts
    rows = tuple(
        (
            f"{each.number}",
            each.state,
            each.computed_at,
            each.period,
            _amount(facts, each.available),
            _amount(facts, sum((line.paid for line in each.lines), Decimal(0))),
            _amount(facts, sum((line.shortfall for line in each.lines), Decimal(0))),
            _amount(facts, each.retained),
            each.digest,
        )
        for each in book.waterfalls
    )
    columns = (
        ("distribution", "Distribution"),
        ("state", "State"),
        ("computed_at", "Computed"),
        ("period", "Period"),
        ("available", "Cash"),
        ("paid", "Paid"),
        ("shortfall", "Short"),
        ("retained", "Retained"),
        ("hash", "SHA-256"),
    )
    footnote = "The hash is of what was frozen before anybody voted: inputs, lines and payments." if rows else ""
    return Sheet(
        "distributions", "Distributions", columns, rows, "No cash was distributed.", words=3, footnote=footnote
    )


def waterfall_sheet(book: BondBook) -> Sheet:
    facts = book.facts
    rows = tuple(
        (
            f"{each.number}",
            line.step,
            line.kind,
            line.line_id,
            line.class_name,
            _amount(facts, line.due),
            _amount(facts, line.arrears_before),
            _amount(facts, line.paid),
            _amount(facts, line.shortfall),
        )
        for each in book.waterfalls
        for line in each.lines
    )
    columns = (
        ("distribution", "Distribution"),
        ("step", "Step"),
        ("kind", "Kind"),
        ("line", "Fee or tranche"),
        ("class", "Class"),
        ("due", "Due"),
        ("arrears_before", "Arrears before"),
        ("paid", "Paid"),
        ("shortfall", "Short"),
    )
    footnote = "What is short is among the arrears of the next distribution." if rows else ""
    return Sheet(
        "lines", "Lines of the Waterfall", columns, rows, "No cash was distributed.", words=5, footnote=footnote
    )


def payments_sheet(book: BondBook, party: str | None = None) -> Sheet:
    """The payments of all distributions, or those of one party."""
    facts = book.facts
    rows = tuple(
        (
            payment.closed_at,
            f"{each.number}",
            payment.kind,
            payment.line_id,
            *(() if party else (payment.party,)),
            payment.state,
            payment.tx_hash,
            _amount(facts, payment.amount),
        )
        for each in book.distributions
        for payment in each.payments
        if party is None or payment.party == party
    )
    columns = (
        ("closed_at", "Ledger's time"),
        ("distribution", "Distribution"),
        ("kind", "Kind"),
        ("line", "Fee or tranche"),
        *(() if party else (("party", "Party"),)),
        ("state", "State"),
        ("transaction", "Transaction"),
        ("amount", "Amount"),
    )
    return Sheet("payments", "Payments", columns, rows, "No payment was made.", summed(rows), words=len(columns) - 1)


def held_sheet(book: BondBook) -> Sheet:
    """What was set aside for parties that cannot be paid, and is still held for them."""
    facts = book.facts
    rows = tuple(
        (
            each.party,
            f"{each.distribution}",
            f"{each.number}",
            each.kind,
            each.line_id,
            each.since,
            each.reason,
            _amount(facts, each.amount),
        )
        for each in book.held
    )
    columns = (
        ("party", "Party"),
        ("distribution", "Distribution"),
        ("payment", "Payment"),
        ("kind", "Kind"),
        ("line", "Fee or tranche"),
        ("since", "Since"),
        ("reason", "Reason"),
        ("amount", "Amount"),
    )
    footnote = (
        "It counts as paid on its line, and is owed to the party until a ledger holds its payment." if rows else ""
    )
    total = summed(rows)
    return Sheet("held", "Held for Payees", columns, rows, "Nothing is set aside.", total, words=7, footnote=footnote)


def lines_sheet(book: BondBook) -> Sheet:
    """For each fee and tranche: what was due so far, what counts as paid, and what validated ledgers hold."""
    facts = book.facts
    lines: dict[tuple[str, str], list[Decimal]] = {}

    def add(kind: str, line_id: str, column: int, amount: Decimal) -> None:
        lines.setdefault((kind, line_id), [Decimal(0)] * 3)[column] += amount

    for each in book.dues:
        add(each.kind, each.line_id, 0, each.amount if each.due_date <= facts.as_of else Decimal(0))
    for paid in book.paid:
        add(paid.kind, paid.line_id, 1, paid.amount)
    for distribution in book.distributions:
        for payment in distribution.payments:
            if payment.tx_hash and payment.kind != _RESIDUAL:
                add(payment.kind, payment.line_id, 2, payment.amount)
    rows = tuple(
        (
            line_id,
            kind,
            _amount(facts, owed),
            _amount(facts, paid),
            _amount(facts, confirmed),
            _amount(facts, paid - confirmed),
            "matched" if paid == confirmed else "differs",
        )
        for (kind, line_id), (owed, paid, confirmed) in lines.items()
    )
    columns = (
        ("line", "Fee or tranche"),
        ("kind", "Kind"),
        ("due", "Due so far"),
        ("recorded", "Recorded as paid"),
        ("on_ledger", "On the ledger"),
        ("difference", "Difference"),
        ("status", "Status"),
    )
    return Sheet("lines", "By Fee and Tranche", columns, rows, "The bond has no schedule yet.", summed(rows), words=2)


def holdings_sheet(book: BondBook, party: str | None = None) -> Sheet:
    """Who holds which units, or what one party holds; with its part of what is outstanding, rounded half-even."""
    facts = book.facts
    left = {each.tranche_id: each.outstanding for each in book.tranches}
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            each.tranche_id or "equity",
            *(() if party else (each.holder,)),
            each.units,
            each.of_units,
            _amount(facts, _share(left[each.tranche_id], each.units, each.of_units)) if each.tranche_id else None,
        )
        for each in book.holdings
        if party is None or each.holder == party
    )
    columns = (
        ("tranche", "Tranche"),
        *(() if party else (("holder", "Holder"),)),
        ("units", "Units"),
        ("of_units", "Of"),
        ("outstanding", "Part of the outstanding"),
    )
    return Sheet("holdings", "Holdings", columns, rows, "Nothing is held.", words=1 if party else 2)


def _share(amount: Decimal, units: Decimal, of_units: Decimal) -> Decimal:
    return amount * units / of_units if of_units else Decimal(0)


def _amount(facts: BondFacts, value: Decimal) -> CurrencyAmount:
    return CurrencyAmount(value, facts.decimals)
