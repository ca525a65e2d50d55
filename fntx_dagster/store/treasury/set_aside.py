"""Payments set aside for payees who cannot be paid: what is held for whom, until a ledger holds the payment."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import args_row

from fntx_dagster.store.database import Connection
from fntx_dagster.store.queries import columns


class SetAsideRow(NamedTuple):
    """What is held for a party. `distribution`: its number on the bond; `address`: where it was to be paid;
    `held_until`: the UTC date on which it was paid after all, None while it is held."""

    bond_id: str
    distribution: int
    distribution_id: UUID
    number: int
    kind: str
    line_id: str
    party: str
    address: str
    amount: Decimal
    reason: str
    held_from: date
    held_until: date | None


HELD_ON = """held_from <= coalesce(%(until)s::date, held_from)
    and (held_until is null or held_until > coalesce(%(until)s::date, held_until))"""
"""Of `treasury.payment_held` what is held at the end of a date (NULL: now)."""


def add_set_aside(
    connection: Connection,
    distribution_id: UUID,
    numbers: Iterable[int],
    proposal_id: UUID,
    reason: str,
    ledger_date: date,
    by: str,
) -> None:
    """Keep that payments are set aside. Whoever calls holds the distribution, and has looked that no ledger holds them
    and none can."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """insert into treasury.payment_set_aside (distribution_id, number, proposal_id, reason, ledger_date,
                set_aside_by) values (%s, %s, %s, %s, %s, %s)""",
            [(distribution_id, number, proposal_id, reason, ledger_date, by) for number in numbers],
        )


def held_of(connection: Connection, bond_id: str, until: date | None = None) -> list[SetAsideRow]:
    """What is held of a bond at the end of a date (None: now), by distribution and payment."""
    with connection.cursor(row_factory=args_row(SetAsideRow)) as cursor:
        return cursor.execute(
            f"""select {columns(SetAsideRow._fields)} from treasury.payment_held
            where bond_id = %(bond)s and {HELD_ON} order by distribution, number""",
            {"bond": bond_id, "until": until},
        ).fetchall()


def attempts_of(connection: Connection, distribution_id: UUID, numbers: Iterable[int]) -> dict[int, list[UUID]]:
    """Of payments the proposals that made them or were to make them."""
    rows = connection.execute(
        """select number, proposal_id from treasury.payment_attempt
        where distribution_id = %s and number = any(%s) order by number, made_at""",
        [distribution_id, [*numbers]],
    )
    found: dict[int, list[UUID]] = {}
    for number, proposal_id in rows:
        found.setdefault(number, []).append(proposal_id)
    return found


def asked_aside(connection: Connection, distribution_id: UUID) -> dict[int, UUID]:
    """The payments of a distribution that a proposal which waits for decisions asks to set aside, and which one."""
    rows = connection.execute(
        """select (asked.value ->> 'number')::int, proposal_id from treasury.proposal,
            jsonb_array_elements(payload::jsonb -> 'payments') as asked (value)
        where kind = 'distribution.set_aside' and state = 'pending_approval'
            and payload::jsonb ->> 'distribution' = %s order by nonce""",
        [str(distribution_id)],
    )
    return {row[0]: row[1] for row in rows}


def open_releases(connection: Connection, bond_id: str) -> dict[tuple[UUID, int], UUID]:
    """Of payments that were set aside, by distribution and number, the release that is under way."""
    rows = connection.execute(
        """select releases, releases_number, distribution_id from treasury.payment as own
        join treasury.distribution as of_it using (distribution_id)
        where bond_id = %s and releases is not null and not is_withdrawn
            and not exists (select from treasury.payment_confirmed as paid
                where (paid.distribution_id, paid.number) = (own.distribution_id, own.number))
            and not exists (select from treasury.payment_set_aside as again
                where (again.distribution_id, again.number) = (own.distribution_id, own.number))""",
        [bond_id],
    )
    return {(row[0], row[1]): row[2] for row in rows}


def why_unpayable(connection: Connection, proposal_id: UUID) -> tuple[str | None, str | None]:
    """Of the payment that a proposal makes: why it was set aside, and, of one that releases another, the hash of the
    transaction in which a ledger holds that other one; None where there is none."""
    row = connection.execute(
        """select aside.reason, paid.tx_hash from treasury.payment_attempt as tried
        join treasury.payment as own using (distribution_id, number)
        left join treasury.payment_set_aside as aside using (distribution_id, number)
        left join treasury.payment_confirmed as paid
            on (paid.distribution_id, paid.number) = (own.releases, own.releases_number)
        where tried.proposal_id = %s""",
        [proposal_id],
    ).fetchone()
    return (row[0], row[1]) if row else (None, None)


def entered_addresses(connection: Connection, bond_id: str, party: str) -> set[str]:
    """The addresses at which a party is paid of a bond: by its fees, and by every decided change of its holders."""
    rows = connection.execute(
        """select address from treasury.bond_holding where (bond_id, holder) = (%(bond)s, %(party)s)
            and units > 0
        union select address from treasury.bond_fee where (bond_id, party) = (%(bond)s, %(party)s)""",
        {"bond": bond_id, "party": party},
    )
    return {row[0] for row in rows}
