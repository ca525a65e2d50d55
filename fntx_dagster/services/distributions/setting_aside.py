"""To set payments aside is proposed, and to release what was set aside: a distribution without a waterfall."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.bonds.deals import amounts
from fntx_dagster.bonds.distributions import FrozenDistribution, Payee, PaymentDue, frozen_release, release_id
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.kinds import SET_ASIDE
from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.services.bonds.steps import held_bond, known_bond
from fntx_dagster.services.distributions.asides import aside_payload, require_may_be
from fntx_dagster.services.distributions.computing import SUBJECT, held_distribution, known_distribution
from fntx_dagster.services.distributions.proposing import propose_distribution
from fntx_dagster.services.distributions.settling import settled
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.signers import TERMINAL
from fntx_dagster.services.governance.steps import require_running
from fntx_dagster.services.treasury.secrets import require_plain
from fntx_dagster.store.treasury.distributions import (
    DistributionRow,
    PaymentRow,
    PaymentStanding,
    add_distribution,
    distributions,
    payments_of,
)
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.set_aside import entered_addresses, held_of, open_releases

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Connection, Database
    from fntx_dagster.store.treasury.bonds import BondRow

_AGAIN = ("computed", "failed")


def propose_set_aside(
    settings: Settings, db: Database, distribution_id: UUID, numbers: Sequence[int], reason: str, by: str = TERMINAL
) -> UUID:
    """Propose that payments of a distribution are set aside; the proposal. The ledger is asked before for those that it
    holds. Raises Permanent without a reason, for a payment that is made or set aside or that the distribution does not
    have, and what `settled` and `propose` raise."""
    _require_reason("to set a payment aside", reason)
    settled(settings, db, distribution_id)
    with db.connect() as connection:
        row = known_distribution(connection, distribution_id)
        bond = known_bond(connection, row.bond_id)
        chosen = _chosen(connection, row, numbers)
    for each in chosen:
        require_may_be(each)
    return propose(settings, db, SET_ASIDE, aside_payload(bond, row, chosen, reason), by=by)


def release(
    settings: Settings,
    db: Database,
    distribution_id: UUID,
    numbers: Sequence[int],
    reason: str,
    to: str | None = None,
    travel: Any = None,
    by: str = TERMINAL,
) -> DistributionRow:
    """Propose that what was set aside of a distribution is paid; the release. `to`: another address of the payee, which
    the bond's register names; else each is paid where it was to be paid. Asked again for the same payments, a release
    that failed is proposed anew. Raises Permanent for a payment that is not set aside, is paid or is released by
    another release, and what `settled` and `propose_distribution` raise."""
    _require_reason("a release", reason)
    settled(settings, db, distribution_id)
    with entered(db) as connection:
        require_running(connection)
        bond = held_bond(connection, known_distribution(connection, distribution_id).bond_id)
        row = held_distribution(connection, distribution_id)
        chosen = _chosen(connection, row, numbers)
        made = _under_way(connection, row, chosen)
        if made is None:
            made = _released(settings, connection, bond, row, chosen, reason, to, by)
    if settled(settings, db, made.distribution_id).row.state != "confirmed":  # a ledger may hold it: after a restore
        propose_distribution(settings, db, made.distribution_id, travel, by)
    with db.connect() as connection:
        return known_distribution(connection, made.distribution_id)


def _chosen(connection: Connection, row: DistributionRow, numbers: Sequence[int]) -> list[PaymentStanding]:
    by_number = {each.payment.number: each for each in payments_of(connection, row.distribution_id)}
    wanted = [*dict.fromkeys(numbers)]
    if not wanted:
        raise Permanent("no payment is named", "Name each with --payment: `fntx bond pay ID` lists them")
    if strange := [number for number in wanted if number not in by_number]:
        raise Permanent(
            f"the distribution {row.distribution_id} has no payment {strange[0]}", "`fntx bond pay ID` lists them"
        )
    return [by_number[number] for number in wanted]


def _under_way(
    connection: Connection, row: DistributionRow, chosen: Sequence[PaymentStanding]
) -> DistributionRow | None:
    """The release of just these payments that failed or was not proposed; None where none releases them."""
    known = open_releases(connection, row.bond_id)
    ids = {known.get((row.distribution_id, each.payment.number)) for each in chosen}
    if ids == {None}:
        return None
    [first, *_] = sorted(str(each) for each in ids if each is not None)
    made = known_distribution(connection, UUID(first))
    numbers = {each.payment.releases_number for each in payments_of(connection, made.distribution_id)}
    if len(ids) == 1 and made.state in _AGAIN and numbers == {each.payment.number for each in chosen}:
        return made
    raise Permanent(
        f"the release {made.distribution_id} pays it, and is {made.state}",
        "`fntx bond pay` goes on with it, `fntx bond withdraw` takes it back",
    )


def _released(
    settings: Settings,
    connection: Connection,
    bond: BondRow,
    row: DistributionRow,
    chosen: Sequence[PaymentStanding],
    reason: str,
    to: str | None,
    by: str,
) -> DistributionRow:
    held = {(each.distribution_id, each.number) for each in held_of(connection, bond.bond_id)}
    for each in chosen:
        _require_held(row, each, is_held=(row.distribution_id, each.payment.number) in held)
        if to is not None and to not in entered_addresses(connection, bond.bond_id, each.payment.party):
            raise Permanent(
                f"the register of {bond.bond_id} does not name {to[:70]!r} for {each.payment.party}",
                "A change of its holders that signers approved names it: `fntx bond transfer`",
            )
    distribution_id = uuid4()
    number = max(each.number for each in distributions(connection, bond.bond_id, withdrawn=True, releases=True)) + 1
    whole = _frozen(bond, row, distribution_id, number, chosen, reason, to)
    total = sum((each.payment.amount for each in chosen), Decimal(0))
    made = DistributionRow(
        distribution_id,
        bond.bond_id,
        number,
        row.period,
        total,
        Decimal(0),
        Decimal(0),
        whole.document,
        whole.hash,
        row.ledger,
        row.account,
        row.head,
        by,
        datetime.now(UTC),
        "computed",
        kind="release",
    )
    payments = [_row(due, row, each) for due, each in zip(whole.payments, chosen, strict=True)]
    add_distribution(connection, made, [], payments, [])
    append_all(settings, connection, [_told(bond, row, made, reason, by)])
    return made


def _row(due: PaymentDue, row: DistributionRow, released: PaymentStanding) -> PaymentRow:
    return PaymentRow(
        due.number,
        due.step,
        due.kind,
        due.line_id,
        due.payee.party,
        due.payee.address,
        Decimal(due.amount),
        due.invoice_id,
        row.distribution_id,
        released.payment.number,
    )


def _told(bond: BondRow, row: DistributionRow, made: DistributionRow, reason: str, by: str) -> NewAuditEvent:
    details = {
        "decision": "payments_released",
        "bond": bond.bond_id,
        "distribution": str(row.distribution_id),
        "hash": made.hash,
        "amount": _money(bond, made.available),
        "reason": reason,
    }
    return NewAuditEvent("decision_recorded", by, EventSubject(SUBJECT, str(made.distribution_id)), details)


def _require_held(row: DistributionRow, standing: PaymentStanding, *, is_held: bool) -> None:
    number = standing.payment.number
    if row.is_release:
        raise Permanent(
            f"{row.distribution_id} is a release", "Name the distribution whose payment it releases: `fntx bond show`"
        )
    if standing.tx_hash is not None:
        raise Permanent(f"payment {number} is in a ledger, by {standing.tx_hash}", "Nothing is left to pay")
    if standing.set_aside is None:
        raise Permanent(f"payment {number} is not set aside", "`fntx bond pay` makes it")
    if not is_held:
        raise Permanent(f"payment {number} was released, and is paid", "Nothing is left to pay")


def _frozen(
    bond: BondRow,
    row: DistributionRow,
    distribution_id: UUID,
    number: int,
    chosen: Sequence[PaymentStanding],
    reason: str,
    to: str | None,
) -> FrozenDistribution:
    payments = [
        PaymentDue(
            place,
            each.payment.step,
            each.payment.kind,
            each.payment.line_id,
            Payee(each.payment.party, to or each.payment.address),
            _money(bond, each.payment.amount),
            release_id(str(row.distribution_id), each.payment.number),
        )
        for place, each in enumerate(chosen, 1)
    ]
    head = {
        "distribution": str(distribution_id),
        "bond": bond.bond_id,
        "number": number,
        "terms_hash": bond.terms_hash,
        "account": row.account,
        "reason": reason,
        "releases": {
            "distribution": str(row.distribution_id),
            "hash": row.hash,
            "payments": [each.payment.number for each in chosen],
        },
    }
    total = _money(bond, sum((each.payment.amount for each in chosen), Decimal(0)))
    return frozen_release(head, bond.currency, bond.decimals, total, payments)


def _money(bond: BondRow, amount: Decimal) -> str:
    return amounts(bond.decimals)(int(amount.scaleb(bond.decimals)))


def _require_reason(what: str, reason: str) -> None:
    if not reason.strip():
        raise Permanent(f"{what} needs a reason", "Give it with --reason")
    require_plain("reason", reason)
