"""The calculators of the compliance gate: two names, or a party against a list in a file. Nothing else is read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from fntx_dagster.compliance.directions import readings
from fntx_dagster.compliance.entities import ScreenedParty, party_of
from fntx_dagster.compliance.scoring import POTENTIAL, score
from fntx_dagster.compliance.screening import EntityMatch, Screen, known
from fntx_dagster.services.calculators import Calculate, Case, CaseRefused, by_kind, field
from fntx_dagster.services.screening.list_files import ListFile


def compare(case: Case) -> dict[str, Any]:
    """`score` (0 to 100) of `name1` and `name2`, and whether it is a match."""
    pairs = product(readings(field(case, "name1", str)), readings(field(case, "name2", str)))
    most = max(score(one, other) for one, other in pairs)
    return {"score": most, "match": most >= POTENTIAL}


def screening_against(files: Sequence[Path]) -> Calculate:
    """The calculator of cases of kind `screen` against the lists in these files. Raises ListRefused."""
    listed = Screen(known(entity) for file in files for entity in ListFile(file).entities())

    def screen(case: Case) -> dict[str, Any]:
        result = listed.check(asked_party(case))
        best = result.best
        return {
            "status": result.status,
            "entity": best.entity_id if best else None,
            "matches": [shown_match(match) for match in result.matches],
        }

    return by_kind({"screen": screen})


def shown_match(match: EntityMatch) -> dict[str, Any]:
    """A match as programs read it."""
    return {
        "entity": match.entity_id,
        "score": match.score,
        "status": match.status,
        "contradiction": match.contradiction,
        "row_hash": match.row_hash,
    }


def asked_party(case: Case) -> ScreenedParty:
    """The party of a case. CaseRefused for a field of another type."""
    given = field(case, "party", dict)

    def text(name: str) -> str:
        return "" if given.get(name) is None else field(given, name, str)

    countries = [] if given.get("countries") is None else field(given, "countries", list)
    if not all(type(code) is str for code in countries):
        raise CaseRefused("wrong_type", "countries is not a list of texts")
    return party_of(field(given, "name", str), text("schema"), text("birth_date"), countries)
