"""Periods: the strangers' script and page say what ours says, of good files and of broken ones, and alone."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import settings as run_with
from hypothesis import strategies as st

from fntx_dagster.curve.group import combined, named, random_scalar, read_compressed, write_compressed, write_wide
from fntx_dagster.periods.checking import check
from fntx_dagster.proof.keccak import keccak256
from tests.periods.examples import PUBLISHED, book, patched, proved, text_of, with_checksum
from tests.proof.test_disclosure import anything
from tests.tools import needs_browser
from tests.verify.browser import Page, browser
from tests.verify.periods import any_place, broken_period, random_period
from tests.verify.pins import LIBRARY, PAGE, SCRIPT
from verify import verify as script

CASES = [case["file"] for case in json.loads(text_of("cases.json"))]
VECTORS = {name: text_of(name) for name in CASES} | patched()


def by_ours(text):
    verdict = check(text, PUBLISHED)
    return verdict.holds, list(verdict.problems)


def by_the_script(text):
    """With a keccak that is compiled: its own is compared with it elsewhere."""
    with patch.object(script, "keccak256_of_each", lambda messages: [keccak256(each) for each in messages]):
        return script.verify_period(text)


@pytest.mark.parametrize("name", VECTORS)
def test_the_script_says_of_a_vector_what_ours_says_in_the_same_words(name):
    assert by_the_script(VECTORS[name]) == by_ours(VECTORS[name])


def test_the_script_with_its_own_keccak_finds_a_good_file_good():
    assert script.verify_period(text_of("fund.json")) == (True, [])


def agree(count, seed, *others):
    """So many random files, and as many broken ones: one verdict in the same words."""
    rng = random.Random(seed)
    for _ in range(count):
        text = random_period(rng)
        broken = broken_period(rng, text)
        own = by_ours(broken)
        assert not own[0], broken[:300]
        assert by_ours(text) == (True, []), text[:300]
        for say in (by_the_script, *others):
            assert say(text) == (True, [])
            assert say(broken) == own


def test_random_and_broken_files_have_one_verdict():
    agree(12, seed=1)


@run_with(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), anything, st.sampled_from(["plain.json", "short.json", "fund.json"]))
def test_whatever_a_field_holds_the_script_says_what_ours_says_and_never_raises(rng, replacement, name):
    content = json.loads(text_of(name))
    place, key = any_place(rng, content)
    place[key] = replacement
    text = with_checksum(content)
    assert by_the_script(text) == by_ours(text)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as page:
        page.open(PAGE)
        yield page


def on_the_page(page):
    """A verifier: what the page's worker says."""

    def say(text):
        problems = page.ask(f"fntx.checkPeriod({json.dumps(text)})")["problems"]
        return not problems, problems

    return say


@needs_browser
def test_the_page_says_of_every_vector_what_ours_says_in_the_same_words(page):
    assert {name: on_the_page(page)(text) for name, text in VECTORS.items()} == {
        name: by_ours(text) for name, text in VECTORS.items()
    }


@needs_browser
def test_random_and_broken_files_have_one_verdict_on_the_page_too(page):
    agree(12, 3, on_the_page(page))


@needs_browser
@pytest.mark.slow
def test_a_thousand_random_and_a_thousand_broken_files_have_one_verdict(page):
    agree(1000, 2, on_the_page(page))


@needs_browser
@pytest.mark.parametrize("name", ["plain.json", "sharpe.json", "bounds.json", "fund.json", "short.json"])
def test_the_page_reads_the_figures_that_the_script_reads(page, name):
    shown = page.ask(f"fntx.checkPeriod({json.dumps(text_of(name))})")["figures"]
    assert [tuple(each) for each in shown] == script.figures(script.read_period(text_of(name)))


def test_the_library_of_the_page_is_the_one_that_was_bundled_once():
    assert (
        sha256(LIBRARY.read_bytes()).hexdigest() == "ac8cbe46d84bec1fc3aaeef9e943c04b7340888bd4cbf4c85334279966b81953"
    )
    assert LIBRARY.read_text(encoding="utf-8") in PAGE.read_text(encoding="utf-8")


