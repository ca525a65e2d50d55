"""What is over is closed by whoever looks, and what lasts stays open: from the tables, for each kind of alert."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fntx_dagster.cli import app
from fntx_dagster.errors import Permanent
from fntx_dagster.model.chain import SignedDay
from fntx_dagster.model.finding import Finding, Observed
from fntx_dagster.model.period import Period
from fntx_dagster.services.alerting import dismissed, raise_alerts, record
from fntx_dagster.services.building.verification import completeness, equations
from fntx_dagster.services.settling import settle
from fntx_dagster.services.signatures import drifting
from fntx_dagster.services.signatures.posting import post
from fntx_dagster.services.signatures.refusals import Beginning
from fntx_dagster.services.signatures.signed_days import changed_days, sign_days
from fntx_dagster.services.signatures.signing import amend, proposals
from fntx_dagster.services.signatures.values import Difference, Values
from fntx_dagster.services.status import settle_alerts, status
from fntx_dagster.settings import Settings
from fntx_dagster.store.alerts import open_alerts, resolve, undelivered, unresolved
from fntx_dagster.store.database import Database
from tests import by_hand
from tests.processes import ALONE

ONE, OTHER = "U7000001", "U7000002"
JULY_14, JULY_15, JULY_16, JULY_17 = (date(2025, 7, day) for day in (14, 15, 16, 17))
WHOLE = Period(JULY_14, JULY_17)
LABEL = "U…0001"


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(home=home)


@pytest.fixture
def built(database: Database) -> Database:
    return by_hand.create_marts(database)


def run(db: Database, text: str) -> None:
    with db.connect() as connection:
        connection.execute(text)


def left(settings: Settings, db: Database) -> list[str]:
    """The subjects of the alerts that are open after a look at what is over."""
    settle_alerts(settings, db)
    return [alert.subject for alert in status(db).alerts]


def incomplete(db: Database) -> Observed:
    return Observed("statements", "classified_fills/statements_are_complete", completeness(db, WHOLE).alerts, WHOLE)


def test_a_hole_is_an_alert_until_its_statement_is_loaded(settings: Settings, database: Database) -> None:
    by_hand.official_navs(database, ONE, JULY_14, JULY_17)
    record(database, [incomplete(database)])
    lacking = [f"{day} {LABEL}: no official NAV in the statements" for day in (JULY_15, JULY_16)]
    assert left(settings, database) == lacking
    by_hand.official_navs(database, ONE, JULY_15)
    assert left(settings, database) == lacking[1:]


def test_a_range_that_is_longer_than_what_was_loaded_raises_no_alert_and_the_check_says_so(
    settings: Settings, database: Database
) -> None:
    by_hand.official_navs(database, ONE, JULY_14)
    found = completeness(database, WHOLE)
    assert [finding.day for finding in found.lacking] == [JULY_15, JULY_16, JULY_17]
    assert found.alerts == []
    nothing = completeness(database, Period(JULY_15, JULY_17))
    assert nothing.alerts == []
    assert nothing.lacking


def test_of_an_account_that_a_flex_query_serves_each_session_is_awaited(settings: Settings, database: Database) -> None:
    by_hand.fetched(database, ONE, JULY_14)
    assert [finding.day for finding in completeness(database, WHOLE).alerts] == [JULY_15, JULY_16, JULY_17]


def test_an_equation_that_holds_after_the_day_was_built_again_is_over(settings: Settings, built: Database) -> None:
    by_hand.build(built, ONE, JULY_16, passed=False)
    by_hand.build(built, ONE, JULY_17, passed=False)
    failed = equations(built, WHOLE, "logical").failed
    record(built, [Observed("verification", "daily_verification/logical_verification", failed, WHOLE)])
    assert len(left(settings, built)) == 2
    run(built, "update alm_reporting.daily_verification set passed = true where trading_day = '2025-07-16'")
    assert left(settings, built) == [f"{LABEL} {JULY_17} a = b"]
    run(built, "delete from alm_reporting.daily_verification")
    assert left(settings, built) == [f"{LABEL} {JULY_17} a = b"], "a day of which there is nothing is not over"


def test_a_day_that_has_drifted_is_over_when_it_is_amended(settings: Settings, built: Database) -> None:
    from fntx_dagster.adapters.evm.client import connect

    by_hand.build(built, ONE, JULY_17)
    sign_days(settings, built, WHOLE, Beginning.ALL)
    with connect(settings) as chain:
        post(settings, built, chain, WHOLE)
    run(built, "update alm_reporting.daily_summary set net_pnl = 13")
    drift = Observed("drift", "daily_signature/signed_days_unchanged", changed_days(built).findings)
    record(built, [drift])
    assert left(settings, built) == [f"{LABEL} {JULY_17}"]
    amend(settings, built, proposals(settings, built, ONE, WHOLE), "a correction")
    assert left(settings, built) == []


def test_an_account_that_was_refused_is_over_when_the_day_is_signed_and_posted(
    settings: Settings, built: Database
) -> None:
    from fntx_dagster.adapters.evm.client import connect

    subject = f"{LABEL} {JULY_17}"
    refused = [Finding(subject, "a lost key", JULY_17)]
    sources = ("daily_signature/every_account_is_signed", "chain_receipt/every_day_is_posted")
    by_hand.build(built, ONE, JULY_16)
    sign_days(settings, built, WHOLE, Beginning.ALL)
    record(built, [Observed("account", source, refused) for source in sources])
    assert left(settings, built) == [subject] * 2
    by_hand.build(built, ONE, JULY_17)
    sign_days(settings, built, WHOLE, Beginning.ALL)
    settle_alerts(settings, built)
    assert [alert.source for alert in open_alerts(built)] == [sources[1]]
    with connect(settings) as chain:
        post(settings, built, chain, WHOLE)
    assert left(settings, built) == []


def test_a_record_that_failed_is_over_when_it_is_queued_again(settings: Settings, built: Database) -> None:
    by_hand.build(built, ONE, JULY_17)
    sign_days(settings, built, WHOLE, Beginning.ALL)
    run(built, "update alm_reporting.chain_postings set state = 'failed', error = 'no gas'")
    raise_alerts(settings, built, [], datetime.now(UTC))
    assert left(settings, built) == [f"{LABEL} {JULY_17}"]
    run(built, "update alm_reporting.chain_postings set state = 'queued', error = null")
    assert left(settings, built) == []


def test_an_account_that_could_not_be_built_is_over_when_its_rows_are_taken(
    settings: Settings, database: Database
) -> None:
    run(database, f"insert into alm_reporting.untold_changes values ('{ONE}', '2025-07-16', now(), 'a bad row')")
    record(database, [Observed("account", "classified_fills/every_account_is_rebuilt", [Finding(LABEL, "a bad row")])])
    by_hand.official_navs(database, ONE, JULY_14)
    assert left(settings, database) == [LABEL]
    run(database, "update alm_reporting.untold_changes set refused = null")
    assert left(settings, database) == []


def test_settings_that_fit_together_again_are_over(settings: Settings, database: Database) -> None:
    record(database, [Observed("statements", "settings", [Finding("settings", "they do not fit")])])
    assert left(settings, database) == []


def test_an_alert_that_is_observed_again_during_the_look_stays_open(database: Database) -> None:
    finding = [Finding(LABEL, "it waits")]
    record(database, [Observed("queue", "a look", finding)])
    seen = unresolved(database)
    record(database, [Observed("queue", "a look", finding)])
    resolve(database, seen)
    assert [alert.text for alert in open_alerts(database)] == ["it waits"]
    resolve(database, unresolved(database))
    assert open_alerts(database) == []


def test_of_a_long_history_only_the_days_of_the_alerts_are_compared(
    settings: Settings, built: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [date(2025, 3, 14), date(2025, 5, 16), JULY_17]
    for day in days:
        by_hand.build(built, ONE, day)
        sign_days(settings, built, Period.on(day), Beginning.ALL)
    record(
        built,
        [
            Observed(
                "drift",
                "daily_signature/signed_days_unchanged",
                [Finding(f"{LABEL} {day}", "it has changed", day) for day in days[1:]],
            )
        ],
    )
    run(built, "update alm_reporting.daily_summary set net_pnl = 13 where trading_day = '2025-07-17'")
    compared, compare = [], drifting.differences

    def noted(signed: SignedDay, values: Values) -> list[Difference]:
        compared.append(signed.trading_day)
        return compare(signed, values)

    monkeypatch.setattr(drifting, "differences", noted)
    assert left(settings, built) == [f"{LABEL} {JULY_17}"]
    assert compared == days[1:]


def test_what_only_others_can_say_stays(settings: Settings, database: Database) -> None:
    record(database, [Observed("gateway", "current_day/gateway_answers", [Finding(LABEL, "it is silent")])])
    settle(settings, database, datetime.now(UTC))
    assert left(settings, database) == [LABEL]


class TestDismissing:
    @pytest.fixture(autouse=True)
    def raised(self, database: Database) -> None:
        self.see(database)

    def see(self, db: Database, *gone: str) -> None:
        for kind, subjects in {"gap": ["a", "b"], "funds": ["c"]}.items():
            findings = [Finding(name, f"{name} lacks") for name in subjects if name not in gone]
            record(db, [Observed(kind, f"a look at {kind}", findings)])

    def numbers(self, db: Database) -> dict[str, int]:
        return {alert.subject: alert.alert_id for alert in open_alerts(db)}

    def test_one_is_dismissed_by_its_number_and_all_of_a_kind_by_its_name(
        self, settings: Settings, database: Database
    ) -> None:
        number = self.numbers(database)["b"]
        assert [alert.subject for alert in dismissed(database, [str(number)])] == ["b"]
        assert left(settings, database) == ["a", "c"]
        assert [alert.subject for alert in dismissed(database, ["gap", "funds"])] == ["a", "c"]
        assert left(settings, database) == []

    def test_what_was_dismissed_is_not_sent_nor_raised_again_before_it_was_over(
        self, settings: Settings, database: Database
    ) -> None:
        dismissed(database, ["gap"])
        self.see(database)
        assert left(settings, database) == ["c"]
        long_ago = datetime(2000, 1, 1, tzinfo=UTC)
        assert [alert.subject for alert in undelivered(database, "here", long_ago)] == ["c"]
        self.see(database, "a")
        self.see(database)
        assert left(settings, database) == ["c", "a"]

    def test_what_is_not_open_is_named_and_nothing_is_dismissed(self, settings: Settings, database: Database) -> None:
        with pytest.raises(Permanent, match="number or the kind 999, weather"):
            dismissed(database, ["gap", "999", "weather"])
        assert left(settings, database) == ["a", "b", "c"]

    def test_the_command_shows_numbers_takes_them_and_agrees_with_status(
        self, database: Database, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FNTX_HOME", str(home))
        monkeypatch.setenv("FNTX_DATABASE_URL", database.url)
        for name in ALONE:
            monkeypatch.setenv(name, "1")

        def fntx(*arguments: str) -> str:
            done = CliRunner().invoke(app, list(arguments))
            assert done.exit_code == 0, done.output
            return done.stdout

        number = self.numbers(database)["a"]
        for command in ("alerts", "status"):
            assert f" {number} " in fntx(command)
        assert "1 dismissed." in fntx("alerts", "--dismiss", str(number))
        for command in ("alerts", "status"):
            said = fntx(command)
            assert "b lacks" in said
            assert "a lacks" not in said
        gone = json.loads(fntx("alerts", "--dismiss", "gap", "--dismiss", "funds", "--json"))
        assert [alert["subject"] for alert in gone] == ["b", "c"]
        assert "Nothing needs a person." in fntx("alerts")
        assert "lacks" not in fntx("status")
