"""Chains and a base of contracts for the tests of this folder, made once for each file, on anvil."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contracts.chains import Anvil
from tests.contracts.pools import Base


@pytest.fixture(scope="module")
def base() -> Iterator[Base]:
    """The contracts that pools share."""
    chain = Anvil()
    yield Base(chain)
    chain.stop()


@pytest.fixture(autouse=True)
def _as_it_was(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each test leaves the chain as it found it."""
    if "base" not in request.fixturenames:
        yield
        return
    chain = request.getfixturevalue("base").chain
    snapshot = chain.snapshot()
    yield
    chain.revert(snapshot)