@needs_browser
@pytest.mark.parametrize(
    ("name", "verdict", "words"),
    [
        ("good", "Holds", ["For: a bank", "net_pnl", "5 days were posted more than 24 hours after"]),
        ("unnamed", "Holds, as far as checked", ["2 days name no transaction that this node knows"]),
        ("left out", "Does not hold", ["a record that the period leaves out", "sessions without a record: 2018-03-07"]),
        ("old version", "Does not hold", ["the latest version is 2, the period has 1: ask for a new file"]),
        ("never posted", "Does not hold", ["2018-03-05: the contract has another root"]),
        ("other transaction", "Does not hold", ["did not post this record"]),
    ],
)
def test_a_period_that_is_dropped_on_the_page_is_checked_with_the_node(page, posted, tmp_path, name, verdict, words):
    page.open(PAGE)
    file = tmp_path / "period.json"
    file.write_text(posted.texts[name])
    page.ask(f"document.getElementById('rpc').value = {json.dumps(posted.url)}")
    data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        page.send("Input.dispatchDragEvent", type=kind, x=300, y=200, data=data)
    settled = "(async () => { while (/^(No|Checking)/.test(document.getElementById('verdict').textContent)) "
    page.ask(settled + "await new Promise((done) => setTimeout(done, 20)); })()")
    assert page.ask("document.getElementById('verdict').textContent") == verdict
    said = page.ask("document.getElementById('period').innerText")
    assert [each for each in words if each not in said] == []
    asked = [event for event in page.events if event.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded")]
    assert asked == []


@pytest.mark.parametrize("name", ["H", "U", "f/0", "f/9", "g/0", "g/127", "g/40000"])
def test_the_scripts_generators_are_those_of_the_library(name):
    x, y, z = script.hashed_to_group(name)
    assert z == 1
    assert x.to_bytes(48, "big") + y.to_bytes(48, "big") == write_wide(named(name))


def test_the_script_reads_a_point_as_the_library_does():
    rng = random.Random(4)
    good = [write_compressed(combined([named("H")], [random_scalar()])) for _ in range(20)]
    outside = [bytes([0x80 | rng.randrange(0x20)]) + rng.randbytes(47) for _ in range(40)]
    edges = [b"\xc0" + bytes(47), bytes(48), b"\x80" + bytes(47), b"\x9f" + b"\xff" * 47, b"\x1f" + bytes(47)]
    for data in [*good, *outside, *edges]:
        try:
            point = write_wide(read_compressed(data))
        except ValueError:
            assert script.point_of(data) is None
        else:
            x, y, _ = script.point_of(data)
            assert x.to_bytes(48, "big") + y.to_bytes(48, "big") == point


@pytest.mark.parametrize("count", [1, 2, 7, 40])
def test_the_scripts_sum_of_points_is_zero_where_the_librarys_is(count):
    names = [f"g/{number}" for number in range(count)]
    scalars = [random_scalar() for _ in names]
    total = script.point_of(write_compressed(combined([named(name) for name in names], scalars)))
    terms = [(script.hashed_to_group(name), scalar) for name, scalar in zip(names, scalars, strict=True)]
    assert script.is_zero([*terms, (total, -1)])
    assert not script.is_zero([*terms, (total, 1)])


MUTANTS = [
    ("if rows[1][2] != sum(", "if 0 != 0 * sum(", "bad-square-of-other.json"),
    ("and total[field] != c * int(shown[item]) % ORDER", "and False", "bad-total.json"),
    ('if "chained" in shown and rows["next"]', 'if False and rows["next"]', "bad-chain.json"),
    ("if not is_zero(", "if False and not is_zero(", "bad-blinding.json"),
    ("is_hash(each) and int(each, 16) < ORDER", "is_hash(each)", "scalar-plus-q"),
    (
        "if flags not in (0b100, 0b101) or x >= P:",
        "if flags == 6: return IDENTITY\n    if x >= P:",
        "bad-nonces-zero.json",
    ),
    ("return None if difference[2] else point", "return point", "bad-torsion.json"),
    ('account["contract"].lower(), account["trader"].lower())', 'account["trader"])', "bad-account-twice.json"),
    ("sibling != hex_of(empty)", "True", "bad-empty-written-out.json"),
    ("accounts == 1 or not of_returns", "True", "bad-fund-returns.json"),
    ('is_within = period["from"] <= rows[0]["date"] and', "is_within = True or", "bad-range.json"),
]


@pytest.mark.parametrize(("rule", "without", "name"), MUTANTS, ids=[mutant[2] for mutant in MUTANTS])
def test_each_rule_is_needed_a_verifier_without_it_finds_a_bad_file_good(rule, without, name):
    source = SCRIPT.read_text(encoding="utf-8")
    assert source.count(rule) == 1
    mutant: dict[str, Any] = {"__name__": "mutant"}
    exec(compile(source.replace(rule, without), "mutant", "exec"), mutant)
    assert mutant["verify_period"](VECTORS[name]) == (True, [])


@pytest.fixture
def verified(tmp_path, capsys, monkeypatch):
    def run(text, *arguments):
        """Exit code and what is printed."""
        file = tmp_path / "period.json"
        file.write_text(text)
        monkeypatch.setattr(sys, "argv", ["verify.py", str(file), *arguments])
        try:
            code = script.main()
        except SystemExit as usage:  # argparse's
            code = usage.code
        return code, capsys.readouterr().out

    return run


def test_a_period_is_printed_with_its_figures_and_what_was_not_checked(verified):
    code, printed = verified(text_of("sharpe.json"))
    assert code == 75, "nobody was asked whether a day is left out"
    assert printed.startswith("For: prospect 17\nPeriod 2025-03-03 to 2025-03-31: 21 days, in HKD\n")
    for line in (
        "twr: 13.423705 %",
        "sharpe_log: 9.8463, of log returns",
        "net_pnl: 1083453.48820532 HKD",
        "unexplained: -0.12345678 HKD",
    ):
        assert f"  {line}\n" in printed
    assert printed.count("NOT CHECKED") == 4
    assert printed.endswith("\nHOLDS, as far as checked\n")


def test_an_audience_that_is_asked_for_has_to_be_that_of_the_file(verified):
    assert verified(text_of("sharpe.json"), "--audience", "prospect 17")[0] == 75
    code, printed = verified(text_of("sharpe.json"), "--audience", "prospect 18")
    assert code == 1
    assert "the file is for prospect 17, and not for prospect 18" in printed


def test_a_period_of_the_chain_holds(verified, posted):
    code, printed = verified(posted.texts["good"], "--rpc", posted.url)
    assert code == 0, printed
    assert "5 days were posted more than 24 hours after" in printed
    assert printed.splitlines()[-1] == "HOLDS"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("left out", "2018-03-07: the contract holds a record that the period leaves out"),
        ("left out", "sessions without a record: 2018-03-07"),
        ("old version", "2018-03-08: the latest version is 2, the period has 1: ask for a new file"),
        ("never posted", "2018-03-05: the contract has another root"),
        ("other transaction", "2018-03-05: the transaction 0x"),
    ],
)
def test_a_period_that_is_not_the_chains_does_not_hold(verified, posted, name, words):
    code, printed = verified(posted.texts[name], "--rpc", posted.url)
    assert code == 1, printed
    assert words in printed
    assert printed.splitlines()[-1] == "DOES NOT HOLD"


