"""Whatever people, signers, ledgers and others do, in any order: only steps of the tables are taken, each is told once,
and a ledger holds what is confirmed and nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable
from uuid import UUID

import pytest

from fntx_dagster.errors import FntxError
from fntx_dagster.services.governance.ending import cancel, expire
from fntx_dagster.services.transactions import on_stellar, on_xrpl
from fntx_dagster.services.transactions.preparing import prepare
from fntx_dagster.services.transactions.submitting import submit
from tests.services.transactions.desks import SigningDesk
from tests.services.transactions.walks import walked

ACTIONS, PROPOSALS = 60, 4
SIGNERS = ("treasury", "compliance", "trustee")
OVER = ("confirmed", "failed", "expired", "cancelled")


@pytest.mark.parametrize("seed", [1, 2])
def test_any_order_of_actions_takes_steps_of_the_tables_alone(
    at_both: SigningDesk, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, rng = at_both, random.Random(seed)
    monkeypatch.setattr(on_xrpl, "LEDGERS_TO_WAIT", 12)
    monkeypatch.setattr(on_stellar, "SECONDS_TO_WAIT", 12)
    proposals = [desk.approved() for _ in range(PROPOSALS)]
    actions: list[Callable[[UUID], object]] = [
        lambda each: prepare(desk.settings, desk.db, each),
        lambda each: desk.signed(each, rng.choice(SIGNERS)) if desk.is_prepared(each) else None,
        lambda each: desk.signed(each, rng.choice(SIGNERS)) if desk.is_prepared(each) else None,
        lambda each: submit(desk.settings, desk.db, each),
        lambda each: submit(desk.settings, desk.db, each),
        lambda each: desk.settled(each),
        lambda each: cancel(desk.settings, desk.db, each, "withdrawn") if rng.random() < 0.2 else None,
        lambda _: desk.loses_submissions(),
        lambda _: expire(desk.settings, desk.db),
        lambda _: desk.close(),
    ]
    for _ in range(ACTIONS):
        _tried(rng.choice(actions), rng.choice(proposals))
    for each in proposals:
        _tried(actions[0], each)
    desk.close(20)
    ended: list[bool] = []
    for _ in range(20):
        ended = [desk.settled(each).state in OVER for each in proposals]
        desk.close()
    assert all(ended)
    told = walked(desk.settings, desk.db)
    ends = [told[str(each)].steps[-1] for each in proposals]
    assert desk.paid() == ends.count("confirm"), (seed, ends)


def _tried(action: Callable[[UUID], object], proposal: UUID) -> None:
    try:
        action(proposal)
    except FntxError:
        return  # not possible in its state
