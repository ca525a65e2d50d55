"""The published vectors of period proofs, as values: whole files, days with their slots, patches."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from fntx_dagster.metrics.catalogue import CATALOGUES, EXTENSION, EXTENSIONS, digest_value, letters
from fntx_dagster.periods.commitment import COMMITMENT_SLOT, DayCommitment, day_commitment
from fntx_dagster.periods.file import published_pairs
from fntx_dagster.periods.proving import ProvableDay, provable_day, prove
from fntx_dagster.proof.disclosure import EXTENSION_SLOT, scaled_root
from fntx_dagster.proof.leaves import Context, schema_hash_of
from fntx_dagster.proof.record import build_record
from fntx_dagster.proof.salts import SaltForm

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


PUBLISHED = published_pairs(CATALOGUES, EXTENSIONS)
SECRET = bytes(range(32))


def book(
    count: int,
    seed: int = 1,
    trader: str = "0x" + "11" * 20,
    contract: str = "0x" + "22" * 20,
    chain_id: int = 31337,
    first: date = date(2025, 1, 1),
    version: int = 1,
    others: Iterable[int] = (),
) -> list[ProvableDay]:
    """Signed days of a made-up account, one after the other; each opens where the last closed. `others` are slots of
    the record that are filled besides."""
    rng, nav, days = random.Random(seed), 10**14, []
    for number in range(count):
        closing = int(nav * (1 + rng.gauss(0.0005, 0.01)))
        record = dict.fromkeys(others, number)
        record |= {2: nav, 4: closing, 6: 0, 7: 0, 9: -rng.randrange(10**9), 11: -rng.randrange(10**8)}
        record |= {13: closing - nav, 15: rng.randrange(10**15), 57: letters("HKD"), 0: number + 1}
        counts = {slot: rng.randrange(5) for slot in (4, 5, 6)}
        context = Context(EXTENSION_HASH, chain_id, contract, trader, first + timedelta(days=number))
        days.append(signed(context, record, counts, version))
        nav = closing
    return days


def signed(context: Context, record: dict, counts: dict, version: int = 1) -> ProvableDay:
    """A day with these slots, as it is signed; `context` is the extension's."""
    known = {"record": record, "extension": counts, "session": record[0], "currency": "HKD"}
    committed = day_commitment(SECRET, EXTENSION_HASH, "U1", context.day, version, **known)
    values = {**counts, COMMITMENT_SLOT: digest_value(committed.digest)}
    extension = build_record(context, "U1", values, SECRET, version, salt_form=SaltForm.RECORD)
    values = {**record, EXTENSION_SLOT: scaled_root(extension.root)}
    context = replace(context, schema_hash=PUBLISHED[0].record)
    of_record = build_record(context, "U1", values, SECRET, version, salt_form=SaltForm.RECORD)
    return provable_day(of_record, extension, committed)


def proved(days: list[ProvableDay], items, audience=None, bounds=None, **arguments) -> str:
    """The file of a period of one account, from its first day to its last."""
    first, last = days[0].row.date, days[-1].row.date
    return prove([days], items, first, last, audience=audience, bounds=bounds, **arguments)


def with_checksum(content: dict) -> str:
    """The file of a content as it is, with a checksum that fits it."""
    rest = {key: value for key, value in content.items() if key != "checksum"}
    checksum = hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    return json.dumps({**rest, "checksum": f"0x{checksum}"}, separators=(",", ":")) + "\n"


def patched() -> dict[str, str]:
    """Name → a good file after the changes of that patch of the vectors."""
    broken = {}
    for patch in json.loads(text_of("patches.json")):
        content = json.loads(text_of(patch["base"]))
        for path, value, *deleted in patch["changes"]:
            at = content
            for key in path[:-1]:
                at = at[key]
            if deleted:
                del at[path[-1]]
            else:
                at[path[-1]] = value
        is_anew = patch["checksum"] == "anew"
        broken[patch["name"]] = with_checksum(content) if is_anew else json.dumps(content)
    return broken


def seeded(name: str):
    """The draws of the prover that made the vectors: SHA-512 of a seed and a counter from 1 on."""
    seed, counter = hashlib.sha256(name.encode()).digest(), itertools.count(1)
    return lambda: int.from_bytes(hashlib.sha512(seed + next(counter).to_bytes(8)).digest())
