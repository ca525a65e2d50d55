"""`fntx share` over a database with signed days: what it prints, for people and for programs."""

from __future__ import annotations

import json
import sys

import pytest
from typer.testing import CliRunner

from fntx_dagster.cli import app
from tests.services.sharing.conftest import ACCOUNT, Owner, owner  # noqa: F401 - a fixture

MADE = ["share", "create", "--from", "2025-07-14", "--to", "2025-07-18", "--metric", "net_pnl"]


@pytest.fixture
def fntx(owner: Owner, monkeypatch: pytest.MonkeyPatch):  # noqa: F811 - the fixture
    monkeypatch.setattr(
        sys.modules["fntx_dagster.cli.share"], "settings_and_database", lambda: (owner.settings, owner.db)
    )
    monkeypatch.setattr("fntx_dagster.services.accounts.accounts", lambda db: [ACCOUNT])

    def call(*words: str) -> str:
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
        return result.stdout

    return call


def test_a_link_is_made_listed_shown_and_ended(fntx) -> None:
    said = fntx(*MADE, "--note", "Ada", "--days", "30")
    assert "Shows 3 days of 2025-07-14 to 2025-07-18." in said
    address, _, token = next(each for each in said.split() if "/s/" in each).partition("/s/")
    assert (address, len(token)) == ("http://localhost:8765", 22)
    [listed] = json.loads(fntx("share", "list", "--json"))
    assert (listed["note"], listed["days"], listed["metrics"], listed["views"]) == ("Ada", 3, ["net_pnl"], 0)
    assert "Ada" in fntx("share", "list")
    shown = json.loads(fntx("share", "show", "1", "--json"))
    assert [row["trading_day"] for row in shown["shown"]] == ["2025-07-15", "2025-07-16", "2025-07-17"]
    assert "2025-07-16  version 1  net_pnl" in fntx("share", "show", "1")
    assert json.loads(fntx("share", "end", "1", "--json")) == {"share_id": 1, "ended": True}
    assert "ended" in fntx("share", "list")


@pytest.mark.parametrize("number", ["9223372036854775808", "99999999999999999999"])
@pytest.mark.parametrize("command", ["show", "end"])
def test_a_number_that_no_link_can_have_is_refused_in_words(fntx, command: str, number: str) -> None:
    result = CliRunner().invoke(app, ["share", command, number])
    assert result.exit_code == 2
    assert "9223372036854775807" in result.output


def test_what_follows_is_said_beforehand_and_nothing_is_made(fntx) -> None:
    words = [*MADE, "--metric", "closing_nav_official", "--date", "2025-07-15", "--dry-run"]
    document = json.loads(fntx(*words, "--json"))
    assert (document["share_id"], document["path"], document["url"]) == (None, None, None)
    assert document["missing"] == ["2025-07-14", "2025-07-18"]
    assert document["left_out"] == ["2025-07-16", "2025-07-17"]
    [follows] = document["follows"]
    assert follows == {
        "metric": "opening_nav_official",
        "sources": ["closing_nav_official of the session before"],
        "is_exact": True,
        "days": ["2025-07-16"],
    }
    assert json.loads(fntx("share", "list", "--json")) == []
    assert "No link was made yet" in fntx("share", "list")
