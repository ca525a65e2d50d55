"""A distribution or a release proposed: one approval for all its payments that no ledger holds yet."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from fntx_dagster.bonds.deals import amounts
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.kinds import DISTRIBUTION, RELEASE
from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.services.bonds.steps import known_bond
from fntx_dagster.services.distributions.accounts import payment_intent
from fntx_dagster.services.distributions.computing import held_distribution
from fntx_dagster.services.distributions.ending import is_open, moved
from fntx_dagster.services.distributions.settling import settled
from fntx_dagster.services.governance.configuration import approved_config
from fntx_dagster.services.governance.proposing import proposed
from fntx_dagster.services.governance.signers import TERMINAL
from fntx_dagster.store.treasury.distributions import (
    DistributionRow,
    PaymentRow,
    PaymentStanding,
    add_distribution_proposal,
    payments_of,
)
from fntx_dagster.store.treasury.platform import entered

if TYPE_CHECKING:
    from fntx_dagster.audit.event import NewAuditEvent
    from fntx_dagster.governance.config import TreasuryConfig
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database
    from fntx_dagster.store.treasury.bonds import BondRow

_PROPOSED = ("computed", "failed")


def propose_distribution(
    settings: Settings, db: Database, distribution_id: UUID, travel: Any = None, by: str = TERMINAL
) -> UUID:
    """Propose that a distribution is paid: all its payments, or, of one that failed, those that the ledger, which is
    asked before, does not hold. `travel`: what is said of both sides above the amount of the travel rule. Raises
    Permanent where it is proposed already, and what `settled` and `proposed` raise."""
    strange = settled(settings, db, distribution_id).strange
    events: list[NewAuditEvent] = []
    with entered(db) as connection:
        row = held_distribution(connection, distribution_id)
        if row.is_withdrawn:
            raise Permanent(f"the distribution {distribution_id} is withdrawn", "`fntx bond distribute` makes another")
        if row.state not in _PROPOSED:
            raise Permanent(
                f"the distribution {distribution_id} is {row.state}", "Look at it: `fntx bond pay` says what is next"
            )
        bond = known_bond(connection, row.bond_id)
        left = [each for each in payments_of(connection, distribution_id) if is_open(each)]
        left = [each for each in left if each.payment.number not in strange and each.paid_before is None]
        config = approved_config(settings, connection)
        payload = _payload(config, bond, row, [each.payment for each in left])
        kind, parties = DISTRIBUTION, list[str]()
        if row.is_release:
            kind, parties = RELEASE, [each.payment.party for each in left]
            payload |= {"reason": json.loads(row.document)["reason"], "releases": [_released(each) for each in left]}
        proposal = proposed(settings, connection, kind, payload, events, [*dict.fromkeys(parties)], by, travel)
        add_distribution_proposal(connection, proposal.proposal_id, distribution_id)
        moved(connection, row, "proposed")
        append_all(settings, connection, events)
    return proposal.proposal_id


def payment_payload(config: TreasuryConfig, bond: BondRow, row: DistributionRow, payment: PaymentRow) -> dict[str, Any]:
    """The payload of the proposal that pays one payment."""
    return {**_network(config, row), "intent": _intent(bond, row, payment)}


def _payload(config: TreasuryConfig, bond: BondRow, row: DistributionRow, payments: list[PaymentRow]) -> dict[str, Any]:
    return {
        **_network(config, row),
        "bond": row.bond_id,
        "distribution": str(row.distribution_id),
        "hash": row.hash,
        "intents": [_intent(bond, row, each) for each in payments],
    }


def _released(standing: PaymentStanding) -> dict[str, Any]:
    own = standing.payment
    return {"distribution": str(own.releases), "number": own.releases_number, "party": own.party}


def _network(config: TreasuryConfig, row: DistributionRow) -> dict[str, Any]:
    return {"ledger": row.ledger, "network_id": config.network_id if row.ledger == "xrpl" else config.passphrase}


def _intent(bond: BondRow, row: DistributionRow, payment: PaymentRow) -> dict[str, Any]:
    amount = amounts(bond.decimals)(int(payment.amount.scaleb(bond.decimals)))
    return payment_intent(bond, row.account, payment.address, amount, payment.invoice_id)
