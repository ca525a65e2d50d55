"""Whoever pays a distribution is killed at any moment, alone and two at once: while it prepares, imports signatures,
sends and asks, and while the ledger loses answers, is late and forgets. Each of 50 holders is paid exactly once.

A handful of kills, a hundred with FNTX_TEST_PROFILE=search; FNTX_TEST_KILLS says how many, FNTX_TEST_SEED which. With
`-o log_cli=true --log-cli-level=info` a run says what it did.
"""

from __future__ import annotations

import logging
import os
import random
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from fntx_dagster.services.distributions.paying import pay
from fntx_dagster.services.transactions import confirming
from fntx_dagster.simulate.horizon.faults import HorizonFault
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.distributions import PaymentStanding, payments_of
from tests.forked import FORKED
from tests.services.distributions.carrying import carries, signed
from tests.services.distributions.desks import BondDesk, bond_desk
from tests.services.transactions.sending import Office
from tests.services.transactions.walks import walked
from tests.simulate.horizon.parts import TREASURY
from tests.simulate.xrpl.people import address

_SEARCHES = os.environ.get("FNTX_TEST_PROFILE") == "search"
KILLS = int(os.environ.get("FNTX_TEST_KILLS", "100" if _SEARCHES else "5"))
SEED = int(os.environ.get("FNTX_TEST_SEED", "20"))
HOLDERS = [f"h{number}" for number in range(1, 51)]
CASH = "17500.00"
"""For a fee and the interest of each holder, or a part of the principal: 50 payments or 51."""
CLOSES_EVERY = 0.1
LONGEST_LIFE = 1.5
"""Seconds that a payer lives at most."""


