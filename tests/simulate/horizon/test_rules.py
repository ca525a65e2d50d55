"""The rules of a Stellar ledger that bite, each with its code."""

from __future__ import annotations

from typing import Any

import pytest
from stellar_sdk import (
    AccountMerge,
    Asset,
    BumpSequence,
    ChangeTrust,
    Clawback,
    CreateAccount,
    FeeBumpTransaction,
    FeeBumpTransactionEnvelope,
    LiquidityPoolDeposit,
    ManageData,
    Operation,
    Payment,
    Price,
    SetOptions,
    SetTrustLineFlags,
    Signer,
    TransactionEnvelope,
)
from stellar_sdk.operation.set_options import AuthorizationFlag
from stellar_sdk.operation.set_trust_line_flags import TrustLineFlags

from fntx_dagster.simulate.horizon.entries import HeldLine
from tests.simulate.horizon.parts import (
    ALL_AUTH,
    HOLDER,
    ISSUER,
    LUMEN,
    NOW,
    PEOPLE,
    STRANGER,
    TREASURY,
    USD,
    USD_KEY,
    Desk,
    key,
    line,
    multisig,
)

AUTHORIZED = TrustLineFlags.AUTHORIZED_FLAG
MAINTAIN = TrustLineFlags.AUTHORIZED_TO_MAINTAIN_LIABILITIES_FLAG
FLAGS = {"flags": 11}
TO_HOLDER = Payment(HOLDER.public_key, USD, "10")
TO_TREASURY = Payment(TREASURY.public_key, USD, "10")
DATA = ManageData("fntx.audit", b"root")
ONE, TWO, THREE = PEOPLE


def signer(who: Any, weight: int = 1) -> Signer:
    return Signer.ed25519_public_key(who.public_key, weight)


# signatures and thresholds


def test_three_signers_and_thresholds_are_set_in_one_transaction_by_the_master_key() -> None:
    """Its own signature is judged before its operations take the key's weight away."""
    desk = Desk()
    adds = [SetOptions(signer=signer(person)) for person in PEOPLE]
    locks = SetOptions(master_weight=0, low_threshold=2, med_threshold=2, high_threshold=3)
    assert desk.send(ISSUER, *adds, locks).code == "tx_success"
    account = desk.account(ISSUER)
    assert (account.master, account.low, account.med, account.high) == (0, 2, 2, 3)
    assert account.weights() == {person.public_key: 1 for person in PEOPLE}
    assert desk.send(ISSUER, DATA).code == "tx_bad_auth"
    assert desk.send(ISSUER, DATA, signers=[ONE, THREE]).code == "tx_success"


@pytest.mark.parametrize(
    ("operation", "needed"),
    [
        (BumpSequence(0), 1),
        (SetTrustLineFlags(HOLDER.public_key, USD, set_flags=AUTHORIZED), 1),
        (TO_HOLDER, 2),
        (ChangeTrust(Asset("OTHER", HOLDER.public_key), "1"), 2),
        (DATA, 2),
        (Clawback(USD, HOLDER.public_key, "1"), 2),
        (SetOptions(home_domain="example.org"), 2),
        (SetOptions(set_flags=AuthorizationFlag.AUTHORIZATION_REQUIRED), 2),
        (SetOptions(signer=signer(STRANGER)), 3),
        (SetOptions(low_threshold=1), 3),
        (SetOptions(master_weight=1), 3),
        (AccountMerge(HOLDER.public_key), 3),
    ],
)
def test_an_operation_needs_the_weight_of_its_threshold_and_no_signature_more(
    operation: Operation, needed: int
) -> None:
    holder = line(balance=5, flags=5)
    for count in (1, 2, 3):
        desk = Desk(issuer=multisig(low=1, med=2, high=3) | FLAGS, holder=holder)
        came = desk.send(ISSUER, operation, signers=PEOPLE[:count])
        if count < needed:
            assert came == ("tx_failed", ["op_bad_auth"], False)
        elif count > needed:
            assert came == ("tx_bad_auth_extra", [], False)
        else:
            assert came.code == "tx_success"


def test_too_few_signatures_for_the_transaction_itself_are_tx_bad_auth() -> None:
    desk = Desk(issuer=multisig() | FLAGS, holder=line())
    assert desk.send(ISSUER, TO_HOLDER, signers=[ONE]) == ("tx_bad_auth", [], False)
    assert desk.send(ISSUER, TO_HOLDER, signers=[]) == ("tx_bad_auth", [], False)


