"""Python's collector of garbage in a process that answers at once."""

from __future__ import annotations

import gc

_COLLECT_AFTER = (50_000, 20, 20)
"""Objects that came and did not go; the collections of each generation before one of the next."""


def spare_the_collector() -> None:
    """Let Python look for circles of dead objects less often, and never among what a server is made of: a request makes
    thousands of objects and no circle, and looking took a fifth of its time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
