"""Disclosures for tests: random records, and what somebody may do to a file and hide by computing its checksum anew."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.catalogue import CATALOGUE, EXTENSION, LETTERS, Catalogue, letters
from fntx_dagster.proof.keccak import keccak256

NULL = -(2**255)
Content = dict[str, Any]
NO_ROOTS = ("0x12", "0X" + "12" * 32, " 0x" + "12" * 32, "0x" + "12" * 32 + " ", "12" * 32, "0x" + "1g" * 32)
"""What is no root: a reader is to refuse it, and not to guess."""


def random_values(rng: random.Random, catalogue: Catalogue = CATALOGUE) -> dict[int, int | None]:
    """A value for some of the catalogue's slots, at least two."""
    count = len(catalogue.metrics)
    slots = rng.sample(catalogue.metrics, min(count, rng.choice([2, 7, 20, count])))
    return {
        metric.index: letters(rng.choice(["HKD", "USD", "EUR"])) if metric.unit == LETTERS else _value(rng)
        for metric in slots
    }


def forged(content: Content) -> str:
    """The file of a content that was changed, with texts and checksum that fit it."""
    for catalogue, tree in ((CATALOGUE, content), (EXTENSION, content.get("extension") or {})):
        for entry in tree.get("metrics", ()):
            metric = next((each for each in catalogue.metrics if each.index == entry["index"]), None)
            if metric is not None:
                entry |= {"name": metric.name, "unit": metric.unit, "decimals": metric.decimals}
                entry["value"] = _text(metric, entry["scaled"])
    return with_checksum(content)


def with_checksum(content: Content) -> str:
    """The file of a content as it is, with a checksum that fits it."""
    rest = {key: value for key, value in content.items() if key != "checksum"}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return json.dumps({**rest, "checksum": f"0x{keccak256(canonical.encode()).hex()}"})


def patched(text: str, patches: list[Content]) -> dict[str, str]:
    """Name → a disclosure after the changes of that patch (`[path, value]`, one after the other), with a checksum that
    fits it."""
    broken = {}
    for patch in patches:
        content = json.loads(text)
        for path, value in patch["changes"]:
            at = content
            for key in path[:-1]:
                at = at[key]
            at[path[-1]] = value
        broken[patch["name"]] = with_checksum(content)
    return broken


def flipped(rng: random.Random, text: str) -> str:
    """A hash (0x…) with one bit flipped."""
    return f"0x{int(text, 16) ^ 1 << rng.randrange(256):064x}"


def other_slot(rng: random.Random, content: Content, _: Content) -> None:
    entry = content["metrics"][0]
    entry["index"] = rng.choice([slot for slot in range(57) if slot != entry["index"]])


def index_plus_64(rng: random.Random, content: Content, _: Content) -> None:
    content["metrics"][0]["index"] += 64


def other_value(rng: random.Random, content: Content, _: Content) -> None:
    entry = content["metrics"][0]
    choices = {str(_value(rng)), "0", "1", "-1", str(NULL + 1), str(-NULL - 1)} - {entry["scaled"], "None"}
    entry["scaled"] = rng.choice(sorted(choices))


def null_for_a_value(rng: random.Random, content: Content, _: Content) -> None:
    entry = content["metrics"][0]
    entry["scaled"] = "0" if entry["scaled"] is None else None


def other_salt(rng: random.Random, content: Content, _: Content) -> None:
    content["metrics"][0]["salt"] = flipped(rng, content["metrics"][0]["salt"])


def other_sibling(rng: random.Random, content: Content, _: Content) -> None:
    path, place = content["metrics"][0]["path"], rng.randrange(6)
    path[place] = flipped(rng, path[place])


def siblings_swapped(rng: random.Random, content: Content, _: Content) -> None:
    path = content["metrics"][0]["path"]
    left, right = rng.sample(range(6), 2)
    path[left], path[right] = path[right], path[left]


