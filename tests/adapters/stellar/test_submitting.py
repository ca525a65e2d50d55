"""What an answer to a submission means, and what became of a transaction: by its hash and the ledgers' time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from stellar_sdk import (
    AccountMerge,
    Asset,
    BumpSequence,
    ChangeTrust,
    CreateAccount,
    FeeBumpTransaction,
    FeeBumpTransactionEnvelope,
    ManageData,
    Operation,
    Payment,
    SetTrustLineFlags,
    TransactionEnvelope,
)
from stellar_sdk.operation.set_trust_line_flags import TrustLineFlags

from fntx_dagster.adapters.stellar.horizon import Horizon, open_horizon
from fntx_dagster.adapters.stellar.results import ResultCodes, codes_in, codes_of
from fntx_dagster.adapters.stellar.states import FailedOperation, Meaning, StellarSubmission
from fntx_dagster.adapters.stellar.submitting import (
    another_used_its_sequence,
    outcome_of,
    submit,
    submit_without_waiting,
)
from fntx_dagster.simulate.horizon.network import TESTNET
from fntx_dagster.simulate.horizon.results import SUPPORTED, TransactionVerdict, result_xdr
from fntx_dagster.simulate.horizon.server import SimulatedHorizon, serve_horizon
from tests.simulate.horizon.parts import (
    HOLDER,
    ISSUER,
    NOW,
    PEOPLE,
    STRANGER,
    TREASURY,
    USD,
    Desk,
    line,
    multisig,
)

DATA = ManageData("name", b"value")
END = NOW + 3600


class Submitter:
    """A desk, its server, and what our client makes of it."""

    def __init__(self, desk: Desk, server: SimulatedHorizon, horizon: Horizon) -> None:
        self.desk, self.server, self.horizon = desk, server, horizon

    def signed(self, *operations: Operation, signers: Any = (TREASURY,), **given: Any) -> TransactionEnvelope:
        """A transaction of the treasury."""
        envelope = self.desk.build(TREASURY, *operations, **given)
        for signer in signers:
            envelope.sign(signer)
        return envelope

    def send(self, *operations: Operation, **given: Any) -> StellarSubmission:
        """Build, sign and submit it."""
        return submit(self.horizon, self.signed(*operations, **given).to_xdr())

    def outcome(self, envelope: Any, end: int = END, prepared_at: int = 0) -> Any:
        """What became of it."""
        return outcome_of(self.horizon, envelope.hash_hex(), end, prepared_at)


@pytest.fixture
def at() -> Iterator[Submitter]:
    desk = Desk(treasury=line(5), holder=line(0), issuer={"flags": 11})
    with (
        serve_horizon(desk.network, with_faults=True, wait_seconds=0.2) as server,
        open_horizon(server.url, TESTNET, timeout=1, post_timeout=1) as horizon,
    ):
        yield Submitter(desk, server, horizon)
        assert server.problems == []


@pytest.mark.parametrize(
    ("operations", "given", "meaning", "code"),
    [
        ((DATA,), {}, Meaning.TAKEN, "tx_success"),
        ((DATA,), {"sequence": 7}, Meaning.SEQUENCE_USED, "tx_bad_seq"),
        ((DATA,), {"minimum": NOW + 60}, Meaning.TOO_EARLY, "tx_too_early"),
        ((DATA,), {"maximum": NOW - 60}, Meaning.TOO_LATE, "tx_too_late"),
        ((DATA,), {"fee": 99}, Meaning.FEE_TOO_LOW, "tx_insufficient_fee"),
        ((DATA,), {"signers": ()}, Meaning.REFUSED, "tx_bad_auth"),
        ((DATA,), {"signers": (TREASURY, HOLDER)}, Meaning.REFUSED, "tx_bad_auth_extra"),
        ((), {}, Meaning.REFUSED, "tx_missing_operation"),
        ((DATA,), {"fee": 2_000_000_000}, Meaning.NEEDS_FUNDS, "tx_insufficient_balance"),
    ],
)
def test_each_code_before_a_ledger_says_what_to_do(
    at: Submitter, operations: tuple[Operation, ...], given: dict[str, Any], meaning: Meaning, code: str
) -> None:
    envelope = at.signed(*operations, **given)
    assert submit(at.horizon, envelope.to_xdr()) == (meaning, code, None)
    state = "confirmed" if meaning is Meaning.TAKEN else "unknown"
    assert at.outcome(envelope).state == state


@pytest.mark.parametrize(
    ("operation", "meaning", "code"),
    [
        (Payment(STRANGER.public_key, USD, "1"), Meaning.FAILED, "op_no_destination"),
        (Payment(HOLDER.public_key, USD, "6"), Meaning.NEEDS_FUNDS, "op_underfunded"),
        (Payment(HOLDER.public_key, Asset.native(), "99"), Meaning.NEEDS_FUNDS, "op_underfunded"),
        (CreateAccount(STRANGER.public_key, "0.5"), Meaning.NEEDS_FUNDS, "op_low_reserve"),
        (CreateAccount(HOLDER.public_key, "5"), Meaning.FAILED, "op_already_exists"),
        (ChangeTrust(USD, "4"), Meaning.FAILED, "op_invalid_limit"),
        (ManageData("none", None), Meaning.FAILED, "op_data_name_not_found"),
        (AccountMerge(HOLDER.public_key), Meaning.FAILED, "op_has_sub_entries"),
    ],
)
def test_a_failed_operation_is_final_and_the_first_is_named(
    at: Submitter, operation: Operation, meaning: Meaning, code: str
) -> None:
    envelope = at.signed(DATA, operation, DATA)
    assert submit(at.horizon, envelope.to_xdr()) == (meaning, "tx_failed", FailedOperation(2, code))
    outcome = at.outcome(envelope)
    assert (outcome.state, outcome.code, outcome.failed) == ("failed", "tx_failed", FailedOperation(2, code))
    assert outcome.ledger == at.desk.network.last.sequence


def test_a_failed_code_before_a_ledger_is_not_the_end_until_its_time_is_over(at: Submitter) -> None:
    """The bytes are not in a ledger: their sequence is not spent, and only the ledgers' time ends them."""
    malformed = SetTrustLineFlags(HOLDER.public_key, USD, set_flags=TrustLineFlags.AUTHORIZED_FLAG)
    envelope = at.signed(malformed)
    answer = submit(at.horizon, envelope.to_xdr())
    assert answer == (Meaning.FAILED, "tx_failed", FailedOperation(1, "op_malformed"))
    assert at.outcome(envelope).state == "unknown"
    at.desk.network.close(4000)
    assert at.outcome(envelope).state == "expired"


