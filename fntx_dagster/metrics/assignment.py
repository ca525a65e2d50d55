"""What the short options take if they are assigned: shares, and the cash that they cost.

Pure, and exact: strikes, quantities and marks as the statements give them. An option on a share brings shares at its
strike; one that settles in cash pays what it is in the money at the close.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from fntx_dagster.metrics.terms import Underlying, terms_of, underlying_of
from fntx_dagster.metrics.valuation import PricedOption
from fntx_dagster.model.account_risk import ALL_SHORT, IN_THE_MONEY, Assignment, Assignments
from fntx_dagster.model.closing import ClosingPosition

_ZERO = Decimal(0)


def assignments(
    positions: Iterable[ClosingPosition], priced: Mapping[str, PricedOption], cash: Decimal | None = None
) -> Assignments:
    """The rows of both scopes for what is held of `positions`; `cash` is the account's at the close, in base currency.
    An underlying's price is that at which its options are priced, by put-call parity where no other is known."""
    held = [position for position in positions if position.quantity]
    shares: dict[Underlying, Decimal] = defaultdict(Decimal)
    short: dict[Underlying, list[ClosingPosition]] = defaultdict(list)
    for position in held:
        if not position.is_option:
            shares[underlying_of(position)] += position.quantity
        elif position.quantity < 0 and terms_of(position):
            short[underlying_of(position)].append(position)
    moneyness = {
        option.contract_id: _moneyness(option, priced[option.contract_id].row.underlying_price)
        for options in short.values()
        for option in options
    }
    rows: list[Assignment] = []
    for scope in (IN_THE_MONEY, ALL_SHORT):
        for underlying, options in sorted(short.items()):
            taken = [each for each in options if scope == ALL_SHORT or (moneyness[each.contract_id] or _ZERO) > 0]
            if taken:
                rows.append(_assigned(scope, underlying, taken, priced, moneyness, shares[underlying]))
    return Assignments(rows, sum(value is None for value in moneyness.values()), cash)


def _moneyness(option: ClosingPosition, price: Decimal | None) -> Decimal | None:
    """By how much the option is in the money per unit, below 0 where it is out of it; None where no price says it."""
    terms = terms_of(option)
    if terms is None or price is None:
        return None
    return price - terms.strike if terms.put_call == "C" else terms.strike - price


def _assigned(
    scope: str,
    underlying: Underlying,
    options: Sequence[ClosingPosition],
    priced: Mapping[str, PricedOption],
    moneyness: Mapping[str, Decimal | None],
    held: Decimal,
) -> Assignment:
    bought = delivered = paid = received = _ZERO
    for option in options:
        units, strike = -option.quantity * option.multiplier, option.strike or _ZERO
        if priced[option.contract_id].row.exercise == "european":
            paid += max(moneyness[option.contract_id] or _ZERO, _ZERO) * units
        elif option.put_call == "P":
            bought, paid = bought + units, paid + strike * units
        else:
            delivered, received = delivered + units, received + strike * units
    return Assignment(
        scope,
        *underlying,
        contracts=sum((-option.quantity for option in options), _ZERO),
        shares_bought=bought,
        shares_delivered=delivered,
        uncovered=max(delivered - max(held, _ZERO) - bought, _ZERO),
        cash_paid=paid,
        cash_received=received,
        rate=options[0].rate_to_base,
    )
