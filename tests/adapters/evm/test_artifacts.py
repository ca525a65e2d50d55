"""Code on a chain is told apart from code that only looks like ours."""

from __future__ import annotations

import pytest

from fntx_dagster.adapters.evm.artifacts import ALL, GENERATOR_CODES, artifact, is_code_of
from fntx_dagster.proof.keccak import keccak256
from tests.contracts.pools import generators_code

VALUE = b"\xab" * 32


def filled(contract: str) -> bytearray:
    """Deployed code with a value for each immutable."""
    kept = artifact(contract)
    code = bytearray.fromhex(kept["deployedBytecode"].removeprefix("0x"))
    for places in kept["immutables"]:
        for place in places:
            code[place : place + 32] = VALUE
    return code


@pytest.mark.parametrize("contract", ALL)
def test_our_code_is_known_whatever_it_was_deployed_with(contract: str) -> None:
    assert is_code_of(contract, bytes(filled(contract)))


@pytest.mark.parametrize("contract", ALL)
def test_code_with_one_byte_changed_added_or_missing_is_another(contract: str) -> None:
    code = filled(contract)
    assert not is_code_of(contract, bytes(code[:-1]))
    assert not is_code_of(contract, bytes(code) + b"\0")
    assert not is_code_of(contract, b"")
    code[len(code) // 2] ^= 1
    assert not is_code_of(contract, bytes(code))


@pytest.mark.parametrize("contract", ["TrackRecord", "SubmissionVerifier", "Aggregator"])
def test_an_immutable_that_is_not_the_same_everywhere_is_another_code(contract: str) -> None:
    """Such code would tell one verifier, and ask another one."""
    for places in artifact(contract)["immutables"]:
        for place in places:
            code = filled(contract)
            code[place] ^= 1
            assert not is_code_of(contract, bytes(code))


def test_the_pinned_generators_are_those_that_are_deployed() -> None:
    runtime = (generators_code(side)[10:] for side in "gh")
    assert tuple(f"0x{keccak256(code).hex()}" for code in runtime) == GENERATOR_CODES
