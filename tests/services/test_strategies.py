"""What option selling made, on the bundled statements by hand, and on generated books: every sum to the cent."""

from __future__ import annotations

import csv
import io
import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from fntx_dagster import frames
from fntx_dagster.cli import app
from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import EVER, Period
from fntx_dagster.model.strategies import BY_ONE_VOLATILITY
from fntx_dagster.samples import SAMPLE_ACCOUNT, SAMPLES
from fntx_dagster.services import entries, strategies
from fntx_dagster.services.data_tables import rows_table
from fntx_dagster.services.risk import update_greeks
from fntx_dagster.simulate.delivery import ONE_PER_SECTION, QUERIES, delivered, write_document
from fntx_dagster.simulate.trading import EVERY_KIND, trade
from fntx_dagster.store.marts import strategies as rows
from tests.dbt.conftest import Platform

JULY = Period(date(2025, 7, 1), date(2025, 7, 18))
USD = Decimal("7.8472")
CENT = Decimal("0.01")


@pytest.fixture
def samples(platform: Platform) -> Platform:
    platform.load(*sorted(SAMPLES.glob("*.xml")))
    platform.run(*JULY)
    update_greeks(platform.settings, platform.database, JULY)
    return platform


def test_the_samples_are_eleven_strangles_and_a_roll_chain_by_hand(samples: Platform) -> None:
    [selling] = strategies.option_selling(samples.settings, samples.database, JULY)
    both = selling.both
    assert (both.round_trips.number, both.round_trips.won, both.all_in.number, both.all_in.won) == (28, 24, 26, 22)
    assert both.round_trips.net_pnl - both.all_in.net_pnl == -both.interest == Decimal("55.47")
    assert [(row.name, row.number, row.won, row.lost) for row in selling.by_kind] == [
        ("strangle", 11, 10, 1),
        ("roll chain", 1, 0, 1),
    ]
    assert [(row.name, row.number) for row in selling.by_underlying] == [("SPY", 12)]
    first, assigned, rolled = (selling.strategies[place] for place in (0, 6, 11))
    assert first.premium == (18 + 9) * USD
    assert first.net_pnl == (18 + 9 - 2 * Decimal("0.86644")) * USD
    assert first.captured == pytest.approx(float(1 - 2 * Decimal("0.86644") / 27) * 100)
    # the 625 put: 26 and 8 of premium, 40 lost on the shares, two fees and that of the shares
    assert assigned.net_pnl == (26 + 8 - 40 - 2 * Decimal("0.86644") - Decimal("1.0188")) * USD
    assert (assigned.kind, len(assigned.trips)) == ("strangle", 3)
    # bought back at a loss of 1.00 and 5.46, sold again for 37 and 19; 145 lost on the shares, and the night's interest
    fees = 3 * Decimal("0.86644") + 2 * Decimal("0.86365") + Decimal("1.50538")
    options = (-1 - Decimal("5.46") + 37 + 19 - fees) * USD
    assert rolled.net_pnl == options - (145 + 1) * Decimal("7.8455") - Decimal("55.47")
    assert [(leg.contract.strike, leg.quantity) for leg in rolled.legs] == [(623, -1), (626, -1), (628, -2)]
    assert [(one.kind, one.trading_day) for one in selling.running] == [("strangle", None)]


def test_the_edge_of_the_samples_says_what_is_known_and_what_is_not(samples: Platform) -> None:
    [selling] = strategies.option_selling(samples.settings, samples.database, JULY)
    edge = {table.property: {row.name: row.number for row in table.classes} for table in selling.edge}
    assert edge["Option"] == {"sold put": 13, "sold call": 13}
    assert edge["Days to expiry"] == {"0 days": 26}
    # at the close, where there are Greeks, they have ended: each strangle is priced by its own two fills
    assert edge["Entry priced by"] == {BY_ONE_VOLATILITY: 26}
    assert sum(edge["Delta at entry"].values()) == sum(edge["Implied volatility at entry"].values()) == 26
    assert "unknown" not in edge["Delta at entry"]
    assert edge["Realised against implied move"] == {
        "less than half": 16,
        "half to all of it": 8,
        "more than implied": 2,
    }
    assert edge["Entry hour, New York"] == {"10:00": 2, "12:00": 16, "13:00": 8}
    # before 1 July the statements hold no close; on the 9th SPY closed at 624.06, so the 625 put is in the money
    assert edge["Strike distance"]["unknown"] == 2
    assert edge["Strike distance"]["in the money"] == 3
    for table in selling.edge:
        assert sum(row.net_pnl for row in table.classes) == selling.both.all_in.net_pnl, table.property


