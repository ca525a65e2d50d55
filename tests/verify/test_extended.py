"""The verifiers say the same of a disclosure that shows metrics of the extension: ours, the strangers' script and page,
and of the extension's root, as slot 63 of the record, the contract."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from fntx_dagster.metrics.catalogue import CATALOGUE, CATALOGUES, EXTENSION
from fntx_dagster.proof.disclosure import disclose, scaled_root
from fntx_dagster.proof.keccak import keccak256
from fntx_dagster.proof.leaves import schema_hash_of
from fntx_dagster.proof.record import build_record
from fntx_dagster.proof.salts import SaltForm
from tests.proof.test_extension import TEXT, VECTORS
from tests.tools import needs_browser
from tests.verify import cases
from tests.verify.browser import Page, browser
from tests.verify.conftest import SECRET, Node, with_extension
from tests.verify.pins import PAGE
from tests.verify.verdicts import Case, Verdict, all_refuse, by_ours, by_the_script, on_the_page
from verify import verify as script

RECORDS = 400


@pytest.fixture(scope="module")
def contents(node: Node) -> list[dict[str, Any]]:
    """The contents of disclosures of records with an extension that the contract holds."""
    rng, records, shown = random.Random(63), [], []
    for number in range(RECORDS):
        of_record = {slot: value for slot, value in cases.random_values(rng).items() if slot != 63}
        of_extension = cases.random_values(rng, EXTENSION)
        record, tree = with_extension(node, date(2017, 1, 1) + timedelta(number), of_record, of_extension)
        slots = rng.sample(sorted(of_extension), rng.choice([1, 2])), rng.sample(sorted(of_record), rng.choice([0, 1]))
        names = [
            metric.name
            for catalogue, own in zip((EXTENSION, CATALOGUE), slots, strict=True)
            for metric in catalogue.metrics
            if metric.index in own
        ]
        records.append(record)
        shown.append(json.loads(disclose(record, CATALOGUE, names, extension=(tree, EXTENSION))))
    for first in range(0, RECORDS, 150):
        node.post(records[first : first + 150])
    return shown


@pytest.fixture(scope="module")
def broken(node: Node, contents: list[dict[str, Any]]) -> list[tuple[dict[str, Any], Case]]:
    """Each of them after somebody changed it and made texts and checksum fit."""
    rng, changed = random.Random(5), []
    for place, original in enumerate(contents):
        content = json.loads(json.dumps(original))
        other = json.loads(json.dumps(contents[(place + 1) % RECORDS]))
        cases.EXTENSION_BREAKS[place % len(cases.EXTENSION_BREAKS)](rng, content, other)
        changed.append((content, _case(node, content, cases.forged(content))))
    return changed


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as page:
        page.open(PAGE)
        yield page


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "keccak256", keccak256)  # its own is slower, and the same: see test_script


def test_the_contract_finds_the_root_of_each_extension_and_no_metric_of_it(
    node: Node, contents: list[dict[str, Any]]
) -> None:
    for content in contents:
        assert content["format"] == "fntx.disclosure/2"
        assert _finds(node, content, script.slot_63(content["extension"]))
        assert not any(_finds(node, content, entry) for entry in content["extension"]["metrics"])


@pytest.mark.usefixtures("quick")
def test_ours_and_the_script_hold_what_is_true_and_refuse_what_was_broken_in_the_same_words(
    node: Node, contents: list[dict[str, Any]], broken: list[tuple[dict[str, Any], Case]]
) -> None:
    true = [_case(node, content, json.dumps(content)) for content in contents]
    assert [by_ours(case) for case in true] == [by_the_script(case) for case in true] == [Verdict(True, [])] * RECORDS
    for _, case in broken:
        verdict = by_ours(case)
        assert not verdict.holds, case.text[:600]
        assert by_the_script(case) == verdict


def test_what_a_change_does_to_slot_63_the_contract_says_too(
    node: Node, broken: list[tuple[dict[str, Any], Case]]
) -> None:
    said = {True: 0, False: 0}
    for content, case in broken:
        problems = by_ours(case).problems
        if any(problem.startswith(("extension", "metrics")) for problem in problems):
            continue  # its form is wrong
        leads_on = not {
            "the extension's root (slot 63) does not lead to the root",
            "root is not the one that was given",  # the contract has another version, or none of that day
        } & {*problems}
        assert _finds(node, content, script.slot_63(content["extension"])) == leads_on
        said[leads_on] += 1
    assert min(said.values()) > RECORDS / 10


@needs_browser
def test_the_page_says_what_ours_says(
    node: Node, contents: list[dict[str, Any]], broken: list[tuple[dict[str, Any], Case]], page: Page
) -> None:
    some = [_case(node, content, json.dumps(content)) for content in contents] + [case for _, case in broken]
    assert on_the_page(page, some) == [by_ours(case) for case in some]


@needs_browser
def test_of_the_vectors_all_hold_the_good_one_and_refuse_the_eleven_others_alike(page: Page) -> None:
    root = json.loads(TEXT)["root"]
    good = Case(TEXT, root, True)
    assert by_ours(good) == by_the_script(good) == on_the_page(page, [good])[0] == Verdict(True, [])
    patches = json.loads((VECTORS / "disclosure-ext-patches.json").read_text())
    all_refuse([Case(text, root, False) for text in cases.patched(TEXT, patches).values()], page)


@needs_browser
def test_faults_in_the_form_of_an_extension_are_named_alike(page: Page) -> None:
    def null(extension: dict[str, Any]) -> None:
        extension["root"] = "0x8" + "0" * 63

    changes = {
        "a field more": lambda extension: extension.update(note=""),
        "a field less": lambda extension: extension.pop("path"),
        "a root that is none": lambda extension: extension.update(root=extension["root"].upper()),
        "the root that stands for null": null,
        "a salt that is none": lambda extension: extension.update(salt=7),
        "a path of five": lambda extension: extension["path"].pop(),
        "a path of an object": lambda extension: extension.update(path={"0": 1}),
        "no list of metrics": lambda extension: extension.update(metrics=None),
        "a metric twice": lambda extension: extension["metrics"].append(extension["metrics"][0]),
        "65 metrics": lambda extension: extension.update(metrics=extension["metrics"][:1] * 65),
        "a slot between": lambda extension: extension["metrics"][0].update(index=11),
        "a slot of the record": lambda extension: extension["metrics"][0].update(index=13, name="net_pnl"),
        "a catalogue that is no text": lambda extension: extension.update(catalogue=None),
        "a catalogue of one's own": lambda extension: extension.update(catalogue="{}"),
    }
    some = []
    for change in changes.values():
        content = json.loads(TEXT)
        change(content["extension"])
        some.append(Case(cases.with_checksum(content), content["root"], False))
    for replacement in (None, [], "extension", 7, {}):
        content = json.loads(TEXT) | {"extension": replacement}
        some.append(Case(cases.with_checksum(content), content["root"], False))
    all_refuse(some, page)


@needs_browser
def test_a_metric_of_the_record_cannot_be_shown_as_one_of_the_extension(node: Node, page: Page) -> None:
    """Slot 4 of the record leads to the record's root, and slot 4 of the extension is another metric."""
    record, tree = with_extension(node, date(2016, 1, 5), {4: 7}, {5: 1})
    content = json.loads(disclose(record, CATALOGUE, ["closing_nav_official", "losses"], extension=(tree, EXTENSION)))
    content["extension"]["metrics"].append(json.loads(json.dumps(content["metrics"][0])))
    case = Case(cases.forged(content), content["root"], False)
    assert by_ours(case).problems == ["wins (slot 4 of the extension) does not lead to the extension's root"]
    all_refuse([case], page)


