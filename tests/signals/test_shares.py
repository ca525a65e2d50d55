"""How lots are shared: the rule against one written lot by lot, and its laws."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.signals.shares import shared_lots

WISHES = st.lists(st.integers(0, 12), min_size=1, max_size=8)


def names(number: int) -> list[str]:
    return [chr(ord("a") + place) for place in range(number)]


def lot_by_lot(lots: int, wishes: list[int], held: list[int], ids: list[str]) -> list[int]:
    """The rule as docs/signals.md states it, one lot after the other."""
    wished, filled, given_lots = sum(wishes), sum(held) + lots, [0] * len(wishes)
    for _ in range(lots):
        place = min(
            (place for place in range(len(wishes)) if held[place] + given_lots[place] < wishes[place]),
            key=lambda at: (
                Fraction(held[at] + given_lots[at]) - Fraction(wishes[at] * filled, wished),
                -wishes[at],
                ids[at].encode(),
            ),
        )
        given_lots[place] += 1
    return given_lots


@pytest.mark.parametrize(
    ("lots", "wishes", "held", "given_lots"),
    [
        (400, [100] * 6, [0] * 6, [67, 67, 67, 67, 66, 66]),
        (10, [6, 6, 2], [0, 0, 0], [4, 4, 2]),
        (11, [6, 6, 2], [0, 0, 0], [5, 5, 1]),
        (1, [6, 6, 2], [4, 4, 2], [1, 0, 0]),
        (0, [6, 0], [0, 0], [0, 0]),
    ],
)
def test_the_worked_examples_come_out(lots: int, wishes: list[int], held: list[int], given_lots: list[int]) -> None:
    assert shared_lots(lots, wishes, held, names(len(wishes))) == given_lots


@given(WISHES, st.lists(st.integers(1, 30), max_size=6))
def test_every_step_is_the_rule_lot_by_lot_and_all_steps_fill_every_wish(wishes: list[int], steps: list[int]) -> None:
    held, ids = [0] * len(wishes), names(len(wishes))
    for step in [*steps, sum(wishes)]:
        lots = min(step, sum(wishes) - sum(held))
        more = shared_lots(lots, wishes, held, ids)
        assert more == lot_by_lot(lots, wishes, held, ids)
        assert sum(more) == lots
        assert min(more) >= 0
        held = [have + got for have, got in zip(held, more, strict=True)]
        assert all(have <= wish for have, wish in zip(held, wishes, strict=True))
    assert held == wishes


@given(WISHES.filter(any), st.data())
def test_the_order_of_the_users_changes_nobodys_share(wishes: list[int], data: st.DataObject) -> None:
    lots = data.draw(st.integers(0, sum(wishes)))
    ids = names(len(wishes))
    order = data.draw(st.permutations(range(len(wishes))))
    share = dict(zip(ids, shared_lots(lots, wishes, [0] * len(wishes), ids), strict=True))
    turned = shared_lots(lots, [wishes[at] for at in order], [0] * len(wishes), [ids[at] for at in order])
    assert dict(zip([ids[at] for at in order], turned, strict=True)) == share


@given(WISHES.filter(any), st.data())
def test_from_nothing_a_share_is_the_quota_rounded_down_or_up(wishes: list[int], data: st.DataObject) -> None:
    lots = data.draw(st.integers(0, sum(wishes)))
    for wish, share in zip(wishes, shared_lots(lots, wishes, [0] * len(wishes), names(len(wishes))), strict=True):
        assert abs(share - Fraction(wish * lots, sum(wishes))) < 1


def test_more_than_was_wished_for_cannot_be_shared() -> None:
    with pytest.raises(ValueError, match="cannot be shared"):
        shared_lots(3, [1, 1], [0, 0], ["a", "b"])
