"""The signed day from a terminal: signed, shown to a stranger, corrected, and checked over a node on loopback."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from fntx_dagster.adapters.evm.client import connect
from fntx_dagster.cli import app
from fntx_dagster.errors import FntxError, Permanent, Transient
from fntx_dagster.model.chain import SignedDay
from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import Period
from fntx_dagster.services.signatures import signing
from fntx_dagster.services.signatures.freezing import frozen
from fntx_dagster.settings import Settings, load_settings
from fntx_dagster.store.alerts import observe, open_alerts
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox.signatures import posted_days, signed_days
from tests import by_hand
from tests.processes import ALONE, FNTX, environment
from tests.services.signatures.conftest import as_before

ACCOUNT = "U7000001"
TUESDAY, WEDNESDAY, THURSDAY = (date(2025, 7, day) for day in (15, 16, 17))
KEY = "0x" + "11" * 32
ADDRESS = "0x" + "11" * 20
DAYS = ("--from", "2025-07-15", "--to", "2025-07-17")


@pytest.fixture
def built(database: Database) -> Database:
    """Two sessions that are built, and between them one that is not."""
    by_hand.create_marts(database)
    by_hand.fetched(database, ACCOUNT, TUESDAY, WEDNESDAY, THURSDAY)
    for day in (TUESDAY, THURSDAY):
        by_hand.build(database, ACCOUNT, day)
    return database


@pytest.fixture(autouse=True)
def variables(built: Database, home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name in [name for name in os.environ if name.startswith("FNTX_")]:
        monkeypatch.delenv(name)
    found = {"FNTX_HOME": str(home), "FNTX_DATABASE_URL": built.url, **dict.fromkeys(ALONE, "1"), "COLUMNS": "200"}
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


def fntx(*arguments: str, code: int = 0, said: str | None = None) -> Result:
    """A command to its end; `code` is what the shell would see."""
    done = CliRunner().invoke(app, arguments, input=said)
    found = done.exception.exit_code if isinstance(done.exception, FntxError) else done.exit_code
    assert found == code, (done.output, done.exception)
    return done


def refused(*arguments: str, code: int = 1) -> str:
    """What the error says that a command ends with."""
    return str(fntx(*arguments, code=code).exception)


def sign(day: date) -> None:
    fntx("signature", "generate", "--date", f"{day}")


def disclosure(folder: Path, *metrics: str) -> Path:
    file = folder / "disclosure.json"
    names = [word for name in metrics for word in ("--metric", name)]
    fntx("signature", "disclose", "--date", f"{THURSDAY}", *names, "-o", str(file))
    return file


def correct(db: Database, net_pnl: int = 13) -> None:
    with db.connect() as connection:
        connection.execute("update alm_reporting.daily_summary set net_pnl = %s", (net_pnl,))


@contextmanager
def node(home: Path) -> Iterator[str]:
    """`fntx chain serve` as a process of its own, ended as Ctrl-C ends it."""
    server = subprocess.Popen(
        [FNTX, "chain", "serve", "--port", "0"],
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield server.stdout.readline().split()[0]
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=30) == 0
        server.stdout.close()


def test_a_day_is_signed_and_posted_once_and_says_so(built: Database) -> None:
    first = fntx("signature", "generate", "--date", f"{THURSDAY}").stdout
    assert "signed now" in first
    assert "posted now" in first
    second = fntx("signature", "generate", "--date", f"{THURSDAY}").stdout
    assert "signed before, unchanged" in second
    assert "posted before" in second
    assert len(posted_days(built, Period.on(THURSDAY))) == 1


def test_a_record_signed_without_posting_waits_and_the_status_says_so() -> None:
    assert "transaction" not in fntx("signature", "generate", "--date", f"{THURSDAY}", "--no-post").stdout
    [state] = json.loads(fntx("status", "--json").stdout)
    assert (state["signed"], state["posted"], state["waiting"], state["failed"]) == (1, 0, 1, 0)
    chain = json.loads(fntx("chain", "status", "--json").stdout)
    assert [(one["trading_day"], one["state"]) for one in chain["queue"]] == [("2025-07-17", "queued")]
    assert "queued" in fntx("chain", "status").stdout
    sign(THURSDAY)
    chain = json.loads(fntx("chain", "status", "--json").stdout)
    assert chain["queue"] == []
    assert (chain["traders"][0]["account_id"], chain["traders"][0]["problem"]) == (ACCOUNT, None)
    assert chain["traders"][0]["days"] > 1000
    assert "No record waits for the chain." in fntx("chain", "status").stdout


def test_a_look_at_the_chain_ends_the_alert_about_funds_that_last_again(built: Database) -> None:
    sign(THURSDAY)
    [trader] = json.loads(fntx("chain", "status", "--json").stdout)["traders"]
    short = [Finding(name, "is short") for name in (trader["trader"], ADDRESS)]
    observe(built, "funds", "chain_receipt/funds_last", short)
    fntx("chain", "status")
    assert [alert.subject for alert in open_alerts(built)] == [ADDRESS]


def test_the_catalogue_is_listed_with_the_names_that_are_disclosed() -> None:
    listed = json.loads(fntx("signature", "metrics", "--json").stdout)
    assert {"index": 13, "name": "net_pnl", "unit": "base_currency", "decimals": 8}.items() <= listed[13].items()
    assert {"index": 32, "name": "period_commitments", "tree": "extension"}.items() <= listed[-1].items()
    said = fntx("signature", "metrics").stdout
    assert "statements_digest" in said
    assert re.search(r"Catalogue of the extension, version 1[\s\S]* win_rate_all_in_mtd ", said)
    assert "Null in every record so far: audit_size, audit_root." in " ".join(said.split())


def test_a_disclosure_shows_the_chosen_metrics_and_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sign(THURSDAY)
    file = disclosure(tmp_path, "net_pnl", "base_currency")
    assert ACCOUNT not in file.read_text()
    for name in ("FNTX_HOME", "FNTX_DATABASE_URL"):
        monkeypatch.setenv(name, "/nowhere")
    shown = fntx("verify", str(file)).stdout
    assert "net_pnl = 12.50000000 HKD" in shown
    assert "base_currency = HKD" in shown
    assert "NOT CHECKED: who posted it, when, and whether that was late (give --rpc)" in shown
    assert shown.splitlines()[-1] == "✓ HOLDS, as far as checked"
    checked = json.loads(fntx("verify", str(file), "--json").stdout)
    assert (checked["holds"], checked["on_chain"], checked["problems"]) == (True, None, [])
    assert (checked["verdict"], checked["posted"], len(checked["not_checked"])) == ("HOLDS, as far as checked", None, 5)
    assert [one["holds"] for one in checked["metrics"]] == [True, True]
    assert fntx("verify", str(file), "--root", checked["disclosure"]["root"]).exit_code == 0
    assert "root is not the one" in fntx("verify", str(file), "--root", "0x" + "00" * 32, code=1).stdout


def test_metrics_of_the_extension_are_disclosed_beside_the_records(built: Database, tmp_path: Path) -> None:
    by_hand.round_trips(built, ACCOUNT, THURSDAY, "2", "-1", "3")
    sign(THURSDAY)
    root = json.loads(fntx("signature", "verify", "--date", f"{THURSDAY}", "--json").stdout)["extension_root"]
    assert f"extension    {root}" in fntx("signature", "verify", "--date", f"{THURSDAY}").stdout
    file = disclosure(tmp_path, "net_pnl", "wins", "losses")
    said = fntx("verify", str(file)).stdout
    for shown in ("✓ net_pnl = 12.50000000 ", "✓ wins = 2 count", "✓ losses = 1 count"):
        assert shown in said
    checked = json.loads(fntx("verify", str(file), "--json").stdout)
    assert [metric["name"] for metric in checked["metrics"]] == ["net_pnl"]
    assert checked["extension"]["root"] == root
    assert [(one["name"], one["value"], one["holds"]) for one in checked["extension"]["metrics"]] == [
        ("wins", "2", True),
        ("losses", "1", True),
    ]
    changed = file.read_text().replace(root, "0x" + "12" * 32)
    assert "checksum is another one" in fntx("verify", "-", said=changed, code=1).stdout


def test_a_disclosure_is_read_from_standard_input_and_a_changed_one_does_not_hold(tmp_path: Path) -> None:
    sign(THURSDAY)
    text = disclosure(tmp_path, "net_pnl").read_text()
    assert "HOLDS, as far as checked" in fntx("verify", "-", said=text).stdout
    changed = fntx("verify", "-", said=text.replace('"12.50000000"', '"13.50000000"'), code=1).stdout
    assert changed.splitlines()[-1] == "✗ DOES NOT HOLD"
    assert json.loads(fntx("verify", "-", "--json", said=text[:300], code=1).stdout)["disclosure"] is None


def test_an_unknown_metric_is_named_with_the_nearest() -> None:
    sign(THURSDAY)
    said = refused("signature", "disclose", "--date", f"{THURSDAY}", "--metric", "net_pln")
    assert "'net_pln' (nearest: net_pnl)" in said


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("file", "--trader", ADDRESS),
        ("file", "--every-day"),
        ("file", "--rpc", "http://x", "--root", "0x" + "12" * 32),
        ("file", "--from", "2025-07-15"),
        ("--trader", ADDRESS, "--from", "2025-07-15"),
        ("--trader", ADDRESS, *DAYS, "--rpc", "http://x"),
        ("/nonexistent",),
        (".",),
        ("-", "--root", "0x12"),
        ("-", "--rpc", "file:///etc/passwd"),
        ("-", "--rpc", "localhost:8545"),
        ("--trader", "0x12", *DAYS),
        ("--trader", ADDRESS, *DAYS, "--rpc", "http://x", "--contract", "0x12"),
        *(("--trader", ADDRESS, *DAYS, "--late-after", hours) for hours in ("inf", "nan", "1e12", "-1", "soon")),
    ],
)
def test_a_command_line_with_too_many_or_too_few_options_is_wrong(arguments: tuple[str, ...]) -> None:
    fntx("verify", *arguments, code=2)


def test_over_a_node_a_stranger_sees_that_the_chain_holds_it_and_later_that_it_is_superseded(
    built: Database, home: Path, tmp_path: Path
) -> None:
    for day in (TUESDAY, THURSDAY):
        sign(day)
    file = disclosure(tmp_path, "net_pnl")
    [tuesday, thursday] = signed_days(built, Period(TUESDAY, THURSDAY))
    with node(home) as url:
        said = fntx("verify", str(file), "--rpc", url).stdout
        assert said.splitlines()[-1] == "✓ HOLDS"
        assert "late: it does not show that the figures were fixed on the day" in said
        assert "superseded" not in said

        correct(built)
        fntx("signature", "amend", "--date", f"{THURSDAY}", "--reason", "a fee", "--yes")
        said = fntx("verify", str(file), "--rpc", url).stdout
        assert 'superseded by version 2; the reason given: "a fee"' in said
        assert said.splitlines()[-1] == "! HOLDS, but is superseded by version 2"
        checked = json.loads(fntx("verify", str(file), "--rpc", url, "--json").stdout)
        assert (checked["verdict"], checked["on_chain"]) == ("HOLDS, but is superseded by version 2", True)
        assert (checked["superseded_by"], checked["superseded_reason"], checked["posted"]["is_late"]) == (
            2,
            "a fee",
            True,
        )

        history = ("--trader", thursday.trader.lower(), "--from", f"{TUESDAY}", "--to", f"{THURSDAY}")
        node_and_contract = ("--rpc", url, "--contract", thursday.contract)
        table = fntx("verify", *history, *node_and_contract, code=1).stdout
        assert "3 sessions, 2 of them posted, 1 without a record, 2 late, 0 before the close, 1 amended" in table
        assert "gap: no record" in table
        assert 'late, correction: "a fee"' in table
        assert "NOT CHECKED: whether the trader's and the contract's address are the ones you expect" in table
        found = json.loads(fntx("verify", *history, *node_and_contract, "--json", code=1).stdout)
        assert [(day["date"], day["is_gap"], len(day["versions"])) for day in found["days"]] == [
            ("2025-07-15", False, 1),
            ("2025-07-16", True, 0),
            ("2025-07-17", False, 2),
        ]
        assert found["days"][0]["versions"][0]["root"] == f"0x{tuesday.root.hex()}"
        assert found["days"][2]["versions"][1]["previous_root"] == f"0x{thursday.root.hex()}"
        assert [one["is_late"] for one in found["days"][2]["versions"]] == [True, True]
    away = fntx("verify", str(file), "--rpc", url, code=75).stdout
    assert "net_pnl = 12.50000000 (in the account's base currency, which is not disclosed)" in away, (
        "what the file says by itself is shown"
    )
    assert away.splitlines()[-1].startswith("! NOT CHECKED ON THE CHAIN: the RPC node does not answer")
    away_json = json.loads(fntx("verify", str(file), "--rpc", url, "--json", code=75).stdout)
    assert (away_json["holds"], away_json["on_chain"]) == (True, None)
    assert "the RPC node does not answer" in away_json["not_checked_on_chain"]
    file.write_text(file.read_text().replace('"12.50000000"', '"13.50000000"'))
    fntx("verify", str(file), "--rpc", url, code=1)


def test_the_record_of_the_settings_chain_without_gaps_is_whole(built: Database) -> None:
    sign(THURSDAY)
    [signed] = signed_days(built, Period.on(THURSDAY))
    day = ("--from", f"{THURSDAY}", "--to", f"{THURSDAY}")
    counts = "1 sessions, 1 of them posted, 0 without a record, 0 late"
    assert counts in fntx("verify", "--trader", signed.trader, *day, "--late-after", "1000000").stdout
    in_another_case = signed.trader[:2] + signed.trader[2:].swapcase()
    assert "is no address" in fntx("verify", "--trader", in_another_case, *day, code=2).output


def test_a_stranger_must_name_a_chain_and_nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "new"
    monkeypatch.setenv("FNTX_HOME", str(home))
    assert "--rpc and --contract" in refused("verify", "--trader", ADDRESS, *DAYS)
    assert not home.exists()


@pytest.mark.parametrize("tx_hash", ["abc", "0x12", "0x" + "zz" * 32])
def test_a_transactions_hash_has_the_form_of_one(tx_hash: str) -> None:
    said = fntx("signature", "verify", "--date", f"{THURSDAY}", "--tx-hash", tx_hash, code=2).output
    assert "is no hash" in said


def test_a_version_too_large_for_the_tables_is_refused() -> None:
    wanted = ("--date", f"{THURSDAY}", "--metric", "net_pnl", "--version", "99999999999")
    fntx("signature", "disclose", *wanted, code=2)


def test_while_a_correction_waits_it_is_named_and_the_first_versions_receipt_is_not_compared(built: Database) -> None:
    sign(THURSDAY)
    correct(built)
    fntx("signature", "amend", "--date", f"{THURSDAY}", "--reason", "a fee", "--yes", "--no-post")
    said = json.loads(fntx("signature", "verify", "--date", f"{THURSDAY}", "--json", code=1).stdout)
    assert (said["version"], said["tx_hash"]) == (2, None)
    waits, lacks = said["problems"]
    assert "version 2 of 2025-07-17 is queued" in waits
    assert "holds no version 2 of trader" in lacks
    [receipt] = posted_days(built, Period.on(THURSDAY))
    other = ("--tx-hash", receipt.tx_hash.upper().replace("X", "x"), "--json")
    said = json.loads(fntx("signature", "verify", "--date", f"{THURSDAY}", *other, code=1).stdout)
    assert "posted version 1 of 2025-07-17" in said["problems"][-1]


class TestAmending:
    ARGUMENTS = ("signature", "amend", "--date", f"{THURSDAY}", "--reason", "a fee")

    def test_without_a_terminal_nothing_is_amended_unless_yes_is_given(self, built: Database) -> None:
        sign(THURSDAY)
        correct(built)
        assert "Give --yes" in refused(*self.ARGUMENTS)
        assert [one.version for one in signed_days(built, Period.on(THURSDAY))] == [1]

    def test_what_changes_is_shown_and_the_new_version_is_posted(self, built: Database) -> None:
        sign(THURSDAY)
        correct(built)
        said = fntx(*self.ARGUMENTS, "--yes").stdout
        assert "net_pnl: signed 12.5, the database says 13" in said
        assert "signed now, version 2" in said
        assert "posted now" in said
        assert "agree" in fntx("signature", "verify", "--date", f"{THURSDAY}").stdout
        file = json.loads(fntx("signature", "disclose", "--date", f"{THURSDAY}", "--metric", "net_pnl").stdout)
        assert (file["version"], file["metrics"][0]["value"]) == (2, "13.00000000")
        earlier = ("signature", "disclose", "--date", f"{THURSDAY}", "--metric", "net_pnl", "--version", "1")
        assert json.loads(fntx(*earlier).stdout)["metrics"][0]["value"] == "12.50000000"

    def test_an_unchanged_day_has_nothing_to_amend(self) -> None:
        sign(THURSDAY)
        assert "there is nothing to amend" in refused(*self.ARGUMENTS)

    def test_a_day_from_before_the_extension_says_so_and_gets_one_where_that_is_asked_for(
        self, built: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def frozen_as_before(*given: Any) -> SignedDay:
            return as_before(load_settings(), frozen(*given))

        with monkeypatch.context() as patch:
            patch.setattr(signing, "frozen", frozen_as_before)
            assert "signed now, before the extension" in fntx("signature", "generate", "--date", f"{THURSDAY}").stdout
        verified = fntx("signature", "verify", "--date", f"{THURSDAY}").stdout
        assert "extension    none: signed before the extension" in verified
        said = refused("signature", "disclose", "--date", f"{THURSDAY}", "--metric", "wins")
        assert "2025-07-17 was signed before the extension, so it has no wins" in said
        assert "there is nothing to amend" in refused(*self.ARGUMENTS)
        said = fntx(*self.ARGUMENTS, "--extend", "--yes").stdout
        assert "signed before the extension, which the new version brings" in said
        assert "signed now, version 2" in said
        shown = json.loads(fntx("signature", "disclose", "--date", f"{THURSDAY}", "--metric", "wins").stdout)
        assert (shown["format"], shown["version"]) == ("fntx.disclosure/2", 2)


class TestResubmitting:
    ARGUMENTS = ("signature", "resubmit", "--date", f"{THURSDAY}")

    def test_a_failed_record_is_shown_with_its_reason_and_posted_when_that_is_settled(self, built: Database) -> None:
        fntx("signature", "generate", "--date", f"{THURSDAY}", "--no-post")
        with built.connect() as connection:
            connection.execute("update alm_reporting.chain_postings set state = 'failed', error = 'no [bold]gas'")
        assert "no [bold]gas" in fntx("chain", "status").stdout
        assert json.loads(fntx("status", "--json").stdout)[0]["failed"] == 1
        assert "1: `fntx chain status`" in fntx("status").stdout
        assert "posted now" in fntx(*self.ARGUMENTS).stdout

    def test_a_posted_day_has_nothing_to_resubmit(self) -> None:
        sign(THURSDAY)
        assert "has failed: there is nothing to resubmit" in refused(*self.ARGUMENTS)


class TestAChainOfOnesOwn:
    """The embedded chain takes its place, as a node over HTTP."""

    @pytest.fixture
    def own(self, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
        """Settings that name a node, a file for the contracts and a key that holds ether."""
        from fntx_dagster.adapters.evm.served import serve

        with connect(Settings(home=home)) as chain, serve(chain.web3.provider) as url:
            monkeypatch.setenv("FNTX_RPC_URL", url)
            monkeypatch.setenv("FNTX_CONTRACTS", str(tmp_path / "contracts.json"))
            monkeypatch.setenv("FNTX_TRADER_KEY", (home / "keys" / "deployer.key").read_text())
            monkeypatch.setenv("FNTX_CONFIRMATIONS", "0")
            yield load_settings()

    def test_contracts_are_deployed_once_and_a_day_is_posted_after_burning_is_approved(
        self, own: Settings, tmp_path: Path, built: Database
    ) -> None:
        file = tmp_path / "contracts.json"
        assert "TrackRecord  0x" in fntx("chain", "deploy", "--out", str(file)).stdout
        assert [one.name for one in tmp_path.iterdir() if "contracts" in one.name] == ["contracts.json"]
        assert "addresses are never overwritten" in refused("chain", "deploy", "--out", str(file))
        assert "fntx chain approve" in refused("signature", "generate", "--date", f"{THURSDAY}")
        assert "may burn the FNTX of" in fntx("chain", "approve").stdout
        sign(THURSDAY)
        [posted] = posted_days(built, Period.on(THURSDAY))
        assert posted.contract == json.loads(file.read_text())["TrackRecord"]

    def test_a_deployment_that_was_cut_off_goes_on_and_makes_no_contract_twice(
        self, own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from fntx_dagster.adapters.evm import deploying

        file, sent, known = tmp_path / "contracts.json", [], deploying.Chain.send

        def killed_after_the_first(*arguments: object) -> object:
            if sent:
                raise Transient("killed")
            sent.append(known(*arguments))
            return sent[0]

        with monkeypatch.context() as patch:
            patch.setattr(deploying.Chain, "send", killed_after_the_first)
            fntx("chain", "deploy", "--out", str(file), code=75)
        assert not file.exists()
        fntx("chain", "deploy", "--out", str(file))
        assert json.loads(file.read_text())["FNTX"] == sent[0]["contractAddress"]

    def test_the_embedded_chain_is_neither_deployed_to_nor_is_a_foreign_one_served(
        self, own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert "it has a node" in refused("chain", "serve")
        monkeypatch.delenv("FNTX_RPC_URL")
        assert "has its contracts already" in refused("chain", "deploy", "--out", str(tmp_path / "a.json"))

    def test_a_chain_that_is_away_leaves_the_day_queued_and_the_queue_is_shown(
        self, own: Settings, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FNTX_CONTRACTS", str(home / "chain" / "contracts.json"))
        monkeypatch.setenv("FNTX_RPC_URL", "http://127.0.0.1:1")
        done = fntx("signature", "generate", "--date", f"{THURSDAY}", code=75)
        assert "signed now" in done.stdout
        assert "Nothing is lost: it is queued" in str(done.exception)
        found = json.loads(fntx("chain", "status", "--json", code=75).stdout)
        assert (found["answers"], found["traders"], len(found["queue"])) == (False, [], 1)


class TestKeystores:
    def test_a_new_keystore_prints_its_address_and_serves_the_account(
        self, built: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "trader.json"
        assert "Set FNTX_KEYSTORE_PASSWORD" in refused("chain", "keystore", str(file))
        monkeypatch.setenv("FNTX_KEYSTORE_PASSWORD", "correct horse")
        address = fntx("chain", "keystore", str(file)).stdout.strip()
        assert file.stat().st_mode & 0o077 == 0
        assert "exists" in refused("chain", "keystore", str(file))
        monkeypatch.setenv("FNTX_KEYSTORES", json.dumps({ACCOUNT: str(file)}))
        sign(THURSDAY)
        [signed] = signed_days(built, Period.on(THURSDAY))
        assert signed.trader == address

    def test_a_key_of_the_environment_is_imported(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FNTX_KEYSTORE_PASSWORD", "correct horse")
        file = tmp_path / "trader.json"
        assert "there is no key to import" in refused("chain", "keystore", str(file), "--import")
        monkeypatch.setenv("FNTX_TRADER_KEY", KEY)
        done = fntx("chain", "keystore", str(file), "--import")
        assert done.stdout.strip() == "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
        assert KEY[2:] not in done.output + file.read_text()


def test_a_stranger_who_verifies_loads_neither_dagster_nor_a_database(tmp_path: Path) -> None:
    sign(THURSDAY)
    file = disclosure(tmp_path, "net_pnl")
    heavy = ("dagster", "dbt", "psycopg", "web3", "pandas")
    code = (
        "import sys; from typer.testing import CliRunner; from fntx_dagster.cli import app; "
        f"done = CliRunner().invoke(app, ['verify', {str(file)!r}]); "
        f"print(done.exit_code, [m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([FNTX.with_name("python"), "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0 []"


def test_the_error_says_what_to_do_when_nothing_is_signed() -> None:
    error = fntx("signature", "disclose", "--date", f"{THURSDAY}", "--metric", "net_pnl", code=1).exception
    assert isinstance(error, Permanent)
    assert "fntx signature generate" in str(error)


def test_signing_and_correcting_are_read_by_programs(built: Database, tmp_path: Path) -> None:
    day = ("--date", f"{THURSDAY}")
    first = json.loads(fntx("signature", "generate", *day, "--json").stdout)
    assert [(len(first[name])) for name in ("signed", "signed_before", "posted", "warnings")] == [1, 0, 1, 0]
    assert first["posted"][0]["is_new"]
    again = json.loads(fntx("signature", "generate", *day, "--json").stdout)
    assert again["signed_before"] == first["signed"]
    assert again["posted"] == [first["posted"][0] | {"is_new": False}]
    correct(built)
    fntx("signature", "amend", *day, "--reason", "wrong", "--json", code=2)
    amended = json.loads(fntx("signature", "amend", *day, "--reason", "wrong", "--json", "--yes").stdout)
    assert [(record["version"], record["trading_day"]) for record in amended["signed"]] == [(2, f"{THURSDAY}")]
    approved = json.loads(fntx("chain", "approve", "--json").stdout)
    assert approved.keys() == {"contract", "trader", "fntx", "days"}


def test_a_file_that_is_no_disclosure_is_a_wrong_command_line_and_a_broken_disclosure_does_not_hold(
    tmp_path: Path,
) -> None:
    sign(THURSDAY)
    said = fntx("signature", "disclose", "--date", f"{THURSDAY}", "--metric", "net_pnl", "-o", str(tmp_path / "d.json"))
    assert said.stdout == ""
    assert "Written: " in said.stderr
    text = (tmp_path / "d.json").read_text()
    page, document = tmp_path / "july.html", tmp_path / "july.json"
    page.write_text("<!doctype html><title>July</title>")
    document.write_text('{"days": []}')
    for file in (page, document):
        assert "is not a disclosure" in " ".join(fntx("verify", str(file), code=2).stderr.split())
    for kind, what in (
        ("epoch", "a day of a pool"),
        ("package", "a witness's package"),
        ("witness", "a witness's rep"),
    ):
        file.write_text(f'{{"format": "fntx.{kind}/1"}}')
        assert what in " ".join(fntx("verify", str(file), code=2).stderr.split())
    assert "names no witness" in fntx("verify", str(file), "--witness", f"0x{'12' * 20}", code=2).stderr
    for broken in (text[: len(text) // 2], text.replace("fntx.disclosure/1", "other/1"), f"\ufeff{text}"):
        (tmp_path / "d.json").write_text(broken)
        assert "DOES NOT HOLD" in fntx("verify", str(tmp_path / "d.json"), code=1).stdout
