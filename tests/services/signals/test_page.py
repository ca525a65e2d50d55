"""The worked examples of docs/signals.md: the shares and the cents that the page states."""

from __future__ import annotations

from fntx_dagster.store.database import Database
from tests.services.signals.provider import Provider


def test_the_two_cents_that_are_left_go_to_the_first_two_by_id(database: Database) -> None:
    provider = Provider(database)
    provider.wishes = [{"user_id": name, "qty": "1"} for name in ("eve", "ada", "bob")]
    provider.enter("one", quote={"asks": [["100", "2"], ["101", "1"]]})
    left = provider.leave("one", "105.01")
    assert left["total_pnl"] == "14.03"
    shares = {share["user_id"]: share["pnl"] for share in left["trader_results"]}
    assert shares == {"ada": "4.68", "bob": "4.68", "eve": "4.67"}


def test_four_hundred_of_six_hundred_and_the_lot_that_is_not_taken_back(database: Database) -> None:
    provider = Provider(database)
    provider.wishes = [{"user_id": name, "qty": "100"} for name in "abcdef"]
    entered = provider.enter("one", quote={"ask": "100", "ask_size": "400"})
    assert [share["qty"] for share in entered["trader_results"]] == ["67", "67", "67", "67", "66", "66"]
    provider.wishes = [{"user_id": name, "qty": qty} for name, qty in (("a", "6"), ("b", "6"), ("c", "2"))]
    provider.enter("two")
    closed = []
    for size in ("10", "1"):
        left = provider.leave("two", quote={"bid": "110", "bid_size": size})
        closed.append([share["closed_qty"] for share in left["trader_results"]])
    assert closed == [["4", "4", "2"], ["5", "4", "2"]]
