"""Orders and their answers, as a program in any language sees them."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from fntx_dagster.ledger.entries import faults

from .conftest import NOON, Client, Server


def test_a_market_order_is_filled_and_answered_with_its_costs(ada: Client) -> None:
    ada.deposit()
    quote = {"bid": "99.95", "ask": "100.05", "ts": NOON.isoformat()}
    answer = ada.order(quote=quote, amount="0.5", idempotency_key="first")
    order_id = answer.pop("order_id")
    assert answer == {
        "success": True,
        "idempotency_key": "first",
        "state": "filled",
        "gates_passed": ["idempotency", "fee_coverage", "trade_limiter", "circuit_breaker"],
        "gate_failed": None,
        "reason_code": None,
        "rejection_reason": None,
        "execution_summary": {
            "expected_edge_bps": "100",
            "fee_bps": "20",
            "spread_bps": "10",
            "slippage_bps": "10",
            "safety_margin_bps": "5",
            "total_cost_bps": "45",
            "profit_margin_bps": "55",
            "min_edge_bps": "10",
        },
        "filled_amount": "0.5",
        "average_price": "100.05",
        "timestamp": "2026-03-02T12:00:00Z",
    }
    status = ada.get(f"/api/orders/{order_id}/status")
    assert status["created_at"] == "2026-03-02T12:00:00Z"
    assert (status["bot_id"], status["amount"], status["price"], status["order_type"]) == ("bot", "0.5", None, "market")
    [fill] = ada.get("/api/ledger/fills")["fills"]
    assert (fill["qty"], fill["price"], fill["fee"], fill["liquidity"]) == ("0.5", "100.05", "0.050025", "taker")


def test_the_seeds_example_is_refused_with_the_field_that_is_missing(ada: Client) -> None:
    ada.deposit()
    ada.order()
    example = {
        "bot_id": "bot_123",
        "exchange": "binance",
        "symbol": "BTC/USDT",
        "side": "buy",
        "amount": 0.01,
        "order_type": "market",
        "is_paper": True,
    }
    answer = ada.post("/api/orders/submit", **example).json()
    assert (answer["success"], answer["gate_failed"], answer["reason_code"]) == (False, "fee_coverage", "edge_missing")
    assert "expected_edge_bps is missing" in answer["rejection_reason"]
    assert ada.get(f"/api/orders/{answer['order_id']}/status")["state"] == "rejected"


def test_a_key_answers_the_same_bytes_for_ever_also_after_the_order_moved_on(ada: Client) -> None:
    ada.deposit()
    body = {"bot_id": "bot", "exchange": "binance", "symbol": "BTC/USDT", "side": "buy", "amount": "1.000"}
    body |= {"order_type": "limit", "price": "99", "expected_edge_bps": "100"}
    quote = {"bid": "100", "ask": "100", "ts": NOON.isoformat()}
    key = {"Idempotency-Key": "k"}
    first = ada.call("POST", "/api/orders/submit", json=body | {"quote": quote}, headers=key)
    assert first.json()["state"] == "open"
    ada.order("99")
    assert ada.get(f"/api/orders/{first.json()['order_id']}/status")["state"] == "filled"
    again = ada.call("POST", "/api/orders/submit", json=body | {"quote": quote, "amount": "1"}, headers=key)
    assert again.content == first.content
    assert (again.headers["Idempotent-Replayed"], "Idempotent-Replayed" in first.headers) == ("true", False)
    other = ada.call("POST", "/api/orders/submit", json=body | {"quote": quote, "amount": "2"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    conflict = ada.call("POST", "/api/orders/submit", json=body | {"idempotency_key": "j"}, headers=key)
    assert (conflict.status_code, conflict.json()["code"]) == (400, "idempotency_key_conflict")


def test_a_refused_order_keeps_its_key_and_an_invalid_request_does_not(ada: Client) -> None:
    first = ada.order(idempotency_key="k")
    assert first["reason_code"] == "no_capital"
    ada.deposit()
    assert ada.order(idempotency_key="k") == first
    invalid = ada.post("/api/orders/submit", idempotency_key="j", bot_id="bot")
    assert invalid.status_code == 422
    assert ada.order(idempotency_key="j")["success"]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("amount", "1e3", "invalid"),
        ("amount", "NaN", "invalid"),
        ("amount", "1_000", "invalid"),
        ("amount", " 1", "invalid"),
        ("amount", "٣", "invalid"),
        ("amount", "-1", "invalid"),
        ("amount", "0", "not_positive"),
        ("amount", True, "invalid"),
        ("amount", ["1"], "invalid"),
        ("amount", "0.1234567890123456789", "invalid"),
        ("side", "BUY", "invalid"),
        ("symbol", "BTCUSDT", "invalid"),
        ("bot_id", "", "invalid"),
        ("bot_id", "a\0b", "invalid"),
        ("bot_id", 5, "invalid"),
        ("order_type", "stop", "invalid"),
        ("price", "100", "not_allowed"),
        ("reduce_only", "true", "invalid"),
        ("surprise", 1, "unknown_field"),
        ("quote", {"bid": "1", "ask": "1"}, "missing"),
        ("quote", {"bid": "1", "ask": "1", "ts": "2026-03-02T12:00:00"}, "invalid"),
    ],
)
def test_what_a_field_may_not_hold_is_named(ada: Client, field: str, value: object, code: str) -> None:
    body = {"bot_id": "bot", "exchange": "binance", "symbol": "BTC/USDT", "side": "buy", "amount": "1"}
    response = ada.post("/api/orders/submit", **(body | {field: value}))
    problem = response.json()
    assert (response.status_code, problem["code"], problem["status"]) == (422, "validation_failed", 422)
    assert response.headers["Content-Type"] == "application/problem+json"
    [error] = problem["errors"]
    assert (error["field"].split(".")[0], error["code"]) == (field, code)


@pytest.mark.parametrize(
    "body",
    [
        b'{"amount": 1, "amount": 2}',
        b'{"quote": {"bid": 1, "bid": 2}}',
        b"[]",
        b"1",
        b"",
        b"{",
        b'{"amount": NaN}',
        b"\xff\xfe",
        b'{"bot_id": "\\ud800"}',
        b"[" * 30000,
    ],
)
@pytest.mark.parametrize("path", ["/api/orders/submit", "/api/ledger/funding", "/api/circuit-breaker/reset"])
def test_a_body_that_is_no_plain_object_is_refused(ada: Client, path: str, body: bytes) -> None:
    response = ada.call("POST", path, data=body)
    assert (response.status_code, response.json()["code"]) == (422, "validation_failed")


def test_what_is_wrong_is_said_with_the_field_and_the_way_out(ada: Client) -> None:
    body = {"bot_id": "b c", "exchange": "binance", "symbol": "BTCUSDT", "side": "buy", "amount": "1"}
    detail = ada.post("/api/orders/submit", **body).json()["detail"]
    assert "bot_id: not 1 to 64" in detail
    assert "; symbol: not BASE/QUOTE" in detail
    nowhere, elsewise = ada.call("GET", "/api/portfolio").json(), ada.call("GET", "/api/orders/submit").json()
    assert "/openapi.json" in nowhere["detail"]
    assert elsewise["detail"] == "the endpoint does not take GET; it takes POST"


def test_all_faults_are_said_at_once(ada: Client) -> None:
    problem = ada.post("/api/orders/submit", amount="x", side="y", order_type="limit").json()
    assert {error["field"] for error in problem["errors"]} == {
        "amount",
        "side",
        "price",
        "bot_id",
        "exchange",
        "symbol",
    }


def test_a_number_is_read_by_its_literal_text(ada: Client) -> None:
    ada.deposit()
    quote = json.dumps({"bid": "1", "ask": "1", "ts": NOON.isoformat()})
    text = '"bot_id":"bot","exchange":"binance","symbol":"BTC/USDT","side":"buy","expected_edge_bps":100'
    body = f'{{{text},"amount":0.123456789012345678,"quote":{quote}}}'
    answer = ada.call("POST", "/api/orders/submit", data=body.encode()).json()
    assert answer["filled_amount"] == "0.123456789012345678"
    exponent = ada.call("POST", "/api/orders/submit", data=body.replace("0.123456789012345678", "1E-9").encode())
    assert exponent.status_code == 422


def test_without_a_good_token_nothing_is_answered(server: Server, ada: Client) -> None:
    for header in ("", "Bearer", "Bearer nobody", "Basic dXNlcjpwYXNz", f"Bearer {'x' * 5000}"):
        response = ada.call("GET", "/api/portfolio/summary", headers={"Authorization": header})
        assert (response.status_code, response.json()["code"]) == (401, "unauthorized"), header
        assert response.headers["WWW-Authenticate"] == "Bearer"
    reader = server.client(role="reader")
    assert reader.get("/api/portfolio/summary")["equity"] == "0"
    assert reader.post("/api/ledger/funding", amount="1").json()["code"] == "forbidden"


def test_many_wrong_tokens_have_to_wait(ada: Client) -> None:
    codes = [
        ada.call("GET", "/api/limits/status", headers={"Authorization": f"Bearer {number}"}).status_code
        for number in range(25)
    ]
    assert (codes[0], codes[-1]) == (401, 429)


def test_what_belongs_to_another_user_is_not_there(server: Server, ada: Client) -> None:
    ada.deposit()
    order_id = ada.order()["order_id"]
    bob = server.client("bob")
    for wrong in (order_id, "00000000-0000-4000-8000-000000000000", "x", "%00"):
        response = bob.call("GET", f"/api/orders/{wrong}/status")
        assert (response.status_code, response.json()["code"]) == (404, "order_not_found")
    assert bob.get("/api/ledger/fills")["count"] == 0
    assert bob.call("GET", "/api/circuit-breaker/status", params={"user_id": ada.user}).json()["code"] == "admin_only"
    assert bob.call("GET", "/api/circuit-breaker/status", params={"bot_id": "bot"}).status_code == 404
    assert bob.call("GET", "/nothing").json()["code"] == "not_found"


def test_money_comes_in_leaves_and_is_given_to_a_bot_once_per_key(ada: Client) -> None:
    first = ada.call("POST", "/api/ledger/funding", json={"amount": 1000}, headers={"Idempotency-Key": "a"})
    again = ada.call("POST", "/api/ledger/funding", json={"amount": "1000.0"}, headers={"Idempotency-Key": "a"})
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert (first.json()["entry_no"], first.json()["type"], first.json()["currency"]) == (1, "deposit", "USDT")
    ada.deposit("400", type="allocation", bot_id="bot")
    too_much = ada.post("/api/ledger/funding", amount="1000.01", type="withdrawal")
    assert (too_much.status_code, too_much.json()["code"]) == (409, "insufficient_balance")
    ada.deposit("100", type="withdrawal")
    summary = ada.get("/api/portfolio/summary")
    assert (summary["starting_capital"], summary["equity"], summary["drawdown_max"]) == ("900", "900", "0")
    assert ada.post("/api/ledger/funding", amount="5", currency="ZAR").json()["errors"][0]["code"] == "no_rate"


def test_paper_and_live_share_nothing(ada: Client) -> None:
    ada.deposit()
    assert ada.get("/api/portfolio/summary", is_paper=False)["equity"] == "0"
    live = ada.post("/api/orders/submit", is_paper=False)
    assert (live.status_code, live.json()["code"]) == (400, "idempotency_key_missing")


def test_the_summary_explains_the_equity_exactly(ada: Client) -> None:
    ada.deposit()
    ada.order(amount="2")
    ada.later()
    ada.order("110", side="sell", amount="1")
    ada.later()
    ada.order("90", amount="0.5")
    summary = ada.get("/api/portfolio/summary")
    number = {
        name: Decimal(value)
        for name, value in summary.items()
        if isinstance(value, str) and value[-1].isdigit() and name != "as_of"
    }
    assert number["realized_pnl"] == 10
    assert number["unrealized_pnl"] == -10
    assert number["fees_total"] == Decimal("0.2") + Decimal("0.11") + Decimal("0.045")
    assert number["equity"] == 1000 - number["fees_total"]
    assert (summary["fx_translation"], summary["total_fills"]) == ("0", 3)
    [position] = summary["positions"]
    assert (position["quantity"], position["mark_price"], position["unrealized_pnl"]) == ("1.5", "90", "-10")
    assert number["exposure_gross"] == 135


def test_five_losses_trip_the_bot_and_its_owner_resets_it(server: Server, ada: Client) -> None:
    ada.deposit("100000")
    for _ in range(5):
        ada.order("100")
        ada.later(30)
        ada.order("99", side="sell")
        ada.later(30)
    refused = ada.order("99")
    assert (refused["gate_failed"], refused["reason_code"]) == ("circuit_breaker", "bot_breaker_tripped")
    status = ada.get("/api/circuit-breaker/status", bot_id="bot")
    assert (status["tripped"], status["entity_type"], status["trigger_type"]) == (True, "bot", "consecutive_losses")
    assert (status["can_reset"], status["metrics_at_trip"]["consecutive_losses"]) == (True, 5)
    short = ada.post("/api/circuit-breaker/reset", bot_id="bot", reason="  too few ")
    assert (short.status_code, short.json()["code"]) == (422, "reason_missing")
    bob = server.client("bob")
    assert bob.post("/api/circuit-breaker/reset", bot_id="bot", reason="it is not mine").status_code == 409
    done = ada.post("/api/circuit-breaker/reset", bot_id="bot", reason="the feed was wrong")
    assert (done.status_code, done.json()["reset_by"]) == (200, ada.user)
    assert ada.post("/api/circuit-breaker/reset", bot_id="bot", reason="the feed was wrong").status_code == 409
    assert ada.order("99")["success"]
    [trip] = ada.get("/api/circuit-breaker/history")["history"]
    assert (trip["reset_by_user_id"], trip["reset_reason"]) == (ada.user, "the feed was wrong")


def test_a_fall_trips_the_user_cancels_what_rests_and_an_admin_resets_it(server: Server, ada: Client) -> None:
    ada.deposit()
    ada.order(amount="5")
    resting = ada.post(
        "/api/orders/submit",
        bot_id="other",
        exchange="binance",
        symbol="BTC/USDT",
        side="buy",
        amount="1",
        order_type="limit",
        price="40",
        expected_edge_bps="100",
    ).json()
    assert resting["state"] == "open"
    ada.later()
    refused = ada.order("50")
    assert (refused["gate_failed"], refused["reason_code"]) == ("circuit_breaker", "drawdown")
    assert ada.order("50")["reason_code"] == "user_breaker_tripped"
    assert ada.get(f"/api/orders/{resting['order_id']}/status")["state"] == "cancelled"
    assert ada.order("50", side="sell", amount="5", reduce_only=True, expected_edge_bps=None)["state"] == "filled"
    mine = ada.post("/api/circuit-breaker/reset", user_id=ada.user, reason="I would like to go on")
    assert (mine.status_code, mine.json()["code"]) == (403, "admin_only")
    admin = server.client("root", "admin")
    admin.now = ada.now
    assert admin.get("/api/circuit-breaker/status", user_id=ada.user)["can_reset"]
    assert admin.post("/api/circuit-breaker/reset", user_id=ada.user, reason="talked to Ada").status_code == 200
    assert ada.order("50")["success"]
    assert ada.get("/api/portfolio/summary")["drawdown_max"] > "0.25"


def test_the_kill_switch_stops_everything_but_exits(ada: Client) -> None:
    ada.deposit()
    ada.order()
    done = ada.post("/api/circuit-breaker/trip", user_id=ada.user, reason="the office burns").json()
    assert (done["tripped"], done["trigger_type"]) == (True, "manual")
    assert ada.post("/api/circuit-breaker/trip", bot_id="nobody").json()["code"] == "bot_not_found"
    assert ada.order()["reason_code"] == "user_breaker_tripped"
    assert ada.order(side="sell", reduce_only=True)["success"]


def test_limits_are_reported_as_they_are_used(ada: Client) -> None:
    ada.deposit()
    ada.order()
    ada.order(bot_id="other")
    limits = ada.get("/api/limits/status", bot_id="bot")
    assert limits["user_daily"] == {"used": 2, "limit": 500, "remaining": 498, "percentage": "0.4"}
    assert limits["bot_daily"] == {"used": 1, "limit": 50, "remaining": 49, "percentage": "2"}
    assert limits["burst_limit"]["exchanges"] == {"binance": {"used": 2}}
    assert limits["day"] == {"zone": "UTC", "starts_at": "2026-03-02T00:00:00Z"}


def test_ten_orders_within_ten_seconds_and_no_more(ada: Client) -> None:
    ada.deposit("100000")
    assert all(ada.order(amount="0.1")["success"] for _ in range(10))
    assert ada.order(amount="0.1")["reason_code"] == "burst_limit"
    ada.later(9.999999)
    assert ada.order(amount="0.1")["reason_code"] == "burst_limit"
    ada.later(0.000001)
    assert ada.order(amount="0.1")["success"], "one exactly 10 s old is out of the window"


def test_an_order_that_rests_is_pending_until_it_is_cancelled(ada: Client) -> None:
    ada.deposit()
    body = {"bot_id": "bot", "exchange": "binance", "symbol": "BTC/USDT", "side": "buy", "amount": "1"}
    quote = {"bid": "100", "ask": "100", "ts": NOON.isoformat()}
    rests = ada.post("/api/orders/submit", **body, order_type="limit", price="90", expected_edge_bps=99, quote=quote)
    order_id = rests.json()["order_id"]
    [pending] = ada.get("/api/orders/pending")["pending_orders"]
    assert (pending["order_id"], pending["state"], pending["filled_amount"]) == (order_id, "open", "0")
    done = ada.post(f"/api/orders/{order_id}/cancel")
    assert done.json()["state"] == "cancelled"
    assert ada.get("/api/orders/pending") == {"pending_orders": [], "count": 0}
    assert ada.post(f"/api/orders/{order_id}/cancel").json()["state"] == "cancelled"


def test_the_audit_trail_is_a_chain_that_a_stranger_checks(ada: Client) -> None:
    ada.deposit(description="„first“ money")
    ada.order()
    ada.order(expected_edge_bps=None)
    trail = ada.get("/api/ledger/audit-trail")
    entries = trail["audit_trail"][::-1]
    assert [entry["event_type"] for entry in entries] == ["deposit", "fill", "order_rejected"]
    assert not [*faults(entries)]
    assert trail["head"] == {"entry_no": 3, "hash": entries[-1]["hash"]}
    assert ada.get("/api/ledger/audit-trail", before=2)["audit_trail"] == entries[:1]


def test_fills_are_paged_by_entry(ada: Client) -> None:
    ada.deposit("100000")
    for _ in range(5):
        ada.order(amount="0.1")
        ada.later(60)
    page = ada.get("/api/ledger/fills", limit=2)
    pages = [page]
    while pages[-1]["next_cursor"]:
        pages.append(ada.get("/api/ledger/fills", limit=2, cursor=pages[-1]["next_cursor"]))
    ids = [fill["fill_id"] for page in pages for fill in page["fills"]]
    assert len(ids) == len(set(ids)) == 5
    since = ada.get("/api/ledger/fills", since="2026-03-02T12:01:00Z", until="2026-03-02T12:03:00Z")
    assert [fill["timestamp"] for fill in since["fills"]] == ["2026-03-02T12:02:00Z", "2026-03-02T12:01:00Z"]


def test_profits_and_the_countdown_follow_the_days(ada: Client) -> None:
    ada.deposit()
    ada.order()
    ada.later(86400)
    ada.order("120", side="sell")
    profits = ada.get("/api/profits")
    assert [(day["date"], day["trades"], day["realized_pnl"]) for day in profits["series"]] == [
        ("2026-03-02", 1, "0"),
        ("2026-03-03", 1, "20"),
    ]
    assert profits["series"][1]["net_profit"] == "19.88"
    assert [week["date"] for week in ada.get("/api/profits", period="weekly")["series"]] == ["2026-W10"]
    countdown = ada.get("/api/countdown/status", target="2000")
    assert (countdown["current_equity"], countdown["avg_daily_profit_30d"]) == ("1019.78", "9.89")
    assert countdown["days_to_target_linear"] == 100
    assert ada.get("/api/countdown/status", target="1000")["days_to_target_compound"] == 0


def test_simulated_time_is_refused_where_it_is_off(ada: Client, server: Server) -> None:
    wrong = ada.call("GET", "/api/limits/status", headers={"FNTX-Now": "tomorrow"})
    assert wrong.status_code == 422
    server.app.state.simulated_time = False
    try:
        off = ada.call("GET", "/api/limits/status")
    finally:
        server.app.state.simulated_time = True
    assert (off.status_code, off.json()["code"]) == (400, "simulated_time_off")
