"""A disclosure: a file that shows some metrics of a signed day, with all that a stranger needs to check them.

`disclose` writes it, `parse` reads it without trusting it, `check` says whether each metric leads to the root. Metrics
of the day's extension lead to the extension's root, and that root, which is the value of slot 63, to the record's.
Whether the record's root is on the chain, `services/signatures` checks. `verify/verify.py` and `verify/verify.html` do
the same for strangers, in the same order and the same words; docs/verify.md describes the format.

The checksum shows that a file was changed on its way, be it by a single bit. It is no proof of origin: who changes a
file can write a new checksum. The proof is the path from value and salt to a root that the trader posted.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from fntx_dagster.errors import Permanent
from fntx_dagster.proof.form import (
    ADDRESS,
    HASH,
    NUMBER,
    bytes_of,
    checksum_of,
    day_of,
    hex_of,
    is_text,
    matches,
    need,
    need_keys,
    refuse,
    strict_json,
)
from fntx_dagster.proof.leaves import NULL_VALUE, Context, schema_hash_of
from fntx_dagster.proof.record import Record, verify
from fntx_dagster.proof.tree import DEPTH, SLOTS

FORMAT = "fntx.disclosure/1"
FORMAT_WITH_EXTENSION = "fntx.disclosure/2"
"""The format of a disclosure that shows metrics of the extension; one without any is written as FORMAT."""

EXTENSION_SLOT = 63
"""The slot of a record whose value is the root of the day's extension."""


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
class DisclosedExtension:
    """The metrics of the day's extension that a disclosure shows, and the proof that its root is slot 63's value."""

    context: Context
    root: bytes
    salt: bytes
    """Of slot 63 of the record; so is the path."""
    path: tuple[bytes, ...]
    metrics: tuple[Disclosed, ...]

    @property
    def scaled_root(self) -> int:
        """The root as slot 63 has it."""
        return scaled_root(self.root)


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
    extension: DisclosedExtension | None = None


Verdicts = tuple[tuple[Disclosed, bool], ...]


class Findings(NamedTuple):
    """The result of a check: whether each metric leads to the record's root, those of the extension through its own,
    and every problem in words."""

    verdicts: Verdicts
    problems: tuple[str, ...]
    of_extension: Verdicts = ()

    @property
    def holds(self) -> bool:
        return not self.problems


def scaled_root(root: bytes) -> int:
    """The value of slot 63 that stands for an extension's root: its 32 bytes, big-endian two's complement."""
    return int.from_bytes(root, "big", signed=True)


def disclose(
    record: Record,
    catalogue: Published,
    names: Iterable[str],
    transaction: str | None = None,
    extension: tuple[Record, Published] | None = None,
) -> str:
    """The file that shows the named metrics of a record and its extension, and of the others nothing: JSON, its last
    line ended.

    `transaction` is the hash (0x…) of the transaction that posted the record; `extension` is the record's extension
    with its catalogue, where the day has one. Permanent for no name, a name twice, names that neither catalogue has
    (each with the nearest that they have), a record of another catalogue, or an extension that is not the record's.
    """
    of_extension = () if extension is None else extension[1].metrics
    chosen = _chosen([*catalogue.metrics, *of_extension], list(names))
    context = record.context
    if transaction is not None and not matches(HASH, transaction):
        raise Permanent(f"{transaction!r} is no transaction's hash", "Give 0x and 64 lower-case hex digits")
    content = {
        "format": FORMAT,
        "chain_id": str(context.chain_id),
        "contract": context.contract,
        "trader": context.trader,
        "date": context.day.isoformat(),
        "version": record.version,
        "root": hex_of(record.root),
        "transaction": transaction,
        "catalogue": _text_of(catalogue, record),
        "metrics": [_entry(record, metric) for metric in chosen if metric in catalogue.metrics],
    }
    if extension is not None and any(metric in of_extension for metric in chosen):
        tree, its_catalogue = extension
        if record.values.get(EXTENSION_SLOT) != scaled_root(tree.root):
            raise Permanent("the extension is not the record's", "Give the one that was signed with it")
        content |= {
            "format": FORMAT_WITH_EXTENSION,
            "extension": {
                "catalogue": _text_of(its_catalogue, tree),
                "root": hex_of(tree.root),
                "salt": hex_of(record.salts[EXTENSION_SLOT]),
                "path": [hex_of(sibling) for sibling in record.proof(EXTENSION_SLOT)],
                "metrics": [_entry(tree, metric) for metric in chosen if metric in of_extension],
            },
        }
    return json.dumps({**content, "checksum": checksum_of(content)}, indent=2) + "\n"


