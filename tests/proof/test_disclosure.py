import json
import random
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as run_with
from hypothesis import strategies as st

from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.catalogue import CATALOGUE, CATALOGUES, EXTENSION, EXTENSIONS, letters
from fntx_dagster.proof.disclosure import check, disclose, parse, scaled_root
from fntx_dagster.proof.form import MAX_BYTES
from fntx_dagster.proof.keccak import keccak256
from fntx_dagster.proof.leaves import leaf_of, schema_hash_of
from fntx_dagster.proof.record import build_record
from fntx_dagster.proof.salts import SaltForm
from tests.proof.examples import ACCOUNT, CONTEXT, SECRET
from tests.verify.cases import forged, random_values, with_checksum

BOUND = replace(CONTEXT, schema_hash=schema_hash_of(CATALOGUE.canonical()))
VALUES = dict.fromkeys(range(59), 0) | {13: -1_250_000_000, 30: None, 57: letters("HKD"), 58: -7}
RECORD = build_record(BOUND, ACCOUNT, VALUES, SECRET, salt_form=SaltForm.RECORD)
TRANSACTION = "0x" + "ab" * 32
NAMES = ["net_pnl", "delta", "base_currency"]
TEXT = disclose(RECORD, CATALOGUE, NAMES, TRANSACTION)
TREE = build_record(
    replace(CONTEXT, schema_hash=schema_hash_of(EXTENSION.canonical())),
    ACCOUNT,
    {4: 3, 5: None, 32: -7},
    SECRET,
    salt_form=SaltForm.RECORD,
)
OVER_TREE = build_record(BOUND, ACCOUNT, VALUES | {63: scaled_root(TREE.root)}, SECRET, salt_form=SaltForm.RECORD)
EXTENDED = disclose(
    OVER_TREE, CATALOGUE, [*NAMES, "wins", "losses", "period_commitments"], TRANSACTION, (TREE, EXTENSION)
)
texts = st.sampled_from([TEXT, EXTENDED])
"""A disclosure of each format."""


def places(content):
    """Every object and list of a disclosure's content."""
    extension = [content["extension"]] if "extension" in content else []
    entries = [entry for tree in [content, *extension] for entry in tree["metrics"]]
    paths = [holder["path"] for holder in [*entries, *extension]]
    return [content, *extension, *entries, *paths]


@run_with(max_examples=30)
@given(seed=st.integers(0, 2**32), version=st.integers(1, 3), catalogue=st.sampled_from(CATALOGUES))
def test_what_is_disclosed_is_read_back_and_leads_to_the_root(seed, version, catalogue):
    context = replace(CONTEXT, schema_hash=schema_hash_of(catalogue.canonical()))
    record = build_record(
        context, ACCOUNT, random_values(random.Random(seed), catalogue), SECRET, version, salt_form=SaltForm.RECORD
    )
    names = [metric.name for metric in catalogue.metrics if metric.index in record.values]
    disclosure = parse(disclose(record, catalogue, names), CATALOGUES)
    assert (disclosure.context, disclosure.version, disclosure.root) == (context, version, record.root)
    assert {metric.index: metric.scaled for metric in disclosure.metrics} == dict(record.values)
    findings = check(disclosure, record.root)
    assert findings.holds
    assert all(leads for _, leads in findings.verdicts)


def test_a_disclosure_shows_the_figure_as_people_read_it_and_as_it_was_signed():
    content = json.loads(TEXT)
    shown = {entry["name"]: (entry["value"], entry["scaled"]) for entry in content["metrics"]}
    assert shown == {
        "net_pnl": ("-12.50000000", "-1250000000"),
        "delta": (None, None),
        "base_currency": ("HKD", "4737860"),
    }
    assert content["transaction"] == TRANSACTION
    assert content["catalogue"] == CATALOGUE.canonical().decode()


def test_bytes_are_read_as_their_text():
    for text in (TEXT, EXTENDED):
        assert parse(text.encode(), CATALOGUES, EXTENSIONS) == parse(text, CATALOGUES, EXTENSIONS)


@pytest.mark.parametrize("text", [TEXT, EXTENDED], ids=["1", "2"])
def test_any_bit_that_is_flipped_in_a_file_is_refused(text):
    """One bit of every byte, and of a sample of the long catalogues' bytes."""
    rng, file = random.Random(4), text.encode()
    catalogues = {place for found in re.finditer(r'"catalogue": ".*', text) for place in range(*found.span())}
    for place in sorted({*range(len(file))} - catalogues | {*rng.sample(sorted(catalogues), 400)}):
        bit = rng.randrange(8)
        broken = file[:place] + bytes([file[place] ^ 1 << bit]) + file[place + 1 :]
        with pytest.raises(Permanent):
            parse(broken, CATALOGUES, EXTENSIONS)


