"""The sample statements' realised gains: the broker's own figures, and the list that a tax program reads."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal

import pytest
from typer.testing import CliRunner

from fntx_dagster.cli import app
from fntx_dagster.model.period import Period
from fntx_dagster.report.spreadsheet import to_csv
from fntx_dagster.samples import SAMPLES
from fntx_dagster.services.tax import FORM_8949, form_table, tax_rows, tax_sales
from fntx_dagster.settings import Settings
from fntx_dagster.store.accounting.fills import rebuild
from fntx_dagster.store.database import Database
from fntx_dagster.store.raw_flex.statements import load_file


@pytest.fixture
def samples(database: Database) -> Database:
    for file in sorted(SAMPLES.glob("*.xml")):
        load_file(database, file)
    rebuild(database, Period(date(2025, 7, 1), date(2025, 7, 18)), fallback={"USD/HKD": Decimal("7.8472")})
    return database


def test_every_gain_of_the_samples_is_the_brokers_to_the_last_digit(samples: Database) -> None:
    rows = tax_rows(tax_sales(Settings(), samples, 2025))
    known = [row for row in rows if row["broker_gain"] is not None]
    assert len(known) == len(rows) == 28
    assert [row for row in known if abs(row["fill_gain"] - row["broker_gain"]) > Decimal("1e-6")] == []
    assert sum(row["folded_premium"] != 0 for row in rows) == 2
    assert tax_sales(Settings(), samples, 2024) == []


def test_the_list_has_the_columns_of_the_form_and_adds_up_on_every_line(
    samples: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FNTX_DATABASE_URL", samples.url)
    written = CliRunner().invoke(app, ["tax", "--year", "2025", "--format", "csv"]).stdout
    assert written == to_csv(form_table(tax_sales(Settings(), samples, 2025)))
    lines = list(csv.DictReader(io.StringIO(written)))
    assert list(lines[0]) == list(FORM_8949)
    for line in lines:
        proceeds, cost, adjusted, gain = (
            Decimal(line[name] or 0)
            for name in ("Proceeds", "Cost or other basis", "Amount of adjustment", "Gain or (loss)")
        )
        assert proceeds - cost + adjusted == gain
        assert bool(adjusted) == (line["Code(s) from instructions"] == "W")
    shown = CliRunner().invoke(app, ["tax", "--year", "2025"]).stdout
    assert "By The Broker" in shown
    assert "+306.90" in shown
