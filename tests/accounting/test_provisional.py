"""The day that still runs: from what the gateway reports to the story, the document and the table."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.accounting.provisional import today
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.contract import Contract
from fntx_dagster.model.day import Event, ProvisionalDay
from fntx_dagster.model.snapshot import Execution, MarkedPosition, Snapshot, from_json, to_json
from fntx_dagster.report.document import to_document
from fntx_dagster.report.markdown import to_markdown
from fntx_dagster.report.narrative import Paragraph
from fntx_dagster.report.story import narrate
from fntx_dagster.report.summary_table import summary_table
from fntx_dagster.report.summary_table import to_markdown as table_markdown
from tests.report.role_model import SPY, july_18, new_york, option

GOLDEN = Path(__file__).parents[1] / "golden" / "report"
JULY_25, JULY_28, JULY_29 = date(2025, 7, 25), date(2025, 7, 28), date(2025, 7, 29)
PUT, CALL = option("800000635", JULY_28, "635", "P"), option("800000638", JULY_28, "638", "C")
RATES = {"USD/HKD": Decimal("7.8")}
OPENING = Decimal("198600.55")


def executed(
    name: str,
    clock: str,
    contract: Contract,
    quantity: str,
    price: str,
    *,
    realised: str | None = None,
    commission: str = "-1",
    currency: str = "USD",
    day: date = JULY_28,
) -> Execution:
    """A fill at a New York time of 28 July 2025."""
    return Execution(
        execution_id=name,
        at=new_york(day, clock),
        contract=contract,
        currency=currency,
        quantity=Decimal(quantity),
        price=Decimal(price),
        commission=Decimal(commission),
        commission_currency=currency,
        realised=None if realised is None else Decimal(realised),
    )


def held(contract: Contract, quantity: str, mark: str, cost: str = "0.2", currency: str = "USD") -> MarkedPosition:
    value = Decimal(quantity) * Decimal(mark) * contract.multiplier
    return MarkedPosition(contract, Decimal(quantity), currency, Decimal(mark), value, Decimal(cost))


def snapshot(*executions: Execution, positions: tuple[MarkedPosition, ...] = (), clock: str = "10:15") -> Snapshot:
    """28 July 2025 at a New York time, worth 25,520.41 USD."""
    return Snapshot(
        account_id="U1000001",
        as_of=new_york(JULY_28, clock),
        currency="USD",
        nav=Decimal("25520.41"),
        cash=Decimal("25568.41"),
        initial_margin=Decimal(6350),
        maintenance_margin=Decimal(6350),
        excess_liquidity=Decimal("19170.41"),
        cushion=Decimal("0.75118"),
        positions=positions,
        executions=executions,
    )


def example() -> Snapshot:
    """Seed 001, 8.3: 3 puts sold at 0.12 and 3 calls at 0.09, both expiring that day."""
    return snapshot(
        executed("0000e0d5.1.01", "10:02:11", PUT, "-3", "0.12", commission="-2.59932"),
        executed("0000e0d5.2.01", "10:02:38", CALL, "-3", "0.09", commission="-2.59932"),
        positions=(held(PUT, "-3", "0.09"), held(CALL, "-3", "0.07")),
    )


def built(seen: Snapshot, opening: Decimal | None = OPENING, base: str = "HKD") -> ProvisionalDay:
    return today(seen, base_currency=base, opening_nav_official=opening, rates=RATES)


def events(day: ProvisionalDay) -> list[Event]:
    return [event for block in day.blocks for event in block.events]


def moment(day: ProvisionalDay, kind: str) -> Paragraph:
    (paragraph,) = [block for block in narrate(day).paragraphs if block.kind == kind]
    return paragraph


def lines(paragraph: Paragraph) -> list[str]:
    return [line.plain for line in paragraph.lines]


def test_the_story_of_the_example_is_the_golden_file() -> None:
    story = to_markdown([narrate(built(example()))], account_label="U…0001")
    assert story == (GOLDEN / "today.md").read_text(encoding="utf-8")


def test_the_nav_is_converted_at_the_real_time_rate() -> None:
    day = built(example())
    assert day.closing_nav_official == Decimal("199059.198")
    assert "Current NAV: 25,520.41 USD × 7.8 = 199,059.20 HKD (configured real-time rate)" in lines(moment(day, "now"))
    assert {event.fx_source for event in events(day)} == {"realtime"}


def test_an_account_in_the_gateways_currency_sees_no_rate() -> None:
    day = today(example(), base_currency="USD", opening_nav_official=None, rates={})
    assert (day.closing_nav_official, day.rate) == (Decimal("25520.41"), Decimal(1))
    assert "Current NAV: 25,520.41 USD" in lines(moment(day, "now"))


def test_a_missing_rate_is_named_with_the_setting() -> None:
    with pytest.raises(Permanent, match=r"USD/HKD.*FNTX_REALTIME_RATES"):
        today(example(), base_currency="HKD", opening_nav_official=None, rates={})
    euros = executed("a.01", "10:00", SPY, "1", "200", currency="EUR")
    with pytest.raises(Permanent, match="EUR/HKD"):
        built(snapshot(euros))


def test_the_heading_says_that_the_day_is_provisional_and_as_of_when() -> None:
    assert narrate(built(example())).heading == (
        "US Trading Day: Monday, July 28, 2025 (provisional, as of 22:15 HKT / 10:15 EDT)"
    )
    late = replace(example(), as_of=new_york(JULY_28, "16:30"))
    assert narrate(built(late)).heading.endswith("(provisional, as of 04:30 HKT, July 29 / 16:30 EDT, July 28)")


def test_no_word_of_the_story_claims_a_close() -> None:
    story = to_markdown([narrate(built(example()))], account_label=None)
    for word in ("Official Closing", "Closing NAV", "Reconciliation", "Market Close", "expire worthless", "books"):
        assert word not in story


def test_the_whole_difference_is_one_part_and_nothing_is_unexplained() -> None:
    day = built(example())
    assert day.closing_nav_calculated == OPENING + Decimal("57.80136") * Decimal("7.8")
    assert day.difference == day.closing_nav_official - day.closing_nav_calculated
    assert day.difference_parts == {"not_yet_attributed": day.difference}
    assert day.unexplained == 0
    said = next(line for line in lines(moment(day, "now")) if line.startswith("Not yet attributed"))
    assert said == ("Not yet attributed: 199,059.20 - 199,051.40 = +7.80 HKD; the day's statement will name its parts.")


def test_without_an_opening_nav_the_nav_now_is_reported_and_no_pnl() -> None:
    day = built(example(), opening=None)
    assert day.closing_nav_official == Decimal("199059.198")
    assert day.opening_nav_calculated is day.closing_nav_calculated is day.difference is None
    story = to_markdown([narrate(day)], account_label=None)
    assert "Its official NAV is not known yet" in story
    assert "**199,059.20 HKD**" in story
    assert "NAV becomes" not in story
    (document,) = to_document([narrate(day)])["days"]
    assert document["opening_nav_official"] is document["difference"] is None
    assert document["closing_nav_official"]["display"] == "199,059.20"
    row = dict(zip(summary_table([day]).headers, summary_table([day]).rows[0], strict=True))
    assert (row["Opening NAV"], row["Closing NAV"]) == ("", "199,059.20")


def test_what_the_gateway_does_not_report_is_not_reported_as_zero() -> None:
    day = built(example())
    assert day.deposits is day.withdrawals is day.interest is day.fees is None
    row = dict(zip(summary_table([day]).headers, summary_table([day]).rows[0], strict=True))
    assert (row["Cash Flow"], row["Interest"], row["Gross P&L"]) == ("", "", "+491.40")


def test_no_net_pnl_is_reported_for_deposits_and_the_rate_move_the_nav_too() -> None:
    day = built(example())
    (document,) = to_document([narrate(day)])["days"]
    assert day.net_pnl is document["net_pnl"] is None
    row = dict(zip(summary_table([day]).headers, summary_table([day]).rows[0], strict=True))
    assert (row["Opening NAV"], row["Net P&L"]) == ("198,600.55", "")


def test_before_the_open_the_day_has_no_open_and_trades_are_pre_market() -> None:
    seen = snapshot(executed("a.01", "08:00", PUT, "-1", "0.5"), positions=(held(PUT, "-1", "0.4"),), clock="08:30")
    day = built(seen)
    assert [block.kind for block in narrate(day).paragraphs] == ["previous_close", "trades", "now"]
    assert day.blocks[0].phase == "pre_market"
    assert lines(moment(day, "now"))[0].startswith("Event: The market has not opened yet.")


def test_an_evening_trade_before_the_day_is_overnight() -> None:
    seen = snapshot(executed("a.01", "18:00", PUT, "-1", "0.5", day=JULY_25), positions=(held(PUT, "-1", "0.4"),))
    story = narrate(built(seen))
    assert [section.heading for section in story.sections] == [
        "Overnight Period (July 25 Close to July 28 Open)",
        story.heading,
    ]
    assert moment(built(seen), "market_open").lines[0].label == "Official Opening NAV"


def test_a_session_without_trades_says_so_as_far_as_it_went() -> None:
    session = moment(built(snapshot()), "no_events")
    assert session.summary == "No events. Nothing was traded so far."
    assert session.when == "21:30–22:15 HKT / 09:30–10:15 EDT"
    assert lines(moment(built(snapshot()), "now"))[0] == "Event: The market is open. You hold no open positions."


def test_fills_at_most_five_minutes_apart_are_one_block() -> None:
    fills = [
        executed(f"{number}.01", clock, PUT, "-1", "0.5")
        for number, clock in enumerate(("09:31:00", "09:36:00", "09:41:01", "10:00:00"))
    ]
    day = built(snapshot(*fills, positions=(held(PUT, "-4", "0.4"),)))
    assert [len(block.events) for block in day.blocks] == [2, 1, 1]
    assert [block.block_id for block in day.blocks] == [f"U1000001:2025-07-28:{n:04}" for n in (1, 2, 3)]


def test_the_open_divides_a_block() -> None:
    fills = (executed("a.01", "09:28", PUT, "-1", "0.5"), executed("b.01", "09:31", PUT, "-1", "0.5"))
    day = built(snapshot(*fills, positions=(held(PUT, "-2", "0.4"),)))
    assert [block.phase for block in day.blocks] == ["pre_market", "intraday"]


def test_what_was_opened_today_realises_exactly_and_takes_back_the_premium_counted() -> None:
    sold = executed("a.01", "09:40", PUT, "-2", "0.50")
    bought = executed("b.01", "10:00", PUT, "1", "0.30", realised="17.9")
    day = built(snapshot(sold, bought, positions=(held(PUT, "-1", "0.3"),)))
    opening, closing = events(day)
    assert (opening.premium, opening.opening_quantity) == (Decimal(100), Decimal(2))
    assert (closing.gross_realised, closing.premium_reversal, closing.closing_quantity) == (20, -50, 1)
    assert day.realised_by_broker == frozenset()
    assert closing.nav_impact == Decimal(-31) * Decimal("7.8")
    assert "Realised Gain: (0.50 - 0.30) × 100 = 20.00 USD" in lines(narrate(day).paragraphs[3])


def test_a_block_that_also_closes_counts_no_premium_and_takes_none_back() -> None:
    day = built(snapshot(executed("a.01", "09:40", PUT, "-1", "0.50"), executed("b.01", "09:42", PUT, "1", "0.30")))
    opening, closing = events(day)
    assert (opening.premium, closing.gross_realised, closing.premium_reversal) == (0, 20, 0)


def test_what_was_opened_earlier_realises_the_brokers_figure_and_says_so() -> None:
    bought = executed("a.01", "10:00", PUT, "1", "0.30", realised="17.9", commission="-1.1")
    day = built(snapshot(bought, positions=(held(PUT, "-2", "0.3"),)))
    (closing,) = events(day)
    assert closing.gross_realised == Decimal(19)  # the closing commission taken out; the opening's is not known
    assert day.realised_by_broker == {closing.event_id}
    assert "Realised Gain: 19.00 USD (the broker's own figure, net of what the opening cost)" in lines(
        narrate(day).paragraphs[2]
    )
    assert day.open_at_close[0].quantity == -2
    assert day.open_at_close[0].opened_at is None


def test_of_a_fill_that_closes_old_and_new_the_new_openings_commission_is_counted_once() -> None:
    sold = executed("a.01", "09:40", PUT, "-1", "0.50", commission="-1")
    bought = executed("b.01", "10:00", PUT, "2", "0.30", realised="36", commission="-1")
    closing = events(built(snapshot(sold, bought)))[1]
    assert (closing.closing_quantity, closing.gross_realised, closing.premium_reversal) == (2, 38, -50)


def test_a_fill_that_closes_without_its_pnl_is_no_answer_yet() -> None:
    first = executed("a.01", "10:00", PUT, "1", "0.30", realised="10")
    with pytest.raises(Transient, match="realised P&L"):
        built(snapshot(first, executed("b.01", "10:01", PUT, "1", "0.30"), positions=(held(PUT, "-1", "0.3"),)))


def test_a_fill_that_turns_a_position_closes_one_part_and_opens_the_other() -> None:
    sold = executed("a.01", "09:40", SPY, "-30", "630")
    bought = executed("b.01", "10:00", SPY, "50", "629", realised="28")
    closing = events(built(snapshot(sold, bought, positions=(held(SPY, "20", "629"),))))[1]
    assert (closing.closing_quantity, closing.opening_quantity, closing.gross_realised) == (30, 20, 30)


def test_an_option_that_expired_after_the_close_was_still_sold_to_open() -> None:
    day = built(replace(example(), positions=(), as_of=new_york(JULY_28, "17:00")))
    assert [(event.opening_quantity, event.closing_quantity) for event in events(day)] == [(3, 0), (3, 0)]
    assert [position.quantity for position in day.open_at_close] == [-3, -3]
    now = lines(moment(day, "now"))
    assert now[0].startswith("Event: The market has closed; its statement is to come.")
    assert (
        now[1] == "Short 3 SPY 635 Puts: The gateway now reports another quantity; the day's statement will explain it"
    )


def test_a_fill_after_the_close_belongs_to_the_next_trading_day() -> None:
    late = executed("c.01", "16:05", SPY, "10", "630")
    seen = replace(example(), as_of=new_york(JULY_28, "17:00"))
    seen = replace(seen, executions=(*seen.executions, late), positions=(*seen.positions, held(SPY, "10", "630")))
    day = built(seen)
    assert (len(events(day)), day.later_trades) == (2, 1)
    assert SPY not in [position.contract for position in day.open_at_close]
    assert (
        "After the close: 1 fill after the close belongs to the next trading day; the current NAV holds it."
        in lines(moment(day, "now"))
    )


def test_a_fill_of_the_day_before_is_not_todays() -> None:
    old = executed("a.01", "15:00", PUT, "-1", "0.5", day=JULY_25)
    assert built(snapshot(old, positions=(held(PUT, "-1", "0.4"),))).blocks == ()


def test_of_a_corrected_fill_the_highest_version_counts() -> None:
    wrong, right = executed("0000.a.02", "10:00", PUT, "-1", "9.9"), executed("0000.a.10", "10:00", PUT, "-1", "0.4")
    (event,) = events(built(snapshot(right, wrong, positions=(held(PUT, "-1", "0.4"),))))
    assert event.price == Decimal("0.4")


def test_a_conversion_of_currencies_costs_its_commission_and_is_not_held() -> None:
    pair = Contract("12345777", "USD.HKD", "USD.HKD", "CASH")
    day = built(snapshot(executed("a.01", "10:00", pair, "1000", "7.8", currency="HKD", commission="-16")))
    assert [(event.event_type, event.nav_impact) for event in events(day)] == [("fx_conversion", -16)]
    assert day.open_at_close == ()


def test_a_commission_in_another_currency_is_converted() -> None:
    paid = replace(executed("a.01", "10:00", SPY, "1", "630", commission="-7.8"), commission_currency="HKD")
    (event,) = events(built(snapshot(paid, positions=(held(SPY, "1", "630"),))))
    assert (event.commission, event.nav_impact) == (Decimal(-1), Decimal("-7.8"))


def test_positions_are_listed_with_market_values_and_capped() -> None:
    strikes = [option(f"80000{strike}", JULY_29, str(strike), "C") for strike in range(630, 640)]
    now = lines(moment(built(snapshot(positions=tuple(held(contract, "-1", "0.5") for contract in strikes))), "now"))
    assert now[1] == "Short SPY July 29 630 Call: market value -50.00 USD at $0.50"
    assert now[6] == "5 more positions"


def test_the_document_marks_the_day_and_gives_the_gateways_figures() -> None:
    official, provisional = to_document([narrate(july_18()), narrate(built(example()))])["days"]
    assert (official["provisional"], official["as_of"], official["gateway_nav"]) == (False, None, None)
    assert provisional["provisional"] is True
    assert provisional["as_of"]["hong_kong"] == "2025-07-28 22:15:00 HKT"
    assert provisional["gateway_nav"] == {
        "amount": "25520.41",
        "display": "25,520.41",
        "currency": "USD",
        "rate": "7.8",
    }
    assert provisional["open_at_close"][0]["market_value"] == {"amount": "-27", "display": "-27.00"}
    assert [(part["name"], part["label"]) for part in provisional["difference_parts"]] == [
        ("not_yet_attributed", "Not yet attributed")
    ]
    json.dumps(provisional)


def test_the_table_marks_the_row_and_says_what_the_mark_means() -> None:
    table = summary_table([july_18(), built(example())])
    assert [row[0] for row in table.rows] == ["2025-07-18", "2025-07-28 *"]
    assert table.footnote == (
        "* 22:15 HKT / 10:15 EDT: provisional, from IB Gateway at the real-time rate, and in no total; "
        "the day's statement replaces it."
    )
    assert table_markdown(table).splitlines()[-1].startswith("\\* 22:15 HKT")
    assert summary_table([july_18()]).footnote == ""


def test_a_day_that_still_runs_is_in_no_total() -> None:
    assert summary_table([july_18(), built(example())]).totals == summary_table([july_18()]).totals
    assert set(summary_table([built(example())]).totals) == {"Total", ""}


def test_the_snapshot_of_the_example_reads_back_from_json_text() -> None:
    assert from_json(json.loads(json.dumps(to_json(example())))) == example()


amounts = st.decimals(allow_nan=False, allow_infinity=False)
names = st.text(max_size=12)
utc = {"tzinfo": UTC, "fold": 0}
moments = st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)).map(lambda moment: moment.replace(**utc))
contracts = st.builds(
    Contract,
    *(names, names, names, names),
    st.none() | names,
    amounts,
    st.none() | amounts,
    st.none() | st.dates(),
    st.sampled_from([None, "C", "P"]),
)
snapshots = st.builds(
    Snapshot,
    *(names, moments, names, amounts, amounts),
    *[st.none() | amounts] * 4,
    positions=st.lists(st.builds(MarkedPosition, contracts, amounts, names, *[amounts] * 3), max_size=3).map(tuple),
    executions=st.lists(
        st.builds(
            Execution, *(names, moments, contracts, names, amounts, amounts, amounts, names), st.none() | amounts
        ),
        max_size=3,
    ).map(tuple),
)


@given(snapshots)
def test_every_snapshot_reads_back_digit_for_digit(seen: Snapshot) -> None:
    back = from_json(json.loads(json.dumps(to_json(seen))))
    assert back == seen
    assert repr(back) == repr(seen)


sizes = st.integers(-5, 5).filter(bool)
trades = st.lists(
    st.tuples(st.sampled_from([PUT, CALL, SPY]), sizes, st.integers(1, 900), st.integers(0, 20)), max_size=12
)


@given(trades, st.integers(-6, 6))
def test_every_cent_that_the_blocks_tell_adds_up(done: list[tuple[Contract, int, int, int]], before: int) -> None:
    """And a contract that nothing is left of has moved the NAV by its cash: premium is never counted twice."""
    clock, fills, net = 0, [], {contract.contract_id: Decimal(0) for contract in (PUT, CALL, SPY)}
    net[PUT.contract_id] += before
    for number, (contract, quantity, price, minutes) in enumerate(done):
        clock += minutes
        at = f"{9 + (35 + clock) // 60:02}:{(35 + clock) % 60:02}:{number:02}"
        closes = net[contract.contract_id] * quantity < 0
        net[contract.contract_id] += quantity
        fills.append(
            executed(f"{number}.01", at, contract, str(quantity), f"{price}e-2", realised="3" if closes else None)
        )
    positions = tuple(
        held(contract, str(net[contract.contract_id]), "0.1")
        for contract in (PUT, CALL, SPY)
        if net[contract.contract_id]
    )
    day = built(snapshot(*fills, positions=positions, clock="15:59"))
    nav = OPENING
    for event in events(day):
        nav += event.nav_impact
        assert event.nav_after == nav
        assert event.opening_quantity + event.closing_quantity == abs(event.quantity)
    assert nav == day.closing_nav_calculated
    assert nav + sum(day.difference_parts.values()) == day.closing_nav_official
    assert {position.contract.contract_id: position.quantity for position in day.open_at_close} == {
        k: q for k, q in net.items() if q
    }
    if not before:
        for contract in (PUT, CALL, SPY):
            own = [event for event in events(day) if event.contract == contract]
            if own and not net[contract.contract_id]:
                cash = sum(-event.quantity * event.price * contract.multiplier + event.commission for event in own)
                assert sum(event.nav_impact for event in own) == cash * Decimal("7.8")
    narrate(day)