@given(data=st.data(), text=texts)
def test_any_bit_that_is_flipped_in_what_is_proved_is_refused_with_a_fitting_checksum_too(data, text):
    """A forger computes the checksum anew; the root that is known from the chain is not his to change."""
    content = json.loads(text)
    proved = [place for place in places(content) if isinstance(place, dict)]
    at = data.draw(st.sampled_from(proved))
    field = data.draw(st.sampled_from(sorted(at.keys() & {"salt", "path", "scaled", "root"})))
    bit = 1 << data.draw(st.integers(0, 255))
    if field == "scaled":
        at["scaled"] = str(int(at["scaled"] or 0) ^ bit % 2**200)
    elif field == "path":
        place = data.draw(st.integers(0, 5))
        at["path"][place] = f"0x{int(at['path'][place], 16) ^ bit:064x}"
    else:
        at[field] = f"0x{int(at[field], 16) ^ bit:064x}"
    changed = forged(content)
    if changed == forged(json.loads(text)):
        return
    root = (RECORD if text == TEXT else OVER_TREE).root
    try:
        holds = check(parse(changed, CATALOGUES, EXTENSIONS), root).holds
    except Permanent:
        holds = False
    assert not holds


@given(content=st.binary(max_size=300) | st.text(max_size=300))
def test_whatever_is_not_a_disclosure_is_refused_and_nothing_else_is_raised(content):
    with pytest.raises(Permanent):
        parse(content, CATALOGUES)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["", "0x", "-0", "1e3"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(data=st.data(), replacement=anything, text=texts)
def test_any_field_that_holds_something_else_is_refused_and_nothing_else_is_raised(data, replacement, text):
    content = json.loads(text)
    at = data.draw(st.sampled_from(places(content)))
    key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(6)))
    if at[key] == replacement and type(at[key]) is type(replacement):
        return
    at[key] = replacement
    with pytest.raises(Permanent):
        parse(json.dumps(content), CATALOGUES, EXTENSIONS)
    is_free = key in ("checksum", "transaction") or (key == "metrics" and at is content and replacement == [])
    if not is_free or (text == TEXT and key == "metrics"):
        with pytest.raises(Permanent):
            parse(with_checksum(content), CATALOGUES, EXTENSIONS)


def _metric(change):
    return lambda content: change(content["metrics"][0])


