"""The pages of signals: figures as the API answers them; a participant sees his own share, and can prove it."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from html import unescape

import pytest

from fntx_dagster.model.signals import SignalStrategy
from fntx_dagster.services.orders.access import Caller
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.services.signals import reading
from fntx_dagster.services.signals.checking_shares import check_share
from fntx_dagster.services.signals.performance import AskedPerformance, performance
from fntx_dagster.services.visitors.visitor import FUND, SOURCE, TRADER, Visitor
from fntx_dagster.store.signals import strategies
from fntx_dagster.web.asking import Site
from fntx_dagster.web.words import figure
from tests.web.asking import ask
from tests.web.trading.conftest import BOB, THE_AUDITOR, THE_OWNER
from tests.web.trading.pages import page, words

IN_IT, ANOTHER = Visitor("user-003", TRADER), Visitor("user-002", FUND)
PROVIDER, STRANGER = Visitor("provider", SOURCE), Visitor("somebody", SOURCE)
OF_A_HUNDRED = "/signals/2"
A_YEAR = "from=2025-12-01&to=2025-12-31"


def execution(site: Site, number: int) -> dict[str, object]:
    """An execution as the API answers an admin."""
    return reading.execution(desk_of(site.settings, site.db), Caller("x", "admin"), number, 0, 100)["data"]


@pytest.mark.parametrize("code", ["STRATEGY_001", "STRATEGY_100"])
def test_a_strategys_record_is_what_the_api_answers(signals_site: Site, code: str) -> None:
    asked = AskedPerformance(code, None, None, None, True, None, "", 10)
    figures = performance(desk_of(signals_site.settings, signals_site.db), asked)["data"]
    shown = words(page(signals_site, f"/signals?strategy={code}&{A_YEAR}", THE_OWNER)[1])
    row = f"{code} omnibus no {figures['trades']} {figure(figures['win_rate'])} %"
    assert row in shown
    assert f"{figure(figures['expectancy'], signed=True)} INR" in shown
    assert f"{figure(figures['net_pnl'], signed=True)} INR" in shown
    assert f"{figure(figures['drawdown_max'])} INR" in shown


def test_a_record_counts_the_trades_of_its_time_and_book_alone(signals_site: Site) -> None:
    for query in ("from=2025-12-16&to=2025-12-31", "from=2025-12-01&to=2025-12-14", f"book=live&{A_YEAR}"):
        assert "STRATEGY_001 omnibus no 0 –" in words(
            page(signals_site, f"/signals?strategy=STRATEGY_001&{query}", THE_OWNER)[1]
        )
    on_the_day = words(page(signals_site, "/signals?strategy=STRATEGY_001&from=2025-12-15&to=2025-12-15", THE_OWNER)[1])
    assert "STRATEGY_001 omnibus no 1 100.00 %" in on_the_day


@pytest.mark.parametrize("visitor", [THE_OWNER, THE_AUDITOR, PROVIDER])
def test_owner_auditor_and_provider_see_everybodys_share_and_why_some_have_none(
    signals_site: Site, visitor: Visitor
) -> None:
    data = execution(signals_site, 2)
    status, text = page(signals_site, OF_A_HUNDRED, visitor)
    shares, excluded = text.split('aria-label="Without a share"')
    assert status == 200
    for each in data["trader_results"]:  # pyright: ignore[reportGeneralTypeIssues]  # a list
        part = shares if float(each["qty"]) else excluded
        assert f">{each['user_id']}</th>" in part
        if not float(each["qty"]):
            assert (each["reason"] or each["status"]).replace("_", " ").lower() in part
        else:
            assert figure(each["net_pnl"], signed=True) in part


def test_a_participant_sees_his_own_share_and_no_other_one(signals_site: Site) -> None:
    status, text = page(signals_site, OF_A_HUNDRED, IN_IT)
    assert (status, set(re.findall(r"user-\d+", text[text.find("<main") :]))) == (200, {"user-003"})
    status, text = page(signals_site, "/signals", IN_IT)
    assert (status, "STRATEGY_100" in text, "STRATEGY_001" in text) == (200, True, False)
    assert page(signals_site, "/signals?strategy=STRATEGY_001", IN_IT) == page(
        signals_site, "/signals?strategy=NOBODYS", IN_IT
    )


@pytest.mark.parametrize("visitor", [BOB, STRANGER, Visitor("provider", TRADER)])
def test_who_has_no_part_in_an_execution_finds_none(signals_site: Site, visitor: Visitor) -> None:
    missing = page(signals_site, "/signals/999", visitor)
    assert missing[0] == 404
    for address in ("/signals/1", OF_A_HUNDRED, f"{OF_A_HUNDRED}/proof?user=user-003", f"{OF_A_HUNDRED}/proof"):
        assert page(signals_site, address, visitor) == missing
    status, text = page(signals_site, "/signals", visitor)
    assert (status, "STRATEGY" in text) == (200, False)


def test_a_proof_is_a_file_that_the_check_accepts_and_only_its_holder_and_the_provider_get_it(
    signals_site: Site,
) -> None:
    own = ask(signals_site, f"{OF_A_HUNDRED}/proof", IN_IT)
    assert (own.status_code, own.headers["content-type"]) == (200, "application/json")
    assert 'filename="share-2.json"' in own.headers["content-disposition"]
    assert not check_share(bytes(own.body)).faults
    assert json.loads(bytes(own.body)) == json.loads(
        bytes(ask(signals_site, f"{OF_A_HUNDRED}/proof?user=user-003", PROVIDER).body)
    )
    assert ask(signals_site, f"{OF_A_HUNDRED}/proof?user=user-003", ANOTHER).status_code == 404
    assert ask(signals_site, f"{OF_A_HUNDRED}/proof?user=user-002", ANOTHER).status_code == 200


def test_every_strategy_is_listed_once_over_the_pages_and_has_its_record(signals_site: Site) -> None:
    for number in range(60):
        given = SignalStrategy(f"A_{number:03}", "omnibus", "INR", Decimal(1000), Decimal(1))
        strategies.keep_strategy(signals_site.db, given)
    try:
        listed, address = [], "/signals"
        while True:
            text = page(signals_site, address, THE_OWNER)[1]
            listed += re.findall(r'href="/signals\?strategy=([A-Z_0-9]+)', text)
            following = re.search(r'href="([^"]*)">More strategies', text)
            if following is None:
                break
            address = unescape(following[1])
        assert listed == sorted({each.code for each in strategies.strategies(signals_site.db)})
        status, text = page(signals_site, f"/signals?strategy={listed[-1]}&{A_YEAR}", THE_OWNER)
        assert (status, f"{listed[-1]} " in words(text), "Win rate" in words(text)) == (200, True, True)
    finally:
        with signals_site.db.connect() as connection:
            connection.execute("delete from ledger.strategies where strategy_code ~ '^A_[0-9]{3}$'")


def test_a_visitor_sees_what_he_subscribed_to(signals_site: Site) -> None:
    shown = words(page(signals_site, "/signals", IN_IT)[1])
    assert re.search(r"Your subscriptions .* STRATEGY_100 .* runs ", shown)
    assert "You follow no strategy" in words(page(signals_site, "/signals", THE_OWNER)[1])


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/signals?from=2026-01-01&to=2025-01-01", 400),
        ("/signals?to=9999-12-31", 400),
        ("/signals?from=0001-01-01", 400),
        ("/signals?book=none", 400),
        ("/signals?strategy=%00", 400),
        ("/signals?before=x", 400),
        ("/signals/0", 404),
        ("/signals/999999999999999999", 404),
        ("/signals/2?after=1000000000000", 400),
        ("/signals/2?after=1000", 200),
        ("/signals/2/proof?user=%00", 400),
        ("/signals/2/proof?user=nobody", 404),
    ],
)
def test_what_is_no_address_of_a_signal_is_said(signals_site: Site, address: str, status: int) -> None:
    assert page(signals_site, address, THE_OWNER)[0] == status
