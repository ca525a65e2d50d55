"""Screening a party against every entity of the lists: which of them it may be, and what follows.

`Screen` holds the names of the lists in the forms in which they are compared. A party is compared with all of them in
rapidfuzz first, by what its score is at most, and in full with what is left: no match is lost by that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rapidfuzz import fuzz, process

from fntx_dagster.compliance.directions import readings, texts_of
from fntx_dagster.compliance.entities import ListedEntity, ScreenedParty, contradiction
from fntx_dagster.compliance.names import Name, listed_form
from fntx_dagster.compliance.scoring import BLOCKED, POTENTIAL, score

CLEAR, POTENTIAL_MATCH, BLOCKED_MATCH = "clear", "potential", "blocked"
_SEVERITY = {CLEAR: 0, POTENTIAL_MATCH: 1, BLOCKED_MATCH: 2}
_ROUNDING = 0.01
"""The score is rounded to two decimals, what is compared with it here is not."""


class KnownEntity(NamedTuple):
    """A listed entity as a screen holds it: its names in normal form, and what may speak against a match."""

    entity_id: str
    schema: str
    names: tuple[Name, ...]
    birth_dates: tuple[str, ...]
    countries: tuple[str, ...]
    row_hash: str


class EntityMatch(NamedTuple):
    """An entity that a party may be: the best score (0 to 100) of its names, `blocked` or `potential`, what speaks
    against it (`schema`, `birth_date`, `countries` or None), and the hash of the entity's row."""

    entity_id: str
    score: float
    status: str
    contradiction: str | None
    row_hash: str


class ScreeningResult(NamedTuple):
    """`clear`, `potential` or `blocked`; and the entities that made it so, the gravest and best first."""

    status: str
    matches: tuple[EntityMatch, ...]

    @property
    def best(self) -> EntityMatch | None:
        return self.matches[0] if self.matches else None


class Screen:
    """The entities of one or several lists, to be compared with one party after another."""

    def __init__(self, entities: Iterable[KnownEntity]) -> None:
        self.entities: list[KnownEntity] = list(entities)
        self._owners: list[int] = []
        self._names: list[Name] = []
        self._same: dict[str, list[int]] = defaultdict(list)
        for owner, entity in enumerate(self.entities):
            for name in dict.fromkeys(entity.names):
                place = len(self._names)
                self._owners.append(owner)
                self._names.append(name)
                for key in _keys(name):
                    self._same[key].append(place)
        self._sounds = [name.sound for name in self._names]

    def check(self, party: ScreenedParty) -> ScreeningResult:
        """Whom the party may be. Permanent where its name is none."""
        names = readings(party.name)
        return self._result(party, names, {place for name in names for place in self._near(name)})

    def check_plainly(self, party: ScreenedParty) -> ScreeningResult:
        """The same by comparing in full with every name, which takes longer: what tests and benchmarks compare with."""
        return self._result(party, readings(party.name), range(len(self._names)))

    def _near(self, name: Name) -> set[int]:
        """The places of all names that may score `POTENTIAL` or more: a score is at most the likeness of the sounds,
        or 100 for the same words in any order or without blanks."""
        near = process.extract(
            name.sound,
            self._sounds,
            scorer=fuzz.WRatio,
            processor=None,
            limit=None,
            score_cutoff=POTENTIAL - _ROUNDING,
        )
        return {place for _, _, place in near}.union(*(self._same.get(key, ()) for key in _keys(name)))

    def _result(self, party: ScreenedParty, names: Sequence[Name], places: Iterable[int]) -> ScreeningResult:
        best: dict[int, float] = {}
        for place in places:
            owner = self._owners[place]
            best[owner] = max(best.get(owner, 0.0), *(score(name, self._names[place]) for name in names))
        matches = [_match(party, self.entities[owner], most) for owner, most in best.items() if most >= POTENTIAL]
        matches.sort(key=lambda match: (-_SEVERITY[match.status], -match.score, match.entity_id))
        return ScreeningResult(matches[0].status if matches else CLEAR, tuple(matches))


def known(entity: ListedEntity) -> KnownEntity:
    """A listed entity with its names in normal form. A name without a letter or digit is left out."""
    texts = [text for name in entity.names for text in texts_of(name)]
    forms = dict.fromkeys(form for text in texts if (form := listed_form(text)).words)
    return KnownEntity(
        entity.entity_id, entity.schema, tuple(forms), entity.birth_dates, entity.countries, entity.row_hash
    )


def gravest(statuses: Sequence[str]) -> str:
    """The gravest of several statuses; `clear` where there are none."""
    return max(statuses, key=_SEVERITY.__getitem__, default=CLEAR)


def _keys(name: Name) -> tuple[str, str]:
    """Equal for names that are the same without blanks, or in other order; a blank first keeps the two apart."""
    return "".join(name.words), f" {' '.join(sorted(name.words))}"


def _match(party: ScreenedParty, entity: KnownEntity, most: float) -> EntityMatch:
    against = contradiction(party, entity.schema, entity.birth_dates, entity.countries)
    status = BLOCKED_MATCH if most >= BLOCKED and against is None else POTENTIAL_MATCH
    return EntityMatch(entity.entity_id, most, status, against, entity.row_hash)