def test_the_entry_of_the_first_strangle_by_hand(samples: Platform) -> None:
    """A put at 0.18 and a call at 0.09 of 1 July, four hours before they end: one price of SPY and one volatility give
    both, which are sought here by halving, with a formula of the test's own."""
    trades = rows.all_in_trades(samples.database, SAMPLE_ACCOUNT, JULY)
    put, call = entries.option_trades(samples.settings, samples.database, SAMPLE_ACCOUNT, trades)[:2]
    assert put.opened_at is not None
    years = (datetime(2025, 7, 1, 20, 15, tzinfo=UTC) - put.opened_at).total_seconds() / (365 * 24 * 3600)
    settings = samples.settings.risk
    carry = (
        float(settings.risk_free_rates["USD"] - settings.dividend_yields["SPY"]),
        float(settings.risk_free_rates["USD"]),
    )

    def normal(x: float) -> float:
        return (1 + math.erf(x / math.sqrt(2))) / 2

    def priced(sign: int, spot: float, strike: float, volatility: float) -> tuple[float, float]:
        forward, deviation = spot * math.exp(carry[0] * years), volatility * math.sqrt(years)
        d1 = math.log(forward / strike) / deviation + deviation / 2
        worth = sign * (forward * normal(sign * d1) - strike * normal(sign * (d1 - deviation)))
        return worth * math.exp(-carry[1] * years), sign * normal(sign * d1)

    def implied(sign: int, spot: float, strike: float, price: float) -> float:
        low, high = 1e-4, 5.0
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (middle, high) if priced(sign, spot, strike, middle)[0] < price else (low, middle)
        return low

    low, high = 615.0, 621.0
    for _ in range(60):
        spot = (low + high) / 2
        low, high = (spot, high) if implied(-1, spot, 615, 0.18) < implied(1, spot, 621, 0.09) else (low, spot)
    volatility = implied(-1, spot, 615, 0.18)
    for entry, sign, strike in ((put, -1, 615), (call, 1, 621)):
        assert (entry.priced_by, entry.days_to_expiry) == (BY_ONE_VOLATILITY, 0)
        assert entry.volatility == pytest.approx(volatility, abs=2e-4)
        assert entry.delta == pytest.approx(priced(sign, spot, strike, volatility)[1], abs=5e-4)
        assert entry.realised_move == pytest.approx(abs(617.65 / spot - 1), abs=2e-6)
        to_the_close = (datetime(2025, 7, 1, 20, tzinfo=UTC) - put.opened_at).total_seconds() / (365 * 24 * 3600)
        assert entry.implied_move == pytest.approx(volatility * math.sqrt(to_the_close), rel=2e-3)


@pytest.mark.parametrize(("seed", "a_day"), [(3, 12), (11, 30)])
def test_strategies_sum_to_round_trips_and_both_to_the_fills_of_generated_books(
    platform: Platform, tmp_path: Path, seed: int, a_day: int
) -> None:
    first, last = date(2025, 6, 16), date(2025, 7, 22)
    books = trade(seed, ["U3000001", "U3000002"], first, last, trades_per_day=a_day, kinds=EVERY_KIND)
    for query_id in ONE_PER_SECTION:
        document = delivered(books, QUERIES[query_id], first, last, as_of=last)
        assert document is not None
        platform.load(write_document(tmp_path / f"{query_id}.xml", document))
    platform.run(first, last)
    assert strategies.sums_that_differ(platform.database, Period(first, last)) == []
    for part in (Period(first, date(2025, 6, 30)), Period.on(date(2025, 7, 8)), Period(date(2025, 7, 9), last)):
        assert strategies.sums_that_differ(platform.database, part) == []
    whole = strategies.option_selling(platform.settings, platform.database, EVER)
    assert {one.kind for selling in whole for one in selling.strategies} >= {"single", "combination", "shares"}
    [(endings, is_opened_in_parts, is_closed_in_parts)] = platform.query(
        """select array_agg(distinct how_ended) filter (where how_ended is not null),
            bool_or(lots.quantity < abs(closing.quantity)), bool_or(lots.quantity < abs(opening.quantity))
        from alm_reporting.position_lots as lots
        join alm_reporting.fills as opening using (account_id)
        join alm_reporting.fills as closing using (account_id)
        where opening.fill_id = open_fill_id and closing.fill_id = close_fill_id"""
    )
    assert {*endings} >= {"traded", "expired", "assigned", "exercised", "delivered", "split", "merged", "transferred"}
    assert is_opened_in_parts
    assert is_closed_in_parts
    for selling in whole:
        _adds_up(platform, selling)
        _is_the_same_in_parts(platform, selling)


