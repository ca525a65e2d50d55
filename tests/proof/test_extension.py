"""The extension of a day: a second tree below slot 63 of its record, with a catalogue and salts of its own."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as run_with
from hypothesis import strategies as st

from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.catalogue import CATALOGUE, CATALOGUES, EXTENSION, EXTENSIONS
from fntx_dagster.proof.disclosure import EXTENSION_SLOT, check, disclose, parse, scaled_root
from fntx_dagster.proof.leaves import Context, schema_hash_of
from fntx_dagster.proof.record import build_record, verify
from fntx_dagster.proof.salts import SaltForm
from tests.proof.examples import ACCOUNT, CONTEXT, SECRET, scaled
from tests.verify.cases import patched

VECTORS = Path(__file__).parent / "vectors"
TEXT = (VECTORS / "disclosure-ext.json").read_text()
DAYS = json.loads((VECTORS / "extension-days.json").read_text())
OF_RECORD = replace(CONTEXT, schema_hash=schema_hash_of(CATALOGUE.canonical()))
OF_EXTENSION = replace(CONTEXT, schema_hash=schema_hash_of(EXTENSION.canonical()))
SLOTS = [metric.index for metric in EXTENSION.metrics]


def trees(values, others=(), version=1, secret=SECRET):
    """A record whose slot 63 is the root of an extension with these values, and that extension."""
    extension = build_record(OF_EXTENSION, ACCOUNT, values, secret, version, salt_form=SaltForm.RECORD)
    of_record = {**dict(others), EXTENSION_SLOT: scaled_root(extension.root)}
    return build_record(OF_RECORD, ACCOUNT, of_record, secret, version, salt_form=SaltForm.RECORD), extension


@pytest.mark.parametrize("day", DAYS, ids=[day["date"] for day in DAYS])
def test_the_vectors_roots_and_salts_follow_from_values_and_secret(day):
    secret = bytes.fromhex(day["secret"][2:])
    of_extension = Context(
        OF_EXTENSION.schema_hash, day["chain_id"], day["contract"], day["trader"], date.fromisoformat(day["date"])
    )
    of_record = replace(of_extension, schema_hash=OF_RECORD.schema_hash)

    def tree(context, values):
        slots = {int(slot): int(value) for slot, value in values.items()}
        return build_record(context, day["account"], slots, secret, day["version"], salt_form=SaltForm.ACCOUNT)

    extension = tree(of_extension, day["extension"])
    record = tree(of_record, day["record"] | {"63": scaled_root(extension.root)})
    assert f"0x{record.root.hex()}" == day["root"]
    salts = {"extension 32": extension.salts[32], "record 63": record.salts[EXTENSION_SLOT]}
    assert {name: f"0x{salt.hex()}" for name, salt in salts.items()} == day["salts"]


def test_the_vectors_disclosure_holds_and_each_of_its_broken_ones_does_not():
    findings = check(parse(TEXT, CATALOGUES, EXTENSIONS))
    assert findings.holds
    assert [(metric.name, leads) for metric, leads in findings.verdicts + findings.of_extension] == [
        ("closing_nav_official", True),
        ("wins", True),
        ("period_commitments", True),
    ]
    broken = patched(TEXT, json.loads((VECTORS / "disclosure-ext-patches.json").read_text()))
    assert len(broken) == 11
    for name, text in broken.items():
        try:
            assert not check(parse(text, CATALOGUES, EXTENSIONS)).holds, name
        except Permanent:
            continue


@run_with(max_examples=60)
@given(
    values=st.dictionaries(st.sampled_from(SLOTS), scaled, min_size=1),
    others=st.dictionaries(st.sampled_from([2, 4, 13, 62]), scaled),
    version=st.integers(1, 3),
    data=st.data(),
)
def test_what_is_disclosed_of_record_and_extension_is_read_back_and_leads_to_the_root(values, others, version, data):
    record, extension = trees(values, others, version)
    of_extension = [metric for metric in EXTENSION.metrics if metric.index in values]
    of_record = [metric for metric in CATALOGUE.metrics if metric.index in {*others, EXTENSION_SLOT}]
    shown = data.draw(st.lists(st.sampled_from([*of_extension, *of_record]), min_size=1, unique=True))
    text = disclose(record, CATALOGUE, [metric.name for metric in shown], extension=(extension, EXTENSION))
    disclosure = parse(text, CATALOGUES, EXTENSIONS)
    findings = check(disclosure, record.root)
    assert findings.holds
    assert {metric.name: metric.scaled for metric, leads in findings.of_extension if leads} == {
        metric.name: values[metric.index] for metric in shown if metric in of_extension
    }
    assert {metric.name for metric, leads in findings.verdicts if leads} == {
        metric.name for metric in shown if metric in of_record
    }
    assert json.loads(text)["format"] == f"fntx.disclosure/{2 if disclosure.extension else 1}"
    assert (disclosure.extension is None) == (not any(metric in of_extension for metric in shown))


@given(values=st.dictionaries(st.sampled_from(SLOTS), scaled, min_size=1))
def test_no_leaf_of_the_extension_passes_as_the_records_and_none_of_the_records_as_the_extensions(values):
    """The same slots and values in both trees: schema and salts tell them apart."""
    record, extension = trees(values, values)
    for slot, value in values.items():
        for tree, other in ((record, extension), (extension, record)):
            assert verify(tree.context, tree.root, slot, value, tree.salts[slot], tree.proof(slot))
            assert not verify(other.context, other.root, slot, value, tree.salts[slot], tree.proof(slot))
            assert not verify(other.context, tree.root, slot, value, tree.salts[slot], tree.proof(slot))
    assert not {*record.salts.values()} & {*extension.salts.values()}


@given(version=st.integers(1, 5))
def test_each_version_of_a_day_has_other_salts_in_its_extension(version):
    (_, one), (_, other) = (trees({4: 1, 32: 5}, version=number) for number in (version, version + 1))
    assert not {*one.salts.values()} & {*other.salts.values()}


def test_five_of_the_six_hashes_beside_slot_32_are_the_same_in_every_extension():
    (_, one), (_, other) = trees({4: 1, 10: 8, 32: 5}), trees({0: 3, 32: None}, secret=bytes(32))
    assert one.proof(32)[:5] == other.proof(32)[:5]
    assert one.proof(32)[5] != other.proof(32)[5]


def test_a_disclosure_of_the_extension_holds_the_salts_of_what_it_shows_and_of_slot_63_alone():
    record, extension = trees({4: 1, 5: 2, 6: 3}, {13: 5, 62: 7})
    text = disclose(record, CATALOGUE, ["wins"], extension=(extension, EXTENSION))
    assert [slot for slot, salt in record.salts.items() if salt.hex() in text] == [EXTENSION_SLOT]
    assert [slot for slot, salt in extension.salts.items() if salt.hex() in text] == [4]
    assert ACCOUNT not in text


def test_an_extension_that_is_not_the_records_is_refused():
    (record, _), (_, other) = trees({4: 1}), trees({4: 2})
    with pytest.raises(Permanent, match="is not the record's"):
        disclose(record, CATALOGUE, ["wins"], extension=(other, EXTENSION))
    with pytest.raises(Permanent, match=r"no metric 'wins'"):
        disclose(record, CATALOGUE, ["wins"])
    with pytest.raises(Permanent, match=r"'winz' \(nearest: wins\)"):
        disclose(record, CATALOGUE, ["winz"], extension=(other, EXTENSION))


def test_a_record_that_was_signed_before_the_extension_has_no_slot_for_one():
    """A trader could build such a tree; what the slot would hold has no meaning in that catalogue."""
    before = CATALOGUES[2]
    _, extension = trees({4: 1})
    context = replace(CONTEXT, schema_hash=schema_hash_of(before.canonical()))
    values = {13: 5, EXTENSION_SLOT: scaled_root(extension.root)}
    record = build_record(context, ACCOUNT, values, SECRET, salt_form=SaltForm.RECORD)
    text = disclose(record, before, ["net_pnl", "wins"], extension=(extension, EXTENSION))
    with pytest.raises(Permanent, match="catalogue has no slot for an extension"):
        parse(text, CATALOGUES, EXTENSIONS)
