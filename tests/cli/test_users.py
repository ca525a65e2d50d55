"""`fntx users`, from its first user to the log of what was done, on a database of its own."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from fntx_dagster.cli import app
from fntx_dagster.errors import Permanent
from fntx_dagster.services.visitors import signing_in
from fntx_dagster.services.visitors.signing_in import From
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database

Fntx = Callable[..., str]


@pytest.fixture
def fntx(database: Database, tmp_path, monkeypatch: pytest.MonkeyPatch) -> Fntx:
    """A command's output; what it raises is raised."""
    monkeypatch.setenv("FNTX_HOME", str(tmp_path))
    monkeypatch.setenv("FNTX_DATABASE_URL", database.url)

    def run(*words: str, given: str | None = None) -> str:
        done = CliRunner().invoke(app, ["users", *words], input=given)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


def test_a_user_is_added_listed_changed_and_removed(fntx: Fntx) -> None:
    with pytest.raises(Permanent, match="the first user has to be an owner"):
        fntx("add", "ada", "--role", "trader")
    fntx("add", "root", "--role", "owner")
    assert json.loads(fntx("add", "Ada", "--role", "trader", "--json")) == {
        "user_id": "ada",
        "role": "trader",
        "accounts": [],
    }
    fntx("role", "ada", "fund")
    [user, _] = json.loads(fntx("list", "--json"))
    assert (user["role"], user["has_password"], user["passkeys"], user["sessions"]) == ("fund", False, 0, 0)
    fntx("remove", "ada")
    assert [each["user_id"] for each in json.loads(fntx("list", "--json"))] == ["root"]
    log = [(entry["event"], entry["user_id"], entry["actor"]) for entry in json.loads(fntx("log", "--json"))][:3]
    assert log == [(event, "ada", "the terminal") for event in ("user removed", "role changed", "user added")]


def test_a_link_is_printed_alone_and_signs_its_user_in(fntx: Fntx, database: Database) -> None:
    fntx("add", "ada", "--role", "owner")
    address = fntx("link", "ada").splitlines()[-1]
    assert address.startswith("http://localhost:8765/enter#")
    signing_in.by_link(database, address.partition("#")[2], From("192.0.2.1"), of_machine=False)
    [session] = json.loads(fntx("sessions", "ada", "--json"))
    assert (session["user_id"], session["proof"]) == ("ada", "link")
    fntx("end", str(session["session_id"]))
    assert fntx("sessions").strip() == "Nobody is signed in."


def test_the_owners_link_is_kept_in_a_file_that_he_alone_reads(fntx: Fntx, tmp_path) -> None:
    address = fntx("link").splitlines()[-1]
    kept = Settings(home=tmp_path).paths.home / "enter-link"
    assert kept.read_text(encoding="utf-8").strip() == address
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_password_is_asked_for_twice_or_read_from_standard_input(fntx: Fntx, database: Database) -> None:
    fntx("add", "ada", "--role", "owner")
    shown = fntx("password", "ada", given="correct horse battery\n" * 2)
    assert "horse" not in shown
    assert signing_in.by_password(database, "ada", "correct horse battery", From("192.0.2.1"))
    fntx("password", "ada", "--file", "-", given="another horse battery\n")
    assert signing_in.by_password(database, "ada", "another horse battery", From("192.0.2.1"))


@pytest.mark.parametrize(
    "words", [("link", "bob"), ("role", "bob", "fund"), ("remove", "bob"), ("end", "7"), ("sessions", "b\u0000b")]
)
def test_what_is_not_there_is_an_error_that_says_where_to_look(fntx: Fntx, words: tuple[str, ...]) -> None:
    with pytest.raises(Permanent, match="fntx users"):
        fntx(*words)


def test_a_short_password_is_refused(fntx: Fntx) -> None:
    fntx("add", "ada", "--role", "owner")
    with pytest.raises(Permanent, match="12 to 256"):
        fntx("password", "ada", given="short\nshort\n")
