import hashlib
import itertools
import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.catalogue import (
    CATALOGUE,
    CATALOGUES,
    EXTENSION,
    EXTENSIONS,
    NOT_COMPUTED,
    digest_value,
    letters,
    scale,
    unscale,
)
from fntx_dagster.proof.leaves import schema_hash_of

NET_PNL = CATALOGUE.by_name["net_pnl"]
SHARPE = CATALOGUE.by_name["sharpe_30d"]
CONTRACTS = CATALOGUE.by_name["contracts_traded"]
CURRENCY = CATALOGUE.by_name["base_currency"]
DIGEST = CATALOGUE.by_name["statements_digest"]

amounts = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=12)


PINNED = {
    1: "81c847e3b7944b85e2bb2663129f979ecf8d7e742d3efd7700730573affc8719",
    2: "9de94df1dc4f298e3b010ce69eb4c2a2dcd1ceaed27cb811fc806d752f291383",
    3: "eb13a1a01c0cb0c5fa7f7252607ffe14e7ed14bcc7e0f7054ef1a70d9b0db3f5",
    4: "9b8be27f6135455258a506070cbe7087353a7a80a2d94606cea5afd692f51e6f",
}
PINNED_EXTENSIONS = {1: "eef7ae60d00d9e3b428102a8d23027705fcf64920a5eebf1ae1fb709a3d8c203"}
VECTORS = Path(__file__).parents[1] / "proof" / "vectors"


def test_every_version_is_pinned_because_signed_records_carry_its_hash():
    for catalogues, pinned in ((CATALOGUES, PINNED), (EXTENSIONS, PINNED_EXTENSIONS)):
        digests = {catalogue.version: hashlib.sha256(catalogue.canonical()).hexdigest() for catalogue in catalogues}
        assert digests == pinned, "a published catalogue is never changed: make a new version"


@pytest.mark.parametrize(
    ("catalogue", "file", "schema_hash"),
    [
        (CATALOGUES[3], "catalogue-4.json", "908f3e578665de7d609ee81bd2ce8e117e74df733b1fe2fe6ec788e1ba426d74"),
        (EXTENSIONS[0], "catalogue-ext-1.json", "ecd78649125695a450353a769ee5ce0595bd8da10b4b942d544d0f5bf1e8a291"),
    ],
)
def test_the_fourth_version_and_the_extensions_first_have_the_bytes_and_the_hash_of_the_vectors(
    catalogue, file, schema_hash
):
    assert catalogue.canonical() == (VECTORS / file).read_bytes()
    assert schema_hash_of(catalogue.canonical()).hex() == schema_hash


def test_the_last_version_is_the_one_that_is_signed():
    assert [catalogue.version for catalogue in CATALOGUES] == [1, 2, 3, 4]
    assert CATALOGUES[-1] is CATALOGUE
    assert EXTENSIONS[-1] is EXTENSION


def test_a_version_adds_slots_and_changes_none():
    for older, newer in itertools.pairwise(CATALOGUES):
        assert newer.metrics[: len(older.metrics)] == older.metrics


def test_the_canonical_bytes_are_plain_sorted_json_of_everything_that_gives_a_slot_its_meaning():
    content = json.loads(CATALOGUE.canonical())
    assert content["null"] == "int256.min"
    assert [m["index"] for m in content["metrics"]] == list(range(len(CATALOGUE.metrics)))
    assert content["metrics"][13] == {
        "category": "pnl",
        "decimals": 8,
        "index": 13,
        "name": "net_pnl",
        "source": "daily_summary.net_pnl",
        "unit": "base_currency",
    }
    assert json.dumps(content, sort_keys=True, separators=(",", ":")).encode() == CATALOGUE.canonical()


def test_slots_are_numbered_without_gaps_and_fit_the_tree():
    assert [metric.index for metric in CATALOGUE.metrics] == list(range(64))
    assert len(CATALOGUE.by_name) == 64


def test_the_extensions_slots_ascend_with_a_gap_before_the_one_that_is_alone_in_its_half():
    assert [metric.index for metric in EXTENSION.metrics] == [*range(11), 32]


def test_a_value_goes_into_its_slot_and_not_into_its_position():
    scaled = EXTENSION.scaled(dict.fromkeys(EXTENSION.by_name) | {"period_commitments": 7})
    assert scaled == dict.fromkeys(range(11)) | {32: 7}


def test_no_name_stands_for_a_metric_of_the_record_and_one_of_the_extension():
    assert not CATALOGUE.by_name.keys() & EXTENSION.by_name.keys()
    assert CATALOGUE.by_name.keys() | EXTENSION.by_name.keys() >= {*NOT_COMPUTED}


def test_categories_come_in_the_seeds_order():
    categories = list(dict.fromkeys(metric.category for metric in CATALOGUE.metrics))
    assert categories == [
        "core",
        "account",
        "pnl",
        "trading",
        "reconciliation",
        "greeks",
        "performance",
        "fund",
        "risk",
        "aggregation",
    ]


@given(value=amounts)
def test_an_amount_comes_back_within_half_of_its_last_signed_digit(value):
    back = unscale(NET_PNL, scale(NET_PNL, value))
    assert abs(back - value) <= Decimal("0.000000005")
    assert back.as_tuple().exponent == -8


@given(value=amounts)
def test_what_is_rounded_once_is_not_rounded_again(value):
    scaled = scale(NET_PNL, value)
    assert scale(NET_PNL, unscale(NET_PNL, scaled)) == scaled


