"""A period from end to end: signed, posted to a chain, proved, and checked by itself, over a node and from a list."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.adapters.evm import keys
from fntx_dagster.adapters.evm.client import Chain
from fntx_dagster.adapters.evm.embedded import EmbeddedProvider
from fntx_dagster.adapters.evm.keys import key_ring
from fntx_dagster.adapters.evm.reader import Reader
from fntx_dagster.adapters.evm.served import serve
from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.catalogue import AGGREGATION_COMMITMENTS, PERIOD_COMMITMENTS
from fntx_dagster.model.chain import Mined, SignedDay
from fntx_dagster.model.period import Period
from fntx_dagster.services.signatures import freezing
from fntx_dagster.services.signatures.commitments import figures_of, period_of
from fntx_dagster.services.signatures.period_checking import check_period, is_meant_as_a_period
from fntx_dagster.services.signatures.period_proofs import PeriodRequest, provable_from, prove_period
from fntx_dagster.services.signatures.posting import post
from fntx_dagster.services.signatures.register import registered, shown_names
from fntx_dagster.services.signatures.signing import amend, proposals, sign
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox.signatures import signed_days
from tests import by_hand

ACCOUNT = "U7000001"
DAYS = [session.day for session in sessions(date(2025, 3, 3), date(2025, 3, 21))]
FIRST, LAST = DAYS[0], DAYS[-1]
PERIOD = Period(FIRST, LAST)
NAVS = [Decimal(100_000 + 700 * (number % 4) + 90 * number) for number in range(len(DAYS) + 1)]


class Traded(NamedTuple):
    """An account whose three weeks are signed and posted, and the URL of a node."""

    db: Database
    settings: Settings
    chain: Chain
    node: str


def build(db: Database, account: str = ACCOUNT) -> None:
    for number, day in enumerate(DAYS):
        net_pnl = NAVS[number + 1] - NAVS[number]
        by_hand.build(db, account, day, net_pnl=f"{net_pnl}", closing_nav=f"{NAVS[number + 1]}")
        with db.connect() as connection:
            connection.execute(
                """update alm_reporting.daily_summary set opening_nav_official = %s, deposits = 0, withdrawals = 0
                where (account_id, trading_day) = (%s, %s)""",
                (NAVS[number], account, day),
            )
        by_hand.round_trips(db, account, day, "5", "-3")


@pytest.fixture
def traded(built: Database, settings: Settings, chain: Chain) -> Iterator[Traded]:
    build(built)
    assert not sign(settings, built, PERIOD).refused
    post(settings, built, chain, PERIOD)
    assert isinstance(chain.web3.provider, EmbeddedProvider)
    with serve(chain.web3.provider) as url:
        yield Traded(built, settings, chain, url)


def proved(traded: Traded, *names: str, period: Period = PERIOD, **more) -> str:
    request = PeriodRequest([ACCOUNT], period, names or ("net_pnl",), **more)
    return prove_period(traded.settings, traded.db, request, by="ada").text


def amended(traded: Traded, day: date) -> None:
    with traded.db.connect() as connection:
        connection.execute("update alm_reporting.daily_summary set fees = 2 where trading_day = %s", (day,))
    proposed = proposals(traded.settings, traded.db, ACCOUNT, Period.on(day))
    amend(traded.settings, traded.db, proposed, "a fee was corrected")
    post(traded.settings, traded.db, traded.chain, Period.on(day))


def listed(traded: Traded) -> str:
    """What somebody writes down who reads the contract in an explorer."""
    days = signed_days(traded.db, PERIOD, ACCOUNT)
    return "".join(f"{day.trading_day}, {day.version}, 0x{day.root.hex()}\n" for day in days)


def test_a_period_holds_over_a_node_from_a_list_and_as_far_as_checked_by_itself(traded: Traded) -> None:
    text = proved(
        traded,
        "twr",
        "net_pnl",
        "sharpe",
        "win_rate",
        "nav_change",
        "flows",
        bounds=["worst_day=-5%", "drawdown=-20%"],
        audience="a fund",
    )
    assert is_meant_as_a_period(text.encode())
    asked = check_period(text, traded.node, audience="a fund")
    assert (asked.verdict, asked.problems, asked.exit_code) == ("HOLDS", (), 0)
    figures = asked.alone.figures
    assert figures["net_pnl"] == figures["nav_change"] == NAVS[-1] - NAVS[0]
    assert figures["twr"] == pytest.approx(float(NAVS[-1] / NAVS[0] - 1), rel=1e-9)
    assert (figures["wins"], figures["losses"], figures["win_rate"]) == (15, 15, 0.5)
    assert figures["drawdown"] == pytest.approx(-0.2, abs=1e-9)
    assert asked.timing[0].late == 15, "they are posted long after their closes"
    assert asked.notes[0].startswith("whom it is for is a label")
    by_list = check_period(text, listed=listed(traded))
    assert (by_list.verdict, by_list.exit_code) == ("HOLDS, as far as checked", 0)
    alone = check_period(text)
    assert (alone.verdict, alone.exit_code) == ("HOLDS, as far as checked", 75)
    said = asked.as_dict()
    assert (said["holds"], said["on_chain"], said["period"]["days"]) == (True, True, 15)
    assert said["period"]["shown"]["chained"] is True
    assert alone.as_dict()["on_chain"] is None


def test_what_comes_along_is_said_first_and_the_register_keeps_names_and_bounds(traded: Traded) -> None:
    notes: list[str] = []
    request = PeriodRequest([ACCOUNT], PERIOD, ["volatility"], ["drawdown=-20%", "worst_day=-4.44%"])
    proved = prove_period(traded.settings, traded.db, request, by="ada", on_note=notes.append)
    assert notes[0] == "whoever reads volatility learns twr and sharpe too: the file shows it"
    assert proved.names == ("twr", "sharpe", "volatility", "chained", "drawdown", "worst_day")
    [row] = registered(traded.db, {ACCOUNT})
    assert shown_names(row) == ("twr", "sharpe", "volatility", "chained", "drawdown=-20.0%", "worst_day=-4.5%")
    shorter = request._replace(period=Period(FIRST, DAYS[-2]), names=["costs"], bounds=["drawdown=-30%"])
    with pytest.raises(Permanent, match="would stand alone"):  # a fall is a fall, whatever its bound
        prove_period(traded.settings, traded.db, shorter, by="ada")


def test_a_file_for_another_audience_of_another_chain_or_changed_does_not_pass(traded: Traded) -> None:
    text = proved(traded)
    assert check_period(text, traded.node, audience="a fund").exit_code == 1
    changed = json.loads(text)
    changed["shown"]["net_pnl"] = "1"
    assert check_period(json.dumps(changed), traded.node).verdict == "DOES NOT HOLD"
    assert check_period(b"{", traded.node).as_dict()["period"] is None
    away = check_period(text, "http://127.0.0.1:9")
    assert (away.exit_code, away.verdict[:24]) == (75, "NOT CHECKED ON THE CHAIN")


def test_a_transaction_of_another_time_than_the_contract_says_shows_nothing(
    traded: Traded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deployment can write any time for a day into a contract with our code."""
    text, mined = proved(traded), Reader.mined

    def later(reader: Reader, tx_hash: str) -> Mined | None:
        found = mined(reader, tx_hash)
        return found and found._replace(mined_at=found.mined_at + timedelta(seconds=1))

    monkeypatch.setattr(Reader, "mined", later)
    asked = check_period(text, traded.node)
    assert asked.exit_code == 1
    assert asked.problems[0] == "2025-03-03: posted at another time than the contract says"