def test_days_that_name_no_transaction_are_told(verified, posted):
    code, printed = verified(posted.texts["unnamed"], "--rpc", posted.url)
    assert (code, printed.splitlines()[-1]) == (0, "HOLDS, as far as checked")
    assert "2 days name no transaction that this node knows" in printed


def test_a_list_of_an_explorer_stands_for_the_history(verified, posted, tmp_path):
    rows = json.loads(posted.texts["good"])["accounts"][0]["days"]
    file = tmp_path / "roots"
    file.write_text("".join(f"{row['date']},{row['version']},{row['root']}\n" for row in rows))
    assert verified(posted.texts["good"], "--root-file", str(file))[0] == 0
    code, printed = verified(posted.texts["old version"], "--root-file", str(file))
    assert code == 1
    assert "the latest version is 2" in printed
    file.write_text("2018-03-05 one 0x12")
    assert verified(posted.texts["good"], "--root-file", str(file))[0] == 2


def test_a_node_that_does_not_answer_or_is_of_another_chain_gives_no_verdict(verified, posted):
    assert verified(posted.texts["good"], "--rpc", "http://127.0.0.1:9")[0] == 75
    code, printed = verified(proved(book(2, chain_id=5), ["net_pnl"]), "--rpc", posted.url)
    assert code == 75
    assert "an account is of chain 5" in printed
