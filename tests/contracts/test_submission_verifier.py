"""SubmissionVerifier says of a submission what the Python code says, whatever is done to it; and cannot be misled about
the chain's precompiles."""

from __future__ import annotations

import random
from typing import Any

import pytest

from fntx_dagster.aggregate.proving import prove
from fntx_dagster.aggregate.submission import LENGTH, holds
from fntx_dagster.curve.group import GENERATOR, ORDER, WIDE, named, random_scalar, read_wide, times, write_wide
from tests.aggregate.examples import KEY, SUBMISSIONS, TRUE, data_of
from tests.contracts.chains import GAS, Anvil, InMemory, at_length
from tests.contracts.pools import Base, generators_code
from tests.tools import needs_anvil

pytestmark = needs_anvil
CONTEXT = data_of(TRUE[0]["context"])
SUBMISSION = data_of(TRUE[0]["submission"])
WIDE_KEY = write_wide(KEY)
OUTSIDE = data_of(SUBMISSIONS["cases"][-1]["submission"])
ON_THE_CURVE_ALONE = next(
    OUTSIDE[at : at + WIDE] for at in range(0, 864, WIDE) if OUTSIDE[at : at + WIDE] != SUBMISSION[at : at + WIDE]
)
POINTS = [*range(0, 1152, 96), *range(1216, 1600, 96), *range(1696, 3040, 96)]
SCALARS = [1152, 1184, 1600, 1632, 1664, 3040, 3072]


def said(base: Base, submission: bytes, context: bytes = CONTEXT, key: bytes = WIDE_KEY) -> bool:
    return base.verifier.functions.holds(context, key, submission).call({"gas": GAS})


@pytest.mark.parametrize("case", SUBMISSIONS["cases"], ids=lambda case: case["name"])
def test_the_vectors_hold_or_do_not_as_they_say(base: Base, case: Any) -> None:
    assert said(base, data_of(case["submission"]), data_of(case["context"])) is case["holds"]


def test_the_code_of_the_generators_is_pinned(base: Base) -> None:
    chain, (g, h) = base.chain, base.generators
    hashes = {side: chain.web3.keccak(chain.web3.eth.get_code(at)).hex() for side, at in zip("gh", (g, h), strict=True)}
    assert hashes == {
        "g": "addd114f62ad072ebe7c7b3f0a312efc5c1240290c521eed70b61413c3b38bbe",
        "h": "9af19d6e0cf3bd933ee3756c2eee9cc5a6b6484783b2628314e6f7cb52197858",
    }
    functions = base.verifier.functions
    assert [functions.generatorsG().call(), functions.generatorsH().call()] == [g, h]


def test_other_generators_are_refused_at_the_deployment(base: Base) -> None:
    g, h = base.generators
    bent = generators_code("g")[:-1] + b"\x00"
    for pair in ((h, g), (g, g), (h, h), (base.stranger, h), (g, base.chain.deploy_code(bent))):
        assert base.chain.refused_deployment("SubmissionVerifier", *pair) == "WrongGenerators"
    assert base.chain.refused_deployment("SubmissionVerifier", g, h) is None


@pytest.mark.parametrize("at", [*POINTS, *SCALARS])
def test_no_point_and_no_scalar_can_be_another(base: Base, at: int) -> None:
    """Each replaced by another good one, and by what is none."""
    size = WIDE if at in POINTS else 32
    good = write_wide(times(GENERATOR, 5)) if at in POINTS else (5).to_bytes(32)
    bad = ON_THE_CURVE_ALONE if at in POINTS else ORDER.to_bytes(32)
    for part in (good, bad, b"\xff" * size):
        assert said(base, SUBMISSION[:at] + part + SUBMISSION[at + size :]) is False


def test_a_scalar_with_the_order_added_is_refused(base: Base) -> None:
    for at in SCALARS:
        raised = int.from_bytes(SUBMISSION[at : at + 32]) + ORDER
        if raised < 2**256:
            assert said(base, SUBMISSION[:at] + raised.to_bytes(32) + SUBMISSION[at + 32 :]) is False


@pytest.mark.parametrize("length", [0, 1, 864, LENGTH - 1, LENGTH + 1, 2 * LENGTH])
def test_another_length_does_not_hold_and_is_no_error(base: Base, length: int) -> None:
    assert said(base, (SUBMISSION * 2)[:length]) is False


