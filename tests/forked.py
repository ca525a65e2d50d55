"""Processes that a test starts beside it, forked from one that has imported what they run: a start takes no imports,
and a kill meets work."""

from __future__ import annotations

import multiprocessing

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(
    ["tests.services.governance.racing", "tests.services.transactions.sending", "tests.services.execution.going_on"]
)
