"""The platform and dbt compute a day's story each for itself, and must agree on every day.

dbt builds the days that statements cover, `accounting.provisional` the one that still runs. Here both get the same
generated fills: blocks, phases, premium, reversals and impacts must be equal to the last digit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fntx_dagster.accounting.calendar import Calendar, sessions
from fntx_dagster.accounting.provisional import today
from fntx_dagster.model.contract import is_option
from fntx_dagster.model.day import Block, Day, Event
from fntx_dagster.model.period import Period
from fntx_dagster.model.session import NEW_YORK, Session
from fntx_dagster.model.snapshot import Execution, MarkedPosition, Snapshot
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.account import Account
from fntx_dagster.simulate.contracts import SAP, SPY, SimulatedContract, option
from fntx_dagster.simulate.delivery import deliver
from fntx_dagster.store.marts import story
from tests.dbt.conftest import Platform, fresh

ACCOUNTS = 40
CALENDAR = Calendar(sessions(date(2025, 6, 20), date(2025, 7, 31)))
DAYS = [session for session in CALENDAR.sessions if date(2025, 7, 1) <= session.day <= date(2025, 7, 15)]
"""The sessions around an early close, a holiday and two weekends."""
RATES = {"USD": "7.85", "EUR": "9.125"}
WARRANT = SimulatedContract(
    "7001", "ACME W", kind="WAR", strike=Decimal(10), expiry=date(2025, 12, 19), put_call="C", underlying="ACME"
)
CONTRACTS = (option("P", 620, "2025-08-15"), option("C", 630, "2025-08-15"), SPY, SAP, WARRANT)
MARKS = dict(zip(CONTRACTS, ("1.25", "0.80", "625.5", "251.2", "0.4"), strict=True))
ANCHORS = ("previous_close", "evening", "midnight", "before_open", "open", "noon", "before_close")


class Trade(NamedTuple):
    """A trade so many seconds after a moment of its session."""

    contract: SimulatedContract
    quantity: int
    price: str
    anchor: str
    seconds: int


class Conversion(NamedTuple):
    quantity: int
    anchor: str
    seconds: int


class Movement(NamedTuple):
    """Cash that comes, or, negative, goes."""

    amount: int
    anchor: str
    seconds: int


@dataclass(frozen=True)
class Generated:
    """What happens in an account: some trades in one session, many in the next, cash in the third."""

    sessions: tuple[Session, Session, Session]
    carried: tuple[Trade, ...]
    trades: tuple[Trade | Conversion, ...]
    movements: tuple[Movement, ...]


seconds = st.sampled_from([0, 0, 1, 59, 60, 299, 300, 301, 600, 901])
trade = st.builds(
    Trade,
    contract=st.sampled_from(CONTRACTS[:2] * 3 + CONTRACTS),
    quantity=st.sampled_from([-3, -2, -1, 1, 2, 3]),
    price=st.sampled_from(["0.35", "0.5", "1.1", "2.015"]),
    anchor=st.sampled_from(ANCHORS),
    seconds=seconds,
)
conversion = st.builds(
    Conversion, quantity=st.sampled_from([-500, 700]), anchor=st.sampled_from(ANCHORS), seconds=seconds
)
movement = st.builds(Movement, amount=st.sampled_from([-50, 120]), anchor=st.sampled_from(ANCHORS), seconds=seconds)
generated_days = st.builds(
    Generated,
    sessions=st.integers(1, len(DAYS) - 2).map(lambda place: tuple(DAYS[place - 1 : place + 2])),
    carried=st.lists(trade, max_size=4).map(tuple),
    trades=st.lists(st.one_of(trade, trade, trade, conversion), min_size=10, max_size=24).map(tuple),
    movements=st.lists(movement, min_size=2, max_size=5).map(tuple),
)


def moment(session: Session, anchor: str, seconds: int) -> datetime:
    """A moment of the session, which begins after the previous close and ends with its own."""
    local = session.previous_close.astimezone(NEW_YORK)
    at = {
        "previous_close": session.previous_close + timedelta(seconds=1),
        "evening": local.replace(hour=23, minute=54).astimezone(UTC),
        "midnight": datetime.combine(session.day, time(0, 0, 1), tzinfo=NEW_YORK).astimezone(UTC),
        "before_open": session.opens_at - timedelta(seconds=300),
        "open": session.opens_at,
        "noon": datetime.combine(session.day, time(11, 58), tzinfo=NEW_YORK).astimezone(UTC),
        "before_close": session.closes_at - timedelta(seconds=600),
    }[anchor]
    return min(at + timedelta(seconds=seconds), session.closes_at)


def clock(session: Session, anchor: str, seconds: int) -> str:
    """The same as the simulated broker takes it: New York's wall clock."""
    return moment(session, anchor, seconds).astimezone(NEW_YORK).replace(tzinfo=None).isoformat()