def _of_extension(change):
    return lambda content: change(content["extension"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: content.update(format="fntx.disclosure/3"), "format is neither fntx.disclosure/1 nor"),
        (
            lambda content: content.update(format="fntx.disclosure/2"),
            "exactly the keys catalogue, .* extension, format",
        ),
        (lambda content: content.update(extension=None), "the disclosure does not have exactly the keys"),
        (lambda content: content.update(chain_id="01"), "chain_id"),
        (lambda content: content.update(chain_id=1), "chain_id"),
        (lambda content: content.update(chain_id=str(2**256)), "chain_id"),
        (lambda content: content.update(contract="0x22"), "contract is not an address"),
        (lambda content: content.update(trader=content["trader"] + "\n"), "trader is not an address"),
        (lambda content: content.update(date="20250718"), "date"),
        (lambda content: content.update(date="2025-02-29"), "date"),
        (lambda content: content.update(date="1969-12-31"), "date"),
        (lambda content: content.update(version=0), "version"),
        (lambda content: content.update(version=2**32), "version"),
        (lambda content: content.update(version=True), "version"),
        (lambda content: content.update(version=1.0), "version"),
        (lambda content: content.update(root=content["root"].upper()), "root is not a hash"),
        (lambda content: content.update(transaction=""), "transaction is neither a hash nor null"),
        (lambda content: content.update(catalogue="{}"), "catalogue is not one that FNTX published"),
        (lambda content: content.update(metrics=[]), "metrics is not a list of 1 to 64"),
        (lambda content: content.update(metrics=content["metrics"] * 22), "metrics is not a list of 1 to 64"),
        (lambda content: content["metrics"].append(content["metrics"][0]), r"metrics\[3\].index is there twice"),
        (lambda content: content.update(note=1), "the disclosure does not have exactly the keys"),
        (lambda content: content.pop("root"), "the disclosure does not have exactly the keys"),
        (_metric(lambda metric: metric.update(note=1)), r"metrics\[0\] does not have exactly the keys"),
        (_metric(lambda metric: metric.update(index=64)), r"metrics\[0\].index is not a slot"),
        (_metric(lambda metric: metric.update(index=True)), r"metrics\[0\].index is not a slot"),
        (_metric(lambda metric: metric.update(name="alpha")), r"metrics\[0\].name is not the catalogue's"),
        (_metric(lambda metric: metric.update(decimals=2)), r"metrics\[0\].decimals is not the catalogue's"),
        (_metric(lambda metric: metric.update(unit="count")), r"metrics\[0\].unit is not the catalogue's"),
        (_metric(lambda metric: metric.update(value="-12.5")), r"metrics\[0\].value is not what scaled says"),
        (_metric(lambda metric: metric.update(value=None)), r"metrics\[0\].value is not what scaled says"),
        (_metric(lambda metric: metric.update(scaled=str(-(2**255)))), r"metrics\[0\].scaled is neither null nor"),
        (_metric(lambda metric: metric.update(scaled="-0")), r"metrics\[0\].scaled is neither null nor"),
        (_metric(lambda metric: metric.update(salt="0x00")), r"metrics\[0\].salt is not a hash"),
        (_metric(lambda metric: metric["path"].pop()), r"metrics\[0\].path is not 6 hashes"),
        (lambda content: content["metrics"][2].update(scaled="7"), r"metrics\[2\].scaled stands for no letters"),
    ],
)
def test_a_refusal_names_the_field(change, said):
    content = json.loads(TEXT)
    change(content)
    with pytest.raises(Permanent, match=said):
        parse(with_checksum(content), CATALOGUES)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: content.update(format="fntx.disclosure/1"), "the disclosure does not have exactly the keys"),
        (lambda content: content.pop("extension"), "the disclosure does not have exactly the keys"),
        (lambda content: content.update(extension=None), "extension does not have exactly the keys catalogue, metrics"),
        (lambda content: content.update(extension=[]), "extension does not have exactly the keys catalogue, metrics"),
        (
            lambda content: content.update(catalogue=content["extension"]["catalogue"]),
            "^catalogue is not one that FNTX published",
        ),
        (
            lambda content: content.update(metrics=[], catalogue=CATALOGUES[2].canonical().decode()),
            "catalogue has no slot for an extension",
        ),
        (lambda content: content.update(metrics=content["metrics"] * 22), "^metrics is not a list of 0 to 64 metrics"),
        (
            lambda content: content["extension"].update(catalogue=content["catalogue"]),
            "extension.catalogue is not one that FNTX published",
        ),
        (_of_extension(lambda extension: extension.update(note=1)), "extension does not have exactly the keys"),
        (_of_extension(lambda extension: extension.pop("salt")), "extension does not have exactly the keys"),
        (_of_extension(lambda extension: extension.update(root="0x12")), "extension.root is not a hash"),
        (_of_extension(lambda extension: extension.update(root="0x8" + "0" * 63)), "extension.root is not a hash that"),
        (_of_extension(lambda extension: extension.update(salt=None)), "extension.salt is not a hash"),
        (_of_extension(lambda extension: extension["path"].pop()), "extension.path is not 6 hashes"),
        (_of_extension(lambda extension: extension.update(path={})), "extension.path is not 6 hashes"),
        (_of_extension(lambda extension: extension.update(metrics=[])), "extension.metrics is not a list of 1 to 64"),
        (
            _of_extension(lambda extension: extension["metrics"].append(extension["metrics"][0])),
            r"extension.metrics\[3\].index is there twice",
        ),
        (
            _of_extension(lambda extension: extension["metrics"][0].update(index=11)),
            r"extension.metrics\[0\].index is not a slot of the catalogue",
        ),
        (
            _of_extension(lambda extension: extension["metrics"][2].update(index=11, name="period_commitments")),
            r"extension.metrics\[2\].index is not a slot of the catalogue",
        ),
        (
            _of_extension(lambda extension: extension["metrics"][0].update(name="losses")),
            r"extension.metrics\[0\].name is not the catalogue's",
        ),
    ],
)
def test_a_refusal_names_the_field_of_the_extension(change, said):
    content = json.loads(EXTENDED)
    change(content)
    with pytest.raises(Permanent, match=said):
        parse(with_checksum(content), CATALOGUES, EXTENSIONS)


