"""Sending for many keys at once: each key's steps in their order, and none waits for another key's.

What belongs here: who goes on when, and what became of each. The steps are a key's own: `sender.sending_steps`, within
its turn. What hinders one key ends its steps alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from fntx_dagster.errors import FntxError
from fntx_dagster.outbox.sender import Clock, Steps

Key = TypeVar("Key")

_SHORTEST = 0.05
"""Seconds between two looks, however soon a key may go on."""


def together(
    steps: Mapping[Key, Steps],
    pulse: Callable[[], object],
    poll: float,
    at_once: int = 1,
    clock: Clock = time,
) -> Iterator[tuple[Key, FntxError | None]]:
    """Advance the steps of all keys until each has ended: key by key as they end, with the error that ended it.

    A step says until when its key waits (in `clock.monotonic`). At least every `poll` seconds those go on whose time
    has come, and all of them where `pulse` is another than before: it stands for what the outside system shows (of a
    chain, its newest block). `at_once` keys are advanced at a time, each by one thread. Raises what `pulse` raises, and
    what is no FntxError. Steps that have not ended when this ends are closed.
    """
    waiting = dict.fromkeys(steps, float("-inf"))
    try:
        with ThreadPoolExecutor(at_once, thread_name_prefix="sending") as pool:
            advance = map if at_once == 1 else pool.map
            before = None
            while waiting:
                now = clock.monotonic()
                shown = pulse()
                ready = [key for key, until in waiting.items() if until <= now or shown != before]
                before = shown
                for key, outcome in zip(ready, advance(_advanced, [steps[key] for key in ready]), strict=True):
                    if isinstance(outcome, (int, float)):
                        waiting[key] = outcome
                    else:
                        del waiting[key]
                        yield key, outcome
                if waiting:
                    clock.sleep(min(poll, max(_SHORTEST, min(waiting.values()) - clock.monotonic())))
    finally:
        for each in steps.values():
            each.close()


def _advanced(steps: Steps) -> float | FntxError | None:
    """Until when it waits, or how it has ended."""
    try:
        return next(steps, None)
    except FntxError as error:
        return error
