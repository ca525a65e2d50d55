"""End to end: a trader's package, a witness who fetches the same and attests, one with a forged file who does not."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

from fntx_dagster.adapters.evm.attestations import AttestationBook
from fntx_dagster.adapters.evm.client import connect
from fntx_dagster.cli import app
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.period import Period
from fntx_dagster.model.witnesses import AttestedDay, Source, level_in_words
from fntx_dagster.proof.form import checksum_of
from fntx_dagster.services.chain import put_attestations, serve
from fntx_dagster.services.loading import statements_folder
from fntx_dagster.services.signatures.disclosing import disclose_day
from fntx_dagster.services.signatures.period_proofs import PeriodRequest, prove_period
from fntx_dagster.services.signatures.register import registered
from fntx_dagster.services.signatures.track_record import Node
from fntx_dagster.services.witnesses import reading
from fntx_dagster.services.witnesses.checking import CheckedPackage, check_package, read_package
from fntx_dagster.services.witnesses.packaging import make_package
from fntx_dagster.services.witnesses.posting import key_of, make_key, post_report, post_waiting, publish_key, revoke
from fntx_dagster.services.witnesses.reading import listed, names_of, witnesses_of
from fntx_dagster.services.witnesses.workspace import Way, load_statements, workspace
from fntx_dagster.settings import Settings, load_settings
from fntx_dagster.store.outbox.attestations import queue
from fntx_dagster.store.outbox.signatures import signed_days
from fntx_dagster.witness.comparison import Result, SlotOutcome
from fntx_dagster.witness.package import Package
from tests.services.witnesses.conftest import ACCOUNT, PERIOD, TOKEN, Trader, broker, with_token

SESSIONS = 6


@pytest.fixture(scope="module")
def packed(trader: Trader, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("package") / "july.json"
    made = make_package(trader.settings, trader.db, ACCOUNT, PERIOD, trader.witness, with_statements=True)
    assert (made.days, made.extended, made.statements, made.is_sealed) == (SESSIONS, SESSIONS, 1, False)
    file.write_bytes(made.content)
    [shown] = registered(trader.db, {ACCOUNT})
    assert (shown.kind, shown.first_day, shown.last_day) == ("package", PERIOD.first, PERIOD.last)
    return file


@pytest.fixture(scope="module")
def package(trader: Trader, packed: Path) -> Package:
    return read_package(trader.settings, packed)


@pytest.fixture(scope="module")
def fetched(trader: Trader, package: Package) -> CheckedPackage:
    """What a witness with a token of its own found."""
    with broker(trader.books) as service:
        return check_package(with_token(trader, service), package, Way(fetches=True))


def test_who_fetches_the_same_agrees_with_every_day_and_every_window(fetched: CheckedPackage) -> None:
    assert fetched.agrees
    report = fetched.report
    assert [day.result for day in report.days] == [Result.AGREES] * SESSIONS
    assert all(day.has_windows for day in report.days)
    # another time, another file
    assert all(day.slots[SlotOutcome.OTHER_FILES] == ("statements_digest",) for day in report.days)
    rebuilt = ("aggregation_commitments", "extension_root", "period_commitments")
    assert all(day.slots[SlotOutcome.REBUILT] == rebuilt for day in report.days)
    assert report.fetched_at is not None
    assert fetched.unlike == []
    # a broker that is simulated is not the broker's host
    assert report.level == 0x10 | Source.FILES_DIRECT


def test_only_the_broker_s_own_host_over_tls_is_fetched(trader: Trader, package: Package) -> None:
    flex = trader.settings.flex
    assert Way(fetches=True).source(trader.settings, package, []) is Source.BROKER_FETCHED
    for changed in (
        {"url": flex.url.replace("https", "http")},
        {"url": "https://ndcdyn.interactivebrokers.com.example.com/x"},
        {"hosts": frozenset({*flex.hosts, "example.com"})},
    ):
        settings = trader.settings.model_copy(update={"flex": flex.model_copy(update=changed)})
        assert Way(fetches=True).source(settings, package, []) is Source.FILES_DIRECT


def test_what_another_host_served_is_never_loaded_as_the_broker_s(
    trader: Trader, package: Package, fetched: CheckedPackage
) -> None:
    assert fetched.agrees  # its files were served by another host, and stay
    with broker(trader.books) as service:
        own = with_token(trader, service)
    real = own.flex.model_copy(update={"url": trader.settings.flex.url, "hosts": trader.settings.flex.hosts})
    with workspace(own.model_copy(update={"flex": real}), package, Way(fetches=True)) as (ours, _db):
        assert not statements_folder(ours).exists()


def test_a_broker_without_a_statement_of_the_days_is_no_source(
    trader: Trader, package: Package, fetched: CheckedPackage
) -> None:
    with broker(trader.books) as service:
        settings = with_token(trader, service)
        later = Period(date(2025, 8, 1), date(2025, 8, 5))
        way = Way(fetches=True)
        words = "the broker has no statement of 2025-08-01"
        with workspace(settings, package, way) as (ours, db), pytest.raises(Permanent, match=words):
            load_statements(ours, db, package, way, later, lambda text: None)


def test_a_second_check_of_the_same_days_waits_and_leaves_the_first_its_database(
    trader: Trader, package: Package
) -> None:
    with workspace(trader.settings, package, Way()) as (_, db):
        with pytest.raises(Transient, match="another check of this trader's days is running"):
            check_package(trader.settings, package, Way())
        with db.connect() as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        with workspace(trader.settings, replace(package, account="U5000002"), Way()) as (_, other):
            assert other.url != db.url


def test_files_are_the_broker_s_only_where_the_witness_says_so_and_the_trader_did_not_give_them(
    trader: Trader, package: Package, tmp_path: Path
) -> None:
    [statement] = package.statements
    file = tmp_path / "July.xml"
    file.write_bytes(statement.content)
    given = check_package(trader.settings, package, Way(folder=tmp_path, is_direct=True))
    assert (given.agrees, given.report.level) == (True, 0x10 | Source.FILES_SEEN)
    file.write_bytes(statement.content + b"\n")
    own = check_package(trader.settings, package, Way(folder=tmp_path, is_direct=True))
    assert (own.agrees, own.report.level) == (True, 0x10 | Source.FILES_DIRECT)
    unsaid = check_package(trader.settings, package, Way(folder=tmp_path))
    assert (unsaid.agrees, unsaid.report.level) == (True, 0x10 | Source.FILES_SEEN)


def test_the_files_of_the_package_give_the_same_and_the_same_files(trader: Trader, package: Package) -> None:
    checked = check_package(trader.settings, package, Way())
    assert checked.agrees
    assert all("statements_digest" in day.slots[SlotOutcome.EQUAL] for day in checked.report.days)
    assert checked.report.level == 0x10 | Source.FILES_SEEN
    assert not [*(trader.settings.home / "witness").glob("*-files")]


def test_who_gets_a_forged_file_differs_and_says_in_which_slots(
    trader: Trader, package: Package, tmp_path: Path
) -> None:
    [statement] = package.statements
    text = statement.content.decode()
    (tmp_path / "July.xml").write_text(forged(text))
    checked = check_package(trader.settings, package, Way(folder=tmp_path))
    assert not checked.agrees
    differing = {day.day: day.differing for day in checked.report.days if day.result is Result.DIFFERS}
    assert date(2025, 7, 8) in differing
    assert "closing_nav_calculated" in differing[date(2025, 7, 8)]
    assert date(2025, 7, 2) not in differing


def test_a_day_without_a_statement_is_no_day_that_agrees(trader: Trader, package: Package, tmp_path: Path) -> None:
    [statement] = package.statements
    text = statement.content.decode()
    (tmp_path / "July.xml").write_text(
        re.sub(r'(?s)<FlexStatement [^>]*fromDate="20250709".*?</FlexStatement>', "", text)
    )
    checked = check_package(trader.settings, package, Way(folder=tmp_path))
    assert not checked.agrees
    assert [day.result for day in checked.report.days] == [Result.AGREES] * (SESSIONS - 1) + [Result.CANNOT]


def test_a_broker_that_is_away_or_slow_says_so_and_compares_nothing(trader: Trader, package: Package) -> None:
    with broker(trader.books) as service:
        settings = with_token(trader, service)
    with pytest.raises(Transient):
        check_package(settings, package, Way(fetches=True))
    with broker(trader.books) as service:
        service.expired.add(TOKEN)
        with pytest.raises(Permanent):
            check_package(with_token(trader, service), package, Way(fetches=True))
    with pytest.raises(Permanent, match="no Flex token"):
        check_package(trader.settings, package, Way(fetches=True))


def test_the_witness_attests_once_and_everybody_reads_it(
    trader: Trader, fetched: CheckedPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "report.json"
    file.write_text(fetched.written)
    done = post_report(trader.settings, trader.db, file)
    assert [row.state for row in done.new] == ["final"] * SESSIONS
    assert len({row.tx_hash for row in done.new}) == 1
    assert post_report(trader.settings, trader.db, file).new == []
    names = names_of(trader.settings, [f"{trader.witness}=Smith Audit"])
    with serve(trader.settings, 0) as node:
        source = Node(node.url, node.contract)
        questions = calls_counted(monkeypatch)
        assert listed(source, trader=trader.witness, witness=None, period=PERIOD) == []
        of_opening = len(questions)
        rows = listed(source, trader=done.new[0].trader, witness=None, period=PERIOD)
        days = [row.attested for row in rows]
        assert [(row.level, row.revoked_at, row.is_of_record) for row in rows] == [(18, None, True)] * SESSIONS
        assert len(questions) == 2 * of_opening + SESSIONS
        assert listed(source, trader=None, witness=trader.witness, period=PERIOD) == rows
        told = witnesses_of(source, days, names)
        assert told.lines == [f"witness Smith Audit ({trader.witness}): {level_in_words(18)}, 6 of 6 days, 0 revoked"]
        questions.clear()
        assert witnesses_of(source, days, {}).lines == ["1 witness whose name you did not give"]
        assert len(questions) == of_opening  # whoever attests a trader's days makes nobody ask about it
        one = witnesses_of(source, days[:1], names)
        assert one.named[0].attested_at == rows[0].attested_at
        other = [day._replace(root=b"\x01" * 32) for day in days]
        assert witnesses_of(source, other, names).lines == []
        day = days[0].day
        revoke(trader.settings, trader.db, days[0].trader, day, 1, "The broker corrected a fee.")
        assert witnesses_of(source, days, names).lines[0].endswith("5 of 6 days, 1 revoked")
        assert witnesses_of(source, days[:1], {}).lines == []
    assert witnesses_of(source, days, names).lines[0].startswith("NOT CHECKED: which witnesses attest it")
    again = post_report(trader.settings, trader.db, file)
    assert (again.new, again.waiting) == ([], [])
    assert revoke(trader.settings, trader.db, days[0].trader, day, 1, "The broker corrected a fee.").new == []
    with pytest.raises(Permanent, match=r"was revoked at .+, and its reason stays"):
        revoke(trader.settings, trader.db, days[0].trader, day, 1, "Another reason.")
    with pytest.raises(Permanent, match="the reason has 0 bytes"):
        revoke(trader.settings, trader.db, days[0].trader, day, 1, "")
    with pytest.raises(Permanent, match="no version 2"):
        revoke(trader.settings, trader.db, days[0].trader, day, 2, "why")


def test_an_attestation_of_another_root_than_the_record_s_is_listed_as_one_that_counts_for_nothing(
    trader: Trader, package: Package
) -> None:
    with connect(trader.settings) as chain:
        put_attestations(trader.settings, chain)
        wrong = AttestedDay(package.trader, date(2025, 7, 7), 1, b"\x07" * 32)
        where = chain.chain_id, AttestationBook(chain).contract, trader.witness
    queue(trader.db, where, [wrong], 1, bytes(32))
    post_waiting(trader.settings, trader.db)
    one = Period(wrong.day, wrong.day)
    rows = listed(trader.settings, trader=None, witness=trader.witness, period=one)
    assert [row.is_of_record for row in rows if row.attested == wrong] == [False]
    assert all(row.is_of_record for row in rows if row.attested != wrong)
    # anybody attests of a trader what they like: that is not asked about one by one
    rows = listed(trader.settings, trader=package.trader, witness=None, period=one)
    assert all(row.is_of_record for row in rows)
    with patch.object(reading, "MOST_LISTED", 0), pytest.raises(Permanent, match="at most 0 are listed at once"):
        listed(trader.settings, trader=None, witness=trader.witness, period=one)


def test_a_report_of_another_witness_chain_or_record_is_not_posted(
    trader: Trader, fetched: CheckedPackage, tmp_path: Path
) -> None:
    file = tmp_path / "report.json"
    text = fetched.written
    for old, new, words in (
        (trader.witness, "0x" + "9" * 40, "made for the witness"),
        (f'"chain_id": "{fetched.report.chain_id}"', '"chain_id": "1"', "on chain 1"),
        (f"0x{fetched.report.days[3].root.hex()}", "0x" + "7" * 64, "does not hold that root"),
        ('"agrees"', '"cannot"', "no day of the report agrees"),
        ('"fntx": "', '"fntx": "9', "this home made no such report"),
    ):
        file.write_text(
            text.replace(old, new).replace('"level": 18', '"level": 2') if "cannot" in new else text.replace(old, new)
        )
        with pytest.raises(Permanent, match=words):
            post_report(trader.settings, trader.db, file)


def test_a_package_is_sealed_with_the_key_that_the_witness_published(trader: Trader, tmp_path: Path) -> None:
    file = tmp_path / "sealed"
    with pytest.raises(Permanent, match="has published no key"):
        key_of(trader.settings, "0x" + "9" * 40)
    made = publish_key(trader.settings)
    assert (made, made.witness) == (make_key(trader.settings), trader.witness)
    publish_key(trader.settings)
    key = key_of(trader.settings, trader.witness)
    assert f"0x{key.hex()}" == made.key
    with connect(trader.settings) as chain:
        assert AttestationBook(chain).published_key(trader.witness) == b"\x01" + key
    content = make_package(trader.settings, trader.db, ACCOUNT, PERIOD, trader.witness, key=key).content
    assert b"chain_id" not in content
    file.write_bytes(content)
    assert len(read_package(trader.settings, file).days) == SESSIONS
    file.write_bytes(content[:-1])
    with pytest.raises(Permanent, match="sealed for another key, or was changed"):
        read_package(trader.settings, file)
    with pytest.raises(Permanent, match="no key to open it with"):
        read_package(Settings(home=tmp_path), file)


def test_a_package_for_another_witness_is_refused_before_its_days_are_computed(trader: Trader, tmp_path: Path) -> None:
    file, other = tmp_path / "another's.json", "0x" + "9" * 40
    file.write_bytes(make_package(trader.settings, trader.db, ACCOUNT, PERIOD, other).content)
    words = f"made for the witness {other}, and this home signs as {trader.witness}"
    with pytest.raises(Permanent, match=words):
        read_package(trader.settings, file)


def test_a_folder_without_a_statement_is_named(trader: Trader, package: Package, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing of the broker's")
    with pytest.raises(Permanent, match=f"{re.escape(str(tmp_path))} holds no Flex statement"):
        check_package(trader.settings, package, Way(folder=tmp_path))


def test_a_file_too_large_for_a_package_is_refused_unread(trader: Trader, tmp_path: Path) -> None:
    file = tmp_path / "large.json"
    with file.open("wb") as stream:
        stream.truncate(200_000_000)
    unread = patch.object(Path, "open", side_effect=AssertionError("it is read"))
    with unread, pytest.raises(Permanent, match="has more than 128000000 bytes"):
        read_package(trader.settings, file)


def test_no_value_blinding_or_salt_is_in_a_log_a_report_or_the_database(
    trader: Trader, packed: Path, fetched: CheckedPackage, caplog: pytest.LogCaptureFixture
) -> None:
    content = json.loads(packed.read_bytes())
    private = {ACCOUNT}
    for day in content["days"]:
        private |= {*day["record"]["salts"].values(), *day["blindings"]["aggregation"], day["blindings"]["period"]}
        private |= {value for value in day["record"]["values"].values() if value and len(value) > 9}
    assert not [value for value in private if value in fetched.written]
    spoiled = {**content, "days": [{**content["days"][0], "root": "0x" + "1" * 64}]}
    file = packed.with_name("spoiled.json")
    file.write_text(json.dumps({**spoiled, "checksum": checksum_of(spoiled)}))
    with caplog.at_level(logging.DEBUG), pytest.raises(Permanent) as refused:
        read_package(trader.settings, file)
    with trader.db.connect() as connection:
        kept = connection.execute("select report from alm_reporting.witness_reports").fetchall()
    said = [str(refused.value), caplog.text, *(report for (report,) in kept)]
    assert kept
    assert not [value for value in private for text in said if value in text]


def test_an_earlier_signed_day_has_its_own_rule_and_a_newer_catalogue_is_refused(trader: Trader, packed: Path) -> None:
    [first, *_] = signed_days(trader.db, PERIOD, ACCOUNT)
    content = json.loads(packed.read_bytes())
    text = json.dumps(content).replace(f"0x{first.schema_hash.hex()}", "0x" + "5" * 64)
    changed = json.loads(text)
    file = packed.with_name("newer.json")
    file.write_text(json.dumps({**changed, "checksum": checksum_of(changed)}))
    with pytest.raises(Permanent, match="does not lead to its root"):
        read_package(trader.settings, file)


def test_the_settings_of_a_package_are_the_known_ones(trader: Trader, package: Package) -> None:
    for settings in (
        {"flex_tokens": {}},
        {"fx_fallback": {"USD/HKD": "x"}},
        {"risk_free_rates": {"USD": "5"}},
        *_BREAKING,
    ):
        with pytest.raises(Permanent, match="settings are not those of FNTX"):
            check_package(trader.settings, replace(package, settings=settings), Way())


_BREAKING: list[dict[str, Any]] = [
    {"initial_capital": "1E+999999"},
    {"initial_capital": "1" * 40},
    {"initial_capital": True},
    {"fx_fallback": {"USD/HKD": "0"}},
    {"fx_fallback": {"USD/HKD": "-1"}},
    {"fx_fallback": {"USD/HKD": "NaN"}},
    {"withdrawal_fees": {"USD": "1E+130000"}},
    {"dividends": {"SPY": {"2025-07-07": "1E+200000"}}},
    {"european_underlyings": ["x" * 100_000]},
]
"""What a database, a division or a sum would break on."""


def calls_counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls of contracts that a node is asked for from now on."""
    from web3.manager import RequestManager

    asked: list[str] = []
    plain = RequestManager.request_blocking

    def counted(self: RequestManager, method: Any, *arguments: Any, **named: Any) -> Any:
        asked.extend({str(method)} & {"eth_call"})
        return plain(self, method, *arguments, **named)

    monkeypatch.setattr(RequestManager, "request_blocking", counted)
    return asked


