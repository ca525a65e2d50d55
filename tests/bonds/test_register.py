"""The register of holders: units are moved, never made or lost, and what was held on a day before stays so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.bonds.register import RegisterEntry, UnitMove, held_on, moved
from fntx_dagster.errors import Permanent

PEOPLE = ("ada", "bob", "cleo", "dora")
LINES = ("A", "B", None)
START = date(2026, 1, 1)
REGISTER = [
    RegisterEntry("A", "ada", 10, "at-ada", None),
    RegisterEntry("A", "bob", 5, "at-bob", None),
    RegisterEntry("B", "bob", 7, "at-bob", None),
    RegisterEntry(None, "cleo", 3, "at-cleo", None),
]

moves = st.builds(
    UnitMove,
    st.sampled_from(LINES),
    st.sampled_from(PEOPLE),
    st.sampled_from(PEOPLE),
    st.integers(-1, 12),
    st.sampled_from([f"at-{name}" for name in PEOPLE] + ["elsewhere"]),
)
days = st.integers(0, 6).map(lambda days: START + timedelta(days))


def sums(entries: Iterable[RegisterEntry], day: date | None) -> Counter[str | None]:
    """Tranche → its units on a day."""
    total: Counter[str | None] = Counter()
    for (tranche, _), each in held_on(entries, day).items():
        total[tranche] += each.units
    return total


@given(st.lists(st.tuples(moves, days), max_size=12))
def test_units_are_neither_made_nor_lost_and_nobody_has_fewer_than_none_on_any_day(
    asked: list[tuple[UnitMove, date]],
) -> None:
    register = [*REGISTER]
    before = sums(register, None)
    for move, day in asked:
        earlier = {at: held_on(register, at) for at in (START - timedelta(1), day - timedelta(1))}
        try:
            new = moved(register, [move], day)
        except Permanent:
            continue
        register += new
        assert len(new) == 2
        assert {at: held_on(register, at) for at in earlier} == earlier
    for at in (None, *(START + timedelta(days) for days in range(-1, 8))):
        assert sums(register, at) == before
        assert all(each.units > 0 for each in held_on(register, at).values())


def test_what_one_gives_another_gets_from_the_record_date_on() -> None:
    register = [*REGISTER, *moved(REGISTER, [UnitMove("A", "ada", "dora", 4, "at-dora")], START)]
    assert held_on(register, START - timedelta(1)) == held_on(REGISTER)
    now = held_on(register, START)
    assert (now["A", "ada"], now["A", "dora"]) == ((6, "at-ada"), (4, "at-dora"))


def test_a_new_address_counts_whatever_is_given_away_later() -> None:
    new = moved(REGISTER, [UnitMove("A", "ada", "ada", 10, "new"), UnitMove("A", "ada", "bob", 1, "at-bob")], START)
    register = [*REGISTER, *new]
    register += moved(register, [UnitMove("A", "ada", "bob", 2, "at-bob")], START + timedelta(1))
    assert held_on(register)["A", "ada"] == (7, "new")


@pytest.mark.parametrize(
    ("move", "words"),
    [
        (UnitMove("A", "ada", "dora", 11, "x"), "ada has 10 units of tranche A on 2026-01-01"),
        (UnitMove("B", "ada", "dora", 1, "x"), "ada has no units of tranche B"),
        (UnitMove(None, "ada", "dora", 1, "x"), "ada has no units of the equity"),
        (UnitMove("A", "ada", "dora", 0, "x"), "0 units of tranche A cannot be moved"),
        (UnitMove("A", "ada", "bob", 1, "x"), "bob is paid at at-bob for what it has of tranche A, and not at x"),
        (UnitMove("A", "ada", "ada", 10, "at-ada"), "ada is paid at at-ada already"),
        (UnitMove("A", "ada", "ada", 9, "x"), "9 of its 10 units would be at another"),
    ],
)
def test_what_cannot_be_moved_is_refused_in_words(move: UnitMove, words: str) -> None:
    with pytest.raises(Permanent, match=words):
        moved(REGISTER, [move], START)


def test_nothing_is_changed_behind_a_later_change() -> None:
    move = UnitMove("A", "ada", "bob", 1, "at-bob")
    register = [*REGISTER, *moved(REGISTER, [move], START + timedelta(5))]
    with pytest.raises(Permanent, match=r"on 2026-01-06, after 2026-01-03. Date this one 2026-01-06 or later"):
        moved(register, [move], START + timedelta(2))
    assert moved(register, [UnitMove(None, "cleo", "bob", 1, "at-bob")], START)