@needs_browser
def test_neither_tree_is_read_by_the_catalogue_of_the_other(node: Node, page: Page) -> None:
    """A second tree under the record's catalogue would show a second value of a metric."""
    day = date(2016, 1, 6)
    second = build_record(node.context(day), "U0000001", {13: 999}, SECRET, salt_form=SaltForm.RECORD)
    values = {13: 5, 63: scaled_root(second.root)}
    record = build_record(node.context(day), "U0000001", values, SECRET, salt_form=SaltForm.RECORD)
    _, tree = with_extension(node, day, {}, {4: 1})
    twice = json.loads(disclose(record, CATALOGUE, ["extension_root"]))
    shown = json.loads(disclose(second, CATALOGUE, ["net_pnl"]))
    entry = twice["metrics"].pop()
    extension = {field: shown[field] for field in ("catalogue", "metrics", "root")}
    twice |= {"format": "fntx.disclosure/2", "extension": extension | {"salt": entry["salt"], "path": entry["path"]}}
    some = [
        Case(cases.with_checksum(twice), twice["root"], False),
        Case(disclose(tree, EXTENSION, ["wins"]), f"0x{tree.root.hex()}", False),
    ]
    assert [by_ours(case).problems for case in some] == [
        ["extension.catalogue is not one that FNTX published"],
        ["catalogue is not one that FNTX published"],
    ]
    all_refuse(some, page)


@needs_browser
def test_all_refuse_an_extension_under_a_catalogue_that_has_no_slot_for_it(node: Node, page: Page) -> None:
    _, tree = with_extension(node, date(2016, 1, 4), {}, {4: 1})
    before = CATALOGUES[2]
    context = replace(tree.context, schema_hash=schema_hash_of(before.canonical()))
    values = {13: 5, 63: scaled_root(tree.root)}
    record = build_record(context, "U0000001", values, SECRET, salt_form=SaltForm.RECORD)
    text = disclose(record, before, ["wins"], extension=(tree, EXTENSION))
    case = Case(text, f"0x{record.root.hex()}", False)
    assert by_ours(case).problems == ["catalogue has no slot for an extension"]
    all_refuse([case], page)


def _case(node: Node, content: dict[str, Any], text: str) -> Case:
    day, version = int(content["date"].replace("-", "")), content["version"]
    return Case(text, node.root_of(content["trader"], day, version), False)


def _finds(node: Node, content: dict[str, Any], entry: dict[str, Any]) -> bool:
    """What the contract says of one metric."""
    day = int(content["date"].replace("-", ""))
    scaled = cases.NULL if entry["scaled"] is None else int(entry["scaled"])
    salt, *path = (bytes.fromhex(each[2:]) for each in [entry["salt"], *entry["path"]])
    return node.finds(content["trader"], day, content["version"], entry["index"], scaled, salt, path)