def booked(number: str, days: Generated) -> Account:
    """The account as the simulated broker keeps it."""
    account = Account(number, cash={"HKD": "900000", "USD": "90000", "EUR": "9000"}, rates=RATES)
    account.books.numbers = count(6_999_999_992)  # the broker's numbers get a digit more while they grow
    before, session, after = days.sessions
    for own, trades in ((before, days.carried), (session, days.trades)):
        day = account.day(own.day.isoformat(), MARKS)
        for happens in trades:
            at = clock(own, happens.anchor, happens.seconds)
            if isinstance(happens, Conversion):
                day.convert("USD", happens.quantity, "7.8123", at=at)
            else:
                day.trade(happens.contract, happens.quantity, happens.price, at=at, commission="-1.0517")
        if left := day.held(WARRANT):  # no section of the simulated statements values a warrant
            day.trade(WARRANT, str(-left), "0.45", at=clock(own, "before_close", 600))
    day = account.day(after.day.isoformat(), MARKS)
    for movement in days.movements:
        kind = "deposit" if movement.amount > 0 else "fee"
        day.moves(kind, str(movement.amount), "USD", at=clock(after, movement.anchor, movement.seconds))
    return account


def generate() -> list[Generated]:
    """Accounts' worth of days; nothing shrinks, because every try costs a run of dbt."""
    generated: list[Generated] = []

    @settings(max_examples=ACCOUNTS, phases=[Phase.generate], database=None, suppress_health_check=list(HealthCheck))
    @given(generated_days)
    def collect(days: Generated) -> None:
        generated.append(days)

    collect()
    return generated


class Built(NamedTuple):
    platform: Platform
    accounts: dict[str, Generated]


