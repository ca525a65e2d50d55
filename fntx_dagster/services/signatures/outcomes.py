"""What all verifiers say of an outcome: the words of the verdict and the exit code, for a disclosure, a period, and a
day of a pool alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from fntx_dagster.errors import Permanent, Transient


def verdict_of(problems: Collection[str], unchecked: Mapping[str, str], away: str | None) -> str:
    """`problems`: why something does not hold; `unchecked`: which checks were not made; `away`: why a node that was
    named gave no verdict."""
    if problems:
        return "DOES NOT HOLD"
    if away is not None:
        return f"NOT CHECKED ON THE CHAIN: {away}"
    return "HOLDS, as far as checked" if unchecked else "HOLDS"


def exit_code_of(problems: Collection[str], *, is_undecided: bool) -> int:
    """0 it holds, 1 it does not, 75 it does as far as it was checked, and that does not decide."""
    if problems:
        return Permanent.exit_code
    return Transient.exit_code if is_undecided else 0
