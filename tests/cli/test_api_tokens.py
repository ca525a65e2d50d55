"""`fntx api token` with scopes: what is made, listed and refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fntx_dagster.cli import app
from fntx_dagster.services.orders.access import SCOPES, Caller, caller_of
from fntx_dagster.store.database import Database


@pytest.fixture(autouse=True)
def home(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FNTX_HOME", str(tmp_path))
    monkeypatch.setenv("FNTX_DATABASE_URL", database.url)


def api(*words: str) -> Result:
    return CliRunner().invoke(app, ["api", *words])


def made(db: Database, *words: str) -> Caller:
    done = api("token", "--user", "eve", *words)
    assert done.exit_code == 0, done.output
    caller = caller_of(db, done.stdout.splitlines()[-1])
    assert caller
    return caller


def test_a_token_of_scopes_has_them_and_no_role_beside(database: Database) -> None:
    auditor = made(database, "--scope", "audit:plain", "--scope", "treasury:sign", "--scope", "audit:plain")
    assert auditor == Caller("eve", "scoped", frozenset({"audit:plain", "treasury:sign"}))
    assert made(database) == Caller("eve", "trader")
    both = made(database, "--role", "reader", "--scope", "treasury:read")
    assert (both.reads_every_account, both.has_scope("treasury:read"), both.has_scope("audit:read")) == (
        True,
        True,
        False,
    )
    listed = json.loads(api("tokens", "--json").stdout)
    assert [(row["role"], row["scopes"]) for row in listed] == [
        ("reader", ["treasury:read"]),
        ("trader", []),
        ("scoped", ["audit:plain", "treasury:sign"]),
    ]


@pytest.mark.parametrize(
    "words", [("--scope", "treasury"), ("--scope", "*"), ("--scope", ""), ("--role", "scoped"), ("--role", "owner")]
)
def test_a_token_that_could_do_nothing_or_names_what_is_not_is_refused(words: tuple[str, ...]) -> None:
    done = api("token", "--user", "eve", *words)
    assert (done.exit_code, json.loads(api("tokens", "--json").stdout)) == (1, []), done.output


@pytest.mark.parametrize("scope", SCOPES)
def test_a_scope_gives_itself_and_the_reading_of_its_wing(scope: str) -> None:
    caller, wing = Caller("eve", "scoped", frozenset({scope})), scope.split(":")[0]
    assert {each for each in SCOPES if caller.has_scope(each)} == {scope, f"{wing}:read"}
    assert Caller("ada", "admin").has_scope(scope) is (scope in ("audit:read", "audit:checkpoint"))
    assert not Caller("ada", "reader").has_scope(scope)
