"""The endpoints of the record: accounts, their days, metrics, risk, trades and signed days, for programs."""

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from fntx_dagster.api import description
from fntx_dagster.api.dependencies import RecordReader, TheDesk, settings_of
from fntx_dagster.api.description import answered
from fntx_dagster.api.documents import document, written
from fntx_dagster.model import record_answers as answers
from fntx_dagster.services import record_reading as reading

Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="The account's number, from `/api/v1/accounts`.")]
First = Annotated[date | None, Query(alias="from", description="The first day; else the account's first.")]
Last = Annotated[date | None, Query(alias="to", description="The last day; else the account's last.")]
OnDay = Annotated[date | None, Query(description="A trading day; else the newest that is built.")]

router = APIRouter(prefix="/api/v1", responses=description.PROBLEMS | description.UNCHANGED)


@router.get("/accounts", responses=answered(answers.AccountsAnswer))
def accounts(request: Request, desk: TheDesk, caller: RecordReader) -> Response:
    """The accounts that the token may read, and the state of each."""
    return document(request, {"accounts": reading.accounts(desk.db, reading.seen_by(desk.db, caller))})


@router.get("/accounts/{number}/days", responses=answered(answers.RowsAnswer))
def days(
    request: Request, desk: TheDesk, caller: RecordReader, number: Number, first: First = None, last: Last = None
) -> Response:
    """The summary of each day of a range, at most 366 days at once."""
    account = reading.account_of(desk.db, caller, number)
    return _rows(request, reading.days(settings_of(request), desk.db, account, first, last))


@router.get("/accounts/{number}/days/{day}", responses=answered(answers.DocumentAnswer))
def day(request: Request, desk: TheDesk, caller: RecordReader, number: Number, day: date) -> Response:
    """The report of a day."""
    account = reading.account_of(desk.db, caller, number)
    return written(request, reading.day(settings_of(request), desk.db, account, day))


@router.get("/accounts/{number}/current", responses=answered(answers.DocumentAnswer))
def current(request: Request, desk: TheDesk, caller: RecordReader, number: Number) -> Response:
    """The day that still runs, as IB Gateway said it last: provisional, and never signed."""
    account = reading.account_of(desk.db, caller, number)
    return written(request, reading.current(settings_of(request), desk.db, account))


@router.get("/accounts/{number}/metrics", responses=answered(answers.DayRowsAnswer))
def metrics(request: Request, desk: TheDesk, caller: RecordReader, number: Number, on: OnDay = None) -> Response:
    """The metrics up to a day, a row for each window."""
    account = reading.account_of(desk.db, caller, number)
    return document(request, {"rows": reading.metrics(desk.db, account, on)})


@router.get("/accounts/{number}/positions", responses=answered(answers.DayRowsAnswer))
def positions(request: Request, desk: TheDesk, caller: RecordReader, number: Number, on: OnDay = None) -> Response:
    """Greeks and risk at the close of a day."""
    account = reading.account_of(desk.db, caller, number)
    return document(request, {"rows": reading.positions(settings_of(request), desk.db, account, on)})


@router.get("/accounts/{number}/signatures", responses=answered(answers.RowsAnswer))
def signatures(
    request: Request, desk: TheDesk, caller: RecordReader, number: Number, first: First = None, last: Last = None
) -> Response:
    """The signed days of a range, each with its root and its receipt."""
    return _rows(request, reading.signatures(desk.db, reading.account_of(desk.db, caller, number), first, last))


@router.get("/accounts/{number}/shown", responses=answered(answers.ShownAnswer))
def shown(
    request: Request,
    desk: TheDesk,
    caller: RecordReader,
    number: Number,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="The last `shown_id` that you have.")] = None,
) -> Response:
    """The register of what was shown of signed days, newest first: by files, links, proofs of periods, packages; at
    most 1,000 rows at once."""
    return document(request, {"rows": reading.shown(desk.db, reading.account_of(desk.db, caller, number), before)})


@router.get("/accounts/{number}/tables/{name}", responses=answered(answers.RowsAnswer))
def table(
    request: Request,
    desk: TheDesk,
    caller: RecordReader,
    number: Number,
    name: Literal["events", "fills", "trades", "verification"],
    first: First = None,
    last: Last = None,
) -> Response:
    """The events, fills, round trips or equations of a range, at most 366 days at once."""
    return _rows(request, reading.table(desk.db, reading.account_of(desk.db, caller, number), name, first, last))


@router.get("/alerts", responses=answered(answers.AlertsAnswer))
def alerts(request: Request, desk: TheDesk, caller: RecordReader) -> Response:
    """What needs a person."""
    return document(request, {"alerts": reading.alerts(desk.db)})


@router.get("/events", responses=answered(answers.EventsAnswer))
def events(
    request: Request,
    desk: TheDesk,
    caller: RecordReader,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="The id that the caller has got to.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """What has happened since an event: fills, states, told days, receipts (docs/live.md)."""
    return document(request, reading.events(desk.db, caller, after, limit))


def _rows(request: Request, found: reading.Rows) -> Response:
    return document(request, found._asdict())
