"""`/treasury`: proposals and what needs a person; the queue of transactions; who may decide, the pause and standing
approvals; every step that is possible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import RedirectResponse

from fntx_dagster.errors import FntxError, Permanent, without_accounts
from fntx_dagster.report.step_diagram import step_diagram
from fntx_dagster.services.dashboard.treasury import (
    KIND_NAMES,
    STATES,
    ListedProposal,
    ListedStanding,
    is_begun,
    needs_of,
    proposals_of,
    signers_shown,
)
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.signers import SetView
from fntx_dagster.services.governance.tables import diagram, machine_tables
from fntx_dagster.services.transactions.queueing import QueuedTransaction, queue
from fntx_dagster.services.treasury.secrets import holds_a_secret
from fntx_dagster.web import words
from fntx_dagster.web.asking import Answer, Asked, BadAddress, Shown
from fntx_dagster.web.grids import Badge, Cell, Grid, Link, address_of

_GOOD, _BAD = ("confirmed", "active", "running"), ("blocked", "rejected", "failed", "paused")
_EMERGENCY = ("pause", "resume")
_LONGEST_REASON, _LONGEST_FILE, _LONG = 500, 60_000, 40
PLACES = (
    ("/treasury", "Proposals"),
    ("/treasury/queue", "Queue"),
    ("/treasury/bonds", "Bonds"),
    ("/treasury/escrows", "Escrows"),
    ("/treasury/desk", "Trading"),
    ("/treasury/signers", "Signers"),
    ("/treasury/states", "Steps"),
    ("/screening", "Screening"),
    ("/audit", "Audit log"),
    ("/reconciliation", "Reconciliation"),
)


def show(asked: Asked) -> Answer:
    """Proposals, newest first, under what needs a person."""
    state = asked.word("state", ("open", "all", *STATES))
    kind = asked.word("kind", ("any", *KIND_NAMES))
    before = asked.number("before")
    site = asked.site
    found = proposals_of(site.db, state, None if kind == "any" else kind, before)
    if found is None:
        return no_treasury(asked)
    chosen = {"state": state, "kind": kind}
    values = {
        "places": places("/treasury"),
        "platform": found.platform,
        "needs": needs_of(site.settings, site.db, site.clock()),
        "proposals": Grid("Proposals", _PROPOSAL, [_proposal(each) for each in found.proposals], words=len(_PROPOSAL)),
        "states": [("open", "open"), ("all", "all"), *((each, spoken(each)) for each in STATES)],
        "kinds": [("any", "any"), *((each, each) for each in KIND_NAMES)],
        "chosen": chosen,
        "older": address_of("/treasury", **chosen, before=f"{found.before}") if found.before else None,
        "newest": address_of("/treasury", **chosen) if before else None,
    }
    return Shown("treasury.html.j2", "Treasury", values)


def show_queue(asked: Asked) -> Answer:
    """What is approved and not at its end."""
    if not is_begun(asked.site.db):
        return no_treasury(asked)
    rows = [_queued(each) for each in queue(asked.site.db)]
    values = {"places": places("/treasury/queue"), "queue": Grid("Queue", _QUEUED, rows, words=len(_QUEUED))}
    return Shown("treasury_queue.html.j2", "Queue of the treasury", values)


def show_signers(asked: Asked) -> Answer:
    """Who may decide, and whether the treasury is paused; with a form, a pause or its end is proposed."""
    site, refusal = asked.site, None
    if asked.acts:
        action = asked.form.get("action", "")
        if action not in _EMERGENCY:
            raise BadAddress(f"action is one of {', '.join(_EMERGENCY)}")
        reason = typed(asked, "reason", _LONGEST_REASON)
        try:
            made = propose(site.settings, site.db, f"emergency.{action}", {"reason": reason}, by=operator(asked))
            return RedirectResponse(f"/treasury/proposals/{made}?done=proposed", 303)
        except FntxError as error:
            refusal = refused(error)
    found = signers_shown(site.db, site.clock())
    if found is None:
        return no_treasury(asked)
    values = {
        "places": places("/treasury/signers"),
        "refusal": refusal,
        "platform": found.platform,
        "may_act": asked.visitor.may_act,
        "sets": [(each, _signers(each)) for each in found.sets],
        "standing": Grid("Standing approvals", _STANDING, [_standing(each) for each in found.standing], words=5),
    }
    return Shown("treasury_signers.html.j2", "Signers of the treasury", values, 422 if refusal else 200)


def show_states(_asked: Asked) -> Answer:
    """The tables of steps, each with its diagram in Mermaid's language."""
    tables = [
        (name, _TITLES[name], _steps(name, rows), picture(name, rows), diagram(name).splitlines())
        for name, rows in machine_tables().items()
    ]
    return Shown(
        "treasury_states.html.j2", "Steps of the treasury", {"places": places("/treasury/states"), "tables": tables}
    )


def places(here: str) -> list[tuple[str, str, bool]]:
    """The menu of the treasury: (path, name, whether it is this page)."""
    return [(path, name, path == here) for path, name in PLACES]


def operator(asked: Asked) -> str:
    """Who acts, as the audit log names him."""
    return f"operator:{asked.visitor.user_id}"


