"""The day that still runs, from simulated gateways through their protocol into the tables and out as a day."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fntx_dagster.adapters.gateway.states import OtherAccount, State, Unavailable
from fntx_dagster.cli import app
from fntx_dagster.errors import Permanent
from fntx_dagster.model.finding import Finding, Observed
from fntx_dagster.model.period import Period
from fntx_dagster.model.session import HONG_KONG
from fntx_dagster.services.alerting import record
from fntx_dagster.services.building.current import settle_gateways
from fntx_dagster.services.current_day import current_report, provisional_days, refresh
from fntx_dagster.settings import Settings
from fntx_dagster.settings.groups import AccountingSettings
from fntx_dagster.simulate.gateway import SimulatedGateway, serve, unused_port
from fntx_dagster.simulate.gateway_accounts import QUARTER_PAST_TEN, account, july_28
from fntx_dagster.store.alerts import open_alerts
from fntx_dagster.store.database import Database
from tests import by_hand
from tests.report.role_model import july_18

ONE, OTHER = "U1000001", "U2000002"
JULY_25, JULY_28 = date(2025, 7, 25), date(2025, 7, 28)


def settings_for(home: Path, gateways: dict[str, SimulatedGateway | int | str]) -> Settings:
    """Where each account's gateway is: one that runs, a port, or whatever somebody may write."""
    return Settings(
        home=home, gateway={"addresses": {name: address(where) for name, where in gateways.items()}, "timeout": 5}
    )


def address(where: SimulatedGateway | int | str) -> str:
    return where if isinstance(where, str) else f"127.0.0.1:{where if isinstance(where, int) else where.port}"


def navs(settings: Settings, db: Database) -> dict[str, Decimal]:
    return {day.account_id: day.closing_nav_official for day in provisional_days(settings, db, Period.on(JULY_28))}


def test_the_example_day_is_kept_and_computed_at_the_configured_rate(database: Database, tmp_path: Path) -> None:
    by_hand.create_marts(database)
    by_hand.build(database, ONE, JULY_25, closing_nav="198600.55")
    with serve(july_28(ONE), now=QUARTER_PAST_TEN) as gateway:
        settings = settings_for(tmp_path, {ONE: gateway})
        [answer] = refresh(settings, database)
    assert str(answer) == "U…0001: answered"
    [day] = provisional_days(settings, database, Period.on(JULY_28))
    assert (day.trading_day, day.base_currency, day.rate) == (JULY_28, "HKD", Decimal("7.8"))
    assert day.closing_nav_official == Decimal("199059.198")
    assert (day.opening_nav_official, day.difference) == (Decimal("198600.55"), Decimal("7.797392"))
    assert [block.kind for block in day.blocks if block.events] == ["trades"]
    assert day.as_of == QUARTER_PAST_TEN


def test_the_official_day_takes_its_place(database: Database, tmp_path: Path) -> None:
    with serve(july_28(ONE), now=QUARTER_PAST_TEN) as gateway:
        settings = settings_for(tmp_path, {ONE: gateway})
        refresh(settings, database)
        assert len(navs(settings, database)) == 1
        by_hand.create_marts(database)
        by_hand.build(database, ONE, JULY_28)
        assert navs(settings, database) == {}
        [answer] = refresh(settings, database)
        assert answer.error is None, "and what the gateway says afterwards does not bring it back"
        assert navs(settings, database) == {}


def test_before_any_statement_the_gateways_currency_is_the_base(database: Database, tmp_path: Path) -> None:
    with serve(july_28(ONE), now=QUARTER_PAST_TEN) as gateway:
        settings = settings_for(tmp_path, {ONE: gateway})
        refresh(settings, database)
    [day] = provisional_days(settings, database, Period.on(JULY_28))
    assert (day.base_currency, day.closing_nav_official) == ("USD", Decimal("25520.41"))
    assert (day.opening_nav_official, day.difference) == (None, None)


def test_a_gateway_that_is_down_does_not_hold_up_other_accounts(database: Database, tmp_path: Path) -> None:
    with serve(july_28(OTHER), now=QUARTER_PAST_TEN) as gateway:
        settings = settings_for(tmp_path, {ONE: unused_port(), OTHER: gateway})
        down, answered = refresh(settings, database)
    assert isinstance(down.error, Unavailable)
    assert down.error.state is State.DOWN
    assert str(down).startswith("U…0001: ")
    assert ONE not in str(down)
    assert answered.error is None
    assert navs(settings, database).keys() == {OTHER}