def test_a_disclosure_may_show_metrics_of_the_extension_alone_and_as_many_as_there_are_slots():
    values = dict.fromkeys(range(64), 0) | {57: letters("HKD")}
    full = {metric.index: 1 for metric in EXTENSION.metrics}
    tree = build_record(TREE.context, ACCOUNT, full, SECRET, salt_form=SaltForm.RECORD)
    record = build_record(BOUND, ACCOUNT, values | {63: scaled_root(tree.root)}, SECRET, salt_form=SaltForm.RECORD)
    for names in (["wins"], [*CATALOGUE.by_name, *EXTENSION.by_name]):
        text = disclose(record, CATALOGUE, names, extension=(tree, EXTENSION))
        disclosure = parse(text, CATALOGUES, EXTENSIONS)
        assert check(disclosure).holds
        assert len(disclosure.metrics) + len(disclosure.extension.metrics) == len(names)


def test_an_extension_that_does_not_lead_to_the_root_is_named_after_the_metrics_and_none_of_its_metrics_leads():
    content = json.loads(EXTENDED)
    content["metrics"][0]["scaled"] = "1"
    content["extension"]["metrics"][1]["scaled"] = "1"
    content["extension"]["salt"] = "0x" + "11" * 32
    findings = check(parse(forged(content), CATALOGUES, EXTENSIONS))
    assert findings.problems == (
        "net_pnl (slot 13) does not lead to the root",
        "losses (slot 5 of the extension) does not lead to the extension's root",
        "the extension's root (slot 63) does not lead to the root",
    )
    assert [leads for _, leads in findings.verdicts] == [False, True, True]
    assert [leads for _, leads in findings.of_extension] == [False, False, False]


def test_a_checksum_that_does_not_fit_is_refused():
    content = json.loads(TEXT) | {"checksum": "0x" + "00" * 32}
    with pytest.raises(Permanent, match="the file was changed"):
        parse(json.dumps(content), CATALOGUES)


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace('"version": 1,', '"version": 2, "version": 1,'),
        TEXT.replace('"version": 1,', '"version": 1e0,'),
        TEXT.replace('"format"', '"\\u0066ormat"'),
    ],
)
def test_json_that_readers_take_differently_is_refused(text):
    with pytest.raises(Permanent, match="in another notation"):
        parse(text, CATALOGUES)


@pytest.mark.parametrize(
    "text", [TEXT[:-3], TEXT + "{}", "[" * 100_000, "NaN", TEXT.replace('"version": 1', '"version": ' + "1" * 5000)]
)
def test_what_is_no_json_or_nested_too_deep_is_refused(text):
    with pytest.raises(Permanent, match=r"not JSON|does not have exactly"):
        parse(text, CATALOGUES)


@pytest.mark.parametrize("text", ['"' + '\\"' * 490_000, '"' + '\\"' * 490_000 + "\\", '"\\\n' * 240_000])
def test_a_text_that_is_never_ended_is_looked_through_once(text):
    """Were it looked through again from each of its quotes, this would take an hour."""
    with pytest.raises(Permanent, match="not JSON"):
        parse(text, CATALOGUES)


@given(data=st.data(), key=st.text(max_size=9), text=texts)
def test_any_key_that_is_called_otherwise_is_refused_and_nothing_else_is_raised(data, key, text):
    content = json.loads(text)
    at = data.draw(st.sampled_from([place for place in places(content) if isinstance(place, dict)]))
    names = sorted(at)
    place = data.draw(st.integers(0, len(names) - 2))
    if key in at:
        return
    at[key] = at.pop(names[place])
    with pytest.raises(Permanent):
        parse(with_checksum(content), CATALOGUES, EXTENSIONS)
    at[", ".join(names[place : place + 2])] = at.pop(key)
    del at[names[place + 1]]
    with pytest.raises(Permanent, match="does not have exactly the keys"):
        parse(with_checksum(content), CATALOGUES, EXTENSIONS)


def test_a_file_of_more_than_a_megabyte_is_refused():
    parse(TEXT + " " * (MAX_BYTES - len(TEXT)), CATALOGUES)
    with pytest.raises(Permanent, match="more than 1000000 bytes"):
        parse(TEXT + " " * (MAX_BYTES - len(TEXT) + 1), CATALOGUES)


