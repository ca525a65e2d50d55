"""The program is killed (SIGKILL) at any moment of a slice, alone and two at once. Nothing is half-done: each offer is
in a ledger once or never, each fill is in the book once, and never more than the quantity is traded.

A handful of kills, sixty with FNTX_TEST_PROFILE=search; FNTX_TEST_KILLS says how many, FNTX_TEST_SEED which.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from fntx_dagster.errors import FntxError
from fntx_dagster.execution.assets import XRP
from fntx_dagster.services.execution.entering import USER
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.services.orders.verifying import verify
from fntx_dagster.store.ledger import books
from fntx_dagster.store.ledger.books import About
from fntx_dagster.store.treasury.desks import moves
from tests.forked import FORKED
from tests.services.execution.desks import DexDesk
from tests.services.execution.going_on import goes_on
from tests.services.transactions.sending import Office
from tests.simulate.xrpl.people import address

_SEARCHES = os.environ.get("FNTX_TEST_PROFILE") == "search"
KILLS = int(os.environ.get("FNTX_TEST_KILLS", "60" if _SEARCHES else "8"))
SEED = int(os.environ.get("FNTX_TEST_SEED", "20"))


def killed(desk: DexDesk, rng: random.Random) -> None:
    """The program works, alone or two at once, while a ledger closes, and is killed after a moment."""
    office = Office(str(desk.settings.home), desk.db.url, desk.server.url)
    processes = []
    for _ in range(rng.choice([1, 1, 2])):
        hears, says = FORKED.Pipe(duplex=False)
        process = FORKED.Process(target=goes_on, args=(office, says))
        process.start()
        processes.append(process)
        assert hears.poll(30)
    time.sleep(rng.uniform(0, 0.25))
    if rng.random() < 0.6:
        desk.close(rng.randint(0, 400))
    time.sleep(rng.uniform(0, 0.25))
    for process in processes:
        process.kill()
        process.join()


@pytest.mark.slow
def test_a_kill_at_any_moment_of_a_slice_leaves_nothing_half_done(desk: DexDesk) -> None:
    rng = random.Random(SEED)
    desk.lives(max_slippage_pct="20")
    desk.offer("maker", "700 XRP", "350")
    before = desk.holds()
    strategy = desk.start(slices=6, batch=2)
    for _ in range(KILLS):
        killed(desk, rng)
        if rng.random() < 0.3:
            desk.server.fail(on="submit", do="cut", taken=rng.random() < 0.5, count=1)
        try:
            desk.people_decide()
            desk.people_sign()
        except FntxError:
            continue  # what was prepared is over meanwhile
    assert desk.server.faults
    desk.server.faults.by_method.clear()
    while any(each.state != "over" for each in desk.slices(strategy)):
        desk.turn(1500)
    slices = desk.slices(strategy)
    after = desk.holds()
    sold = before[desk.bond] - after[desk.bond]
    assert [each.state for each in slices] == ["over"] * 6
    assert 0 < sum(Fraction(each.filled) for each in slices) == sold <= 100
    assert sum(Fraction(each.planned) for each in slices) == 100
    with desk.db.connect() as connection:
        rows = moves(connection, address("trading"), 0, ["fill", "fee", "transfer_fee", "flow"])
        hashes = connection.execute("select hash from treasury.ledger_tx where state = 'confirmed'").fetchall()
        book_id = books.book_of(desk.db, USER, False)
        assert book_id
        book = books.read(connection, book_id, About(datetime.now(UTC))).book
    assert max(Counter((row.tx_hash, row.name) for row in rows).values()) == 1
    in_ledgers = Counter(name for ledger in desk.town.ledger.ledgers for name in ledger.transactions)
    assert {in_ledgers[name] for (name,) in hashes} == {1}
    assert Fraction(book.balances["XRP"]) == after[XRP]
    assert sum(each.quantity for each in book.positions.values()) == after[desk.bond]
    assert [each.faults for each in verify(desk_of(desk.settings, desk.db))] == [()]
