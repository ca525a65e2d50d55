"""Who is screened and who is listed; and what speaks against both being the same although they are called alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from fntx_dagster.errors import Permanent

_PERSON, _BODY, _VESSEL, _AIRCRAFT = "person", "body", "vessel", "aircraft"
_KINDS = {
    "person": _PERSON,
    "organization": _BODY,
    "company": _BODY,
    "publicbody": _BODY,
    "vessel": _VESSEL,
    "airplane": _AIRCRAFT,
}
"""What a schema of OpenSanctions is; a LegalEntity may be a person or a body, so it speaks against neither."""
_EITHER = "legalentity"
_YEAR = re.compile(r"(?<!\d)(?:1[6-9]|20)\d\d(?!\d)")
_DATE = re.compile(r"\d{4}(?:-\d\d(?:-\d\d)?)?")
_COUNTRY = re.compile(r"[a-z]{2,4}(?:-[a-z0-9]{2,4})?")


class ScreenedParty(NamedTuple):
    """Whom a check is about. `schema`: Person, Company, Vessel …, empty where it is not known; `birth_date`: a year, a
    month or a day in ISO form, or empty; `countries`: codes of two letters, in lower case."""

    name: str
    schema: str = ""
    birth_date: str = ""
    countries: tuple[str, ...] = ()


class ListedEntity(NamedTuple):
    """An entry of a list. `names`: its name and its aliases; `birth_dates` in any form that holds the year;
    `countries`: codes in lower case; `row_hash`: SHA-256 (hex) of what the list says of it, without the days on which
    it was looked at; `row`: of the file, from 1."""

    entity_id: str
    schema: str
    names: tuple[str, ...]
    birth_dates: tuple[str, ...]
    countries: tuple[str, ...]
    row_hash: str
    row: int


def party_of(name: str, schema: str = "", birth_date: str = "", countries: Sequence[str] = ()) -> ScreenedParty:
    """A party as it was given. Permanent for a date of birth or a country of another form."""
    if birth_date and not _DATE.fullmatch(birth_date):
        raise Permanent(
            f"the date of birth {birth_date[:40]!r} has another form", "Write 1961-04-02, 1961-04 or 1961, or leave it"
        )
    codes = tuple(code.strip().lower() for code in countries)
    if wrong := [code for code in codes if not _COUNTRY.fullmatch(code)]:
        raise Permanent(f"{wrong[0][:40]!r} is no code of a country", "Write two letters, as `fr`")
    return ScreenedParty(name, schema, birth_date, codes)


def contradiction(
    party: ScreenedParty, schema: str, birth_dates: Sequence[str], countries: Sequence[str]
) -> str | None:
    """What speaks against the party being the entity with this schema, these dates of birth and countries: `schema`,
    `birth_date` or `countries`; None where nothing does.

    A person is no body, no vessel and no aircraft; years of birth that are all more than one apart are of two people;
    and so are countries where both have some and none in common.
    """
    if _are_of_two_kinds(party.schema, schema):
        return "schema"
    own, listed = years(party.birth_date), {year for text in birth_dates for year in years(text)}
    if own and listed and all(abs(one - other) > 1 for one in own for other in listed):
        return "birth_date"
    if party.countries and countries and not {*party.countries} & {*countries}:
        return "countries"
    return None


def years(text: str) -> set[int]:
    """The years that a text names."""
    return {int(year) for year in _YEAR.findall(text)}


def _are_of_two_kinds(one: str, other: str) -> bool:
    names = one.strip().lower(), other.strip().lower()
    if _EITHER in names:
        return bool({_KINDS.get(name) for name in names} & {_VESSEL, _AIRCRAFT})
    kinds = [_KINDS.get(name) for name in names]
    return None not in kinds and kinds[0] != kinds[1]
