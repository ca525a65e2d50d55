"""`/screening`: sanctions lists with their age, who is held back, and checks; `/screening/{check}`: one check with its
matches, and the form that a person decides them by. Only who may decide sees what a party is called."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from starlette.responses import RedirectResponse

from fntx_dagster.errors import FntxError
from fntx_dagster.services.dashboard.screening import (
    DECISIONS,
    VERDICTS,
    CheckShown,
    ListedCheck,
    ListedDisposition,
    ListStanding,
    check_shown,
    screening_shown,
)
from fntx_dagster.services.governance.configuration import document_of
from fntx_dagster.services.governance.screening import decide_match
from fntx_dagster.services.screening.deciding import MatchDecision, screen_now, to_sign
from fntx_dagster.web import words
from fntx_dagster.web.asking import Answer, Asked, BadAddress, NotFound, Shown
from fntx_dagster.web.grids import Badge, Cell, Grid, Link, address_of
from fntx_dagster.web.pages.treasury import handed, operator, places, refused, spoken, typed

_LONGEST_REASON, _LONGEST_NAME = 1000, 200
_ACTIONS = ("sign", "record", "screen")
_DONE = {
    "recorded": "What you decided is recorded.",
    "screened": "The party was screened again: this is its new check.",
}
_HEALTH = {"cleared": "good", "hit": "bad", "stale": "bad"}


def show(asked: Asked) -> Answer:
    """The lists, who is held back, and checks."""
    decision, before = asked.word("decision", ("any", *DECISIONS)), asked.number("before")
    site = asked.site
    found = screening_shown(site.settings, site.db, None if decision == "any" else decision, before, site.clock())
    values = {
        "places": places("/screening"),
        "problems": found.problems,
        "lists": Grid("Lists", _LIST, [_list(asked, each) for each in found.lists], words=4),
        "held": checks_grid("Held back", found.held),
        "checks": checks_grid("Checks", found.checks),
        "decisions": [("any", "any"), *((each, each) for each in DECISIONS)],
        "decision": decision,
        "older": address_of("/screening", decision=decision, before=f"{found.before}") if found.before else None,
        "newest": address_of("/screening", decision=decision) if before else None,
    }
    return Shown("screening.html.j2", "Screening", values)


def one(asked: Asked) -> Answer:
    """The check that the address names; with a form, what came of it."""
    number = asked.request.path_params["check"]
    found = check_shown(asked.site.db, number)
    if found is None:
        raise NotFound
    wish, bytes_to_sign, refusal = None, None, None
    if asked.acts:
        try:
            wish, answer = _acted(asked, found)
        except FntxError as error:
            wish, answer, refusal = _wish(asked), _still_to_sign(asked, number), refused(error)
        if isinstance(answer, str):
            return RedirectResponse(answer, 303)
        bytes_to_sign = answer.hex()
    values = _values(asked, found) | {
        "refusal": refusal,
        "done": "" if refusal else asked.done(_DONE),
        "wish": wish or MatchDecision(VERDICTS[0], ""),
        "bytes_to_sign": bytes_to_sign,
    }
    return Shown("screening_check.html.j2", f"Check {number} of {found.row.party_id}", values, 422 if refusal else 200)


def checks_grid(title: str, checks: Sequence[ListedCheck]) -> Grid:
    """Checks, each with the way to its page."""
    return Grid(title, _CHECK, [_check(each) for each in checks], words=len(_CHECK))


def _acted(asked: Asked, found: CheckShown) -> tuple[MatchDecision, str | bytes]:
    """What the form decides, and where to go on, or the bytes that are to be signed."""
    action, site, number = asked.form.get("action", ""), asked.site, found.row.screening_id
    if action not in _ACTIONS:
        raise BadAddress(f"action is one of {', '.join(_ACTIONS)}")
    wish = _wish(asked)
    if action == "sign":
        return wish, to_sign(site.settings, site.db, number, wish)
    if action == "screen":
        answer = screen_now(site.settings, site.db, [found.row.party_id], by=operator(asked))
        return wish, f"/screening/{answer.verdicts[0].screening_id}?done=screened"
    file = handed(asked)
    signed = document_of(file) if file else None
    decide_match(site.settings, site.db, number, wish, by=operator(asked), signed=signed)
    return wish, f"/screening/{number}?done=recorded"


def _still_to_sign(asked: Asked, number: int) -> bytes:
    """What a signer signs of a decision that was refused, so that it can be signed anew; nothing where it never can."""
    with suppress(FntxError):
        return to_sign(asked.site.settings, asked.site.db, number, _wish(asked))
    return b""


def _wish(asked: Asked) -> MatchDecision:
    return MatchDecision(
        typed(asked, "verdict", _LONGEST_NAME),
        " ".join(typed(asked, "reason", _LONGEST_REASON + 1).split()),
        typed(asked, "entity", _LONGEST_NAME) or None,
    )


def _values(asked: Asked, found: CheckShown) -> dict[str, Any]:
    row = found.row
    may_act = asked.visitor.may_act
    return {
        "places": places(""),
        "path": f"/screening/{row.screening_id}",
        "row": row,
        "decision": Badge(row.decision, _HEALTH[row.decision]),
        "party": found.party if may_act else None,
        "is_known": found.party is not None,
        "is_as_it_was": found.is_as_it_was,
        "matches": found.matches,
        "may_act": may_act,
        "may_decide": may_act and found.is_as_it_was and any(each.is_as_it_was for each in found.matches),
        "needs_signature": found.needs_signature,
        "verdicts": [(each, spoken(each)) for each in VERDICTS],
        "entities": [("", "all matches"), *((each.found["entity"], each.found["entity"]) for each in found.matches)],
        "lists": [f"{each['list']} of {each['dated_at']}" for each in row.lists],
        "dispositions": Grid("Decisions", _DISPOSITION, [_disposition(each) for each in found.dispositions], words=6),
        "proposals": found.proposals,
    }


_LIST = ("List", "State", "Fetched", "Version", "Age, hours", "Entities", "Names")


def _list(asked: Asked, each: ListStanding) -> tuple[Cell, ...]:
    badge = Badge(each.problem or "can clear", "bad" if each.problem else "good")
    version = each.version
    if version is None:
        return (each.list_name, badge, *[words.NONE] * 5)
    age = (asked.site.clock() - version.dated_at).total_seconds() / 3600
    return (
        each.list_name,
        badge,
        words.moment(version.dated_at),
        version.version[:16],
        f"{age:,.1f}",
        f"{version.entities:,}",
        f"{version.names:,}",
    )


_CHECK = ("No.", "Party", "Decision", "Gravest match", "Matches", "For", "When", "By")


def _check(each: ListedCheck) -> tuple[Cell, ...]:
    kind, _, cause = each.cause.partition(":")
    return (
        Link(f"{each.screening_id}", f"/screening/{each.screening_id}"),
        Link(each.party_id, f"/screening/{each.screening_id}"),
        Badge(each.decision, _HEALTH[each.decision]),
        each.status,
        f"{each.matches}",
        Link("a proposal", f"/treasury/proposals/{cause}") if kind == "proposal" and cause else each.cause,
        words.moment(each.screened_at),
        each.screened_by,
    )


_DISPOSITION = ("No.", "List", "Entity", "Decided", "Why", "By", "When")


def _disposition(each: ListedDisposition) -> tuple[Cell, ...]:
    return (
        f"{each.disposition_id}",
        each.list_name,
        each.entity_id,
        Badge(spoken(each.verdict), "good" if each.verdict == VERDICTS[0] else "bad"),
        each.reason,
        each.decided_by,
        words.moment(each.decided_at),
    )
