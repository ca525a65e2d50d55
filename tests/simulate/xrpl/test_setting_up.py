"""What an account must do in which order, and what the ledger says to any other one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulate.xrpl.people import Town, address, funded, signers, token

REQUIRE_AUTH, DISABLE_MASTER, NO_FREEZE, CLAWBACK, LOCKING = 2, 4, 6, 16, 17


@pytest.fixture
def town() -> Town:
    return funded("issuer", "holder", "s1", "s2-k1")


def test_an_issuer_is_set_up_in_the_one_order_that_works(town: Town) -> None:
    assert town.does("issuer", "AccountSet", SetFlag=REQUIRE_AUTH) == "tesSUCCESS"
    assert town.does("issuer", "AccountSet", SetFlag=CLAWBACK) == "tesSUCCESS"
    assert town.does("issuer", "AccountSet", SetFlag=LOCKING) == "tesSUCCESS"
    assert town.does("issuer", "SignerListSet", **signers(2, "s1", "s2-k1", "s3")) == "tesSUCCESS"
    assert town.does("issuer", "AccountSet", SetFlag=DISABLE_MASTER) == "tesSUCCESS"
    flags = town.info("issuer")["account_flags"]
    set_ones = {name for name, is_set in flags.items() if is_set}
    assert set_ones == {"requireAuthorization", "allowTrustLineClawback", "allowTrustLineLocking", "disableMasterKey"}


@pytest.mark.parametrize("flag", [REQUIRE_AUTH, CLAWBACK])
@pytest.mark.parametrize("owned", ["list", "ticket", "line"])
def test_authorisation_and_clawback_need_an_empty_directory(town: Town, flag: int, owned: str) -> None:
    if owned == "list":
        town.does("issuer", "SignerListSet", **signers(1, "s1"))
    elif owned == "ticket":
        town.does("issuer", "TicketCreate", TicketCount=1)
    else:
        town.does("holder", "TrustSet", LimitAmount=token("5", "issuer"))  # the holder's line is in both directories
    assert town.does("issuer", "AccountSet", SetFlag=flag) == "tecOWNERS"


def test_the_master_key_alone_disables_itself_and_only_beside_another_way_to_sign(town: Town) -> None:
    assert town.does("issuer", "AccountSet", SetFlag=DISABLE_MASTER) == "tecNO_ALTERNATIVE_KEY"
    town.does("issuer", "SignerListSet", **signers(2, "s1", "s2-k1"))
    assert town.does("issuer", "AccountSet", by=("s1", "s2-k1"), SetFlag=DISABLE_MASTER) == "tecNEED_MASTER_KEY"
    assert town.does("issuer", "AccountSet", SetFlag=DISABLE_MASTER) == "tesSUCCESS"
    assert town.send("issuer", "AccountSet") == "tefMASTER_DISABLED"
    assert town.does("issuer", "SignerListSet", by=("s1", "s2-k1"), SignerQuorum=0) == "tecNO_ALTERNATIVE_KEY"
    assert town.does("issuer", "AccountSet", by=("s1", "s2-k1"), ClearFlag=DISABLE_MASTER) == "tesSUCCESS"


def test_locking_cannot_be_taken_back_and_clawback_excludes_no_freeze(town: Town) -> None:
    town.does("issuer", "AccountSet", SetFlag=LOCKING)
    assert town.does("issuer", "AccountSet", ClearFlag=LOCKING) == "tesSUCCESS"
    assert town.info("issuer")["account_flags"]["allowTrustLineLocking"]
    town.does("issuer", "AccountSet", SetFlag=CLAWBACK)
    assert town.does("issuer", "AccountSet", SetFlag=NO_FREEZE) == "tecNO_PERMISSION"
    town.does("holder", "AccountSet", SetFlag=NO_FREEZE)
    assert town.does("holder", "AccountSet", SetFlag=CLAWBACK) == "tecNO_PERMISSION"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (signers(1, "issuer"), "temBAD_SIGNER"),
        (signers(1, "s1", "s1"), "temBAD_SIGNER"),
        (signers(3, "s1", "s2-k1"), "temBAD_QUORUM"),
        ({"SignerQuorum": 1}, "temMALFORMED"),
        (
            {"SignerQuorum": 1, "SignerEntries": signers(1, *(f"n{n}" for n in range(33)))["SignerEntries"]},
            "temMALFORMED",
        ),
    ],
)
def test_a_list_of_signers_that_cannot_be_is_refused(town: Town, fields: dict[str, Any], code: str) -> None:
    before = town.drops("issuer")
    assert town.does("issuer", "SignerListSet", **fields) == code
    assert town.drops("issuer") == before


def test_a_signer_needs_no_account_of_his_own(town: Town) -> None:
    town.does("issuer", "SignerListSet", **signers(2, "stranger", "other stranger"))
    assert town.does("issuer", "AccountSet", by=("stranger", "other stranger")) == "tesSUCCESS"


def test_one_stranger_among_the_signers_fails_all(town: Town) -> None:
    assert town.send("issuer", "AccountSet", by=("s1",)) == "tefNOT_MULTI_SIGNING"
    town.does("issuer", "SignerListSet", **signers(2, "s1", "s2-k1", "s3"))
    assert town.send("issuer", "AccountSet", by=("s1",)) == "tefBAD_QUORUM"
    assert town.send("issuer", "AccountSet", by=("s1", "s2-k1", "stranger")) == "tefBAD_SIGNATURE"
    assert town.send("issuer", "AccountSet", by=("s1", "s2-k1")) == "tesSUCCESS"


def test_a_signer_whose_master_key_is_disabled_signs_with_his_regular_key_alone(town: Town) -> None:
    town.does("issuer", "SignerListSet", **signers(1, "s1"))
    assert town.does("s1", "SetRegularKey", RegularKey=address("s1 regular")) == "tesSUCCESS"
    assert town.does("s1", "AccountSet", SetFlag=DISABLE_MASTER) == "tesSUCCESS"
    assert town.send("issuer", "AccountSet", by=("s1",)) == "tefMASTER_DISABLED"
    assert town.does("s1", "SetRegularKey") == "tefMASTER_DISABLED"


def test_tickets_raise_the_sequence_cost_reserve_and_serve_in_any_order(town: Town) -> None:
    before = town.info("holder")["account_data"]
    assert town.does("holder", "TicketCreate", TicketCount=3) == "tesSUCCESS"
    after = town.info("holder")["account_data"]
    assert after["Sequence"] == before["Sequence"] + 4
    assert (after["OwnerCount"], after["TicketCount"]) == (3, 3)
    first = before["Sequence"] + 1
    assert town.does("holder", "AccountSet", TicketSequence=first + 2) == "tesSUCCESS"
    assert town.does("holder", "AccountSet", TicketSequence=first) == "tesSUCCESS"
    assert town.send("holder", "AccountSet", TicketSequence=first) == "tefNO_TICKET"
    assert town.send("holder", "AccountSet", TicketSequence=first + 40) == "terPRE_TICKET"
    assert town.info("holder")["account_data"]["OwnerCount"] == 1


def test_no_more_than_250_tickets_and_no_ticket_without_its_reserve() -> None:
    town = funded("rich")
    assert town.does("rich", "TicketCreate", TicketCount=251) == "temINVALID_COUNT"
    assert town.does("rich", "TicketCreate", TicketCount=250) == "tesSUCCESS"
    assert town.does("rich", "TicketCreate", TicketCount=1) == "tecDIR_FULL"
    poor = funded("poor", drops=1_300_000)
    assert poor.does("poor", "TicketCreate", TicketCount=2) == "tecINSUFFICIENT_RESERVE"
    assert poor.does("poor", "TicketCreate", TicketCount=1) == "tesSUCCESS"


def test_an_account_is_deleted_once_it_is_old_enough_and_owes_nothing(town: Town) -> None:
    assert town.does("holder", "AccountDelete", Destination=address("s1"), Fee="200000") == "tecTOO_SOON"
    for _ in range(300):
        town.ledger.close()
    town.does("s1", "TrustSet", LimitAmount=token("5", "holder"))
    assert town.does("holder", "AccountDelete", Destination=address("s1"), Fee="200000") == "tecHAS_OBLIGATIONS"
    town.does("s1", "TrustSet", LimitAmount=token("0", "holder"), Flags=0x20000)
    before, left = town.drops("s1"), town.drops("holder")
    assert town.does("holder", "AccountDelete", Destination=address("s1"), Fee="200000") == "tesSUCCESS"
    assert town.info("holder")["error"] == "actNotFound"
    assert town.drops("s1") == before + left - 200_000
