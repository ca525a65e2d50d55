"""Encrypted aggregation on one core: proving, checking and decoding. What a pool costs in gas `gas.py` measures."""

from __future__ import annotations

from statistics import median

from measuring import Measurement, clocked, timed

from fntx_dagster.aggregate.commitments import PNL_OFFSET, RANGE
from fntx_dagster.aggregate.proving import prove
from fntx_dagster.aggregate.submission import Submitted, holds, verdicts
from fntx_dagster.aggregate.totals import decoded
from fntx_dagster.aggregate.transcript import PoolAddress, context_of
from fntx_dagster.curve.group import GENERATOR, random_scalar, times

_POOL, _EPOCH = PoolAddress(31337, "0x" + "11" * 20), 20250718
_VALUES = [100_000, 2_500_000, PNL_OFFSET - 321]
_MANY, _USERS = 10**12, 10_000
_BATCH, _RUNS = 100, 5


def measure() -> list[Measurement]:
    """The rows of the table."""
    key = times(GENERATOR, random_scalar())
    contexts = [context_of(_POOL, f"0x{number:040x}", _EPOCH) for number in range(_BATCH)]

    def submission(context: bytes) -> bytes:
        return prove(key, context, _VALUES, [random_scalar() for _ in _VALUES])

    batch = [Submitted(context, submission(context)) for context in contexts]
    proving = median(timed(lambda: submission(contexts[0])) for _ in range(_RUNS))
    alone = median(timed(lambda: holds(key, *batch[0])) for _ in range(_RUNS))
    each = median(timed(lambda: verdicts(key, batch)) for _ in range(_RUNS)) / _BATCH
    liar = batch[0]._replace(submission=batch[1].submission)
    found, finding = clocked(lambda: verdicts(key, [liar, *batch[1:]]))
    assert found == [False] + [True] * (_BATCH - 1)
    table = timed(lambda: decoded(GENERATOR, RANGE))
    total, decoding = clocked(lambda: decoded(times(GENERATOR, _MANY), _USERS * RANGE))
    assert total == _MANY
    figures = [
        ("prove a submission to a pool", f"{proving:.3f} s", "", "", "0.15 s at most"),
        ("check one alone", f"{alone * 1000:.1f} ms", "", "", "20 ms at most"),
        (
            f"check one of {_BATCH}",
            f"{each * 1000:.1f} ms",
            f"alone {alone * 1000:.1f} ms",
            f"{each / alone:.2f}",
            "5 ms at most",
        ),
        (f"check 10,000, from {_BATCH}", f"{each * 10_000:.0f} s", "", "", "60 s at most"),
        (f"find a liar among {_BATCH}", f"{finding:.2f} s", "", "", ""),
        ("decode a total of 10^12", f"{decoding:.1f} s", f"its table, once {table:.1f} s", "", "5 s at most"),
    ]
    return [Measurement(*row) for row in figures]
