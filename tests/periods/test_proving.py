"""What is proved holds, what is not true cannot be proved, and a file with another byte does not hold."""

from __future__ import annotations

import json
import random
import string
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import settings as run_with
from hypothesis import strategies as st

from fntx_dagster.curve.group import ORDER, random_scalar
from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.catalogue import CATALOGUES, EXTENSIONS
from fntx_dagster.periods import transcript
from fntx_dagster.periods.checking import check, row_weights
from fntx_dagster.periods.commitment import FIELDS
from fntx_dagster.periods.file import PeriodAccount, published_pairs, statement_content, statement_of, written
from fntx_dagster.periods.proving import is_chained, provable_day, prove, prove_statement
from fntx_dagster.periods.reading import parse
from fntx_dagster.periods.relations import forms, projected, relation
from fntx_dagster.periods.shown import BOUNDS, ITEMS
from tests.periods.examples import PUBLISHED, book, proved, text_of, with_checksum
from tests.proof.test_extension import trees
from tests.sampled import sample

BOOK = book(9)
OTHER = book(7, seed=2, trader="0x" + "33" * 20)
PLAIN = [item for item in ITEMS if item not in BOUNDS]
LOW = {"worst_day": -(10**11), "drawdown": -(10**12)}
SETS = st.sets(st.sampled_from(ITEMS), min_size=1).map(lambda items: items | ({"twr"} if "squares" in items else set()))


def problems(text):
    return check(text, PUBLISHED).problems


@run_with(max_examples=25, deadline=None)
@given(SETS, st.integers(1, 9), st.sampled_from([None, "a bank", "~" * 100]))
def test_whatever_is_shown_of_however_many_days_holds_and_shows_the_true_totals(items, count, audience):
    days, bounds = BOOK[:count], {item: LOW[item] for item in items if item in LOW}
    text = proved(days, [item for item in PLAIN if item in items], audience, bounds)
    verdict = check(text, PUBLISHED)
    assert verdict.problems == ()
    assert verdict.period.audience == audience
    sums = {name: sum(day.committed.values[place] for day in days) for place, name in enumerate(FIELDS)}
    sums |= {"twr": sums["log_return"], "nav_change": sums["closing_nav"] - sums["opening_nav"], "chained": 1}
    sums["squares"] = sum(day.committed.values[1] ** 2 for day in days)
    assert verdict.period.shown == {item: (sums | LOW)[item] for item in items}


def test_two_accounts_add_up():
    first, last = BOOK[0].row.date, BOOK[-1].row.date
    text = prove([BOOK, OTHER], ["net_pnl", "wins", "chained", "nav_change"], first, last)
    verdict = check(text, PUBLISHED)
    assert verdict.holds
    assert verdict.period.shown["wins"] == sum(day.committed.values[5] for day in (*BOOK, *OTHER))


@pytest.mark.parametrize("item", ["twr", "worst_day", "drawdown"])
def test_returns_of_several_accounts_are_not_added_up(item):
    bounds = {item: LOW[item]} if item in LOW else {}
    with pytest.raises(Permanent, match="cannot be added up over accounts"):
        prove([BOOK, OTHER], [] if bounds else [item], BOOK[0].row.date, BOOK[-1].row.date, bounds=bounds)


@pytest.mark.parametrize("item", BOUNDS)
def test_a_bound_is_proved_at_its_very_edge_and_not_one_above(item):
    returns = [day.committed.values[1] for day in BOOK]
    path, highest, deepest = 0, 0, 0
    for each in returns:
        path += each
        highest = max(highest, path)
        deepest = min(deepest, path - highest)
    edge = min(returns) if item == "worst_day" else deepest
    assert problems(proved(BOOK, [], bounds={item: edge})) == ()
    with pytest.raises(Permanent, match="goes below the bound"):
        proved(BOOK, [], bounds={item: edge + 1})


def test_a_bound_above_zero_is_refused():
    with pytest.raises(Permanent, match="above 0"):
        proved(BOOK, [], bounds={"worst_day": 1})