def test_accounts_of_one_gateway_are_asked_side_by_side(database: Database, tmp_path: Path) -> None:
    with serve(july_28(ONE), account(OTHER, cash="5"), now=QUARTER_PAST_TEN) as gateway:
        settings = settings_for(tmp_path, {OTHER: gateway, ONE: gateway})
        answers = refresh(settings, database)
    assert [answer.error for answer in answers] == [None, None]
    assert navs(settings, database) == {ONE: Decimal("25520.41"), OTHER: Decimal(5)}


def test_a_gateway_of_another_account_gives_no_number(database: Database, tmp_path: Path) -> None:
    with serve(july_28(OTHER), now=QUARTER_PAST_TEN) as gateway:
        settings = settings_for(tmp_path, {ONE: gateway})
        [answer] = refresh(settings, database)
    assert isinstance(answer.error, OtherAccount)
    assert navs(settings, database) == {}


def test_the_last_snapshot_stays_with_its_time_when_the_gateway_goes_away(database: Database, tmp_path: Path) -> None:
    with serve(july_28(ONE), now=QUARTER_PAST_TEN) as gateway:
        settings = settings_for(tmp_path, {ONE: gateway})
        refresh(settings, database)
    assert refresh(settings, database)[0].error is not None
    [day] = provisional_days(settings, database, Period.on(JULY_28))
    assert day.as_of == QUARTER_PAST_TEN


def test_a_report_may_narrate_the_last_day_of_a_gateway_that_is_silent(database: Database, tmp_path: Path) -> None:
    with serve(july_28(ONE), account(OTHER, cash="5"), now=QUARTER_PAST_TEN) as gateway:
        refresh(settings_for(tmp_path, {ONE: gateway, OTHER: gateway}), database)
        settings = settings_for(tmp_path, {ONE: gateway, OTHER: unused_port()})
        now = current_report(settings, database, HONG_KONG)
        labels = {ONE: "mine", OTHER: "hers"}
        kept = current_report(settings, database, HONG_KONG, labels=labels, keeps_last=True)
        document = current_report(settings, database, HONG_KONG, ONE, "json")
    assert now.narratives.keys() == {ONE}
    assert now.text == now.narratives[ONE]
    assert [current.error is None for current in kept.accounts] == [True, False]
    assert ("mine" in kept.narratives[ONE], "hers" in kept.narratives[OTHER]) == (True, True)
    assert json.loads(document.text)


def test_whoever_asks_a_gateway_that_answers_again_ends_the_alert_about_it_alone(
    database: Database, tmp_path: Path
) -> None:
    silent = [Finding(label, "it is silent") for label in ("U…0001", "U…0002")]
    record(database, [Observed("gateway", "current_day/gateway_answers", silent)])
    with serve(july_28(ONE), now=QUARTER_PAST_TEN) as gateway:
        settings = settings_for(tmp_path, {ONE: gateway, OTHER: unused_port()})
        report = current_report(settings, database, HONG_KONG)
    assert len(open_alerts(database)) == 2, "who reads the current day changes no alert"
    settle_gateways(settings, database, report)
    assert [alert.subject for alert in open_alerts(database)] == ["U…0002"]


def test_a_later_snapshot_replaces_an_earlier_one(database: Database, tmp_path: Path) -> None:
    with serve(july_28(ONE), now=QUARTER_PAST_TEN) as gateway:
        settings = settings_for(tmp_path, {ONE: gateway})
        refresh(settings, database)
        gateway.now += timedelta(minutes=5)
        gateway.accounts = (account(ONE, cash="30000"),)
        refresh(settings, database)
    assert navs(settings, database) == {ONE: Decimal(30000)}


def test_one_account_can_be_asked_alone(database: Database, tmp_path: Path) -> None:
    with serve(july_28(ONE), now=QUARTER_PAST_TEN) as gateway:
        settings = settings_for(tmp_path, {ONE: gateway, OTHER: unused_port()})
        [answer] = refresh(settings, database, ONE)
    assert answer.error is None


def test_an_account_without_a_configured_rate_is_reported_and_does_not_hold_up_the_others(
    database: Database, tmp_path: Path
) -> None:
    by_hand.create_marts(database)
    by_hand.build(database, ONE, JULY_25)  # its base is HKD
    with serve(account(ONE, cash="5", currency="GBP"), july_28(OTHER), now=QUARTER_PAST_TEN) as gateway:
        settings = settings_for(tmp_path, {ONE: gateway, OTHER: gateway})
        lacking, answered = refresh(settings, database)
    assert isinstance(lacking.error, Permanent)
    assert "GBP/HKD" in str(lacking)
    assert answered.error is None
    assert navs(settings, database).keys() == {OTHER}


