"""Submissions: byte for byte those of the vectors, and no false one holds."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fntx_dagster.aggregate import submission as submission_room
from fntx_dagster.aggregate.checking import problems_of, verdicts_of_day
from fntx_dagster.aggregate.commitments import PNL_OFFSET, RANGE
from fntx_dagster.aggregate.proving import prove
from fntx_dagster.aggregate.submission import (
    LENGTH,
    Submitted,
    body_points,
    commitments_of,
    first_false,
    holds,
    sums_of,
    verdicts,
)
from fntx_dagster.aggregate.transcript import PoolAddress, Transcript, context_of, tag
from fntx_dagster.curve.group import GENERATOR, IDENTITY, ORDER, WIDE, commitment, read_wide, times, write_wide
from tests.aggregate.examples import (
    KEY,
    POOL,
    SUBMISSIONS,
    TRUE,
    changed,
    data_of,
    from_seed,
    number_of,
    wide,
    with_point,
)
from tests.aggregate.test_epoch import RECORD
from tests.curve.test_group import VECTORS as GENERATORS

FIRST = TRUE[0]
CONTEXT, SUBMISSION = data_of(FIRST["context"]), data_of(FIRST["submission"])
EDGES = [0, 1, PNL_OFFSET, RANGE - 1]
scalars = st.integers(0, ORDER - 1)


def case_id(case: dict) -> str:
    return case["name"].replace(" ", "-")


@pytest.mark.parametrize("case", TRUE, ids=case_id)
def test_the_prover_writes_the_bytes_of_the_vectors(case: dict) -> None:
    values, randomness = [*map(int, case["values"])], [*map(number_of, case["randomness"])]
    submission = prove(KEY, data_of(case["context"]), values, randomness, from_seed(data_of(case["nonces_seed"])))
    assert submission == data_of(case["submission"])
    assert len(submission) == LENGTH


@pytest.mark.parametrize("case", TRUE, ids=case_id)
def test_the_challenges_are_those_of_the_vectors(case: dict) -> None:
    submission = data_of(case["submission"])
    transcript = Transcript(data_of(case["context"]), write_wide(KEY), submission[:864])
    found = {"e": transcript.first(), "c": transcript.next(submission[864:1152])}
    found |= {"y": transcript.next(submission[1152:1408]), "z": transcript.next()}
    found |= {"x": transcript.next(submission[1408:1600]), "w": transcript.next(submission[1600:1696])}
    for number in range(7):
        at = 1696 + 2 * WIDE * number
        found[f"u{number}"] = transcript.next(submission[at : at + 2 * WIDE])
    found["o"] = transcript.next(submission[3040:])
    assert found == {name: number_of(text) for name, text in case["challenges"].items()}


def test_the_tags_and_contexts_are_those_of_the_vectors() -> None:
    assert {name: tag(name) for name in GENERATORS["tags"]} == {
        name: data_of(text) for name, text in GENERATORS["tags"].items()
    }
    for case in SUBMISSIONS["cases"]:
        assert context_of(POOL, case["trader"], case["epoch"]) == data_of(case["context"])


@pytest.mark.parametrize("case", SUBMISSIONS["cases"], ids=case_id)
def test_a_submission_of_the_vectors_holds_as_they_say(case: dict) -> None:
    assert holds(KEY, data_of(case["context"]), data_of(case["submission"])) is case["holds"]


def test_the_liars_of_a_batch_are_found_and_nobody_else() -> None:
    cases = SUBMISSIONS["cases"] * 2
    submitted = [Submitted(data_of(case["context"]), data_of(case["submission"])) for case in cases]
    assert verdicts(KEY, submitted) == [case["holds"] for case in cases]
    assert verdicts(KEY, []) == []


@settings(max_examples=20)
@given(
    values=st.lists(st.sampled_from(EDGES) | st.integers(0, RANGE - 1), min_size=3, max_size=3),
    randomness=st.lists(st.just(0) | scalars, min_size=3, max_size=3),
)
def test_what_is_proved_holds_and_hides_what_was_committed(values: list[int], randomness: list[int]) -> None:
    submission = prove(KEY, CONTEXT, values, randomness)
    assert holds(KEY, CONTEXT, submission)
    points = body_points(submission)
    assert points[:3] == [times(GENERATOR, r) for r in randomness]
    assert points[3:] == [times(GENERATOR, m) + times(KEY, r) for m, r in zip(values, randomness, strict=True)]
    assert commitments_of(submission) == wide(*map(commitment, values, randomness))


@pytest.mark.parametrize("values", [[-1, 0, 0], [0, RANGE, 0], [0, 0], [0, 0, 0, 0]])
def test_values_out_of_range_are_refused_before_anything_is_proved(values: list[int]) -> None:
    with pytest.raises(ValueError, match="three values from 0"):
        prove(KEY, CONTEXT, values, [1, 2, 3])


def test_a_wrong_value_is_in_no_error() -> None:
    with pytest.raises(ValueError, match="three values") as refused:
        prove(KEY, CONTEXT, [987654321987, 0, 0], [123456789123, 0, 0])
    assert "987654321987" not in str(refused.value)
    assert "123456789123" not in str(refused.value)


def test_a_submission_is_bound_to_trader_day_pool_chain_and_key() -> None:
    trader, epoch = FIRST["trader"], FIRST["epoch"]
    assert holds(KEY, context_of(POOL, trader, epoch), SUBMISSION)
    others = [
        context_of(POOL, "0x" + "11" * 20, epoch),
        context_of(POOL, trader, epoch + 1),
        context_of(PoolAddress(POOL.chain_id + 1, POOL.aggregator), trader, epoch),
        context_of(PoolAddress(POOL.chain_id, "0x" + "11" * 20), trader, epoch),
    ]
    assert not any(verdicts(KEY, [Submitted(context, SUBMISSION) for context in others]))
    assert not holds(KEY + GENERATOR, CONTEXT, SUBMISSION)


def test_nobody_can_submit_what_another_submitted_in_whatever_form() -> None:
    """Copied, re-randomised, negated, with one more unit: the proof needs the values and the randomness."""
    mine = context_of(POOL, "0x" + "22" * 20, FIRST["epoch"])
    points = [read_wide(SUBMISSION[at : at + WIDE]) for at in range(0, 864, WIDE)]
    again, more, negated = SUBMISSION, SUBMISSION, SUBMISSION
    for number in range(3):
        again = with_point(again, number, points[number] + GENERATOR)
        again = with_point(again, number + 3, points[number + 3] + KEY)
        more = with_point(more, number + 3, points[number + 3] + GENERATOR)
    for number, point in enumerate(points):
        negated = with_point(negated, number, -point)
    assert not any(holds(KEY, context, forged) for context in (mine, CONTEXT) for forged in (again, more, negated))


def test_two_lies_that_add_up_to_nothing_do_not_hide_each_other() -> None:
    """Each takes from B what the other adds: their sums are right, and none of them holds."""
    b_1 = read_wide(SUBMISSION[3 * WIDE : 4 * WIDE])
    pair = [with_point(SUBMISSION, 3, b_1 + GENERATOR), with_point(SUBMISSION, 3, b_1 + -GENERATOR)]
    assert sums_of(pair) == sums_of([SUBMISSION, SUBMISSION])
    assert verdicts(KEY, [Submitted(CONTEXT, each) for each in (*pair, SUBMISSION)]) == [False, False, True]


def test_an_error_of_the_same_values_hidden_in_another_point_is_found() -> None:
    """It would pass where the equations were added up with weights that a liar knows."""
    b_1, t_1 = read_wide(SUBMISSION[3 * WIDE : 4 * WIDE]), read_wide(SUBMISSION[9 * WIDE : 10 * WIDE])
    lie = with_point(with_point(SUBMISSION, 3, b_1 + GENERATOR), 9, t_1 + -GENERATOR)
    assert not holds(KEY, CONTEXT, lie)


@pytest.mark.parametrize("length", [0, 1, LENGTH - 96, LENGTH - 1, LENGTH + 1, 2 * LENGTH])
def test_a_submission_of_another_length_does_not_hold(length: int) -> None:
    assert not holds(KEY, CONTEXT, (SUBMISSION * 2)[:length])


@pytest.mark.parametrize("at", [1152, 1184, 1600, 1632, 1664, 3040, 3072])
def test_a_scalar_that_is_written_in_another_way_does_not_hold(at: int) -> None:
    """The group's order is added: the equations would still be true."""
    scalar = int.from_bytes(SUBMISSION[at : at + 32])
    if scalar + ORDER < 2**256:
        again = SUBMISSION[:at] + (scalar + ORDER).to_bytes(32) + SUBMISSION[at + 32 :]
        assert not holds(KEY, CONTEXT, again)
    assert not holds(KEY, CONTEXT, SUBMISSION[:at] + b"\xff" * 32 + SUBMISSION[at + 32 :])


