"""A sanctions list that nobody publishes, in the columns of OpenSanctions: made-up people, companies and ships."""

from __future__ import annotations

import csv
from pathlib import Path

_COLUMNS = ("id", "schema", "name", "aliases", "birth_date", "countries")
_ENTITIES = (
    ("MADE-UP-1", "Person", "Aurelio Vantrosk", "Aurelio Vantroska;Аурелио Вантроск", "1961-04-02", "zz"),
    ("MADE-UP-2", "Person", "Mireille d'Oskarbel", "Mirelle Doskarbel", "1975", "fr;be"),
    ("MADE-UP-3", "Company", "Quillon Maritime Holdings Ltd", "Quillon Shipping", "", "pa"),
    ("MADE-UP-4", "Vessel", "OSTRELLA", "", "", "pa"),
    ("MADE-UP-5", "Organization", "Front for the Liberation of Nowhere", "FLN-X", "", "zz"),
)

LISTED = ("AURELIO VANTROSK", "1961")
"""A name and a year of birth that the list has."""


def write_list(file: Path) -> None:
    """Write it as a file `targets.simple.csv` is written."""
    with file.open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows([_COLUMNS, *_ENTITIES])
