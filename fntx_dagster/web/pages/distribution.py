"""`/treasury/bonds/…/distributions/…`: a distribution of a bond's cash: the lines of its waterfall, each payment with
its transaction, and the proposals. What people do with it they do in a terminal."""

from __future__ import annotations

from fntx_dagster.services.bonds.steps import NoSuchBond
from fntx_dagster.services.distributions.reading import DistributionView, cash_of, show_distribution
from fntx_dagster.web import words
from fntx_dagster.web.asking import Answer, Asked, NotFound, Shown
from fntx_dagster.web.grids import Badge, Cell, Grid, Link, path_of
from fntx_dagster.web.pages.treasury import places, spoken, state_badge

_HERE = "/treasury/bonds"
_GOOD, _BAD = ("confirmed",), ("failed", "withdrawn")
_NEXT = {
    "propose": "fntx bond distribute {bond}",
    "decide": "fntx treasury show {proposal} --sign",
    "sign": "fntx treasury import FILE",
    "wait": "fntx bond pay {distribution} -o DIR",
    "look": "fntx bond pay {distribution} -o DIR",
}


def one(asked: Asked) -> Answer:
    """The distribution of a bond that has the number of the address."""
    bond = asked.part("bond")
    try:
        view = show_distribution(asked.site.db, bond, asked.request.path_params["number"])
    except NoSuchBond:
        raise NotFound from None
    if view is None:
        raise NotFound
    values = {
        "places": places(_HERE),
        "bond": Link(bond, path_of("treasury", "bonds", bond)),
        "state": _state(view.state),
        "withdrawn": view.withdrawn,
        "facts": _facts(view),
        "next": _NEXT.get(view.next, "").format(**view.names),
        "lines": _lines(view),
        "payments": _payments(view),
        "proposals": _proposals(view),
    }
    return Shown("distribution.html.j2", f"Distribution {view.row.number} of {bond}", values)


def distributions_of(asked: Asked, bond: str) -> Grid:
    """The distributions of a bond, each leading to its page."""
    rows: list[tuple[Cell, ...]] = [
        (
            Link(f"{row.number}", path_of("treasury", "bonds", bond, "distributions", f"{row.number}")),
            _state("withdrawn" if row.is_withdrawn else row.state),
            row.kind,
            words.moment(row.computed_at),
            words.amount(row.available),
            words.amount(row.retained),
        )
        for row in cash_of(asked.site.db, bond).distributions
    ]
    return Grid("Distributions", ("No.", "State", "Kind", "Computed", "Available", "Retained"), rows, words=4)


def _state(state: str) -> Badge:
    return Badge(spoken(state), "good" if state in _GOOD else "bad" if state in _BAD else "")


def _facts(view: DistributionView) -> list[tuple[str, str]]:
    row = view.row
    return [
        *([("Kind", "a release of what was set aside")] if row.is_release else []),
        ("Period", f"{row.period}"),
        ("Available", f"{words.amount(row.available)} {view.currency}"),
        ("Of it retained before", words.amount(row.carried)),
        ("Retained", words.amount(row.retained)),
        *([("Set aside", f"{view.aside} of {len(view.payments)} payments")] if view.aside else []),
        ("Paid by", row.account),
        ("On", "the XRP Ledger" if row.ledger == "xrpl" else "Stellar"),
        ("SHA-256 of what was frozen", row.hash),
        ("Computed", f"{words.moment(row.computed_at)} by {row.computed_by}"),
    ]


def _lines(view: DistributionView) -> Grid:
    rows = [
        (
            *(f"{each.step}", spoken(each.class_name), each.line_id, each.kind),
            *(words.amount(value) for value in (each.due, each.arrears_before, each.paid, each.shortfall)),
        )
        for each in view.lines
    ]
    headers = ("Step", "Class", "Line", "Kind", "Due", "In arrears before", "Paid", "Short")
    return Grid("Lines of the waterfall", headers, rows, words=4)


def _payments(view: DistributionView) -> Grid:
    rows: list[tuple[Cell, ...]] = [
        (
            *(f"{each.payment.number}", each.payment.line_id, each.payment.party, each.payment.address),
            state_badge(each.stands),
            each.tx_hash or each.set_aside or each.reason or words.NONE,
            each.payment.invoice_id,
            words.amount(each.payment.amount),
        )
        for each in view.payments
    ]
    headers = ("No.", "Line", "Party", "Address", "State", "Transaction", "Invoice", "Amount")
    return Grid("Payments", headers, rows, words=7)


def _proposals(view: DistributionView) -> Grid:
    rows: list[tuple[Cell, ...]] = [
        (Link(str(proposal)[:8], f"/treasury/proposals/{proposal}"), state_badge(state))
        for proposal, state in view.proposals
    ]
    return Grid("Proposals", ("Proposal", "State"), rows, words=2)