def test_a_submission_of_nothing_does_not_hold() -> None:
    assert not holds(KEY, CONTEXT, bytes(LENGTH))
    assert not holds(IDENTITY, CONTEXT, bytes(LENGTH))


def test_a_byte_that_is_changed_in_each_scalar_and_point_is_refused() -> None:
    rng = random.Random(62)
    places = [rng.randrange(at, at + 32) for at in range(0, LENGTH, 32)]
    broken = [Submitted(CONTEXT, changed(SUBMISSION, at, 1 << rng.randrange(8))) for at in places]
    assert not any(verdicts(KEY, broken))


@pytest.mark.slow
def test_every_byte_that_is_changed_is_refused() -> None:
    rng = random.Random(63)
    for at in range(LENGTH):
        assert not holds(KEY, CONTEXT, changed(SUBMISSION, at, rng.randrange(1, 256))), at


@settings(max_examples=50)
@given(st.binary(max_size=200) | st.binary(min_size=LENGTH, max_size=LENGTH))
def test_whatever_the_bytes_are_nothing_is_raised(submission: bytes) -> None:
    assert not holds(KEY, CONTEXT, submission)


def test_proving_and_checking_are_quick() -> None:
    """The goals are 0.15 s, 20 ms and 5 ms; a shared machine gets four times as much."""
    began = time.perf_counter()
    submission = prove(KEY, CONTEXT, [1, 2, 3], [4, 5, 6])
    proved = time.perf_counter()
    assert holds(KEY, CONTEXT, submission)
    checked = time.perf_counter()
    assert all(verdicts(KEY, [Submitted(CONTEXT, submission)] * 100))
    assert proved - began < 4 * 0.15
    assert checked - proved < 4 * 0.02
    assert time.perf_counter() - checked < 4 * 0.5