def _adds_up(platform: Platform, selling: strategies.OptionSelling) -> None:
    """Every lot is in one strategy: those that ended, those that run, and what was transferred out."""
    every = strategies._strategies(platform.database, selling.account_id, EVER)
    by_strategies = sum(one.gross_pnl + one.fees for one in every)
    [(by_lots, by_trips, in_other_lots)] = platform.query(
        """with lots as (
            select round_trip_id, open_fee * open_fx_rate + coalesce(gross_pnl * close_fx_rate, 0)
                + coalesce(close_fee * close_fx_rate, 0) as net
            from alm_reporting.position_lots where account_id = %s
        ), trips as (select round_trip_id, net_pnl from alm_reporting.round_trips where account_id = %s)
        select (select sum(net) from lots), (select sum(net_pnl) from trips),
            (select coalesce(sum(net), 0) from lots where round_trip_id not in (select round_trip_id from trips))""",
        selling.account_id,
        selling.account_id,
    )
    assert by_strategies == by_lots == by_trips + in_other_lots
    [(interest,)] = platform.query(
        "select sum(interest) from alm_reporting.all_in_trades where account_id = %s", selling.account_id
    )
    assert interest == selling.both.interest == sum(one.interest for one in every)


def _is_the_same_in_parts(platform: Platform, selling: strategies.OptionSelling) -> None:
    """What ended in a week is what the whole says of that week: reading a part reads all that hangs together."""
    for week in (Period(date(2025, 6, 23), date(2025, 6, 27)), Period(date(2025, 7, 14), date(2025, 7, 18))):
        part = strategies.selling_of(platform.settings, platform.database, selling.account_id, week)
        assert part is not None
        assert list(part.strategies) == [one for one in selling.strategies if one.trading_day in week]


def test_an_all_in_trade_is_never_split(platform: Platform, tmp_path: Path) -> None:
    first, last = date(2025, 6, 16), date(2025, 7, 22)
    books = trade(5, ["U3000001"], first, last, trades_per_day=20)
    for query_id in ONE_PER_SECTION:
        document = delivered(books, QUERIES[query_id], first, last, as_of=last)
        assert document is not None
        platform.load(write_document(tmp_path / f"{query_id}.xml", document))
    platform.run(first, last)
    [selling] = strategies.option_selling(platform.settings, platform.database, EVER)
    every = (*selling.strategies, *selling.running)
    of_trip = {trip: one for one in every for trip in one.trips}
    joined = platform.query("select trade_id, net_pnl, interest, trading_day from alm_reporting.all_in_trades")
    assert len(joined) > 100
    for trade_id, _, _, ended in joined:
        until = of_trip[trade_id].trading_day
        assert until is None or until >= ended
    # a strategy that is one all-in trade made what that trade made
    alone = {one.strategy_id: one for one in selling.strategies if len(one.trips) == 1}
    same = [(alone[trade_id].net_pnl, net) for trade_id, net, *_ in joined if trade_id in alone]
    assert len(same) > 20
    assert [pair for pair in same if abs(pair[0] - pair[1]) >= CENT] == []


def test_what_a_person_grouped_is_kept_when_the_days_are_built_again(samples: Platform) -> None:
    db = samples.database
    strategies.assign(db, None, ["3940000007", "3940000035"], "  two   puts ")
    samples.run(*JULY)
    [selling] = strategies.option_selling(samples.settings, db, JULY, SAMPLE_ACCOUNT)
    named = [(one.kind, one.trips) for one in selling.strategies if one.is_named]
    assert named == [("two puts", ("3940000007", "3940000035"))]
    assert {row.name: row.number for row in selling.by_kind} == {
        "strangle": 9,
        "single": 2,
        "roll chain": 1,
        "two puts": 1,
    }
    assert strategies.reset(db, None, ["3940000035"]) == 2
    [selling] = strategies.option_selling(samples.settings, db, JULY)
    assert {row.name: row.number for row in selling.by_kind} == {"strangle": 11, "roll chain": 1}


def test_a_round_trip_that_is_grouped_anew_leaves_the_others_of_its_group(samples: Platform) -> None:
    db = samples.database
    first, second, third = "3940000007", "3940000035", "3940000014"
    strategies.assign(db, None, [first, second], "mine")
    strategies.assign(db, None, [first, third], "other")
    [selling] = strategies.option_selling(samples.settings, db, JULY)
    named = {one.kind: one.trips for one in selling.strategies if one.is_named}
    assert named == {"mine": (second,), "other": (first, third)}


def test_a_wrong_id_an_empty_kind_and_a_needless_reset_are_refused(samples: Platform) -> None:
    db = samples.database
    with pytest.raises(Permanent, match="no round trip has the id 4711"):
        strategies.assign(db, None, ["3940000007", "4711"], "strangle")
    for kind in (" ", "x" * 41):
        with pytest.raises(Permanent, match="1 to 40 characters"):
            strategies.assign(db, None, ["3940000007"], kind)
    with pytest.raises(Permanent, match="nobody grouped"):
        strategies.reset(db, None, ["3940000007"])


