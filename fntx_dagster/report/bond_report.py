"""The shape of a report of a bond, and the report as a JSON document.

The document: {"format": "fntx.bond_report", "version": 1, "kind", "title", "bond" (null for all), "as_of", "currency"
(null where each row has its own), "figures": {name: value}, "notes": [sentence], "tables": {name: [row]}, "totals":
{name: row}, for tables that have any}. Amounts are texts with the decimals of their currency, rates and units exact
texts, moments UTC, hashes hexadecimal; what does not exist is null.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Any, NamedTuple

from fntx_dagster.report.sheets import Cell, Sheet, document_of, exact, totals_of

FORMAT, VERSION = "fntx.bond_report", 1


class KeyFigure(NamedTuple):
    """A figure at the top: its name for programs and for people."""

    name: str
    label: str
    value: Cell


class BondReport(NamedTuple):
    """A report. `bond_id` and `currency` are None where it is about several; `subject` is the line below the title."""

    kind: str
    title: str
    bond_id: str | None
    subject: str
    currency: str | None
    as_of: date
    figures: tuple[KeyFigure, ...]
    sheets: tuple[Sheet, ...]
    notes: tuple[str, ...] = ()


def bond_report_document(report: BondReport) -> dict[str, Any]:
    """The report for programs."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "kind": report.kind,
        "title": report.title,
        "bond": report.bond_id,
        "as_of": report.as_of.isoformat(),
        "currency": report.currency,
        "figures": {figure.name: exact(figure.value) for figure in report.figures},
        "notes": [*report.notes],
        "tables": {sheet.name: document_of(sheet) for sheet in report.sheets},
        "totals": {sheet.name: totals_of(sheet) for sheet in report.sheets if sheet.totals},
    }


def bond_report_json(report: BondReport) -> str:
    """The document as text, indented, with a final newline."""
    return json.dumps(bond_report_document(report), indent=2, ensure_ascii=False) + "\n"
