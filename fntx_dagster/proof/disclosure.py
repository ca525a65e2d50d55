"""A disclosure: a file that shows some metrics of a signed day, with all that a stranger needs to check them.

`disclose` writes it, `parse` reads it without trusting it, `check` says whether each metric leads to the root. Whether
the root is on the chain, `services/signatures` checks. `verify/verify.py` and `verify/verify.html` do the same for
strangers, in the same order and the same words; docs/verify.md describes the format.

The checksum shows that a file was changed on its way, be it by a single bit. It is no proof of origin: who changes a
file can write a new checksum. The proof is the path from value and salt to a root that the trader posted.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple, NoReturn, Protocol

from fntx_dagster.errors import Permanent
from fntx_dagster.proof.keccak import keccak256
from fntx_dagster.proof.leaves import NULL_VALUE, Context, schema_hash_of
from fntx_dagster.proof.record import Record, verify
from fntx_dagster.proof.tree import DEPTH, SLOTS

FORMAT = "fntx.disclosure/1"
MAX_BYTES = 1_000_000


class Slot(Protocol):
    """What a disclosure needs to know of a metric (`metrics.catalogue.Metric`)."""

    @property
    def index(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def decimals(self) -> int: ...

    def text_of(self, scaled: int | None) -> str | None: ...


class Published(Protocol):
    """What a disclosure needs to know of a catalogue (`metrics.catalogue.Catalogue`)."""

    @property
    def metrics(self) -> Sequence[Slot]: ...

    def canonical(self) -> bytes: ...


class Disclosed(NamedTuple):
    """One metric that a disclosure shows. `value` is the text people read, `scaled` what was signed; None is null."""

    index: int  # pyright: ignore[reportIncompatibleMethodOverride]  # the format's name, which hides tuple.index
    name: str
    unit: str
    decimals: int
    value: str | None
    scaled: int | None
    salt: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class Disclosure:
    """A disclosure whose form is right; whether it is true `check` says."""

    context: Context
    version: int
    """The record's version; above 1 it is a correction."""
    root: bytes
    transaction: str | None
    """Hash of the transaction that posted it, where the discloser names it."""
    metrics: tuple[Disclosed, ...]


class Findings(NamedTuple):
    """The result of a check: whether each metric leads to the root, and every problem in words."""

    verdicts: tuple[tuple[Disclosed, bool], ...]
    problems: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.problems


def disclose(record: Record, catalogue: Published, names: Iterable[str], transaction: str | None = None) -> str:
    """The file that shows the named metrics of a record, and of the others nothing: JSON, its last line ended.

    `transaction` is the hash (0x…) of the transaction that posted the record. Permanent for no name, a name twice,
    names that the catalogue does not have (each with the nearest that it has), or a record of another catalogue.
    """
    canonical, context = catalogue.canonical(), record.context
    if schema_hash_of(canonical) != context.schema_hash:
        raise Permanent("the record was signed under another catalogue", "Give the catalogue of its schema hash")
    if transaction is not None and not _matches(_HASH, transaction):
        raise Permanent(f"{transaction!r} is no transaction's hash", "Give 0x and 64 lower-case hex digits")
    content = {
        "format": FORMAT,
        "chain_id": str(context.chain_id),
        "contract": context.contract,
        "trader": context.trader,
        "date": context.day.isoformat(),
        "version": record.version,
        "root": _hex(record.root),
        "transaction": transaction,
        "catalogue": canonical.decode("ascii"),
        "metrics": [_entry(record, metric) for metric in _chosen(catalogue, list(names))],
    }
    return json.dumps({**content, "checksum": _checksum(content)}, indent=2) + "\n"


