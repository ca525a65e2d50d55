"""Signing in by a link and by a password, against a real database: once, counted, and in the same time for anybody."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.services.visitors import passwords, signing_in, users
from fntx_dagster.services.visitors.signing_in import From, NotAdmitted
from fntx_dagster.services.visitors.visitor import Visitor
from fntx_dagster.store.database import Database
from fntx_dagster.store.queries import own_sql

HERE = From("192.0.2.1", "a browser")
PASSWORD = "correct horse battery"


def signed(db: Database, cookie: str) -> signing_in.SignedIn:
    found = signing_in.signed_by(db, cookie)
    assert found is not None
    return found


def change(db: Database, statement: str) -> None:
    with db.connect() as connection:
        connection.execute(own_sql(statement))


def with_ada(db: Database, role: str = "trader") -> Database:
    users.add_user(db, "ada", role)
    users.set_password(db, "ada", PASSWORD)
    return db


def test_the_owner_of_a_machine_without_users_enters_by_a_link_and_sees_every_account(database: Database) -> None:
    link = signing_in.link_of_machine(database)
    cookie = signing_in.by_link(database, link, HERE, of_machine=True)
    assert signed(database, cookie).visitor == Visitor("owner", "owner", None)


def test_a_link_signs_in_once(database: Database) -> None:
    link = signing_in.link_of_machine(database)
    signing_in.by_link(database, link, HERE, of_machine=True)
    with pytest.raises(NotAdmitted):
        signing_in.by_link(database, link, HERE, of_machine=True)


def test_of_16_who_use_a_link_at_once_exactly_one_enters(database: Database) -> None:
    users.add_user(database, "ada", "trader")
    link = signing_in.link_of_user(database, "ada")

    def enter(_: int) -> str | None:
        try:
            return signing_in.by_link(database, link, HERE, of_machine=False)
        except NotAdmitted:
            return None

    with ThreadPoolExecutor(16) as pool:
        cookies = [cookie for cookie in pool.map(enter, range(16)) if cookie]
    assert len(cookies) == 1
    assert len(users.list_sessions(database, "ada")) == 1


def test_a_new_link_replaces_the_former_one(database: Database) -> None:
    users.add_user(database, "ada", "trader")
    former, link = (signing_in.link_of_user(database, "ada") for _ in range(2))
    with pytest.raises(NotAdmitted):
        signing_in.by_link(database, former, HERE, of_machine=False)
    assert signed(database, signing_in.by_link(database, link, HERE, of_machine=False)).visitor.user_id == "ada"


def test_a_link_that_is_over_signs_nobody_in(database: Database) -> None:
    link = signing_in.link_of_machine(database)
    change(database, "update visitors.links set ends_at = clock_timestamp()")
    with pytest.raises(NotAdmitted):
        signing_in.by_link(database, link, HERE, of_machine=True)


def test_a_link_of_the_machine_does_not_count_where_the_dashboard_is_a_servers(database: Database) -> None:
    link = signing_in.link_of_machine(database)
    with pytest.raises(NotAdmitted):
        signing_in.by_link(database, link, HERE, of_machine=False)


@pytest.mark.parametrize("text", ["", "x", "ä" * 20, "a\x00b", "a" * 65, "' or true --"])
def test_what_is_no_secret_signs_nobody_in(database: Database, text: str) -> None:
    with pytest.raises(NotAdmitted):
        signing_in.by_link(database, text, HERE, of_machine=True)
    assert signing_in.signed_by(database, text) is None


def test_the_first_user_ends_the_session_and_the_link_of_a_machine_without_users(database: Database) -> None:
    cookie = signing_in.by_link(database, signing_in.link_of_machine(database), HERE, of_machine=True)
    link = signing_in.link_of_machine(database)
    users.add_user(database, "ada", "owner")
    assert signing_in.signed_by(database, cookie) is None
    with pytest.raises(NotAdmitted):
        signing_in.by_link(database, link, HERE, of_machine=True)
    with pytest.raises(Permanent, match="has users"):
        signing_in.link_of_machine(database)


def test_the_database_holds_no_secret_that_signs_in(database: Database) -> None:
    with_ada(database)
    link = signing_in.link_of_user(database, "ada")
    cookie = signing_in.by_link(database, link, HERE, of_machine=False)
    with database.connect() as connection:
        names = connection.execute("select table_name from information_schema.tables where table_schema = 'visitors'")
        kept = "".join(
            str(connection.execute(own_sql(f"select * from visitors.{name}")).fetchall())
            for (name,) in names.fetchall()
        )
    assert "ada" in kept
    assert not [secret for secret in (link, cookie, PASSWORD) if secret in kept]


def test_a_password_signs_in_whatever_the_case_of_the_name(database: Database) -> None:
    cookie = signing_in.by_password(with_ada(database), " Ada ", PASSWORD, HERE)
    assert signed(database, cookie).visitor == Visitor("ada", "trader", frozenset())


@pytest.mark.parametrize("name", ["ada", "bob", "", "a\x00", "\udce4", "ada' --"])
def test_a_wrong_password_and_an_unknown_name_are_refused_alike(database: Database, name: str) -> None:
    with_ada(database)
    with pytest.raises(NotAdmitted) as refused:
        signing_in.by_password(database, name, "not the password", HERE)
    assert not refused.value.too_often


def test_a_user_without_a_password_does_not_sign_in_by_one(database: Database) -> None:
    users.add_user(database, "ada", "trader")
    for password in ("", PASSWORD):
        with pytest.raises(NotAdmitted):
            signing_in.by_password(database, "ada", password, HERE)


def test_a_session_has_a_new_secret_and_ends_the_one_that_the_browser_had(database: Database) -> None:
    first = signing_in.by_password(with_ada(database), "ada", PASSWORD, HERE)
    second = signing_in.by_password(database, "ada", PASSWORD, HERE._replace(cookie=first))
    assert first != second
    assert signing_in.signed_by(database, first) is None
    assert signed(database, second).visitor.user_id == "ada"


@pytest.mark.parametrize("column", ["seen_at = clock_timestamp() - interval '1 hour'", "ends_at = clock_timestamp()"])
def test_a_session_ends_after_an_hour_without_a_request_and_after_twelve_in_any_case(
    database: Database, column: str
) -> None:
    cookie = signing_in.by_password(with_ada(database), "ada", PASSWORD, HERE)
    signed(database, cookie)
    change(database, f"update visitors.sessions set {column}")
    assert signing_in.signed_by(database, cookie) is None
    assert users.list_sessions(database) == []


def test_a_request_keeps_a_session_from_being_idle_and_a_look_at_it_does_not(database: Database) -> None:
    cookie = signing_in.by_password(with_ada(database), "ada", PASSWORD, HERE)
    change(database, "update visitors.sessions set seen_at = clock_timestamp() - interval '59 minutes'")
    [before] = users.list_sessions(database)
    assert signing_in.still_signed(database, before.session_id)
    assert users.list_sessions(database) == [before]
    signed(database, cookie)
    assert users.list_sessions(database)[0].seen_at > before.seen_at


ENDINGS: dict[str, Callable[[Database], object]] = {
    "another role": lambda db: users.change_role(db, "ada", "fund"),
    "another password": lambda db: users.set_password(db, "ada", PASSWORD + "!"),
    "an account taken": lambda db: users.revoke_account(db, "ada", "U0000001"),
    "his removal": lambda db: users.remove_user(db, "ada"),
    "its end in the terminal": lambda db: users.end_session(db, users.list_sessions(db)[0].session_id),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_session_ends_by(database: Database, ending: str) -> None:
    with_ada(database)
    change(database, "insert into visitors.grants (user_id, account_id) values ('ada', 'U0000001')")
    cookie = signing_in.by_password(database, "ada", PASSWORD, HERE)
    assert signed(database, cookie).visitor.may_see("U0000001")
    ENDINGS[ending](database)
    assert signing_in.signed_by(database, cookie) is None


def test_after_five_failures_a_name_waits_whether_there_is_such_a_user_or_not(database: Database) -> None:
    with_ada(database)
    for name in ("ada", "nobody"):
        said: list[bool] = []
        for attempt in range(6):
            with pytest.raises(NotAdmitted) as refused:
                signing_in.by_password(database, name, "wrong", From(f"192.0.2.{attempt}"))
            said.append(refused.value.too_often)
        assert said == [False] * 5 + [True]
    with pytest.raises(NotAdmitted) as refused:
        signing_in.by_password(database, "ada", PASSWORD, From("192.0.2.99"))
    assert refused.value.too_often


def test_after_five_failures_an_address_waits_and_after_a_quarter_of_an_hour_no_more(database: Database) -> None:
    with_ada(database)
    for number in range(5):
        with pytest.raises(NotAdmitted):
            signing_in.by_password(database, f"name{number}", "wrong", From("2001:db8::1"))
    with pytest.raises(NotAdmitted) as refused:  # another address of the same network
        signing_in.by_password(database, "ada", PASSWORD, From("2001:db8::2"))
    assert refused.value.too_often
    change(database, "update visitors.attempts set at = at - interval '15 minutes'")
    assert signing_in.by_password(database, "ada", PASSWORD, From("2001:db8::1"))


def test_failures_that_come_at_once_are_counted_all(database: Database) -> None:
    with_ada(database)

    def guess(number: int) -> bool:
        try:
            signing_in.by_password(database, "ada", f"guess {number}", From(f"198.51.100.{number}"))
        except NotAdmitted as refused:
            return not refused.too_often
        return True

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(guess, range(12))) == 5


def test_who_signs_in_does_not_reset_what_others_failed_from_his_address(database: Database) -> None:
    with_ada(database)
    for number in range(4):
        with pytest.raises(NotAdmitted):
            signing_in.by_password(database, f"name{number}", "wrong", HERE)
    signing_in.by_password(database, "ada", PASSWORD, HERE)
    with pytest.raises(NotAdmitted):
        signing_in.by_password(database, "name9", "wrong", HERE)
    with pytest.raises(NotAdmitted) as refused:
        signing_in.by_password(database, "ada", PASSWORD, HERE)
    assert refused.value.too_often


def test_an_unknown_name_is_refused_in_the_time_that_a_wrong_password_takes(database: Database) -> None:
    """The medians of 15 differ by less than a third of what a hash takes."""
    with_ada(database)
    passwords.warm_up()
    took: dict[str, list[float]] = {"ada": [], "nobody": []}
    for number in range(15):
        for name, times in took.items():
            change(database, "delete from visitors.attempts")
            start = time.perf_counter()
            with pytest.raises(NotAdmitted):
                signing_in.by_password(database, name, "wrong", From(f"192.0.2.{number}"))
            times.append(time.perf_counter() - start)
    known, unknown = (statistics.median(times) for times in took.values())
    assert abs(known - unknown) < min(known, unknown) / 3, (known, unknown)


def test_one_sets_ones_own_password_with_the_old_one_and_ones_other_sessions_end(database: Database) -> None:
    with_ada(database)
    here, there = (signing_in.by_password(database, "ada", PASSWORD, HERE) for _ in range(2))
    with pytest.raises(NotAdmitted):
        signing_in.change_password(database, signed(database, here), "wrong", "a longer new password", HERE)
    signing_in.change_password(database, signed(database, here), PASSWORD, "a longer new password", HERE)
    assert signing_in.signed_by(database, there) is None
    assert signed(database, here).visitor.user_id == "ada"
    assert signing_in.by_password(database, "ada", "a longer new password", HERE)


def test_a_first_password_is_set_soon_after_signing_in_and_not_by_whoever_finds_the_browser(database: Database) -> None:
    users.add_user(database, "ada", "trader")
    cookie = signing_in.by_link(database, signing_in.link_of_user(database, "ada"), HERE, of_machine=False)
    change(database, "update visitors.sessions set created_at = created_at - interval '11 minutes'")
    with pytest.raises(Permanent, match="ten minutes"):
        signing_in.change_password(database, signed(database, cookie), "", PASSWORD, HERE)


def test_one_ends_ones_own_sessions_and_nobody_elses(database: Database) -> None:
    with_ada(database)
    users.add_user(database, "bob", "owner")
    ada = signed(database, signing_in.by_password(database, "ada", PASSWORD, HERE))
    link = signing_in.link_of_user(database, "bob")
    bob = signed(database, signing_in.by_link(database, link, HERE, of_machine=False))
    assert not signing_in.end_own(database, ada, bob.session_id)
    assert signing_in.end_own(database, bob, bob.session_id)
    assert [row.user_id for row in users.list_sessions(database)] == ["ada"]


def test_the_log_says_who_signed_in_how_and_from_where_and_no_name_that_nobody_has(database: Database) -> None:
    with_ada(database)
    signing_in.by_password(database, "ada", PASSWORD, HERE)
    for name in ("ada", "my-password-typed-as-a-name"):
        with pytest.raises(NotAdmitted):
            signing_in.by_password(database, name, "wrong", HERE)
    log = [(entry.event, entry.user_id, entry.proof, entry.address) for entry in users.read_log(database, 3)]
    assert log == [
        ("sign-in failed", None, "password", "192.0.2.1"),
        ("sign-in failed", "ada", "password", "192.0.2.1"),
        ("signed in", "ada", "password", "192.0.2.1"),
    ]


@pytest.mark.parametrize("statement", ["update visitors.audit set actor = 'x'", "delete from visitors.audit"])
def test_nobody_changes_the_log(database: Database, statement: str) -> None:
    users.add_user(database, "ada", "owner")
    with pytest.raises(Exception, match="append-only"):
        change(database, statement)


@pytest.mark.parametrize("name", ["", "-ada", "a b", "ä", "a" * 65, "a/b", "a\nb"])
def test_a_name_of_another_form_is_refused(database: Database, name: str) -> None:
    with pytest.raises(Permanent, match="name of a user"):
        users.add_user(database, name, "trader")


def test_an_unknown_role_an_unknown_account_and_a_taken_name_are_refused(database: Database) -> None:
    with pytest.raises(Permanent, match="no role"):
        users.add_user(database, "ada", "king")
    with pytest.raises(Permanent, match="loaded"):
        users.add_user(database, "ada", "trader", ["U999"])
    with pytest.raises(Permanent, match="sees every account"):
        users.add_user(database, "ada", "owner", ["U999"])
    users.add_user(database, "ada", "trader")
    with pytest.raises(Permanent, match="already"):
        users.add_user(database, "ADA", "trader")
