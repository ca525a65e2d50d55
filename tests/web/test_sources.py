"""Where a figure comes from: from the NAV to the attribute in the broker's XML in two clicks, and back."""

from __future__ import annotations

import hashlib
import re
from datetime import date
from html import unescape
from importlib.resources import files
from xml.etree import ElementTree

import pytest
import requests

from fntx_dagster.report.clock import HONG_KONG
from fntx_dagster.services.dashboard.sources import day_sources, row_source
from fntx_dagster.web.asking import Site

ACCOUNT = "U1000001"
DAY = date(2025, 7, 17)


def links(address: str, path: str) -> list[str]:
    """The addresses that a page leads to."""
    answer = requests.get(address + path, timeout=60)
    assert answer.status_code == 200, path
    return [unescape(link) for link in re.findall(r'href="([^"]+)"', answer.text)]


def element(name: str, **attributes: str) -> ElementTree.Element:
    """The element of a bundled statement that has these attributes."""
    parsed = ElementTree.fromstring(files("fntx_dagster.samples").joinpath(name).read_bytes())
    (found,) = (each for each in parsed.iter() if attributes.items() <= each.attrib.items() and not list(each))
    return found


def attributes_of(text: str) -> dict[str, str]:
    """The attributes that a page of a row shows, with their texts."""
    rows = re.findall(r'<th scope="row" class="word"><code>([^<]*)</code></th><td class="word">([^<]*)</td>', text)
    return {name: unescape(value) for name, value in rows}


def test_two_clicks_lead_from_the_nav_to_the_attributes_of_the_xml(address: str) -> None:
    assert f"/a/1/day/{DAY}/fills#nav" in links(address, f"/a/1/day/{DAY}")
    rows = [link for link in links(address, f"/a/1/day/{DAY}/fills") if "/raw/change_in_nav/" in link]
    assert len(rows) == 1
    delivered = element("NAV_MTD_20250719.xml", toDate="20250717", fromDate="20250717")
    text = requests.get(address + rows[0], timeout=60).text
    shown = attributes_of(text)
    assert shown == dict(delivered.attrib)
    assert shown["endingValue"] == "79754.80967072" or float(shown["endingValue"]) > 0
    assert (
        hashlib.sha256(files("fntx_dagster.samples").joinpath("NAV_MTD_20250719.xml").read_bytes()).hexdigest() in text
    )


def test_every_fill_of_a_day_leads_to_its_row_and_back_to_its_block(site: Site, address: str) -> None:
    found = day_sources(site.db, ACCOUNT, DAY, HONG_KONG)
    assert found
    events = [event for block in found.story.day.blocks for event in block.events]
    assert set(found.made_from) == {event.event_id for event in events}
    shown = links(address, f"/a/1/day/{DAY}/fills")
    for block in found.story.day.blocks:
        number = block.block_id.rpartition(":")[2]
        assert f"/a/1/day/{DAY}/fills#block-{number}" in links(address, f"/a/1/day/{DAY}")
        for event in block.events:
            table, row = found.made_from[event.event_id]
            path = f"/a/1/raw/{table}/{row}"
            assert path in shown
            assert f"/a/1/day/{DAY}#block-{number}" in links(address, path)


def test_a_fill_shows_the_attributes_that_the_broker_delivered(address: str) -> None:
    """Trade 3940000364, an option of 17 July, straight out of the XML."""
    delivered = element("Trades_MTD_20250719.xml", transactionID="3940000364")
    for link in links(address, f"/a/1/day/{DAY}/fills"):
        if "/raw/trades/" in link:
            text = requests.get(address + link, timeout=60).text
            if attributes_of(text).get("transactionID") == "3940000364":
                assert attributes_of(text) == dict(delivered.attrib)
                assert "/a/1/trades/3940000364" in text
                return
    pytest.fail("no link leads to the trade")


def test_a_cash_row_leads_to_its_event(site: Site) -> None:
    found = row_source(site.db, ACCOUNT, "cash_transactions", 1)
    assert found
    assert [(event.event.event_type, event.trading_day) for event in found.events] == [("withdrawal", date(2025, 7, 1))]
    assert found.lots == []


def test_the_parts_of_the_difference_lead_to_their_rows(address: str) -> None:
    day = "/a/1/day/2025-07-16"
    shown = requests.get(f"{address}{day}/fills", timeout=60).text
    for link in links(address, day):
        if link.startswith(f"{day}/fills#"):
            assert f'id="{link.partition("#")[2]}"' in shown


@pytest.mark.parametrize(
    "path",
    [
        "raw/trades/0",
        "raw/trades/999999999999999999",
        "raw/trades/9999999999999999999999",
        "raw/trades/-1",
        "raw/trades/1;drop table raw_flex.trades",
        "raw/files/1",
        "raw/statements/1",
        "raw/pg_authid/1",
        'raw/trades" where true --/1',
        "day/2025-07-19/fills",
    ],
)
def test_there_is_no_other_row_or_table(address: str, path: str) -> None:
    assert requests.get(f"{address}/a/1/{path}", timeout=60).status_code == 404


def test_a_fund_sees_no_account_and_no_words_of_the_broker(site: Site) -> None:
    for table, count in (("trades", 20), ("cash_transactions", 4), ("change_in_nav", 2), ("open_positions", 2)):
        for row in range(1, count + 1):
            found = row_source(site.db, ACCOUNT, table, row, masked=True)
            assert found
            assert ACCOUNT not in repr(found.row)
            assert "ACCOUNT HOLDER" not in repr(found.row)
    whole = row_source(site.db, ACCOUNT, "cash_transactions", 1)
    assert whole
    assert {each.name: each.text for each in whole.row.attributes}["accountId"] == ACCOUNT