def parse(text: str | bytes, catalogues: Iterable[Published]) -> Disclosure:
    """A disclosure from its file's content; `catalogues` are the ones that FNTX published.

    Permanent names the first field that is not as `disclose` writes it: whatever the bytes, nothing else is raised.
    """
    content = _read(text)
    _keys("the disclosure", content, _KEYS)
    _need(content["format"] == FORMAT, f"format is not {FORMAT}")
    _need(
        _matches(_NUMBER, content["chain_id"]) and 0 < int(content["chain_id"]) < 2**256,
        "chain_id is no chain's number",
    )
    for field in ("contract", "trader"):
        _need(_matches(_ADDRESS, content[field]), f"{field} is not an address")
    day = _day(content["date"])
    version = content["version"]
    _need(type(version) is int and 1 <= version < 2**32, "version is not a number from 1 to 4294967295")
    _need(_matches(_HASH, content["root"]), "root is not a hash")
    _need(
        content["transaction"] is None or _matches(_HASH, content["transaction"]),
        "transaction is neither a hash nor null",
    )
    published = {each.canonical().decode("ascii"): each for each in catalogues}
    _need(
        _is_text(content["catalogue"]) and content["catalogue"] in published, "catalogue is not one that FNTX published"
    )
    slots = {metric.index: metric for metric in published[content["catalogue"]].metrics}
    entries = content["metrics"]
    _need(type(entries) is list and 1 <= len(entries) <= SLOTS, f"metrics is not a list of 1 to {SLOTS} metrics")
    metrics: dict[int, Disclosed] = {}
    for place, entry in enumerate(entries):
        metric = _metric(f"metrics[{place}]", entry, slots)
        _need(metric.index not in metrics, f"metrics[{place}].index is there twice")
        metrics[metric.index] = metric
    _need(_matches(_HASH, content["checksum"]), "checksum is not a hash")
    _need(_checksum(content) == content["checksum"], "checksum is another one: the file was changed")
    context = Context(
        schema_hash=schema_hash_of(content["catalogue"].encode("ascii")),
        chain_id=int(content["chain_id"]),
        contract=content["contract"],
        trader=content["trader"],
        day=day,
    )
    return Disclosure(context, version, _bytes(content["root"]), content["transaction"], tuple(metrics.values()))


def check(disclosure: Disclosure, root: bytes | None = None) -> Findings:
    """Whether each metric leads to the disclosure's root, and whether that is `root`, where it is known elsewhere."""
    problems = ["root is not the one that was given"] if root is not None and root != disclosure.root else []
    verdicts = tuple((metric, _leads(disclosure, metric)) for metric in disclosure.metrics)
    problems += [
        f"{metric.name} (slot {metric.index}) does not lead to the root" for metric, leads in verdicts if not leads
    ]
    return Findings(verdicts, tuple(problems))


_KEYS = {
    "format",
    "chain_id",
    "contract",
    "trader",
    "date",
    "version",
    "root",
    "transaction",
    "catalogue",
    "metrics",
    "checksum",
}
_METRIC_KEYS = {"index", "name", "unit", "decimals", "value", "scaled", "salt", "path"}

_HASH = re.compile(r"0x[0-9a-f]{64}")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,77}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_BRACKETS = 2 + 2 * SLOTS  # the file, the list of metrics, each metric and its path
# A text that is not ended goes on to the end of the file: else each of its quotes would begin a search to the end.
_TEXT_OR_SPACE = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z))|[ \t\r\n]+', re.DOTALL)


def _chosen(catalogue: Published, names: list[str]) -> list[Slot]:
    by_name = {metric.name: metric for metric in catalogue.metrics}
    if not names:
        raise Permanent("no metric is named", "Name at least one metric of the catalogue")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Permanent(f"{', '.join(twice)} named twice", "Name each metric once")
    if unknown := [name for name in names if name not in by_name]:
        listed = ", ".join(_with_nearest(name, by_name) for name in unknown)
        raise Permanent(f"the catalogue has no metric {listed}", "docs/catalogue.md lists its metrics")
    return [by_name[name] for name in names]


