"""What checks find and say, and that one account's trouble stays its own: the assets, on an instance in memory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import pytest
from pydantic import SecretStr

from fntx_dagster.adapters.evm.attestations import AttestationBook
from fntx_dagster.adapters.evm.client import EmbeddedChain, connect
from fntx_dagster.defs.accounting import lots
from fntx_dagster.defs.current_day import current_day
from fntx_dagster.defs.findings import observed, result
from fntx_dagster.defs.partitions import SESSIONS
from fntx_dagster.defs.ranges import range_tags
from fntx_dagster.defs.signature import (
    attestations_stand,
    chain_receipt,
    daily_signature,
    no_days_stand_alone,
    signed_days_unchanged,
)
from fntx_dagster.defs.statements import flex_files, raw_flex_xml
from fntx_dagster.defs.verification import CHECKS
from fntx_dagster.model.finding import Finding, Observed
from fntx_dagster.model.period import Period
from fntx_dagster.model.witnesses import AttestedDay
from fntx_dagster.services import statements
from fntx_dagster.services.chain import put_attestations
from fntx_dagster.services.signatures.drifting import drifts
from fntx_dagster.services.witnesses.posting import WITNESS, post_waiting, revoke
from fntx_dagster.settings import Settings
from fntx_dagster.settings.flex import FlexSettings
from fntx_dagster.settings.witness import WitnessSettings
from fntx_dagster.simulate.account import Account
from fntx_dagster.simulate.contracts import SPY
from fntx_dagster.simulate.delivery import ACTIVITY, answers, deliver
from fntx_dagster.simulate.gateway import serve, unused_port
from fntx_dagster.simulate.gateway_accounts import QUARTER_PAST_TEN, account, july_28
from fntx_dagster.simulate.webservice import serve as broker
from fntx_dagster.simulate.webservice_faults import refuse
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox.attestations import queue
from fntx_dagster.store.outbox.signatures import posted_days, signed_days
from fntx_dagster.store.shares.register import NewlyShown, register
from tests import by_hand

from .around import platform_of

ONE, OTHER = "U7000001", "U7000002"
JULY_14, JULY_15, JULY_16, JULY_17, JULY_18 = (date(2025, 7, day) for day in (14, 15, 16, 17, 18))
A_WHOLE_ACCOUNT = re.compile(r"U\d{5}")
WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


class Outcome(NamedTuple):
    """What a run left in the instance: the evaluations of its checks by name, and every event as text."""

    success: bool
    checks: dict[str, dg.AssetCheckEvaluation]
    events: str

    def findings(self, check: str) -> list[Finding]:
        return observed(self.checks[check]).findings


def materialize(
    assets: Sequence[dg.AssetsDefinition],
    *,
    days: tuple[date, date] | None = None,
    checks: Iterable[dg.AssetChecksDefinition] = (),
    **resources: object,
) -> Outcome:
    """Runs assets and checks in one run, over a range where they are partitioned."""
    defs = dg.Definitions(
        assets=assets,
        asset_checks=checks,
        resources=resources,
        jobs=[dg.define_asset_job("run", selection=dg.AssetSelection.all())],
        executor=dg.in_process_executor,
    )
    with dg.DagsterInstance.ephemeral() as instance:
        done = defs.resolve_job_def("run").execute_in_process(
            instance=instance, tags=range_tags(Period(*days)) if days else {}, raise_on_error=False
        )
        records = instance.all_logs(done.run_id)
    evaluations = [
        event.asset_check_evaluation_data
        for event in done.all_events
        if event.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    return Outcome(
        done.success, {evaluation.check_name: evaluation for evaluation in evaluations}, "\n".join(map(repr, records))
    )


class TestFindings:
    """From a check's result through the event log to what alerts are read from."""

    def evaluated(self, said: dg.AssetCheckResult) -> dg.AssetCheckEvaluation:
        @dg.asset(check_specs=[dg.AssetCheckSpec("holds", asset="figures")])
        def figures() -> dg.MaterializeResult:
            return dg.MaterializeResult(check_results=[said])

        return materialize([figures]).checks["holds"]

    FOUND = (
        Finding("U…0001 2025-07-17", "2025-07-17 U…0001: a = b does not hold", JULY_17),
        Finding("7 × 8", "it is “56” | not 54"),
    )

    def test_they_come_back_as_they_went_in(self) -> None:
        said = self.evaluated(result("verification", "holds", self.FOUND, "it does", days=Period(JULY_16, JULY_17)))
        assert observed(said) == Observed("verification", "figures/holds", list(self.FOUND), (JULY_16, JULY_17))
        assert not said.passed
        assert said.severity == ERROR
        assert said.description == "2025-07-17 U…0001: a = b does not hold (and 1 more)"

    def test_without_any_the_check_passes_in_its_own_words(self) -> None:
        said = self.evaluated(result("verification", "holds", [], "12 equations hold"))
        assert observed(said) == Observed("verification", "figures/holds", [], None)
        assert (said.passed, said.description) == (True, "12 equations hold")

    @pytest.mark.parametrize("looked", [["7 × 8", "9 × 9"], []])
    def test_what_was_looked_at_comes_back(self, looked: list[str]) -> None:
        said = self.evaluated(result("verification", "holds", [], "it does", looked=looked))
        assert observed(said).looked == looked

    def test_a_finding_of_another_check_fails_and_raises_no_alert(self) -> None:
        said = self.evaluated(result("account", "holds", self.FOUND, "it does", alerts=self.FOUND[1:]))
        assert not said.passed
        assert observed(said).findings == [self.FOUND[1]]

    def test_more_than_fifty_are_cut_for_alerts_and_counted_for_people(self) -> None:
        sixty = [Finding(f"{number}", f"{number} fails") for number in range(60)]
        said = self.evaluated(result("verification", "holds", sixty, "it does"))
        assert observed(said).findings == sixty[:50]
        assert said.description == "0 fails (and 59 more)"

    @pytest.mark.parametrize("passed", [True, False])
    def test_a_check_of_somebody_elses_making_is_its_own_finding(self, passed: bool) -> None:
        said = self.evaluated(
            dg.AssetCheckResult(
                check_name="holds", passed=passed, description="Got 3 results", metadata={"failing rows": 3}
            )
        )
        expected = [] if passed else [Finding("figures/holds", "figures/holds: Got 3 results")]
        assert observed(said) == Observed("check", "figures/holds", expected, None)

    def test_one_that_says_nothing_has_failed(self) -> None:
        said = self.evaluated(dg.AssetCheckResult(check_name="holds", passed=False))
        assert observed(said).findings == [Finding("figures/holds", "figures/holds: failed")]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", flex={"folder": tmp_path / "statements"})


