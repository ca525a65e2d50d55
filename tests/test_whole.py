"""The whole, as a user runs it: real processes, the embedded database and chain, a home of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from fntx_dagster.samples import SAMPLES
from fntx_dagster.settings import Settings
from fntx_dagster.store.server import EmbeddedPostgres, database_url
from tests import homes
from tests.processes import in_terminal, run, start

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden" / "report"
ROLE_MODEL = (
    "79,402.22",
    "+352.59",
    "79,754.81",
    "-1,145.44",
    "78,609.37",
    "+590.64",
    "79,200.01",
    "79,231.03",
    "+31.02",
)


_FIGURE = r"0x[0-9a-f]+|[-+]?\d[\d,.:-]*\d|\d"


@dataclass(frozen=True)
class Home:
    """A home with the demo run twice, and what both runs said."""

    path: Path
    first: str
    second: str

    def fntx(self, *arguments: str, code: int = 0) -> str:
        done = run(self.path, *arguments)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stdout + done.stderr

    def json(self, *arguments: str) -> list | dict:
        return json.loads(self.fntx(*arguments))

    def sql(self, statement: str) -> list:
        url = database_url(EmbeddedPostgres(Settings(home=self.path).paths.postgres).start(), "fntx")
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with homes.home() as path:
        first = run(path, "demo")
        assert first.returncode == 0, first.stdout + first.stderr
        second = run(path, "demo")
        assert second.returncode == 0, second.stdout + second.stderr
        yield Home(path, first.stdout, second.stdout)


def test_the_demo_prints_the_role_models_figures_and_a_verified_transaction(home: Home) -> None:
    for figure in ROLE_MODEL:
        assert figure in home.first
    assert re.search(r"Transaction +0x[0-9a-f]{64}", home.first)
    assert "✓ verified: the contract confirms net_pnl = -523.78 HKD" in home.first
    assert "13 days signed and posted, 130 FNTX burned" in home.first
    assert re.search(r"Delta +│ of the NAV +│ -6\.1794", home.first), "the call that is assigned, at SPY's close"
    assert "13 observations are few" in home.first


def test_a_second_demo_loads_nothing_and_posts_nothing_and_says_so(home: Home) -> None:
    assert "no new rows, no new transaction" in home.second
    roots = [re.findall(r"0x[0-9a-f]{64}", text) for text in (home.first, home.second)]
    assert roots[0] == roots[1]
    assert home.sql("select count(*) from alm_reporting.chain_attempts") == [(1,)], "one transaction for all days"


def test_the_disclosure_of_the_demo_holds_for_a_stranger_who_has_one_file_of_python(home: Home) -> None:
    disclosed = home.path / "disclosure-2025-07-18.json"
    assert f"fntx verify {disclosed} --rpc" in home.first
    said = subprocess.run(
        [sys.executable, "-I", ROOT / "verify" / "verify.py", disclosed], capture_output=True, text=True, check=True
    )
    assert "net_pnl: -523.78000000" in said.stdout
    assert "net_pnl = -523.78000000" in home.fntx("verify", str(disclosed))


def test_the_html_report_of_the_first_run_shows_the_days_as_posted(home: Home) -> None:
    [file] = (home.path / "reports").glob("*.html")
    shown = file.read_text(encoding="utf-8")
    assert shown.count(">verified, late</td>") == 13
    assert ">not signed</td>" not in shown
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_report_of_the_samples_is_the_golden_one_to_the_letter(home: Home) -> None:
    arguments = ("report", "--from", "2025-07-17", "--to", "2025-07-18")
    assert home.fntx(*arguments) == (GOLDEN / "samples.md").read_text(encoding="utf-8")
    assert home.json(*arguments, "--format", "json") == json.loads(
        (GOLDEN / "samples.json").read_text(encoding="utf-8")
    )


@pytest.fixture(scope="module")
def piped(home: Home) -> dict[tuple[str, ...], Counter[str]]:
    """Commands, and the figures, roots and addresses that they write into a pipe."""
    month = ("--from", "2025-07-01", "--to", "2025-07-31")
    commands: tuple[tuple[str, ...], ...] = (
        ("summary", *month),
        ("report", "--from", "2025-07-17", "--to", "2025-07-18"),
        ("greeks", "--date", "2025-07-17"),
        ("metrics", "--date", "2025-07-18"),
        ("status",),
        ("alerts",),
        ("load", str(SAMPLES)),
        ("signature", "metrics"),
        ("chain", "status"),
    )
    texts = {command: home.fntx(*command).replace("\\", "") for command in commands}
    return {command: Counter(re.findall(_FIGURE, text)) for command, text in texts.items()}


@pytest.mark.parametrize("columns", [80, 100, 120, 150, 160])
def test_every_figure_stands_whole_in_a_terminal(
    home: Home, piped: dict[tuple[str, ...], Counter[str]], columns: int
) -> None:
    for command, figures in piped.items():
        shown = in_terminal(home.path, columns, *command)
        assert max(map(len, shown.splitlines())) <= columns, shown
        assert "…" not in shown, shown
        assert figures - Counter(re.findall(_FIGURE, shown)) == Counter(), shown


def test_the_report_of_the_month_is_one_file_with_the_role_models_figures(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "july.html"
    assert home.fntx("report", "--from", "2025-07-01", "--to", "2025-07-31", "--format", "html", "-o", str(file)) == ""
    page = file.read_text(encoding="utf-8")
    for figure in ROLE_MODEL:
        assert figure in page
    for figure in ("+3.24 %", "-3,730.00", "+2,549.02", "assignment of SPY 17JUL25 628 C"):
        assert figure in page
    assert page.count('<article class="day"') == 13
    assert not re.search(r"<script|src=|href=\"(?!#)", page)
    proved = re.findall(r'<a href="#a1-(2025-07-\d\d)">\1</a></th><td class="word">verified, late</td>', page)
    assert len(proved) == 13, "posted more than a year after the sessions' close"
    for root, tx_hash, contract, trader in home.sql(
        """select '0x' || encode(root, 'hex'), '0x' || encode(tx_hash, 'hex'), contract, trader
        from alm_reporting.daily_signatures
        join alm_reporting.chain_receipts using (account_id, trading_day, version)"""
    ):
        assert page.count(root) == 1
        assert page.count(tx_hash) == 13, "one transaction for all days"
        assert f"Contract {contract} on chain" in page
        assert f"fntx verify --trader {trader} --from 2025-07-01 --to 2025-07-18 --rpc URL" in page
    # 28 round trips in July 2025, and the two options that expire in the night of the 18th
    trades = re.search(r"<h3>Trades</h3>.*?<tbody>(.*?)</tbody>", page, re.S)[1]
    assert trades.count("<tr>") == 30
    assert len(re.findall('<td class="word">assigned</td>', trades)) == 2


def test_the_asset_leaves_the_same_report_in_the_home_for_its_owner_alone(home: Home) -> None:
    folder = home.path / "reports"
    assert folder.stat().st_mode & 0o777 == 0o700
    file = folder / "2025-07-01_2025-07-18.html"
    assert file.stat().st_mode & 0o777 == 0o600
    page, by_command = (
        file.read_text(encoding="utf-8"),
        home.fntx("report", "--from", "2025-07-01", "--to", "2025-07-18", "--format", "html", "--masked"),
    )
    assert page == by_command
    assert "U1000001" not in page
    url = database_url(EmbeddedPostgres(Settings(home=home.path).paths.postgres).start(), "dagster")
    with psycopg.connect(url) as connection:
        [found] = connection.execute(
            "select count(*) from event_logs where event like %s and event like %s", ["%report to open%", f"%{file}%"]
        ).fetchone()
    assert found


def test_the_summary_of_a_month_has_every_column_that_a_trader_needs(home: Home) -> None:
    table = home.fntx("summary", "--from", "2025-07-01", "--to", "2025-07-31")
    for header in (
        "Opening NAV",
        "Cash Flow",
        "Gross P&L",
        "Commissions",
        "Net P&L",
        "Net %",
        "Closing NAV",
        "Unexplained",
        "Assignment",
    ):
        assert header in table
    assert "July 2025" in table
    assert re.search(r"Total .* -3,730.00 .* \+2,549.02 .* \+3.24 % .* 2 options", table)
    days = home.json("summary", "--from", "2025-07-18", "--to", "2025-07-18", "--format", "json")
    assert days[0]["daily_return"] == pytest.approx(-523.78 / 79754.81, abs=1e-12)


def test_the_difference_of_18_july_is_attributed_exactly(home: Home) -> None:
    document = home.json("report", "--from", "2025-07-18", "--to", "2025-07-18", "--format", "json")
    day = document["days"][0]
    assert {part["name"]: part["amount"] for part in day["difference_parts"]} == {
        "assigned_option_mark": "31.3888",
        "rate_difference": "-0.2465",
        "fx_translation": "-0.1223496",
    }
    assert [part["display"] for part in day["difference_parts"]] == ["+31.39", "-0.25", "-0.12"]
    assert day["unexplained"] == {"amount": "0", "display": "0.00"}


def test_the_summary_chains_and_adds_up_exactly_on_each_of_thirteen_sessions(home: Home) -> None:
    days = home.json("summary", "--from", "2025-07-01", "--to", "2025-07-18", "--format", "json")
    assert len(days) == 13
    assert "2025-07-04" not in {day["trading_day"] for day in days}
    for before, day in pairwise(days):
        assert day["opening_nav_official"] == before["closing_nav_official"]
    for day in days:
        opening, deposits, withdrawals, net, closing = (
            Decimal(day[name])
            for name in ("opening_nav_official", "deposits", "withdrawals", "net_pnl", "closing_nav_official")
        )
        assert opening + deposits - withdrawals + net == closing
        assert sum(map(Decimal, day["difference_parts"].values())) + Decimal(day["unexplained"]) == Decimal(
            day["difference"]
        )
        assert Decimal(day["unexplained"]) == 0


def test_loading_a_file_again_changes_nothing(home: Home) -> None:
    file = str(SAMPLES / "Trades_MTD_20250719.xml")
    total = home.json("load", file, "--json")["total"]
    assert (total["inserted"], total["updated"], total["withdrawn"]) == (0, 0, 0)
    assert total["unchanged"] == 195


def test_a_truncated_file_is_named_with_its_line_and_leaves_the_tables_alone(home: Home, tmp_path: Path) -> None:
    whole = (SAMPLES / "Trades_MTD_20250719.xml").read_bytes()
    cut = tmp_path / "cut.xml"
    cut.write_bytes(whole[: len(whole) // 2])
    before = home.sql("select count(*) from raw_flex.trades")
    said = home.fntx("load", str(cut), code=1)
    assert "cut.xml" in said
    assert re.search(r"line \d+", said)
    assert home.sql("select count(*) from raw_flex.trades") == before


def test_a_signed_day_verifies_and_a_changed_figure_is_named(home: Home) -> None:
    transaction = re.search(r"Transaction +(0x[0-9a-f]{64})", home.first)[1]
    verify = ("signature", "verify", "--date", "2025-07-18", "--tx-hash", transaction)
    assert "agree" in home.fntx(*verify)
    home.sql("update alm_reporting.daily_summary set net_pnl = net_pnl + 0.01 where trading_day = '2025-07-18'")
    try:
        assert "net_pnl: signed -523.78, the database says -523.77" in home.fntx(*verify, code=1)
        done = run(home.path, "signature", "generate", "--date", "2025-07-18")
        assert "U…0001: 2025-07-18 stays as it was signed, but its figures have changed since: net_pnl" in done.stderr
        page = home.fntx("report", "--from", "2025-07-17", "--to", "2025-07-18", "--format", "html")
        assert re.search('2025-07-18</a></th><td class="word">changed since it was signed: net_pnl, late</td>', page)
        assert re.search('2025-07-17</a></th><td class="word">verified, late</td>', page)
    finally:
        home.sql("update alm_reporting.daily_summary set net_pnl = net_pnl - 0.01 where trading_day = '2025-07-18'")
    assert "agree" in home.fntx(*verify)


def test_the_extension_of_the_signed_days_counts_every_round_trip_once_and_is_disclosed(
    home: Home, tmp_path: Path
) -> None:
    """28 round trips, 24 of them won; all-in 22 of 26, as docs/metrics.md says."""
    wins, losses, break_evens = ("wins", "losses", "break_evens")
    [counts] = home.sql(
        "select "
        + ", ".join(
            f"sum((record -> 'extension' -> 'values' ->> '{name}')::int)" for name in (wins, losses, break_evens)
        )
        + " from alm_reporting.daily_signatures"
    )
    assert tuple(counts) == (24, 4, 0)
    file = tmp_path / "disclosure.json"
    named = ("--metric", "win_rate_all_in_mtd", "--metric", "win_rate_mtd", "-o", str(file))
    home.fntx("signature", "disclose", "--date", "2025-07-18", *named)
    said = home.fntx("verify", str(file))
    assert "win_rate_mtd = 85.71428571 percent" in said
    assert "win_rate_all_in_mtd = 84.61538462 percent" in said


def test_a_transaction_that_the_chain_does_not_have_verifies_no_day(home: Home) -> None:
    other = "0x" + "11" * 32
    said = home.fntx("signature", "verify", "--date", "2025-07-18", "--tx-hash", other, code=1)
    assert f"the chain has no transaction {other}" in said


def test_a_day_that_fails_its_verification_is_neither_run_nor_signed(home: Home) -> None:
    tamper = "update raw_flex.change_in_nav set starting_value = starting_value {} 5 where to_date = '2025-07-16'"
    home.sql(tamper.format("+"))
    try:
        said = home.fntx("run", "--from", "2025-07-16", "--to", "2025-07-16", code=1)
        assert "2025-07-16" in said
        assert "opening NAV = the statement's starting value" in said
        assert "difference 5" in said
        assert "2025-07-16" in home.fntx("signature", "generate", "--date", "2025-07-16", code=1)
    finally:
        home.sql(tamper.format("-"))
    assert "Done" in home.fntx("run", "--from", "2025-07-16", "--to", "2025-07-16")


def test_a_day_that_nobody_verified_is_not_signed(home: Home) -> None:
    home.sql("create table kept as select * from alm_reporting.daily_verification where trading_day = '2025-07-02'")
    home.sql("delete from alm_reporting.daily_verification where trading_day = '2025-07-02'")
    try:
        said = home.fntx("signature", "generate", "--date", "2025-07-02", code=1)
        assert "2025-07-02 of account U1000001 is not verified" in said
    finally:
        home.sql("insert into alm_reporting.daily_verification select * from kept")
        home.sql("drop table kept")


def test_the_mandatory_indexes_are_there(home: Home) -> None:
    rows = home.sql("select tablename, indexdef from pg_indexes where schemaname = 'alm_reporting'")
    indexes = {(table, definition[definition.rindex("(") :]) for table, definition in rows}
    assert ("chronological_events", "(account_id, event_timestamp)") in indexes
    assert {("stock_positions", "(entry_date)"), ("stock_positions", "(exit_date)")} <= indexes


def test_a_run_that_was_killed_does_not_stand_in_the_way_of_the_next(home: Home) -> None:
    before = home.sql("select count(*) from alm_reporting.chain_attempts")
    url = database_url(EmbeddedPostgres(Settings(home=home.path).paths.postgres).start(), "fntx")
    with psycopg.connect(url) as holding:
        holding.execute("lock table alm_reporting.daily_summary in share mode")  # it may be read, and not built
        killed = start(home.path, "run", "--from", "2025-07-01", "--to", "2025-07-18")
        while not home.sql("select 1 from pg_locks where not granted"):
            assert killed.poll() is None, "the run ended before it could be killed"
            time.sleep(0.02)
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
    assert "Done" in home.fntx("run", "--from", "2025-07-01", "--to", "2025-07-18")
    assert home.sql("select count(*) from alm_reporting.chain_attempts") == before


def test_one_day_run_again_leaves_every_table_as_it_was(home: Home) -> None:
    tables = (
        "chronological_events",
        "nav_blocks",
        "stock_positions",
        "daily_summary",
        "rolling_metrics",
        "round_trips",
    )
    dump = "select md5(string_agg(t::text, '|' order by t::text)) from alm_reporting.{} as t"
    before = [home.sql(dump.format(table)) for table in tables]
    failed = (
        "insert into alm_reporting.alerts (kind, source, subject, text) values ('run', 'run/run_loaded_days', '', '')"
    )
    home.sql(failed)
    home.fntx("run", "--from", "2025-07-10", "--to", "2025-07-10")
    assert home.json("alerts", "--json") == [], "a run that succeeds ends the alert about one of its job that failed"
    assert [home.sql(dump.format(table)) for table in tables] == before


def test_a_range_without_statements_says_which_sessions_are_missing(home: Home) -> None:
    said = home.fntx("run", "--from", "2025-07-18", "--to", "2025-07-22", code=1)
    assert "2025-07-21 U…0001: no official NAV in the statements (and 1 more)" in said
    assert home.fntx("alerts").strip() == "Nothing needs a person.", "a range that is too long is the range's fault"


def test_a_report_over_a_longer_range_says_where_it_ends_early(home: Home) -> None:
    days = ("--from", "2025-07-18", "--to")
    for last, said in (
        ("2025-07-31", "the range ends early, with 2025-07-18: 9 sessions from 2025-07-21 on are not built"),
        ("2025-07-21", "the range ends early, with 2025-07-18: 2025-07-21 is not built"),
        ("2025-07-20", ""),
    ):
        done = run(home.path, "report", *days, last)
        assert done.returncode == 0
        assert said in " ".join(done.stderr.split())
        assert bool(done.stderr) == bool(said)
        assert done.stdout == home.fntx("report", *days, "2025-07-18")


def test_the_metrics_of_a_session_are_computed_over_its_windows(home: Home) -> None:
    rows = home.json("metrics", "--date", "2025-07-18", "--format", "json")
    assert [row["metric_window"] for row in rows] == ["30d", "30obs", "mtd", "qtd", "ytd", "1y", "5y", "all"]
    everything = rows[-1]
    trips = everything["wins"] + everything["losses"] + everything["break_evens"]
    ended = sum(value for name, value in everything.items() if name.startswith("ended_"))
    counted = "select count(*) from alm_reporting.round_trips where trading_day <= '2025-07-18'"
    assert trips == ended == home.sql(counted)[0][0] > 0
    assert isinstance(everything["expectancy"], str)  # money is exact
    assert everything["xirr"] is None  # three weeks are no year
    [chosen] = home.json("metrics", "--window", "2025-07-01:2025-07-18", "--format", "json")
    assert chosen["metric_window"] == "2025-07-01:2025-07-18"
    month = next(row for row in rows if row["metric_window"] == "mtd")
    assert {name: chosen[name] for name in chosen if name != "metric_window"} == {
        name: pytest.approx(value) if isinstance(value, float) else value
        for name, value in month.items()
        if name != "metric_window"
    } | {"option_selling": everything["option_selling"]}
    said = home.fntx("metrics", "--date", "2025-07-18")
    assert "Performance up to 2025-07-18" in said
    assert f"{everything['total_return'] * 100:.2f} %" in said
    assert "no trading day is built for 2025-08-18" in home.fntx("metrics", "--date", "2025-08-18", code=1)
    said = home.fntx("greeks", "--date", "2025-07-04", code=1)
    assert "2025-07-04 is no session of the exchange (XNYS): July 4th" in " ".join(said.split())


def test_the_status_says_what_is_loaded_explained_and_signed(home: Home) -> None:
    [state] = home.json("status", "--json")
    assert state["told"] == state["signed"] == state["posted"] == 13
    assert state["missing"] == state["to_tell"] == []
    assert "2025-07-01 to 2025-07-18" in home.fntx("status")


def test_a_run_says_what_is_new_and_a_second_one_that_nothing_is(home: Home) -> None:
    days = ("--from", "2025-07-17", "--to", "2025-07-18")
    assert home.fntx("run", *days).splitlines()[-1] == "Done: nothing is new."
    unread = run(home.path, "run", *days, FNTX_BENCHMARK="/none.csv")
    assert unread.returncode == 0, unread.stderr
    assert "note U…0001: Without the benchmark none: the prices of the benchmark in none.csv cannot be" in unread.stdout
    said = home.json("run", *days, "--json")
    assert said["notes"] == []
    assert said["changed"] == dict.fromkeys(("rows_loaded", "sessions_explained", "days_signed", "days_posted"), 0)
    home.sql("delete from alm_reporting.daily_summary where trading_day = '2025-07-18'")
    assert home.fntx("run", *days).splitlines()[-1] == "Done: sessions explained 1."


def test_every_command_of_the_readme_runs(home: Home, tmp_path: Path) -> None:
    """The make targets are what this module and CI run; the others are run here."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", readme, re.S) for line in block.splitlines()]
    commands = [line.split("#")[0].split() for line in lines]
    targets = {words[1] for words in commands if words[0] == "make"}
    assert targets == {
        "demo",
        "demo-live",
        "demo-orders",
        "demo-ledger",
        "demo-signals",
        "demo-proofs",
        "demo-treasury",
        "demo-bond",
        "serve",
        "ui",
        "test",
        "test-all",
    }
    for words in commands:
        if words[0] != "make":
            assert words[0] == ".venv/bin/fntx"
            written = {name: str(tmp_path / name) for name in ("disclosure.json", "july.html")}
            places = {"PATH": str(SAMPLES)} | written
            there_is_no_terminal = ("--non-interactive",) if words[1] == "init" else ()
            home.fntx(*(places.get(word, word) for word in words[1:]), *there_is_no_terminal)


