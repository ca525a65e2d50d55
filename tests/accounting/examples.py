"""Values that the tests of this room share: fills with little said, and the role model's rows read from its files."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

from fntx_dagster.accounting import fills as f
from fntx_dagster.accounting.calendar import Calendar, sessions
from fntx_dagster.accounting.classification import classify
from fntx_dagster.accounting.fx import Rates
from fntx_dagster.accounting.trade_rows import ExerciseRow, TradeRow

VECTORS = Path(__file__).parent / "vectors"
GOLDEN = Path(__file__).parents[2] / "fntx_dagster" / "samples"
NEW_YORK = ZoneInfo("America/New_York")
USD_IN_HKD = Rates("HKD", configured={"USD/HKD": Decimal("7.8472")})


def vectors(name: str) -> list[dict]:
    """Published cases; each keeps its repository, commit, path and test under `source`."""
    return json.loads((VECTORS / f"{name}.json").read_text())


@cache
def july() -> Calendar:
    return Calendar(sessions(date(2025, 6, 20), date(2025, 7, 31)))


def at(moment: str) -> datetime:
    """A New York wall-clock time as UTC."""
    return datetime.fromisoformat(moment).replace(tzinfo=NEW_YORK).astimezone(UTC)


def fill(fill_id: str, quantity: str | Decimal, price: str | Decimal, **given) -> f.Fill:
    """A fill of one contract; ids that are numbers also order fills of one instant."""
    executed_at = given.pop("executed_at", datetime(2025, 7, 1, 14, tzinfo=UTC))
    defaults = {
        "contract_id": "1",
        "executed_at": executed_at,
        "session": executed_at.date(),
        "multiplier": Decimal(1),
        "commission": Decimal(0),
        "fx_rate_to_base": Decimal(1),
        "source_transaction_id": fill_id,
    }
    return f.Fill(fill_id=fill_id, quantity=Decimal(quantity), price=Decimal(price), **(defaults | given))


def of_vector(case: dict, fills: list[dict], fee: str | None = None) -> list[f.Fill]:
    """A vector's executions as fills: side and size make the signed quantity, fees become negative commissions."""
    return [
        fill(
            execution["id"],
            abs(Decimal(execution["qty"])) * (1 if execution["side"] == "buy" else -1),
            execution["price"],
            executed_at=datetime.fromisoformat(execution["ts"]),
            multiplier=Decimal(case["multiplier"]),
            commission=-Decimal(execution["fee"] or fee or 0),
        )
        for execution in fills
    ]


@cache
def golden_trades() -> tuple[TradeRow, ...]:
    return tuple(_trade(row) for row in _rows("Trades_MTD_20250719.xml", "Trade"))


@cache
def golden_exercises() -> tuple[ExerciseRow, ...]:
    rows = (row for row in _rows("Exercises_and_Expiries_MTD_20250719.xml", "OptionEAE") if row.get("tradeID"))
    return tuple(ExerciseRow(row["tradeID"], row["transactionType"], row["conid"]) for row in rows)


def golden_fills(exercises: bool = True) -> list[f.Fill]:
    return classify(golden_trades(), golden_exercises() if exercises else (), july(), USD_IN_HKD)


def _rows(file: str, tag: str) -> list[dict]:
    return [dict(row.attrib) for row in ElementTree.parse(GOLDEN / file).iter(tag)]


def _trade(row: dict) -> TradeRow:
    money = {
        name: Decimal(row[attribute]) if row[attribute] else None
        for name, attribute in {
            "multiplier": "multiplier",
            "strike": "strike",
            "quantity": "quantity",
            "trade_price": "tradePrice",
            "ib_commission": "ibCommission",
            "close_price": "closePrice",
            "fifo_pnl_realized": "fifoPnlRealized",
            "mtm_pnl": "mtmPnl",
            "fx_rate_to_base": "fxRateToBase",
        }.items()
    }
    return TradeRow(
        row_key=row["transactionID"],
        row_date=_day(row["reportDate"]),
        currency=row["currency"],
        symbol=row["symbol"],
        description=row["description"],
        conid=row["conid"],
        underlying_symbol=row["underlyingSymbol"] or None,
        expiry=_day(row["expiry"]) if row["expiry"] else None,
        put_call=row["putCall"] or None,
        trade_id=row["tradeID"],
        transaction_id=row["transactionID"],
        orig_transaction_id=row["origTransactionID"],
        report_date=_day(row["reportDate"]),
        date_time=datetime.strptime(row["dateTime"], "%Y%m%d;%H%M%S EDT").replace(tzinfo=NEW_YORK).astimezone(UTC),
        transaction_type=row["transactionType"],
        buy_sell=row["buySell"],
        order_type=row["orderType"] or None,
        **money,
    )


def _day(text: str) -> date:
    return datetime.strptime(text, "%Y%m%d").date()
