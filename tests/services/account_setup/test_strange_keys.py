"""Keys that sign for an account of ours although nobody approved them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.services.account_setup.setting_up import look, set_up
from fntx_dagster.services.governance.configuration import configured
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.transactions.importing import import_part
from fntx_dagster.simulate.horizon.entries import AccountEntry
from tests.services.account_setup.desks import SetupDesk
from tests.services.account_setup.test_rotating import signed
from tests.services.transactions.worlds import SIGNERS, XRPL_NAMES
from tests.simulate.horizon.parts import ISSUER, LUMEN, key, multisig
from tests.simulate.xrpl.people import address, signers


def strange_key(desk: SetupDesk, account: str) -> None:
    """The account has our signers and a stranger's regular key, and its own key is off."""
    assert desk.town.does(account, "SetRegularKey", RegularKey=address("nobody")) == "tesSUCCESS"
    assert desk.town.does(account, "SignerListSet", **signers(2, *XRPL_NAMES.values())) == "tesSUCCESS"
    assert desk.town.does(account, "AccountSet", SetFlag=4) == "tesSUCCESS"


def approved(desk: SetupDesk, kind: str, payload: object) -> UUID:
    proposal = propose(desk.settings, desk.db, kind, payload)
    desk.approve(proposal)
    return proposal


def signed_by_all(desk: SetupDesk, file: Path) -> None:
    for signer in SIGNERS:
        import_part(desk.settings, desk.db, signed(json.loads(file.read_text(encoding="utf-8")), signer))


def test_a_strange_regular_key_is_taken_away_by_the_signers(desk: SetupDesk) -> None:
    strange_key(desk, "escrow")
    seen = look(desk.settings, desk.db, "xrpl", "escrow")
    assert (seen.is_done, seen.next) == (False, "propose")
    assert [(each.step, each.done) for each in seen.accounts[0].steps] == [
        ("no_regular_key", False),
        ("signers", True),
        ("disable_master", True),
    ]
    asked = set_up(desk.settings, desk.db, "xrpl", "escrow", desk.folder)
    desk.approve(asked.proposal)
    [file] = set_up(desk.settings, desk.db, "xrpl", "escrow", desk.folder).files
    signed_by_all(desk, file)
    done = set_up(desk.settings, desk.db, "xrpl", "escrow", desk.folder, wait=10)
    assert (done.is_done, done.next) == (True, "nothing")
    assert "RegularKey" not in desk.town.info("escrow")["account_data"]


@pytest.mark.parametrize("quorum", [0, 1])
def test_the_own_key_takes_a_strange_one_away_before_it_is_given_up(desk: SetupDesk, quorum: int) -> None:
    assert desk.town.does("escrow", "SetRegularKey", RegularKey=address("nobody")) == "tesSUCCESS"
    if quorum:
        assert desk.town.does("escrow", "SignerListSet", **signers(quorum, "nobody", "holder")) == "tesSUCCESS"
    asked = set_up(desk.settings, desk.db, "xrpl", "escrow", desk.folder)
    desk.approve(asked.proposal)
    signing = set_up(desk.settings, desk.db, "xrpl", "escrow", desk.folder)
    assert [each.step for each in signing.transactions] == ["no_regular_key", "signers", "disable_master"]
    for file in signing.files:
        desk.sign(file, "escrow")
    assert set_up(desk.settings, desk.db, "xrpl", "escrow", desk.folder, wait=10).is_done
    assert "RegularKey" not in desk.town.info("escrow")["account_data"]


def test_an_account_that_a_strange_key_holds_alone_is_not_set_up(desk: SetupDesk) -> None:
    assert desk.town.does("escrow", "SetRegularKey", RegularKey=address("nobody")) == "tesSUCCESS"
    assert desk.town.does("escrow", "AccountSet", SetFlag=4) == "tesSUCCESS"
    seen = look(desk.settings, desk.db, "xrpl", "escrow")
    assert (seen.is_done, "take another account" in seen.accounts[0].problem) == (False, True)
    with pytest.raises(Permanent, match="only its regular key"):
        set_up(desk.settings, desk.db, "xrpl", "escrow", desk.folder)


def test_the_key_of_a_standing_approval_stays_and_of_its_account_alone(desk: SetupDesk) -> None:
    config = configured(desk.settings)
    assert desk.town.does("issuer", "Payment", Destination=address("attestation"), Amount="20000000") == "tesSUCCESS"
    strange_key(desk, "attestation")
    strange_key(desk, "escrow")
    assert not look(desk.settings, desk.db, "xrpl", "attestation").is_done
    anchor = {
        "op": "anchor",
        "account": config.xrpl_accounts["attestation"],
        "params": {"destination": config.xrpl_accounts["treasury"]},
    }
    terms = {"per_day": 24, "fee_cap": "1000", "days": 30, "key": address("nobody")}
    template = {"ledger": "xrpl", "network_id": config.network_id, "intent": anchor}
    approved(desk, "standing.approve", {"template": template, **terms})
    assert look(desk.settings, desk.db, "xrpl", "attestation").is_done
    assert not look(desk.settings, desk.db, "xrpl", "escrow").is_done


def test_a_strange_signer_on_stellar_is_taken_away(desk: SetupDesk) -> None:
    entry = AccountEntry(ISSUER.public_key, balance=100 * LUMEN, sequence=3, **multisig())
    entry = replace(entry, signers={**entry.signers, key("nobody").public_key: 3})
    desk.network.put(entry)
    [plan] = look(desk.settings, desk.db, "stellar", "issuer").accounts
    assert {"signer": {"key": key("nobody").public_key, "weight": 0}} in [
        each["params"] for each in plan.payloads[0]["intent"]["params"]["operations"]
    ]