def test_another_root_than_the_one_that_is_known_is_a_problem():
    findings = check(parse(TEXT, CATALOGUES), bytes(32))
    assert findings.problems == ("root is not the one that was given",)


def test_a_metric_that_does_not_lead_to_the_root_is_named_and_the_others_still_do():
    content = json.loads(TEXT)
    content["metrics"][0]["scaled"] = "1"
    findings = check(parse(forged(content), CATALOGUES))
    assert findings.problems == ("net_pnl (slot 13) does not lead to the root",)
    assert [leads for _, leads in findings.verdicts] == [False, True, True]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "no metric is named"),
        (["net_pnl", "net_pnl"], "net_pnl named twice"),
        (["net_pln", "delta", "zzz"], r"no metric 'net_pln' \(nearest: net_pnl\), 'zzz'"),
    ],
)
def test_a_request_that_cannot_be_met_says_why(names, said):
    with pytest.raises(Permanent, match=said):
        disclose(RECORD, CATALOGUE, names)


def test_a_record_of_another_catalogue_and_a_transaction_that_is_none_are_refused():
    with pytest.raises(Permanent, match="another catalogue"):
        disclose(RECORD, CATALOGUES[0], ["net_pnl"])
    with pytest.raises(Permanent, match="no transaction's hash"):
        disclose(RECORD, CATALOGUE, ["net_pnl"], "ab" * 32)


def test_a_metric_that_the_record_does_not_hold_is_refused():
    record = build_record(BOUND, ACCOUNT, {13: 1}, SECRET, salt_form=SaltForm.RECORD)
    with pytest.raises(Permanent, match="slot 30 holds no metric"):
        disclose(record, CATALOGUE, ["delta"])


def test_a_disclosure_holds_no_salt_and_no_value_of_another_metric_and_neither_account_nor_secret():
    values = {metric.index: 123_456_789_000 + metric.index for metric in CATALOGUE.metrics if metric.index != 57}
    record = build_record(BOUND, ACCOUNT, values, SECRET, salt_form=SaltForm.RECORD)
    text = disclose(record, CATALOGUE, ["net_pnl"])
    for index in values.keys() - {13}:
        assert record.salts[index].hex() not in text
        assert str(values[index]) not in text
    assert record.salts[13].hex() in text
    assert ACCOUNT not in text
    assert SECRET.hex() not in text


def test_a_metric_beside_a_disclosed_one_cannot_be_guessed_but_could_without_a_salt():
    """Two slots are siblings, so the first hash of one's path is the other's leaf: try every value that it may have."""
    candidates = range(1_001)  # contracts traded
    shown, hidden = 15, 14
    salted = build_record(BOUND, ACCOUNT, {shown: 5, hidden: 534}, SECRET, salt_form=SaltForm.RECORD)
    for salt_guess in (bytes(32), salted.salts[shown], BOUND.schema_hash):
        leaf = parse(disclose(salted, CATALOGUE, ["implied_turnover"]), CATALOGUES).metrics[0].path[0]
        assert not _guessed(leaf, hidden, candidates, salt_guess)
    unsalted = leaf_of(BOUND, hidden, 534, bytes(32))
    assert _guessed(unsalted, hidden, candidates, bytes(32)) == [534]


def test_a_salt_that_was_disclosed_for_one_version_does_not_open_the_next():
    first, second = (
        build_record(BOUND, ACCOUNT, {15: 5, 14: 534}, SECRET, version, salt_form=SaltForm.RECORD) for version in (1, 2)
    )
    leaf = parse(disclose(second, CATALOGUE, ["implied_turnover"]), CATALOGUES).metrics[0].path[0]
    assert _guessed(leaf, 14, range(1_001), second.salts[14]) == [534]  # with the right salt the search finds it
    assert not _guessed(leaf, 14, range(1_001), first.salts[14])


def _guessed(leaf: bytes, index: int, candidates: range, salt: bytes) -> list[int]:
    return [value for value in candidates if leaf_of(BOUND, index, value, salt) == leaf]


def test_the_checksum_is_the_keccak_of_everything_else():
    content = json.loads(TEXT)
    checksum = content.pop("checksum")
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    assert checksum == f"0x{keccak256(canonical).hex()}"


def test_a_disclosure_is_plain_text_that_ends_with_its_line():
    assert re.fullmatch(r"[\n -~]+", TEXT)
    assert TEXT.endswith("}\n")
