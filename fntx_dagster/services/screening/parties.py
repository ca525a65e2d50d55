"""Parties: adding one, changing what is known of it, and no longer screening it against new lists."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fntx_dagster.compliance.entities import ScreenedParty, party_of
from fntx_dagster.compliance.names import normal_form
from fntx_dagster.errors import Permanent
from fntx_dagster.store.treasury.parties import PartyRow, parties, put_party

if TYPE_CHECKING:
    from fntx_dagster.store.database import Database, Readable

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}").fullmatch


def set_party(
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
    that is none.
    """
    if not _ID(party_id):
        raise Permanent(
            f"{party_id[:70]!r} is no id of a party", "Use up to 64 letters, digits, dots, dashes and colons, no name"
        )
    party = party_of(name.strip(), schema.strip(), birth_date, countries)
    normal_form(party.name)
    row = PartyRow(party_id, *party, details_hash(party), in_use)
    with db.connect() as connection:
        put_party(connection, row, by)
    return row


def retire_party(db: Database, party_id: str, *, by: str) -> PartyRow:
    """Screen a party against new lists no longer. Permanent for an unknown id."""
    row = known_party(db, party_id)._replace(in_use=False)
    with db.connect() as connection:
        put_party(connection, row, by)
    return row


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
