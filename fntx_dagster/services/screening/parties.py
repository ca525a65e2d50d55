"""Parties: adding one, changing what is known of it, and no longer screening it against new lists.

What was screened and voted on does not change under a proposal, and a true match is of the party, whatever it is
called.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.compliance.entities import ScreenedParty, party_of
from fntx_dagster.compliance.names import normal_form, require_visible
from fntx_dagster.errors import Permanent
from fntx_dagster.services.auditing.log import append
from fntx_dagster.services.treasury.secrets import require_no_secret
from fntx_dagster.store.treasury.parties import PartyRow, held_party, moving_proposals_of, parties, put_party
from fntx_dagster.store.treasury.screenings import true_matches

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Connection, Database, Readable

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}").fullmatch


def set_party(
    settings: Settings,
    db: Database,
    party_id: str,
    name: str,
    schema: str = "",
    birth_date: str = "",
    countries: Sequence[str] = (),
    *,
    in_use: bool = True,
    by: str,
) -> PartyRow:
    """Add a party, or change what is known of it: what was decided of its matches before then no longer holds.

    `party_id` is in the audit log and must not be a name. Permanent for an id, a name, a date of birth or a country
    that is none; and for a change while a proposal that can still move something names the party, or a true match of
    it stands.
    """
    if not _ID(party_id):
        raise Permanent(
            f"{party_id[:70]!r} is no id of a party", "Use up to 64 letters, digits, dots, dashes and colons, no name"
        )
    party = party_of(name.strip(), schema.strip(), birth_date, countries)
    require_no_secret([party_id, party.name])
    require_visible(party.name)
    normal_form(party.name)
    row = PartyRow(party_id, *party, details_hash(party), in_use)
    with db.connect() as connection:
        before = held_party(connection, party_id, by)
        if before is not None and before.details_hash != row.details_hash:
            _require_free(connection, party_id)
        _put(settings, connection, before, row, by)
    return row


def retire_party(settings: Settings, db: Database, party_id: str, *, by: str) -> PartyRow:
    """Screen a party against new lists no longer. Permanent for an unknown id."""
    known_party(db, party_id)
    with db.connect() as connection:
        before = held_party(connection, party_id, by)
        if before is None:
            raise unknown_party([party_id])
        row = before._replace(in_use=False)
        _put(settings, connection, before, row, by)
    return row


def require_no_true_match(connection: Connection, party_id: str) -> None:
    """Raise Permanent where a match of a party was called true and nobody called it false since."""
    for found in true_matches(connection, party_id):
        raise Permanent(
            f"a match of {party_id} was called true (check {found.screening_id})",
            f"It holds until compliance decides otherwise: `fntx compliance dispose {found.screening_id} "
            "--as false_positive`",
        )


def _require_free(connection: Connection, party_id: str) -> None:
    if found := moving_proposals_of(connection, party_id):
        raise Permanent(
            f"the proposal {found[0]} names {party_id} as it was screened",
            "It changes when the proposal is over: `fntx treasury cancel` ends one that was not sent",
        )
    require_no_true_match(connection, party_id)


def _put(settings: Settings, connection: Connection, before: PartyRow | None, row: PartyRow, by: str) -> None:
    """Keep a party; of a change the log says which fields, never what they hold: a hash of a name is soon guessed."""
    put_party(connection, row)
    if before is None:
        return
    fields = [name for name in PartyRow._fields if name != "details_hash" and _differ(before, row, name)]
    if fields:
        details = {"changed": ", ".join(fields)}
        append(settings, connection, NewAuditEvent("party_changed", by, EventSubject("party", row.party_id), details))


def _differ(before: PartyRow, row: PartyRow, name: str) -> bool:
    was, now = getattr(before, name), getattr(row, name)
    return [*was] != [*now] if name == "countries" else was != now


def known_party(db: Readable, party_id: str) -> PartyRow:
    """The party with an id. Permanent where there is none."""
    for row in parties(db, [party_id]):
        return row
    raise unknown_party([party_id])


def unknown_party(party_ids: Sequence[str]) -> Permanent:
    """The error for ids of parties that are not known."""
    return Permanent(
        f"no party is called {', '.join(f'{each[:70]!r}' for each in party_ids)}",
        "Add it with `fntx compliance party ID --name NAME`",
    )


def details_hash(party: ScreenedParty) -> str:
    """SHA-256 (hex) of what is known of a party."""
    return hashlib.sha256(json.dumps(party, ensure_ascii=True).encode()).hexdigest()
