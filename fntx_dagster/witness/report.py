"""A witness's report: which signed days agree with its own, and how it knows; no value is in it.

The hash of its canonical JSON is what an attestation carries as evidence. The trader hands the report on, and whoever
gets it compares that hash with the chain.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from hashlib import sha256
from itertools import pairwise
from typing import Any, NamedTuple

from fntx_dagster.model.witnesses import WINDOWS, Source
from fntx_dagster.proof.form import (
    ADDRESS,
    HASH,
    NUMBER,
    bytes_of,
    canonical,
    day_of,
    hex_of,
    is_text,
    matches,
    need,
    need_keys,
    strict_json,
)
from fntx_dagster.witness.comparison import ComparedDay, Result, SlotOutcome
from fntx_dagster.witness.package import MOST_DAYS

FORMAT = "fntx.witness/1"
MAX_BYTES = 64_000_000


class SeenStatement(NamedTuple):
    """A statement file that the witness computed from: its SHA-256 in hex, and when the broker made it (UTC)."""

    sha256: str
    generated_at: datetime


class WitnessReport(NamedTuple):
    """What a witness found. `fetched_at` (UTC) is None unless it fetched the statements itself; `program` is the
    version of FNTX that computed."""

    chain_id: int
    contract: str
    trader: str
    witness: str
    source: Source
    days: tuple[ComparedDay, ...]
    statements: tuple[SeenStatement, ...]
    fetched_at: datetime | None
    program: str

    @property
    def agreeing(self) -> list[ComparedDay]:
        """The days that may be attested."""
        return [day for day in self.days if day.result is Result.AGREES]

    @property
    def level(self) -> int:
        """The level of an attestation of the days that agree: with windows where each of them has."""
        agreeing = self.agreeing
        return self.source | (WINDOWS if agreeing and all(day.has_windows for day in agreeing) else 0)

    @property
    def evidence(self) -> bytes:
        """SHA-256 of the canonical JSON: sorted keys, no spaces, ASCII."""
        return sha256(canonical(_content(self))).digest()


def written(report: WitnessReport) -> str:
    """The file: JSON, its last line ended."""
    return json.dumps(_content(report), indent=2) + "\n"


def parse(text: str | bytes) -> WitnessReport:
    """A report from its file's content. Permanent names the first field that is not as `written` writes it."""
    content = strict_json(text, "the report", MAX_BYTES)
    need_keys("the report", content, _KEYS)
    need(content["format"] == FORMAT, f"format is not {FORMAT}")
    need(matches(NUMBER, content["chain_id"]), "chain_id is no chain's number")
    for name in ("contract", "trader", "witness"):
        need(matches(ADDRESS, content[name]), f"{name} is not an address")
    days, level = content["days"], content["level"]
    need(type(days) is list and 1 <= len(days) <= MOST_DAYS, f"days is not a list of 1 to {MOST_DAYS}")
    need(type(level) is int and (level & ~WINDOWS) in [*Source], "level is none that FNTX attests")
    need(type(content["statements"]) is list, "statements is not a list")
    need(matches(_PROGRAM, content["fntx"]), "fntx is no version")
    fetched_at = None if content["fetched_at"] is None else _moment("fetched_at", content["fetched_at"])
    report = WitnessReport(
        int(content["chain_id"]),
        content["contract"],
        content["trader"],
        content["witness"],
        Source(level & ~WINDOWS),
        tuple(_day(f"days[{place}]", entry) for place, entry in enumerate(days)),
        tuple(_statement(f"statements[{place}]", entry) for place, entry in enumerate(content["statements"])),
        fetched_at,
        content["fntx"],
    )
    need(report.level == level, "level is not what the days say")
    need(all(a.day < b.day for a, b in pairwise(report.days)), "the days do not ascend")
    need(not report.agreeing or bool(report.statements), "days agree, and there is no statement of them")
    is_fetched = {Source.FILES_SEEN: [False], Source.BROKER_FETCHED: [True]}.get(report.source, [False, True])
    need((fetched_at is not None) in is_fetched, "fetched_at is not what the level says")
    return report


_KEYS = {
    "format", "chain_id", "contract", "trader", "witness", "level", "days", "statements", "fetched_at", "fntx"
}  # fmt: skip
_DAY_KEYS = {"date", "version", "root", "result", "windows", "slots"}
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[a-z0-9_]{1,64}")
_PROGRAM = re.compile(r"[0-9A-Za-z.+-]{1,64}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


def _content(report: WitnessReport) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "chain_id": str(report.chain_id),
        "contract": report.contract,
        "trader": report.trader,
        "witness": report.witness,
        "level": report.level,
        "days": [
            {
                "date": day.day.isoformat(),
                "version": day.version,
                "root": hex_of(day.root),
                "result": day.result.value,
                "windows": day.has_windows,
                "slots": {outcome.value: list(names) for outcome, names in day.slots.items()},
            }
            for day in report.days
        ],
        "statements": [
            {"sha256": statement.sha256, "generated_at": _text(statement.generated_at)}
            for statement in report.statements
        ],
        "fetched_at": None if report.fetched_at is None else _text(report.fetched_at),
        "fntx": report.program,
    }


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _moment(where: str, text: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(text) if matches(_MOMENT, text) else None
    except ValueError:
        moment = None
    need(moment is not None, f"{where} is no time of UTC")
    assert moment is not None
    return moment


def _day(where: str, entry: Any) -> ComparedDay:
    need_keys(where, entry, _DAY_KEYS)
    version, slots = entry["version"], entry["slots"]
    has_rules = type(slots) is dict and all(outcome in [*SlotOutcome] for outcome in slots)
    need(type(version) is int and 1 <= version < 2**32, f"{where}.version is not a number from 1 to 4294967295")
    need(matches(HASH, entry["root"]), f"{where}.root is not a hash")
    need(is_text(entry["result"]) and entry["result"] in [*Result], f"{where}.result is none of {', '.join(Result)}")
    need(type(entry["windows"]) is bool, f"{where}.windows is neither true nor false")
    need(has_rules, f"{where}.slots has another rule")
    for names in slots.values():
        is_named = type(names) is list and all(matches(_NAME, name) for name in names)
        need(is_named, f"{where}.slots names no metric")
    every = [name for names in slots.values() for name in names]
    need(len({*every}) == len(every), f"{where}.slots names a metric twice")
    need(bool(every) or entry["result"] != Result.AGREES, f"{where} agrees in no slot")
    differs = bool(slots.get(SlotOutcome.DIFFERS.value))
    need(differs == (entry["result"] == Result.DIFFERS), f"{where}.result is not what its slots say")
    named = {SlotOutcome(outcome): tuple(names) for outcome, names in slots.items()}
    day: date = day_of(entry["date"])
    return ComparedDay(day, version, bytes_of(entry["root"]), Result(entry["result"]), named, entry["windows"])


def _statement(where: str, entry: Any) -> SeenStatement:
    need_keys(where, entry, {"sha256", "generated_at"})
    need(matches(_DIGEST, entry["sha256"]), f"{where}.sha256 is not a digest")
    return SeenStatement(entry["sha256"], _moment(f"{where}.generated_at", entry["generated_at"]))