def test_a_lot_whose_fill_says_otherwise_is_found(samples: Platform) -> None:
    with samples.database.connect() as connection:
        connection.execute(
            "update alm_reporting.fills set gross_realised = gross_realised + 0.01 where fill_id = '3940000378'"
        )
    [finding] = strategies.sums_that_differ(samples.database, JULY)
    assert "the strategies of 2025-07-01 to 2025-07-18 realised" in finding.text


def test_strategies_and_edge_are_the_same_rows_in_csv_parquet_and_a_notebook(
    samples: Platform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FNTX_HOME", str(samples.settings.home))
    monkeypatch.setenv("FNTX_DATABASE_URL", samples.database.url)
    [selling] = strategies.option_selling(samples.settings, samples.database, JULY)
    days = ("--from", "2025-07-01", "--to", "2025-07-18")
    for name, frame in (("strategies", frames.strategies), ("edge", frames.edge)):
        written = CliRunner().invoke(app, [name, *days, "--format", "csv"]).stdout
        done = CliRunner().invoke(app, [name, *days, "--format", "parquet", "-o", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
        lines = list(csv.DictReader(io.StringIO(written)))
        kept = parquet.read_table(tmp_path / name).to_pylist()
        shown = frame("2025-07-01", "2025-07-18", settings=samples.settings)
        assert [*lines[0]] == [*kept[0]] == [*shown.columns]
        nets = [row["net_pnl"] for row in kept]
        assert [Decimal(line["net_pnl"]) for line in lines] == nets == list(shown["net_pnl"])
        assert len(lines) > 10
    every = [*selling.strategies, *selling.running]
    rows = list(csv.DictReader(io.StringIO(CliRunner().invoke(app, ["strategies", *days, "--format", "csv"]).stdout)))
    assert [(row["kind"], Decimal(row["net_pnl"])) for row in rows] == [(one.kind, one.net_pnl) for one in every]
    assert (rows[-1]["closed_at"], json.loads(rows[-1]["trips"])) == ("", list(every[-1].trips))
    assert [leg["quantity"] for leg in json.loads(rows[0]["legs"])] == ["-1", "-1"]
    kinds = rows_table("strategies", strategies.strategy_rows([selling]), strategies.STRATEGY_COLUMNS).columns
    assert kinds == strategies.STRATEGY_COLUMNS


def test_the_commands_print_tables_and_documents(samples: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FNTX_HOME", str(samples.settings.home))
    monkeypatch.setenv("FNTX_DATABASE_URL", samples.database.url)

    def fntx(*words: str) -> str:
        done = CliRunner().invoke(app, [*words])
        assert done.exit_code == 0, done.output
        return done.stdout

    days = ("--from", "2025-07-01", "--to", "2025-07-18")
    shown = fntx("strategies", *days)
    for words in ("85.71 %", "84.62 %", "strangle", "roll chain", "+1,762.41", "-857.93"):
        assert words in shown
    assert "12:00" in fntx("edge", *days)
    [document] = json.loads(fntx("edge", *days, "--json"))
    assert document["all_in"]["win_rate"] == pytest.approx(100 * 22 / 26)
    assert [row["name"] for row in document["by_kind"]] == ["strangle", "roll chain"]
    assert document["strategies"][0]["trips"] == ["3940000007", "3940000014"]
    assert "Strategies by kind" in fntx("metrics", "--date", "2025-07-18")
    metrics = json.loads(fntx("metrics", "--date", "2025-07-18", "--json"))
    selling = {row["metric_window"]: row["option_selling"] for row in metrics if row["option_selling"]}
    assert [*selling] == ["all"]
    assert [row["name"] for row in selling["all"]["by_kind"]] == ["strangle", "roll chain"]
    assert selling["all"]["all_in"]["net_pnl"] == document["all_in"]["net_pnl"]
    [chosen] = json.loads(fntx("metrics", "--window", "2025-07-01:2025-07-09", "--json"))
    assert [(row["name"], row["number"]) for row in chosen["option_selling"]["by_kind"]] == [
        ("strangle", 5)
    ]  # the sixth ends in the next session
    report = fntx("report", *days)
    assert "## Option Selling, amounts in HKD" in report
    assert "| roll chain |" in report
    [selling] = json.loads(fntx("report", *days, "--json"))["option_selling"]
    assert selling["all_in"]["net_pnl"]["display"] == "1,762.41"
    assert "Where the Edge Is" in fntx("report", *days, "--format", "html")
    fntx("strategies", "--assign", "3940000007,3940000035", "--kind", "mine")
    assert "mine *" in fntx("strategies", *days)
    fntx("strategies", "--reset", "3940000007")
    assert "mine" not in fntx("strategies", *days)
    wrong = [["--assign", "1"], ["--kind", "x"], ["--assign", "1", "--kind", "x", "--reset", "1"]]
    assert [CliRunner().invoke(app, ["strategies", *words]).exit_code for words in wrong] == [2, 2, 2]
