"""A simulated account that trades by itself, for somebody who looks: marks move every second, and now and then a put is
sold or bought back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import count
from random import Random

from fntx_dagster.simulate.gateway import SimulatedGateway
from fntx_dagster.simulate.gateway_accounts import PUT_635, GatewayFill

_MARK_SECONDS, _MARKS_OF_A_FILL = 1.0, 8
_CENT, _COMMISSION = Decimal("0.01"), Decimal("0.86644")


@contextmanager
def traded(gateway: SimulatedGateway, account_id: str, seed: str = "look") -> Iterator[None]:
    """The account trades, in a thread, until the block is left."""
    ending = threading.Event()
    thread = threading.Thread(target=_trade, args=(gateway, account_id, Random(seed), ending), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


def _trade(gateway: SimulatedGateway, account_id: str, random: Random, ending: threading.Event) -> None:
    for number in count(1):
        if ending.wait(_MARK_SECONDS):
            return
        held = next(account for account in gateway.accounts if account.account_id == account_id).positions
        moved = random.choice(held)
        gateway.mark(account_id, moved.contract.con_id, max(moved.mark + random.choice((-_CENT, _CENT)), _CENT))
        if number % _MARKS_OF_A_FILL == 0:
            put = next(one for one in held if one.contract == PUT_635)
            quantity = Decimal(1 if put.quantity < -3 else -1)
            name = f"0000e0d5.{number:08x}.01.01"
            gateway.fill(account_id, GatewayFill(name, gateway.now, PUT_635, quantity, put.mark, _COMMISSION), 1)
