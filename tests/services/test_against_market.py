"""An account beside its benchmark, from statements to the figures: by the statements' marks and by a price file."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.cli import app
from fntx_dagster.errors import Permanent
from fntx_dagster.model.against_market import Comparison
from fntx_dagster.model.period import Period
from fntx_dagster.report import clock
from fntx_dagster.report.against_market import comparison_table
from fntx_dagster.services.against_market import against_market
from fntx_dagster.services.building.reports import write_reports
from fntx_dagster.services.reporting import report
from fntx_dagster.simulate.account import Account, Accounts
from fntx_dagster.simulate.contracts import SPY, option
from tests.dbt.conftest import Platform

ACCOUNTS = Accounts(2_520_001)
DELIVERED = (ACCOUNTS,)
DAYS = [session.day for session in sessions(date(2025, 5, 12), date(2025, 7, 17))]
PUT = option("P", 600, "2025-09-19")
RANGE = Period(date(2025, 6, 2), date(2025, 7, 17))


def close_of(number: int) -> Decimal:
    return Decimal(600) + Decimal((number * 37) % 11) - 5


@ACCOUNTS.account(base="USD", cash={"USD": "100000"})
def holder(account: Account) -> None:
    """Holds 80 shares and nothing else that moves; sells one put and buys it back the same day."""
    for number, day in enumerate(DAYS):
        statement = account.day(str(day), {SPY: str(close_of(number))})
        if not number:
            statement.trade(SPY, 80, str(close_of(number)))
        if day == RANGE.last:
            statement.moves("fee", "-5", "USD")
            statement.moves("dividend", "40", "USD")
            statement.moves("tax", "-12", "USD")
        if day == RANGE.first:
            statement.trade(PUT, -2, "3.00")
            statement.trade(PUT, 2, "3.00", at="11:30")


def closes(first: int = 0) -> str:
    return "date,close\n" + "".join(f"{day},{close_of(number)}\n" for number, day in enumerate(DAYS) if number >= first)


def test_shares_of_the_benchmark_have_its_correlation_and_their_part_of_its_beta(built: Platform) -> None:
    [view] = against_market(built.settings, built.database, RANGE)
    found = view.comparison
    assert found is not None
    assert (found.benchmark, found.sessions, found.missing) == ("SPY", len(view.days), 0)
    assert found.correlation == pytest.approx(1, abs=1e-3)
    assert found.beta == pytest.approx(80 * 600 / 100_000, rel=0.02)
    before = DAYS.index(RANGE.first) - 1
    assert found.benchmark_return == pytest.approx(float(close_of(len(DAYS) - 1) / close_of(before)) - 1)
    assert view.days[-1].benchmark_linked == pytest.approx(found.benchmark_return)


def test_a_price_file_gives_what_the_statements_give(built: Platform, tmp_path: Path) -> None:
    file = tmp_path / "spy.csv"
    file.write_text(closes())
    [by_file] = against_market(built.settings, built.database, RANGE, against=str(file))
    [by_marks] = against_market(built.settings, built.database, RANGE)
    assert by_marks.comparison is not None
    assert by_file.comparison == by_marks.comparison._replace(benchmark="spy", source="file")
    file.write_text(closes(DAYS.index(RANGE.first) + 3))
    [partly] = against_market(built.settings, built.database, RANGE, against=str(file))
    assert partly.comparison is not None
    assert partly.comparison.missing == 4


def test_a_benchmark_without_a_price_is_unknown_and_a_file_that_is_not_there_is_named(built: Platform) -> None:
    [view] = against_market(built.settings, built.database, RANGE, against="QQQ")
    assert view.comparison is None
    with pytest.raises(Permanent, match=r"the prices of the benchmark in none\.csv cannot be read"):
        against_market(built.settings, built.database, RANGE, against="/none.csv")


def test_a_benchmark_that_cannot_be_read_is_named_in_every_report_and_stops_none(
    built: Platform, tmp_path: Path
) -> None:
    (tmp_path / "mine.csv").write_text("day,price\n")
    for file, reason in (("none.csv", "No such file or directory"), ("mine.csv", "needs one column date")):
        chosen = built.settings.report.model_copy(update={"benchmark": str(tmp_path / file)})
        settings = built.settings.model_copy(update={"report": chosen})
        shown = {
            form: report(settings, built.database, RANGE, clock.HONG_KONG, form=form) for form in ("md", "json", "html")
        }
        [noted] = json.loads(shown["json"])["notes"]
        assert noted["account_id"] == "U2520001"
        [sentence] = [note for note in noted["notes"] if "benchmark" in note]
        assert sentence.startswith(f"Without the benchmark {file[:-4]}: ")
        for text in (sentence, shown["md"], shown["html"]):
            assert reason in text
            assert str(tmp_path) not in text
        for text in (shown["md"], shown["html"]):
            assert "Costs" in text
            assert "Stress" in text
            assert "Up capture" not in text
        run = write_reports(settings, built.database, RANGE)
        assert [note for note in run.notes if reason in note] == [f"U…0001: {sentence}"]
        assert run.file is not None
        assert reason in run.file.read_text()


@pytest.mark.parametrize(
    ("sessions", "missing", "said"),
    [
        (9, 0, "Over the 9 sessions that have both returns."),
        (9, 1, "Over the 9 sessions that have both returns. 1 other has no price of the benchmark."),
        (1, 12, "Over the one session that has both returns. 12 others have no price of the benchmark."),
    ],
)
def test_the_footnote_counts_in_plain_english(sessions: int, missing: int, said: str) -> None:
    beside = Comparison("SPY", sessions, missing, *[0.0] * 8)
    assert comparison_table(beside).footnote == said
    marks, mixed = (beside._replace(source=source) for source in ("statements", "gateway, statements"))
    assert comparison_table(marks).footnote == f"{said} Closes of SPY: prices in the statements."
    assert comparison_table(mixed).footnote == (
        f"{said} Closes of SPY: daily bars of IB Gateway, adjusted for dividends and splits, "
        "or prices in the statements."
    )


def test_the_costs_by_hand(built: Platform) -> None:
    [view] = against_market(built.settings, built.database, RANGE)
    [(commissions,)] = built.query(
        "select -sum(commission * fx_rate_to_base) from alm_reporting.fills where session between %s and %s", *RANGE
    )
    assert view.costs.premium == 600
    assert view.costs.commissions == pytest.approx(commissions)
    assert view.costs.fees == 5, "without the 12 that were withheld from the dividend"
    assert view.costs.of_premium == pytest.approx(float((commissions + 5) / 600))


def test_the_rolling_risk_begins_with_thirty_sessions_and_is_that_of_the_metrics(built: Platform) -> None:
    [view] = against_market(built.settings, built.database, Period(DAYS[0], DAYS[-1]))
    assert [each.trading_day for each in view.rolling] == DAYS[29:]
    rows = built.query(
        """select volatility, sharpe from alm_reporting.rolling_metrics
        where metric_window = '30obs' and trading_day = %s""",
        DAYS[-1],
    )
    assert [view.rolling[-1][1:]] == rows


def test_the_command_shows_the_same_in_every_form(built: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FNTX_HOME", str(built.settings.home))
    monkeypatch.setenv("FNTX_DATABASE_URL", built.database.url)
    words = ["market", "--from", str(RANGE.first), "--to", str(RANGE.last)]
    [document] = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    lines = list(csv.DictReader(io.StringIO(CliRunner().invoke(app, [*words, "--format", "csv"]).stdout)))
    assert [float(line["benchmark_return"]) for line in lines] == [day["benchmark_return"] for day in document["days"]]
    shown = CliRunner().invoke(app, words).stdout
    for said in ("Against the Market", "Distribution", "Costs", "Up capture"):
        assert said in shown


def test_the_command_says_that_a_benchmark_has_no_price(built: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FNTX_HOME", str(built.settings.home))
    monkeypatch.setenv("FNTX_DATABASE_URL", built.database.url)
    words = ["market", "--from", str(RANGE.first), "--to", str(RANGE.last), "--benchmark"]
    said = {name: " ".join(CliRunner().invoke(app, [*words, name]).stderr.split()) for name in ("SPY", "QQQ")}
    assert said["SPY"] == ""
    assert said["QQQ"].startswith("warning: no session has a price of the benchmark QQQ.")


def test_the_page_has_the_benchmark_the_calendar_and_the_risk(built: Platform) -> None:
    page = report(built.settings, built.database, Period(DAYS[0], DAYS[-1]), clock.HONG_KONG, form="html")
    for name in ("Return", "Daily Returns", "Distribution", "Rolling Risk", "Against the Market", "Stress", "Costs"):
        assert f"<h3>{name}" in page, name
    assert page.count("<title>2025-0") == len(DAYS)
    assert 'class="swatch step">SPY: ' in page
