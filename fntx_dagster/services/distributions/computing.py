"""A distribution computed and frozen: its inputs, lines and payments never change from then on."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.bonds.deals import amounts, read_deal
from fntx_dagster.bonds.distributions import FrozenDistribution, frozen
from fntx_dagster.bonds.waterfall import Waterfall, WaterfallDeal, distributed
from fntx_dagster.errors import Permanent
from fntx_dagster.services.bonds.comparing import require_agreement
from fntx_dagster.services.bonds.steps import held_bond, known_bond, logged, step_taken
from fntx_dagster.services.distributions.accounts import paying_account
from fntx_dagster.services.distributions.ending import confirmed_if_all_paid
from fntx_dagster.services.distributions.inputs import DistributionInputs, inputs_of
from fntx_dagster.services.distributions.repeating import require_known_payments
from fntx_dagster.services.governance.configuration import approved_config
from fntx_dagster.services.governance.signers import TERMINAL
from fntx_dagster.services.governance.steps import require_running
from fntx_dagster.services.transactions.opening import opened
from fntx_dagster.store.treasury.distributions import (
    DistributionRow,
    LineRow,
    PaymentRow,
    add_distribution,
    distribution,
    distributions,
)
from fntx_dagster.store.treasury.platform import entered

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Connection, Database
    from fntx_dagster.store.treasury.bonds import BondRow

SUBJECT = "distribution"


class NoSuchDistribution(Permanent):
    """There is no distribution with an id."""

    def __init__(self, distribution_id: UUID) -> None:
        super().__init__(f"there is no distribution {distribution_id}", "`fntx bond cash` lists those of a bond")


def held_distribution(connection: Connection, distribution_id: UUID) -> DistributionRow:
    """A distribution, held until the transaction ends. Raises NoSuchDistribution."""
    row = distribution(connection, distribution_id, for_step=True)
    if row is None:
        raise NoSuchDistribution(distribution_id)
    return row


def known_distribution(connection: Connection, distribution_id: UUID) -> DistributionRow:
    """A distribution as it is now. Raises NoSuchDistribution."""
    row = distribution(connection, distribution_id)
    if row is None:
        raise NoSuchDistribution(distribution_id)
    return row


def compute(
    settings: Settings,
    db: Database,
    bond_id: str,
    period: int | None = None,
    by: str = TERMINAL,
    *,
    as_registered: bool = False,
) -> DistributionRow:
    """Compute the next distribution of a bond and freeze it. `period`: of the schedule; else the one that is due. Where
    it pays nobody, because all of the cash is retained, it is confirmed at once. `as_registered`: whatever the ledger
    of the token says about who holds. Raises what `inputs_of`, `require_agreement` and `read_deal` raise, Permanent
    where the cash is paid out by payments that are not known here, and Transient where a ledger does not answer."""
    with db.connect() as connection:
        bond = known_bond(connection, bond_id)
        config = approved_config(settings, connection)
    if not as_registered:
        require_agreement(settings, db, bond)
    with opened(settings, config, bond.cash_ledger) as ledger:
        head, closed_at = ledger.head(), ledger.closed_at()
        require_known_payments(db, ledger, bond, paying_account(config, bond))
    events: list[NewAuditEvent] = []
    with entered(db) as connection:
        require_running(connection)
        bond = held_bond(connection, bond_id)
        inputs = inputs_of(connection, bond, period, closed_at.astimezone(UTC).date())
        deal = read_deal(inputs.deal)
        waterfall = distributed(deal)
        account = paying_account(config, bond)
        distribution_id = uuid4()
        whole = frozen(
            {
                "distribution": str(distribution_id),
                "bond": bond.bond_id,
                "number": inputs.number,
                "terms_hash": bond.terms_hash,
                "account": account,
                "record_date": inputs.record_date.isoformat(),
                **({"as_registered": True} if as_registered else {}),
            },
            inputs.deal,
            deal,
            waterfall,
            inputs.payees,
        )
        row = _row(distribution_id, bond, inputs, deal, waterfall, whole, account, head, by)
        add_distribution(connection, row, _lines(deal, waterfall), _payments(whole), inputs.receipts)
        events.append(_told(row, deal, waterfall, by))
        if bond.state == "Funded":
            bond = step_taken(connection, bond, "run_waterfall", by, events)
        row = confirmed_if_all_paid(connection, row, bond, closed_at, by, events)
        logged(settings, connection, events)
    return row


def distribute_next(
    settings: Settings,
    db: Database,
    bond_id: str,
    period: int | None = None,
    by: str = TERMINAL,
    *,
    as_registered: bool = False,
) -> DistributionRow:
    """The distribution of a bond that is not proposed yet, or failed; else the next, computed. Raises what `compute`
    raises."""
    with db.connect() as connection:
        known_bond(connection, bond_id)
        waiting = distributions(connection, bond_id, ("computed", "failed"))
    return waiting[0] if waiting else compute(settings, db, bond_id, period, by, as_registered=as_registered)


def _row(
    distribution_id: UUID,
    bond: BondRow,
    inputs: DistributionInputs,
    deal: WaterfallDeal,
    waterfall: Waterfall,
    whole: FrozenDistribution,
    account: str,
    head: int,
    by: str,
) -> DistributionRow:
    return DistributionRow(
        distribution_id,
        bond.bond_id,
        inputs.number,
        inputs.period,
        _money(deal.available, deal.decimals),
        inputs.carried,
        _money(waterfall.retained, deal.decimals),
        whole.document,
        whole.hash,
        bond.cash_ledger,
        account,
        head,
        by,
        datetime.now(UTC),
        "computed",
        record_date=inputs.record_date,
    )


def _lines(deal: WaterfallDeal, waterfall: Waterfall) -> list[LineRow]:
    return [
        LineRow(
            number,
            line.step,
            line.kind,
            line.rank,
            line.id,
            *(_money(each, deal.decimals) for each in (line.due, line.arrears_before, line.paid, line.shortfall)),
        )
        for number, line in enumerate(waterfall.lines, 1)
    ]


def _payments(whole: FrozenDistribution) -> list[PaymentRow]:
    return [
        PaymentRow(
            each.number,
            each.step,
            each.kind,
            each.line_id,
            each.payee.party,
            each.payee.address,
            Decimal(each.amount),
            each.invoice_id,
        )
        for each in whole.payments
    ]


def _money(units: int, decimals: int) -> Decimal:
    return Decimal(units).scaleb(-decimals)


def _told(row: DistributionRow, deal: WaterfallDeal, waterfall: Waterfall, by: str) -> NewAuditEvent:
    amount = amounts(deal.decimals)
    details = {
        "bond": row.bond_id,
        "number": row.number,
        "period": row.period,
        "record_date": str(row.record_date),
        "hash": row.hash,
        "currency": deal.currency,
        "available": amount(deal.available),
        "paid": amount(deal.available - waterfall.retained),
        "retained": amount(waterfall.retained),
        "payments": len(waterfall.payments),
    }
    return NewAuditEvent("waterfall_distributed", by, EventSubject(SUBJECT, str(row.distribution_id)), details)
