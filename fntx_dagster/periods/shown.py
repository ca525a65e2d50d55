"""What a proof of a period can show: its items, what they need, and the figures that people read, which follow from
them.

An item is a whole number of the file's `shown`. Money has 8 decimals, log returns 12, their squares 24.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterable, Mapping
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Any

from fntx_dagster.errors import Permanent
from fntx_dagster.periods.commitment import FIELDS

TOTALS = {
    "net_pnl": "net_pnl",
    "twr": "log_return",
    "external_flow": "external_flow",
    "turnover": "turnover",
    "costs": "costs",
    "wins": "wins",
    "losses": "losses",
    "break_evens": "break_evens",
}
"""Item → the field that it is the total of."""
TOTAL_FIELDS = {item: FIELDS.index(field) for item, field in TOTALS.items()}
NAV_CHANGE, CHAINED, SQUARES, WORST_DAY, DRAWDOWN = "nav_change", "chained", "squares", "worst_day", "drawdown"
BOUNDS = (WORST_DAY, DRAWDOWN)
ITEMS = (*TOTALS, NAV_CHANGE, CHAINED, SQUARES, *BOUNDS)
OF_ONE_ACCOUNT = ("twr", SQUARES, *BOUNDS)
"""The sum of two accounts' log returns is no return."""
COUNTED = ("wins", "losses", "break_evens", SQUARES)
"""What is never below 0."""
MONEY = ("net_pnl", "external_flow", "turnover", "costs", NAV_CHANGE)
LIMIT = 2**120

NAMES: Mapping[str, tuple[str, ...]] = {
    "net_pnl": ("net_pnl",),
    "twr": ("twr",),
    "sharpe": ("twr", SQUARES),
    "volatility": ("twr", SQUARES),
    "flows": ("external_flow",),
    "turnover": ("turnover",),
    "costs": ("costs",),
    "win_rate": ("wins", "losses"),
    "break_evens": ("break_evens",),
    "nav_change": (NAV_CHANGE,),
}
"""What a user asks for → the items that it takes."""


def items_of(names: Iterable[str]) -> tuple[str, ...]:
    """The items that a user's names take, in the order of ITEMS. Permanent for an unknown name, or none."""
    asked = list(dict.fromkeys(names))
    if not asked:
        raise Permanent("nothing is to be shown", f"Name some of {', '.join(NAMES)}")
    for name in asked:
        if name not in NAMES:
            nearest = difflib.get_close_matches(name, NAMES, 1)
            hint = f" (nearest: {nearest[0]})" if nearest else ""
            raise Permanent(f"a period cannot show {name!r}{hint}", f"It can show {', '.join(NAMES)}")
    wanted = {item for name in asked for item in NAMES[name]}
    return tuple(item for item in ITEMS if item in wanted)


def names_of(items: Iterable[str]) -> tuple[str, ...]:
    """The user's names for items, in the order of NAMES, and what has no name, such as a bound, as it is: all that a
    reader learns. A reader of twr and squares learns the volatility whether it was asked for or not."""
    shown = list(items)
    names = {name: needed for name, needed in NAMES.items() if {*needed} <= {*shown}}
    named = {item for needed in names.values() for item in needed}
    return (*names, *(item for item in shown if item not in named))


def bound_of(name: str, change: Decimal) -> int:
    """The bound L of worst_day or drawdown for a change such as -0.05 (5 % down), rounded outward to 0.1 %.

    Outward, because a bound that the worst day just reaches would show that day. Permanent for another name, a change
    above 0, or one of -100 % and below.
    """
    if name not in BOUNDS:
        raise Permanent(f"{name!r} has no bound", f"Bounds are of {' and '.join(BOUNDS)}")
    is_loss = change.is_finite() and -1 < change <= 0
    outward = change.quantize(Decimal("0.001"), ROUND_FLOOR) if is_loss else Decimal(-1)
    if outward <= -1:
        raise Permanent(f"the bound of {name} is no loss", f"Give one like {name}=-5%, above -100% and not above 0%")
    logarithm = _SIXTY.ln(1 + outward).scaleb(12, _SIXTY)
    return int(logarithm.to_integral_value(ROUND_FLOOR))


def bound_in_words(name: str, bound: int) -> str:
    """`drawdown=-20.0%`, of a bound that `bound_of` made."""
    return f"{name}={100 * math.expm1(bound * 1e-12):.1f}%"


def figures_of(shown: Mapping[str, Any], days: int) -> dict[str, Decimal | float | int | None]:
    """The figures that people read, by name, of `days` sessions; None where one is not defined.

    Amounts are Decimals in the file's currency, counts ints. twr, win_rate, worst_day and drawdown are fractions (0.05
    is 5 %); volatility_log and sharpe_log are of log returns, of 252 sessions a year. no_day_below follows from total
    and squares alone.
    """
    figures: dict[str, Decimal | float | int | None] = {}
    for item in ITEMS:
        if item in MONEY and item in shown:
            figures[item] = Decimal(shown[item]).scaleb(-8, _SIXTY)
        elif item in ("wins", "losses", "break_evens") and item in shown:
            figures[item] = shown[item]
    if "wins" in shown and "losses" in shown:
        ended = shown["wins"] + shown["losses"]
        figures["win_rate"] = shown["wins"] / ended if ended else None
    if {NAV_CHANGE, "net_pnl", "external_flow"} <= shown.keys():
        left = shown[NAV_CHANGE] - shown["net_pnl"] - shown["external_flow"]
        figures["unexplained"] = Decimal(left).scaleb(-8, _SIXTY)
    if "twr" in shown:
        figures["twr"] = _change(shown["twr"] * 1e-12)
    if SQUARES in shown:
        figures |= _dispersion(shown["twr"], shown[SQUARES], days)
    if WORST_DAY in shown:
        figures[WORST_DAY] = _change((shown[WORST_DAY] - 0.5) * 1e-12)
    if DRAWDOWN in shown:
        figures[DRAWDOWN] = _change((shown[DRAWDOWN] - days / 2) * 1e-12)
    return figures


def missing_items(shown: Collection[str]) -> tuple[str, ...]:
    """The items that some of the shown ones need and that are not there."""
    return ("twr",) if SQUARES in shown and "twr" not in shown else ()


_SIXTY = Context(prec=60)


def _dispersion(total: int, squares: int, days: int) -> dict[str, Decimal | float | int | None]:
    """Volatility, Sharpe and the lowest day that there can be, from n, Σx and Σx²."""
    nothing: dict[str, Decimal | float | int | None] = dict.fromkeys(("volatility_log", "sharpe_log", "no_day_below"))
    scatter = days * squares - total * total
    if days < 2 or scatter < 0:
        return nothing
    deviation = math.sqrt(scatter / (days * (days - 1))) * 1e-12
    mean = total * 1e-12 / days
    lowest = _change(mean - deviation * (days - 1) / math.sqrt(days))
    if deviation <= 1e-15:
        return nothing | {"no_day_below": lowest}
    yearly = math.sqrt(252)
    return {
        "volatility_log": deviation * yearly,
        "sharpe_log": mean / deviation * yearly,
        "no_day_below": lowest,
    }


def _change(logarithm: float) -> float | None:
    """exp(logarithm) − 1; None where no float holds it."""
    return math.expm1(logarithm) if logarithm < 700 else None
