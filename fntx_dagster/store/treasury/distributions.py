"""Distributions of bonds: frozen, with their lines and payments, what was attempted and what a ledger confirmed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import args_row

from fntx_dagster.store.database import Connection
from fntx_dagster.store.queries import columns


class DistributionRow(NamedTuple):
    """A distribution. `period`: the last one of the schedule that it covers; `carried`: of the cash, what the one
    before retained; `document`: canonical JSON, `hash` its SHA-256; `account` pays, by transactions after `head`.
    `is_withdrawn`: failed for good; `record_date`: who held at its end is paid, None of the oldest; `kind`: waterfall,
    or release: of payments that were set aside."""

    distribution_id: UUID
    bond_id: str
    number: int
    period: int
    available: Decimal
    carried: Decimal
    retained: Decimal
    document: str
    hash: str
    ledger: str
    account: str
    head: int
    computed_by: str
    computed_at: datetime
    state: str
    is_withdrawn: bool = False
    record_date: date | None = None
    kind: str = "waterfall"

    @property
    def is_release(self) -> bool:
        return self.kind == "release"


class LineRow(NamedTuple):
    """A row of a step."""

    line: int
    step: int
    kind: str
    class_name: str
    line_id: str
    due: Decimal
    arrears_before: Decimal
    paid: Decimal
    shortfall: Decimal


class PaymentRow(NamedTuple):
    """What one party gets of one line, at which address; `invoice_id` is in the ledger's transaction. `releases`,
    `releases_number`: the distribution and the number of the payment that was set aside, where it pays that one."""

    number: int
    step: int
    kind: str
    line_id: str
    party: str
    address: str
    amount: Decimal
    invoice_id: str
    releases: UUID | None = None
    releases_number: int | None = None


class PaymentStanding(NamedTuple):
    """A payment, how often it was attempted, the newest attempt with its proposal's state and reason, and the
    transaction that a ledger holds; None where there is none. `set_aside`: why it was set aside; `paid_before`: the
    transaction in which a ledger holds the payment that this one releases."""

    payment: PaymentRow
    attempts: int
    proposal_id: UUID | None
    state: str | None
    reason: str | None
    tx_hash: str | None
    ledger_index: int | None
    closed_at: datetime | None
    set_aside: str | None = None
    paid_before: str | None = None

    @property
    def is_done(self) -> bool:
        """Whether nothing of it is left to do: a ledger holds it, or it was set aside."""
        return self.tx_hash is not None or self.set_aside is not None

    @property
    def stands(self) -> str:
        """`confirmed` where a ledger holds it, `set aside`, else the state of its newest attempt, `open` where there is
        none."""
        if self.tx_hash is not None:
            return "confirmed"
        return "set aside" if self.set_aside is not None else self.state or "open"


class ConfirmedPayment(NamedTuple):
    """That a validated ledger holds a payment."""

    number: int
    tx_hash: str
    ledger_index: int
    closed_at: datetime


def add_distribution(
    connection: Connection,
    new: DistributionRow,
    lines: Iterable[LineRow],
    payments: Iterable[PaymentRow],
    receipts: Iterable[UUID],
) -> None:
    """Keep a distribution whole. Whoever calls holds its bond."""
    places = ", ".join(["%s"] * len(DistributionRow._fields))
    connection.execute(
        f"insert into treasury.distribution ({columns(DistributionRow._fields)}) values ({places})",  # pyright: ignore[reportArgumentType]  # places alone
        new,
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            """insert into treasury.distribution_line (distribution_id, line, step, kind, class, line_id, due,
                arrears_before, paid, shortfall) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            [(new.distribution_id, *line) for line in lines],
        )
        cursor.executemany(
            f"""insert into treasury.payment (distribution_id, {columns(PaymentRow._fields)})
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            [(new.distribution_id, *payment) for payment in payments],
        )
        cursor.executemany(
            "insert into treasury.distribution_receipt (receipt_id, distribution_id) values (%s, %s)",
            [(receipt, new.distribution_id) for receipt in receipts],
        )


def distribution(connection: Connection, distribution_id: UUID, *, for_step: bool = False) -> DistributionRow | None:
    """A distribution; `for_step` holds it until the transaction ends."""
    query = f"select {columns(DistributionRow._fields)} from treasury.distribution where distribution_id = %s"
    with connection.cursor(row_factory=args_row(DistributionRow)) as cursor:
        return cursor.execute(f"{query} for update" if for_step else query, [distribution_id]).fetchone()


def distributions(
    connection: Connection,
    bond_id: str | None = None,
    states: Sequence[str] | None = None,
    *,
    withdrawn: bool = False,
    releases: bool = False,
) -> list[DistributionRow]:
    """The distributions of a bond, or of all, in some states or in all; the newest first. `withdrawn`: those that were
    withdrawn too; `releases`: those of payments that were set aside too."""
    with connection.cursor(row_factory=args_row(DistributionRow)) as cursor:
        return cursor.execute(
            f"""select {columns(DistributionRow._fields)} from treasury.distribution
            where (%(bond)s::text is null or bond_id = %(bond)s)
                and (%(states)s::text[] is null or state = any(%(states)s))
                and (%(withdrawn)s or not is_withdrawn) and (%(releases)s or kind = 'waterfall')
            order by computed_at desc, number desc""",
            {
                "bond": bond_id,
                "states": None if states is None else [*states],
                "withdrawn": withdrawn,
                "releases": releases,
            },
        ).fetchall()


def move_distribution(connection: Connection, distribution_id: UUID, state: str, to: str) -> bool:
    """Take a distribution from one state to another; False where it is not in that state."""
    return (
        connection.execute(
            """update treasury.distribution set state = %s, updated_at = clock_timestamp()
            where distribution_id = %s and state = %s""",
            [to, distribution_id, state],
        ).rowcount
        == 1
    )


def withdraw_distribution(connection: Connection, row: DistributionRow, reason: str, by: str) -> bool:
    """Keep that a distribution pays nobody any more; False where it is not in its state any more."""
    moved = connection.execute(
        """update treasury.distribution set state = 'failed', is_withdrawn = true, updated_at = clock_timestamp()
        where distribution_id = %s and state = %s and not is_withdrawn""",
        [row.distribution_id, row.state],
    )
    if moved.rowcount != 1:
        return False
    connection.execute(
        "insert into treasury.distribution_withdrawn (distribution_id, reason, withdrawn_by) values (%s, %s, %s)",
        [row.distribution_id, reason, by],
    )
    return True


def why_withdrawn(connection: Connection, distribution_id: UUID) -> str | None:
    """Why a distribution was withdrawn; None for one that was not."""
    found = connection.execute(
        "select reason from treasury.distribution_withdrawn where distribution_id = %s", [distribution_id]
    ).fetchone()
    return found[0] if found else None


def lines_of(connection: Connection, distribution_id: UUID) -> list[LineRow]:
    """The lines of a distribution, in the order of its steps."""
    with connection.cursor(row_factory=args_row(LineRow)) as cursor:
        return cursor.execute(
            """select line, step, kind, class, line_id, due, arrears_before, paid, shortfall
            from treasury.distribution_line where distribution_id = %s order by line""",
            [distribution_id],
        ).fetchall()


def payments_of(connection: Connection, distribution_id: UUID) -> list[PaymentStanding]:
    """The payments of a distribution and where each stands, in their order."""
    rows = connection.execute(
        f"""select {columns(PaymentRow._fields, "payment")}, coalesce(tried.many, 0), tried.newest, proposal.state,
            proposal.reason, confirmed.tx_hash, confirmed.ledger_index, confirmed.closed_at, aside.reason,
            before.tx_hash
        from treasury.payment as payment
        left join lateral (
            select count(*) as many, (array_agg(attempt.proposal_id order by own.nonce desc))[1] as newest
            from treasury.payment_attempt as attempt join treasury.proposal as own using (proposal_id)
            where (attempt.distribution_id, attempt.number) = (payment.distribution_id, payment.number)
        ) as tried on true
        left join treasury.proposal as proposal on proposal.proposal_id = tried.newest
        left join treasury.payment_confirmed as confirmed
            on (confirmed.distribution_id, confirmed.number) = (payment.distribution_id, payment.number)
        left join treasury.payment_set_aside as aside
            on (aside.distribution_id, aside.number) = (payment.distribution_id, payment.number)
        left join treasury.payment_confirmed as before
            on (before.distribution_id, before.number) = (payment.releases, payment.releases_number)
        where payment.distribution_id = %s order by payment.number""",
        [distribution_id],
    ).fetchall()
    many = len(PaymentRow._fields)
    return [PaymentStanding(PaymentRow(*row[:many]), *row[many:]) for row in rows]


def add_attempt(connection: Connection, proposal_id: UUID, distribution_id: UUID, number: int) -> None:
    """Keep which proposal pays a payment. Whoever calls holds the distribution, and has looked that none other does."""
    connection.execute(
        "insert into treasury.payment_attempt (proposal_id, distribution_id, number) values (%s, %s, %s)",
        [proposal_id, distribution_id, number],
    )


def add_confirmed(connection: Connection, distribution_id: UUID, row: ConfirmedPayment) -> bool:
    """Keep that a ledger holds a payment; False where that is kept already."""
    return (
        connection.execute(
            f"""insert into treasury.payment_confirmed (distribution_id, {columns(ConfirmedPayment._fields)})
            values (%s, %s, %s, %s, %s) on conflict (distribution_id, number) do nothing""",
            [distribution_id, *row],
        ).rowcount
        == 1
    )


def add_distribution_proposal(connection: Connection, proposal_id: UUID, distribution_id: UUID) -> None:
    """Keep that the approval of a proposal lets a distribution be paid."""
    connection.execute(
        "insert into treasury.distribution_proposal (proposal_id, distribution_id) values (%s, %s)",
        [proposal_id, distribution_id],
    )


def distribution_proposals(connection: Connection, distribution_id: UUID) -> list[UUID]:
    """The proposals of a distribution, the newest first."""
    rows = connection.execute(
        """select proposal_id from treasury.distribution_proposal join treasury.proposal as own using (proposal_id)
        where distribution_id = %s order by own.nonce desc""",
        [distribution_id],
    )
    return [row[0] for row in rows]


def distribution_of_proposal(connection: Connection, proposal_id: UUID) -> UUID | None:
    """The distribution that a proposal asks for, or a payment of which it makes; None for any other proposal."""
    row = connection.execute(
        """select distribution_id from treasury.distribution_proposal where proposal_id = %(id)s
        union all select distribution_id from treasury.payment_attempt where proposal_id = %(id)s""",
        {"id": proposal_id},
    ).fetchone()
    return row[0] if row else None


def paid_by(connection: Connection, proposal_id: UUID) -> str | None:
    """The hash of the transaction in which a ledger holds the payment that a proposal makes, in lower-case hex; None
    where it holds none, and for any other proposal."""
    row = connection.execute(
        """select tx_hash from treasury.payment_attempt
        join treasury.payment_confirmed using (distribution_id, number) where proposal_id = %s""",
        [proposal_id],
    ).fetchone()
    return row[0] if row else None


def unknown_payments(connection: Connection, found: Mapping[str, str]) -> set[str]:
    """Of payments on a ledger, hash of the transaction (lower-case hex) → invoice id, the hashes of those that are
    neither of a distribution nor of a transaction that is kept."""
    rows = connection.execute(
        """select invoice_id from treasury.payment where invoice_id = any(%(invoices)s)
        union all select lower(hash) from treasury.ledger_tx where lower(hash) = any(%(hashes)s)""",
        {"invoices": [*found.values()], "hashes": [*found]},
    )
    known = {row[0] for row in rows}
    return {digest for digest, invoice in found.items() if invoice not in known and digest not in known}