def test_the_edges_of_the_values_hold_and_so_does_randomness_of_zero(base: Base) -> None:
    for values in ((0, 0, 0), (2**32 - 1,) * 3, (0, 2**32 - 1, 2**31)):
        for blindings in ((0, 0, 0), (0, 1, ORDER - 1), tuple(random_scalar() for _ in values)):
            submission = prove(KEY, CONTEXT, values, blindings)
            assert holds(KEY, CONTEXT, submission)
            assert said(base, submission) is True


def test_an_error_of_one_equation_that_another_one_makes_up_for_does_not_pass(base: Base) -> None:
    """It would, if the equations were added up with the same weight for every submission."""
    e3 = times(GENERATOR, 7)
    for take, give in ((11, 12), (9, 12), (10, 14), (11, 13)):
        parts = [SUBMISSION[at : at + WIDE] for at in POINTS]
        moved = list(SUBMISSION)
        for number, point in ((take, e3), (give, -e3)):
            at = POINTS[number]
            moved[at : at + WIDE] = write_wide(read_wide(parts[number]) + point)
        assert said(base, bytes(moved)) is False


def test_a_key_that_is_no_point_is_an_error_and_evicts_nobody(base: Base) -> None:
    call = base.verifier.functions.holds(CONTEXT, ON_THE_CURVE_ALONE, SUBMISSION)
    assert base.chain.refused(base.stranger, call) == "PrecompileFails"
    assert said(base, SUBMISSION, key=WIDE_KEY[:95]) is False


@pytest.mark.parametrize("gas", [350_000, 420_000, 600_000, 1_200_000, 1_700_000, 2_000_000, 2_200_000])
def test_too_little_gas_never_says_that_a_true_one_does_not_hold(base: Base, gas: int) -> None:
    call = base.verifier.functions.holds(CONTEXT, WIDE_KEY, SUBMISSION)
    assert base.chain.refused(base.stranger, call, gas=gas) in ("PrecompileFails", "")


def test_a_chain_without_the_precompiles_takes_no_verifier() -> None:
    chain = Anvil("cancun")
    try:
        generators = [chain.deploy_code(generators_code(side)) for side in "gh"]
        assert chain.refused_deployment("SubmissionVerifier", *generators) == "PrecompileFails"
    finally:
        chain.stop()


@pytest.fixture(scope="module")
def in_memory() -> Base:
    return Base(InMemory())


def test_the_embedded_chains_evm_says_the_same(in_memory: Base) -> None:
    """Some seconds each; `test_aggregator_gas` has a false one evicted there."""
    assert said(in_memory, SUBMISSION) is True


def broken(submission: bytes, chance: random.Random) -> bytes:
    """What somebody could make of a submission: bits, parts, points, scalars, the order of parts."""
    kind = chance.randrange(7)
    at = chance.choice([*POINTS, *SCALARS])
    size = WIDE if at in POINTS else 32
    if kind == 0:
        at = chance.randrange(len(submission))
        return submission[:at] + bytes([submission[at] ^ 1 << chance.randrange(8)]) + submission[at + 1 :]
    if kind == 1:
        part = write_wide(times(named("H"), chance.randrange(1, 9))) if size == WIDE else bytes([0] * 31 + [at % 251])
        return submission[:at] + part + submission[at + size :]
    if kind == 2:
        return submission[:at] + bytes(size) + submission[at + size :]
    if kind == 3:
        return submission[:at] + chance.randbytes(size) + submission[at + size :]
    if kind == 4:
        other = chance.choice(POINTS if size == WIDE else SCALARS)
        return submission[:at] + submission[other : other + size] + submission[at + size :]
    if kind == 5:
        return submission[:at] + (ON_THE_CURVE_ALONE if size == WIDE else b"\xff" * 32) + submission[at + size :]
    return submission[: chance.randrange(len(submission))]


def compare(base: Base, count: int, seed: int) -> None:
    """The verdicts of the contract and of Python on as many random submissions, and on as many that are broken."""
    chance = random.Random(seed)
    for _ in range(count):
        values = [chance.choice((0, 1, 2**32 - 1, chance.randrange(2**32))) for _ in range(3)]
        context = chance.randbytes(32)
        true = prove(KEY, context, values, [random_scalar() for _ in values])
        false = broken(true, chance)
        assert said(base, true, context) is holds(KEY, context, true) is True
        assert said(base, false, context) is holds(KEY, context, false) is (false == true)


def test_contract_and_python_agree_on_random_and_broken_submissions(base: Base) -> None:
    compare(base, 20, 1)


@at_length
@pytest.mark.slow
def test_contract_and_python_agree_on_a_thousand_of_each(base: Base) -> None:
    compare(base, 1000, 2)
