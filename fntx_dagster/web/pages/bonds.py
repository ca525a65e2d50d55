"""`/treasury/bonds`: every bond, and of each its reports, as a page and as files."""

from __future__ import annotations

from datetime import date

from starlette.responses import Response

from fntx_dagster.report.bond_html import bond_report_html
from fntx_dagster.report.bond_report import BondReport, bond_report_json
from fntx_dagster.report.bond_reports import OF_ONE_BOND
from fntx_dagster.report.sheets import Sheet, shown, table_of
from fntx_dagster.report.step_diagram import step_diagram
from fntx_dagster.services.bonds.days import shown_day
from fntx_dagster.services.bonds.reading import BondView, changes_of_holders, show_bond
from fntx_dagster.services.bonds.reports import INVESTOR, PORTFOLIO, bond_report
from fntx_dagster.services.bonds.steps import NoSuchBond
from fntx_dagster.services.governance.tables import machine_tables
from fntx_dagster.web.asking import Answer, Asked, BadAddress, NotFound, Shown
from fntx_dagster.web.grids import Badge, Cell, Grid, Link, address_of, path_of
from fntx_dagster.web.pages.distribution import distributions_of
from fntx_dagster.web.pages.treasury import places, spoken, state_badge

_HERE = "/treasury/bonds"
_KINDS = (*OF_ONE_BOND, INVESTOR)
_NAMES = {
    "trustee_report": "Trustee report",
    "payment_reconciliation": "Payments",
    "lifecycle_status": "Lifecycle",
    "waterfall_summary": "Waterfall",
    INVESTOR: "Investor statement",
}
_LIFE = "lifecycle_status"
_FORMS = {"html": "text/html", "json": "application/json"}
_BAD = ("overdue", "differs", "Delinquent", "Defaulted", "Accelerated", "Liquidating", "failed")
_GOOD = ("paid", "matched", "Current", "confirmed", "Redeemed")


def show(asked: Asked) -> Answer:
    """All bonds, each leading to its own, and the sums of each currency."""
    report = bond_report(asked.site.db, PORTFOLIO, on=_today(asked, None))
    bonds, *others = (_grid(sheet) for sheet in report.sheets)
    rows = [(Link(f"{row[0]}", path_of("treasury", "bonds", f"{row[0]}")), *row[1:]) for row in bonds.rows]
    values = {
        "places": places(_HERE),
        "report": report,
        "figures": _figures(report),
        "parts": _parts([bonds._replace(rows=rows), *others], report.sheets),
    }
    return Shown("bonds.html.j2", "Bonds", values)


def one(asked: Asked) -> Answer:
    """A report of a bond: `report` names it, `holder` whose statement it is, `on` the day that counts as today."""
    bond = asked.part("bond")
    kind = asked.word("report", _KINDS)
    holder, parties = _holder(asked, bond, kind)
    report = _report(asked, bond, kind, holder)
    chosen = {"holder": holder, "on": asked.request.query_params.get("on")}
    path = path_of("treasury", "bonds", bond)
    values = {
        "places": places(_HERE),
        "path": path,
        "report": report,
        "figures": _figures(report),
        "parts": _parts([_grid(sheet) for sheet in report.sheets], report.sheets),
        "kinds": [(address_of(path, report=each), _NAMES[each], each == kind) for each in _KINDS],
        "kind": kind,
        "holders": [(each, each) for each in parties],
        "holder": holder,
        "distributions": distributions_of(asked, bond),
        "files": [(form, address_of(f"{path}/{kind}.{form}", **chosen)) for form in _FORMS],
    }
    values |= _life(show_bond(asked.site.db, bond, _today(asked, bond))) if kind == _LIFE else {"picture": None}
    return Shown("bond.html.j2", f"{_NAMES[kind]} of {bond}", values)


def download(asked: Asked) -> Answer:
    """A report of a bond as a file."""
    bond, kind, form = (asked.part(name) for name in ("bond", "kind", "form"))
    if kind not in _KINDS or form not in _FORMS:
        raise NotFound
    holder, _ = _holder(asked, bond, kind)
    report = _report(asked, bond, kind, holder)
    text = bond_report_html(report) if form == "html" else bond_report_json(report)
    name = f"{kind}-{report.as_of}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(text, media_type=_FORMS[form], headers=headers)


_ASKED = ("Proposal", "Step", "State")


def _life(view: BondView) -> dict[str, object]:
    """The states of bonds with the one that this is in, and what signers were asked."""
    rows = machine_tables()["bond"]
    ways = [(spoken(each["state"]), spoken(each["next"])) for each in rows]
    here = spoken(view.row.state)
    proposals: list[tuple[Cell, ...]] = [
        (Link(f"{proposal}"[:8], f"/treasury/proposals/{proposal}"), event, state_badge(state))
        for proposal, event, state in view.proposals
    ]
    return {
        "picture": step_diagram(f"States of a bond, each with an arc to those it leads to; it is {here}", ways, here),
        "proposals": Grid("Proposals about it", _ASKED, proposals, words=len(_ASKED)),
    }


def _holder(asked: Asked, bond: str, kind: str) -> tuple[str | None, list[str]]:
    """Whose statement is asked for, the first holder's where none is named; and all who hold or held
    units. Raises BadAddress."""
    if kind != INVESTOR:
        return None, []
    try:
        parties = sorted({each.holder for each in changes_of_holders(asked.site.db, bond)})
    except NoSuchBond:
        raise NotFound from None
    holder = asked.text("holder") or next(iter(parties), None)
    if holder not in parties:
        raise BadAddress("holder is none of the bond's")
    return holder, parties


def _report(asked: Asked, bond: str, kind: str, holder: str | None) -> BondReport:
    try:
        return bond_report(asked.site.db, kind, bond, holder, _today(asked, bond))
    except NoSuchBond:
        raise NotFound from None


def _today(asked: Asked, bond: str | None) -> date:
    return asked.day("on") or shown_day(asked.site.db, bond, asked.site.clock().date())


def _figures(report: BondReport) -> list[tuple[str, str]]:
    return [(figure.label, shown(figure.value)) for figure in report.figures]


def _parts(grids: list[Grid], sheets: tuple[Sheet, ...]) -> list[tuple[Grid, str, str]]:
    """Each table, what is said where it has no row, and what stands below it."""
    return [(grid, sheet.empty, sheet.footnote) for grid, sheet in zip(grids, sheets, strict=True)]


def _grid(sheet: Sheet) -> Grid:
    table = table_of(sheet)
    states = {place for place, (name, _) in enumerate(sheet.columns) if name in ("state", "status")}
    rows = [
        tuple(_badge(cell) if place in states else cell for place, cell in enumerate(row))
        for row in (*table.rows, *([table.totals] if table.totals else []))
    ]
    return Grid(table.title, table.headers, rows, words=table.words)


def _badge(text: str) -> Badge | str:
    return Badge(text, "bad" if text in _BAD else "good" if text in _GOOD else "") if text else text
