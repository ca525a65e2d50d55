"""The calculator of strategies: `slices` cuts a quantity, `risk` judges an order; nothing else is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from fntx_dagster.errors import Permanent
from fntx_dagster.execution.risk import DeskDay, DeskLimits, DeskOrder, judged_order
from fntx_dagster.execution.slices import LIMIT, STRATEGIES, VWAP, Slice, SlicePlan, VolumeBucket, sliced
from fntx_dagster.governance.decisions import moment, moment_text
from fntx_dagster.services.calculators import Case, CaseRefused, by_kind, field

_NUMBER = re.compile(r"-?[0-9]{1,60}(?:\.[0-9]{1,90})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII).fullmatch
_SHOWN = 10**6
"""Percentages are shown with six decimals, cut."""


def slices(case: Case) -> Mapping[str, Any]:
    """The slices of a strategy. Raises Permanent for a case that is refused."""
    strategy = field(case, "strategy", str)
    if strategy not in STRATEGIES:
        raise CaseRefused("strategy", f"strategy is none of {', '.join(STRATEGIES)}")
    # a limit order is one, and its file need not say so
    count = 1 if strategy == LIMIT and "slices" not in case else field(case, "slices", int)
    given = case.get("profile") is not None or strategy == VWAP
    plan = SlicePlan(
        strategy,
        number(case, "quantity"),
        field(case, "decimals", int),
        moment(field(case, "start", str)),
        moment(field(case, "end", str)),
        count,
        [_bucket(each) for each in field(case, "profile", list)] if given else (),
    )
    return {"slices": [slice_document(each) for each in sliced(plan)]}


def risk(case: Case) -> Mapping[str, Any]:
    """What becomes of an order, and of the desk. Raises Permanent for a case that is refused."""
    order, limits = field(case, "order", dict), field(case, "limits", dict)
    day = DeskDay(
        field(case, "state", str),
        **{name: number(case, name) for name in ("equity_start", "equity", "net_flows", "position", "volume_today")},
        open_orders=field(case, "open_orders", int),
    )
    sent = DeskOrder(field(order, "side", str), *(number(order, name) for name in ("quantity", "price", "mid")))
    decision = judged_order(day, sent, desk_limits(limits))
    return {
        "decision": "accept" if decision.accepted else "reject",
        "reasons": [*decision.reasons],
        "state": decision.state,
        "reducing": decision.reducing,
        "loss_pct": percent(decision.loss_pct),
        "slippage_pct": percent(decision.slippage_pct),
        "actions": [*decision.actions],
    }


check = by_kind({"slices": slices, "risk": risk})


def slice_document(each: Slice) -> dict[str, Any]:
    """A slice as a document: `flags` only where there are any."""
    document = {"n": each.n, "at": moment_text(each.at), "quantity": f"{each.quantity:f}"}
    return document | ({"flags": each.flags} if each.flags else {})


def desk_limits(limits: Mapping[str, Any]) -> DeskLimits:
    """The limits of a document: amounts and percentages as texts, `max_open_orders` as a whole number."""
    names = [name for name in DeskLimits._fields if name != "max_open_orders"]
    return DeskLimits(
        **{name: number(limits, name) for name in names}, max_open_orders=field(limits, "max_open_orders", int)
    )


def number(case: Mapping[str, Any], name: str) -> Fraction:
    """A decimal text of a case, exactly. JSON's own numbers are refused: they are read as floats."""
    text = field(case, name, str)
    if not _NUMBER(text):
        raise CaseRefused("number", f'{name} is no decimal number as a text, as "12.5"')
    return Fraction(text)


def percent(value: Fraction) -> str:
    """A percentage that is not negative, with six decimals; what is finer is cut."""
    whole, parts = divmod(int(value * _SHOWN), _SHOWN)
    return f"{whole}.{parts:06}"


def _bucket(each: Any) -> VolumeBucket:
    if not isinstance(each, dict):
        raise Permanent("profile is not a list of objects", "Write start, end and volume of each")
    start, end = moment(field(each, "start", str)), moment(field(each, "end", str))
    return VolumeBucket(start, end, number(each, "volume"))