def refused(error: FntxError) -> str:
    """Why something was not done, with its code where it has one, and the way out."""
    code = getattr(error, "code", "")
    message = error.message if not code or code in error.message else f"{error.message} ({code})"
    return without_accounts(f"{message}. {error.way_out}" if error.way_out else message)


def typed(asked: Asked, name: str, longest: int) -> str:
    """What a person typed, as a database takes it."""
    return asked.form.get(name, "").replace("\0", "").strip()[:longest]


def handed(asked: Asked) -> bytes:
    """What a signer returned, as it was pasted or taken from a file. Raises Permanent for what looks like a key: it is
    neither kept nor shown."""
    content = typed(asked, "file", _LONGEST_FILE).encode()
    if holds_a_secret(content):
        raise Permanent(
            "what was handed in looks like a private key or a seed", "Return the signature alone, and change that key"
        )
    return content


def state_badge(state: str) -> Badge:
    """A state as a cell."""
    return Badge(spoken(state), "good" if state in _GOOD else "bad" if state in _BAD else "")


def spoken(state: str) -> str:
    """A state in words."""
    return state.replace("_", " ")


def said(details: Mapping[str, Any]) -> str:
    """Details of an event in a row, without hashes, signatures and what holds further fields: its page has all."""
    parts = [f"{name.replace('_', ' ')} {value}" for name, value in details.items() if _is_short(value)]
    return "; ".join(parts)


def _is_short(value: object) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and (len(value) <= _LONG or " " in value))


def names(signers: list[str] | tuple[str, ...]) -> str:
    """Signers in a row."""
    return ", ".join(signers) or "nobody"


def no_treasury(asked: Asked) -> Shown:
    """What is shown where there is no treasury."""
    config = asked.site.settings.treasury.config
    return Shown("treasury_none.html.j2", "Treasury", {"has_config": config is not None})


_PROPOSAL = ("No.", "Kind", "State", "Approved by", "Rejected by", "Ends", "Proposed", "By")


def _proposal(each: ListedProposal) -> tuple[Cell, ...]:
    row = each.row
    return (
        Link(f"{row.nonce}", f"/treasury/proposals/{row.proposal_id}"),
        Link(row.kind, f"/treasury/proposals/{row.proposal_id}"),
        state_badge(row.state),
        f"{names(each.approvals)} ({len(each.approvals)}, needs {row.threshold})",
        names(each.rejections),
        words.moment(row.expires_at),
        words.moment(row.created_at),
        row.proposed_by,
    )


_QUEUED = ("Kind", "State", "Next", "Signed by", "Missing", "Ledger", "Ends", "Fee", "The server said")
_NEXT = {
    "export": "Prepare it, and hand out its file",
    "setup": "Go on with `fntx treasury setup` in a terminal",
    "advance": "Go on with `fntx strategy advance` in a terminal",
    "import": "Hand in the missing signatures",
    "sign-anchors": "Sign it with the key of anchors",
    "submit": "Submit it",
    "confirm": "Ask the ledger what became of it",
}


def _queued(each: QueuedTransaction) -> tuple[Cell, ...]:
    return (
        Link(each.kind, f"/treasury/proposals/{each.proposal_id}#transaction"),
        state_badge(each.state),
        _NEXT[each.next],
        names(each.signed_by),
        names(each.missing),
        each.ledger or words.NONE,
        each.ends or words.NONE,
        each.fee or words.NONE,
        each.answer or words.NONE,
    )


_SIGNER = ("Signer", "Role", "Scheme", "Public key", "On the XRP Ledger", "On Stellar")


def _signers(each: SetView) -> Grid:
    rows = [(row.signer_id, row.role, row.scheme, row.public_key, row.xrpl, row.stellar) for row in each.signers]
    return Grid(f"Signers of set {each.version}", _SIGNER, rows, words=len(_SIGNER))


_STANDING = ("Proposal", "State", "Ends", "Key", "Template", "Uses today", "Most a day", "Uses", "Highest fee")


def _standing(each: ListedStanding) -> tuple[Cell, ...]:
    row = each.row
    return (
        Link(f"{row.proposal_id}"[:8], f"/treasury/proposals/{row.proposal_id}"),
        state_badge(row.state),
        words.moment(row.ends_at),
        row.key,
        row.template,
        f"{each.uses_since:,}",
        f"{row.per_day:,}",
        f"{each.uses:,}",
        words.cell(row.fee_cap),
    )


_TITLES = {"proposal": "A proposal", "ledger_tx": "A transaction", "escrow": "An escrow", "bond": "A bond"}
_STEP = ("In", "Step", "Leads to", "Where this holds", "Signers who approve")


def _steps(name: str, rows: list[dict[str, Any]]) -> Grid:
    steps = [
        (
            spoken(each["state"]),
            spoken(each["event"]),
            spoken(each["next"]),
            spoken(each["guard"]),
            f"{each['approvals']}" if each["approvals"] else "",
        )
        for each in rows
    ]
    return Grid(f"Steps of {_TITLES[name].lower()}", _STEP, steps, words=4)


def picture(name: str, rows: list[dict[str, Any]]) -> str:
    """The steps of a table, drawn."""
    ways = [(spoken(each["state"]), spoken(each["next"])) for each in rows]
    return step_diagram(f"States of {_TITLES[name].lower()}, each with an arc to those it leads to", ways)
