from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.accounting import fills as f
from fntx_dagster.accounting.broker_pnl import reconcile_broker_realised
from fntx_dagster.accounting.lots import Effect, Lot
from fntx_dagster.accounting.matching import match, match_contracts
from tests.accounting.examples import VECTORS, fill, golden_fills, of_vector, vectors

NOON = datetime(2025, 7, 1, 16, tzinfo=UTC)


def held(quantity: str | Decimal, price: str | Decimal, day: str, fee: Decimal = Decimal(0), fill_id: str = "") -> Lot:
    """A long lot opened before the first fill."""
    opened_at = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    return Lot(
        direction="long",
        quantity=Decimal(quantity),
        multiplier=Decimal(1),
        open_fill_id=fill_id or f"{day} {price}",
        opened_at=opened_at,
        opened_session=opened_at.date(),
        open_price=Decimal(price),
        open_fee=fee,
        open_fx_rate=Decimal(1),
        how_opened="trade",
        origin_fill_id=None,
        round_trip_id="held",
    )


def net_position(lots: tuple[Lot, ...]) -> Decimal:
    return sum((lot.quantity if lot.direction == "long" else -lot.quantity for lot in lots), Decimal(0))


def gross(lots) -> Decimal:
    return sum((lot.gross_pnl for lot in lots), Decimal(0))


def net(lots) -> Decimal:
    return sum((lot.gross_pnl + lot.open_fee + lot.close_fee for lot in lots), Decimal(0))


