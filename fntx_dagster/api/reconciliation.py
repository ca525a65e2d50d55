"""The endpoints of reconciliation: what was found when the ledgers were compared with our records."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from fntx_dagster.api import description
from fntx_dagster.api.dependencies import TheDesk, TreasuryReader
from fntx_dagster.api.description import answered
from fntx_dagster.api.documents import document
from fntx_dagster.model import treasury_answers as answers
from fntx_dagster.services.reconciling import programs

router = APIRouter(prefix="/api/treasury/reconciliations", responses=description.PROBLEMS | description.UNCHANGED)


@router.get("", responses=answered(answers.ReconciliationsAnswer))
def reconciliations(
    request: Request, desk: TheDesk, caller: TreasuryReader, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> Response:
    """The newest reconciliations of the ledgers with the configuration and our records, the newest first."""
    return document(request, programs.reconciliations(desk.db, limit))


@router.get("/{number}", responses=answered(answers.ReconciliationAnswer))
def reconciliation(
    request: Request,
    desk: TheDesk,
    caller: TreasuryReader,
    number: Annotated[int, Path(ge=1, le=2**63 - 1, description="`run_no` of the list.")],
) -> Response:
    """The report of a reconciliation: every check with what was expected and found, and the hash that the audit log
    holds."""
    return document(request, programs.reconciliation(desk.db, number))
