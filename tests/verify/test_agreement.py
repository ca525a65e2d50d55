"""The four verifiers say the same of the same disclosure: ours, the strangers' script and page, and the contract."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime, timedelta

import pytest

from fntx_dagster.metrics.catalogue import CATALOGUE, CATALOGUES
from fntx_dagster.proof import disclosure as ours
from fntx_dagster.proof.keccak import keccak256
from fntx_dagster.proof.leaves import leaf_of
from fntx_dagster.proof.record import Record, build_record
from fntx_dagster.proof.salts import SaltForm
from fntx_dagster.proof.tree import proof_of, root_of
from fntx_dagster.services.signatures.checking import check_disclosure, posting_of, timing
from fntx_dagster.services.signatures.history import KNOWN_YEARS, closing_of
from tests.tools import needs_browser
from tests.verify import cases
from tests.verify.browser import browser
from tests.verify.pins import PAGE, YEARS
from tests.verify.verdicts import Case, Verdict, all_refuse, by_ours, by_the_script, on_the_page
from verify import verify as script

SECRET = bytes(range(32))
RECORDS = 1000
NO_ROOT = "0x" + "00" * 32


@pytest.fixture(scope="module")
def contents(node):
    """The contents of disclosures of 1,000 records that the contract holds, one or two metrics each."""
    rng = random.Random(20250718)
    records = [
        build_record(
            node.context(date(2021, 1, 1) + timedelta(n)),
            "U0000001",
            cases.random_values(rng),
            SECRET,
            salt_form=SaltForm.RECORD,
        )
        for n in range(RECORDS)
    ]
    for first in range(0, RECORDS, 150):
        node.post(records[first : first + 150])
    names = {metric.index: metric.name for metric in CATALOGUE.metrics}
    return [
        json.loads(
            ours.disclose(
                each, CATALOGUE, [names[n] for n in rng.sample(sorted(each.values), rng.choice([1, 1, 1, 2]))]
            )
        )
        for each in records
    ]


@pytest.fixture(scope="module")
def true_cases(node, contents):
    return [_case(node, content, json.dumps(content)) for content in contents]


@pytest.fixture(scope="module")
def broken_cases(node, contents):
    rng, broken = random.Random(4), []
    for place, original in enumerate(contents):
        content = json.loads(json.dumps(original))
        cases.BREAKS[place % len(cases.BREAKS)](rng, content, contents[(place + 1) % RECORDS])
        broken.append(_case(node, content, cases.forged(content)))
    return broken


@pytest.fixture(scope="module")
def our_verdicts(true_cases, broken_cases):
    """Our verdict on each of them, the true ones first."""
    return [by_ours(case) for case in true_cases + broken_cases]


@pytest.fixture(scope="module")
def page():
    with browser() as page:
        page.open(PAGE)
        yield page


def test_all_records_that_the_contract_holds_are_found_by_it(true_cases):
    assert len(true_cases) == RECORDS
    assert all(case.is_found for case in true_cases)


def test_the_contract_finds_no_disclosure_that_was_broken(broken_cases):
    assert len(broken_cases) == RECORDS
    assert not any(case.is_found for case in broken_cases)


def test_ours_agrees_with_the_contract(true_cases, broken_cases, our_verdicts):
    _agree(true_cases + broken_cases, our_verdicts)


def test_the_script_agrees_with_the_contract_and_says_what_ours_says(
    true_cases, broken_cases, our_verdicts, monkeypatch
):
    monkeypatch.setattr(script, "keccak256", keccak256)  # its own is slower, and the same: see test_script
    verdicts = [by_the_script(case) for case in true_cases + broken_cases]
    _agree(true_cases + broken_cases, verdicts)
    assert verdicts == our_verdicts


@needs_browser
def test_the_page_agrees_with_the_contract_and_says_what_ours_says(true_cases, broken_cases, our_verdicts, page):
    verdicts = on_the_page(page, true_cases + broken_cases)
    _agree(true_cases + broken_cases, verdicts)
    assert verdicts == our_verdicts


@needs_browser
def test_what_the_contract_cannot_see_the_three_others_refuse_alike(contents, page):
    changed = {
        "another chain": lambda content: content.update(chain_id="1"),
        "another contract": lambda content: content.update(contract="0x" + "5a" * 20),
        "another root": lambda content: content.update(root="0x" + "5a" * 32),
        "the smallest int256 for null": lambda content: content["metrics"][0].update(scaled=str(cases.NULL)),
        "another catalogue": lambda content: content.update(catalogue=CATALOGUES[0].canonical().decode()),
        "a catalogue of one's own": lambda content: content.update(
            catalogue=content["catalogue"].replace("pnl", "PNL")
        ),
        "a seventh hash": lambda content: content["metrics"][0]["path"].append(NO_ROOT),
        "another text": None,
        "another checksum": None,
        "upper-case hex": lambda content: content["metrics"][0].update(salt=content["metrics"][0]["salt"].upper()),
        "a metric twice": lambda content: content["metrics"].append(content["metrics"][0]),
        "no metric": lambda content: content.update(metrics=[]),
        "a field more": lambda content: content.update(note=""),
        "a field less": lambda content: content.pop("transaction"),
        "another form": lambda content: content.update(format="fntx.disclosure/3"),
        "the second form without an extension": lambda content: content.update(format="fntx.disclosure/2"),
        "an extension in the first form": lambda content: content.update(extension=None),
        "no day": lambda content: content.update(date="2023-02-29"),
        "version 0": lambda content: content.update(version=0),
        "a version that is a text": lambda content: content.update(version="1"),
        "a version that is true": lambda content: content.update(version=True),
        "a name of another": lambda content: content["metrics"][0].update(name="alpha"),
    }
    broken = []
    for name, change in changed.items():
        content = json.loads(json.dumps(next(each for each in contents if each["metrics"][0]["index"] != 57)))
        if name == "another text":
            content["metrics"][0]["value"] = "1.00000001"
            text = cases.with_checksum(content)
        elif name == "another checksum":
            text = json.dumps({**content, "checksum": NO_ROOT})
        else:
            change(content)
            text = cases.with_checksum(content) if name == "a name of another" else cases.forged(content)
        broken.append(Case(text, content["root"], False))
    all_refuse(broken, page)


@needs_browser
def test_json_that_readers_take_differently_is_refused_by_all(contents, page):
    text = json.dumps(contents[0])
    variants = [
        text.replace('"version": 1,', '"version": 2, "version": 1,'),
        text.replace('"version": 1,', '"version": 1.0,'),
        text.replace('"version": 1,', '"version": 1e0,'),
        text.replace('"version": 1,', '"version": NaN,'),
        text.replace('"version": 1,', '"version": 9007199254740993,'),
        text.replace('"format"', '"\\u0066ormat"'),
        text.replace('"format"', '"__proto__"'),
        text.replace('\\"catalogue\\"', "\\ud87bcatalogue\\ud87b"),
        text.replace('"metrics": [', '"metrics": [[[[['),
        text[:-1],
        text + "{}",
        "\ufeff" + text,
        text.replace(" ", "\u00a0", 1),
        text.replace(" ", "\f", 1),
        "[" * 200_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        text + " " * 1_000_000,
        "",
        "null",
        "[]",
        '"text"',
    ]
    assert all(variant != text for variant in variants)
    all_refuse([Case(variant, contents[0]["root"], False) for variant in variants], page, same_words=False)


@needs_browser
def test_white_space_between_tokens_is_free(contents, page):
    text = json.dumps(contents[0], indent=4).replace("\n", "\r\n\t")
    case = Case(text, contents[0]["root"], True)
    assert by_ours(case) == by_the_script(case) == on_the_page(page, [case])[0] == Verdict(True, [])


@needs_browser
def test_a_tree_with_two_values_for_one_slot_cannot_be_made_to_verify_both(node, page):
    """A cheating trader puts a second leaf anywhere into the tree and shows each path that there is."""
    index, values = 13, (5, -5)
    trees, shown = [], []
    for place in range(64):
        context = node.context(date(2020, 1, 1) + timedelta(place))
        salts = [bytes([n]) * 32 for n in (1, 2)]
        honest, second = (leaf_of(context, index, value, salt) for value, salt in zip(values, salts, strict=True))
        leaves = [bytes(32)] * 64
        leaves[place] = second
        leaves[index] = honest
        tree = Record(context, root_of(leaves), tuple(leaves), {}, {})
        trees.append(tree)
        for value, salt in zip(values, salts, strict=True):
            shown += [(tree, value, _content(tree, index, value, salt, proof_of(leaves, at))) for at in {index, place}]
    node.post(trees)
    some = [_case(node, content, cases.forged(content)) for _, _, content in shown]
    verdicts = [by_ours(case) for case in some]
    _agree(some, verdicts)
    assert verdicts == on_the_page(page, some)
    held = {(tree.root, value) for (tree, value, _), verdict in zip(shown, verdicts, strict=True) if verdict.holds}
    assert held == {(tree.root, 5) for tree in trees}


def test_the_script_knows_when_each_session_closes():
    days = [date(YEARS[0], 1, 1) + timedelta(n) for n in range((date(YEARS[-1] + 1, 1, 1) - date(YEARS[0], 1, 1)).days)]
    ours = [None if (closes_at := closing_of(day)) is None else int(closes_at.timestamp()) for day in days]
    assert [script.closing(day.isoformat()) for day in days] == ours


@needs_browser
def test_the_page_and_the_script_say_in_our_words_whether_a_record_is_late(page):
    rng, cases_of_time = random.Random(13), []
    hour = 3600
    for _ in range(3000):
        day = date(YEARS[0], 1, 1) + timedelta(rng.randrange((YEARS[-1] - YEARS[0] + 1) * 365))
        close = closing_of(day) or datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        behind = rng.choice(
            [0, 1, -1, 24 * hour, 24 * hour + 1, 48 * hour - 1, 48 * hour, 900, 180, 179, 40 * 24 * hour]
        )
        behind += rng.choice([0, 0, rng.randrange(-40 * hour, 1000 * hour), rng.randrange(10**9)])
        cases_of_time.append((day, int(close.timestamp()) + behind))
    ours = [timing(day, posting_of(day, datetime.fromtimestamp(at, UTC))) for day, at in cases_of_time]
    asked = [[day.isoformat(), at] for day, at in cases_of_time]
    assert [script.timing(*each) for each in asked] == ours
    assert page.ask(f"{json.dumps(asked)}.map(([day, at]) => fntx.timing(day, at))") == ours
    for part in (
        ", late: it does not",
        "before the session was over",
        "no day of the New York Stock Exchange",
        "hours after",
        "days after",
    ):
        assert any(part in words for words in ours)


def test_all_know_the_sessions_of_the_same_years():
    assert list(KNOWN_YEARS) == list(range(YEARS[0], YEARS[-1] + 1)) == sorted(map(int, script.HOLIDAYS))


@needs_browser
@pytest.mark.parametrize("day", ["1970-01-01", "2006-12-29", "2041-01-02", "2200-01-02", "9999-12-31"])
def test_of_a_day_whose_sessions_they_do_not_know_all_say_that_lateness_is_not_checked(page, day):
    then = date.fromisoformat(day)
    ours = timing(then, posting_of(then, datetime.fromtimestamp(2**31, UTC)))
    assert f"whether that was late is NOT CHECKED: the exchange's sessions of {day[:4]} are not known here" in ours
    assert script.timing(day, 2**31) == ours == page.ask(f'fntx.timing("{day}", 2 ** 31)')


def test_the_script_and_ours_say_the_same_of_a_posting(shown, capsys, monkeypatch, tmp_path):
    for name, text in shown.texts.items():
        file = tmp_path / "disclosure.json"
        file.write_text(text)
        monkeypatch.setattr("sys.argv", ["verify.py", str(file), "--rpc", shown.url])
        code = script.main()
        *said, verdict = [line.removeprefix("- ") for line in capsys.readouterr().out.splitlines()]
        ours_of_it = check_disclosure(text, shown.url)
        assert (verdict, code) == (ours_of_it.verdict, ours_of_it.exit_code), name
        notes = [note for note in ours_of_it.notes if note.startswith(("posted at", "NOT FINAL"))]
        expected = [*ours_of_it.problems, *notes, *(f"NOT CHECKED: {what}" for what in ours_of_it.not_checked)]
        assert [line for line in said if line in expected] == expected, name
        assert ("posted at" in "".join(said)) == (ours_of_it.posted is not None), name


def _content(tree, index, value, salt, path):
    return {
        "format": ours.FORMAT,
        "chain_id": str(tree.context.chain_id),
        "contract": tree.context.contract,
        "trader": tree.context.trader,
        "date": tree.context.day.isoformat(),
        "version": 1,
        "root": f"0x{tree.root.hex()}",
        "transaction": None,
        "catalogue": CATALOGUE.canonical().decode(),
        "metrics": [
            {
                "index": index,
                "scaled": str(value),
                "salt": f"0x{salt.hex()}",
                "path": [f"0x{sibling.hex()}" for sibling in path],
            }
        ],
    }


def _case(node, content, text) -> Case:
    """The contract's word: every metric is in the record that it holds for that trader, day and version."""
    day, version = int(content["date"].replace("-", "")), content["version"]
    return Case(
        text,
        node.root_of(content["trader"], day, version),
        all(_finds(node, content, day, each) for each in content["metrics"]),
    )


def _finds(node, content, day, entry) -> bool:
    scaled = cases.NULL if entry["scaled"] is None else int(entry["scaled"])
    path = [bytes.fromhex(sibling[2:]) for sibling in entry["path"]]
    if len(path) != 6:  # no call can be made of it
        return False
    return node.finds(
        content["trader"], day, content["version"], entry["index"], scaled, bytes.fromhex(entry["salt"][2:]), path
    )


def _agree(some: list[Case], verdicts: list[Verdict]) -> None:
    disagreed = [
        (case, verdict) for case, verdict in zip(some, verdicts, strict=True) if case.is_found != verdict.holds
    ]
    assert not disagreed, (disagreed[0][0].text[:600], disagreed[0][1])
