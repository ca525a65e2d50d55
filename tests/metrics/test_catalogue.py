import hashlib
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.catalogue import CATALOGUE, scale, unscale

NET_PNL = CATALOGUE.by_name["net_pnl"]
SHARPE = CATALOGUE.by_name["sharpe_30d"]
CONTRACTS = CATALOGUE.by_name["contracts_traded"]

amounts = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=12)


def test_version_1_is_pinned_because_every_signed_record_carries_its_hash():
    assert CATALOGUE.version == 1
    digest = hashlib.sha256(CATALOGUE.canonical()).hexdigest()
    assert digest == "81c847e3b7944b85e2bb2663129f979ecf8d7e742d3efd7700730573affc8719", (
        "a published catalogue is never changed: make a new version"
    )


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
    assert [metric.index for metric in CATALOGUE.metrics] == list(range(58))
    assert len(CATALOGUE.by_name) == 58


def test_categories_come_in_the_seeds_order():
    categories = list(dict.fromkeys(metric.category for metric in CATALOGUE.metrics))
    assert categories == ["core", "account", "pnl", "trading", "reconciliation", "greeks", "performance", "fund"]


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
    assert sorted(scaled) == list(range(58))
    assert (scaled[13], scaled[14], scaled[30]) == (1_250_000_000, 4, None)


def test_a_metric_left_out_and_one_that_does_not_exist_are_both_named():
    values = dict.fromkeys(CATALOGUE.by_name)
    del values["vega"]
    with pytest.raises(Permanent, match=r"missing \['vega'\], unknown \['alpha'\]"):
        CATALOGUE.scaled({**values, "alpha": 1})