def test_an_envelope_that_is_none_is_refused(at: Submitter) -> None:
    assert submit(at.horizon, "AAAA") == (Meaning.REFUSED, "tx_malformed", None)


@pytest.mark.parametrize("taken", [False, True])
@pytest.mark.parametrize("kind", ["cut", "silent", "garbage"])
def test_after_an_answer_that_is_lost_the_same_bytes_are_applied_once(at: Submitter, kind: Any, taken: bool) -> None:
    envelope = at.signed(Payment(HOLDER.public_key, USD, "2"))
    at.server.fail("POST", "/transactions", kind, taken=taken)
    assert submit(at.horizon, envelope.to_xdr()).meaning is Meaning.UNKNOWN
    assert at.outcome(envelope).state == ("confirmed" if taken else "unknown")
    assert submit(at.horizon, envelope.to_xdr()) == (Meaning.TAKEN, "tx_success", None)
    assert at.outcome(envelope).state == "confirmed"
    assert at.desk.line(HOLDER).balance == 20_000_000


@pytest.mark.parametrize("status", [429, 503, 504])
def test_a_server_that_is_busy_leaves_it_unknown(at: Submitter, status: int) -> None:
    at.server.fail("POST", "/transactions", "problem", status=status)
    answer = at.send(DATA)
    assert answer == (Meaning.UNKNOWN, f"status_{status}", None)