def short_path(rng: random.Random, content: Content, _: Content) -> None:
    content["metrics"][0]["path"].pop(rng.randrange(6))


def other_day(rng: random.Random, content: Content, other: Content) -> None:
    content["date"] = rng.choice([other["date"], "1999-12-31"])


def other_version(rng: random.Random, content: Content, _: Content) -> None:
    content["version"] = rng.choice([2, 3, 2**32 - 1])


def other_trader(rng: random.Random, content: Content, _: Content) -> None:
    content["trader"] = "0x" + "55" * 20


def path_of_another_record(rng: random.Random, content: Content, other: Content) -> None:
    content["metrics"][0]["path"] = other["metrics"][0]["path"]


def metric_of_another_record(rng: random.Random, content: Content, other: Content) -> None:
    content["metrics"][0] = other["metrics"][0]


BREAKS: tuple[Callable[[random.Random, Content, Content], None], ...] = (
    other_slot,
    index_plus_64,
    other_value,
    null_for_a_value,
    other_salt,
    other_sibling,
    siblings_swapped,
    short_path,
    other_day,
    other_version,
    other_trader,
    path_of_another_record,
    metric_of_another_record,
)
"""What the contract sees too: each changes a content in place; the second content is another record's."""


def of_extension(change: Callable[[random.Random, Content, Content], None]) -> Callable:
    """The same change of the extension's metrics."""

    def changed(rng: random.Random, content: Content, other: Content) -> None:
        change(rng, content["extension"], other["extension"])

    changed.__name__ = f"{change.__name__} of the extension"
    return changed


def other_extension_slot(rng: random.Random, content: Content, _: Content) -> None:
    entry = content["extension"]["metrics"][0]
    entry["index"] = rng.choice([metric.index for metric in EXTENSION.metrics if metric.index != entry["index"]])


def other_extension_root(rng: random.Random, content: Content, _: Content) -> None:
    content["extension"]["root"] = flipped(rng, content["extension"]["root"])


def other_salt_of_slot_63(rng: random.Random, content: Content, _: Content) -> None:
    content["extension"]["salt"] = flipped(rng, content["extension"]["salt"])


def other_path_of_slot_63(rng: random.Random, content: Content, _: Content) -> None:
    path, place = content["extension"]["path"], rng.randrange(6)
    path[place] = flipped(rng, path[place])


def extension_of_another_record(rng: random.Random, content: Content, other: Content) -> None:
    content["extension"] = other["extension"]


def tree_of_another_record(rng: random.Random, content: Content, other: Content) -> None:
    """The other extension's metrics and root, behind one's own salt and path of slot 63."""
    content["extension"] |= {field: other["extension"][field] for field in ("metrics", "root")}


def extension_metric_in_the_record(rng: random.Random, content: Content, _: Content) -> None:
    content["metrics"] = [json.loads(json.dumps(content["extension"]["metrics"][0]))]


EXTENSION_BREAKS = (
    *map(
        of_extension,
        (
            index_plus_64,
            other_value,
            null_for_a_value,
            other_salt,
            other_sibling,
            siblings_swapped,
            short_path,
            path_of_another_record,
            metric_of_another_record,
        ),
    ),
    other_extension_slot,
    other_extension_root,
    other_salt_of_slot_63,
    other_path_of_slot_63,
    extension_of_another_record,
    tree_of_another_record,
    extension_metric_in_the_record,
    other_day,
    other_version,
    other_trader,
)
"""What somebody may do to a disclosure of the second format: each changes a content in place."""


def _value(rng: random.Random) -> int | None:
    return rng.choice([None, 0, 1, -1, NULL + 1, -NULL - 1, rng.getrandbits(40), -rng.getrandbits(200)])


def _text(metric, scaled: str | None) -> str | None:
    try:
        return metric.text_of(None if scaled is None else int(scaled))
    except Permanent:
        return "?"
