"""The labelled pairs of names, and how well a threshold tells the ones from the others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from fntx_dagster.compliance.names import normal_form
from fntx_dagster.compliance.scoring import score

VECTORS = Path(__file__).parent / "vectors"


class Scored(NamedTuple):
    """A pair's score, and whether people say that it is one person or body."""

    score: float
    match: bool


class Quality(NamedTuple):
    precision: float
    recall: float
    f1: float


@cache
def scored_pairs() -> tuple[Scored, ...]:
    pairs = json.loads((VECTORS / "pairs.json").read_text(encoding="utf-8"))["pairs"]
    return tuple(Scored(score(normal_form(pair["name1"]), normal_form(pair["name2"])), pair["match"]) for pair in pairs)


def quality(pairs: Sequence[Scored], threshold: float) -> Quality:
    found = sum(pair.match for pair in pairs if pair.score >= threshold)
    precision = found / max(sum(pair.score >= threshold for pair in pairs), 1)
    recall = found / sum(pair.match for pair in pairs)
    return Quality(precision, recall, 2 * precision * recall / max(precision + recall, 1e-9))


def cross_validated(parts: int) -> Quality:
    """Each part of the pairs judged by the threshold that is best on the others, among those of a recall of 0.92."""
    judged: list[Scored] = []
    for part in range(parts):
        others = [pair for at, pair in enumerate(scored_pairs()) if at % parts != part]
        thresholds = [threshold for threshold in range(60, 97) if quality(others, threshold).recall >= 0.92]
        best = max(thresholds, key=lambda threshold: quality(others, threshold).f1)
        judged += [
            Scored(pair.score - best, pair.match) for at, pair in enumerate(scored_pairs()) if at % parts == part
        ]
    return quality(judged, 0)