def test_keys_and_secrets_are_readable_by_their_owner_alone_and_in_no_log(home: Home) -> None:
    secrets = [path.read_text() for path in (home.path / "keys").iterdir() if path.suffix in (".key", ".secret")]
    assert secrets
    for path in (home.path / "keys").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
    said = home.first + home.second
    logs = [path.read_bytes() for path in (home.path / "dagster").rglob("*") if path.is_file()]
    logs += [path.read_bytes() for path in (home.path / "dbt").rglob("*.log")]
    for secret in secrets:
        assert secret not in said
        assert not any(secret.encode() in log for log in logs)


def test_every_file_of_the_home_is_its_owners_alone_and_every_folder(home: Home) -> None:
    server = EmbeddedPostgres(Settings(home=home.path).paths.postgres)
    server.start()
    # root's server runs as another user: that one passes through, by a group of its own, and others do not
    passed = {home.path, server.folder} if os.geteuid() == 0 else set()
    group = server.cluster.stat().st_gid
    for path in (home.path, *home.path.rglob("*")):
        status = path.lstat()
        mode = stat.S_IMODE(status.st_mode)
        if path in passed:
            assert (mode, status.st_gid) == (0o710, group), path
        elif stat.S_ISREG(status.st_mode):
            assert mode == 0o600, path
        else:
            assert mode == 0o700, path


def test_the_databases_password_is_in_one_file_of_the_home(home: Home) -> None:
    home.fntx("db", "stop")  # its files hold still
    file = home.path / "postgres" / "password"
    password = file.read_bytes().strip()
    assert [path for path in home.path.rglob("*") if path.is_file() and password in path.read_bytes()] == [file]
    assert password.decode() not in home.first + home.second
    url = database_url(EmbeddedPostgres(Settings(home=home.path).paths.postgres).start(), "dagster")
    with psycopg.connect(url) as connection:
        found = connection.execute("select count(*) from event_logs where strpos(event, %s) > 0", [password.decode()])
        assert found.fetchone() == (0,)


def test_dagster_never_learns_a_whole_account_id(home: Home) -> None:
    url = database_url(EmbeddedPostgres(Settings(home=home.path).paths.postgres).start(), "dagster")
    with psycopg.connect(url) as connection:
        [found] = connection.execute("select count(*) from event_logs where event like '%U1000001%'").fetchone()
    assert found == 0
