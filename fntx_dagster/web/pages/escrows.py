"""`/treasury/escrows`: escrows and where each stands; one of them with its times, its steps and what is possible next.
What people do with one they do in a terminal."""

from __future__ import annotations

from uuid import UUID

from fntx_dagster.services.dashboard.treasury import is_begun
from fntx_dagster.services.escrows.reading import STATES, EscrowView, list_escrows, show_escrow
from fntx_dagster.services.escrows.steps import NoSuchEscrow
from fntx_dagster.services.governance.tables import machine_tables
from fntx_dagster.web import words
from fntx_dagster.web.asking import Answer, Asked, NotFound, Shown
from fntx_dagster.web.grids import Badge, Cell, Grid, Link
from fntx_dagster.web.pages.treasury import no_treasury, picture, places, spoken

_HERE = "/treasury/escrows"
_GOOD, _BAD = ("Active", "Released"), ("Rejected", "Disputed")
_MOST = 500


def show(asked: Asked) -> Answer:
    """Escrows, newest first."""
    state = asked.word("state", ("open", "all", *STATES))
    if not is_begun(asked.site.db):
        return no_treasury(asked)
    views = list_escrows(asked.site.db, None if state == "open" else state, _MOST)
    values = {
        "places": places(_HERE),
        "escrows": Grid("Escrows", _ESCROW, [_listed(each) for each in views], words=len(_ESCROW)),
        "states": [("open", "open"), ("all", "all"), *((each, spoken(each)) for each in STATES)],
        "state": state,
    }
    return Shown("escrows.html.j2", "Escrows", values)


def one(asked: Asked) -> Answer:
    """The escrow that the address names."""
    try:
        view = show_escrow(asked.site.db, UUID(asked.part("escrow")))
    except (ValueError, NoSuchEscrow):
        raise NotFound from None
    row = view.row
    values = {
        "places": places(_HERE),
        "row": row,
        "state": state_of(row.state),
        "facts": _facts(view),
        "next": view.next,
        "possible": _possible(view),
        "steps": _steps(view),
        "rules": _rules(view),
        "documents": _documents(view),
        "proposals": _proposals(view),
        "drawn_states": picture("escrow", machine_tables()["escrow"]),
    }
    return Shown("escrow.html.j2", f"Escrow {str(row.escrow_id)[:8]}", values)


def state_of(state: str) -> Badge:
    """A state of an escrow as a cell."""
    return Badge(spoken(state), "good" if state in _GOOD else "bad" if state in _BAD else "")


_ESCROW = ("Escrow", "Template", "State", "Amount", "To", "Finish after", "Release until", "Cancel after", "Bond")


def _listed(view: EscrowView) -> tuple[Cell, ...]:
    row = view.row
    return (
        Link(str(row.escrow_id)[:8], f"{_HERE}/{row.escrow_id}"),
        spoken(row.template),
        state_of(row.state),
        _amount(view),
        row.destination,
        words.moment(row.finish_after),
        words.moment(view.release_until),
        words.moment(row.cancel_after),
        row.bond_id or words.NONE,
    )


def _facts(view: EscrowView) -> list[tuple[str, str]]:
    row = view.row
    return [
        ("Template", f"{spoken(row.template)}: {view.template.purpose}"),
        ("Amount", _amount(view)),
        ("From", row.owner),
        ("To", row.destination),
        ("Times counted from", words.moment(row.prepared_close)),
        ("Can be finished after", words.moment(row.finish_after)),
        ("Released until", words.moment(view.release_until)),
        ("Can be cancelled after", words.moment(row.cancel_after)),
        ("A release asks for", ", ".join(spoken(each) for each in view.template.conditions)),
        ("Condition", row.condition),
        ("On the ledger as", f"{row.owner} {row.sequence}" if row.sequence else words.NONE),
        ("Created in ledger", f"{row.created_ledger}" if row.created_ledger else words.NONE),
        ("Bond", row.bond_id or words.NONE),
        ("Parties", ", ".join(row.parties)),
        ("Proposed", f"{words.moment(row.proposed_at)} by {row.proposed_by}"),
    ]


def _amount(view: EscrowView) -> str:
    row = view.row
    return f"{row.amount:f} {row.currency or 'drops'}"


def _possible(view: EscrowView) -> Grid:
    rows = [
        (spoken(each.event), spoken(each.next), spoken(each.guard), f"{each.approvals or ''}") for each in view.possible
    ]
    return Grid("Possible now", ("Step", "Leads to", "Where this holds", "Signers who approve"), rows, words=4)


def _steps(view: EscrowView) -> Grid:
    rows = [
        (
            *(spoken(each.event), spoken(each.before), spoken(each.after)),
            *(words.moment(each.taken_at), each.taken_by, each.reason or words.NONE),
        )
        for each in view.steps
    ]
    return Grid("Steps", ("Step", "From", "Leads to", "When", "By", "Why"), rows, words=6)


def _rules(view: EscrowView) -> Grid:
    rows = [
        (each.rule, "the ledger" if each.by == "ledger" else "this gate alone", each.refusal)
        for each in view.template.rules
    ]
    return Grid("Rules of its template", ("Rule", "Enforced by", "A breach gets"), rows, words=3)


def _documents(view: EscrowView) -> Grid:
    rows = [(each.title, each.sha256, each.attested_by, words.moment(each.attested_at)) for each in view.documents]
    return Grid("Documents", ("Document", "SHA-256", "Attested by", "When"), rows, words=4)


def _proposals(view: EscrowView) -> Grid:
    rows = [
        (
            Link(each.kind, f"/treasury/proposals/{each.proposal_id}"),
            *(spoken(each.state), words.moment(each.created_at), each.reason or words.NONE),
        )
        for each in view.proposals
    ]
    return Grid("Proposals", ("Kind", "State", "Made", "Why"), rows, words=4)
