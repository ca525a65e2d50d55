"""The endpoints of bonds: their making, their steps by the table of states, and what is known of them."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from fntx_dagster.api import description, treasury_description
from fntx_dagster.api.dependencies import Body, TheDesk, TreasuryProposer, TreasuryReader, settings_of
from fntx_dagster.api.description import answered
from fntx_dagster.api.documents import document
from fntx_dagster.model import bond_answers as answers
from fntx_dagster.model.treasury_answers import ProposalAnswer
from fntx_dagster.services.bonds import programs
from fntx_dagster.services.distributions import programs as distributions

router = APIRouter(prefix="/api/treasury", responses=description.PROBLEMS | description.UNCHANGED)


@router.post(
    "/bonds",
    status_code=201,
    responses=answered(answers.BondAnswer, status=201),
    openapi_extra=treasury_description.BOND_TERMS,
)
def create(request: Request, desk: TheDesk, caller: TreasuryProposer, body: Body) -> Response:
    """Create a bond from its terms: a draft, which nothing moves yet."""
    return document(request, programs.create(settings_of(request), desk.db, caller, body), 201)


@router.get("/bonds", responses=answered(answers.BondsAnswer))
def list_bonds(
    request: Request,
    desk: TheDesk,
    caller: TreasuryReader,
    state: Annotated[str | None, Query(max_length=40, description="In this state, such as Delinquent.")] = None,
) -> Response:
    """Bonds, newest first."""
    return document(request, programs.listed(desk.db, state))


@router.get("/bonds/{bond_id}", responses=answered(answers.BondAnswer))
def bond(request: Request, desk: TheDesk, caller: TreasuryReader, bond_id: str) -> Response:
    """A bond: its state and what can follow, its tranches, what is overdue and what is due next."""
    return document(request, programs.one(desk.db, bond_id))


@router.get("/bonds/{bond_id}/events", responses=answered(answers.BondEventsAnswer))
def events(request: Request, desk: TheDesk, caller: TreasuryReader, bond_id: str) -> Response:
    """Every step of a bond, with its number in the audit log."""
    return document(request, programs.events(desk.db, bond_id))


@router.get("/bonds/{bond_id}/holders", responses=answered(answers.BondHoldersAnswer))
def holders(
    request: Request,
    desk: TheDesk,
    caller: TreasuryReader,
    bond_id: str,
    on: Annotated[date | None, Query(description="At the end of this day; else after all changes.")] = None,
) -> Response:
    """Who holds how many units of each tranche, and of the equity; and every change of that."""
    return document(request, programs.holders(desk.db, bond_id, on))


@router.get("/bonds/{bond_id}/ledger-holders", responses=answered(answers.BondLedgerHoldersAnswer))
def ledger_holders(request: Request, desk: TheDesk, caller: TreasuryReader, bond_id: str) -> Response:
    """Who holds the token of a bond otherwise than the register of its holders says: asked of the token's ledger."""
    return document(request, programs.ledger_holders(settings_of(request), desk.db, bond_id))


@router.post(
    "/bonds/{bond_id}/transfers",
    status_code=201,
    responses=answered(ProposalAnswer, status=201),
    openapi_extra=treasury_description.BOND_TRANSFER,
)
def transfer(request: Request, desk: TheDesk, caller: TreasuryProposer, bond_id: str, body: Body) -> Response:
    """Ask the signers to approve that units of a bond change hands, or are paid at a new address; both sides are
    screened. The answer is the proposal."""
    return document(request, programs.transfer(settings_of(request), desk.db, caller, bond_id, body), 201)


@router.get("/bonds/{bond_id}/cash", responses=answered(answers.BondCashAnswer))
def cash(request: Request, desk: TheDesk, caller: TreasuryReader, bond_id: str) -> Response:
    """The cash that came in on a bond, and its distributions."""
    return document(request, distributions.cash(desk.db, bond_id))


@router.post(
    "/bonds/{bond_id}/receipts",
    status_code=201,
    responses=answered(answers.CashReceiptAnswer, status=201),
    openapi_extra=treasury_description.BOND_RECEIPT,
)
def receive(request: Request, desk: TheDesk, caller: TreasuryProposer, bond_id: str, body: Body) -> Response:
    """Record cash that came in on a bond: by the validated payment that brought it, or by evidence. Each counts
    once."""
    return document(request, distributions.receive(settings_of(request), desk.db, caller, bond_id, body), 201)


@router.post(
    "/bonds/{bond_id}/distributions",
    status_code=201,
    responses=answered(answers.DistributionAnswer, status=201),
    openapi_extra=treasury_description.BOND_DISTRIBUTION,
)
def distribute(request: Request, desk: TheDesk, caller: TreasuryProposer, bond_id: str, body: Body) -> Response:
    """Compute the waterfall of a bond's cash, freeze it, and ask the signers to approve all its payments; of one that
    failed, those that no ledger holds."""
    return document(request, distributions.distribute(settings_of(request), desk.db, caller, bond_id, body), 201)


