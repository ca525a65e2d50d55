"""The published vectors of period proofs, as values: whole files, days with their slots, patches."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from fntx_dagster.metrics.catalogue import EXTENSION
from fntx_dagster.periods.commitment import DayCommitment, day_commitment
from fntx_dagster.proof.leaves import schema_hash_of

VECTORS = Path(__file__).parent / "vectors"
DAYS = json.loads((VECTORS / "days.json").read_text())
EXTENSION_HASH = schema_hash_of(EXTENSION.canonical())
COUNTS = {"wins": 4, "losses": 5, "break_evens": 6}


def text_of(name: str) -> str:
    """A file of the vectors."""
    return (VECTORS / name).read_text()


def committed(day: dict, slots: dict | None = None, **changed) -> DayCommitment | None:
    """The commitment of a day of the vectors, some of its slots replaced."""
    read = {name: None if value is None else int(value) for name, value in (day["slots"] | (slots or {})).items()}
    arguments = {
        "secret": bytes.fromhex(day["secret"][2:]),
        "extension_schema_hash": EXTENSION_HASH,
        "account": day["account"],
        "day": date.fromisoformat(day["date"]),
        "version": day["version"],
        "record": {int(name): value for name, value in read.items() if name.isdecimal()},
        "extension": {slot: read[name] for name, slot in COUNTS.items()},
        "session": day["session"],
        "currency": day["currency"],
    }
    return day_commitment(**(arguments | changed))