@pytest.mark.slow
@pytest.mark.parametrize("ledger", ["xrpl", "stellar"])
def test_payers_that_are_killed_pay_each_holder_exactly_once(
    ledger: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, began = random.Random(SEED), time.monotonic()
    with bond_desk(ledger, database, tmp_path / "home", HOLDERS, closes_every=CLOSES_EVERY) as desk:
        kills = rounds = 0
        while kills < KILLS:
            rounds += 1
            period = min(rounds, 3)
            distribution = desk.approved(CASH, period, f"cash-{rounds}")
            kills += _killed_until_paid(desk, distribution, rng, KILLS - kills)
            _settled(desk, distribution, monkeypatch)
            _require_paid_once(desk, distribution)
        walked(desk.settings, database)
    seconds = time.monotonic() - began
    logging.getLogger(__name__).info(
        "%s: seed %s, %s kills, %s distributions, %.0f s", ledger, SEED, kills, rounds, seconds
    )


def _killed_until_paid(desk: BondDesk, distribution: UUID, rng: random.Random, most: int) -> int:
    """Payers, one or two at a time, that live for a moment; how many were killed before everything was paid."""
    url = desk.settings.treasury
    office = Office(
        str(desk.settings.home),
        desk.db.url,
        xrpl=url.xrpl_url.get_secret_value() if url.xrpl_url else None,
        horizon=url.horizon_url.get_secret_value() if url.horizon_url else None,
    )
    kills = 0
    while kills < most:
        _break_something(desk, rng)
        alive = []
        for _ in range(2 if rng.random() < 0.4 else 1):
            hears, says = FORKED.Pipe(duplex=False)
            process = FORKED.Process(target=carries, args=(office, distribution, says))
            process.start()
            assert hears.poll(30)
            alive.append(process)
        for process in alive:
            time.sleep(rng.uniform(0, LONGEST_LIFE))
            process.kill()
            process.join()
            kills += 1
        _mend(desk)
        if all(each.tx_hash for each in _payments(desk, distribution)):
            break
    return kills


def _settled(desk: BondDesk, distribution: UUID, patch: pytest.MonkeyPatch) -> None:
    """Let the treasury go on, without kills, until everything is at its end."""
    patch.setattr(confirming, "SEND_AGAIN", confirming.SEND_AGAIN * 0)
    deadline = time.monotonic() + 240
    while True:
        report = pay(desk.settings, desk.db, distribution, desk.folder, 2)
        if report.next == "nothing":
            return
        assert time.monotonic() < deadline, (report.next, report.problems)
        signed(desk.settings, desk.db)


def _require_paid_once(desk: BondDesk, distribution: UUID) -> None:
    """Each payment is in the ledger once, with its amount, and nothing else carries an id of a payment."""
    payments = _payments(desk, distribution)
    assert len(payments) >= len(HOLDERS)
    wanted = Counter({(each.payment.invoice_id, each.payment.address, each.payment.amount): 1 for each in payments})
    ids = {each.payment.invoice_id for each in payments}
    assert Counter(each for each in _held(desk) if each[0] in ids) == wanted


def _held(desk: BondDesk) -> list[tuple[str, str, Decimal]]:
    """Every payment that the ledger holds of the account: invoice id, to whom, how much."""
    if desk.town:
        found = [
            desk.town.ask("tx", transaction=name)
            for ledger in desk.town.ledger.ledgers
            for name in ledger.transactions
            if desk.town.ledger.transactions[name].delivered is not None
        ]
        return [
            (
                row["tx_json"]["InvoiceID"].lower(),
                row["tx_json"]["Destination"],
                Decimal(row["meta"]["delivered_amount"]["value"]),
            )
            for row in found
            if row["tx_json"]["Account"] == address("treasury") and "InvoiceID" in row["tx_json"]
        ]
    assert desk.network
    sent: list[Any] = [each for each in desk.network.history if each.verdict.successful]
    return [
        (each.submitted.transaction.memo.memo_hash.hex(), operation.destination.account_id, Decimal(operation.amount))
        for each in sent
        if each.submitted.source == TREASURY.public_key
        for operation in each.submitted.operations
    ]


def _payments(desk: BondDesk, distribution: UUID) -> list[PaymentStanding]:
    with desk.db.connect() as connection:
        return payments_of(connection, distribution)


def _break_something(desk: BondDesk, rng: random.Random) -> None:
    """Plan a fault, or none."""
    if rng.random() < 0.25:
        return
    if desk.xrpl and desk.town:
        kind, taken = rng.choice(["cut", "error", "status", "garbage", "hang"]), rng.random() < 0.5
        more = {"do": kind, "count": rng.randint(1, 6), "seconds": 0.2}
        fault = rng.choice(
            [
                {"on": "submit", "taken": taken, **more},
                {"on": "tx", **more},
                {"on": "account_tx", **more},
                {"on": "account_objects", **more},
                {"on": "ledger", "do": "cut", "count": rng.randint(1, 3)},
                {"unclosing": rng.randint(1, 5)},
                {"late_history": desk.town.ledger.last.ledger_index},
            ]
        )
        desk.xrpl.fail(**fault)
        return
    assert desk.horizon
    assert desk.network
    kind: Any = rng.choice(["cut", "garbage", "problem"])
    more: dict[str, Any] = {"times": rng.randint(1, 6), "status": rng.choice([429, 500, 503, 504])}
    if rng.random() < 0.2:
        desk.network.halted = True
        return
    path = rng.choice(["/transactions_async", "/transactions", "/ledgers", "/accounts"])
    method = "POST" if path == "/transactions_async" else "GET"
    desk.horizon.faults.add(HorizonFault(method, path, kind, taken=method == "POST" and rng.random() < 0.5, **more))


def _mend(desk: BondDesk) -> None:
    if desk.xrpl:
        assert desk.xrpl.faults
        with desk.xrpl.lock:
            desk.xrpl.faults.by_method.clear()
            desk.xrpl.fail(late_history=1, open_fee=0, unclosing=0)
    if desk.horizon and desk.network:
        desk.network.halted = False
        desk.horizon.faults = type(desk.horizon.faults)()
