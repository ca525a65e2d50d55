"""The role model's 17 and 18 July 2025 as the tables hold them, and small makers for other days.

The rows are those of golden/flex; the figures that follow from them are written out by hand, digit for digit, so that
the golden report does not depend on anybody's arithmetic but the broker's.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from fntx_dagster.model.contract import Contract
from fntx_dagster.model.day import Block, Day, Event, OpenPosition

NEW_YORK = ZoneInfo("America/New_York")
ZERO = Decimal(0)
RATE = Decimal("7.8472")
JULY_16, JULY_17, JULY_18 = date(2025, 7, 16), date(2025, 7, 17), date(2025, 7, 18)


def new_york(day: date, clock: str) -> datetime:
    """A New York wall-clock time, in UTC."""
    hour, minute, *second = map(int, clock.split(":"))
    return datetime(day.year, day.month, day.day, hour, minute, *second, tzinfo=NEW_YORK).astimezone(UTC)


def option(conid: str, expiry: date, strike: str, put_call: str, underlying: str = "SPY") -> Contract:
    """An option as the broker names it: `SPY   250717C00628000`."""
    code = f"{expiry:%y%m%d}{put_call}{int(Decimal(strike) * 1000):08d}"
    return Contract(
        contract_id=conid,
        symbol=f"{underlying:<6}{code}",
        description=f"{underlying} {expiry:%d%b%y} {strike} {put_call}".upper(),
        asset_category="OPT",
        underlying_symbol=underlying,
        multiplier=Decimal(100),
        strike=Decimal(strike),
        expiry=expiry,
        put_call=put_call,
    )


SPY = Contract("756733", "SPY", "SPDR S&P 500 ETF TRUST", "STK", "SPY")
CALL_628 = option("794496281", JULY_17, "628", "C")
PUT_623 = option("794496230", JULY_17, "623", "P")
PUT_626 = option("794496260", JULY_17, "626", "P")
CALL_629_18 = option("794506291", JULY_18, "629", "C")
PUT_626_18 = option("794506260", JULY_18, "626", "P")


def event(
    event_id: str,
    event_type: str,
    at: datetime,
    contract: Contract | None = None,
    quantity: str | None = None,
    price: str | None = None,
    *,
    opens: str = "0",
    closes: str = "0",
    premium: str = "0",
    reversal: str = "0",
    gross: str = "0",
    commission: str = "0",
    amount: str | None = None,
    impact: str = "0",
    after: str = "0",
    currency: str = "USD",
    rate: Decimal = RATE,
    source: str = "row",
    assumed: bool = False,
    description: str = "",
) -> Event:
    """A row of chronological_events; amounts as text, in `currency`."""
    return Event(
        event_id=event_id,
        event_type=event_type,
        at=at,
        time_assumed=assumed,
        contract=contract,
        quantity=None if quantity is None else Decimal(quantity),
        price=None if price is None else Decimal(price),
        currency=currency,
        fx_rate=rate,
        fx_source=source,
        opening_quantity=Decimal(opens),
        closing_quantity=Decimal(closes),
        premium=Decimal(premium),
        premium_reversal=Decimal(reversal),
        gross_realised=Decimal(gross),
        commission=Decimal(commission),
        amount=None if amount is None else Decimal(amount),
        nav_impact=Decimal(impact),
        nav_after=Decimal(after),
        description=description,
    )


def block(kind: str, phase: str, *events: Event, impact: str, after: str) -> Block:
    """A row of nav_blocks; its sums are those of its events, its NAV impact and NAV after are given."""
    currencies = {each.currency for each in events}
    rates = {each.fx_rate for each in events}
    single = len(currencies) == 1
    return Block(
        block_id=f"block-{events[0].event_id}",
        kind=kind,
        phase=phase,
        starts_at=min(each.at for each in events),
        ends_at=max(each.at for each in events),
        closes=any(each.closing_quantity for each in events) and kind == "trades",
        currency=currencies.pop() if single else None,
        fx_rate=rates.pop() if len(rates) == 1 else None,
        gross_pnl=sum((each.gross_realised for each in events), ZERO) if single else None,
        premium=sum((each.premium for each in events), ZERO) if single else None,
        premium_reversal=sum((each.premium_reversal for each in events), ZERO) if single else None,
        commissions=sum((each.commission for each in events), ZERO) if single else None,
        nav_impact=Decimal(impact),
        nav_after=Decimal(after),
        events=events,
    )


def july_17() -> Day:
    """Day trades that leave a short put and a short call, marked to the close."""
    return Day(
        account_id="U1000001",
        trading_day=JULY_17,
        previous_close=new_york(JULY_16, "16:00"),
        opens_at=new_york(JULY_17, "09:30"),
        closes_at=new_york(JULY_17, "16:00"),
        early_close=False,
        base_currency="HKD",
        opening_nav_official=Decimal("79498.68"),
        opening_nav_calculated=Decimal("79498.68"),
        closing_nav_official=Decimal("79754.81"),
        closing_nav_calculated=Decimal("79402.2222176"),
        deposits=ZERO,
        withdrawals=ZERO,
        gross_pnl=Decimal("-50.692912"),
        commissions=Decimal("-45.7648704"),
        interest=ZERO,
        fees=ZERO,
        broker_residual=ZERO,
        net_pnl=Decimal("256.13"),
        difference=Decimal("352.5877824"),
        difference_parts={
            "mark_to_market": Decimal("408.0544"),
            "interest_accruals": Decimal("-55.47"),
            "fx_translation": Decimal("0.0033824"),
        },
        unexplained=ZERO,
        ended={"expired": 2, "closed": 2},
        blocks=(_expirations_of_the_16th(), _day_trades()),
        open_at_close=(
            OpenPosition(
                PUT_626,
                Decimal(-1),
                new_york(JULY_17, "12:50:28"),
                Decimal("0.37"),
                "expired",
                new_york(JULY_17, "16:20"),
            ),
            OpenPosition(
                CALL_628,
                Decimal(-1),
                new_york(JULY_17, "12:50:36"),
                Decimal("0.19"),
                "assigned",
                new_york(JULY_17, "16:20"),
            ),
        ),
    )


def july_18() -> Day:
    """The call is assigned, the short stock covered before the open, and two options sold that expire worthless."""
    return Day(
        account_id="U1000001",
        trading_day=JULY_18,
        previous_close=new_york(JULY_17, "16:00"),
        opens_at=new_york(JULY_18, "09:30"),
        closes_at=new_york(JULY_18, "16:00"),
        early_close=False,
        base_currency="HKD",
        opening_nav_official=Decimal("79754.81"),
        opening_nav_calculated=Decimal("78609.367"),
        closing_nav_official=Decimal("79231.03"),
        closing_nav_calculated=Decimal("79200.0100496"),
        deposits=ZERO,
        withdrawals=ZERO,
        gross_pnl=Decimal("-533.3631"),
        commissions=Decimal("-21.4368504"),
        interest=ZERO,
        fees=ZERO,
        broker_residual=ZERO,
        net_pnl=Decimal("-523.78"),
        difference=Decimal("31.0199504"),
        difference_parts={
            "assigned_option_mark": Decimal("31.3888"),
            "rate_difference": Decimal("-0.2465"),
            "fx_translation": Decimal("-0.1223496"),
        },
        unexplained=ZERO,
        ended={"assigned": 1, "expired": 1, "closed": 1},
        blocks=(_assignment(), _expiration_of_the_17th(), _cover(), _same_day_options()),
        open_at_close=(
            OpenPosition(
                PUT_626_18,
                Decimal(-1),
                new_york(JULY_18, "10:32:34"),
                Decimal("0.4"),
                "expired",
                new_york(JULY_18, "16:20"),
            ),
            OpenPosition(
                CALL_629_18,
                Decimal(-1),
                new_york(JULY_18, "10:32:41"),
                Decimal("0.37"),
                "expired",
                new_york(JULY_18, "16:20"),
            ),
        ),
    )


def quiet_day(trading_day: date = JULY_17, previous: date = JULY_16, close: str = "16:00", **changes: object) -> Day:
    """A day without events at an unchanging NAV of 79,498.68, with what the test changes."""
    nav = Decimal("79498.68")
    day = Day(
        account_id="U1000001",
        trading_day=trading_day,
        previous_close=new_york(previous, "16:00"),
        opens_at=new_york(trading_day, "09:30"),
        closes_at=new_york(trading_day, close),
        early_close=close != "16:00",
        base_currency="HKD",
        opening_nav_official=nav,
        opening_nav_calculated=nav,
        closing_nav_official=nav,
        closing_nav_calculated=nav,
        deposits=ZERO,
        withdrawals=ZERO,
        gross_pnl=ZERO,
        commissions=ZERO,
        interest=ZERO,
        fees=ZERO,
        broker_residual=ZERO,
        net_pnl=ZERO,
        difference=ZERO,
        difference_parts={},
        unexplained=ZERO,
        blocks=(),
        open_at_close=(),
    )
    return replace(day, **changes)


def position(contract: Contract, quantity: str, ends: str | None = None) -> OpenPosition:
    """A holding at the close of 17 July."""
    ended = None if ends is None else new_york(JULY_17, "16:20")
    return OpenPosition(contract, Decimal(quantity), new_york(JULY_17, "10:00"), Decimal("0.5"), ends, ended)


def fill(
    clock: str,
    contract: Contract,
    quantity: str,
    price: str,
    *,
    closes: str = "0",
    gross: str = "0",
    reversal: str = "0",
    commission: str = "-1",
    currency: str = "USD",
    rate: Decimal = RATE,
    source: str = "row",
    day: date = JULY_17,
    event_id: str = "fill",
) -> Event:
    """A trade: what it does not close it opens, which brings an option's premium. `trades` gives it its NAV impact."""
    size = abs(Decimal(quantity))
    opens = size - Decimal(closes)
    premium = -Decimal(quantity) * Decimal(price) * contract.multiplier * opens / size if contract.put_call else ZERO
    return event(
        event_id,
        "trade",
        new_york(day, clock),
        contract,
        quantity,
        price,
        opens=str(opens),
        closes=closes,
        premium=str(premium),
        gross=gross,
        reversal=reversal,
        commission=commission,
        currency=currency,
        rate=rate,
        source=source,
    )


