"""Names whose characters turn the direction of writing: they are compared as a person reads them, too."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.compliance.directions import as_read, readings
from fntx_dagster.compliance.entities import ListedEntity, party_of
from fntx_dagster.compliance.screening import Screen, known
from fntx_dagster.services.screening.calculating import compare, screening_against
from tests.compliance.labelled import VECTORS

NAME = "Aurelio Vantrosk"
TURNED = {
    "the whole name": f"\u202e{NAME[::-1]}",
    "with its end": f"\u202e{NAME[::-1]}\u202c",
    "one word of it": f"\u202e{NAME[:7][::-1]}\u202c{NAME[7:]}",
    "each word": f"\u202e{NAME[:7][::-1]}\u202c \u202e{NAME[8:][::-1]}\u202c",
    "letter by letter": "".join(f"\u202e{each}\u202c" for each in NAME),
    "as written, in the other direction": f"\u202e{NAME}",
    "beside one that changes nothing": f"\u202d{NAME[:7]}\u202c \u202e{NAME[8:][::-1]}\u202c",
    "with signs that nobody sees": "\u200b".join(f"\u202e{NAME[::-1]}"),
}
REVERSED_HEBREW = f"\u202d{'יוסף טזבק'[::-1]}\u202c"


def entity(*names: str) -> ListedEntity:
    return ListedEntity("NK-1", "Person", names, (), (), "00", 1)


@pytest.mark.parametrize("name", TURNED.values(), ids=TURNED)
def test_a_name_that_is_read_as_a_listed_one_is_a_match_in_every_calculator(name: str) -> None:
    assert compare({"name1": name, "name2": NAME})["score"] == 100
    assert compare({"name1": NAME, "name2": name})["match"]
    screen = screening_against([VECTORS / "targets.simple.csv"])
    result = screen({"kind": "screen", "party": {"name": name, "birth_date": "1961-04-02", "schema": "Person"}})
    assert (result["status"], result["entity"]) == ("blocked", "NK-f1")


def test_hebrew_letters_that_are_turned_are_read_from_their_end() -> None:
    assert as_read(REVERSED_HEBREW) == "יוסף טזבק"
    assert compare({"name1": REVERSED_HEBREW, "name2": "יוסף טזבק"})["score"] == 100


def test_a_name_on_a_list_may_be_turned_as_well() -> None:
    held = Screen([known(entity(TURNED["one word of it"]))])
    assert held.check(party_of(NAME)).status == "blocked"


@given(st.text(st.characters(exclude_characters="\u202d\u202e\u202c"), max_size=30))
def test_a_text_that_turns_nothing_is_read_as_it_is_written(text: str) -> None:
    assert as_read(text) == text


@given(st.text("abcdefghijklmnoprst ", min_size=2, max_size=30).filter(str.strip))
def test_turning_a_name_twice_reads_as_the_name(text: str) -> None:
    assert readings(f"\u202e{text[::-1]}")[-1] == readings(text)[0]
