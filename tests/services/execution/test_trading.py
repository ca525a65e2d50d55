"""A strategy from its start to its end: proposed, approved, signed, sent, filled, rolled, and entered in the book."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.execution.assets import XRP
from tests.services.execution.desks import DexDesk


def test_nobody_trades_live_without_an_approved_proposal(desk: DexDesk) -> None:
    desk.offer("maker", "500 XRP", "250")
    with pytest.raises(Permanent, match="may not trade live"):
        desk.start()


def test_a_sale_in_slices_is_filled_rolled_and_never_above_its_quantity(desk: DexDesk) -> None:
    desk.lives()
    desk.offer("maker", "40 XRP", "20")  # at 2 XRP for a bond, and no more than 20 of them
    strategy = desk.start(batch=1)
    before = desk.holds()
    assert desk.turn(60).sent == 1
    assert [each.state for each in desk.slices(strategy)] == ["asked", "planned", "planned", "planned"]
    desk.close()
    found = desk.advance()
    assert (found.entered.fills, found.problems) == (1, [])
    first = desk.slices(strategy)[0]
    assert (first.asked, first.filled, first.paid) == (Decimal(25), Decimal(20), Decimal(40))
    desk.offer("maker", "400 XRP", "200")
    found = desk.turn(3600)
    assert found.problems == []
    assert [(each.state, each.asked) for each in desk.slices(strategy)[:2]] == [("over", 25), ("asked", 30)]
    for _ in range(8):
        desk.turn(1200)
    slices = desk.slices(strategy)
    assert sum(each.filled for each in slices) == 100
    after = desk.holds()
    assert before[desk.bond] - after[desk.bond] == 100
    assert 190 < after[XRP] - before[XRP] < 200


def test_a_batch_that_goes_on_after_its_first_slice_ended_gives_each_slice_its_own_order(desk: DexDesk) -> None:
    desk.lives()
    desk.offer("maker", "400 XRP", "200")
    strategy = desk.start(batch=4)
    desk.advance()
    assert desk.people_decide() == 1
    desk.close(3600 + 120)  # the first slice is over, and nothing of the batch is prepared
    assert desk.advance().problems == []
    slices = desk.slices(strategy)
    assert [(each.state, each.proposal_id is None) for each in slices] == [("over", True), *[("asked", False)] * 3]
    ends = {
        row.proposal_id: json.loads(row.payload)["intent"]["params"]["expiration"] for row in desk.proposals("prepared")
    }
    assert [ends[each.proposal_id] for each in slices[1:] if each.proposal_id] == [
        f"{each.ends_at:%Y-%m-%dT%H:%M:%SZ}" for each in slices[1:]
    ]
    desk.people_sign()
    assert desk.advance().sent == 1
    desk.close()
    desk.advance()
    assert [each.filled for each in desk.slices(strategy)] == [0, 25, 0, 0]
