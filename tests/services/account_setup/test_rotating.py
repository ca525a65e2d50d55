"""A rotation on simulated ledgers: one batch for all accounts, signed by those who leave, too."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from stellar_sdk import Keypair, TransactionEnvelope
from typer.testing import CliRunner
from xrpl.models import Transaction
from xrpl.transaction import sign

from fntx_dagster.cli import app
from fntx_dagster.errors import Permanent
from fntx_dagster.services.account_setup.carrying_out import send_all
from fntx_dagster.services.account_setup.rotating import carry_out_rotation, look_at_rotation, rotation_is_sent
from fntx_dagster.services.building.treasury import attend
from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import list_proposals, show
from fntx_dagster.services.governance.signers import list_sets
from fntx_dagster.services.transactions.importing import import_part
from fntx_dagster.services.transactions.preparing import prepare
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.horizon.entries import AccountEntry
from fntx_dagster.simulate.horizon.network import StellarNetwork
from fntx_dagster.simulate.horizon.server import serve_horizon
from fntx_dagster.simulate.xrpl.server import serve_xrpl
from fntx_dagster.store.database import Database
from tests.governance.keys import KEYS, STRANGER
from tests.services.governance.treasuries import decision, registered
from tests.services.transactions.worlds import (
    SIGNERS,
    STELLAR_KEYS,
    XRPL_NAMES,
    approved,
    begun,
    events,
    issue,
    platform,
    unasking,
)
from tests.simulate.horizon.parts import LUMEN, key, multisig
from tests.simulate.xrpl.people import XRP, Town, address, funded, signers, wallet

ROLES = ("issuer", "treasury", "escrow", "attestation", "amm", "trading")
DEPUTY = key("deputy")


class RotationDesk(NamedTuple):
    """A treasury whose nine accounts its three signers hold; a deputy shall take the trustee's place."""

    settings: Settings
    db: Database
    town: Town
    network: StellarNetwork
    folder: Path

    def rotated(self, *, urgent: bool) -> dict[str, Any]:
        document = copy.deepcopy(platform())
        document["signers"][2] |= {"id": "deputy", "xrpl": address("deputy"), "stellar": DEPUTY.public_key}
        keys = {name: each for name, each in KEYS.items() if name != "trustee"} | {"deputy": STRANGER}
        return {"signers": registered(self.settings, document, keys)["signers"], "config": document, "urgent": urgent}

    def approve(self, *, urgent: bool) -> None:
        proposal = propose(self.settings, self.db, "signer.rotate", self.rotated(urgent=urgent))
        for signer in SIGNERS:
            decide(self.settings, self.db, proposal, decision(self.db, proposal, signer))

    def sign(self, file: Path) -> None:
        """The three present signers sign a file with the public libraries."""
        document = json.loads(file.read_text(encoding="utf-8"))
        for signer in SIGNERS:
            import_part(self.settings, self.db, signed(document, signer))


def signed(document: dict[str, Any], signer: str) -> bytes:
    if document["ledger"] == "xrpl":
        own = wallet(XRPL_NAMES[signer])
        return sign(Transaction.from_blob(document["unsigned_blob"]), own, multisign=True).blob().encode()
    envelope = TransactionEnvelope.from_xdr(document["unsigned_xdr"], document["network_id"])
    envelope.sign(STELLAR_KEYS[signer])
    return envelope.to_xdr().encode()


def stellar_accounts() -> list[str]:
    return [each["address"] for each in platform()["stellar"]["accounts"].values()]


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[RotationDesk]:
    town, network = funded(*ROLES, drops=100 * XRP), StellarNetwork()
    for role in ROLES:
        assert town.send(role, "SignerListSet", **signers(2, *XRPL_NAMES.values())) == "tesSUCCESS"
    town.close_ledger()
    for account in stellar_accounts():
        network.put(AccountEntry(account, balance=100 * LUMEN, sequence=0, **multisig()))
    with serve_xrpl(town.ledger, closes_every=0.2) as server, serve_horizon(network, closes_every=0) as horizon:
        settings = begun(tmp_path / "home", database, xrpl=server.url, horizon=horizon.url)
        yield RotationDesk(settings, database, town, network, tmp_path / "out")


