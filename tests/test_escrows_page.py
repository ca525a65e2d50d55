"""docs/escrows.md, walked: every command of the page runs, against a simulated ledger, and the tables of the page are
those of the code."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner

from fntx_dagster.cli import app
from fntx_dagster.escrows.guards import GUARDS
from fntx_dagster.escrows.templates import TEMPLATES
from fntx_dagster.services.escrows.creating import create_escrow
from fntx_dagster.services.escrows.finishing import finish_escrow
from fntx_dagster.services.screening.addresses import drop_address
from fntx_dagster.store.database import Database
from tests.processes import ALONE
from tests.services.escrows.harbour import DAY, SETTLEMENT, TWO, Harbour, harbour_at
from tests.simulate.xrpl.people import address

PAGE = (Path(__file__).parents[1] / "docs" / "escrows.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
BUYER = "rN7n7otQDd6FczFgLdSqtcsAUxDkw6fzRH"
"""The address that the page gives to a party."""


@pytest.fixture
def harbour(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Harbour]:
    with harbour_at(database, tmp_path / "home") as harbour:
        assert harbour.desk.xrpl is not None
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("FNTX_HOME", str(harbour.settings.home))
        monkeypatch.setenv("FNTX_DATABASE_URL", database.url)
        for name in ALONE:
            monkeypatch.setenv(name, "1")
        monkeypatch.setenv("FNTX_TREASURY_CONFIG", str(harbour.settings.treasury.config))
        monkeypatch.setenv("FNTX_XRPL_URL", harbour.desk.xrpl.url)
        yield harbour


def taken(line: str, escrow_id: object = "") -> str:
    """A command of the page, and what it says."""
    words = line.replace("$ID", f"{escrow_id}").replace(BUYER, address("buyer"))
    done = CliRunner().invoke(app, shlex.split(words)[1:])
    assert done.exit_code == 0, (line, done.output)
    return done.stdout


def test_every_command_of_the_page_runs(harbour: Harbour, tmp_path: Path) -> None:
    lines = [line for block in BLOCKS for line in block.splitlines()]
    parties, proposing, creating, finishing, ending = (block.splitlines() for block in BLOCKS)
    assert len(lines) == len(parties + proposing + creating + finishing + ending) == 12
    drop_address(harbour.db, "good", address("buyer"))
    for line in parties:
        taken(line)
    [document] = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "escrow.json").write_text(document.replace(BUYER, address("buyer")))
    (tmp_path / "deed.pdf").write_bytes(b"a deed")
    said = [taken(line) for line in proposing]
    found = re.search(r"Escrow ([0-9a-f-]{36}) is Pending_Approval", said[0])
    assert found, said
    escrow_id = UUID(found[1])
    harbour.votes(harbour.vote_on(escrow_id, "escrow.approve"), *TWO)
    assert "Written: to-sign" in "".join(taken(line, escrow_id) for line in creating)
    assert harbour.sent(create_escrow(harbour.settings, harbour.db, escrow_id)) == "confirmed"
    attest, ask, prepare = finishing
    taken(attest, escrow_id)
    assert "waits for decisions" in taken(ask, escrow_id)
    harbour.votes(harbour.vote_on(escrow_id, "escrow.release"), *TWO)
    refused = CliRunner().invoke(app, ["escrow", "finish", f"{escrow_id}"])
    assert refused.exit_code == 1
    assert "after_finish_after" in str(refused.exception)
    harbour.passes(2 * DAY)
    assert "Written: to-sign" in taken(prepare, escrow_id)
    file = json.loads((tmp_path / "to-sign" / f"{harbour.vote_on(escrow_id, 'escrow.finish')}.json").read_text())
    assert file["tx_json"]["TransactionType"] == "EscrowFinish"
    finish = finish_escrow(harbour.settings, harbour.db, escrow_id).transaction
    assert finish is not None
    assert harbour.sent(finish) == "confirmed"
    assert "It is over." in taken("fntx escrow show $ID", escrow_id)
    _ended(harbour, ending)


def _ended(harbour: Harbour, lines: list[str]) -> None:
    dispute, resolve, cancel, watch = lines
    escrow_id = harbour.active({**SETTLEMENT, "destination": address("stranger")})
    taken(dispute, escrow_id)
    harbour.votes(harbour.vote_on(escrow_id, "escrow.dispute"), "compliance")
    assert harbour.state(escrow_id) == "Disputed"
    taken(resolve, escrow_id)
    harbour.votes(harbour.vote_on(escrow_id, "escrow.resolve"), *TWO)
    harbour.passes(31 * DAY)
    assert "Written: to-sign" in taken(cancel, escrow_id)
    assert "Looked at 1 escrows." in taken(watch)


def test_the_page_has_every_rule_of_the_templates_with_who_enforces_it() -> None:
    rows = {
        re.sub("^`[a-z_]+`: ", "", rule): (by, refusal.strip("`"))
        for rule, by, refusal in re.findall(r"^\| (.+?) \| the (ledger|gate) \| (.+?) \|$", PAGE, re.MULTILINE)
    }
    for template in TEMPLATES.values():
        for rule in template.rules:
            words = rule.rule.removeprefix("it is ").replace(" by its SHA-256", "").replace(" for it", "")
            near = [each for each in rows if words in each or words.split(" by a ")[0] in each]
            assert near, rule
            assert rows[near[0]] == (rule.by, rule.refusal)


def test_the_page_says_what_every_guard_asks() -> None:
    table = PAGE.partition("| guard | asks |")[2]
    assert {*re.findall(r"`([a-z_]+)`", table.partition("\n\n")[0])} == {*GUARDS}