def test_a_signature_too_many_makes_a_transaction_invalid() -> None:
    desk = Desk(issuer=multisig() | FLAGS, holder=line())
    assert desk.send(ISSUER, TO_HOLDER, signers=PEOPLE) == ("tx_bad_auth_extra", [], False)
    for people, code in (([ONE], "tx_bad_auth"), ([ONE, TWO], "tx_bad_auth_extra")):
        twice = desk.build(ISSUER, TO_HOLDER)
        for person in people:
            twice.sign(person)
        twice.signatures.append(twice.signatures[0])
        assert desk.submit(twice) == (code, [], False)
    assert desk.send(ISSUER, TO_HOLDER, signers=[ONE, TWO, STRANGER]) == ("tx_bad_auth_extra", [], False)
    assert desk.send(ISSUER, TO_HOLDER, signers=[ONE, STRANGER]) == ("tx_bad_auth", [], False)
    assert desk.send(ISSUER, TO_HOLDER, signers=[ONE, TWO]).code == "tx_success"


def test_a_mixed_transaction_needs_its_highest_threshold() -> None:
    freeze = SetTrustLineFlags(HOLDER.public_key, USD, clear_flags=AUTHORIZED)
    raises = SetOptions(high_threshold=3)
    desk = Desk(issuer=multisig() | FLAGS, holder=line())
    assert desk.send(ISSUER, freeze, raises, signers=[ONE, TWO]) == (
        "tx_failed",
        ["op_success", "op_bad_auth"],
        False,
    )
    assert desk.send(ISSUER, freeze, raises, signers=PEOPLE).code == "tx_success"


def test_an_operation_of_another_account_needs_that_accounts_signers_too() -> None:
    desk = Desk(issuer=multisig() | FLAGS, holder=line())
    issue = Payment(HOLDER.public_key, USD, "10", source=ISSUER.public_key)
    assert desk.send(TREASURY, issue).operations == ["op_bad_auth"]
    assert desk.send(TREASURY, issue, signers=[TREASURY, ONE, TWO]).code == "tx_success"
    assert (desk.account(ISSUER).sequence, desk.line(HOLDER).balance) == (0, 10 * LUMEN)
    unknown = Payment(HOLDER.public_key, USD, "10", source=STRANGER.public_key)
    assert desk.send(TREASURY, unknown, signers=[TREASURY, STRANGER]) == ("tx_failed", ["op_no_source_account"], True)


def test_a_signature_for_another_network_does_not_count() -> None:
    desk = Desk()
    envelope = desk.build(TREASURY, DATA)
    elsewhere = TransactionEnvelope.from_xdr(envelope.to_xdr(), "Public Global Stellar Network ; September 2015")
    elsewhere.sign(TREASURY)
    envelope.signatures += elsewhere.signatures
    assert desk.submit(envelope) == ("tx_bad_auth", [], False)


def test_signers_that_change_before_the_submission_make_it_bad_auth() -> None:
    desk = Desk(issuer=multisig() | FLAGS, holder=line())
    envelope = desk.build(ISSUER, TO_HOLDER)
    for person in (ONE, TWO):
        envelope.sign(person)
    before = desk.account(ISSUER)
    desk.network.put(before.__class__(**{**before.__dict__, **multisig(ONE, THREE, STRANGER)}))
    assert desk.submit(envelope) == ("tx_bad_auth", [], False)


# the transaction


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"sequence": 1}, "tx_bad_seq"),
        ({"sequence": 0}, "tx_bad_seq"),
        ({"minimum": NOW + 10}, "tx_too_early"),
        ({"maximum": NOW - 1}, "tx_too_late"),
        ({"fee": 99}, "tx_insufficient_fee"),
    ],
)
def test_a_transaction_that_may_not_enter_a_ledger_is_in_none(given: dict[str, Any], code: str) -> None:
    desk = Desk(treasury={"sequence": 5})
    assert desk.send(TREASURY, DATA, **given) == (code, [], False)
    assert (desk.account(TREASURY).sequence, desk.account(TREASURY).balance) == (5, 100 * LUMEN)


