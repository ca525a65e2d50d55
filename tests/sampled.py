"""A sample of what a law holds for, where all of it takes minutes."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def sample(of: Sequence[T], count: int) -> list[T]:
    """So many of them at random, or all where FNTX_TEST_PROFILE=search. A test that fails shows the seed, and
    FNTX_TEST_SEED makes it the next one's."""
    if os.environ.get("FNTX_TEST_PROFILE") == "search":
        return list(of)
    seed = int(os.environ.get("FNTX_TEST_SEED", random.randrange(10**6)))
    sys.stdout.write(f"FNTX_TEST_SEED={seed}\n")
    return random.Random(seed).sample(of, min(count, len(of)))
