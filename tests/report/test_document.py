"""The JSON document."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

from fntx_dagster.report import clock
from fntx_dagster.report.document import to_document, to_json
from fntx_dagster.report.story import narrate

from .role_model import july_17, july_18


def blocks(day: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {block["kind"]: block for block in day["blocks"]}


def test_the_document_names_its_format_and_holds_each_day_once() -> None:
    document = to_document([narrate(july_17()), narrate(july_18())])
    assert (document["format"], document["version"]) == ("fntx.alm_report", 1)
    assert [day["trading_day"] for day in document["days"]] == ["2025-07-17", "2025-07-18"]


def test_the_text_reads_back_as_the_document() -> None:
    stories = [narrate(july_17())]
    assert json.loads(to_json(stories)) == to_document(stories)


def test_a_block_gives_its_times_in_utc_new_york_and_hong_kong() -> None:
    (day,) = to_document([narrate(july_17())])["days"]
    assert blocks(day)["trades"]["starts_at"] == {
        "utc": "2025-07-17T16:46:37Z",
        "new_york": "2025-07-17 12:46:37 EDT",
        "hong_kong": "2025-07-18 00:46:37 HKT",
    }


def test_another_observer_is_named_and_is_a_fourth_view_of_each_moment() -> None:
    document = to_document([narrate(july_17(), clock.zone("Asia/Kathmandu"))])
    assert document["observer"] == "Asia/Kathmandu"
    (day,) = document["days"]
    starts = blocks(day)["trades"]["starts_at"]
    assert starts["observer"] == "2025-07-17 22:31:37 UTC+5:45"
    assert starts["hong_kong"] == "2025-07-18 00:46:37 HKT"
    assert blocks(day)["trades"]["events"][0]["at"]["observer"].endswith("UTC+5:45")
    assert "observer" not in to_document([narrate(july_17())])


def test_a_block_of_trades_gives_amounts_rate_and_every_event() -> None:
    (day,) = to_document([narrate(july_17())])["days"]
    trades = blocks(day)["trades"]
    assert trades["closes"] is True
    assert trades["gross_pnl"] == {"amount": "-6.46", "display": "-6.46"}
    assert trades["commissions"] == {"amount": "-5.832", "display": "-5.83"}
    assert (trades["currency"], trades["fx_rate"]) == ("USD", "7.8472")
    assert trades["nav_impact"] == {"amount": "-96.4577824", "display": "-96.46"}
    assert trades["nav_after"] == {"amount": "79402.2222176", "display": "79,402.22"}
    assert len(trades["events"]) == 6
    assert trades["events"][2]["price"] == {"amount": "0.2146", "display": "0.2146"}
    assert trades["events"][2]["contract"]["strike"] == "628"
    assert "Realised Loss: -6.46 USD" in trades["lines"]


def test_the_markets_own_moments_have_a_nav_but_no_impact() -> None:
    (day,) = to_document([narrate(july_18())])["days"]
    opening = blocks(day)["market_open"]
    assert opening["nav_after"]["amount"] == "78609.367"
    assert opening["nav_impact"] is opening["block_id"] is opening["closes"] is None
    assert opening["events"] == []


def test_amounts_never_have_an_exponent() -> None:
    day = replace(july_17(), deposits=Decimal("1E+6"), fees=Decimal("-1E-9"))
    (content,) = to_document([narrate(day)])["days"]
    assert content["deposits"] == {"amount": "1000000", "display": "1,000,000.00"}
    assert content["fees"] == {"amount": "-0.000000001", "display": "0.00"}