def parse(text: str | bytes, catalogues: Iterable[Published], extensions: Iterable[Published] = ()) -> Disclosure:
    """A disclosure from its file's content; `catalogues` are the ones that FNTX published for records, `extensions`
    those for extensions.

    Permanent names the first field that is not as `disclose` writes it: whatever the bytes, nothing else is raised.
    """
    content = strict_json(text)
    is_extended = type(content) is dict and content.get("format") == FORMAT_WITH_EXTENSION
    need_keys("the disclosure", content, _KEYS | {"extension"} if is_extended else _KEYS)
    need(is_extended or content["format"] == FORMAT, f"format is neither {FORMAT} nor {FORMAT_WITH_EXTENSION}")
    need(
        matches(NUMBER, content["chain_id"]) and 0 < int(content["chain_id"]) < 2**256,
        "chain_id is no chain's number",
    )
    for field in ("contract", "trader"):
        need(matches(ADDRESS, content[field]), f"{field} is not an address")
    day = day_of(content["date"])
    version = content["version"]
    need(type(version) is int and 1 <= version < 2**32, "version is not a number from 1 to 4294967295")
    need(matches(HASH, content["root"]), "root is not a hash")
    need(
        content["transaction"] is None or matches(HASH, content["transaction"]),
        "transaction is neither a hash nor null",
    )
    slots = _slots("catalogue", content["catalogue"], catalogues)
    metrics = _metrics("metrics", content["metrics"], slots, 0 if is_extended else 1)
    context = Context(
        schema_hash=schema_hash_of(content["catalogue"].encode("ascii")),
        chain_id=int(content["chain_id"]),
        contract=content["contract"],
        trader=content["trader"],
        day=day,
    )
    extension = _extension(content["extension"], context, slots, extensions) if is_extended else None
    need(matches(HASH, content["checksum"]), "checksum is not a hash")
    need(checksum_of(content) == content["checksum"], "checksum is another one: the file was changed")
    return Disclosure(context, version, bytes_of(content["root"]), content["transaction"], metrics, extension)


def check(disclosure: Disclosure, root: bytes | None = None) -> Findings:
    """Whether each metric leads to the disclosure's root, and whether that is `root`, where it is known elsewhere."""
    problems = ["root is not the one that was given"] if root is not None and root != disclosure.root else []
    context, extension = disclosure.context, disclosure.extension
    verdicts = tuple((metric, _leads(context, disclosure.root, metric)) for metric in disclosure.metrics)
    problems += [
        f"{metric.name} (slot {metric.index}) does not lead to the root" for metric, leads in verdicts if not leads
    ]
    if extension is None:
        return Findings(verdicts, tuple(problems))
    inner = [(metric, _leads(extension.context, extension.root, metric)) for metric in extension.metrics]
    problems += [
        f"{metric.name} (slot {metric.index} of the extension) does not lead to the extension's root"
        for metric, leads in inner
        if not leads
    ]
    leads_on = verify(context, disclosure.root, EXTENSION_SLOT, extension.scaled_root, extension.salt, extension.path)
    if not leads_on:
        problems.append(f"the extension's root (slot {EXTENSION_SLOT}) does not lead to the root")
    return Findings(verdicts, tuple(problems), tuple((metric, leads and leads_on) for metric, leads in inner))


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
_EXTENSION_KEYS = {"catalogue", "root", "salt", "path", "metrics"}
_METRIC_KEYS = {"index", "name", "unit", "decimals", "value", "scaled", "salt", "path"}


def _chosen(metrics: Sequence[Slot], names: list[str]) -> list[Slot]:
    by_name = {metric.name: metric for metric in metrics}
    if not names:
        raise Permanent("no metric is named", "Name at least one metric of the catalogue")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Permanent(f"{', '.join(twice)} named twice", "Name each metric once")
    if unknown := [name for name in names if name not in by_name]:
        listed = ", ".join(_with_nearest(name, by_name) for name in unknown)
        raise Permanent(f"the catalogue has no metric {listed}", "`fntx signature metrics` lists them")
    return [by_name[name] for name in names]