def test_the_way_that_does_not_wait_says_pending_duplicate_and_try_again(at: Submitter) -> None:
    at.desk.network.halted = True
    envelope = at.signed(DATA)
    assert submit_without_waiting(at.horizon, envelope.to_xdr()) == (Meaning.TAKEN, "PENDING", None)
    assert submit_without_waiting(at.horizon, envelope.to_xdr()) == (Meaning.TAKEN, "DUPLICATE", None)
    assert submit(at.horizon, envelope.to_xdr()) == (Meaning.UNKNOWN, "status_504", None)
    other = at.signed(BumpSequence(0))
    assert submit_without_waiting(at.horizon, other.to_xdr()) == (Meaning.UNKNOWN, "TRY_AGAIN_LATER", None)
    assert at.outcome(envelope).reason == "it is in no ledger yet, and its time is not over"
    at.desk.network.close()
    assert at.outcome(envelope).state == "confirmed"
    assert submit_without_waiting(at.horizon, other.to_xdr()) == (Meaning.SEQUENCE_USED, "tx_bad_seq", None)
    failing = at.signed(DATA, signers=())
    assert submit_without_waiting(at.horizon, failing.to_xdr()) == (Meaning.REFUSED, "tx_bad_auth", None)


def test_it_expires_when_a_ledger_closed_after_its_time_and_not_before(at: Submitter) -> None:
    envelope = at.signed(DATA)
    last = at.desk.network.last
    at.desk.network.close(END - last.closed_at)
    assert at.outcome(envelope).state == "unknown"
    at.desk.network.close()
    assert at.outcome(envelope) == ("expired", None, None, "tx_too_late", None, "")
    assert at.outcome(envelope, end=0).reason == "it is in no ledger yet, and its time never ends"


def test_a_ledger_that_closes_between_two_questions_does_not_make_it_expired(at: Submitter) -> None:
    envelope = at.signed(DATA)
    ask, asked = at.horizon.last_ledger, []

    def late() -> Any:
        if not asked:
            asked.append(submit(at.horizon, envelope.to_xdr()))
            at.desk.network.close(4000)
        return ask()

    at.horizon.last_ledger = late
    assert at.outcome(envelope).state == "confirmed"


@pytest.mark.parametrize("path", ["/transactions", "/ledgers"])
@pytest.mark.parametrize("kind", ["cut", "garbage", "problem"])
def test_a_question_without_an_answer_decides_nothing(at: Submitter, path: str, kind: Any) -> None:
    envelope = at.signed(DATA)
    at.desk.network.close(4000)
    at.server.fail("GET", path, kind)
    outcome = at.outcome(envelope)
    assert outcome.state == "unknown"
    assert "127.0.0.1" in outcome.reason
    assert at.outcome(envelope).state == "expired"


def test_a_history_that_begins_too_late_decides_nothing(at: Submitter) -> None:
    envelope = at.signed(DATA)
    at.desk.network.close(4000)
    at.horizon.check_network = lambda: 9
    assert at.outcome(envelope, prepared_at=5).reason == "the server's history begins after it was prepared"
    assert at.outcome(envelope, prepared_at=9).state == "expired"


def test_a_sequence_that_another_transaction_used_is_told_from_ones_own(at: Submitter) -> None:
    mine, other = at.signed(DATA), at.signed(ManageData("other", b"1"))
    assert not another_used_its_sequence(at.horizon, mine.hash_hex(), TREASURY.public_key, 1)
    assert submit(at.horizon, mine.to_xdr()).meaning is Meaning.TAKEN
    assert submit(at.horizon, other.to_xdr()).meaning is Meaning.SEQUENCE_USED
    assert not another_used_its_sequence(at.horizon, mine.hash_hex(), TREASURY.public_key, 1)
    assert another_used_its_sequence(at.horizon, other.hash_hex(), TREASURY.public_key, 1)
    assert submit(at.horizon, mine.to_xdr()) == (Meaning.TAKEN, "tx_success", None)


def test_signers_that_changed_after_signing_are_refused_for_good(at: Submitter) -> None:
    treasury = at.desk.account(TREASURY)
    at.desk.network.put(treasury.__class__(**{**treasury.__dict__, **multisig(*PEOPLE)}))
    envelope = at.signed(DATA, signers=PEOPLE[:2])
    at.desk.network.put(treasury.__class__(**{**treasury.__dict__, **multisig(PEOPLE[0], ISSUER, HOLDER)}))
    assert submit(at.horizon, envelope.to_xdr()) == (Meaning.REFUSED, "tx_bad_auth", None)


