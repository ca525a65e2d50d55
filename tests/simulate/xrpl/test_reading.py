"""What the methods that read say, page by page and of which ledger."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulate.xrpl.people import XRP, Town, address, funded, token


@pytest.fixture
def town() -> Town:
    names = [f"issuer {number}" for number in range(7)]
    town = funded("holder", "payer", *names)
    for name in names:
        town.send("holder", "TrustSet", LimitAmount=token("5", name))
    town.close_ledger()
    return town


def paged(town: Town, method: str, rows: str, **fields: Any) -> list[Any]:
    """All rows, three at a time."""
    found, marker = [], None
    while True:
        said = town.ask(method, account=address("holder"), limit=3, **fields, **({"marker": marker} if marker else {}))
        found += said[rows]
        assert len(said[rows]) <= 3
        marker = said.get("marker")
        if marker is None:
            return found


def test_lines_and_objects_come_in_pages_that_hold_each_row_once(town: Town) -> None:
    lines = paged(town, "account_lines", "lines")
    assert len(lines) == len({row["account"] for row in lines}) == 7
    assert len(paged(town, "account_objects", "account_objects", type="state")) == 7
    assert paged(town, "account_objects", "account_objects", type="escrow") == []


def test_transactions_come_in_pages_forward_and_backward(town: Town) -> None:
    for drops in ("1", "2", "3", "4"):
        town.does("payer", "Payment", Destination=address("holder"), Amount=drops, Memos=[{"Memo": {"MemoData": "AB"}}])
    forward = paged(town, "account_tx", "transactions", forward=True)
    assert [row["tx_json"]["TransactionType"] for row in forward] == ["TrustSet"] * 7 + ["Payment"] * 4
    assert [row["tx_json"].get("Amount") for row in forward[7:]] == ["1", "2", "3", "4"]
    assert forward[-1]["tx_json"]["Memos"] == [{"Memo": {"MemoData": "AB"}}]
    assert paged(town, "account_tx", "transactions") == forward[::-1]
    after = forward[8]["ledger_index"] + 1
    assert len(town.ask("account_tx", account=address("holder"), ledger_index_min=after)["transactions"]) == 2


def test_an_answer_says_which_ledger_it_is_from(town: Town) -> None:
    index = town.ledger.last.ledger_index
    town.does("payer", "Payment", Destination=address("holder"), Amount=str(XRP))
    then = town.ask("account_info", account=address("holder"), ledger_index=index)
    now = town.ask("account_info", account=address("holder"), ledger_index="validated")
    difference = int(now["account_data"]["Balance"]) - int(then["account_data"]["Balance"])
    assert difference == XRP
    assert (then["ledger_index"], then["validated"]) == (index, True)
    assert now["ledger_hash"] == town.ask("ledger", ledger_index="validated")["ledger_hash"]
    current = town.ask("ledger", ledger_index="current")
    assert current["ledger_current_index"] == index + 2
    assert "ledger_index" not in current
    assert town.ask("account_info", account=address("holder"), ledger_index=10**9)["error"] == "lgrNotFound"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "invalidParams"),
        ({"account": 5}, "actMalformed"),
        ({"account": "rrr"}, "actMalformed"),
        ({"account": address("nobody")}, "actNotFound"),
        ({"account": address("holder"), "ledger_index": -3}, "lgrNotFound"),
        ({"account": address("holder"), "ledger_index": [1]}, "lgrNotFound"),
    ],
)
def test_a_wrong_request_is_an_error_answer(town: Town, fields: dict[str, Any], error: str) -> None:
    said = town.ask("account_info", **fields)
    assert (said["status"], said["error"]) == ("error", error)
    assert town.ask("nothing of that kind")["error"] == "unknownCmd"


def test_entries_are_found_by_what_they_are_and_by_index(town: Town) -> None:
    sides = [address("holder"), address("issuer 3")]
    line = {"accounts": sides, "currency": token("0", "issuer 3")["currency"]}
    found = town.ask("ledger_entry", ripple_state=line)
    assert found["node"] == town.ask("ledger_entry", index=found["index"])["node"]
    assert town.ask("ledger_entry", account_root=address("holder"))["node"]["OwnerCount"] == 7
    assert town.ask("ledger_entry", escrow={"owner": address("holder"), "seq": 1})["error"] == "entryNotFound"
    assert town.ask("ledger_entry", escrow={"owner": "x", "seq": 1})["error"] == "invalidParams"
    assert town.ask("ledger_entry")["error"] == "invalidParams"
