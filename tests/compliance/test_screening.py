"""A party against the entities of lists: whom it may be, and what speaks against it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.compliance.entities import contradiction, party_of
from fntx_dagster.compliance.names import listed_form
from fntx_dagster.compliance.ofac import ofac_entities
from fntx_dagster.compliance.opensanctions import opensanctions_entities
from fntx_dagster.compliance.screening import KnownEntity, Screen, known
from fntx_dagster.errors import Permanent
from tests.compliance.labelled import VECTORS

CASES = json.loads((VECTORS / "screen.json").read_text(encoding="utf-8"))["cases"]
OFAC_IDS = {"NK-f1": "9000"}


def lines(name: str) -> list[bytes]:
    return (VECTORS / name).read_bytes().splitlines(keepends=True)


SCREENS = {
    "opensanctions": Screen(map(known, opensanctions_entities("list.csv", lines("targets.simple.csv")))),
    "ofac": Screen(map(known, ofac_entities(lines("sdn.csv"), lines("alt.csv")))),
}


@pytest.mark.parametrize("kind", SCREENS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_parties_are_judged_as_they_must_be_by_both_forms_of_the_list(case: dict[str, Any], kind: str) -> None:
    result = SCREENS[kind].check(party_of(**case["party"]))
    expected = case["expected"].get("entity")
    assert result.status == case["expected"]["status"]
    best = result.best.entity_id if result.best else None
    assert best == (OFAC_IDS[expected] if kind == "ofac" and expected else expected)


@pytest.mark.parametrize(
    ("party", "against"),
    [
        ({"schema": "Company"}, "schema"),
        ({"schema": "Vessel"}, "schema"),
        ({"schema": "LegalEntity"}, None),
        ({"schema": "Person", "birth_date": "1962"}, None),
        ({"schema": "Person", "birth_date": "1963-01-01"}, "birth_date"),
        ({"schema": "Person", "countries": ["ZZ", "fr"]}, None),
        ({"schema": "Person", "countries": ["fr"]}, "countries"),
        ({"birth_date": "1961"}, None),
    ],
)
def test_a_contradiction_leaves_a_match_to_a_person(party: dict[str, Any], against: str | None) -> None:
    best = SCREENS["opensanctions"].check(party_of("Aurelio Vantrosk", **party)).best
    assert best is not None
    assert (best.score, best.contradiction) == (100, against)
    assert best.status == ("blocked" if against is None else "potential")


def test_a_vessel_is_no_legal_entity_and_several_years_of_birth_are_all_compared() -> None:
    assert contradiction(party_of("x", "LegalEntity"), "Vessel", (), ()) == "schema"
    assert contradiction(party_of("x", birth_date="1950"), "Person", ("1946", "circa 1951"), ()) is None
    assert contradiction(party_of("x", birth_date="1950"), "Person", ("1946", "12 May 1948"), ()) == "birth_date"
    assert contradiction(party_of("x", birth_date="1950"), "Person", ("unknown",), ()) is None


@pytest.mark.parametrize("given", [{"birth_date": "4 May"}, {"birth_date": "61"}, {"countries": ["France"]}])
def test_what_is_no_date_or_country_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(Permanent, match="Write"):
        party_of("Aurelio Vantrosk", **given)


WORDS = [
    "aurelio",
    "vantrosk",
    "mireille",
    "bank",
    "of",
    "li",
    "wang",
    "al",
    "ltd",
    "j",
    "k",
    "quillon",
    "yusuf",
    "abd",
]
NAMES = st.lists(st.sampled_from(WORDS) | st.text("abeijkoswxyz", min_size=1, max_size=8), min_size=1, max_size=5).map(
    " ".join
)


@given(st.lists(st.lists(NAMES, min_size=1, max_size=3), min_size=1, max_size=12), NAMES)
def test_what_is_compared_first_loses_no_match(listed: list[list[str]], name: str) -> None:
    entities = [
        KnownEntity(str(at), "", tuple(map(listed_form, names)), (), (), f"{at}") for at, names in enumerate(listed)
    ]
    held = Screen(entities)
    assert held.check(party_of(name)) == held.check_plainly(party_of(name))


@given(NAMES, st.randoms(use_true_random=False))
def test_a_name_is_found_under_its_words_in_any_order_and_without_blanks(name: str, random: Any) -> None:
    shuffled = name.split()
    random.shuffle(shuffled)
    held = Screen([KnownEntity("1", "", (listed_form(name),), (), (), "")])
    found = held.check(party_of(" ".join(shuffled)))
    assert found == held.check_plainly(party_of(" ".join(shuffled)))


def test_an_entity_without_a_name_that_can_be_compared_is_kept_and_never_found(tmp_path: Path) -> None:
    held = Screen([KnownEntity("1", "", (), (), (), "")])
    assert held.check(party_of("Aurelio Vantrosk")).status == "clear"