def _with_nearest(name: str, known: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(name, known, 1)
    return f"{name!r} (nearest: {nearest[0]})" if nearest else f"{name!r}"


def _entry(record: Record, metric: Slot) -> dict[str, Any]:
    path, scaled = record.proof(metric.index), record.values[metric.index]
    return {
        "index": metric.index,
        "name": metric.name,
        "unit": metric.unit,
        "decimals": metric.decimals,
        "value": metric.text_of(scaled),
        "scaled": None if scaled is None else str(scaled),
        "salt": _hex(record.salts[metric.index]),
        "path": [_hex(sibling) for sibling in path],
    }


def _checksum(content: Mapping[str, Any]) -> str:
    """keccak256 of all but the checksum itself, as JSON with sorted keys and no spaces."""
    rest = {key: value for key, value in content.items() if key != "checksum"}
    return _hex(keccak256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode("ascii")))


def _read(text: str | bytes) -> Any:
    _need(len(text) <= MAX_BYTES, f"the disclosure has more than {MAX_BYTES} bytes")
    _need(text.isascii(), "the disclosure is not plain ASCII text")
    written = text if isinstance(text, str) else text.decode("ascii")
    # Python's parser recurses, and where some library has raised its limit too deep a nesting ends the process.
    outside = _TEXT_OR_SPACE.sub("", written)
    _need(outside.count("[") + outside.count("{") <= _BRACKETS, "the disclosure is not JSON")
    try:
        content = json.loads(written)
        again = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    except (ValueError, RecursionError):
        _refuse("the disclosure is not JSON")
    # One way to write each thing: no key twice, no 1.0 for 1, no escape that is not needed. Only space is free.
    compact = _TEXT_OR_SPACE.sub(lambda match: match[1] or "", written)
    _need(
        compact == again,
        "the disclosure is not JSON as FNTX writes it: a key twice, or a number or text in another notation",
    )
    return content


def _metric(where: str, entry: Any, slots: Mapping[int, Slot]) -> Disclosed:
    _keys(where, entry, _METRIC_KEYS)
    index, scaled = entry["index"], entry["scaled"]
    _need(type(index) is int and index in slots, f"{where}.index is not a slot of the catalogue")
    slot = slots[index]
    for field in ("name", "unit", "decimals"):
        expected = getattr(slot, field)
        _need(
            type(entry[field]) is type(expected) and entry[field] == expected, f"{where}.{field} is not the catalogue's"
        )
    number = int(scaled) if _matches(_NUMBER, scaled) else None
    fits = scaled is None or (number is not None and NULL_VALUE < number < -NULL_VALUE)
    _need(fits, f"{where}.scaled is neither null nor a whole number that int256 holds")
    try:
        value = slot.text_of(number)
    except Permanent:
        _refuse(f"{where}.scaled stands for no letters")
    _need(entry["value"] == value and type(entry["value"]) is type(value), f"{where}.value is not what scaled says")
    _need(_matches(_HASH, entry["salt"]), f"{where}.salt is not a hash")
    path = entry["path"]
    is_path = type(path) is list and len(path) == DEPTH and all(_matches(_HASH, sibling) for sibling in path)
    _need(is_path, f"{where}.path is not {DEPTH} hashes")
    siblings = tuple(_bytes(sibling) for sibling in path)
    return Disclosed(index, slot.name, slot.unit, slot.decimals, value, number, _bytes(entry["salt"]), siblings)


def _leads(disclosure: Disclosure, metric: Disclosed) -> bool:
    return verify(disclosure.context, disclosure.root, metric.index, metric.scaled, metric.salt, metric.path)


def _keys(where: str, content: Any, keys: set[str]) -> None:
    _need(
        type(content) is dict and content.keys() == keys,
        f"{where} does not have exactly the keys {', '.join(sorted(keys))}",
    )


def _day(text: Any) -> date:
    try:
        day = date.fromisoformat(text) if _matches(_DAY, text) else None
    except ValueError:
        day = None
    if day is None or day.year < 1970:
        _refuse("date is not a day from 1970-01-01 to 9999-12-31")
    return day


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return _is_text(value) and pattern.fullmatch(value) is not None


def _is_text(value: Any) -> bool:
    return type(value) is str


def _need(condition: bool, otherwise: str) -> None:
    if not condition:
        _refuse(otherwise)


def _refuse(message: str) -> NoReturn:
    raise Permanent(message, "Ask for the file again where it came from")


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _hex(content: bytes) -> str:
    return f"0x{content.hex()}"