@pytest.mark.parametrize(
    ("value", "scaled"),
    [("0.000000005", 0), ("0.000000015", 2), ("-0.000000025", -2), ("0.0000000051", 1), ("1296.4830", 129648300000)],
)
def test_amounts_are_rounded_half_even(value, scaled):
    assert scale(NET_PNL, Decimal(value)) == scaled


def test_null_stays_null_in_both_directions():
    assert scale(NET_PNL, None) is None
    assert unscale(NET_PNL, None) is None


def test_a_ratio_may_be_a_float_and_is_read_by_its_shortest_digits():
    assert scale(SHARPE, 0.1) == 10_000_000
    assert scale(SHARPE, 1) == 100_000_000


def test_a_numpy_float_is_a_float():
    numpy = pytest.importorskip("numpy")
    assert scale(SHARPE, numpy.float64(0.1)) == 10_000_000


@pytest.mark.parametrize("value", [0.1, 5.0, True, "5"])
def test_money_as_anything_but_decimal_or_int_is_refused(value):
    with pytest.raises(Permanent, match="net_pnl"):
        scale(NET_PNL, value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), Decimal("NaN"), Decimal("Infinity")])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(Permanent, match="not a number"):
        scale(SHARPE, value)


def test_a_count_with_a_fraction_is_refused():
    assert scale(CONTRACTS, Decimal("3.00")) == 3
    with pytest.raises(Permanent, match="whole"):
        scale(CONTRACTS, Decimal("3.5"))


@pytest.mark.parametrize("value", [2**255, -(2**255), Decimal("1e1000000")])
def test_what_int256_cannot_hold_is_refused_and_so_is_the_encoding_of_null(value):
    with pytest.raises(Permanent, match="int256"):
        scale(CONTRACTS, value)


def test_the_largest_integers_are_kept_to_the_last_digit():
    assert scale(CONTRACTS, 2**255 - 1) == 2**255 - 1
    assert unscale(CONTRACTS, 2**255 - 1) == 2**255 - 1


def test_values_by_name_become_values_by_slot():
    values = dict.fromkeys(CATALOGUE.by_name) | {"net_pnl": Decimal("12.5"), "contracts_traded": 4}
    scaled = CATALOGUE.scaled(values)
    assert sorted(scaled) == list(range(64))
    assert (scaled[13], scaled[14], scaled[30]) == (1_250_000_000, 4, None)


def test_a_metric_left_out_and_one_that_does_not_exist_are_both_named():
    values = dict.fromkeys(CATALOGUE.by_name)
    del values["vega"]
    with pytest.raises(Permanent, match=r"missing \['vega'\], unknown \['alpha'\]"):
        CATALOGUE.scaled({**values, "alpha": 1})


@pytest.mark.parametrize(
    ("metric", "scaled", "text"),
    [
        (NET_PNL, -1_250_000_000, "-12.50000000"),
        (NET_PNL, 0, "0.00000000"),
        (NET_PNL, -1, "-0.00000001"),
        (NET_PNL, None, None),
        (CONTRACTS, 42, "42"),
        (CONTRACTS, -(2**255) + 1, str(-(2**255) + 1)),
        (CURRENCY, letters("HKD"), "HKD"),
        (DIGEST, -1, "f" * 64),
        (DIGEST, 1, "0" * 63 + "1"),
    ],
)
def test_a_signed_number_is_read_with_all_its_decimals_as_letters_or_as_a_digest(metric, scaled, text):
    assert metric.text_of(scaled) == text


@given(scaled=st.integers(-(2**255) + 1, 2**255 - 1))
def test_the_text_of_a_number_is_the_number(scaled):
    assert scale(NET_PNL, Decimal(NET_PNL.text_of(scaled))) == scaled


@given(digest=st.binary(min_size=32, max_size=32).filter(lambda digest: digest != b"\x80" + bytes(31)))
def test_a_digest_comes_back_as_it_was(digest):
    scaled = scale(DIGEST, digest_value(digest))
    assert DIGEST.text_of(scaled) == digest.hex()


@pytest.mark.parametrize("scaled", [0, -1, 0x07, 0x4800, 0x48004B, 0x80, 2**255 - 1])
def test_a_number_that_encodes_no_letters_is_refused(scaled):
    with pytest.raises(Permanent, match="no letters"):
        CURRENCY.text_of(scaled)


@pytest.mark.parametrize("digest", [b"", bytes(31), bytes(33)])
def test_a_digest_of_another_length_is_refused(digest):
    with pytest.raises(Permanent, match="32 bytes"):
        digest_value(digest)


def test_the_documentation_lists_every_slot_as_it_is_signed():
    text = (Path(__file__).parents[2] / "docs" / "catalogue.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if re.match(r"\| `\d", line)]
    rows = [[cell.strip().strip("`") for cell in line.split("|")[1:-1]] for line in lines]
    listed = [row[:5] for row in rows]
    signed = (*CATALOGUE.metrics, *EXTENSION.metrics)
    assert listed == [[str(m.index), m.name, m.unit, str(m.decimals), m.category] for m in signed]
    assert all(re.search(r"\w{3}", row[5]) for row in rows), "each slot has its meaning"


def test_the_documentation_names_the_hash_of_every_version():
    text = (Path(__file__).parents[2] / "docs" / "catalogue.md").read_text(encoding="utf-8")
    assert all(f"0x{schema_hash_of(catalogue.canonical()).hex()}" in text for catalogue in (*CATALOGUES, *EXTENSIONS))