def test_a_transaction_needs_operations_a_source_and_lumens_above_the_reserve() -> None:
    desk = Desk(holder={"balance": LUMEN + 99})
    assert desk.send(TREASURY) == ("tx_missing_operation", [], False)
    assert desk.send(STRANGER, DATA) == ("tx_no_source_account", [], False)
    assert desk.send(HOLDER, BumpSequence(0)) == ("tx_insufficient_balance", [], False)


def test_a_failed_operation_is_in_the_ledger_and_its_fee_and_sequence_are_spent() -> None:
    desk = Desk(treasury=line(balance=5))
    came = desk.send(TREASURY, DATA, Payment(HOLDER.public_key, USD, "1"), DATA)
    assert came == ("tx_failed", ["op_success", "op_no_trust", "op_success"], True)
    account = desk.account(TREASURY)
    assert (account.sequence, account.balance, dict(account.data)) == (1, 100 * LUMEN - 300, {})


def test_what_lapses_while_it_waits_is_dropped_and_in_no_ledger() -> None:
    desk = Desk()
    desk.routes = desk.routes.__class__(desk.network, "", 0, lambda: None)
    envelope = desk.build(TREASURY, DATA, maximum=NOW + 5)
    envelope.sign(TREASURY)
    assert desk.routes.post("/transactions_async", {"tx": envelope.to_xdr()}).status == 201
    assert desk.routes.post("/transactions_async", {"tx": envelope.to_xdr()}).status == 409
    desk.network.close(3600)
    assert desk.network.entry(envelope.hash_hex()) is None
    again = desk.routes.post("/transactions_async", {"tx": envelope.to_xdr()})
    assert (again.status, again.document["tx_status"]) == (400, "ERROR")


def test_a_fee_bump_pays_for_a_transaction_that_offers_too_little() -> None:
    desk = Desk()
    inner = desk.build(TREASURY, DATA, fee=50)
    inner.sign(TREASURY)
    assert desk.submit(inner).code == "tx_insufficient_fee"
    for fee, code in ((99, "tx_insufficient_fee"), (100, "tx_success")):
        bump = FeeBumpTransactionEnvelope(
            FeeBumpTransaction(HOLDER.public_key, fee * 2, inner), desk.network.passphrase
        )
        bump.sign(HOLDER)
        assert desk.submit(bump).code == code
    assert (desk.account(HOLDER).balance, desk.account(TREASURY).balance) == (100 * LUMEN - 200, 100 * LUMEN)
    assert (desk.account(HOLDER).sequence, desk.account(TREASURY).sequence) == (0, 1)
    by_inner = desk.routes.get(f"/transactions/{inner.hash_hex()}", {}).document
    assert (by_inner["successful"], by_inner["fee_account"]) == (True, HOLDER.public_key)


def test_a_fee_bump_bids_no_less_for_an_operation_than_what_it_bumps() -> None:
    desk = Desk()
    inner = desk.build(TREASURY, DATA, fee=200)
    inner.sign(TREASURY)
    bump = FeeBumpTransactionEnvelope(FeeBumpTransaction(HOLDER.public_key, 400, inner), desk.network.passphrase)
    bump.transaction.fee = 399
    bump.sign(HOLDER)
    assert desk.submit(bump).code == "tx_insufficient_fee"


def test_a_fee_bump_says_what_is_wrong_inside() -> None:
    desk = Desk()
    inner = desk.build(TREASURY, DATA, sequence=7)
    inner.sign(TREASURY)
    bump = FeeBumpTransactionEnvelope(FeeBumpTransaction(HOLDER.public_key, 200, inner), desk.network.passphrase)
    bump.sign(HOLDER)
    answer = desk.routes.post("/transactions", {"tx": bump.to_xdr()})
    codes = answer.document["extras"]["result_codes"]
    assert codes == {"transaction": "tx_fee_bump_inner_failed", "inner_transaction": "tx_bad_seq"}


# payments, in the order in which they are refused


@pytest.mark.parametrize(
    ("treasury", "holder", "code"),
    [
        (line(10), {"balance": 0}, "op_no_destination"),
        ({}, {}, "op_no_trust"),
        ({}, line(flags=0), "op_not_authorized"),
        ({}, line(flags=2), "op_not_authorized"),
        ({}, line(limit=9), "op_line_full"),
        ({}, line(), "op_src_no_trust"),
        (line(10, flags=2), line(), "op_src_not_authorized"),
        (line(9), line(), "op_underfunded"),
        (line(10), line(), "op_success"),
    ],
)
def test_a_payment_is_refused_for_the_receiver_first(
    treasury: dict[str, Any], holder: dict[str, Any], code: str
) -> None:
    desk = Desk(treasury=treasury, holder=holder)
    came = desk.send(TREASURY, TO_HOLDER)
    assert (came.operations or ["op_success"], came.in_ledger) == ([code], True)