def test_days_that_are_not_chained_are_not_shown_as_chained():
    gap = [*BOOK[:3], *BOOK[4:]]
    assert is_chained([BOOK])
    assert not is_chained([gap])
    with pytest.raises(Permanent, match="does not open with the NAV"):
        proved(gap, ["net_pnl", "chained"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shown": ["profit"]}, "cannot show profit"),
        ({"shown": ["worst_day"]}, "cannot show worst_day"),
        ({"shown": ["squares"]}, "squares need twr"),
        ({"audience": "line\nbreak"}, "audience"),
        ({"audience": ""}, "audience"),
        ({"accounts": []}, "1 to 100 accounts"),
        ({"accounts": [[]]}, "1 to 100 accounts"),
        ({"accounts": [BOOK, BOOK]}, "an account is there twice"),
        ({"accounts": [BOOK[::-1]]}, "do not ascend"),
        ({"accounts": [[BOOK[0], *BOOK]]}, "do not ascend"),
        ({"last": date(2025, 1, 3)}, "is not within"),
    ],
)
def test_what_no_file_can_say_is_refused_with_a_way_out(change, words):
    arguments = {"accounts": [BOOK], "shown": ["net_pnl"], "first": date(2025, 1, 1), "last": date(2025, 2, 1)}
    with pytest.raises(Permanent, match=words) as refusal:
        prove(**(arguments | change))
    assert refusal.value.way_out


def test_days_of_two_currencies_are_not_added_up():
    other = replace(BOOK[1], committed=replace(BOOK[1].committed, currency="USD"))
    with pytest.raises(Permanent, match="several currencies"):
        proved([BOOK[0], other], ["net_pnl"])


def test_a_commitment_or_an_extension_that_is_not_the_signed_one_is_refused():
    (record, extension), (_, other) = trees({32: 5}), trees({32: 6})
    with pytest.raises(Permanent, match="the extension is not the record's"):
        provable_day(record, other, BOOK[0].committed)
    with pytest.raises(Permanent, match="is not the one that was signed"):
        provable_day(record, extension, BOOK[0].committed)


def lied(shown, days=BOOK):
    """A file about days, proved for whatever numbers."""
    account = PeriodAccount(31337, "0x" + "22" * 20, "0x" + "11" * 20, tuple(day.row for day in days))
    content = statement_content([account], shown, days[0].row.date, days[-1].row.date, "HKD", None)
    committed = [day.committed for day in days]
    return written(content, prove_statement(statement_of(content), [len(days)], committed, shown, random_scalar))


def true_numbers(*items):
    shown = check(proved(BOOK, items), PUBLISHED).period.shown
    return {item: shown[item] for item in items}


@pytest.mark.parametrize("item", [item for item in PLAIN if item != "chained"])
@pytest.mark.parametrize("off", [1, -1])
def test_a_total_that_is_off_by_one_cannot_be_proved(item, off):
    shown = true_numbers(*({item, "twr"} if item == "squares" else {item}))
    assert problems(lied(shown)) == ()
    assert problems(lied(shown | {item: shown[item] + off})) != ()


@pytest.mark.parametrize("field", range(len(FIELDS)))
def test_other_values_than_the_committed_ones_cannot_be_proved(field):
    """Whatever field: two days' values exchanged in part leave every total as it is."""
    shown = true_numbers("net_pnl", "twr", "squares", "chained")
    first, second = (list(day.committed.values) for day in BOOK[:2])
    first[field], second[field] = first[field] + 1, second[field] - 1
    days = [
        replace(day, committed=replace(day.committed, values=tuple(values)))
        for day, values in zip(BOOK[:2], (first, second), strict=True)
    ]
    assert problems(lied(shown, [*days, *BOOK[2:]])) != ()


@run_with(max_examples=60, deadline=None)
@given(st.sampled_from(["plain", "sharpe", "short", "fund"]), st.randoms(use_true_random=False))
def test_a_file_with_one_letter_changed_does_not_hold_although_its_checksum_fits(name, rng):
    content = json.loads(text_of(f"{name}.json"))
    del content["checksum"]
    place, key = at_random(content, rng)
    place[key] = other_than(place[key], rng)
    assert problems(with_checksum(content)) != ()


def test_a_file_with_one_byte_changed_does_not_hold():
    text = proved(BOOK[:1], ["net_pnl", "twr"], "a bank")
    assert problems(text) == ()
    rng = random.Random(3)
    for place, letter in enumerate(text[:-1]):
        other = rng.choice(sorted({*string.printable} - {*string.whitespace, letter}))
        assert problems(text[:place] + other + text[place + 1 :]) != (), (place, other)


def test_a_file_with_any_letter_changed_does_not_hold_although_its_checksum_fits():
    text = proved(BOOK[:2], ["net_pnl", "twr"], "a bank")
    for place, letter in sample([*enumerate(text)], 500):
        for other in sorted({*"01f"} - {letter}):
            try:
                content = json.loads(text[:place] + other + text[place + 1 :])
            except ValueError:
                continue
            assert problems(with_checksum(content)) != () or content["checksum"] != json.loads(text)["checksum"]


