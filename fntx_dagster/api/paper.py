"""A paper order, awaited: no thread waits for what others do with it."""

from __future__ import annotations

import asyncio

from starlette.concurrency import run_in_threadpool

from fntx_dagster.services.orders import waiting
from fntx_dagster.services.orders.replies import Reply
from fntx_dagster.services.orders.turning import OrderInLine


async def result_of(order: OrderInLine[Reply]) -> Reply:
    """The answer to an order that waits for its book from now on. Raises what `submitting.submit` does."""
    loop = asyncio.get_running_loop()
    answered = loop.create_future()

    def answer() -> None:
        if not answered.done():  # as it is where nobody awaits it any more
            answered.set_result(None)

    def give_up() -> None:
        if not answered.done() and order.withdraw():
            answered.set_exception(waiting.kept_busy())

    patience = loop.call_later(waiting.WAIT_SECONDS, give_up)
    try:
        order.enter(lambda: loop.call_soon_threadsafe(answer))
        await answered
        return await run_in_threadpool(order.result) if order.waits else order.result()
    except BaseException:
        order.abandon()
        raise
    finally:
        patience.cancel()
