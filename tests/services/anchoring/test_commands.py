"""The whole way by commands, as a timer and the anchor key's owner call them; what each prints and returns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fntx_dagster.cli import app
from fntx_dagster.errors import Permanent
from fntx_dagster.services.anchoring.keystore import read_anchor_keys
from fntx_dagster.store.database import Database
from tests.processes import ALONE
from tests.services.anchoring.harbour import ANCHOR, Harbour, harbour
from tests.simulate.xrpl.people import address


def said(*arguments: str, code: int = 0) -> Any:
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def use(desk: Harbour, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FNTX_HOME", str(desk.settings.home))
    monkeypatch.setenv("FNTX_DATABASE_URL", desk.db.url)
    for name in ALONE:
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("FNTX_XRPL_URL", desk.xrpl.url)
    monkeypatch.setenv("FNTX_HORIZON_URL", desk.horizon.url)
    monkeypatch.setenv("FNTX_TREASURY_CONFIG", str(desk.settings.treasury.config))


def test_a_timer_anchors_and_the_owner_of_the_key_signs(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with harbour(tmp_path / "home", database) as desk:
        use(desk, monkeypatch)
        sign = ("treasury", "sign-anchors", "--keystore", str(desk.keystore))
        assert said("treasury", "anchor-key", str(desk.keystore)) == {
            "xrpl": address("anchor-key"),
            "stellar": ANCHOR.public_key,
        }
        assert said(*sign) == {"anchors": []}
        standing = desk.stand("xrpl")
        desk.stand("stellar", fee_cap="1")
        due = ("audit", "anchor", "--if-due", "--ledger", "xrpl", "--ledger", "stellar")
        made = said(*due, code=1)  # the fee on Stellar is above what people approved
        assert made["chain_id"] is None
        assert [(each["ledger"], each["state"]) for each in made["ledgers"]] == [
            ("xrpl", "prepared"),
            ("stellar", None),
        ]
        assert "above the 1" in made["ledgers"][1]["problem"]
        assert said(*sign, "--wait", "0", code=75)["anchors"][0]["state"] == "submitted"
        desk.xrpl.close_ledger()
        [signed] = said(*sign, "--wait", "30")["anchors"]
        assert (signed["ledger"], signed["state"], signed["problem"]) == ("xrpl", "confirmed", "")
        shown = said("audit", "anchors")
        assert [(each["ledger"], each["size"], each["tx_hash"]) for each in shown] == [
            ("xrpl", made["ledgers"][0]["size"], signed["hash"])
        ]
        assert said("audit", "status")["anchored"] == {"xrpl": made["ledgers"][0]["size"]}
        for command in (sign, ("audit", "anchor", "--ledger", "xrpl")):
            assert CliRunner().invoke(app, [*command]).exit_code == 0
        ended = ("treasury", "end-standing", f"{standing}", "--reason", "the key was lost")
        for _ in range(2):
            assert said(*ended) == {"proposal_id": f"{standing}", "state": "ended", "key": address("anchor-key")}


def test_a_ledger_that_is_not_configured_cannot_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FNTX_HOME", str(tmp_path))
    refused = CliRunner().invoke(app, ["audit", "anchor", "--ledger", "stellar"])
    assert refused.exit_code == 1
    assert "FNTX_HORIZON_URL" in str(refused.output) + str(refused.exception)


def test_a_ledger_of_the_treasury_without_a_server_is_named(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FNTX_HOME", str(tmp_path))
    monkeypatch.setenv("FNTX_DATABASE_URL", database.url)
    for name in ALONE:
        monkeypatch.setenv(name, "1")
    for name in ("FNTX_XRPL_URL", "FNTX_HORIZON_URL"):
        monkeypatch.delenv(name, raising=False)
    for config, told in (("treasury.json", True), (None, False)):
        monkeypatch.delenv("FNTX_TREASURY_CONFIG", raising=False)
        if config:
            monkeypatch.setenv("FNTX_TREASURY_CONFIG", str(tmp_path / config))
        said = " ".join(CliRunner().invoke(app, ["audit", "anchor"]).stderr.split())
        assert ("xrpl: not configured, set FNTX_XRPL_URL" in said) is told
        assert ("stellar: not configured, set FNTX_HORIZON_URL" in said) is told


def test_a_new_key_file_is_its_owners_and_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "anchor.json"
    made = said("treasury", "anchor-key", str(file))
    assert {*made} == {"xrpl", "stellar"}
    assert file.stat().st_mode & 0o777 == 0o600
    assert said("treasury", "anchor-key", str(file)) == made
    assert read_anchor_keys(file).addresses == made


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"format": "fntx-anchor-key/2"}, "format is"),
        ({"format": "fntx-anchor-key/1"}, "it holds no key"),
        ({"format": "fntx-anchor-key/1", "stellar": {"seed": "SECRETSECRET"}}, "stellar.seed is no secret seed"),
        ({"format": "fntx-anchor-key/1", "xrpl": {"algorithm": "ed25519", "seed": "SECRETSECRET"}}, "xrpl.seed is no"),
        ({"format": "fntx-anchor-key/1", "xrpl": {"algorithm": "rsa", "seed": "SECRETSECRET"}}, "algorithm is"),
        ({"format": "fntx-anchor-key/1", "xrpl": {"algorithm": "ed25519", "seed": 7, "more": 1}}, "xrpl.seed is not"),
    ],
)
def test_a_file_that_holds_no_such_key_is_refused_and_not_quoted(
    tmp_path: Path, document: dict[str, Any], said: str
) -> None:
    file = tmp_path / "anchor.json"
    file.write_text(json.dumps(document))
    file.chmod(0o600)
    with pytest.raises(Permanent, match=said) as refusal:
        read_anchor_keys(file)
    assert "SECRET" not in str(refusal.value)
