"""How alike two names are, from 0 to 100, in parts that a person can follow."""

from __future__ import annotations

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from fntx_dagster.compliance.names import Name

BLOCKED, POTENTIAL = 97.0, 77.0
"""The scores from which a name is taken for the listed one, and from which a person has to look."""

_ALIKE = 0.6
_LONG_WORD = 4
_OTHER_WORD = 0.2
_LONELY_SHARE = 0.1
_OF_AN_INITIAL = 0.9


def score(one: Name, other: Name) -> float:
    """0 to 100, to two decimals; the same whichever comes first.

    100 for the same words in any order, or equal without blanks. Else at most 99: rapidfuzz's WRatio of the names as
    they sound, less a tenth of the share of the shorter name's letters whose word has no partner in the longer one,
    and less a fifth for each word of four letters and more for which the other name has another instead. Only names
    that are written alike, not only sound alike, reach `BLOCKED`.
    """
    if is_same(one, other):
        return 100.0
    alike = min(99.0, fuzz.WRatio(one.sound, other.sound))
    if alike >= BLOCKED:
        alike = max(BLOCKED - 1, min(alike, fuzz.WRatio(one.text, other.text)))
    return round(alike * _agreement(one, other), 2)


def is_same(one: Name, other: Name) -> bool:
    """Whether two names have the same words in any order, or are equal without blanks."""
    return "".join(one.words) == "".join(other.words) or sorted(one.words) == sorted(other.words)


def _agreement(one: Name, other: Name) -> float:
    """What is left of 1 after the words without a partner."""
    shorter, longer = sorted((one, other), key=lambda name: (len(name.spelt), len("".join(name.spelt)), name))
    lonely, instead = _without_partner(shorter, longer)
    share = len("".join(lonely)) / len("".join(shorter.spelt))
    exchanged = min(_long(lonely), _long(instead))
    return (1 - _LONELY_SHARE * share) * (1 - _OTHER_WORD) ** exchanged


def _without_partner(shorter: Name, longer: Name) -> tuple[list[str], list[str]]:
    """The words of either name that no word of the other matches; the best matches are taken first, each word once."""
    matches = sorted(
        (-likeness, at, there)
        for at, (word, sound) in enumerate(zip(*shorter, strict=True))
        for there, (partner, its_sound) in enumerate(zip(*longer, strict=True))
        if (likeness := max(_likeness(word, partner), _likeness(sound, its_sound))) >= _ALIKE
    )
    taken, given = set[int](), set[int]()
    for _, at, there in matches:
        if at not in taken and there not in given:
            taken.add(at)
            given.add(there)
    return (
        [word for at, word in enumerate(shorter.spelt) if at not in taken],
        [word for there, word in enumerate(longer.spelt) if there not in given],
    )


def _likeness(word: str, other: str) -> float:
    if len(word) == 1 or len(other) == 1:
        return _OF_AN_INITIAL if word[0] == other[0] else 0.0
    return OSA.normalized_similarity(word, other)


def _long(words: list[str]) -> int:
    return sum(len(word) >= _LONG_WORD for word in words)
