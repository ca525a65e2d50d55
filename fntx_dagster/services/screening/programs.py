"""What programs ask of the compliance gate over HTTP: screen parties or names, read checks, decide matches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from fntx_dagster.compliance.screening import gravest
from fntx_dagster.services.calculators import Case, by_kind, results
from fntx_dagster.services.governance.screening import decide_match
from fntx_dagster.services.orders.fields import Fields
from fntx_dagster.services.screening.calculating import asked_party, shown_match
from fntx_dagster.services.screening.deciding import MatchDecision, NoSuchScreening, screen_now, to_sign
from fntx_dagster.services.screening.gating import (
    CLEARED,
    FALSE_POSITIVE,
    HIT,
    STALE,
    TRUE_MATCH,
    list_problems,
    screen_of,
)
from fntx_dagster.services.screening.lists import standings
from fntx_dagster.services.treasury.declining import declining
from fntx_dagster.services.treasury.proposals import operator
from fntx_dagster.services.treasury.requests import party_ids, read_once
from fntx_dagster.store.database import InTransaction
from fntx_dagster.store.treasury.screenings import screening

if TYPE_CHECKING:
    from fntx_dagster.services.orders.access import Caller
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database

MOST_CASES = 100
REFUSED = "refused"
_LONGEST_REASON, _LONGEST_NAME = 1000, 200


class AskedDisposition(NamedTuple):
    """What is decided of a check, and what a signer of the role compliance returned; None where nobody signed."""

    decision: MatchDecision
    signed: dict[str, str] | None


def screen(settings: Settings, db: Database, caller: Caller, body: bytes) -> dict[str, Any]:
    """Screen the parties with the ids of `parties`, of which each check is kept; or the names of `cases`, or of one
    `party`, of which nothing is. Nobody is cleared by a list that is missing or too old. Raises Declined."""
    fields = Fields(read_once(body))
    parties = party_ids(fields)
    cases = _cases(fields)
    if bool(parties) == bool(cases) and not fields.is_wrong:
        fields.fault("parties", "missing", "give ids of parties, or cases with a party each")
    fields.finish()
    with declining():
        if cases:
            return _names(settings, db, cases)
        return screen_now(settings, db, parties, by=operator(caller)).as_dict() | {"results": []}


def lists(settings: Settings, db: Database) -> dict[str, Any]:
    """The lists that count, and why one of them clears nobody; `can_clear`: all of them can."""
    counting = standings(settings, db)
    rows = [
        {"list_name": each.list_name, "problem": each.problem or None}
        | (each.version._asdict() if each.version else {})
        for each in counting
    ]
    return {"can_clear": not list_problems(counting), "lists": rows}


def check(db: Database, screening_id: int) -> dict[str, Any]:
    """A check of a party as it was kept: by ids, without a name."""
    with declining():
        row = screening(db, screening_id)
        if row is None:
            raise NoSuchScreening(f"no screening has the number {screening_id}", "`screen` gives the number of each")
    return row._asdict() | {"threshold": float(row.threshold), "score": None if row.score is None else float(row.score)}


def bytes_to_sign(settings: Settings, db: Database, screening_id: int, body: bytes) -> dict[str, Any]:
    """What a signer of the role compliance signs to decide a check so."""
    fields = Fields(read_once(body))
    decision = _match_decision(fields)
    fields.finish()
    with declining():
        content = to_sign(settings, db, screening_id, decision)
    return {"screening_id": screening_id, "hex": content.hex()}


def decide(settings: Settings, db: Database, caller: Caller, screening_id: int, body: bytes) -> dict[str, Any]:
    """Record what was decided of a check's matches. Once there are signers, a false positive needs the signature of one
    of the role compliance, and lets proposals go on that the party held back."""
    asked = _disposition(body)
    with declining():
        done, moved = decide_match(settings, db, screening_id, asked.decision, by=operator(caller), signed=asked.signed)
    return {
        "screening_id": screening_id,
        "verdict": asked.decision.verdict,
        "dispositions": done.numbers,
        "proposals": {str(row.proposal_id): row.state for row in moved},
    }


def _cases(fields: Fields) -> list[Any]:
    """The cases of a body: a list, or the one that the body itself is."""
    cases, party = fields.take("cases"), fields.take("party")
    kind = fields.take("kind")
    if party is not None:
        return [{"kind": "screen" if kind is None else kind, "party": party}]
    if kind is not None:
        fields.fault("kind", "invalid", "goes with party")
    if cases is None:
        return []
    if not isinstance(cases, list) or not 0 < len(cases) <= MOST_CASES:
        fields.fault("cases", "invalid", f"not a list of 1 to {MOST_CASES} cases")
        return []
    return cases


def _names(settings: Settings, db: Database, cases: list[Any]) -> dict[str, Any]:
    """Each case against the lists that count, as the calculator answers it, with what the gate would decide."""
    with db.connect() as connection:
        counting = standings(settings, InTransaction(connection))
        screens = [screen_of(connection, each.version) for each in counting if each.version]
    problems = list_problems(counting)

    def one(case: Case) -> dict[str, Any]:
        party = asked_party(case)
        found = [each.check(party) for each in screens]
        status = gravest([each.status for each in found])
        matches = sorted((match for each in found for match in each.matches), key=lambda match: -match.score)
        worst = [match for match in matches if match.status == status]
        return {
            "status": status,
            "entity": worst[0].entity_id if worst else None,
            "matches": [shown_match(match) for match in matches],
            "decision": HIT if matches else STALE if problems else CLEARED,
        }

    answers = results({"cases": cases}, by_kind({"screen": one})).document["results"]
    decided = {each["result"]["decision"] if "result" in each else REFUSED for each in answers}
    decision = next(each for each in (HIT, REFUSED, STALE, CLEARED) if each in decided)
    return {"decision": decision, "problems": [*problems], "parties": [], "results": answers}


def _disposition(body: bytes) -> AskedDisposition:
    fields = Fields(read_once(body))
    decision = _match_decision(fields)
    signer = fields.text("signer", _is_name, "the id of a signer", optional=True)
    signature = fields.text("signature", _is_name, "a signature in hex", optional=True)
    if fields.has("signer") != fields.has("signature"):
        fields.fault("signature", "missing", "signer and signature go together")
    fields.finish()
    signed = {"signer": signer, "signature": signature} if signer else None
    return AskedDisposition(decision, signed)


def _match_decision(fields: Fields) -> MatchDecision:
    verdict = fields.choice("verdict", (FALSE_POSITIVE, TRUE_MATCH), None)
    reason = fields.text("reason", _is_reason, f"why, in 1 to {_LONGEST_REASON} characters, without names of people")
    entity = fields.text("entity", _is_name, "the id of an entity of a match", optional=True) or None
    return MatchDecision(verdict, reason, entity)


def _is_reason(text: str) -> bool:
    return bool(text.strip()) and len(text) <= _LONGEST_REASON and "\0" not in text


def _is_name(text: str) -> bool:
    return bool(text.strip()) and len(text) <= _LONGEST_NAME and "\0" not in text
