"""Parties: who is screened, and the one table that holds what they are called, which nothing exports."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import psycopg
from psycopg.rows import namedtuple_row

from fntx_dagster.store.database import InTransaction, Readable
from fntx_dagster.store.queries import columns


class PartyRow(NamedTuple):
    """A party with what is known of it; `details_hash`: SHA-256 (hex) of that; `in_use`: a new list is screened
    against it."""

    party_id: str
    name: str
    schema: str
    birth_date: str
    countries: Sequence[str]
    details_hash: str
    in_use: bool


def held_party(connection: psycopg.Connection, party_id: str, by: str) -> PartyRow | None:
    """A party as it is known, held until the transaction ends: whoever screens it in another ends first. None where
    there was none; then its id is kept."""
    connection.execute(
        "insert into treasury.party (party_id, added_by) values (%s, %s) on conflict do nothing", (party_id, by)
    )
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        cursor.execute(
            f"select {columns(PartyRow._fields)} from treasury.party_details where party_id = %s for update", [party_id]
        )
        return next((PartyRow(*row) for row in cursor), None)


def put_party(connection: psycopg.Connection, row: PartyRow) -> None:
    """Keep what is known of a party that the transaction holds."""
    connection.execute(
        f"""insert into treasury.party_details ({columns(PartyRow._fields)}) values (%s, %s, %s, %s, %s, %s, %s)
        on conflict (party_id) do update set name = excluded.name, schema = excluded.schema,
            birth_date = excluded.birth_date, countries = excluded.countries, details_hash = excluded.details_hash,
            in_use = excluded.in_use, changed_at = clock_timestamp()""",
        row._replace(countries=[*row.countries]),
    )


def parties(db: Readable, party_ids: Collection[str] | None = None) -> list[PartyRow]:
    """The parties with these ids, or all that are in use, by id."""
    with db.connect() as connection, connection.cursor(row_factory=namedtuple_row) as cursor:
        cursor.execute(
            f"""select {columns(PartyRow._fields)} from treasury.party_details
            where case when %(ids)s::text[] is null then in_use else party_id = any(%(ids)s) end
            order by party_id""",
            {"ids": None if party_ids is None else [*party_ids]},
        )
        return [PartyRow(*row) for row in cursor]


def parties_in(connection: psycopg.Connection, party_ids: Collection[str] | None) -> list[PartyRow]:
    """The same, in the transaction of a connection; their details stay as they are until it ends."""
    connection.execute(
        """select from treasury.party_details
        where case when %(ids)s::text[] is null then in_use else party_id = any(%(ids)s) end
        order by party_id for share""",
        {"ids": None if party_ids is None else [*party_ids]},
    )
    return parties(InTransaction(connection), party_ids)


def add_address(connection: psycopg.Connection, address: str, party_id: str, by: str) -> str:
    """Give an address to a party, unless it is somebody's; whose it is then."""
    connection.execute(
        "insert into treasury.party_address (address, party_id, added_by) values (%s, %s, %s) on conflict do nothing",
        (address, party_id, by),
    )
    return owners(connection, [address])[address]


def remove_address(connection: psycopg.Connection, address: str, party_id: str) -> bool:
    """Take an address from a party; False where it is not its own. Whoever holds it in another transaction ends
    first."""
    return (
        connection.execute(
            "delete from treasury.party_address where address = %s and party_id = %s", (address, party_id)
        ).rowcount
        == 1
    )


def owners(connection: psycopg.Connection, addresses: Sequence[str]) -> dict[str, str]:
    """Address → party, held until the transaction ends; without those that are nobody's."""
    found = connection.execute(
        """select address, party_id from treasury.party_address where address = any(%s)
        order by address for share""",
        [[*addresses]],
    )
    return dict(found.fetchall())


def moving_proposals_of(connection: psycopg.Connection, party_id: str) -> list[str]:
    """Those of them that can still move something: not blocked, which goes on by a signature of compliance alone."""
    found = connection.execute(
        """select proposal_id::text from treasury.proposal where %s = any(parties)
        and state not in ('confirmed', 'failed', 'expired', 'rejected', 'cancelled', 'blocked') order by nonce""",
        [party_id],
    )
    return [row[0] for row in found]


def open_proposals_of(connection: psycopg.Connection, party_id: str) -> list[str]:
    """Proposals that name a party and are not over, oldest first."""
    found = connection.execute(
        """select proposal_id::text from treasury.proposal where %s = any(parties)
        and state not in ('confirmed', 'failed', 'expired', 'rejected', 'cancelled') order by nonce""",
        [party_id],
    )
    return [row[0] for row in found]
