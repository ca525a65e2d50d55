"""`/reconciliation`: the reconciliations that were made; one of them with every check, what to do about each that
differs, and its report as a file."""

from __future__ import annotations

from starlette.responses import Response

from fntx_dagster.report.programs import json_text
from fntx_dagster.services.dashboard.reconciliation import (
    KeptRun,
    ReconItemRow,
    ReconRunRow,
    kept_run,
    newest_runs,
    to_do,
)
from fntx_dagster.web import words
from fntx_dagster.web.asking import Answer, Asked, NotFound, Shown
from fntx_dagster.web.grids import Badge, Cell, Grid, Link
from fntx_dagster.web.pages.treasury import places

_PATH = "/reconciliation"
_CAME_TO = {
    "CLEAN": Badge("clean", "good"),
    "DISCREPANCIES_FOUND": Badge("something differs", "bad"),
    "ERROR": Badge("no answer", "bad"),
}
_STATUSES = {
    "MATCH": Badge("match", "good"),
    "MISMATCH": Badge("differs", "bad"),
    "PENDING": Badge("pending"),
    "ERROR": Badge("no answer", "bad"),
}
_RUNS = ("No.", "When", "Scope", "Came to", "Match", "Differ", "Pending", "No answer")


def show(asked: Asked) -> Answer:
    """The newest runs."""
    rows = [_run(each) for each in newest_runs(asked.site.db)]
    values = {"places": places(_PATH), "runs": Grid("Reconciliations", _RUNS, rows, words=4)}
    return Shown("reconciliations.html.j2", "Reconciliation", values)


def one(asked: Asked) -> Answer:
    """The run that the address names."""
    found = _found(asked)
    differs = [each for each in found.items if each.status != "MATCH"]
    values = {
        "places": places(""),
        "run": found.run,
        "came_to": _CAME_TO[found.run.overall_status],
        "path": f"{_PATH}/{found.run.run_no}",
        "differs": Grid(
            "Not as it should be", ("Check", "", "What", "What to do"), [*map(_difference, differs)], words=4
        ),
        "items": Grid("Every check", ("Check", "", "Expected", "Found"), [*map(_item, found.items)], words=4),
    }
    return Shown("reconciliation.html.j2", f"Reconciliation {found.run.run_no}", values)


def report(asked: Asked) -> Answer:
    """Its report, as a file."""
    found = _found(asked)
    name = f"reconciliation-{found.run.run_no}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(json_text(found.report), media_type="application/json", headers=headers)


def _found(asked: Asked) -> KeptRun:
    found = kept_run(asked.site.db, asked.request.path_params["number"])
    if found is None:
        raise NotFound
    return found


def _run(each: ReconRunRow) -> tuple[Cell, ...]:
    counts = (each.matched, each.mismatched, each.pending, each.errors)
    return (
        Link(f"{each.run_no}", f"{_PATH}/{each.run_no}"),
        words.moment(each.ran_at),
        each.scope,
        _CAME_TO[each.overall_status],
        *(f"{count}" for count in counts),
    )


def _difference(each: ReconItemRow) -> tuple[Cell, ...]:
    what = "; ".join(each.details) or each.actual
    return each.id, _STATUSES[each.status], what, to_do(each.id) if each.status == "MISMATCH" else ""


def _item(each: ReconItemRow) -> tuple[Cell, ...]:
    return each.id, _STATUSES[each.status], each.expected, each.actual
