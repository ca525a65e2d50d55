"""What tokens on a ledger say about the holders of a bond: a party that moved its tokens is seen, and dust is not."""

from __future__ import annotations

from collections import Counter
from decimal import ROUND_DOWN, Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.bonds.holdings import HolderDifference, UnitsGone, differences, nominal, units_gone
from fntx_dagster.bonds.register import HeldUnits, Line

NOTIONALS = {"A": Fraction(900_000), "B": Fraction(100_000)}
REGISTER: dict[Line, HeldUnits] = {
    ("A", "ada"): HeldUnits(2, ""),
    ("A", "bob"): HeldUnits(1, ""),
    ("B", "house"): HeldUnits(1, ""),
    (None, "house"): HeldUnits(5, ""),
}
units = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 10**6), min_size=1)


def test_a_share_of_a_tranche_is_a_share_of_its_notional() -> None:
    assert nominal(REGISTER, NOTIONALS) == {"ada": 600_000, "bob": 300_000, "house": 100_000}


@given(units, st.integers(1, 10**6), st.integers(0, 7))
def test_tokens_in_proportion_differ_for_nobody_however_many_are_out_and_whatever_the_digits(
    held: dict[str, int], for_a_unit: int, digits: int
) -> None:
    register: dict[Line, HeldUnits] = {("A", name): HeldUnits(many, "") for name, many in held.items()}
    total = sum(held.values()) * for_a_unit * 1000
    cut = Decimal(1).scaleb(-digits)
    tokens = {
        name: Fraction((Decimal(many * total) / sum(held.values())).quantize(cut, ROUND_DOWN))
        for name, many in held.items()
    }
    assert differences(nominal(register, {"A": Fraction(5)}), tokens) == []
    assert differences(nominal(register, {"A": Fraction(5)}), {}) == []


@given(units, st.data())
def test_whole_units_that_moved_on_the_ledger_are_found_and_come_to_nothing(held: dict[str, int], data: st.DataObject):
    register: dict[Line, HeldUnits] = {("A", name): HeldUnits(many, "") for name, many in held.items()}
    giver, taker = data.draw(st.sampled_from(sorted(held))), data.draw(st.sampled_from(["a", "h", "new"]))
    many = data.draw(st.integers(1, held[giver]))
    total = sum(held.values())
    tokens = Counter(held)
    tokens[giver] -= many
    tokens[taker] += many
    fractions = {name: Fraction(each) for name, each in tokens.items()}
    notionals = {"A": Fraction(7)}
    found = differences(nominal(register, notionals), fractions)
    if taker == giver or many * 1_000_000 <= total:
        assert found == []
        return
    gone = units_gone(found, register, notionals, Fraction(total))
    assert gone is not None
    assert {each.holder: each.units for each in gone} == {giver: many, taker: -many}


def test_a_part_of_a_unit_is_seen_and_said_to_be_one() -> None:
    tokens = {"ada": Fraction(600_000), "bob": Fraction(200_000), "house": Fraction(200_000)}
    found = differences(nominal(REGISTER, NOTIONALS), tokens)
    assert found == [
        HolderDifference("bob", Fraction(300_000), Fraction(200_000)),
        HolderDifference("house", Fraction(100_000), Fraction(200_000)),
    ]
    assert units_gone(found, REGISTER, NOTIONALS, Fraction(1_000_000)) == [
        UnitsGone("A", "bob", Fraction(1, 3)),
        UnitsGone("A", "house", Fraction(-1, 3)),
    ]


def test_which_of_two_tranches_moved_is_left_to_people() -> None:
    register = REGISTER | {("B", "ada"): HeldUnits(1, "")}
    tokens = {"ada": Fraction(600_000), "bob": Fraction(350_000), "house": Fraction(50_000)}
    assert units_gone(differences(nominal(register, NOTIONALS), tokens), register, NOTIONALS, Fraction(10**6)) is None
