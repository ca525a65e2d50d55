"""How the treasury's refusals reach programs: a code that stays, words, and a status."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fntx_dagster.errors import FntxError, Permanent, Transient
from fntx_dagster.escrows.guards import GuardFails
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.services.auditing.keys import LostKey
from fntx_dagster.services.bonds.guards import BondGuardFails
from fntx_dagster.services.bonds.steps import NoSuchBond
from fntx_dagster.services.distributions.computing import NoSuchDistribution
from fntx_dagster.services.escrows.steps import NoSuchEscrow
from fntx_dagster.services.execution.judging import OrderRefused
from fntx_dagster.services.execution.reading import NoSuchStrategy
from fntx_dagster.services.execution.switching import TradingStopped
from fntx_dagster.services.governance.deciding import DecisionRefused
from fntx_dagster.services.governance.standing import NoSuchStanding
from fntx_dagster.services.governance.steps import NoSuchProposal, TreasuryPaused
from fntx_dagster.services.orders.fields import Declined, FieldFault
from fntx_dagster.services.screening.deciding import DispositionRefused, NoSuchScreening
from fntx_dagster.services.screening.gating import NotCleared

_OF_STATE = ("duplicate", "duplicate_signer", "late", "removed_signer")
_CODES: dict[type[FntxError], tuple[str, int]] = {
    NoSuchProposal: ("proposal_not_found", 404),
    NoSuchStanding: ("proposal_not_found", 404),
    NoSuchBond: ("bond_not_found", 404),
    NoSuchDistribution: ("distribution_not_found", 404),
    NoSuchEscrow: ("escrow_not_found", 404),
    StepImpossible: ("wrong_state", 409),
    GuardFails: ("guard_fails", 409),
    BondGuardFails: ("guard_fails", 409),
    TreasuryPaused: ("paused", 409),
    OrderRefused: ("risk_limit", 422),
    TradingStopped: ("trading_stopped", 409),
    NoSuchStrategy: ("strategy_not_found", 404),
    NotCleared: ("not_cleared", 409),
    NoSuchScreening: ("screening_not_found", 404),
    LostKey: ("key_lost", 409),
}


@contextmanager
def declining(*, asks_ledgers: bool = False) -> Iterator[None]:
    """Raise what the services refuse as Declined. `asks_ledgers`: what may pass by itself is a server's as well, whose
    name is not the caller's business to guess."""
    try:
        yield
    except (DecisionRefused, DispositionRefused, TransactionRefused) as error:
        raise _declined(error, error.code, 409 if error.code in _OF_STATE else 422) from None
    except Permanent as error:
        code, status = _CODES.get(type(error), ("refused", 422))
        raise _declined(error, code, status) from None
    except Transient as error:
        if not asks_ledgers:
            raise
        raise _declined(error, "ledger_unavailable", 503) from None


def _declined(error: FntxError, code: str, status: int) -> Declined:
    return Declined([FieldFault("", code, str(error))], code, status)