def test_a_rotation_is_one_batch_and_then_the_new_signers_decide(desk: RotationDesk) -> None:
    waiting = approved(unasking(desk.settings), desk.db, "iou.issue", issue())
    with pytest.raises(Permanent, match="no rotation waits"):
        look_at_rotation(desk.settings, desk.db)
    desk.approve(urgent=True)
    assert "signer_added" not in events(desk.db)[-5:]
    seen = look_at_rotation(desk.settings, desk.db)
    assert (seen.next, len(seen.accounts), {each.done for each in seen.accounts}) == ("prepare", 9, {False})
    batch = carry_out_rotation(desk.settings, desk.db, desk.folder)
    assert (batch.next, len(batch.files), {each.state for each in batch.transactions}) == ("sign", 9, {"prepared"})
    for file in batch.files[:-1]:
        desk.sign(file)
    half = carry_out_rotation(desk.settings, desk.db, desk.folder)
    assert (half.next, half.files) == ("sign", batch.files[-1:])
    assert {each.state for each in half.transactions} == {"ready", "prepared"}  # nothing is sent before all are signed
    desk.sign(batch.files[-1])
    done = carry_out_rotation(desk.settings, desk.db, desk.folder, wait=20)
    assert (done.next, {each.state for each in done.transactions}) == ("nothing", {"confirmed"})
    for role in ROLES:
        [listed] = desk.town.info(role)["signer_lists"]
        names = {entry["SignerEntry"]["Account"] for entry in listed["SignerEntries"]}
        assert names == {address(each) for each in (XRPL_NAMES["treasury"], XRPL_NAMES["compliance"], "deputy")}
    people: list[Keypair] = [STELLAR_KEYS["treasury"], STELLAR_KEYS["compliance"], DEPUTY]
    for account in stellar_accounts():
        entry = desk.network.accounts[account]
        assert dict(entry.signers) == {each.public_key: 1 for each in people}
        assert (entry.master, entry.low, entry.med, entry.high) == (0, 2, 2, 3)
    assert [(each.version, each.state) for each in list_sets(desk.db)] == [(2, "active"), (1, "retired")]
    assert events(desk.db)[-3:] == ["signer_removed", "signer_added", "config_changed"]
    config = desk.settings.treasury.config
    assert config
    config.write_text(json.dumps(desk.rotated(urgent=True)["config"]), encoding="utf-8")
    with pytest.raises(Permanent, match="earlier set of signers"):
        prepare(desk.settings, desk.db, waiting)
    assert show(desk.db, waiting).row.state == "approved"


def test_a_rotation_takes_effect_with_its_last_transaction_though_nobody_asks(desk: RotationDesk) -> None:
    """What Dagster's job does, while the operator has gone after he sent all: the server closes ledgers meanwhile."""
    now = datetime.now(UTC) + timedelta(seconds=1)
    desk.approve(urgent=True)
    for file in carry_out_rotation(desk.settings, desk.db, desk.folder).files:
        desk.sign(file)
    assert not rotation_is_sent(desk.db, now)
    [whole] = [view.row.proposal_id for view in list_proposals(desk.db, "approved") if view.row.kind == "signer.rotate"]
    send_all(desk.settings, desk.db, whole, wait=0)
    said, until = "", time.monotonic() + 30
    while not said and time.monotonic() < until:
        said = attend(desk.settings, desk.db, now).rotation
    assert said == "Every account has the new signers: version 2 of the set decides now."
    assert [(each.version, each.state) for each in list_sets(desk.db)] == [(2, "active"), (1, "retired")]
    assert not rotation_is_sent(desk.db, now), "there is nothing more to ask for"


