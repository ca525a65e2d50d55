"""What early exercise adds to an option whose underlying pays known dividends before the end.

Pure. The price less the present value of the dividends to come follows the lognormal law (the escrowed model; Hull,
“Options, Futures, and Other Derivatives”, the chapter on binomial trees): a European option is Black's formula on it,
and this tree (Cox, Ross & Rubinstein, 1979, with Black's formula in its last step: Broadie & Detemple, 1996) gives the
difference between exercising at any time and at the end, so that most of the tree's own error drops out. The number of
steps is chosen so that every ex-date falls on a step. A call is exercised on ex-dates alone; a put at any time, so that
its error falls with the length of a step, and a tree half as fine takes it out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEPS = 800, 1000
_FEWER_STEPS = 300, 380
"""Between which bounds the number of steps is chosen. With fewer, a price is off by a tenth of a cent, in a third of
the time."""


class DividendTree(NamedTuple):
    """An option: `sign` is 1 of a call and −1 of a put; `spot` is the underlying's price less the present value of the
    dividends, each of which is (years until it goes ex, amount per unit). `rate` and `carried` (a yield beside the
    dividends) are continuous, per year; `deviation` is σ·√years."""

    sign: int
    strike: float
    spot: float
    rate: float
    carried: float
    years: float
    deviation: float
    dividends: tuple[tuple[float, float], ...]

    def premium(self, *, fast: bool = False) -> float:
        """The American option's worth less the European one's, per unit, 0 or more; `fast` where many prices count
        together."""
        fewest, most = _FEWER_STEPS if fast else _STEPS
        fine = _steps(self.years, self.dividends, fewest, most)
        if self.sign > 0:
            return max(self._difference(fine), 0.0)
        half = _steps(self.years, self.dividends, fewest // 2, most // 2)
        by_fine, by_half = self._difference(fine), self._difference(half)
        return max(by_fine + (by_fine - by_half) * half / (fine - half), 0.0)

    def _difference(self, steps: int) -> float:
        np = _numpy()
        time = self.years / steps
        up = self.deviation / math.sqrt(steps)
        growth, discount = math.exp((self.rate - self.carried) * time), math.exp(-self.rate * time)
        chance = min(max((growth - math.exp(-up)) / (math.exp(up) - math.exp(-up)), 0.0), 1.0)
        levels = self.spot * np.exp(up * (steps - np.arange(2 * steps + 1)))
        ex = [max(1, min(steps - 1, round(years / self.years * steps))) for years, _ in self.dividends]
        european = american = self._last_step(levels[1 : 2 * steps : 2] * growth, up, discount)
        for step in range(steps - 1, -1, -1):
            if step < steps - 1:
                european = discount * (chance * european[:-1] + (1 - chance) * european[1:])
                american = discount * (chance * american[:-1] + (1 - chance) * american[1:])
            # a call is exercised before the share goes ex, a put after
            owed = sum(
                amount * math.exp(-self.rate * (years - step * time))
                for (years, amount), at in zip(self.dividends, ex, strict=True)
                if at > step or (at == step and self.sign > 0)
            )
            price = levels[steps - step : steps + step + 1 : 2] + owed
            american = np.maximum(american, self.sign * (price - self.strike))
        return float(american[0] - european[0])

    def _last_step(self, forward: NDArray[Any], deviation: float, discount: float) -> NDArray[Any]:
        d1 = _numpy().log(forward / self.strike) / deviation + deviation / 2
        ends = forward * _normal(self.sign * d1) - self.strike * _normal(self.sign * (d1 - deviation))
        return discount * self.sign * ends


@cache
def _steps(years: float, dividends: Sequence[tuple[float, float]], fewest: int, most: int) -> int:
    """The number of steps, between two bounds, with which the ex-dates lie nearest to steps."""

    def off(steps: int) -> float:
        return max(abs(until / years - round(until / years * steps) / steps) for until, _ in dividends)

    return min(range(fewest, most), key=off)


def _normal(x: NDArray[Any]) -> NDArray[Any]:
    np = _numpy()
    return np.frompyfunc(math.erfc, 1, 1)(-x / math.sqrt(2)).astype(float) / 2


@cache
def _numpy() -> Any:
    import numpy  # imported where an option is priced, as QuantLib is

    return numpy
