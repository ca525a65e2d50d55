"""Requests that nobody sends by accident."""

from __future__ import annotations

import http.client
import json

import pytest

from tests.api.conftest import Client


@pytest.mark.parametrize(
    "path",
    [
        "/api/ledger/fills?bot_id=%00",
        "/api/orders/pending?bot_id=%00",
        "/api/limits/status?bot_id=%00",
        "/api/circuit-breaker/status?bot_id=%00",
        "/api/circuit-breaker/status?user_id=%00",
        "/api/circuit-breaker/history?bot_id=%00",
    ],
)
def test_a_name_that_no_bot_can_have_is_no_valid_query(ada: Client, path: str) -> None:
    ada.deposit()
    answer = ada.call("GET", path)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


@pytest.mark.parametrize("now", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59Z"])
def test_a_moment_beside_which_no_day_lies_is_refused(ada: Client, now: str) -> None:
    answer = ada.call("GET", "/api/profits", headers={"FNTX-Now": now})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


@pytest.mark.parametrize("now", ["1970-01-01T00:00:00Z", "9998-12-31T23:59:59Z", "2026-03-08T02:30:00-05:00"])
def test_a_book_can_begin_at_any_other_moment(ada: Client, now: str) -> None:
    at = {"FNTX-Now": now}
    assert ada.call("POST", "/api/ledger/funding", json={"amount": "10"}, headers=at).status_code == 201
    periods = [f"/api/profits?limit=365&period={name}" for name in ("daily", "weekly", "monthly")]
    for path in ("/api/portfolio/summary", "/api/countdown/status", "/api/limits/status", *periods):
        assert ada.call("GET", path, headers=at).status_code == 200, path


def test_two_headers_with_different_keys_are_a_conflict(ada: Client) -> None:
    connection = http.client.HTTPConnection(ada.url.removeprefix("http://"), timeout=60)
    connection.putrequest("POST", "/api/ledger/funding")
    body = json.dumps({"amount": "10"}).encode()
    own = [("Authorization", f"{ada.session.headers['Authorization']}"), ("Content-Length", f"{len(body)}")]
    for name, value in (*own, ("Idempotency-Key", "a"), ("Idempotency-Key", "b")):
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["code"]) == (400, "idempotency_key_conflict")
    connection.close()


def test_what_is_bought_and_sold_with_many_digits_is_flat(ada: Client) -> None:
    ada.deposit("99999999999999999999")
    for side in ("buy", "sell"):
        assert ada.order(side=side, amount="33333333333333333.333333333333333333")["state"] == "filled"
    assert ada.get("/api/portfolio/summary")["positions"] == []