def test_an_issuer_issues_and_redeems_and_a_line_is_the_limit() -> None:
    desk = Desk(holder=line(limit=10))
    assert desk.send(ISSUER, TO_HOLDER).code == "tx_success"
    assert desk.send(ISSUER, TO_HOLDER).operations == ["op_line_full"]
    assert desk.send(HOLDER, Payment(ISSUER.public_key, USD, "4")).code == "tx_success"
    assert desk.line(HOLDER).balance == 6 * LUMEN
    supply = desk.routes.get("/assets", {"asset_code": "OPTKASUSD"}).document["_embedded"]["records"]
    assert supply[0]["balances"]["authorized"] == "6.0000000"


def test_lumens_leave_an_account_down_to_its_reserve() -> None:
    desk = Desk(treasury=line(), holder={"balance": 5 * LUMEN})
    left = 100 * LUMEN - 100 - 15_000_000  # the fee, and (2 + 1 line) × 0.5
    pay = lambda stroops: Payment(HOLDER.public_key, Asset.native(), f"{stroops / LUMEN:.7f}")  # noqa: E731
    assert desk.send(TREASURY, pay(left + 1)).operations == ["op_underfunded"]
    assert desk.send(TREASURY, pay(left - 100)).code == "tx_success"
    assert desk.account(HOLDER).balance == 5 * LUMEN + left - 100
    assert desk.send(TREASURY, DATA) == ("tx_insufficient_balance", [], False)


def test_an_account_is_created_with_its_reserve_once() -> None:
    desk = Desk()
    make = lambda amount: CreateAccount(STRANGER.public_key, amount)  # noqa: E731
    assert desk.send(TREASURY, make("0.9999999")).operations == ["op_low_reserve"]
    assert desk.send(TREASURY, make("99.5")).operations == ["op_underfunded"]
    assert desk.send(TREASURY, make("1")).code == "tx_success"
    assert desk.send(TREASURY, make("1")).operations == ["op_already_exists"]
    assert desk.account(STRANGER).sequence == desk.account(STRANGER).ledger << 32


# lines and what their issuer allows


def test_a_line_copies_what_its_issuer_demands_when_it_is_opened() -> None:
    desk = Desk()
    trust = ChangeTrust(USD, "100")
    assert desk.send(HOLDER, trust).code == "tx_success"
    assert desk.line(HOLDER).flags == 1
    assert desk.send(ISSUER, SetOptions(set_flags=ALL_AUTH)).code == "tx_success"
    assert desk.line(HOLDER).flags == 1
    assert desk.send(TREASURY, trust).code == "tx_success"
    assert desk.line(TREASURY).flags == 4
    assert desk.send(ISSUER, Clawback(USD, HOLDER.public_key, "1")).operations == ["op_not_clawback_enabled"]


@pytest.mark.parametrize(
    ("issuer", "holder", "operation", "code"),
    [
        ({"balance": 0}, {}, ChangeTrust(USD, "1"), "op_no_issuer"),
        ({}, {}, ChangeTrust(USD, "0"), "op_invalid_limit"),
        ({}, {"balance": 14_999_999 + 99}, ChangeTrust(USD, "1"), "op_low_reserve"),
        ({}, line(balance=5), ChangeTrust(USD, "4"), "op_invalid_limit"),
        ({}, line(balance=5), ChangeTrust(USD, "0"), "op_invalid_limit"),
        ({}, line(), ChangeTrust(USD, "0"), "op_success"),
        ({}, {}, ManageData("x", None), "op_data_name_not_found"),
        ({}, {"balance": 14_999_999 + 99}, ManageData("x", b"1"), "op_low_reserve"),
        ({}, {}, BumpSequence(99), "op_success"),
        ({}, line(), AccountMerge(TREASURY.public_key), "op_has_sub_entries"),
        ({}, {}, AccountMerge(STRANGER.public_key), "op_no_account"),
    ],
)
def test_an_operation_of_a_holder_is_refused_with_its_code(
    issuer: dict[str, Any], holder: dict[str, Any], operation: Operation, code: str
) -> None:
    came = Desk(issuer=issuer, holder=holder).send(HOLDER, operation)
    assert (came.operations or ["op_success"], came.in_ledger) == ([code], True)


