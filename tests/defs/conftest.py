"""What every test of the definitions starts from: a Dagster instance of its own is the current one."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest


@pytest.fixture(autouse=True)
def no_instance_of_another_test() -> Iterator[None]:
    """Dagster loads definitions beside the instance that was entered last, and one that another test has left behind
    may name a database that is gone."""
    with dg.DagsterInstance.ephemeral():
        yield