def test_an_amended_day_needs_a_new_file_and_the_owner_is_told_before(traded: Traded) -> None:
    before, notes = proved(traded), []
    amended(traded, DAYS[4])
    old = check_period(before, traded.node)
    assert old.problems == (f"{DAYS[4]}: the latest version is 2, the period has 1: ask for a new file",)
    request = PeriodRequest([ACCOUNT], PERIOD, ["net_pnl"])
    after = prove_period(traded.settings, traded.db, request, by="ada", on_note=notes.append).text
    assert "2025-03-07 was amended after it was shown" in " ".join(notes)
    assert check_period(after, traded.node).verdict == "HOLDS"


def test_a_day_that_is_left_out_fails_over_a_node_and_from_a_list(
    traded: Traded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program without the rule that refuses it proves honestly, of fewer days than were posted."""

    def without_a_day(*args: Any) -> list[SignedDay]:
        return [day for day in signed_days(*args) if day.trading_day != DAYS[7]]

    monkeypatch.setattr("fntx_dagster.services.signatures.period_proofs.signatures.signed_days", without_a_day)
    monkeypatch.setattr("fntx_dagster.services.signatures.period_proofs._refuse_gaps", lambda *_: None)
    text = proved(traded)
    monkeypatch.undo()
    assert "chained" not in json.loads(text)["shown"]
    asked = check_period(text, traded.node)
    assert asked.problems == (f"{DAYS[7]}: the contract holds a record that the period leaves out",)
    assert any("count of sessions jumps 1 times: between 2025-03-11 and 2025-03-13" in note for note in asked.notes)
    assert check_period(text, listed=listed(traded)).exit_code == 1
    hidden = "".join(line for line in listed(traded).splitlines(keepends=True) if f"{DAYS[7]}" not in line)
    [problem] = check_period(text, listed=hidden).problems
    assert problem == "2025-03-12: a session of the exchange without a record of the trader"


def test_days_that_can_be_in_no_period_are_named_with_the_first_that_can(
    built: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(built)
    early = Period(FIRST, DAYS[5])
    with monkeypatch.context() as patch:
        patch.setattr(freezing, "digests_of", lambda *_: {AGGREGATION_COMMITMENTS: None, PERIOD_COMMITMENTS: None})
        sign(settings, built, early)
    request = PeriodRequest([ACCOUNT], PERIOD, ["net_pnl"])
    with pytest.raises(Permanent, match="and 1 more days can be in no period") as refused:
        prove_period(settings, built, request, by="ada")
    assert "No day can be" in refused.value.way_out
    sign(settings, built, PERIOD)
    assert provable_from(built, ACCOUNT) == DAYS[6]
    with pytest.raises(Permanent) as refused:
        prove_period(settings, built, request, by="ada")
    assert f"From {DAYS[6]} on every signed day can be. `fntx signature amend --extend" in refused.value.way_out
    assert registered(built) == []


def test_what_isolates_days_is_refused_and_shown_with_isolate(traded: Traded) -> None:
    proved(traded)
    with pytest.raises(Permanent, match="2025-03-21 would stand alone"):
        proved(traded, period=Period(FIRST, DAYS[-2]))
    proved(traded, period=Period(FIRST, DAYS[-2]), isolate=True)
    rows = registered(traded.db)
    assert [(row.kind, row.last_day, row.items) for row in rows] == [
        ("period", DAYS[-2], ["net_pnl", "chained"]),
        ("period", LAST, ["net_pnl", "chained"]),
    ]
    assert rows[0].versions == [1] * 14


def test_a_period_with_a_session_that_is_not_signed_or_not_over_is_refused(built: Database, settings: Settings) -> None:
    """Else the next file, with the day that is signed since, would differ by that day."""
    build(built)
    sign(settings, built, Period(FIRST, DAYS[-2]))
    for period, said, end in (
        (PERIOD, "2025-03-21 has no signed record", "sign them first"),
        (Period(date(2025, 2, 28), DAYS[-2]), "2025-02-28 has no signed record", "Choose a period"),
        (Period(FIRST, date(9999, 12, 31)), "has sessions that are not over", "End it on 20"),
    ):
        with pytest.raises(Permanent, match=said) as refused:
            prove_period(settings, built, PeriodRequest([ACCOUNT], period, ["net_pnl"], isolate=True), by="ada")
        assert end in refused.value.way_out
    assert registered(built) == []


def test_the_register_keeps_the_days_of_the_file_and_not_the_period_that_was_asked_for(traded: Traded) -> None:
    proved(traded, period=Period(date(2025, 3, 1), date(2025, 3, 23)))
    [row] = registered(traded.db)
    assert (row.first_day, row.last_day) == (FIRST, LAST)


def test_days_shown_with_isolate_are_refused_again_for_another_figure(traded: Traded) -> None:
    two = Period(FIRST, DAYS[1])
    proved(traded, "net_pnl", period=two, isolate=True)
    proved(traded, "net_pnl", period=two)
    with pytest.raises(Permanent, match="2025-03-03 and 2025-03-04 would stand alone"):
        proved(traded, "twr", "sharpe", period=two)


@pytest.mark.parametrize(
    ("names", "bounds", "said"),
    [
        (["nav"], [], "cannot show 'nav'"),
        (["twr"], ["worst_day=5%"], "the bound of worst_day is no loss"),
        (["twr"], ["worst_day=much"], "'worst_day=much' is no bound"),
        (["twr"], ["worst_day=-0.1%"], "worst_day"),
        (["twr"], ["worst_day=-1e999999999"], "is no bound"),
        (["twr"], ["worst_day=-1e-999999999999999999"], "is no bound"),
        (["twr"], ["worst_day=-1_0%"], "is no bound"),
        (["twr"], ["worst_day=-\uff15%"], "is no bound"),
        (["twr"], ["worst_day=NaN"], "is no bound"),
        (["twr"], ["worst_day=-123456789"], "is no bound"),
        (["twr"], ["worst_day=-100%"], "is no loss"),
    ],
)
def test_what_cannot_be_shown_or_is_not_true_is_refused_and_not_registered(
    traded: Traded, names: list[str], bounds: list[str], said: str
) -> None:
    with pytest.raises(Permanent, match=said):
        proved(traded, *names, bounds=bounds)
    assert registered(traded.db) == []


def test_no_value_of_a_day_no_blinding_and_no_salt_that_it_does_not_need_is_written_or_said(
    traded: Traded, caplog: pytest.LogCaptureFixture
) -> None:
    text = proved(traded, "twr", "sharpe", bounds=["drawdown=-20%"])
    secret = keys.salt_secret(keys.key_ring(traded.settings))
    with traded.db.connect() as connection:
        rows = connection.execute("select shown::text from alm_reporting.shown shown").fetchall()
    said = [text, json.dumps(rows, default=str), caplog.text, repr(check_period(text).timing)]
    for signed in signed_days(traded.db, PERIOD, ACCOUNT):
        figures = figures_of(signed)
        assert figures is not None
        committed = period_of(secret, figures)
        assert committed is not None
        record = freezing.rebuilt(signed, key_ring(traded.settings))
        secrets = [f"{committed.blinding:064x}", *(salt.hex() for slot, salt in record.salts.items() if slot != 63)]
        secrets += [f"{value}" for value in committed.values if abs(value) > 10**6]
        assert not [one for one in secrets if any(one in text for text in said)]


def test_two_accounts_are_added_up_and_have_no_return(traded: Traded) -> None:
    other = "U7000002"
    build(traded.db, other)
    assert not sign(traded.settings, traded.db, PERIOD, other).refused
    post(traded.settings, traded.db, traded.chain, PERIOD)
    request = PeriodRequest([ACCOUNT, other], PERIOD, ["net_pnl", "win_rate"])
    text = prove_period(traded.settings, traded.db, request, by="ada").text
    asked = check_period(text, traded.node)
    assert (asked.verdict, asked.alone.figures["net_pnl"]) == ("HOLDS", 2 * (NAVS[-1] - NAVS[0]))
    assert [(row.account_id, row.kind) for row in registered(traded.db)] == [(other, "period"), (ACCOUNT, "period")]
    with pytest.raises(Permanent, match="cannot be added up over accounts"):
        prove_period(traded.settings, traded.db, request._replace(names=["twr"]), by="ada")
    with pytest.raises(Permanent, match="of one account"):
        check_period(text, listed="")