def test_a_rotation_that_could_not_take_effect_is_asked_for_again(desk: RotationDesk) -> None:
    now = datetime.now(UTC) + timedelta(seconds=1)
    desk.approve(urgent=True)
    for file in carry_out_rotation(desk.settings, desk.db, desk.folder).files:
        desk.sign(file)
    [whole] = [view.row.proposal_id for view in list_proposals(desk.db, "approved") if view.row.kind == "signer.rotate"]
    send_all(desk.settings, desk.db, whole, wait=20)
    pause = propose(desk.settings, desk.db, "emergency.pause", {"reason": "a key may be lost"})
    decide(desk.settings, desk.db, pause, decision(desk.db, pause, "trustee"))
    said = attend(desk.settings, desk.db, now).rotation
    assert said == "The rotation could not take effect yet: the treasury is paused."
    assert rotation_is_sent(desk.db, now), "the sensor starts the job again"


def test_a_strange_regular_key_leaves_with_the_old_signers(desk: RotationDesk) -> None:
    assert desk.town.send("issuer", "SetRegularKey", RegularKey=address("nobody")) == "tesSUCCESS"
    desk.town.close_ledger()
    desk.approve(urgent=True)
    batch = carry_out_rotation(desk.settings, desk.db, desk.folder)
    issuer = [each.step for each in batch.transactions if each.account == address("issuer")]
    assert (issuer, len(batch.files)) == (["no_regular_key", "signers"], 10)
    for file in batch.files:
        desk.sign(file)
    assert carry_out_rotation(desk.settings, desk.db, desk.folder, wait=20).is_done
    assert "RegularKey" not in desk.town.info("issuer")["account_data"]


def test_the_notice_is_waited_for_and_the_approval_lasts_so_long(
    desk: RotationDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.approve(urgent=False)
    with pytest.raises(Permanent, match="takes effect from"):
        carry_out_rotation(desk.settings, desk.db, desk.folder)
    monkeypatch.setenv("FNTX_HOME", str(desk.settings.home))
    monkeypatch.setenv("FNTX_DATABASE_URL", desk.db.url)
    for name, url in (("XRPL", desk.settings.treasury.xrpl_url), ("HORIZON", desk.settings.treasury.horizon_url)):
        assert url
        monkeypatch.setenv(f"FNTX_{name}_URL", url.get_secret_value())
    monkeypatch.setenv("FNTX_TREASURY_CONFIG", str(desk.settings.treasury.config))
    done = CliRunner().invoke(app, ["treasury", "rotation", "--json"])
    assert (done.exit_code, json.loads(done.stdout)["next"]) == (0, "wait")
    later = datetime.now(UTC) + timedelta(days=31)
    with desk.db.connect() as connection:  # 31 days pass
        connection.execute("alter table treasury.proposal disable trigger all")
        connection.execute("update treasury.proposal set expires_at = expires_at - interval '31 days'")
        connection.execute("alter table treasury.proposal enable always trigger guarded")
        connection.execute("alter table treasury.decision disable trigger user")
    [whole] = list_proposals(desk.db, "all")
    for signer in KEYS:  # what they sign names when it ends
        signed = decision(desk.db, whole.row.proposal_id, signer)["signature"].upper()
        with desk.db.connect() as connection:
            connection.execute(
                "update treasury.decision set signature = %s, decided_at = decided_at - interval '31 days'"
                " where signer_id = %s",
                [signed, signer],
            )
    with desk.db.connect() as connection:
        connection.execute("alter table treasury.decision enable trigger user")
    batch = carry_out_rotation(desk.settings, desk.db, desk.folder, now=later)
    assert (batch.next, len(batch.files)) == ("sign", 9)
    assert "notice of the signer set 2" in CliRunner().invoke(app, ["treasury", "rotation"]).stdout