def minutes_after_the_first(fills, moment) -> int:
    return int((moment - fills[0].executed_at).total_seconds() // 60)


# -- published vectors


@pytest.mark.parametrize("case", vectors("lean"), ids=lambda case: case["id"])
def test_lots_match_as_in_lean(case):
    fills = of_vector(case, case["fills"])
    matching, expected = match(fills), case["expected"]
    assert net_position(matching.open) == Decimal(expected["open_qty"])
    assert gross(matching.closed) == Decimal(expected["realised_gross"])
    assert net(matching.closed) == Decimal(expected["realised_net"])
    assert sum(fill.commission for fill in fills) == -Decimal(expected["fees_total"])
    assert (net(matching.closed) > 0) == expected.get("is_win", net(matching.closed) > 0)
    assert [
        (
            lot.direction,
            lot.quantity,
            lot.open_price,
            lot.close_price,
            lot.gross_pnl,
            minutes_after_the_first(fills, lot.opened_at),
            minutes_after_the_first(fills, lot.closed_at),
        )
        for lot in matching.closed
    ] == [
        (
            m["direction"],
            Decimal(m["qty"]),
            Decimal(m["entry_price"]),
            Decimal(m["exit_price"]),
            Decimal(m["pnl_gross"]),
            m["entry_minute"],
            m["exit_minute"],
        )
        for m in expected["matches"]
    ]
    for lot, m in zip(matching.closed, expected["matches"], strict=True):
        assert m.get("fill_ids") in (None, [lot.open_fill_id, lot.close_fill_id])


@pytest.mark.parametrize("case", vectors("uebber_core"), ids=lambda case: case["id"])
def test_cost_and_proceeds_with_fees_come_out_as_in_a_tax_engine(case):
    before = [held(o["qty"], Decimal(o["cost_total"]) / Decimal(o["qty"]), o["date"]) for o in case["opening_lots"]]
    matching, expected = match(of_vector(case, case["fills"]), before), case["expected"]
    assert net_position(matching.open) == Decimal(expected["open_qty"])
    assert net(matching.closed) == pytest.approx(Decimal(expected["realised_net"]), abs=Decimal("1E-20"))
    for lot, m in zip(matching.closed, expected["matches"], strict=True):
        bought, sold = (lot.open_price, lot.open_fee), (lot.close_price, lot.close_fee)
        if lot.direction == "short":
            bought, sold = sold, bought
        cost, proceeds = bought[0] * lot.quantity - bought[1], sold[0] * lot.quantity + sold[1]
        assert (lot.direction, lot.quantity) == (m["direction"], Decimal(m["qty"]))
        assert lot.closed_session == date.fromisoformat(m["exit_date"])
        assert proceeds - cost == pytest.approx(Decimal(m["pnl_net"]), abs=Decimal("1E-20"))
        if m["cost_net"]:
            assert cost == pytest.approx(Decimal(m["cost_net"]), abs=Decimal("1E-20"))
            assert proceeds == pytest.approx(Decimal(m["proceeds_net"]), abs=Decimal("1E-20"))
        if not case["opening_lots"]:
            assert lot.opened_session == date.fromisoformat(m["entry_date"])


@pytest.mark.parametrize("case", vectors("beancount_lots"), ids=lambda case: case["id"].removeprefix("beancount_test_"))
def test_lots_are_consumed_by_date_whatever_order_they_come_in_as_in_beancount(case):
    before = [held(lot["qty"], lot["price"], lot["date"]) for lot in case["opening_lots"]]
    reduction = fill("r", case["reduction_qty"], 130, closes=f.CLOSES_ONLY)
    matching, expected = match([reduction], before), case["expected"]
    if expected["error"]:
        # beancount refuses all of it; a broker's row has happened, so what is there closes and the rest is returned
        assert (matching.open, [each.quantity for each in matching.unopened]) == ((), [1])
        return
    assert [(-lot.quantity, lot.open_price) for lot in matching.closed] == [
        (Decimal(lot["qty"]), Decimal(lot["price"])) for lot in expected["matched"]
    ]
    assert {(lot.quantity, lot.open_price) for lot in matching.open} == {
        (Decimal(lot["qty"]), Decimal(lot["price"])) for lot in expected["remaining"]
    }


MISC = [case for case in vectors("misc") if case["method"] == "fifo"]


@pytest.mark.parametrize("case", MISC, ids=lambda case: case["id"])
def test_what_other_platforms_agree_on_comes_out(case):
    fills = of_vector(case, case["fills"])
    matching, expected = match(fills), case["expected"]
    assert net_position(matching.open) == Decimal(expected["open_qty"])
    figures = {
        "realised_gross": gross(matching.closed),
        "realised_net": net(matching.closed),
        "fees_total": -sum(fill.commission for fill in fills),
        "open_avg_price": average_open_price(matching.open),
    }
    if "mark" in expected:
        mark = Decimal(expected["mark"])
        sides = [(lot, 1 if lot.direction == "long" else -1) for lot in matching.open]
        figures["unrealised_net"] = sum(
            (mark - lot.open_price) * lot.quantity * side + lot.open_fee for lot, side in sides
        )
    assert expected.keys() <= figures.keys() | {"open_qty", "mark"}
    for name in figures.keys() & expected.keys():
        assert figures[name] == (expected[name] and Decimal(expected[name])), name


def average_open_price(lots) -> Decimal | None:
    return sum(lot.quantity * lot.open_price for lot in lots) / sum(lot.quantity for lot in lots) if lots else None


def test_the_platform_is_not_on_average_cost():
    (case,) = (case for case in vectors("misc") if case["method"] == "average")
    fills = of_vector(case, case["fills"])
    matching, expected = match(fills), case["expected"]
    assert net_position(matching.open) == Decimal(expected["open_qty"])
    assert gross(matching.closed) + sum(fill.commission for fill in fills) != Decimal(expected["realised_net_all_fees"])
    assert average_open_price(matching.open) != Decimal(expected["open_avg_price"])
    assert gross(matching.closed) == Decimal(30)  # 9 x (10001 - 10000) + 3 x (10005 - 10000) + 1 x (10005 - 9999)


def test_every_case_of_every_vector_file_is_run():
    run = defaultdict(list)
    for name, test in (
        ("lean", test_lots_match_as_in_lean),
        ("uebber_core", test_cost_and_proceeds_with_fees_come_out_as_in_a_tax_engine),
        ("beancount_lots", test_lots_are_consumed_by_date_whatever_order_they_come_in_as_in_beancount),
        ("misc", test_what_other_platforms_agree_on_comes_out),
        ("uebber_options_lifecycle", test_a_tax_lots_folded_premium_is_our_gross_convention_rearranged),
    ):
        [parametrized] = test.pytestmark
        run[name] += [case["id"] for case in parametrized.args[1]]
    run["misc"] += [case["id"] for case in vectors("misc") if case["method"] == "average"]  # the negative control
    assert dict(run) == {file.stem: [case["id"] for case in vectors(file.stem)] for file in VECTORS.glob("*.json")}
    assert {name: len(set(cases)) for name, cases in run.items()} == {
        "lean": 23,
        "uebber_core": 19,
        "beancount_lots": 8,
        "misc": 15,
        "uebber_options_lifecycle": 15,
    }


# -- the life of an option

CODES = {None: f.TRADE, "Ex": f.EXERCISE, "A": f.ASSIGNMENT, "Ep": f.EXPIRATION}


def option_story(case) -> tuple[list[f.Fill], list[f.Fill], list[Lot]]:
    """Option and stock fills of a case with one commission of 1 per trade, none on the row that ends the option."""
    stock = [
        each._replace(fill_id=f"s{each.fill_id}", contract_id="stock", multiplier=Decimal(1))
        for each in of_vector(case, case["stock_fills"], fee="1")
    ]
    option = [each._replace(fill_id=f"o{each.fill_id}") for each in of_vector(case, case["option_fills"], fee="1")]
    for i, execution in enumerate(case["option_fills"]):
        if execution["code"]:
            option[i] = option[i]._replace(event_type=CODES[execution["code"]], commission=Decimal(0))
    for i, execution in enumerate(case["stock_fills"]):
        if execution["code"]:
            (leg,) = (n for n, o in enumerate(option) if o.event_type == CODES[execution["code"]])
            stock[i] = stock[i]._replace(
                event_type=f.DELIVERY, delivered_by=CODES[execution["code"]], linked_fill_id=option[leg].fill_id
            )
            option[leg] = option[leg]._replace(linked_fill_id=stock[i].fill_id)
    owned = case["opening_stock"]
    fee = Decimal(-1)
    before = owned and held(
        owned["quantity"], (Decimal(owned["cost_basis"]) + fee) / owned["quantity"], "2022-12-31", fee
    )
    return option, stock, [before] if before else []


@pytest.mark.parametrize("case", vectors("uebber_options_lifecycle"), ids=lambda case: case["id"])
def test_a_tax_lots_folded_premium_is_our_gross_convention_rearranged(case):
    option, stock, owned = option_story(case)
    options, stocks = match(option), match(stock, owned)
    closed = [*options.closed, *stocks.closed]
    fills = [each._replace(broker_realised=Decimal(0)) for each in (*option, *stock)]
    folded = [each.gross + each.fees + each.folded_premium for each in reconcile_broker_realised(fills, closed)]
    reported = [Decimal(r["gain_loss_eur"]) for r in case["expected"]["rgls"]]
    assert sum(folded) == sum(reported) == net(closed)
    if case["expected"]["rgls"][0].get("asset"):
        assert [each for each in folded if each] == reported  # all of it with the stock, nothing with the option
    assert abs(net_position(options.open)) == case["expected"]["option_eoy_quantity"]
    assert abs(net_position(stocks.open)) == case["expected"].get("stock_eoy_quantity", 0)


def test_an_assigned_put_ends_at_zero_and_its_stock_opens_at_the_strike():
    case = next(c for c in vectors("uebber_options_lifecycle") if c["id"] == "uebber_OPT_PUT_ASGN_001")
    option, stock, _ = option_story(case)
    (put,), (shares,) = match(option).closed, match(stock).closed
    assert (put.how_ended, put.close_price, put.gross_pnl) == ("assigned", 0, 300)
    assert (shares.how_opened, shares.origin_fill_id, shares.open_price) == ("assignment", "o2", 50)
    assert (shares.how_ended, shares.gross_pnl) == ("traded", -500)


def test_a_covered_calls_stock_is_delivered_at_the_strike():
    case = next(c for c in vectors("uebber_options_lifecycle") if c["id"] == "uebber_OPT_CCALL_ASGN_001")
    _, stock, owned = option_story(case)
    (shares,) = match(stock, owned).closed
    assert (shares.how_ended, shares.close_price, shares.gross_pnl) == ("delivered", 55, 500)


# -- the role model


def test_the_brokers_realised_of_every_row_of_the_role_model_is_explained_to_the_last_digit():
    fills = golden_fills()
    closed = [lot for matching in match_contracts(fills).values() for lot in matching.closed]
    differences = {each.fill_id: each for each in reconcile_broker_realised(fills, closed)}
    assert len(differences) == 60
    assert {each.remainder for each in differences.values()} == {Decimal(0)}
    cover = differences["3940000378"]
    assert (cover.gross, cover.fees, cover.folded_premium) == (Decimal(-145), Decimal(-1), Decimal("18.13356"))
    call = differences["3940000385"]
    assert (call.gross, call.fees, call.folded_premium) == (19, Decimal("-0.86644"), Decimal("-18.13356"))


def test_the_day_trades_of_17_july_realise_what_the_role_model_says():
    fills = [fill for fill in golden_fills() if fill.session == date(2025, 7, 17) and fill.phase == "intraday"]
    effects = {k: v for matching in match_contracts(fills).values() for k, v in matching.effects.items()}
    assert sum(effect.gross_realised for effect in effects.values()) == Decimal("-6.46")
    assert round(sum(fill.commission for fill in fills), 2) == Decimal("-5.83")


def test_every_position_of_the_role_model_ends_flat():
    ends = defaultdict(int)
    for matching in match_contracts(golden_fills()).values():
        assert (matching.open, matching.unopened) == ((), ())
        for lot in matching.closed:
            ends[lot.how_ended] += 1
    assert ends == {"expired": 24, "traded": 4, "assigned": 2}


# -- what the statements do not hold


def test_an_expiration_without_its_opening_opens_nothing_and_is_returned():
    matching = match([fill("1", 2, 0, event_type=f.EXPIRATION, closes=f.CLOSES_ONLY)])
    assert (matching.open, matching.closed) == ((), ())
    assert [(each.fill_id, each.quantity) for each in matching.unopened] == [("1", 2)]
    assert matching.effects["1"] == Effect(Decimal(0), Decimal(2), Decimal(0))


def test_an_expiration_of_more_than_is_open_closes_what_is_open():
    fills = [
        fill("1", -1, "0.5"),
        fill("2", 3, 0, event_type=f.EXPIRATION, closes=f.CLOSES_ONLY, commission=Decimal(-3)),
    ]
    matching = match(fills)
    assert [(lot.how_ended, lot.quantity, lot.close_fee) for lot in matching.closed] == [("expired", 1, -1)]
    assert [(each.quantity, each.fee) for each in matching.unopened] == [(2, -2)]
    assert matching.effects["2"] == Effect(Decimal(0), Decimal(3), Decimal("0.5"))


@pytest.mark.parametrize("closes", [f.CLOSES_ONLY, f.CLOSES_SOME])
def test_a_trade_that_the_broker_says_closes_opens_nothing_where_nothing_is_open(closes):
    matching = match([fill("1", -5, 10, closes=closes)])
    assert (matching.open, [each.quantity for each in matching.unopened]) == ((), [5])


def test_a_trade_that_realised_something_may_still_flip_the_position():
    matching = match([fill("1", 5, 10), fill("2", -8, 11, closes=f.CLOSES_SOME)])
    assert net_position(matching.open) == -3


def test_a_currency_conversion_holds_no_lot():
    matching = match([fill("1", 1000, "7.8", event_type=f.FX_CONVERSION)])
    assert (matching.open, matching.effects["1"]) == ((), Effect(Decimal(0), Decimal(0), Decimal(0)))


def test_a_contract_without_a_fill_keeps_its_open_lots():
    lot = held(5, 10, "2025-06-30")
    matchings = match_contracts([fill("1", 1, 10)], [("2", lot)])
    assert (matchings["2"].open, matchings["1"].open[0].quantity) == ((lot,), 1)


# -- round trips and ids


def test_a_round_trip_runs_from_zero_to_zero_and_a_flip_begins_the_next():
    fills = [fill(str(i), q, 10) for i, q in enumerate([2, 1, -1, -4, 2, 1], start=1)]
    matching = match(fills)
    assert [(lot.lot_id, lot.quantity, lot.round_trip_id) for lot in (*matching.closed, *matching.open)] == [
        ("1|3", 1, "1"),
        ("1|4", 1, "1"),
        ("2|4", 1, "1"),
        ("4|5", 2, "4"),
        ("6|open", 1, "6"),
    ]


def test_fees_are_shared_by_quantity_and_the_last_part_takes_what_rounding_left():
    fills = [fill("1", 3, 10, commission=Decimal(-1)), *(fill(str(i), -1, 10) for i in (2, 3, 4))]
    third = Decimal("-0.333333333333")
    assert [lot.open_fee for lot in match(fills).closed] == [third, Decimal("-0.333333333334"), third]


# -- laws

money = st.decimals(min_value=0, max_value=1000, places=4)
executions = st.lists(
    st.tuples(
        st.one_of(st.integers(-9, 9).map(Decimal), st.decimals(min_value=-3, max_value=3, places=3)),
        money,
        money,
        st.integers(0, 2),
        st.sampled_from([f.CLOSES_UNKNOWN, f.CLOSES_UNKNOWN, f.CLOSES_UNKNOWN, f.CLOSES_ONLY, f.CLOSES_SOME]),
    ),
    max_size=25,
).map(
    lambda drawn: [
        fill(
            str(n),
            quantity,
            price,
            commission=-fee,
            closes=closes,
            multiplier=Decimal(100),
            executed_at=NOON + timedelta(minutes=sum(later for *_, later, _ in drawn[: n + 1])),
        )
        for n, (quantity, price, fee, _, closes) in enumerate(drawn)
    ]
)


@given(executions)
def test_the_lots_of_a_fill_sum_to_its_quantity_and_to_its_commission_exactly(fills):
    matching = match(fills)
    quantities, fees = defaultdict(Decimal), defaultdict(Decimal)
    for lot in (*matching.closed, *matching.open):
        quantities[lot.open_fill_id] += lot.quantity
        fees[lot.open_fill_id] += lot.open_fee
    for lot in matching.closed:
        quantities[lot.close_fill_id] += lot.quantity
        fees[lot.close_fill_id] += lot.close_fee
    for each in matching.unopened:
        quantities[each.fill_id] += each.quantity
        fees[each.fill_id] += each.fee
    for each in filter(lambda each: each.quantity, fills):
        assert (quantities[each.fill_id], fees[each.fill_id]) == (abs(each.quantity), each.commission)
        effect = matching.effects[each.fill_id]
        assert effect.opening_quantity + effect.closing_quantity == abs(each.quantity)


@given(executions)
def test_cash_is_realised_pnl_less_what_the_open_position_cost(fills):
    fills = [each._replace(closes=f.CLOSES_UNKNOWN) for each in fills]
    matching = match(fills)
    cost = sum(net_position((lot,)) * lot.open_price * lot.multiplier for lot in matching.open)
    assert sum(each.proceeds for each in fills) == gross(matching.closed) - cost
    assert net_position(matching.open) == sum(each.quantity for each in fills)
    assert sum(effect.gross_realised for effect in matching.effects.values()) == gross(matching.closed)


@given(st.lists(executions, min_size=1, max_size=3))
def test_lots_and_fills_of_several_contracts_sum_to_the_same_gross_pnl_and_fees(contracts):
    """Each fill's own, and all of them; what closes without an opening keeps its fee, and a fill of nothing its own."""
    fills = [
        each._replace(fill_id=f"{contract} {each.fill_id}", contract_id=str(contract))
        for contract, executed in enumerate(contracts)
        for each in executed
    ]
    matchings = match_contracts(fills).values()
    closed = [lot for matching in matchings for lot in matching.closed]
    lots = [*closed, *(lot for matching in matchings for lot in matching.open)]
    effects = {fill_id: effect for matching in matchings for fill_id, effect in matching.effects.items()}
    assert effects.keys() == {each.fill_id for each in fills}
    for each in fills:
        assert effects[each.fill_id].gross_realised == gross(lot for lot in closed if lot.close_fill_id == each.fill_id)
    assert sum(effect.gross_realised for effect in effects.values()) == gross(closed)
    unopened = sum((each.fee for matching in matchings for each in matching.unopened), Decimal(0))
    of_lots = sum((lot.open_fee + (lot.close_fee or 0) for lot in lots), Decimal(0))
    assert of_lots + unopened == sum((each.commission for each in fills if each.quantity), Decimal(0))


@given(st.lists(st.tuples(st.integers(-6, 6), st.integers(1, 99)), max_size=20))
def test_each_fill_realises_what_a_queue_of_single_units_says(drawn):
    queue, realised = [], []
    for quantity, price in drawn:
        gains = []
        for _ in range(abs(quantity)):
            side = 1 if quantity > 0 else -1
            if queue and queue[0][0] != side:
                opened, paid = queue.pop(0)
                gains.append((price - paid) * opened)
            else:
                queue.append((side, price))
        realised.append(sum(gains))
    matching = match([fill(str(n), quantity, price) for n, (quantity, price) in enumerate(drawn)])
    assert [matching.effects[str(n)].gross_realised for n in range(len(drawn))] == realised
    assert net_position(matching.open) == sum(side for side, _ in queue)
    assert sum(lot.quantity * lot.open_price for lot in matching.open) == sum(price for _, price in queue)


@given(executions, st.integers(0, 25))
def test_two_ranges_one_after_the_other_give_what_both_at_once_give(fills, cut):
    whole, before = match(fills), match(fills[:cut])
    after = match(fills[cut:], before.open)
    assert (before.closed + after.closed, after.open) == (whole.closed, whole.open)
    assert (before.effects | after.effects, before.unopened + after.unopened) == (whole.effects, whole.unopened)


@given(executions, st.data())
def test_splitting_a_fill_into_two_at_the_same_price_and_instant_changes_no_total(fills, data):
    fills = [each._replace(closes=f.CLOSES_UNKNOWN) for each in fills]
    if not fills:
        return
    n = data.draw(st.integers(0, len(fills) - 1))
    share = data.draw(st.sampled_from([Decimal("0.5"), Decimal("0.25")]))
    parts = [
        fills[n]._replace(
            fill_id=f"{n}{name}", quantity=fills[n].quantity * part, commission=fills[n].commission * part
        )
        for name, part in (("a", share), ("b", 1 - share))
    ]
    whole, split = match(fills), match([*fills[:n], *parts, *fills[n + 1 :]])
    assert gross(split.closed) == gross(whole.closed)
    assert net_position(split.open) == net_position(whole.open)
    fees = [sum(lot.open_fee + (lot.close_fee or 0) for lot in (*m.closed, *m.open)) for m in (whole, split)]
    if all(each.quantity for each in fills):
        assert fees[0] == fees[1]


@given(executions)
def test_long_and_short_mirror_each_other(fills):
    matching, mirrored = match(fills), match([each._replace(quantity=-each.quantity) for each in fills])
    other = {"long": "short", "short": "long"}
    assert [lot._replace(direction=other[lot.direction], gross_pnl=-lot.gross_pnl) for lot in mirrored.closed] == list(
        matching.closed
    )
    assert [lot._replace(direction=other[lot.direction]) for lot in mirrored.open] == list(matching.open)
