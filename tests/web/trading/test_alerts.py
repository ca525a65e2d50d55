"""The page of alerts: what it shows is what `fntx alerts` lists, and who dismisses one says why."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fntx_dagster.model.finding import Finding, Observed
from fntx_dagster.services.alerting import record
from fntx_dagster.services.signatures import late_records
from fntx_dagster.services.status import open_alerts, settle_alerts
from fntx_dagster.services.visitors.visitor import FUND, SOURCE, TRADER, Visitor
from fntx_dagster.web.asking import Site
from tests.web.asking import ask
from tests.web.trading.conftest import THE_AUDITOR, THE_OWNER
from tests.web.trading.pages import page, words

SOURCE_OF_THEM = "a check of these tests"


@pytest.fixture
def raised(orders_site: Site) -> Iterator[Site]:
    """A home with two open alerts, one of which holds markup."""
    findings = [Finding("one", "<script>alert(1)</script> U…0001"), Finding("two", "the queue waits")]
    record(orders_site.db, [Observed("queue", SOURCE_OF_THEM, findings)])
    yield orders_site
    record(orders_site.db, [Observed("queue", SOURCE_OF_THEM, [])])


def number_of(site: Site, text: str) -> int:
    """The number of the open alert with this text."""
    return next(alert.alert_id for alert in open_alerts(site.db) if text in alert.text)


def test_open_alerts_are_those_of_the_command_and_their_texts_are_no_markup(raised: Site) -> None:
    status, text = page(raised, "/alerts", THE_OWNER)
    assert (status, "<script>alert" in text) == (200, False)
    for alert in open_alerts(raised.db):
        assert f"no. {alert.alert_id}, " in text
        assert alert.text in words(text)
    assert "the queue waits" not in page(raised, "/alerts?kind=margin", THE_OWNER)[1]
    assert "the queue waits" in page(raised, "/alerts?kind=queue", THE_OWNER)[1]


def test_an_alert_is_dismissed_with_a_reason_and_stays_among_the_past(raised: Site) -> None:
    number = number_of(raised, "the queue waits")
    status, text = page(raised, "/alerts", THE_OWNER, {"alert": f"{number}", "reason": " "})
    assert (status, "Say in at least 3 characters" in text) == (422, True)
    answer = ask(raised, "/alerts", THE_OWNER, {"alert": f"{number}", "reason": "the node <is> mended"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/alerts")
    assert number not in {alert.alert_id for alert in open_alerts(raised.db)}
    shown = words(page(raised, "/alerts?kind=queue", THE_OWNER)[1])
    assert "not over" in shown
    assert ", by olga the node <is> mended" in shown
    assert page(raised, "/alerts", THE_OWNER, {"alert": f"{number}", "reason": "once more"})[0] == 409


def test_what_is_over_is_among_the_past_with_its_end_and_pages_hold_each_once(orders_site: Site) -> None:
    for number in range(55):
        record(orders_site.db, [Observed("funds", SOURCE_OF_THEM, [Finding(f"{number}", f"ether of key {number};")])])
    record(orders_site.db, [Observed("funds", SOURCE_OF_THEM, [])])
    first = page(orders_site, "/alerts?kind=funds", THE_OWNER)[1]
    older = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = page(orders_site, older, THE_OWNER)[1]
    both = [*(f"key {n};" in first for n in range(55)), *(f"key {n};" in second for n in range(55))]
    assert sum(both) == 55
    assert 'rel="next"' not in second


def test_a_reader_of_the_page_writes_nothing(orders_site: Site) -> None:
    """The queue of this home is empty, so that the sensor will resolve this alert: the page leaves that to it."""
    observed = [Finding("one", "the queue waits, a reader sees")]
    record(orders_site.db, [Observed("queue", late_records.SOURCE, observed)])
    try:
        assert "the queue waits, a reader sees" in words(page(orders_site, "/alerts", THE_AUDITOR)[1])
        number_of(orders_site, "a reader sees")
        settle_alerts(orders_site.settings, orders_site.db)
        assert not [alert for alert in open_alerts(orders_site.db) if "a reader sees" in alert.text]
    finally:
        record(orders_site.db, [Observed("queue", late_records.SOURCE, [])])


def test_an_auditor_reads_and_dismisses_nothing_and_others_see_no_such_page(raised: Site) -> None:
    number = number_of(raised, "the queue waits")
    form = {"alert": f"{number}", "reason": "no reason"}
    status, text = page(raised, "/alerts", THE_AUDITOR)
    assert (status, "the queue waits" in text, 'method="post"' in text) == (200, True, False)
    assert page(raised, "/alerts", THE_AUDITOR, form)[0] == 404
    for role in (TRADER, FUND, SOURCE):
        assert page(raised, "/alerts", Visitor("ada", role))[0] == 404
        assert page(raised, "/alerts", Visitor("ada", role), form)[0] == 404
    assert number in {alert.alert_id for alert in open_alerts(raised.db)}


@pytest.mark.parametrize("number", ["", "x", "-1", "99999999999999999999", "٣", "queue"])
def test_only_a_number_names_an_alert(orders_site: Site, number: str) -> None:
    form = {"alert": number, "reason": "no reason"}
    assert page(orders_site, "/alerts", THE_OWNER, form)[0] == 400
    assert page(orders_site, "/alerts", THE_OWNER, form | {"alert": "999999"})[0] == 409
    assert page(orders_site, "/alerts?kind=gone", THE_OWNER)[0] == 400
