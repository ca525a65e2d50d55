"""Aggregator: what each function does, and each error in the order in which they are looked for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from fntx_dagster.adapters.evm.typed import block_at
from fntx_dagster.aggregate.committee import contribute, key_of, verification_key
from fntx_dagster.aggregate.submission import sums_of
from fntx_dagster.aggregate.transcript import context_of
from fntx_dagster.curve.group import GENERATOR, IDENTITY, ORDER, named, read_wide, times, write_wide
from tests.contracts.pools import BOND, CHECKING, COLLECTING, DAY, NOBODY, Base, Pool, spoiled
from tests.contracts.test_submission_verifier import ON_THE_CURVE_ALONE
from tests.tools import needs_anvil

pytestmark = needs_anvil
OFFSET = 2**31
MONTH = 31 * 86_400


@pytest.fixture
def pool(base: Base) -> Pool:
    made = Pool(base)
    made.register(*base.traders[:3])
    return made


def opened(pool: Pool) -> list[Any]:
    """A day of three traders that was opened, and their submissions."""
    submissions = []
    for number, trader in enumerate(pool.base.traders[:3]):
        submissions.append(pool.prove(trader, (100 + number, number, OFFSET - 7)))
        pool.submit(trader, submissions[-1])
    pool.freeze()
    pool.chain.send(pool.base.stranger, pool.open((303, 3, 3 * (OFFSET - 7)), 0, 2))
    return submissions


# The deployment


def test_everything_that_a_pool_is_can_be_read_and_nothing_of_it_be_changed(base: Base) -> None:
    pool = Pool(base, minUsers=4, minAge=5, minCohort=6, registrar=base.stranger, currency=b"JPY", scale=2)
    told = {
        name: getattr(pool.functions, name)().call()
        for name in (
            *("records", "verifier", "slot", "currency", "scale", "minUsers", "submitSeconds", "challengeSeconds"),
            *("bond", "registrar", "minAge", "minCohort", "threshold", "trusteeCount", "formedBy"),
        )
    }
    assert told == {
        "records": base.records.address,
        "verifier": base.verifier.address,
        "slot": 62,
        "currency": b"JPY",
        "scale": 2,
        "minUsers": 4,
        "submitSeconds": COLLECTING,
        "challengeSeconds": CHECKING,
        "bond": BOND,
        "registrar": base.stranger,
        "minAge": 5,
        "minCohort": 6,
        "threshold": 2,
        "trusteeCount": 3,
        "formedBy": pool.formed_by,
    }
    assert [pool.functions.trustees(number).call() for number in range(3)] == pool.trustees
    boxes = [pool.functions.boxKeys(number).call() for number in range(3)]
    assert boxes == [write_wide(each) for each in pool.committee.box_keys]


def test_a_committee_that_is_none_cannot_be_deployed(base: Base) -> None:
    good = write_wide(named("box"))
    terms = (base.records.address, base.verifier.address, 62, b"USD", 0, 1, 1, 1, BOND, NOBODY, 0, 0)
    one, two = base.trustees[:2]
    later = base.chain.now() + 1000
    wrong = [
        ([], [], 0, later),
        ([one], [good], 0, later),
        ([one], [good], 2, later),
        ([one, two], [good], 1, later),
        ([one, one], [good, good], 1, later),
        ([one, NOBODY], [good, good], 1, later),
        ([one], [good[1:]], 1, later),
        ([one], [bytes(96)], 1, later),
        ([one], [ON_THE_CURVE_ALONE], 1, later),
        ([one], [b"\xff" * 96], 1, later),
        (base.chain.accounts[:10], [good] * 10, 2, later),
        ([one], [good], 1, base.chain.now()),
    ]
    for each in wrong:
        assert base.chain.refused_deployment("Aggregator", terms, *each) == "InvalidCommittee"
    assert base.chain.refused_deployment("Aggregator", terms, base.chain.accounts[:9], [good] * 9, 9, later) is None


# The committee


def test_the_trustees_form_the_key_that_python_says_and_the_log_tells_all_of_it(base: Base) -> None:
    pool = Pool(base, is_formed=False)
    assert pool.functions.key().call() == pool.functions.verificationKey(0).call() == b""
    receipt = pool.form()
    assert pool.key == key_of(pool.contributions)
    for number in range(3):
        of_trustee = read_wide(pool.functions.verificationKey(number).call())
        assert of_trustee == verification_key(pool.contributions, number) == times(GENERATOR, pool.part(number))
    (formed,) = pool.contract.events.KeyFormed().process_receipt(receipt, errors=_discard())
    assert formed["args"]["key"] == write_wide(pool.key)
    said = pool.contract.events.Contributed().get_logs(from_block=0)
    assert [tuple(log["args"].values()) for log in said] == [
        (number, *each) for number, each in enumerate(pool.contributions)
    ]
    confirmed = pool.contract.events.Confirmed().get_logs(from_block=0)
    assert [log["args"]["trustee"] for log in confirmed] == [0, 1, 2]


@pytest.mark.parametrize(("threshold", "trustees"), [(1, 1), (3, 3), (5, 9), (9, 9)])
def test_committees_of_every_size_form_a_key_and_open(base: Base, threshold: int, trustees: int) -> None:
    pool = Pool(base, threshold=threshold, trustees=trustees)
    trader = base.traders[-1]
    pool.register(trader)
    pool.submit(trader, pool.prove(trader, (5, 6, OFFSET)))
    pool.freeze()
    chosen = range(trustees - threshold, trustees)
    pool.chain.send(base.stranger, pool.open((5, 6, OFFSET), *chosen))
    assert pool.functions.publicTotals().call() == [DAY, 5, 6, 0, 1]


def test_only_trustees_contribute_and_confirm_each_once_and_in_time(base: Base) -> None:
    pool = Pool(base, is_formed=False)
    chain, functions = pool.chain, pool.functions
    said = pool.contributions
    assert chain.refused(base.stranger, functions.contribute(*said[0])) == "NotATrustee"
    assert chain.refused(base.stranger, functions.confirm()) == "NotATrustee"
    assert chain.refused(pool.trustees[0], functions.confirm()) == "WrongTime"
    for trustee, each in zip(pool.trustees, said, strict=True):
        assert chain.refused(trustee, functions.confirm()) == "WrongTime"
        chain.send(trustee, functions.contribute(*each))
        assert chain.refused(trustee, functions.contribute(*each)) == "Twice"
    chain.send(pool.trustees[1], functions.confirm())
    assert chain.refused(pool.trustees[1], functions.confirm()) == "Twice"
    chain.pass_to(pool.formed_by)
    assert chain.refused(pool.trustees[0], functions.confirm()) == "WrongTime"
    late = Pool(base, is_formed=False)
    chain.pass_to(late.formed_by)
    assert chain.refused(late.trustees[0], late.functions.contribute(*late.contributions[0])) == "WrongTime"


def test_a_contribution_of_another_length_or_with_a_false_proof_is_refused(base: Base) -> None:
    pool = Pool(base, is_formed=False)
    first, (commitments, proof, sealed) = pool.trustees[0], pool.contributions[0]
    other = pool.contributions[1]

    def refusal(*said: bytes) -> str | None:
        return pool.chain.refused(first, pool.functions.contribute(*said))

    for said in (
        (commitments[:-1], proof, sealed),
        (commitments + bytes(96), proof, sealed),
        (commitments, proof + b"\0", sealed),
        (commitments, proof, sealed[:-32]),
    ):
        assert refusal(*said) == "WrongLength"
    for said in (
        tuple(other),
        (commitments, other.proof, sealed),
        (commitments[:96] + ON_THE_CURVE_ALONE, proof, sealed),
        (ON_THE_CURVE_ALONE + commitments[96:], proof, sealed),
        (commitments[96:] + commitments[:96], proof, sealed),
        (commitments, ON_THE_CURVE_ALONE + proof[96:], sealed),
        (commitments, proof[:96] + (int.from_bytes(proof[96:]) + ORDER).to_bytes(32), sealed)
        if int.from_bytes(proof[96:]) + ORDER < 2**256
        else (commitments, proof[:96] + b"\xff" * 32, sealed),
    ):
        assert refusal(*said) == "ProofFails"
    # another's part cancelled: F_0 is the negative of the other's, which nobody can prove
    cancelling = write_wide(-read_wide(other.commitments[:96])) + commitments[96:]
    assert refusal(cancelling, proof, sealed) == "ProofFails"
    elsewhere = Pool(base, is_formed=False)
    copied = contribute(elsewhere.committee, 0, elsewhere.box_secrets[0])
    assert refusal(*copied) == "ProofFails"
    assert refusal(commitments, proof, sealed) is None


# Traders


def test_a_trader_registers_with_exactly_the_bond_and_gets_it_back(base: Base) -> None:
    pool = Pool(base)
    trader, chain = base.traders[0], base.chain
    assert chain.refused(trader, pool.functions.register(0), BOND - 1) == "WrongBond"
    assert chain.refused(trader, pool.functions.register(0), BOND + 1) == "WrongBond"
    assert chain.refused(trader, pool.functions.leave()) == "NotRegistered"
    receipt = chain.send(trader, pool.functions.register(0), BOND)
    (event,) = pool.contract.events.Registered().process_receipt(receipt)
    assert dict(event["args"]) == {"trader": trader, "activeFrom": 0}
    assert chain.refused(trader, pool.functions.register(0), BOND) == "Twice"
    assert pool.functions.participants(trader).call() == [0, 0, True, False]
    assert chain.web3.eth.get_balance(pool.contract.address) == BOND
    receipt = chain.send(trader, pool.functions.leave())
    (event,) = pool.contract.events.Left().process_receipt(receipt)
    assert event["args"]["trader"] == trader
    assert chain.web3.eth.get_balance(pool.contract.address) == 0
    assert chain.refused(trader, pool.functions.rejoin()) == "NotRegistered"
    chain.send(trader, pool.functions.register(0), BOND)
    assert chain.refused(trader, pool.functions.rejoin()) == "WrongTime"


def test_the_bond_is_held_until_the_last_day_of_the_trader_freezes(pool: Pool) -> None:
    trader, chain = pool.base.traders[0], pool.chain
    pool.submit(trader, pool.prove(trader, (1, 2, 3)))
    chain.pass_to(chain.now() + 500)
    pool.submit(trader, pool.prove(trader, (1, 2, 3), 20250717), 20250717)
    last = pool.functions.freezesAt(20250717).call()
    assert last > pool.functions.freezesAt(DAY).call()
    assert pool.functions.participants(trader).call()[1] == last
    pool.freeze()
    assert chain.refused(trader, pool.functions.leave()) == "StillBound"
    chain.pass_to(last)
    assert chain.refused(trader, pool.functions.leave()) is None


def test_where_there_is_a_registrar_he_admits_and_can_do_nothing_else(base: Base) -> None:
    pool = Pool(base, registrar=base.stranger)
    trader, chain = base.traders[0], base.chain
    assert chain.refused(trader, pool.functions.register(0), BOND) == "NotAdmitted"
    assert chain.refused(trader, pool.functions.admit([trader])) == "NotAdmitted"
    chain.send(base.stranger, pool.functions.admit(base.traders[:2]))
    assert chain.refused(trader, pool.functions.register(0), BOND) is None
    assert chain.refused(base.traders[2], pool.functions.register(0), BOND) == "NotAdmitted"
    open_to_all = Pool(base)
    assert chain.refused(base.stranger, open_to_all.functions.admit([trader])) == "NotAdmitted"


def test_a_record_of_long_ago_is_asked_for_by_its_first_version(base: Base) -> None:
    pool = Pool(base, minAge=28 * 86_400)
    trader, chain = base.traders[0], base.chain
    assert chain.refused(trader, pool.functions.register(DAY), BOND) == "NoOldRecord"
    base.post(trader, DAY, b"\x01" * 32)
    assert chain.refused(trader, pool.functions.register(DAY), BOND) == "NoOldRecord"
    posted_at = base.records.functions.recordOf(trader, DAY).call()[2]
    chain.pass_to(posted_at + 28 * 86_400 - 2)
    assert chain.refused(trader, pool.functions.register(DAY), BOND) == "NoOldRecord"
    chain.pass_to(posted_at + 28 * 86_400)
    base.post(trader, DAY, b"\x02" * 32)
    assert chain.refused(trader, pool.functions.register(20250717), BOND) == "NoOldRecord"
    assert chain.refused(trader, pool.functions.register(DAY), BOND) is None


def test_a_cohort_becomes_active_together_or_not_at_all(base: Base) -> None:
    pool = Pool(base, minCohort=3)
    chain, traders = base.chain, base.traders
    begin = first_of_next_month(chain.now())
    pool.register(*traders[:2])
    assert pool.functions.participants(traders[0]).call()[0] == begin
    assert pool.functions.cohortSize(begin).call() == 2
    assert chain.refused(traders[0], pool.functions.rejoin()) == "WrongTime"
    day, submission = begin, pool.prove(traders[0], (1, 2, 3), begin)
    slot = pool.record(traders[0], submission, begin)
    assert chain.refused(traders[0], pool.call(submission, slot, day)) == "NotCollecting"  # it is not over
    chain.pass_to(seconds_of(begin) + 86_400)
    assert chain.refused(traders[0], pool.call(submission, slot, day)) == "NotActive"
    # they try again in the next month, with a third
    pool.register(traders[2])
    for trader in traders[:2]:
        chain.send(trader, pool.functions.rejoin())
        assert chain.refused(trader, pool.functions.rejoin()) == "WrongTime"
    second = first_of_next_month(chain.now())
    assert pool.functions.cohortSize(second).call() == 3
    chain.pass_to(seconds_of(second) + 86_400)
    assert chain.refused(traders[0], pool.functions.rejoin()) == "WrongTime"
    for trader in traders[:3]:
        pool.submit(trader, pool.prove(trader, (1, 2, 3), second), second)
    before = pool.prove(traders[0], (1, 2, 3), DAY)
    assert chain.refused(traders[0], pool.call(before, pool.record(traders[0], before))) == "NotActive"
    # and another one alone waits
    pool.register(traders[3])
    alone = pool.prove(traders[3], (1, 2, 3), second)
    assert chain.refused(traders[3], pool.call(alone, pool.record(traders[3], alone, second), second)) == "NotActive"


def test_who_leaves_before_the_month_ends_does_not_count_and_who_leaves_later_does(base: Base) -> None:
    pool = Pool(base, minCohort=2)
    chain, (one, two, three) = base.chain, base.traders[:3]
    begin = first_of_next_month(chain.now())
    pool.register(one, two, three)
    chain.send(three, pool.functions.leave())
    assert pool.functions.cohortSize(begin).call() == 2
    chain.pass_to(seconds_of(begin) + 86_400)
    chain.send(two, pool.functions.leave())
    assert pool.functions.cohortSize(begin).call() == 2
    pool.submit(one, pool.prove(one, (1, 2, 3), begin), begin)


def test_who_is_evicted_does_not_count_in_a_cohort_that_still_gathers(base: Base) -> None:
    pool = Pool(base, minCohort=1, submitSeconds=MONTH)
    chain, liar = base.chain, base.traders[0]
    begin = first_of_next_month(chain.now())
    pool.register(liar)
    chain.pass_to(seconds_of(begin) + 2 * 86_400)
    days = (begin, begin + 1)
    false = [spoiled(pool.prove(liar, (1, 2, 3), day)) for day in days]
    for day, each in zip(days, false, strict=True):
        pool.submit(liar, each, day)
    chain.send(base.stranger, pool.challenge(false[0], liar, days[0]))
    pool.register(liar)
    gathering = first_of_next_month(chain.now())
    assert pool.functions.cohortSize(gathering).call() == 1
    chain.send(base.stranger, pool.challenge(false[1], liar, days[1]))
    assert pool.functions.cohortSize(gathering).call() == 0
    assert pool.functions.cohortSize(begin).call() == 1


# Submissions


def test_a_submission_is_added_to_the_sums_and_the_log_holds_all_of_it(pool: Pool) -> None:
    trader, other = pool.base.traders[:2]
    first, second = pool.prove(trader, (1, 2, 3)), pool.prove(other, (4, 5, 6))
    assert pool.functions.epochOf(DAY).call() == [0, 0, 0, 0, [0, 0, 0]]
    assert [pool.functions.closesAt(DAY).call(), pool.functions.freezesAt(DAY).call()] == [0, 0]
    slot = pool.record(trader, first)
    receipt = pool.chain.send(trader, pool.call(first, slot))
    began = pool.chain.now()
    (event,) = pool.contract.events.Submitted().process_receipt(receipt)
    assert dict(event["args"]) == {
        "epoch": DAY,
        "trader": trader,
        "version": 1,
        "salt": slot.salt,
        "path": list(slot.path),
        "submission": first,
    }
    pool.submit(other, second)
    assert pool.functions.epochOf(DAY).call() == [2, 0, began, 0, [0, 0, 0]]
    assert pool.functions.closesAt(DAY).call() == began + COLLECTING
    assert pool.functions.freezesAt(DAY).call() == began + COLLECTING + CHECKING
    assert pool.sums() == tuple(map(write_wide, sums_of([first, second])))
    assert pool.functions.digestOf(DAY, trader).call() == pool.chain.web3.keccak(first)
    assert pool.functions.contextOf(DAY, trader).call() == context_of(pool.address, trader, DAY)


def test_submissions_are_refused_for_each_reason(base: Base) -> None:
    pool = Pool(base, is_formed=False)
    trader, chain = base.traders[0], base.chain
    submission = pool.prove(trader, (1, 2, 3), key=named("some key"))
    slot = pool.record(trader, submission)
    assert chain.refused(trader, pool.call(submission, slot)) == "NoKey"
    pool.form()
    assert chain.refused(trader, pool.call(submission, slot)) == "NotRegistered"
    pool.register(trader)
    for bad in (submission[:-1], submission + b"\0", b""):
        assert chain.refused(trader, pool.call(bad, slot)) == "WrongLength"
    assert chain.refused(trader, pool.call(submission, slot, 20250717)) == "NoRecord"
    assert chain.refused(trader, pool.call(submission, slot._replace(salt=bytes(32)))) == "NotTheRecords"
    assert chain.refused(trader, pool.call(submission, slot._replace(path=(bytes(32), *slot.path[:5])))) == (
        "NotTheRecords"
    )
    other = pool.prove(trader, (1, 2, 4))
    assert chain.refused(trader, pool.call(other, slot)) == "NotTheRecords"
    chain.send(trader, pool.call(submission, slot))
    assert chain.refused(trader, pool.call(submission, slot)) == "AlreadySubmitted"
    chain.pass_to(pool.functions.closesAt(DAY).call() - 1)
    assert chain.refused(trader, pool.call(submission, slot)) == "AlreadySubmitted"
    chain.pass_to(pool.functions.closesAt(DAY).call())
    assert chain.refused(trader, pool.call(submission, slot)) == "NotCollecting"


def test_a_day_takes_submissions_when_it_is_over_in_utc_and_a_date_that_is_none_never(base: Base) -> None:
    pool = Pool(base)
    opens = pool.functions.opensAt
    for date in (20250718, 20251231, 20240229, 19700101, 20280228, 20000301, 99991230):
        assert opens(date).call() == seconds_of(date) + 86_400
    for none in (0, 20250230, 20250229, 21000229, 20251301, 20250100, 20250732, 19691231, 1, 2**32 - 1):
        assert opens(none).call() == 2**256 - 1
    pool.register(base.traders[0])
    today = int(datetime.fromtimestamp(base.chain.now(), UTC).strftime("%Y%m%d"))
    submission = pool.prove(base.traders[0], (1, 2, 3), today)
    slot = pool.record(base.traders[0], submission, today)
    base.chain.pass_to(seconds_of(today) + 86_400 - 2)
    assert base.chain.refused(base.traders[0], pool.call(submission, slot, today)) == "NotCollecting"
    base.chain.pass_to(seconds_of(today) + 86_400)
    assert base.chain.refused(base.traders[0], pool.call(submission, slot, today)) is None


@pytest.mark.parametrize("place", range(6))
def test_a_point_off_the_curve_is_refused_and_one_outside_the_group_is_taken_until_it_is_challenged(
    pool: Pool, place: int
) -> None:
    trader = pool.base.traders[0]
    true = pool.prove(trader, (1, 2, 3))
    slot = pool.record(trader, true)
    for bad in (b"\xff" * 96, (1).to_bytes(96), bytes(95) + b"\1"):
        moved = true[: 96 * place] + bad + true[96 * place + 96 :]
        assert pool.chain.refused(trader, pool.call(moved, slot)) == "AdditionFailed"
    moved = true[: 96 * place] + ON_THE_CURVE_ALONE + true[96 * place + 96 :]
    before = pool.sums()
    pool.chain.send(trader, pool.call(moved, slot))
    pool.chain.send(pool.base.stranger, pool.challenge(moved, trader))
    assert pool.sums() == before == (bytes(96),) * 6


# Challenges


def test_a_challenge_takes_off_what_does_not_hold_and_pays_half_of_the_bond(pool: Pool) -> None:
    one, two = pool.base.traders[:2]
    stranger, chain = pool.base.stranger, pool.chain
    true, false = pool.prove(one, (1, 2, 3)), pool.prove(two, (4, 5, 6))
    false = false[:-1] + bytes([false[-1] ^ 1])
    pool.submit(one, true)
    before = pool.sums()
    pool.submit(two, false)
    balance, burned = (chain.web3.eth.get_balance(each) for each in (stranger, NOBODY))
    receipt = chain.send(stranger, pool.challenge(false, two))
    (event,) = pool.contract.events.Evicted().process_receipt(receipt)
    assert dict(event["args"]) == {"epoch": DAY, "trader": two, "challenger": stranger}
    assert pool.sums() == before
    assert pool.functions.digestOf(DAY, two).call() == (1).to_bytes(32)
    assert pool.functions.epochOf(DAY).call()[:2] == [1, 1]
    fee = receipt["gasUsed"] * receipt["effectiveGasPrice"]
    assert chain.web3.eth.get_balance(stranger) == balance + BOND // 2 - fee
    base_fee = block_at(chain.web3, receipt["blockNumber"]).base_fee or 0
    tip = fee - receipt["gasUsed"] * base_fee  # anvil's miner is address 0 too
    assert chain.web3.eth.get_balance(NOBODY) == burned + BOND - BOND // 2 + tip
    assert not pool.functions.participants(two).call()[2]
    assert chain.refused(two, pool.functions.leave()) == "NotRegistered"
    # not again on that day, even with a new bond; on another day yes
    pool.register(two)
    again = pool.prove(two, (4, 5, 6))
    assert chain.refused(two, pool.call(again, pool.record(two, again))) == "AlreadySubmitted"
    assert chain.refused(stranger, pool.challenge(false, two)) == "NoSuchSubmission"
    pool.submit(two, pool.prove(two, (4, 5, 6), 20250717), 20250717)


def test_challenges_are_refused_for_each_reason(pool: Pool) -> None:
    trader, other = pool.base.traders[:2]
    chain, stranger = pool.chain, pool.base.stranger
    true, false = pool.prove(trader, (1, 2, 3)), spoiled(pool.prove(other, (1, 2, 3)))
    assert chain.refused(stranger, pool.challenge(true, trader)) == "NotChecking"
    pool.submit(trader, true)
    pool.submit(other, false)
    assert chain.refused(stranger, pool.challenge(true, trader)) == "SubmissionHolds"
    assert chain.refused(stranger, pool.challenge(true, other)) == "NoSuchSubmission"
    assert chain.refused(stranger, pool.challenge(true + b"\0", trader)) == "NoSuchSubmission"
    assert chain.refused(stranger, pool.challenge(b"", pool.base.traders[2])) == "NoSuchSubmission"
    chain.pass_to(pool.functions.closesAt(DAY).call() + 1)
    assert chain.refused(stranger, pool.challenge(false, other)) is None
    pool.freeze()
    assert chain.refused(stranger, pool.challenge(false, other)) == "NotChecking"


def test_one_bond_pays_once_but_every_false_submission_is_evicted(pool: Pool) -> None:
    liar, chain, stranger = pool.base.traders[0], pool.chain, pool.base.stranger
    days = (20250716, 20250717)
    false = [spoiled(pool.prove(liar, (1, 2, 3), day)) for day in days]
    for day, each in zip(days, false, strict=True):
        pool.submit(liar, each, day)
    for day, each in zip(days, false, strict=True):
        chain.send(stranger, pool.challenge(each, liar, day))
    assert [pool.functions.epochOf(day).call()[:2] for day in days] == [[0, 1]] * 2
    assert chain.web3.eth.get_balance(pool.contract.address) == 2 * BOND  # of the other two


def test_a_verifier_that_cannot_say_evicts_nobody(pool: Pool) -> None:
    trader, chain, stranger = pool.base.traders[0], pool.chain, pool.base.stranger
    true = pool.prove(trader, (1, 2, 3))
    pool.submit(trader, true)
    for gas in (400_000, 700_000, 1_500_000, 2_300_000):
        assert chain.refused(stranger, pool.challenge(true, trader), gas=gas) in ("PrecompileFails", "")
    assert pool.functions.epochOf(DAY).call()[:2] == [1, 0]


# Openings


def test_the_totals_of_the_latest_day_are_public(pool: Pool) -> None:
    assert pool.functions.publicTotals().call() == [0, 0, 0, 0, 0]
    opened(pool)
    assert pool.functions.publicTotals().call() == [DAY, 303, 3, -21, 3]
    users, evicted, _, opened_at, totals = pool.functions.epochOf(DAY).call()
    assert (users, evicted, opened_at, totals) == (3, 0, pool.chain.now(), [303, 3, 3 * (OFFSET - 7)])
    (log,) = pool.contract.events.Opened().get_logs(from_block=0)
    assert {name: log["args"][name] for name in ("epoch", "totals", "users", "trustees")} == {
        "epoch": DAY,
        "totals": totals,
        "users": 3,
        "trustees": [0, 2],
    }
    # an earlier day that is opened later is not the latest
    trader = pool.base.traders[0]
    pool.submit(trader, pool.prove(trader, (9, 9, OFFSET), 20250717), 20250717)
    pool.freeze(20250717)
    pool.chain.send(trader, pool.open((9, 9, OFFSET), 1, 2, day=20250717))
    assert pool.functions.publicTotals().call()[0] == DAY


def test_openings_are_refused_for_each_reason(base: Base) -> None:
    pool = Pool(base, minUsers=2)
    chain, stranger = base.chain, base.stranger
    pool.register(*base.traders[:2])
    totals = (7, 9, 2 * OFFSET)
    nothing = pool.functions.open(DAY, [0, 0, 0], [0, 1], bytes(1024))
    assert chain.refused(stranger, nothing) == "NotFrozen"
    pool.submit(base.traders[0], pool.prove(base.traders[0], (3, 4, OFFSET)))
    start = chain.snapshot()
    pool.freeze()
    assert chain.refused(stranger, pool.open((3, 4, OFFSET), 0, 1)) == "TooFewUsers"
    chain.revert(start)
    pool.submit(base.traders[1], pool.prove(base.traders[1], (4, 5, OFFSET)))
    chain.pass_to(pool.functions.freezesAt(DAY).call() - 2)
    assert chain.refused(stranger, pool.open(totals, 0, 1)) == "NotFrozen"
    pool.freeze()
    shares = pool.shares(0, 1)
    for chosen in ([], [0], [1, 0], [0, 0], [0, 3], [0, 1, 2]):
        assert chain.refused(stranger, pool.functions.open(DAY, totals, chosen, shares)) == "WrongTrustees"
    for place in range(3):
        for wrong in (2 * 2**32, 2**64 - 1):
            moved = [*totals[:place], wrong, *totals[place + 1 :]]
            assert chain.refused(stranger, pool.functions.open(DAY, moved, [0, 1], shares)) == "WrongTotals"
        moved = [*totals[:place], totals[place] + 1, *totals[place + 1 :]]
        assert chain.refused(stranger, pool.functions.open(DAY, moved, [0, 1], shares)) == "ProofFails"
    for wrong in (shares[:-1], shares + b"\0", shares[512:], b"", shares[512:] + shares[:512], bytes(1024)):
        assert chain.refused(stranger, pool.functions.open(DAY, totals, [0, 1], wrong)) == "ProofFails"
    assert chain.refused(stranger, pool.functions.open(DAY, totals, [0, 2], shares)) == "ProofFails"
    chain.send(stranger, pool.functions.open(DAY, totals, [0, 1], shares))
    assert chain.refused(stranger, pool.functions.open(DAY, totals, [0, 1], shares)) == "AlreadyOpened"


def test_any_two_trustees_open_the_same_totals(pool: Pool) -> None:
    for number, trader in enumerate(pool.base.traders[:3]):
        pool.submit(trader, pool.prove(trader, (number, 2**32 - 1, 0)))
    pool.freeze()
    for pair in ((0, 1), (0, 2), (1, 2)):
        assert pool.chain.refused(pool.base.stranger, pool.open((3, 3 * (2**32 - 1), 0), *pair)) is None


def test_trustees_offer_shares_and_nobody_else(pool: Pool) -> None:
    receipt = pool.chain.send(pool.trustees[1], pool.functions.offerShare(DAY, b"a share"))
    (event,) = pool.contract.events.ShareOffered().process_receipt(receipt)
    assert dict(event["args"]) == {"epoch": DAY, "trustee": 1, "share": b"a share"}
    assert pool.chain.refused(pool.base.stranger, pool.functions.offerShare(DAY, b"")) == "NotATrustee"


def test_a_day_whose_submissions_were_all_evicted_opens_never(pool: Pool) -> None:
    liar = pool.base.traders[0]
    false = spoiled(pool.prove(liar, (1, 2, 3)))
    pool.submit(liar, false)
    pool.chain.send(liar, pool.challenge(false, liar))
    pool.freeze()
    assert all(read_wide(each) == IDENTITY for each in pool.sums())
    assert pool.chain.refused(liar, pool.open((0, 0, 0), 0, 1)) == "TooFewUsers"


def test_a_later_version_of_a_record_changes_nothing_of_what_was_submitted(pool: Pool) -> None:
    trader = pool.base.traders[0]
    first = pool.prove(trader, (1, 2, 3))
    pool.submit(trader, first)
    before = pool.sums()
    pool.record(trader, pool.prove(trader, (4, 5, 6)))
    assert pool.sums() == before
    assert pool.base.records.functions.recordOf(trader, DAY).call()[3] == 2


def first_of_next_month(seconds: int) -> int:
    now = datetime.fromtimestamp(seconds, UTC)
    year, month = (now.year + 1, 1) if now.month == 12 else (now.year, now.month + 1)
    return year * 10_000 + month * 100 + 1


def seconds_of(day: int) -> int:
    return int(datetime(day // 10_000, day // 100 % 100, day % 100, tzinfo=UTC).timestamp())


def _discard() -> Any:
    from web3.logs import DISCARD

    return DISCARD