def test_one_false_submission_is_found_with_few_checks_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    true = Submitted(CONTEXT, SUBMISSION)
    false = Submitted(CONTEXT, with_point(SUBMISSION, 3, read_wide(SUBMISSION[:WIDE])))
    malformed = Submitted(CONTEXT, SUBMISSION[:-1])
    assert first_false(KEY, []) is first_false(KEY, [true] * 5) is None
    for place in range(5):
        for liar in (false, malformed):
            some = [true] * 5
            some[place] = liar
            assert first_false(KEY, some) == place
    checked = spied(monkeypatch)
    assert first_false(KEY, [false] * 16) == 0
    assert checked == [16, 8, 4, 2, 1]


def test_evicted_submissions_do_not_make_the_check_of_the_others_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    counted, checked = len(RECORD.counted), spied(monkeypatch)
    key = read_wide(RECORD.key)
    hold = verdicts_of_day(key, RECORD.pool, RECORD.day, RECORD.submissions)
    assert hold == [each.evicted is None for each in RECORD.submissions]
    assert checked == [counted, 1]
    assert problems_of(RECORD) == []
    assert checked == [counted, 1] * 2


def spied(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many submissions each check is of, from now on."""
    check, checked = submission_room._are_true, []
    monkeypatch.setattr(
        submission_room, "_are_true", lambda key, some: (checked.append(len(some)), check(key, some))[1]
    )
    return checked