@pytest.fixture
def built(database: Database) -> Database:
    return by_hand.create_marts(database)


def traded(number: str, *days: str) -> Account:
    """An account that buys a share a day."""
    account = Account(number)
    for day in days:
        account.day(day, {SPY: "620"}).trade(SPY, 1, "619")
    return account


class TestStatements:
    def load(self, settings: Settings, db: Database, *accounts: Account) -> Path:
        settings.flex.folder.mkdir(exist_ok=True)
        return deliver(settings.flex.folder, "July", *accounts)

    def run(self, settings: Settings, db: Database, asset: dg.AssetsDefinition) -> Outcome:
        return materialize([asset], days=(JULY_14, JULY_16), platform=platform_of(settings, db))

    def test_a_bad_file_is_named_without_its_account_and_the_good_one_beside_it_is_loaded(
        self, settings: Settings, database: Database
    ) -> None:
        self.load(settings, database, traded(ONE, "2025-07-14"))
        (settings.flex.folder / f"{OTHER}.xml").write_text("<html>Please log in</html>")
        done = self.run(settings, database, raw_flex_xml)
        assert done.success
        [finding] = done.findings("every_file_is_loaded")
        assert finding.subject == "U…0002.xml"
        assert not A_WHOLE_ACCOUNT.search(done.events)
        with database.connect() as connection:
            assert connection.execute("select distinct account_id from raw_flex.trades").fetchall() == [(ONE,)]

    def test_one_accounts_expired_token_is_named_once_and_the_others_statements_are_loaded(
        self, tmp_path: Path, database: Database
    ) -> None:
        mine, theirs = "4711000000001", "4711000000002"
        books = {mine: [traded(ONE, "2025-07-14", "2025-07-15")], theirs: [traded(OTHER, "2025-07-14")]}
        for [book] in books.values():
            book.days[-1].close()
        with broker(answers(books, lambda: JULY_15), {mine: [ACTIVITY], theirs: [ACTIVITY]}, expired={theirs}) as flex:
            settings = Settings(
                home=tmp_path,
                flex={
                    "tokens": {"mine": mine, "theirs": theirs},
                    "queries": {name: {f"{kind}_{name}": ACTIVITY for kind in "AB"} for name in ("mine", "theirs")},
                    "url": flex.url,
                    "wait": 0.05,
                },
            )
            done = materialize(
                [flex_files, raw_flex_xml], days=(JULY_14, JULY_15), platform=platform_of(settings, database)
            )
        assert done.success
        [finding] = done.findings("every_token_is_accepted")
        assert finding.subject == "theirs"
        assert done.findings("every_query_is_fetched") == []
        assert "expired" in finding.text
        assert done.checks["every_file_is_loaded"].passed
        assert not A_WHOLE_ACCOUNT.search(done.events)
        assert "4711000000" not in done.events
        with database.connect() as connection:
            assert connection.execute("select distinct account_id from raw_flex.trades").fetchall() == [(ONE,)]

    def test_a_token_that_is_held_off_is_one_finding_that_may_pass_and_says_nothing_of_the_token(
        self, tmp_path: Path, database: Database
    ) -> None:
        mine, theirs = "4711000000001", "4711000000002"
        books = {mine: [traded(ONE, "2025-07-14", "2025-07-15")], theirs: [traded(OTHER, "2025-07-14")]}
        for [book] in books.values():
            book.days[-1].close()
        with broker(answers(books, lambda: JULY_15), {mine: [ACTIVITY], theirs: [ACTIVITY]}) as flex:
            flex.will(*[refuse(1001)] * 4, token=theirs)
            settings = Settings(
                home=tmp_path,
                flex={
                    "tokens": {"mine": mine, "theirs": theirs},
                    "queries": {name: {f"{kind}_{name}": ACTIVITY for kind in "AB"} for name in ("mine", "theirs")},
                    "url": flex.url,
                    "wait": 0.05,
                },
            )
            done = materialize([flex_files], days=(JULY_14, JULY_15), platform=platform_of(settings, database))
        [finding] = done.findings("every_query_is_fetched")
        assert finding.subject == "theirs"
        assert done.checks["every_query_is_fetched"].metadata["transient"].value is True
        assert observed(done.checks["every_token_is_accepted"]).looked == ["mine"]

    def test_what_was_not_fetched_says_why(
        self, settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        done = self.run(settings, database, flex_files)
        assert done.checks["every_query_is_fetched"].description == "no Flex queries are in the settings"
        flex = FlexSettings(tokens={"mine": SecretStr("1")}, queries={"mine": {"A": "2"}})
        settings = settings.model_copy(update={"flex": flex})
        monkeypatch.setattr(statements, "fetch", lambda *_: [])
        done = self.run(settings, database, flex_files)
        assert done.checks["every_query_is_fetched"].description == "no session of the range is over"

    def test_the_session_that_is_due_is_missed_of_the_accounts_that_were_fetched(
        self, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = Settings(home=tmp_path, flex={"tokens": {"mine": "1"}, "queries": {"mine": {"Activity": "2"}}})
        (tmp_path / "ibkr_flexquery").mkdir()
        due = JULY_16

        def check(last: date) -> dg.AssetCheckEvaluation:
            monkeypatch.setattr(statements, "due_session", lambda now: due)
            done = materialize([raw_flex_xml], days=(JULY_14, last), platform=platform_of(settings, database))
            return done.checks["latest_session_is_present"]

        by_hand.fetched(database, ONE, JULY_15, JULY_16)
        assert check(JULY_16).description == "2025-07-16 is there"
        due = JULY_17
        late = check(JULY_17)
        assert (late.passed, late.description) == (False, "2025-07-17 U…0001: no official NAV in the statements")
        assert check(JULY_16).passed, "a run over older sessions does not look"
        by_hand.fetched(database, ONE, outcome="failed")
        assert check(JULY_17).passed, "that it was not fetched is another check's finding"

    def test_files_that_come_by_hand_are_late_for_nobody(self, settings: Settings, database: Database) -> None:
        self.load(settings, database, traded(ONE, "2025-07-14"))
        assert self.run(settings, database, raw_flex_xml).checks["latest_session_is_present"].passed

    def test_one_accounts_bad_row_is_a_finding_and_the_others_fills_are_rebuilt(
        self, settings: Settings, database: Database
    ) -> None:
        bad = traded(ONE, "2025-07-14")
        bad.delivers(blank={"tradePrice"})
        self.load(settings, database, bad, traded(OTHER, "2025-07-14"))
        self.run(settings, database, raw_flex_xml)
        done = self.run(settings, database, lots)
        assert done.success
        [finding] = done.findings("every_account_is_rebuilt")
        assert finding.subject == "U…0001"
        assert re.search("account U…0001: .* has no tradePrice", finding.text)
        assert not A_WHOLE_ACCOUNT.search(done.events)
        with database.connect() as connection:
            assert connection.execute("select distinct account_id from alm_reporting.fills").fetchall() == [(OTHER,)]

    def test_when_no_account_can_be_rebuilt_the_run_stops(self, settings: Settings, database: Database) -> None:
        bad = traded(ONE, "2025-07-14")
        bad.delivers(blank={"tradePrice"})
        self.load(settings, database, bad)
        self.run(settings, database, raw_flex_xml)
        done = self.run(settings, database, lots)
        assert not done.success
        assert not A_WHOLE_ACCOUNT.search(done.events)

    def test_a_hole_is_a_finding_of_its_day_and_account_and_stops_nobody(
        self, settings: Settings, database: Database
    ) -> None:
        whole = traded(OTHER, "2025-07-14", "2025-07-15", "2025-07-16")
        self.load(settings, database, traded(ONE, "2025-07-14", "2025-07-16"), whole)
        self.run(settings, database, raw_flex_xml)
        done = self.run(settings, database, lots)
        assert done.success
        said = observed(done.checks["statements_are_complete"])
        text = "2025-07-15 U…0001: no official NAV in the statements"
        assert said == Observed(
            "statements",
            "classified_fills/statements_are_complete",
            [Finding(text, text, JULY_15)],
            (JULY_14, JULY_16),
        )
        assert done.checks["every_account_is_rebuilt"].passed
        assert not A_WHOLE_ACCOUNT.search(done.events)

    def test_a_range_without_any_nav_is_a_check_that_fails_and_stops_no_run(
        self, settings: Settings, database: Database
    ) -> None:
        """A broker that is late fails nothing."""
        done = self.run(settings, database, lots)
        assert done.success
        said = done.checks["statements_are_complete"]
        assert not said.passed
        assert "no official NAV for 3 sessions: 2025-07-14, 2025-07-15, 2025-07-16" in said.description


class TestVerification:
    def test_each_kind_says_what_fails_per_account_and_day(self, settings: Settings, built: Database) -> None:
        by_hand.build(built, ONE, JULY_16)
        by_hand.build(built, ONE, JULY_17, passed=False)
        by_hand.build(built, OTHER, JULY_17)

        @dg.asset(partitions_def=SESSIONS)
        def daily_verification() -> None:
            """In the place of dbt's."""

        done = materialize(
            [daily_verification], days=(JULY_16, JULY_17), checks=CHECKS, platform=platform_of(settings, built)
        )
        assert done.success
        for kind in ("mathematical", "logical", "cross_reference"):
            said = observed(done.checks[f"{kind}_verification"])
            assert (said.kind, said.days) == ("verification", (JULY_16, JULY_17))
            text = "2025-07-17 U…0001: a = b: 1 = 2 does not hold, difference -1"
            assert said.findings == [Finding("U…0001 2025-07-17 a = b", text, JULY_17)]
            assert done.checks[f"{kind}_verification"].severity == ERROR
        unusual = done.checks["historical_verification"]
        assert (observed(unusual).kind, unusual.passed, unusual.severity) == ("unusual", True, WARN)
        assert unusual.description == "0 equations hold"
        assert not A_WHOLE_ACCOUNT.search(done.events)

    def test_accounts_that_are_masked_alike_are_two_findings(self, settings: Settings, built: Database) -> None:
        for number in (ONE, "U1000001"):
            by_hand.fetched(built, number, JULY_17)
            by_hand.build(built, number, JULY_17, passed=False)

        @dg.asset(partitions_def=SESSIONS)
        def daily_verification() -> None:
            """In the place of dbt's."""

        done = materialize(
            [daily_verification], days=(JULY_17, JULY_17), checks=CHECKS, platform=platform_of(settings, built)
        )
        subjects = {finding.subject for finding in done.findings("logical_verification")}
        assert subjects == {"U…0001 2025-07-17 a = b", "U…0001 (2) 2025-07-17 a = b"}


class TestSignature:
    @pytest.fixture
    def settings(self, home: Path) -> Settings:
        return Settings(home=home)

    def run(self, settings: Settings, db: Database, first: date = JULY_16, last: date = JULY_17) -> Outcome:
        return materialize(
            [daily_signature, chain_receipt],
            days=(first, last),
            checks=[signed_days_unchanged, no_days_stand_alone, attestations_stand],
            platform=platform_of(settings, db),
        )

    def signed(self, db: Database) -> list[tuple[str, date]]:
        return [(day.account_id, day.trading_day) for day in signed_days(db, Period(JULY_14, JULY_18))]

    def test_accounts_without_trouble_are_signed_and_posted(self, settings: Settings, built: Database) -> None:
        for number in (ONE, OTHER):
            by_hand.build(built, number, JULY_17)
        done = self.run(settings, built)
        assert done.success
        assert all(check.passed for check in done.checks.values())
        assert self.signed(built) == [(ONE, JULY_17), (OTHER, JULY_17)]
        assert len(posted_days(built, Period(JULY_14, JULY_18))) == 2
        assert not A_WHOLE_ACCOUNT.search(done.events)

    def test_one_accounts_failed_verification_leaves_the_other_signed_and_is_no_alert_of_this_check(
        self, settings: Settings, built: Database
    ) -> None:
        """Its own check raises the alert."""
        by_hand.build(built, ONE, JULY_16, passed=False)
        by_hand.build(built, ONE, JULY_17)
        by_hand.build(built, OTHER, JULY_16)
        by_hand.build(built, OTHER, JULY_17)
        done = self.run(settings, built)
        assert done.success
        assert self.signed(built) == [(OTHER, JULY_16), (OTHER, JULY_17)]
        refused = done.checks["every_account_is_signed"]
        assert refused.description.startswith("from 2025-07-16 on: 2025-07-16 of account U…0001 fails its verification")
        assert observed(refused).findings == []
        assert done.checks["every_day_is_posted"].passed
        assert not A_WHOLE_ACCOUNT.search(done.events)

    def test_a_run_of_a_later_day_signs_no_account_over_what_stopped_it(
        self, settings: Settings, built: Database
    ) -> None:
        for number in (ONE, OTHER):
            by_hand.build(built, number, JULY_15)
        self.run(settings, built, JULY_15, JULY_15)
        for day in (JULY_16, JULY_17):
            by_hand.build(built, ONE, day, passed=day != JULY_16)
            by_hand.build(built, OTHER, day)
        self.run(settings, built, JULY_17, JULY_17)
        assert (ONE, JULY_17) not in self.signed(built)
        assert (OTHER, JULY_17) in self.signed(built)

    def test_an_account_that_cannot_be_built_stops_where_its_statements_changed(
        self, settings: Settings, built: Database
    ) -> None:
        for number in (ONE, OTHER):
            for day in (JULY_16, JULY_17):
                by_hand.build(built, number, day)
        with built.connect() as connection:
            connection.execute(
                "insert into alm_reporting.untold_changes (account_id, since, refused) values (%s, %s, 'a bad row')",
                (ONE, JULY_17),
            )
        done = self.run(settings, built)
        assert self.signed(built) == [(ONE, JULY_16), (OTHER, JULY_16), (OTHER, JULY_17)]
        assert "cannot be built from 2025-07-17 on: a bad row" in done.checks["every_account_is_signed"].description

    def test_a_lost_secret_is_an_alert_of_this_check(self, settings: Settings, built: Database) -> None:
        by_hand.build(built, ONE, JULY_16)
        self.run(settings, built)
        (settings.paths.keys / "salt.secret").write_text("11" * 32)
        by_hand.build(built, ONE, JULY_17)
        done = self.run(settings, built)
        assert done.success
        [finding] = done.findings("every_account_is_signed")
        assert (finding.subject, finding.day) == ("U…0001 2025-07-17", JULY_17)
        assert "salt secret is not the one" in finding.text
        assert observed(done.checks["every_account_is_signed"]).kind == "account"

    def test_a_trader_who_is_refused_for_want_of_funds_is_short_of_funds(
        self, settings: Settings, built: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in (ONE, OTHER):
            by_hand.build(built, number, JULY_16)
        self.run(settings, built)
        by_hand.build(built, ONE, JULY_17)
        [poor, rich] = [day.trader for day in signed_days(built, Period.on(JULY_16))]
        known = EmbeddedChain.tokens_of
        monkeypatch.setattr(
            EmbeddedChain,
            "tokens_of",
            lambda chain, trader: (Decimal(0 if trader == poor else 1000), known(chain, trader)[1]),
        )
        monkeypatch.setattr(EmbeddedChain, "_fund", lambda chain, trader: None)
        done = self.run(settings, built, JULY_17, JULY_17)
        assert done.success
        assert "holds 0 FNTX" in done.checks["every_day_is_posted"].description
        said = observed(done.checks["funds_last"])
        text = f"trader {poor} has FNTX and allowance for 0 more days: send FNTX or approve more"
        assert (said.kind, said.findings) == ("funds", [Finding(poor, text)])
        assert said.looked == [poor], "of the other, whom this run is not about, nothing is said"
        assert sorted(observed(self.run(settings, built).checks["funds_last"]).looked) == sorted([poor, rich])

    def test_a_signed_day_whose_figures_have_changed_is_named_whatever_range_is_run_and_stays(
        self, settings: Settings, built: Database
    ) -> None:
        by_hand.build(built, ONE, JULY_15)
        assert self.run(settings, built, JULY_15, JULY_15).checks["signed_days_unchanged"].passed
        by_hand.build(built, ONE, JULY_16)
        with built.connect() as connection:
            connection.execute(
                "update alm_reporting.daily_summary set net_pnl = 987654 where trading_day = %s", (JULY_15,)
            )
        done = self.run(settings, built, JULY_16, JULY_16)
        said = done.checks["signed_days_unchanged"]
        assert (observed(said).kind, said.severity) == ("drift", WARN)
        [finding] = observed(said).findings
        assert (finding.subject, finding.day) == ("U…0001 2025-07-15", JULY_15)
        assert "its figures have changed since: net_pnl. See `fntx signature verify" in finding.text
        assert "987654" not in done.events, "no figure"
        assert [day.version for day in signed_days(built, Period(JULY_15, JULY_16))] == [1, 1], (
            "nothing is amended by itself"
        )

    def test_a_day_that_cannot_be_compared_is_a_finding_hides_no_drift_and_ends_no_alert(
        self, settings: Settings, built: Database
    ) -> None:
        for number, day in ((ONE, JULY_15), (ONE, JULY_16), (OTHER, JULY_15)):
            by_hand.build(built, number, day)
        self.run(settings, built, JULY_15, JULY_16)
        with built.connect() as connection:
            connection.execute("update alm_reporting.daily_summary set net_pnl = 7")
            for table, number in (("rolling_metrics", ONE), ("daily_summary", OTHER)):
                connection.execute(
                    f"delete from alm_reporting.{table} where (account_id, trading_day) = (%s, %s)", (number, JULY_15)
                )
        drifted, unjudged = drifts(built)
        assert [drift.signed[:2] for drift in drifted] == [(ONE, JULY_16)]
        assert [day.signed[:2] for day in unjudged] == [(ONE, JULY_15), (OTHER, JULY_15)]
        said = observed(self.run(settings, built, JULY_17, JULY_17).checks["signed_days_unchanged"])
        assert [finding.subject for finding in said.findings] == [
            "U…0001 2025-07-16",
            "U…0001 not compared",
            "U…0002 not compared",
        ]
        text = said.findings[1].text
        assert "2025-07-15 could not be compared with what was signed: 2025-07-15 has no metrics" in text
        assert said.looked == [], "what was found earlier is not over"

    def test_days_that_stand_alone_by_what_was_shown_are_named_once_for_an_account(
        self, settings: Settings, built: Database
    ) -> None:
        for day in (JULY_14, JULY_15, JULY_16, JULY_17):
            by_hand.build(built, ONE, day)
        assert self.run(settings, built, JULY_14, JULY_17).checks["no_days_stand_alone"].passed
        for last in (JULY_16, JULY_17):
            shown = NewlyShown(ONE, Period(JULY_14, last), [1] * (last.day - 13), ["twr"], "period", "a bank", "ada")
            register(built, [shown])
        done = self.run(settings, built, JULY_17, JULY_17)
        said = done.checks["no_days_stand_alone"]
        [finding] = observed(said).findings
        assert (observed(said).kind, said.severity, finding.subject) == ("isolation", WARN, "U…0001")
        assert finding.text.startswith("U…0001: 2025-07-14 and 2025-07-15 and 2025-07-16; 2025-07-17 stand alone")
        assert not A_WHOLE_ACCOUNT.search(done.events)

    def test_an_attestation_that_a_named_witness_revokes_is_a_warning_and_without_a_name_nothing_is_looked_at(
        self, settings: Settings, built: Database
    ) -> None:
        by_hand.build(built, ONE, JULY_17)
        off = self.run(settings, built).checks["attestations_stand"]
        assert (off.passed, off.description) == (True, "Not looked at: FNTX_WITNESSES names no witness")
        [signed] = signed_days(built, Period.on(JULY_17))
        with connect(settings) as chain:
            put_attestations(settings, chain)
            where = chain.chain_id, AttestationBook(chain).contract, chain.trader(WITNESS).address
        queue(built, where, [AttestedDay(signed.trader, JULY_17, 1, signed.root)], 3, bytes(32))
        post_waiting(settings, built)
        named = Settings(home=settings.home, witness=WitnessSettings(names={where[2]: "Smith Audit"}))
        on = self.run(named, built).checks["attestations_stand"]
        assert (on.passed, on.description) == (True, "Every attestation stands")
        revoke(settings, built, signed.trader, JULY_17, 1, "The broker corrected a fee.")
        done = self.run(named, built)
        said = observed(done.checks["attestations_stand"])
        [finding] = said.findings
        assert (said.kind, done.checks["attestations_stand"].severity, finding.day) == ("witness", WARN, JULY_17)
        assert "Smith Audit" in finding.text
        assert done.success
        assert not A_WHOLE_ACCOUNT.search(done.events)

    def test_a_session_without_a_record_between_others_is_a_gap(self, settings: Settings, built: Database) -> None:
        for day in (JULY_14, JULY_17):
            by_hand.build(built, ONE, day)
            done = self.run(settings, built, day, day)
        said = done.checks["no_gap"]
        text = "U…0001: later sessions have a record on the chain, these have none: 2025-07-15, 2025-07-16"
        assert observed(said).findings == [Finding("U…0001", text)]
        assert (observed(said).looked, said.severity) == (["U…0001"], WARN)

    def test_a_chain_that_holds_another_root_is_an_error(
        self, settings: Settings, built: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        by_hand.build(built, ONE, JULY_17)
        assert self.run(settings, built).checks["roots_agree"].passed
        known = EmbeddedChain.history
        monkeypatch.setattr(
            EmbeddedChain,
            "history",
            lambda *asked: {day: record._replace(root=bytes(32)) for day, record in known(*asked).items()},
        )
        said = self.run(settings, built).checks["roots_agree"]
        [finding] = observed(said).findings
        assert (observed(said).kind, finding.subject, said.severity) == ("chain", "U…0001 2025-07-17", ERROR)
        assert f"the contract holds 0x{'00' * 32}, ours is 0x" in finding.text


class TestToday:
    def run(self, settings: Settings, db: Database) -> Outcome:
        return materialize([current_day], platform=platform_of(settings, db))

    def settings(self, home: Path, **gateways: int) -> Settings:
        return Settings(
            home=home,
            gateway={"addresses": {name: f"127.0.0.1:{port}" for name, port in gateways.items()}, "timeout": 5},
        )

    def test_a_silent_gateway_is_a_warning_and_the_other_accounts_day_is_reported(
        self, database: Database, tmp_path: Path
    ) -> None:
        with serve(july_28(OTHER), now=QUARTER_PAST_TEN) as gateway:
            done = self.run(self.settings(tmp_path, **{ONE: unused_port(), OTHER: gateway.port}), database)
        assert done.success
        [finding] = done.findings("gateway_answers")
        assert finding.subject == "U…0001"
        assert done.checks["gateway_answers"].severity == WARN
        assert "NAV now U…0002" in done.events
        assert not A_WHOLE_ACCOUNT.search(done.events)

    def test_a_day_that_cannot_be_built_is_named_and_the_other_accounts_is_reported(
        self, built: Database, tmp_path: Path
    ) -> None:
        by_hand.build(built, ONE, date(2025, 7, 25))  # its base is HKD
        with serve(account(ONE, cash="5", currency="GBP"), july_28(OTHER), now=QUARTER_PAST_TEN) as gateway:
            done = self.run(self.settings(tmp_path, **{ONE: gateway.port, OTHER: gateway.port}), built)
        assert done.success
        [finding] = done.findings("gateway_answers")
        assert "GBP/HKD" in finding.text
        assert "NAV now U…0002" in done.events
        assert "NAV now U…0001" not in done.events

    def test_accounts_that_are_masked_alike_are_reported_side_by_side(self, database: Database, tmp_path: Path) -> None:
        alike = "U9000001"
        with serve(july_28(ONE), july_28(alike), now=QUARTER_PAST_TEN) as gateway:
            done = self.run(self.settings(tmp_path, **{ONE: gateway.port, alike: gateway.port}), database)
        assert "NAV now U…0001 (2)" in done.events
        silent = self.run(self.settings(tmp_path, **{ONE: unused_port(), alike: unused_port()}), database)
        assert [finding.subject for finding in silent.findings("gateway_answers")] == ["U…0001", "U…0001 (2)"]

    def test_the_margin_of_an_account_whose_gateway_is_silent_was_not_looked_at(
        self, database: Database, tmp_path: Path
    ) -> None:
        with serve(july_28(OTHER), now=QUARTER_PAST_TEN) as gateway:
            both = self.run(self.settings(tmp_path, **{ONE: unused_port(), OTHER: gateway.port}), database)
            one = self.run(self.settings(tmp_path, **{OTHER: gateway.port}), database)
        assert both.checks["margin_is_ample"].passed
        assert observed(both.checks["margin_is_ample"]).looked == ["U…0002"]
        assert observed(one.checks["margin_is_ample"]).looked is None, "and who left the settings is looked after too"

    def test_little_room_for_margin_is_a_warning_in_percent(self, database: Database, tmp_path: Path) -> None:
        tight = account(ONE, cash="1000", initial_margin="950", maintenance_margin="950")
        with serve(tight, july_28(OTHER), now=QUARTER_PAST_TEN) as gateway:
            done = self.run(self.settings(tmp_path, **{ONE: gateway.port, OTHER: gateway.port}), database)
        said = observed(done.checks["margin_is_ample"])
        text = "U…0001: 5.0% of the NAV is free of margin, less than 10%"
        assert (said.kind, said.findings) == ("margin", [Finding("U…0001", text)])
        assert done.checks["gateway_answers"].passed
