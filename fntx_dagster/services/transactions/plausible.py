"""Whether what a server says of its last ledger can be: of one that is broken or lies, nothing is prepared that would
wait for years, and nothing that waits for signatures lapses.

A ledger closes a second after the one before at the earliest. So its height, and its time, come no further between two
looks than our clock does, and some hours for clocks that differ and for a network that catches up.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fntx_dagster.errors import Transient

_SLACK = 43_200
"""Ledgers, or seconds of a ledger's time: half a day."""
_FARTHEST = timedelta(days=366)
"""That a ledger's time may be ahead of our clock: simulated ledgers run ahead."""
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
"""No ledger is older."""
_WAY_OUT = (
    "Nothing is changed. Name another server in {}, and look at the clock of this machine; a network that was begun "
    "anew needs a database of its own"
)
_URL = {"xrpl": "FNTX_XRPL_URL", "stellar": "FNTX_HORIZON_URL"}


def require_possible_ledger(ledger: str, index: int, closed_at: datetime) -> None:
    """Raise Transient for a last ledger that no network has today: of a height that more than a ledger a second since
    2000 would make, or of a time more than a year ahead of our clock."""
    now = datetime.now(UTC)
    if index > (now - _FIRST).total_seconds():
        raise _impossible(ledger, f"says that its last ledger is {index}, a height that no network has")
    if closed_at > now + _FARTHEST:
        raise _impossible(ledger, f"says that its last ledger closed at {closed_at:%Y-%m-%d}, far ahead of our clock")


def require_possible_step(ledger: str, before: int, seen_at: datetime, now: int, what: str) -> None:
    """Raise Transient where a ledger came further than it can. `before`: its height, or its time in seconds, when we
    looked at `seen_at` (aware); `now`: the same as the server says it now; `what`: which of them."""
    passed = max((datetime.now(UTC) - seen_at).total_seconds(), 0)
    if now - before > passed + _SLACK:
        raise _impossible(
            ledger,
            f"says that its last ledger has the {what} {now}, {now - before} more than {passed:.0f} seconds ago: no "
            "ledger comes so far in that time",
        )


def _impossible(ledger: str, words: str) -> Transient:
    name = "the XRP Ledger's server" if ledger == "xrpl" else "the Horizon of Stellar"
    return Transient(f"{name} {words}", _WAY_OUT.format(_URL[ledger]))