def _with_nearest(name: str, known: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(name, known, 1)
    return f"{name!r} (nearest: {nearest[0]})" if nearest else f"{name!r}"


def _text_of(catalogue: Published, record: Record) -> str:
    """The canonical text of the catalogue that the record was signed under."""
    canonical = catalogue.canonical()
    if schema_hash_of(canonical) != record.context.schema_hash:
        raise Permanent("the record was signed under another catalogue", "Give the catalogue of its schema hash")
    return canonical.decode("ascii")


def _entry(record: Record, metric: Slot) -> dict[str, Any]:
    path, scaled = record.proof(metric.index), record.values[metric.index]
    return {
        "index": metric.index,
        "name": metric.name,
        "unit": metric.unit,
        "decimals": metric.decimals,
        "value": metric.text_of(scaled),
        "scaled": None if scaled is None else str(scaled),
        "salt": hex_of(record.salts[metric.index]),
        "path": [hex_of(sibling) for sibling in path],
    }


def _slots(where: str, text: Any, catalogues: Iterable[Published]) -> dict[int, Slot]:
    published = {each.canonical().decode("ascii"): each for each in catalogues}
    need(is_text(text) and text in published, f"{where} is not one that FNTX published")
    return {metric.index: metric for metric in published[text].metrics}


def _extension(
    content: Any, context: Context, slots: Mapping[int, Slot], catalogues: Iterable[Published]
) -> DisclosedExtension:
    need_keys("extension", content, _EXTENSION_KEYS)
    need(EXTENSION_SLOT in slots, "catalogue has no slot for an extension")
    its_slots = _slots("extension.catalogue", content["catalogue"], catalogues)
    root = content["root"]
    is_root = matches(HASH, root) and scaled_root(bytes_of(root)) != NULL_VALUE
    need(is_root, "extension.root is not a hash that a slot can hold")
    need(matches(HASH, content["salt"]), "extension.salt is not a hash")
    return DisclosedExtension(
        context=replace(context, schema_hash=schema_hash_of(content["catalogue"].encode("ascii"))),
        root=bytes_of(root),
        salt=bytes_of(content["salt"]),
        path=_path("extension.path", content["path"]),
        metrics=_metrics("extension.metrics", content["metrics"], its_slots, 1),
    )


def _metrics(where: str, entries: Any, slots: Mapping[int, Slot], least: int) -> tuple[Disclosed, ...]:
    is_list = type(entries) is list and least <= len(entries) <= SLOTS
    need(is_list, f"{where} is not a list of {least} to {SLOTS} metrics")
    metrics: dict[int, Disclosed] = {}
    for place, entry in enumerate(entries):
        metric = _metric(f"{where}[{place}]", entry, slots)
        need(metric.index not in metrics, f"{where}[{place}].index is there twice")
        metrics[metric.index] = metric
    return tuple(metrics.values())


def _metric(where: str, entry: Any, slots: Mapping[int, Slot]) -> Disclosed:
    need_keys(where, entry, _METRIC_KEYS)
    index, scaled = entry["index"], entry["scaled"]
    need(type(index) is int and index in slots, f"{where}.index is not a slot of the catalogue")
    slot = slots[index]
    for field in ("name", "unit", "decimals"):
        expected = getattr(slot, field)
        need(
            type(entry[field]) is type(expected) and entry[field] == expected, f"{where}.{field} is not the catalogue's"
        )
    number = int(scaled) if matches(NUMBER, scaled) else None
    fits = scaled is None or (number is not None and NULL_VALUE < number < -NULL_VALUE)
    need(fits, f"{where}.scaled is neither null nor a whole number that int256 holds")
    try:
        value = slot.text_of(number)
    except Permanent:
        refuse(f"{where}.scaled stands for no letters")
    need(entry["value"] == value and type(entry["value"]) is type(value), f"{where}.value is not what scaled says")
    need(matches(HASH, entry["salt"]), f"{where}.salt is not a hash")
    path = _path(f"{where}.path", entry["path"])
    return Disclosed(index, slot.name, slot.unit, slot.decimals, value, number, bytes_of(entry["salt"]), path)


def _path(where: str, path: Any) -> tuple[bytes, ...]:
    is_path = type(path) is list and len(path) == DEPTH and all(matches(HASH, sibling) for sibling in path)
    need(is_path, f"{where} is not {DEPTH} hashes")
    return tuple(bytes_of(sibling) for sibling in path)


def _leads(context: Context, root: bytes, metric: Disclosed) -> bool:
    return verify(context, root, metric.index, metric.scaled, metric.salt, metric.path)
