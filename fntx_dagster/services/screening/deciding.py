"""What a person decides of a match, and screening everybody again when a list has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.decisions import disposition_bytes
from fntx_dagster.governance.fields import StrictFields
from fntx_dagster.governance.kinds import COMPLIANCE
from fntx_dagster.governance.signatures import verifies
from fntx_dagster.services.auditing.log import append
from fntx_dagster.services.governance.signers import instance_of
from fntx_dagster.services.screening.gating import (
    FALSE_POSITIVE,
    GATE,
    HIT,
    TRUE_MATCH,
    GateAnswer,
    gate,
    passed_or_failed,
    screen_parties,
)
from fntx_dagster.services.treasury.secrets import require_plain
from fntx_dagster.store.database import InTransaction
from fntx_dagster.store.treasury import lists
from fntx_dagster.store.treasury.parties import parties, parties_in
from fntx_dagster.store.treasury.screenings import (
    NewDisposition,
    ScreeningRow,
    add_disposition,
    last_decisions,
    screening,
    true_matches,
)
from fntx_dagster.store.treasury.signer_sets import signer_sets, signers_of

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Connection, Database

_LONGEST_REASON = 1000


class NoSuchScreening(Permanent):
    """No check has a number."""


class DispositionRefused(Permanent):
    """A disposition that nobody of the role compliance signed. `code`: unsigned, unknown_signer or bad_signature."""

    def __init__(self, code: str, message: str, way_out: str) -> None:
        self.code = code
        super().__init__(message, way_out)


class MatchDecision(NamedTuple):
    """What a person decides of a match: `false_positive` or `true_match`, why, and of which entity: None of all."""

    verdict: str
    reason: str
    entity: str | None = None


class Rescreened(NamedTuple):
    """Everybody in use, screened again: the answer, and the parties that are held back now and were not before."""

    answer: GateAnswer
    new_hits: tuple[str, ...]


class Disposed(NamedTuple):
    """The party, the numbers of what was decided of its matches, and the signer who did; None before there are any."""

    party_id: str
    numbers: list[int]
    signer: str | None


def to_sign(settings: Settings, db: Database, screening_id: int, decision: MatchDecision) -> bytes:
    """What a signer of the role compliance signs to call the matches of a check false positives."""
    with db.connect() as connection:
        lists.lock_for_screening(connection)
        return _signed_bytes(settings, *_found(connection, screening_id, decision), decision)


def dispose(
    settings: Settings,
    db: Database,
    screening_id: int,
    decision: MatchDecision,
    *,
    by: str,
    signed: Any = None,
) -> Disposed:
    """Decide the matches of a check, or the one that the decision names.

    It holds for the party as it is known, the entity, and the entity's row as it is now. Raises NoSuchScreening;
    Permanent for a check without such a match, and where the party or a row has changed since. `by`: an actor of the
    audit log. Once there are signers, a false positive needs `signed`, else DispositionRefused: a `signer` of the role
    compliance, and his `signature` in hex over what `to_sign` gives.
    """
    with db.connect() as connection:
        lists.lock_for_screening(connection)
        row, found = _found(connection, screening_id, decision)
        signer = None
        if decision.verdict == FALSE_POSITIVE and signer_sets(connection, "active"):
            signer = _by_compliance(connection, _signed_bytes(settings, row, found, decision), signed)
            by = f"signer:{signer}"
        numbers = [
            _decide(
                settings,
                connection,
                NewDisposition(
                    row.screening_id,
                    row.party_id,
                    row.details_hash,
                    match["list"],
                    match["entity"],
                    match["row_hash"],
                    decision.verdict,
                    decision.reason.strip(),
                    by,
                ),
            )
            for match in found
        ]
    return Disposed(row.party_id, numbers, signer)


def _found(
    connection: Connection, screening_id: int, decision: MatchDecision
) -> tuple[ScreeningRow, list[Mapping[str, Any]]]:
    """A check and those of its matches that a decision is on, as they still are."""
    verdict, reason, entity = decision
    if verdict not in (FALSE_POSITIVE, TRUE_MATCH):
        raise Permanent(f"{verdict[:40]!r} decides nothing", f"Say {FALSE_POSITIVE} or {TRUE_MATCH}")
    if not reason.strip() or len(reason) > _LONGEST_REASON:
        raise Permanent(f"the reason has {len(reason)} characters", f"Give a reason of at most {_LONGEST_REASON}")
    require_plain("the reason", reason)
    row = screening(InTransaction(connection), screening_id)
    if row is None:
        raise NoSuchScreening(
            f"no screening has the number {screening_id}", "`fntx compliance screen` prints its number"
        )
    found = [match for match in row.matches if entity in (None, match["entity"])]
    if not found:
        raise Permanent(f"screening {screening_id} has no such match", "`fntx compliance screen` prints its matches")
    _require_as_it_was(connection, row, found)
    return row, found


def _signed_bytes(
    settings: Settings, row: ScreeningRow, found: Sequence[Mapping[str, Any]], decision: MatchDecision
) -> bytes:
    return disposition_bytes(
        instance_of(settings),
        {
            "screening": row.screening_id,
            "party": row.party_id,
            "details_hash": row.details_hash,
            "matches": [{name: match[name] for name in ("list", "entity", "row_hash")} for match in found],
            "verdict": decision.verdict,
            "reason": decision.reason.strip(),
        },
    )


def _by_compliance(connection: Connection, content: bytes, signed: Any) -> str:
    """The signer who signed a disposition. DispositionRefused unless he is of the role compliance, and signed this."""
    if signed is None:
        raise DispositionRefused(
            "unsigned",
            "a false positive needs the signature of a signer of the role compliance",
            "He signs what --sign prints; hand it in with --file decision.json: signer, signature",
        )
    fields = StrictFields(signed, "")
    signer_id, signature = fields.text("signer"), fields.text("signature")
    fields.end()
    [active] = signer_sets(connection, "active")
    for row in signers_of(connection, active.version):
        if (row.signer_id, row.role) == (signer_id, COMPLIANCE):
            if verifies(row.scheme, bytes.fromhex(row.public_key), content, _hex(signature)):
                return signer_id
            raise DispositionRefused(
                "bad_signature",
                f"the signature of {signer_id} does not fit (bad_signature)",
                "Sign what --sign prints now",
            )
    raise DispositionRefused(
        "unknown_signer",
        f"{signer_id[:70]} is no signer of the role compliance",
        "`fntx treasury signers` lists who is",
    )


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text) if text.isalnum() else b""
    except ValueError:
        return b""


def screen_now(settings: Settings, db: Database, party_ids: Sequence[str], *, by: str) -> GateAnswer:
    """Screen parties, or all in use where none is named, and keep and log each check. Permanent for an unknown one, and
    where there is none."""
    with db.connect() as connection:
        chosen = party_ids or [row.party_id for row in parties(InTransaction(connection))]
        if not chosen:
            raise Permanent("there is no party", "Add one with `fntx compliance party ID --name NAME`")
        return gate(settings, connection, chosen, "asked", by=by)


def rescreen(settings: Settings, db: Database, cause: str = "rescreen", *, by: str = GATE) -> Rescreened:
    """Screen every party in use against the lists as they are now. The audit log gets those whose decision changed."""
    with db.connect() as connection:
        lists.lock_for_screening(connection)
        before = last_decisions(connection)
        answer = screen_parties(settings, connection, None, cause, by=by)
        changed = [each for each in answer.verdicts if before.get(each.party_id) != each.decision]
        for verdict in changed:
            append(settings, connection, passed_or_failed(verdict, by, cause))
    return Rescreened(answer, tuple(each.party_id for each in changed if each.decision == HIT))


def _require_as_it_was(connection: Connection, row: ScreeningRow, found: Sequence[Mapping[str, Any]]) -> None:
    [known] = parties_in(connection, [row.party_id])
    if known.details_hash != row.details_hash:
        raise Permanent("the party has changed since it was screened", "Screen it again, and decide what that finds")
    true = {(each.list_name, each.entity_id, each.row_hash) for each in true_matches(connection, row.party_id)}
    for match in found:
        if (match["list"], match["entity"], match["row_hash"]) in true:
            continue  # it holds whatever the list says now, and so it can be ended
        now = lists.row_hashes(connection, match["list"], [match["entity"]])
        if now.get(match["entity"]) != match["row_hash"]:
            raise Permanent(
                f"what list {match['list']} says of {match['entity']} has changed since the screening",
                "Screen the party again, and decide what that finds",
            )


def _decide(settings: Settings, connection: Connection, new: NewDisposition) -> int:
    number = add_disposition(connection, new)
    details = {
        "screening": new.screening_id,
        "party": new.party_id,
        "list": new.list_name,
        "entity": new.entity_id,
        "row_hash": new.row_hash,
        "verdict": new.verdict,
        "reason_hash": hashlib.sha256(new.reason.encode()).hexdigest(),  # the reason itself may name people
    }
    append(
        settings,
        connection,
        NewAuditEvent("disposition_recorded", new.decided_by, EventSubject("disposition", f"{number}"), details),
    )
    return number