def test_a_fee_bump_is_told_by_what_it_holds(at: Submitter) -> None:
    inner = at.signed(Payment(HOLDER.public_key, USD, "6"), fee=1)
    bump = FeeBumpTransactionEnvelope(FeeBumpTransaction(HOLDER.public_key, 400, inner), TESTNET)
    bump.sign(HOLDER)
    answer = submit(at.horizon, bump.to_xdr())
    assert answer == (Meaning.NEEDS_FUNDS, "tx_failed", FailedOperation(1, "op_underfunded"))
    for digest in (bump.hash_hex(), inner.hash_hex()):
        outcome = outcome_of(at.horizon, digest, END)
        assert (outcome.state, outcome.failed) == ("failed", FailedOperation(1, "op_underfunded"))


CODES = [
    *("op_success", "op_malformed", "op_underfunded", "op_low_reserve", "op_already_exists", "op_src_no_trust"),
    *("op_src_not_authorized", "op_no_destination", "op_no_trust", "op_not_authorized", "op_line_full"),
    *("op_no_issuer", "op_invalid_limit", "op_too_many_signers", "op_bad_flags", "op_invalid_inflation"),
    *("op_cant_change", "op_unknown_flag", "op_threshold_out_of_range", "op_bad_signer", "op_invalid_home_domain"),
    *("op_auth_revocable_required", "op_no_trustline", "op_cant_revoke", "op_invalid_state"),
    *("op_not_clawback_enabled", "op_data_name_not_found", "op_data_invalid_name", "op_bad_seq", "op_no_account"),
    *("op_immutable_set", "op_has_sub_entries", "op_seq_num_too_far", "op_dest_full"),
    *("op_bad_auth", "op_no_source_account", "op_not_supported"),
]


@pytest.mark.parametrize("kind", sorted(SUPPORTED))
def test_every_code_of_an_operation_is_read_from_its_xdr_as_horizon_words_it(kind: str) -> None:
    read = []
    for code in CODES:
        try:
            written = result_xdr(TransactionVerdict("tx_failed", (code,)), (kind,), 100, None)
        except KeyError:
            continue  # no code of this operation
        assert codes_of(written) == ResultCodes("tx_failed", (code,))
        read.append(code)
    assert len(read) >= 5


@pytest.mark.parametrize(
    "code", ["tx_too_early", "tx_too_late", "tx_missing_operation", "tx_bad_seq", "tx_bad_auth", "tx_bad_auth_extra",
             "tx_insufficient_balance", "tx_no_source_account", "tx_insufficient_fee", "tx_internal_error",
             "tx_not_supported", "tx_malformed"]
)  # fmt: skip
def test_every_code_of_a_transaction_is_read_from_its_xdr(code: str) -> None:
    assert codes_of(result_xdr(TransactionVerdict(code), (), 100, None)) == ResultCodes(code)
    bumped = result_xdr(TransactionVerdict(code, bumped=True), (), 100, "ab" * 32)
    assert codes_of(bumped) == ResultCodes(code)


@pytest.mark.parametrize(
    "extras",
    [
        None,
        [],
        "x",
        {"result_codes": "tx_bad_seq"},
        {"result_codes": {"transaction": ["tx_bad_seq"]}},
        {"result_codes": {"transaction": "tx_failed", "operations": {"0": "op_success"}}},
        {"result_codes": {"transaction": "tx_failed", "operations": [1]}},
        {"result_codes": {"transaction": "x" * 61}},
        {"result_codes": {"transaction": "tx_failed", "operations": ["op_success"] * 101}},
    ],
)
def test_codes_that_are_none_are_not_guessed(extras: Any) -> None:
    assert codes_in(extras) is None


def test_a_code_that_nobody_knows_decides_nothing() -> None:
    assert ResultCodes("tx_invented_tomorrow").meaning is Meaning.UNKNOWN
    assert codes_of("AAAA") is None
    assert codes_of(7) is None
