"""Who may do what is in the audit log: each change is there with its own row, or neither is; and nobody is named."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.services.auditing.keys import LostKey
from fntx_dagster.services.auditing.looking import look_at_everything
from fntx_dagster.services.auditing.settings_changes import note_limits, noted_tokens, noted_users
from fntx_dagster.services.orders.access import ADMIN, caller_of, list_tokens, make_token, revoke_token
from fntx_dagster.services.visitors import users
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection, Database
from tests import by_hand
from tests.services.auditing.test_order_books import told

ACCOUNT = "U7000001"


def test_each_change_of_a_user_is_one_event_by_his_mark(settings: Settings, database: Database) -> None:
    by_hand.create_marts(database)
    by_hand.fetched(database, ACCOUNT)
    note = noted_users(settings)
    users.add_user(database, "ada", "owner", log=note)
    users.add_user(database, "grace", "trader", log=note)
    assert users.change_role(database, "grace", "fund", log=note)
    assert not users.change_role(database, "grace", "fund", log=note), "he has it"
    with pytest.raises(Permanent):
        users.add_user(database, "grace", "trader", log=note)
    users.remove_user(database, "grace", log=note)
    events = told(settings, database)
    assert [(event["type"], event["details"]) for event in events] == [
        ("config_changed", {"change": "user added", "role": "owner"}),
        ("config_changed", {"change": "user added", "role": "trader"}),
        ("config_changed", {"change": "role changed", "role": "fund"}),
        ("config_changed", {"change": "user removed"}),
    ]
    ada, *grace = [event["subject"]["id"] for event in events]
    assert (len({*grace}), ada in grace) == (1, False)
    assert "grace" not in repr(events)
    assert look_at_everything(settings, database).problems == []


def test_each_token_is_one_event_by_its_number_and_never_the_token(settings: Settings, database: Database) -> None:
    note = noted_tokens(settings)
    token = make_token(database, "ada", ADMIN, timedelta(days=30), log=note)
    scoped = make_token(database, "auditor", "scoped", scopes=["audit:read"], log=note)
    [second, first] = list_tokens(database)
    revoke_token(database, second.token_id, log=note)
    with pytest.raises(Permanent):
        revoke_token(database, second.token_id, log=note)
    events = told(settings, database)
    changes = [(event["subject"]["id"], event["details"]["change"], event["details"]["role"]) for event in events]
    assert changes == [
        (f"{first.token_id}", "token made", "admin"),
        (f"{second.token_id}", "token made", "scoped"),
        (f"{second.token_id}", "token revoked", "scoped"),
    ]
    assert events[1]["details"]["scopes"] == "audit:read"
    assert "ends" in events[0]["details"]
    for secret in (token, scoped, "ada", "auditor"):
        assert secret not in repr(events)


def test_limits_are_told_when_they_are_others_than_before(settings: Settings, database: Database) -> None:
    assert note_limits(settings, database) == ["orders", "compliance", "treasury"]
    assert note_limits(settings, database) == []
    orders = settings.orders.model_copy(update={"drawdown_limit": Decimal("0.5")})
    wider = settings.model_copy(update={"orders": orders})
    with ThreadPoolExecutor(4) as pool:
        told_by = [*pool.map(lambda _: note_limits(wider, database), range(4))]
    assert sorted(told_by) == [[], [], [], ["orders"]]
    assert note_limits(settings, database) == ["orders"], "they are as they were"
    events = [event for event in told(settings, database) if event["subject"]["id"] == "orders"]
    assert [event["details"]["drawdown_limit"] for event in events] == ["0.20", "0.5", "0.20"]
    assert {event["subject"]["kind"] for event in events} == {"settings"}


@pytest.mark.parametrize(
    "change",
    [
        lambda db, broken: users.add_user(db, "grace", "trader", log=broken),
        lambda db, broken: users.change_role(db, "ada", "auditor", log=broken),
        lambda db, broken: users.remove_user(db, "ada", log=broken),
        lambda db, broken: make_token(db, "ada", ADMIN, log=broken),
        lambda db, broken: revoke_token(db, 1, log=broken),
    ],
)
def test_a_change_that_the_log_cannot_be_told_of_is_not_made(
    database: Database, change: Callable[[Database, Callable[..., None]], Any]
) -> None:
    users.add_user(database, "ada", "owner")
    token = make_token(database, "ada", ADMIN)

    def broken(connection: Connection, *_: object) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        change(database, broken)
    assert [(row.user_id, row.role) for row in users.list_users(database)] == [("ada", "owner")]
    assert (len(list_tokens(database)), caller_of(database, token) is not None) == (1, True)


def test_with_a_lost_key_of_the_log_rights_are_taken_and_none_are_given(
    settings: Settings, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    by_hand.create_marts(database)
    by_hand.fetched(database, ACCOUNT, date(2026, 3, 2))
    users.add_user(database, "ada", "owner", log=noted_users(settings))
    users.add_user(database, "grace", "trader", [ACCOUNT], log=noted_users(settings))
    token = make_token(database, "ada", ADMIN, log=noted_tokens(settings))
    [stolen] = list_tokens(database)
    for key in (settings.paths.keys / "audit").glob("*.key"):
        key.rename(key.with_suffix(".away"))
    revoke_token(database, stolen.token_id, log=noted_tokens(settings))
    assert caller_of(database, token) is None
    assert users.revoke_account(database, "grace", ACCOUNT, log=noted_users(settings))
    users.remove_user(database, "grace", log=noted_users(settings))
    assert [row.user_id for row in users.list_users(database)] == ["ada"]
    for change in ("token revoked", "account revoked", "user removed"):
        assert f"the audit log is not told: {change}" in caplog.text
    for given in (
        lambda: make_token(database, "eve", ADMIN, log=noted_tokens(settings)),
        lambda: users.add_user(database, "eve", "owner", log=noted_users(settings)),
    ):
        with pytest.raises(LostKey):
            given()
    assert (len(list_tokens(database)), len(users.list_users(database))) == (1, 1)