@pytest.fixture(scope="module")
def built(postgres: str, story_home: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """The generated accounts, each loaded and all built in one run of dbt."""
    accounts = {f"U{2_005_001 + number}": days for number, days in enumerate(generate())}
    folder: Path = tmp_path_factory.mktemp("statements")
    with fresh(postgres, story_home) as platform:
        platform.load(deliver(folder, "all", *(booked(number, days) for number, days in accounts.items())))
        assert platform.run(DAYS[0].day, DAYS[-1].day).failed == ()
        yield Built(platform, accounts)


def official(built: Built, account: str, session: Session) -> Day:
    (day,) = story.days(built.platform.database, account, Period.on(session.day))
    return day


def snapshot(built: Built, account: str, day: Day) -> Snapshot:
    """What the gateway reports at the close of a day whose fills a statement covers."""
    realised = dict(
        built.platform.query(
            """select lots.close_fill_id, sum(lots.gross_pnl + lots.close_fee)
                + coalesce(sum(lots.open_fee) filter (where lots.opened_session = lots.closed_session), 0)
            from alm_reporting.position_lots as lots where lots.account_id = %s group by 1""",
            account,
        )
    )
    held: dict[str, Decimal] = defaultdict(Decimal)
    for contract, quantity in built.platform.query(
        """select contract_id, quantity from alm_reporting.fills
        where account_id = %s and session <= %s and event_type = 'trade'""",
        account,
        day.trading_day,
    ):
        held[contract] += quantity
    events = [event for block in day.blocks for event in block.events]
    contracts = {event.contract.contract_id: event.contract for event in events if event.contract}
    carried = {contract.conid: contract for contract in CONTRACTS}
    positions = []
    for contract_id, quantity in held.items():
        if quantity:
            traded = contracts.get(contract_id) or replace(
                next(iter(contracts.values())), contract_id=contract_id, multiplier=carried[contract_id].multiplier
            )
            positions.append(MarkedPosition(traded, quantity, "USD", Decimal(1), quantity, Decimal(1)))
    return Snapshot(
        account_id=account,
        as_of=day.closes_at + timedelta(minutes=1),
        currency="HKD",
        nav=day.closing_nav_official,
        cash=Decimal(0),
        initial_margin=None,
        maintenance_margin=None,
        excess_liquidity=None,
        cushion=None,
        positions=tuple(positions),
        executions=tuple(_execution(event, realised) for event in reversed(events)),
    )


def _execution(event: Event, realised: dict[str, Decimal]) -> Execution:
    number = event.event_id.removeprefix("fill:")
    assert event.contract is not None
    assert event.quantity is not None
    assert event.price is not None
    return Execution(
        execution_id=f"{number:0>12}.01",
        at=event.at,
        contract=event.contract,
        currency=event.currency,
        quantity=event.quantity,
        price=event.price,
        commission=event.commission,
        commission_currency=event.currency,
        realised=realised[number] if event.closing_quantity else None,
    )


def moved(event: Event) -> tuple:
    """What both must agree on for an event; its id is the broker's number."""
    number = event.event_id.removeprefix("fill:").removesuffix(".01").lstrip("0")
    return (
        number,
        event.event_type,
        event.at,
        event.quantity,
        event.opening_quantity,
        event.closing_quantity,
        event.premium,
        event.premium_reversal,
        event.gross_realised,
        event.commission,
        event.nav_impact,
        event.nav_after,
    )


def described(block: Block) -> tuple:
    return (
        block.block_id,
        block.kind,
        block.phase,
        block.closes,
        block.starts_at,
        block.ends_at,
        block.currency,
        block.fx_rate,
        block.gross_pnl,
        block.premium,
        block.premium_reversal,
        block.commissions,
        block.nav_impact,
        block.nav_after,
        [moved(event) for event in block.events],
    )


def test_both_compute_the_same_blocks_with_the_same_impacts(built: Built) -> None:
    rates = {f"{currency}/HKD": Decimal(rate) for currency, rate in RATES.items()}
    kinds: set[str] = set()
    for account, days in built.accounts.items():
        official_day = official(built, account, days.sessions[1])
        provisional = today(
            snapshot(built, account, official_day),
            base_currency="HKD",
            opening_nav_official=official_day.opening_nav_official,
            rates=rates,
        )
        assert provisional.later_trades == 0
        assert [described(block) for block in provisional.blocks] == [
            described(block) for block in official_day.blocks
        ], days
        assert provisional.opening_nav_calculated == official_day.opening_nav_calculated
        assert provisional.closing_nav_calculated == official_day.closing_nav_calculated
        kinds |= {kind for block in official_day.blocks for kind in _kinds(block)}
    # the generated days show what the rules are about
    assert kinds >= {"closes", "opens", "reverses", "overnight", "pre_market", "intraday", "warrant", "fx_conversion"}


def _kinds(block: Block) -> Iterator[str]:
    yield block.phase
    yield "closes" if block.closes else "opens"
    for event in block.events:
        yield event.event_type
        if event.premium_reversal:
            yield "reverses"
        if event.contract and event.contract.put_call and not is_option(event.contract):
            assert (event.premium, event.premium_reversal) == (0, 0)
            yield "warrant"


def test_both_give_every_moment_the_same_session_and_phase(built: Built) -> None:
    phases: set[str] = set()
    for account, days in built.accounts.items():
        rows = built.platform.query(
            """select event_timestamp, time_assumed, trading_day, phase from alm_reporting.chronological_events
            where account_id = %s and event_type in ('deposit', 'fee')""",
            account,
        )
        assert len(rows) == len(days.movements)
        for at, assumed, trading_day, phase in rows:
            session = CALENDAR.at(at)
            assert (assumed, trading_day, phase) == (False, session.day, session.phase(at)), (account, at)
            phases.add(phase)
    assert phases == {"overnight", "pre_market", "intraday"}