def trades(*fills: Event, phase: str = "intraday", before: str = "79498.68") -> Block:
    """A block of fills; where it closes something, its opening fills count no premium, only their commission."""
    closes = any(each.closing_quantity for each in fills)

    def impact(each: Event) -> Decimal:
        counted = each.gross_realised if closes else each.premium
        return (counted + each.premium_reversal + each.commission) * each.fx_rate

    total = sum(map(impact, fills), ZERO)
    moved = [replace(each, nav_impact=impact(each)) for each in fills]
    return block("trades", phase, *moved, impact=str(total), after=str(Decimal(before) + total))


def _expirations_of_the_16th() -> Block:
    put, call = option("794486170", JULY_16, "617", "P"), option("794486271", JULY_16, "627", "C")
    at = new_york(JULY_16, "16:20")
    return block(
        "expiration",
        "overnight",
        event("3940000315", "expiration", at, put, "1", "0", closes="1", gross="22", after="79498.68"),
        event("3940000322", "expiration", at, call, "1", "0", closes="1", gross="16", after="79498.68"),
        impact="0",
        after="79498.68",
    )


def _day_trades() -> Block:
    def at(clock: str) -> datetime:
        return new_york(JULY_17, clock)

    sold, bought = "-0.86644", "-0.86365"
    return block(
        "trades",
        "intraday",
        event(
            "3940000350",
            "trade",
            at("12:46:37"),
            PUT_623,
            "-1",
            "0.08",
            opens="1",
            premium="8",
            commission=sold,
            impact="-6.799127968",
            after="79491.880872032",
        ),
        event(
            "3940000329",
            "trade",
            at("12:46:44"),
            CALL_628,
            "-1",
            "0.16",
            opens="1",
            premium="16",
            commission=sold,
            impact="-6.799127968",
            after="79485.081744064",
        ),
        event(
            "3940000343",
            "trade",
            at("12:49:29"),
            CALL_628,
            "1",
            "0.2146",
            closes="1",
            gross="-5.46",
            commission=bought,
            impact="-49.62294628",
            after="79435.458797784",
        ),
        event(
            "3940000357",
            "trade",
            at("12:49:47"),
            PUT_623,
            "1",
            "0.09",
            closes="1",
            gross="-1",
            commission=bought,
            impact="-14.62443428",
            after="79420.834363504",
        ),
        event(
            "3940000364",
            "trade",
            at("12:50:28"),
            PUT_626,
            "-1",
            "0.37",
            opens="1",
            premium="37",
            commission="-1.50538",
            impact="-11.813017936",
            after="79409.021345568",
        ),
        event(
            "3940000336",
            "trade",
            at("12:50:36"),
            CALL_628,
            "-1",
            "0.19",
            opens="1",
            premium="19",
            commission=sold,
            impact="-6.799127968",
            after="79402.2222176",
        ),
        impact="-96.4577824",
        after="79402.2222176",
    )


