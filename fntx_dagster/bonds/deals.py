"""A deal as a document: read strictly into what the waterfall is computed from; and the distribution as one."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any

from fntx_dagster.bonds.day_counts import DAY_COUNTS
from fntx_dagster.bonds.waterfall import (
    CLASSES,
    CURRENT,
    STATES,
    FeeDue,
    TrancheDue,
    UnitHolder,
    Waterfall,
    WaterfallDeal,
    WaterfallLine,
)
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.fields import StrictFields

MOST_DECIMALS = 7
_NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,29})(?:\.[0-9]{1,30})?").fullmatch


def read_deal(content: Any, where: str = "deal") -> WaterfallDeal:
    """A deal of its document; `where` is what the errors call it. Permanent, naming field and value, for an amount that
    is no text, is negative or finer than the currency, for an unknown class, day count, state or field, for an id that
    stands twice, for more principal due than is outstanding, and for an empty period."""
    deal = StrictFields(content, where)
    decimals = deal.whole("decimals", 0, MOST_DECIMALS)
    start, end = _period(deal.object("period"), where)
    read = WaterfallDeal(
        deal.text("currency"),
        decimals,
        start,
        end,
        _amount(deal, "available", decimals),
        deal.one_of("state", STATES) if deal.has("state") else CURRENT,
        [_fee(fee, decimals) for fee in (deal.objects("fees") if deal.has("fees") else [])],
        [
            _tranche(tranche, decimals, f"{where}.tranches[{place}]")
            for place, tranche in enumerate(deal.objects("tranches"))
        ],
        _equity(deal, where),
    )
    deal.end()
    _each_once([*(fee.id for fee in read.fees), *(tranche.id for tranche in read.tranches)], where)
    return read


def distribution_document(deal: WaterfallDeal, waterfall: Waterfall) -> dict[str, Any]:
    """A distribution as JSON: every amount is a text with exactly the decimals of the currency."""
    amount = amounts(deal.decimals)
    return {
        "currency": deal.currency,
        "decimals": deal.decimals,
        "available": amount(deal.available),
        "lines": [_line(line, amount) for line in waterfall.lines],
        "payments": [payment._asdict() | {"amount": amount(payment.amount)} for payment in waterfall.payments],
        "tranches": [
            {name: value if name == "id" else amount(value) for name, value in tranche._asdict().items()}
            for tranche in waterfall.tranches
        ],
        "residual": amount(waterfall.residual),
        "retained": amount(waterfall.retained),
    }


def amounts(decimals: int) -> Callable[[int], str]:
    """How an amount in minor units, not below zero, is written in a currency of so many decimals."""
    one = 10**decimals

    def written(units: int) -> str:
        return f"{units // one}.{units % one:0{decimals}d}" if decimals else str(units)

    return written


def minor_units(text: str, decimals: int) -> int | None:
    """An amount in minor units; None where the text is no amount, negative, or finer than the currency."""
    if not _NUMBER(text):
        return None
    units = Fraction(text) * 10**decimals
    return units.numerator if units.denominator == 1 else None


def _line(line: WaterfallLine, amount: Callable[[int], str]) -> Mapping[str, Any]:
    return {
        "step": line.step,
        "kind": line.kind,
        "class": line.rank,
        "id": line.id,
        "due": amount(line.due),
        "arrears_before": amount(line.arrears_before),
        "paid": amount(line.paid),
        "shortfall": amount(line.shortfall),
    }


def _period(period: StrictFields, where: str) -> tuple[date, date]:
    start, end = (_day(period, name) for name in ("start", "end"))
    period.end()
    if start >= end:
        raise Permanent(f"{where}.period from {start} to {end} is empty", "End it after its start")
    return start, end


def _day(fields: StrictFields, name: str) -> date:
    return date.fromisoformat(fields.checked(name, _is_day, "a date as 2026-01-31"))


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _amount(fields: StrictFields, name: str, decimals: int) -> int:
    form = f"an amount of 0 or more as a text, with {decimals} decimals at most"
    units = minor_units(fields.checked(name, lambda text: minor_units(text, decimals) is not None, form), decimals)
    assert units is not None
    return units


def _amount_if_any(fields: StrictFields, name: str, decimals: int) -> int:
    return _amount(fields, name, decimals) if fields.has(name) else 0


def _id(fields: StrictFields) -> str:
    return fields.checked("id", _is_id, "a text that names it")


def _is_id(text: str) -> bool:
    """A lone surrogate has no bytes in UTF-8, so nothing could be ordered by them."""
    return bool(text.strip()) and text == text.encode("utf-8", "replace").decode("utf-8")


def _fee(fee: StrictFields, decimals: int) -> FeeDue:
    read = FeeDue(_id(fee), _amount(fee, "due", decimals), _amount_if_any(fee, "arrears", decimals))
    fee.end()
    return read


def _tranche(tranche: StrictFields, decimals: int, where: str) -> TrancheDue:
    read = TrancheDue(
        _id(tranche),
        tranche.one_of("class", CLASSES),
        _amount(tranche, "outstanding", decimals),
        Fraction(tranche.checked("rate", lambda text: _NUMBER(text) is not None, "a rate of 0 or more as a text")),
        tranche.one_of("day_count", DAY_COUNTS),
        _amount_if_any(tranche, "principal_due", decimals),
        _amount_if_any(tranche, "interest_arrears", decimals),
        _amount_if_any(tranche, "principal_arrears", decimals),
        _holders(tranche, where),
        _amount(tranche, "interest_due", decimals) if tranche.has("interest_due") else None,
    )
    tranche.end()
    if read.principal_due + read.principal_arrears > read.outstanding:
        amount = amounts(decimals)
        raise Permanent(
            f"{where}.principal_due {amount(read.principal_due)} and principal_arrears"
            f" {amount(read.principal_arrears)} are more than the outstanding {amount(read.outstanding)}",
            "Correct what is due, or what is outstanding",
        )
    return read


def _equity(deal: StrictFields, where: str) -> Sequence[UnitHolder]:
    """The holders of equity; none where the deal has no equity, however that is written."""
    if not deal.has("equity") or deal.any("equity") is None:
        return []
    equity = deal.object("equity")
    holders = _holders(equity, f"{where}.equity")
    equity.end()
    return holders


def _holders(fields: StrictFields, where: str) -> list[UnitHolder]:
    """Units may have decimals: they are brought to whole ones, which keeps their proportions."""
    read: list[tuple[str, Fraction]] = []
    for holder in fields.objects("holders"):
        units = holder.checked("units", lambda text: _NUMBER(text) is not None, "units of 0 or more as a text")
        read.append((_id(holder), Fraction(units)))
        holder.end()
    _each_once((name for name, _ in read), f"{where}.holders")
    finest = math.lcm(*(units.denominator for _, units in read))
    return [UnitHolder(name, (units * finest).numerator) for name, units in read]


def _each_once(ids: Iterable[str], where: str) -> None:
    if twice := [name for name, times in Counter(ids).items() if times > 1]:
        raise Permanent(f"{where} has the id {twice[0][:80]!r} twice", "Give each its own")