def at_random(content, rng):
    """A place of a content that holds a text, a number, a truth or null: its container and its key."""
    while True:
        keys = list(content) if isinstance(content, dict) else range(len(content))
        key = rng.choice(list(keys))
        if not isinstance(content[key], dict | list):
            return content, key
        if content[key]:
            content = content[key]


def other_than(value, rng):
    if isinstance(value, str):
        place = rng.randrange(len(value))
        return value[:place] + rng.choice(sorted({*"0123456789abcdef"} - {value[place]})) + value[place + 1 :]
    if isinstance(value, bool) or value is None:
        return rng.choice(["0x" + "00" * 32, 0, False])
    return value + rng.choice([-1, 1, 2**32])


@run_with(max_examples=10, deadline=None)
@given(
    st.sets(st.sampled_from(["squares", "worst_day", "drawdown"]), min_size=1),
    st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=6),
    st.integers(1, ORDER - 1),
    st.randoms(use_true_random=False),
)
def test_the_sum_of_all_relations_is_the_sum_of_each_by_itself(items, returns, y, rng):
    """The coefficients, made with tables and sums from behind, against the definition, for any numbers at all."""
    shown = {item: rng.randrange(2**80) if item == "squares" else -rng.randrange(2**50) for item in items}
    days = len(returns)
    maxima = [rng.randrange(2**50) for _ in returns] if "drawdown" in items else []
    values = forms(returns, maxima, shown)
    roots = [[rng.randrange(2**60) for _ in range(3)] for _ in values]
    numbers = [*returns, *maxima, *(root for triple in roots for root in triple)]
    masks = [rng.randrange(2**124) for _ in range(192)]
    bits = transcript.signs(bytes(32), len(numbers))
    projections = [rng.randrange(2**125) for _ in range(192)]
    each = [sum(x * x for x in returns) - shown["squares"]] if "squares" in items else []
    each += [4 * value + 1 - sum(root * root for root in triple) for value, triple in zip(values, roots, strict=True)]
    sums = projected(numbers, bits)
    for row, (mask, z) in enumerate(zip(masks, projections, strict=True)):
        counted = sum(w for w, sign in zip(numbers, bits, strict=True) if sign[row // 8] >> row % 8 & 1)
        assert sums[row] == counted
        each.append(mask + counted - z)
    held, w = relation(shown, days, bits, projections, y), [*numbers, *masks]
    summed = (
        sum(q * n * n + factor * n for q, factor, n in zip(held.quadratic, held.linear, w, strict=True)) + held.constant
    )
    assert (summed - sum(pow(y, place, ORDER) * value for place, value in enumerate(each))) % ORDER == 0


def test_the_days_of_each_account_are_chained_by_themselves():
    assert row_weights((2, 3, 1), "next", 2) == [0, 2, 0, 8, 16, 0]
    assert row_weights((2, 3, 1), "this", 2) == [2, 0, 8, 16, 0, 0]
    assert row_weights((2, 1), "each", 2) == [2, 4, 8]
    assert row_weights((2, 1), "total", 2) == [1, 1, 1]


def test_two_proofs_of_the_same_have_nothing_in_common():
    one, other = (parse(proved(BOOK, ["net_pnl", "twr", "squares"]), PUBLISHED).proof for _ in range(2))
    assert not {*one.t, *one.vector.z, *one.vector.projections} & {*other.t, *other.vector.z, *other.vector.projections}


def test_no_value_and_no_blinding_stands_in_a_file_or_a_repr():
    text = proved(BOOK, ["net_pnl", "twr", "squares", "chained"], bounds=LOW)
    shown = f"{BOOK} {check(text, PUBLISHED)}"
    for day in BOOK:
        secrets = [str(value) for value in day.committed.values if abs(value) > 10**6]
        secrets += [str(day.committed.blinding), f"{day.committed.blinding:064x}"]
        assert not [secret for secret in secrets if secret in text or secret in shown]
        assert not [salt for salt in day.row.salts if str(salt) in str(day)]


def test_the_pairs_of_catalogues_are_those_with_both_slots():
    assert published_pairs(CATALOGUES, EXTENSIONS) == PUBLISHED
    assert published_pairs(CATALOGUES[:3], EXTENSIONS) == ()