def test_a_deleted_line_gives_its_reserve_back() -> None:
    desk = Desk(holder=line())
    assert desk.account(HOLDER).subentries == 1
    assert desk.send(HOLDER, ChangeTrust(USD, "0")).code == "tx_success"
    assert desk.account(HOLDER).subentries == 0
    assert desk.send(HOLDER, Payment(HOLDER.public_key, USD, "1")).operations == ["op_no_trust"]


@pytest.mark.parametrize(
    ("flags", "held", "operation", "code"),
    [
        (11, 0, SetTrustLineFlags(HOLDER.public_key, USD, set_flags=AUTHORIZED), "op_success"),
        (11, 2, SetTrustLineFlags(HOLDER.public_key, USD, set_flags=AUTHORIZED), "op_invalid_state"),
        (11, 1, SetTrustLineFlags(HOLDER.public_key, USD, set_flags=MAINTAIN), "op_invalid_state"),
        (11, 1, SetTrustLineFlags(HOLDER.public_key, USD, clear_flags=AUTHORIZED, set_flags=MAINTAIN), "op_success"),
        (1, 1, SetTrustLineFlags(HOLDER.public_key, USD, clear_flags=AUTHORIZED), "op_cant_revoke"),
        (1, 1, SetTrustLineFlags(HOLDER.public_key, USD, clear_flags=AUTHORIZED, set_flags=MAINTAIN), "op_cant_revoke"),
        (1, 2, SetTrustLineFlags(HOLDER.public_key, USD, clear_flags=MAINTAIN, set_flags=AUTHORIZED), "op_success"),
        (11, 1, SetTrustLineFlags(TREASURY.public_key, USD, set_flags=AUTHORIZED), "op_no_trustline"),
        (11, 5, Clawback(USD, HOLDER.public_key, "6"), "op_underfunded"),
        (11, 1, Clawback(USD, HOLDER.public_key, "1"), "op_not_clawback_enabled"),
        (11, 4, Clawback(USD, HOLDER.public_key, "5"), "op_success"),
        (11, 5, Clawback(USD, TREASURY.public_key, "1"), "op_no_trust"),
    ],
)
def test_what_an_issuer_does_to_a_line(flags: int, held: int, operation: Operation, code: str) -> None:
    came = Desk(issuer={"flags": flags}, holder=line(balance=5, flags=held)).send(ISSUER, operation)
    assert (came.operations or ["op_success"], came.in_ledger) == ([code], True)


@pytest.mark.parametrize(
    "operation",
    [
        SetTrustLineFlags(HOLDER.public_key, USD, set_flags=AUTHORIZED | MAINTAIN),
        SetTrustLineFlags(HOLDER.public_key, USD, set_flags=TrustLineFlags.TRUSTLINE_CLAWBACK_ENABLED_FLAG),
        SetTrustLineFlags(HOLDER.public_key, USD, set_flags=AUTHORIZED, clear_flags=AUTHORIZED),
        SetTrustLineFlags(ISSUER.public_key, USD, set_flags=AUTHORIZED),
        SetTrustLineFlags(HOLDER.public_key, Asset("USD", TREASURY.public_key), set_flags=AUTHORIZED),
        Clawback(Asset("USD", TREASURY.public_key), HOLDER.public_key, "1"),
        Clawback(USD, ISSUER.public_key, "1"),
        ChangeTrust(USD, "1"),
        CreateAccount(ISSUER.public_key, "5"),
        AccountMerge(ISSUER.public_key),
        Payment(HOLDER.public_key, USD, "0"),
    ],
)
def test_an_operation_that_can_never_be_right_is_malformed_and_in_no_ledger(operation: Operation) -> None:
    """stellar-core refuses it before any ledger, so its sequence is not spent although the code is tx_failed."""
    desk = Desk(issuer=FLAGS, holder=line())
    assert desk.send(ISSUER, operation) == ("tx_failed", ["op_malformed"], False)
    assert desk.account(ISSUER).sequence == 0