def forged(text: str) -> str:
    """A statement whose first commission of 8 July is a hundred times what it was, and its totals are left."""
    begin = text.index("<Trade ", text.index('fromDate="20250708"'))
    head, tail = text[:begin], text[begin:]
    found = re.search(r'ibCommission="(-[0-9.]+)"', tail)
    assert found is not None
    return head + tail[: found.start(1)] + f"{float(found[1]) * 100:.2f}" + tail[found.end(1) :]


def test_verify_says_which_witnesses_attest_and_nothing_they_say_changes_a_verdict(
    trader: Trader, fetched: CheckedPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, file = tmp_path / "report.json", tmp_path / "disclosure.json"
    report.write_text(fetched.written)
    post_report(trader.settings, trader.db, report)
    day = fetched.report.days[2].day
    text = disclose_day(trader.settings, trader.db, ACCOUNT, day, ["net_pnl"])
    monkeypatch.setenv("FNTX_HOME", str(tmp_path))
    named = ["--witness", f"{trader.witness}=Smith Audit"]

    def verified(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["verify", *words])
        assert done.exit_code == code, done.output
        return done.stdout

    with serve(trader.settings, 0) as node:
        file.write_text(text)
        said = verified(str(file), "--rpc", node.url, *named)
        line = f"witness Smith Audit ({trader.witness}): files_direct, with windows, 1 of 1 days, at "
        assert line in said
        assert "HOLDS" in said
        assert "1 witness whose name you did not give" in verified(str(file), "--rpc", node.url)
        [told] = json.loads(verified(str(file), "--rpc", node.url, *named, "--json"))["attestations"]
        assert (told["named"][0]["levels"], told["unnamed"], told["away"]) == ({"18": 1}, [], None)
        assert "witness" not in verified(str(file))
        value = re.search(r'"scaled": "(-?\d+)"', text)
        assert value is not None
        changed = json.loads(text.replace(value[1], "1"))
        changed["metrics"][0]["value"] = "0.00000001"
        file.write_text(json.dumps(changed | {"checksum": checksum_of(changed)}))
        said = verified(str(file), "--rpc", node.url, *named, code=1)
        assert "DOES NOT HOLD" in said
        assert "Smith Audit" not in said
        trader_address = fetched.report.trader
        record = ["--trader", trader_address, "--from", f"{PERIOD.first}", "--to", f"{PERIOD.last}"]
        said = verified(*record, "--rpc", node.url, "--contract", node.contract, *named)
        assert re.search(r"witness Smith Audit .*files_direct, with windows, [56] of 6 days, [01] revoked", said)
        proof = prove_period(
            trader.settings, trader.db, PeriodRequest([ACCOUNT], PERIOD, ["net_pnl"], [], None), by="me"
        )
        file.write_text(proof.text)
        said = verified(str(file), "--rpc", node.url, *named)
        assert re.search(r"witness Smith Audit .*files_direct, with windows, [56] of 6 days, [01] revoked", said)
    names = {"FNTX_WITNESSES": json.dumps({trader.witness: "Smith Audit"})}
    assert names_of(load_settings()) == {}
    monkeypatch.setenv(*next(iter(names.items())))
    assert names_of(load_settings()) == {trader.witness.lower(): "Smith Audit"}
    for wrong in ("Smith", "0x12=Smith", f"{trader.witness}= "):
        with pytest.raises(Permanent, match="names no witness"):
            names_of(trader.settings, [wrong])
