"""docs/execution.md, walked: every `fntx strategy` of the page, and those beside it, against a simulated ledger."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from fntx_dagster.cli import app
from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.settings import DOCUMENTATION
from fntx_dagster.store.database import Database
from tests.services.execution.desks import DexDesk, dex_desk
from tests.services.governance.treasuries import decision
from tests.simulate.xrpl.people import address

PAGE = (DOCUMENTATION / "execution.md").read_text(encoding="utf-8")
SALE, LIVE, CASES = (json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
PAGED = sorted(set(re.findall(r"fntx strategy ([a-z]+)", PAGE)))


@pytest.fixture
def desk(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DexDesk]:
    with dex_desk(database, tmp_path / "home") as desk:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("FNTX_HOME", str(desk.settings.home))
        monkeypatch.setenv("FNTX_DATABASE_URL", database.url)
        monkeypatch.setenv("FNTX_TREASURY_CONFIG", str(desk.settings.treasury.config))
        monkeypatch.setenv("FNTX_XRPL_URL", desk.server.url)
        yield desk


def fntx(line: str, code: int = 0) -> Any:
    """A command, for programs and for people; what it says to programs."""
    words = line.split()
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if code == 0 else done.stderr


def told(line: str) -> str:
    done = CliRunner().invoke(app, line.split())
    assert done.exit_code == 0, done.output
    return " ".join(done.stdout.split())


def test_the_page_from_a_dry_run_to_the_end_of_a_sale(desk: DexDesk, tmp_path: Path) -> None:
    assert PAGED == ["advance", "check", "halt", "kill", "profile", "resume", "start", "status"]
    desk.offer("maker", "4000 XRP", "2000")
    own = {name: desk.document()[name] for name in ("start", "end")}
    base = SALE["base"] | {"issuer": address("issuer")}
    (tmp_path / "sale.json").write_text(json.dumps(SALE | own | {"base": base, "quantity": "100"}), encoding="utf-8")
    (tmp_path / "live.json").write_text(json.dumps(LIVE), encoding="utf-8")
    (tmp_path / "market.json").write_text(json.dumps({"base": base, "quote": SALE["quote"]}), encoding="utf-8")

    (tmp_path / "cases.json").write_text(json.dumps(CASES), encoding="utf-8")

    cut, judged = (each["result"] for each in fntx("strategy check --input cases.json")["results"])
    assert len(cut["slices"]) == CASES["cases"][0]["slices"]
    assert judged["decision"] == "accept"
    dry = fntx("strategy start --input sale.json")
    assert len(dry["slices"]) == len(dry["transactions"]) == SALE["slices"]
    assert "dry run" in told("strategy start --input sale.json")
    assert "may not trade live" in told("strategy status")
    refused = CliRunner().invoke(app, ["strategy", "start", "--input", "sale.json", "--live"])
    assert refused.exit_code == 1

    fntx("treasury propose trade.live --input live.json")
    for row in waiting():
        approve(desk, row, "treasury", "compliance", "trustee")
    started = fntx("strategy start --input sale.json --live")
    strategy = started["strategy_id"]
    fntx("strategy advance -o to-sign")
    desk.people_decide()
    assert [each["next"] for each in fntx("treasury queue")] == ["advance"]
    assert "strategy advance -o DIR" in told("treasury queue")
    files = fntx("strategy advance -o to-sign")["files"]
    assert len(files) == 5, "a batch"
    assert {json.loads(Path(each).read_text(encoding="utf-8"))["ledger"] for each in files} == {"xrpl"}
    desk.people_sign()
    desk.close(60)
    assert fntx("strategy advance")["sent"] == 1
    desk.close()
    assert "1 fills entered" in told("strategy advance")
    shown = fntx(f"strategy status {strategy}")
    assert (shown["filled"], shown["state"], shown["committed"]) == ("12.5", "running", "62.5")
    assert "12.5 of 100 traded; with what is signed at most 62.5." in told(f"strategy status {strategy}").replace(
        "12.500000", "12.5"
    )
    assert [each["strategy_id"] for each in fntx("strategy list")] == [strategy]
    assert "twap" in told("strategy list")
    assert sum(map(float, fntx("strategy profile --input market.json")["hours"])) == 12.5
    assert "is of the XRP Ledger" in told("strategy profile --input market.json")


def test_the_desk_is_halted_killed_and_resumed_by_commands(desk: DexDesk) -> None:
    desk.lives()
    desk.offer("maker", "400 XRP", "200")
    strategy = desk.start()
    assert fntx(f"strategy halt {strategy} --reason mistaken")["state"] == "halted"
    assert fntx("strategy halt --reason closed")["desk"]["state"] == "halted"
    assert "The desk is halted" in told("strategy status")
    resumed = fntx("strategy resume --reason open")
    assert (resumed["kind"], resumed["threshold"]) == ("breaker.reset", 2)
    killed = fntx("strategy kill --reason wrong")
    assert (killed["kind"], killed["threshold"], killed["payload"]["desk"]) == ("trade.kill", 1, "xrpl")
    approve(desk, killed["proposal"], "trustee")
    assert fntx("strategy advance")["state"] == "killed"
    [first, *_] = fntx("strategy status")["events"]
    assert (first["event"], first["reason"]) == ("killed", "wrong")


def waiting() -> list[str]:
    return [each["proposal"] for each in fntx("treasury list") if each["state"] == "pending_approval"]


def approve(desk: DexDesk, proposal: str, *signers: str) -> None:
    for each in signers:
        decide(desk.settings, desk.db, UUID(proposal), decision(desk.db, UUID(proposal), each))
