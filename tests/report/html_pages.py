"""The report of the role model's days as an HTML page, and pages around other days."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.model.chain import DayProof, PostedDay, SignedDay
from fntx_dagster.model.day import Day
from fntx_dagster.model.holdings import Mark, StockPosition
from fntx_dagster.model.round_trips import RoundTrip, RoundTrips
from fntx_dagster.report import charts, clock
from fntx_dagster.report.heat_map import heat_map
from fntx_dagster.report.html import AccountReport, to_html
from fntx_dagster.report.market import PART_LABELS
from fntx_dagster.report.nav_path import NavPath, Point, Step, day_steps
from fntx_dagster.report.period import nav_day
from fntx_dagster.report.rows import Used, difference_chart, limits_chart
from fntx_dagster.report.story import narrate

from .role_model import CALL_628, CALL_629_18, JULY_17, JULY_18, PUT_626_18, july_17, july_18, new_york

SHORT_SPY = StockPosition(
    symbol="SPY",
    direction="short",
    quantity=Decimal(100),
    entry_date=JULY_18,
    entry_price=Decimal("628"),
    origin="assignment",
    origin_option="SPY 17JUL25 628 C",
    exit_date=JULY_18,
    exit_price=Decimal("629.45"),
    how_ended="traded",
    currency="USD",
    gross_pnl=Decimal("-145"),
)


TRADES = RoundTrips(
    [
        RoundTrip(
            CALL_628,
            Decimal(-1),
            new_york(JULY_17, "12:46"),
            new_york(JULY_17, "12:49"),
            "traded",
            "USD",
            Decimal("-5.46"),
            Decimal("-1.73"),
            Decimal("-56.42"),
        )
    ],
    1,
    Decimal("-56.42"),
)


def proof(day: date, *, version: int = 1, reason: str | None = None, **known: Any) -> DayProof:
    """The proof of a day that was posted on the evening after it, verified where nothing else is said."""
    bound = {"chain_id": 31337, "contract": "0x" + "c0" * 20, "trader": "0x" + "7a" * 20}
    root, schema, at = bytes([day.day]) * 32, bytes(32), datetime(day.year, day.month, day.day, 22, tzinfo=UTC)
    signed = SignedDay(
        "U1000001",
        day,
        version,
        schema,
        root,
        **bound,
        secret_mark="",
        salt_form=2,
        values={},
        previous_root=None,
        reason=reason,
    )
    posted = PostedDay(
        "U1000001",
        day,
        version,
        **bound,
        tx_hash="0x" + f"{day.day:02x}" * 32,
        block_number=6000 + day.day,
        block_hash="0x" + "b0" * 32,
        gas_used=100_000,
        records=1,
        posted_at=at,
        is_final=True,
        schema_hash=schema,
        root=root,
    )
    return DayProof(signed, posted, "2.0 hours", is_late=False, is_early=False, changed=(), failed=0)._replace(**known)


def metrics(window: str, **figures: Any) -> dict[str, Any]:
    """A row of rolling_metrics, with whatever columns it has."""
    return {"account_id": "U1000001", "trading_day": JULY_18, "metric_window": window} | figures


def option(symbol: str, status: str = "ok", **known: Any) -> dict[str, Any]:
    """A row of option_greeks, undefined where nothing is said."""
    names = ("underlying_symbol", "expiry", "strike", "put_call")
    names += ("mark", "mark_source", "underlying_price", "underlying_source")
    undefined = dict.fromkeys((*names, "implied_volatility", "delta", "gamma", "theta", "vega"))
    return {"symbol": symbol, "contract_id": "1", "status": status, "quantity": Decimal(-1)} | undefined | known


def portfolio(**known: Any) -> dict[str, Any]:
    """A row of portfolio_greeks with `var_95_returns`, undefined where nothing is said."""
    names = ("delta", "gamma", "theta", "vega", "var_95_historical", "var_95_repricing", "var_95_returns", "scenarios")
    return {"trading_day": JULY_18, "options": 0, "options_without": 0} | dict.fromkeys(names) | known


def account(*days: Day, label: str = "U…0001", observer: ZoneInfo = clock.HONG_KONG, **more: Any) -> AccountReport:
    """A section of the given days, with the history that they make themselves."""
    official = [nav_day(day) for day in days if day.as_of is None]
    return AccountReport(label, [narrate(day, observer) for day in days], official, **more)


def role_model_page() -> str:
    """Both days, with a mark, the assigned stock, two windows of metrics, and the risk at the close."""
    return to_html(
        [
            account(
                july_17(),
                july_18(),
                marks={CALL_629_18.contract_id: Mark(Decimal("0.005"), "USD")},
                stocks=[SHORT_SPY],
                trades=TRADES,
                proofs={JULY_17: proof(JULY_17), JULY_18: proof(JULY_18, is_late=True, delay="2.5 days")},
                metrics=[
                    metrics("30d", observations=2, total_return=-0.0033667, sharpe=None, paid_in=None, win_rate=50.0),
                    metrics(
                        "all",
                        observations=2,
                        total_return=-0.0033667,
                        sharpe=-3.5,
                        paid_in=Decimal("79498.68"),
                        win_rate=50.0,
                    ),
                ],
                options=[
                    option(
                        "SPY   250718C00629000",
                        contract_id=CALL_629_18.contract_id,
                        underlying_symbol="SPY",
                        expiry=JULY_18,
                        strike=Decimal("629.00"),
                        put_call="C",
                        mark=Decimal("0.005"),
                        mark_source="open_positions",
                        underlying_price=Decimal("628.11"),
                        underlying_source="prior_position",
                        implied_volatility=0.1123,
                        delta=0.0412,
                        gamma=0.0511,
                        theta=-0.0731,
                        vega=0.0042,
                    ),
                    option(PUT_626_18.symbol, "no_price", contract_id=PUT_626_18.contract_id),
                ],
                portfolio=portfolio(options=2, options_without=1, scenarios=12, var_95_returns=-0.0065),
            )
        ]
    )


def role_model_day_page() -> str:
    """18 July alone, as seen from London."""
    return to_html([account(july_18(), observer=clock.zone("Europe/London"))])


def month_page() -> str:
    """The sessions of July 2025, as eventful as the 17th and the 18th in turn, with trades, proofs and metrics."""
    days: list[Day] = []
    for number, session in enumerate(sessions(date(2025, 7, 1), date(2025, 7, 31))):
        like = (july_17, july_18)[number % 2]()
        moments = {name: getattr(session, name) for name in ("previous_close", "opens_at", "closes_at", "early_close")}
        days.append(replace(like, trading_day=session.day, **moments))
    return to_html(
        [
            account(
                *days,
                stocks=[SHORT_SPY] * 4,
                trades=TRADES._replace(trips=[*TRADES.trips] * 36, ended=36),
                proofs={day.trading_day: proof(day.trading_day) for day in days},
                metrics=[
                    metrics(window, **dict.fromkeys((f"metric_{number}" for number in range(30)), 0.5))
                    for window in ("30d", "30obs", "mtd", "qtd", "ytd", "1y", "5y", "all")
                ],
                options=[option(CALL_629_18.symbol, contract_id=CALL_629_18.contract_id)],
                portfolio=portfolio(),
            )
        ]
    )


LARGE_STEPS = [
    Step("Previous Official Close", "04:00 HKT", Decimal("123456789.01"), Decimal("123456789.01"), "level"),
    Step("Pre-Market Cover Trade", "21:15 HKT", Decimal("123456789.01"), Decimal("101456789.01"), "block"),
    Step("Last closing mark of the assigned option", "", Decimal("101456789.01"), Decimal("101456788.90"), "part"),
]


def year_of_charts() -> str:
    """Every chart of a range over a year that begins late in a month, and those of a day, with the page's style."""
    days = [session.day for session in sessions(date(2024, 7, 24), date(2025, 7, 23))]
    made = [((number * 37) % 41 - 19) / 1000 for number in range(len(days))]
    linked = [sum(made[: number + 1]) for number in range(len(made))]
    points = tuple(Point(number, Decimal(1_480_000 + 900 * (number % 97))) for number in range(len(days) + 1))
    words = ("k", "t", "d")
    parts = [(name, Decimal(1234 * row)) for row, name in enumerate(PART_LABELS.values(), -3)]
    limits = [
        Used("Loss of a day", Decimal(12), Decimal(10), "12 of 10 USD"),
        Used("Orders in a minute", Decimal(1), Decimal(10), "1 of 10"),
    ]
    drawn = {
        "return": charts.return_chart(days, linked, *words, [None, *linked[1:]]),
        "nav": charts.nav_chart(NavPath(tuple(days), points, points, ()), *words),
        "drawdown": charts.drawdown_chart(days, [min(each, 0.0) for each in linked], *words),
        "calendar": heat_map([*zip(days, made, strict=True)], *words),
        "distribution": charts.distribution_chart([(k / 200, (k + 1) / 200, 9 - abs(k)) for k in range(-8, 9)], *words),
        "rolling": charts.rolling_chart(days[29:], [abs(each) for each in linked[29:]], linked[29:], *words),
        "day": charts.day_chart(day_steps(narrate(july_18())), "HKD", *words),
        "large": charts.day_chart(LARGE_STEPS, "JPY", *words),
        "difference": difference_chart(parts, Decimal("0.01"), "HKD", "k", "t"),
        "limits": limits_chart(limits, "k", "t"),
    }
    style = (Path(charts.__file__).parent / "templates" / "report.css").read_text(encoding="utf-8")
    figures = "".join(f'<div class="drawing" aria-label="{name}">{svg}</div>' for name, svg in drawn.items())
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    return f"<!doctype html><html><head>{head}<style>{style}</style></head><body><main>{figures}</main></body></html>"
