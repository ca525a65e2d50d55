"""Turns: one thing after another, and who finds no place to wait."""

from __future__ import annotations

import asyncio
import threading

import pytest

from fntx_dagster.serving.turns import TooManyWait, Turns


def test_one_is_done_at_a_time_and_who_finds_no_place_is_told_whose_fault_it_is() -> None:
    may_end, running, most = threading.Event(), 0, 0

    def work() -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        may_end.wait(20)
        running -= 1
        return threading.get_ident()

    async def asked() -> list[int]:
        turns = Turns("turns", 3, 2)
        waiting = [asyncio.ensure_future(turns.take(client, work)) for client in ("a", "a", "b")]
        await asyncio.sleep(0)
        for client, of_client in (("a", True), ("b", False), ("c", False)):
            with pytest.raises(TooManyWait) as refused:
                await turns.take(client, work)
            assert refused.value.of_client is of_client
        may_end.set()
        done = await asyncio.gather(*waiting)
        return [*done, await turns.take("a", work)]

    assert len({*asyncio.run(asked())}) == 1
    assert most == 1


def test_what_fails_gives_its_place_back() -> None:
    async def asked() -> int:
        turns = Turns("turns", 1, 1)
        with pytest.raises(ZeroDivisionError):
            await turns.take("a", lambda: 1 // 0)
        return await turns.take("a", lambda: 1)

    assert asyncio.run(asked()) == 1