def test_a_line_is_opened_for_one_payment_and_closed_again_in_one_transaction() -> None:
    desk = Desk(issuer=FLAGS, holder=line(flags=0))
    opens = SetTrustLineFlags(HOLDER.public_key, USD, set_flags=AUTHORIZED)
    shuts = SetTrustLineFlags(HOLDER.public_key, USD, clear_flags=AUTHORIZED)
    assert desk.send(ISSUER, TO_HOLDER).operations == ["op_not_authorized"]
    assert desk.send(ISSUER, opens, TO_HOLDER, shuts).code == "tx_success"
    assert desk.line(HOLDER) == HeldLine(10 * LUMEN, 1000 * LUMEN, 0)
    assert desk.send(HOLDER, TO_TREASURY).operations == ["op_no_trust"]


# options


@pytest.mark.parametrize(
    ("flags", "operation", "code", "in_ledger"),
    [
        (0, SetOptions(set_flags=AuthorizationFlag(8)), "op_auth_revocable_required", True),
        (11, SetOptions(clear_flags=AuthorizationFlag(2)), "op_auth_revocable_required", True),
        (4, SetOptions(set_flags=AuthorizationFlag(1)), "op_cant_change", True),
        (0, SetOptions(set_flags=AuthorizationFlag(16)), "op_unknown_flag", False),
        (0, SetOptions(set_flags=AuthorizationFlag(1), clear_flags=AuthorizationFlag(1)), "op_bad_flags", False),
        (0, SetOptions(master_weight=256), "op_threshold_out_of_range", False),
        (0, SetOptions(signer=signer(ISSUER)), "op_bad_signer", False),
        (0, SetOptions(signer=signer(ONE, 256)), "op_bad_signer", False),
        (0, SetOptions(inflation_dest=STRANGER.public_key), "op_invalid_inflation", True),
    ],
)
def test_options_are_refused_with_their_code(flags: int, operation: Operation, code: str, in_ledger: bool) -> None:
    came = Desk(issuer={"flags": flags}).send(ISSUER, operation)
    assert came == ("tx_failed", [code], in_ledger)


def test_a_signer_takes_a_reserve_and_twenty_are_the_most() -> None:
    desk = Desk(issuer={"balance": 14_999_999 + 100})
    assert desk.send(ISSUER, SetOptions(signer=signer(ONE))).operations == ["op_low_reserve"]
    many = {key(f"many {n}").public_key: 1 for n in range(20)}
    desk = Desk(issuer={"signers": many})
    assert desk.send(ISSUER, SetOptions(signer=signer(ONE))).operations == ["op_too_many_signers"]
    gone = next(iter(many))
    assert desk.send(ISSUER, SetOptions(signer=Signer.ed25519_public_key(gone, 0))).code == "tx_success"
    assert gone not in desk.account(ISSUER).weights()


def test_an_account_that_is_merged_gives_all_its_lumens_and_is_gone() -> None:
    desk = Desk(holder={"balance": 7 * LUMEN})
    assert desk.send(HOLDER, AccountMerge(TREASURY.public_key)).code == "tx_success"
    assert HOLDER.public_key not in desk.network.accounts
    assert desk.account(TREASURY).balance == 107 * LUMEN - 100
    assert desk.routes.get(f"/accounts/{HOLDER.public_key}", {}).status == 404


def test_what_a_treasury_does_not_use_is_refused() -> None:
    pool = LiquidityPoolDeposit("ab" * 32, "1", "1", Price(1, 1), Price(1, 1))
    assert Desk().send(TREASURY, pool) == ("tx_failed", ["op_not_supported"], False)


def test_a_ledger_says_how_an_account_stands() -> None:
    desk = Desk(issuer=multisig() | FLAGS | {"data": {"fntx.audit": b"root"}, "home_domain": "example.org"})
    found = desk.routes.get(f"/accounts/{ISSUER.public_key}", {}).document
    assert found["thresholds"] == {"low_threshold": 2, "med_threshold": 2, "high_threshold": 3}
    weights = {each["key"]: each["weight"] for each in found["signers"]}
    assert weights == {ISSUER.public_key: 0} | {person.public_key: 1 for person in PEOPLE}
    assert found["flags"]["auth_clawback_enabled"]
    assert not found["flags"]["auth_immutable"]
    assert (found["data"], found["subentry_count"]) == ({"fntx.audit": "cm9vdA=="}, 4)
    asked = desk.routes.get("/accounts", {"signer": ONE.public_key}).document["_embedded"]["records"]
    assert [each["id"] for each in asked] == [ISSUER.public_key]
    assert USD_KEY not in desk.account(HOLDER).lines