def _assignment() -> Block:
    at = new_york(JULY_17, "16:20")
    return block(
        "assignment",
        "overnight",
        event("3940000385", "assignment", at, CALL_628, "1", "0", closes="1", gross="19", after="79754.81"),
        event("3940000371", "delivery", at, SPY, "-100", "628", opens="100", after="79754.81"),
        impact="0",
        after="79754.81",
    )


def _expiration_of_the_17th() -> Block:
    at = new_york(JULY_17, "16:20")
    ended = event("3940000392", "expiration", at, PUT_626, "1", "0", closes="1", gross="37", after="79754.81")
    return block("expiration", "overnight", ended, impact="0", after="79754.81")


def _cover() -> Block:
    bought = event(
        "3940000378",
        "trade",
        new_york(JULY_18, "01:15:49"),
        SPY,
        "100",
        "629.45",
        closes="100",
        gross="-145",
        commission="-1",
        rate=Decimal("7.8455"),
        impact="-1145.443",
        after="78609.367",
    )
    return block("trades", "pre_market", bought, impact="-1145.443", after="78609.367")


def _same_day_options() -> Block:
    return block(
        "trades",
        "intraday",
        event(
            "3940000406",
            "trade",
            new_york(JULY_18, "10:32:34"),
            PUT_626_18,
            "-1",
            "0.4",
            opens="1",
            premium="40",
            commission="-0.866",
            impact="307.0923248",
            after="78916.4593248",
        ),
        event(
            "3940000399",
            "trade",
            new_york(JULY_18, "10:32:41"),
            CALL_629_18,
            "-1",
            "0.37",
            opens="1",
            premium="37",
            commission="-0.866",
            impact="283.5507248",
            after="79200.0100496",
        ),
        impact="590.6430496",
        after="79200.0100496",
    )