@router.get("/distributions/{distribution_id}", responses=answered(answers.DistributionAnswer))
def distribution(request: Request, desk: TheDesk, caller: TreasuryReader, distribution_id: UUID) -> Response:
    """A distribution: its lines, and where each payment stands."""
    return document(request, distributions.one(desk.db, distribution_id))


@router.post(
    "/distributions/{distribution_id}/set-aside",
    status_code=201,
    responses=answered(ProposalAnswer, status=201),
    openapi_extra=treasury_description.ASIDE,
)
def set_aside(request: Request, desk: TheDesk, caller: TreasuryProposer, distribution_id: UUID, body: Body) -> Response:
    """Ask the signers to set payments aside whose payees cannot be paid; the trustee has to be among them. What is held
    stays owed to the payees. The answer is the proposal."""
    settings = settings_of(request)
    return document(request, distributions.set_aside(settings, desk.db, caller, distribution_id, body), 201)


@router.post(
    "/distributions/{distribution_id}/release",
    status_code=201,
    responses=answered(answers.DistributionAnswer, status=201),
    openapi_extra=treasury_description.RELEASE,
)
def release(request: Request, desk: TheDesk, caller: TreasuryProposer, distribution_id: UUID, body: Body) -> Response:
    """Ask the signers to pay what was set aside of a distribution. The answer is the release, a distribution of its
    own."""
    settings = settings_of(request)
    return document(request, distributions.released(settings, desk.db, caller, distribution_id, body), 201)


@router.post(
    "/distributions/{distribution_id}/withdraw",
    responses=answered(answers.DistributionAnswer),
    openapi_extra=treasury_description.BOND_REASON,
)
def withdraw(request: Request, desk: TheDesk, caller: TreasuryProposer, distribution_id: UUID, body: Body) -> Response:
    """Withdraw a distribution that was computed from wrong inputs: it pays nobody, and its cash is free again."""
    settings = settings_of(request)
    return document(request, distributions.withdrawn(settings, desk.db, caller, distribution_id, body))


@router.post(
    "/receipts/{receipt_id}/void",
    responses=answered(answers.VoidedReceiptAnswer),
    openapi_extra=treasury_description.BOND_REASON,
)
def void(request: Request, desk: TheDesk, caller: TreasuryProposer, receipt_id: UUID, body: Body) -> Response:
    """Void a receipt that was recorded wrongly: it counts no more, and may be recorded again."""
    return document(request, distributions.voided(settings_of(request), desk.db, caller, receipt_id, body))


@router.post(
    "/bonds/{bond_id}/structure",
    responses=answered(answers.BondAnswer),
    openapi_extra=treasury_description.BOND_STRUCTURE,
)
def structure(request: Request, desk: TheDesk, caller: TreasuryProposer, bond_id: str, body: Body) -> Response:
    """Give a draft its series, tranches and holders. What is due by schedule is fixed with it."""
    return document(request, programs.structure(settings_of(request), desk.db, caller, bond_id, body))


@router.post("/bonds/{bond_id}/submit", status_code=201, responses=answered(ProposalAnswer, status=201))
def submit(request: Request, desk: TheDesk, caller: TreasuryProposer, bond_id: str) -> Response:
    """Screen everybody whom a bond names, and ask the signers to approve it. The answer is the proposal."""
    return document(request, programs.submit(settings_of(request), desk.db, caller, bond_id), 201)


@router.post(
    "/bonds/{bond_id}/transitions",
    responses=answered(answers.BondMoveAnswer),
    openapi_extra=treasury_description.BOND_TRANSITION,
)
def transition(request: Request, desk: TheDesk, caller: TreasuryProposer, bond_id: str, body: Body) -> Response:
    """Take a step of a bond by its table of states; one that needs approvals is proposed. Its guard is judged now, and
    of a proposal again with the last decision, by the date of the last validated ledger."""
    return document(request, programs.move(settings_of(request), desk.db, caller, bond_id, body))


@router.get("/bond-reports/{kind}", responses=answered(answers.BondReportAnswer))
def report(
    request: Request,
    desk: TheDesk,
    caller: TreasuryReader,
    kind: str,
    bond: Annotated[str | None, Query(max_length=70, description="Its id; none for portfolio_summary.")] = None,
    holder: Annotated[str | None, Query(max_length=80, description="The party of an investor_statement.")] = None,
    on: Annotated[
        date | None, Query(description="The UTC date that counts as today; else the newest that is known.")
    ] = None,
) -> Response:
    """A report of a bond: investor_statement, trustee_report, payment_reconciliation, lifecycle_status,
    waterfall_summary; or portfolio_summary, of all."""
    return document(request, programs.report(desk.db, kind, bond, holder, on))