def test_a_snapshot_without_a_computable_day_does_not_replace_one_with_it(database: Database, tmp_path: Path) -> None:
    by_hand.create_marts(database)
    by_hand.build(database, ONE, JULY_25)
    with serve(july_28(ONE), now=QUARTER_PAST_TEN) as gateway:
        settings = settings_for(tmp_path, {ONE: gateway})
        refresh(settings, database)
        gateway.now += timedelta(minutes=5)
        gateway.accounts = (account(ONE, cash="5", currency="GBP"),)
        [lacking] = refresh(settings, database)
    assert "GBP/HKD" in str(lacking)
    [day] = provisional_days(settings, database, Period.on(JULY_28))
    assert (day.as_of, day.closing_nav_official) == (QUARTER_PAST_TEN, Decimal("199059.198"))


def test_a_day_that_its_statement_covers_needs_no_rate(database: Database, tmp_path: Path) -> None:
    by_hand.create_marts(database)
    by_hand.build(database, ONE, JULY_28)
    with serve(account(ONE, cash="5", currency="GBP"), now=QUARTER_PAST_TEN) as gateway:
        [answer] = refresh(settings_for(tmp_path, {ONE: gateway}), database)
    assert answer.error is None


class TestAKeptSnapshotWithoutARate:
    """Its rate was in the settings when the gateway was answer, and is not any more."""

    @pytest.fixture
    def kept(self, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
        monkeypatch.setenv("FNTX_HOME", str(tmp_path))
        monkeypatch.setenv("FNTX_DATABASE_URL", database.url)
        by_hand.create_marts(database)
        by_hand.fetched(database, ONE, JULY_25)
        by_hand.fetched(database, OTHER, JULY_25)
        by_hand.build(database, ONE, JULY_25)
        by_hand.build(database, OTHER, JULY_25)
        with serve(account(ONE, cash="5", currency="GBP"), july_28(OTHER), now=QUARTER_PAST_TEN) as gateway:
            settings = settings_for(tmp_path, {ONE: gateway, OTHER: gateway})
            rates = {"USD/HKD": Decimal("7.8"), "GBP/HKD": Decimal(10)}
            answers = refresh(
                settings.model_copy(update={"accounting": AccountingSettings(realtime_rates=rates)}), database
            )
        assert [answer.error for answer in answers] == [None, None]
        return database

    def test_it_is_named_and_the_other_days_are_computed(self, kept: Database) -> None:
        reasons: list[str] = []
        days = provisional_days(Settings(), kept, Period(JULY_25, JULY_28), on_problem=reasons.append)
        assert [day.account_id for day in days] == [OTHER]
        [reason] = reasons
        assert reason.startswith("U…0001 2025-07-28: no real-time rate for GBP/HKD")
        with pytest.raises(Permanent, match="GBP/HKD"):
            provisional_days(Settings(), kept, Period(JULY_25, JULY_28))

    @pytest.mark.usefixtures("kept")
    def test_the_summary_warns_and_shows_history_and_the_other_account(self) -> None:
        done = self.fntx("summary", "--format", "json")
        built = [(row["account_id"], row["trading_day"]) for row in json.loads(done.stdout)]
        assert built == [(ONE, "2025-07-25"), (OTHER, "2025-07-25"), (OTHER, "2025-07-28")]
        assert "warning: U…0001 2025-07-28: no real-time rate for GBP/HKD" in done.stderr

    @pytest.mark.usefixtures("kept")
    def test_the_report_warns_and_narrates_history(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("fntx_dagster.store.marts.story.days", lambda *_: [july_18()])
        done = self.fntx("report", "--account", ONE)
        assert "July 18" in done.stdout
        assert "warning: U…0001 2025-07-28: no real-time rate for GBP/HKD" in done.stderr

    def fntx(self, *command: str) -> Result:
        done = CliRunner().invoke(app, [*command, "--from", "2025-07-18", "--to", "2025-07-28"])
        assert done.exit_code == 0, done.output
        return done


@pytest.mark.parametrize(
    ("gateways", "account", "message"),
    [
        ({}, None, "no IB Gateway is in the settings"),
        ({ONE: 1}, OTHER, "account U2000002 has no IB Gateway"),
    ],
)
def test_an_account_without_a_gateway_says_what_to_set(
    database: Database, tmp_path: Path, gateways: dict[str, int], account: str | None, message: str
) -> None:
    with pytest.raises(Permanent, match=message) as caught:
        refresh(settings_for(tmp_path, gateways), database, account)
    assert "FNTX_GATEWAYS" in str(caught.value)


def test_a_wrong_address_is_an_error_of_its_account_alone(database: Database, tmp_path: Path) -> None:
    with serve(july_28(OTHER), now=QUARTER_PAST_TEN) as gateway:
        settings = settings_for(tmp_path, {ONE: "nowhere", OTHER: gateway})
        wrong, answered = refresh(settings, database)
    assert "not host:port" in str(wrong)
    assert answered.error is None
