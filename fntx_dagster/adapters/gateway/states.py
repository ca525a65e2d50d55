"""Why a gateway gives no snapshot, as errors whose `state` callers can distinguish.

Here belong the states and their errors. A call returns a whole and consistent snapshot or raises one of these; it never
returns a part.
"""

from __future__ import annotations

from enum import StrEnum

from fntx_dagster.errors import Permanent, Transient

CLIENT_ID_IN_USE = 326
"""The broker's code."""


class State(StrEnum):
    """Why there is no snapshot."""

    DOWN = "down"
    """No program listens there, or it closes the connection."""
    SLOW = "slow"
    """It does not connect or greet within the timeout."""
    INCOMPLETE = "incomplete"
    """It greets, and a part of the snapshot does not arrive, or not whole."""
    DISAGREES = "disagrees"
    """Everything arrives, and the parts of the NAV do not add up to it."""
    OTHER_ACCOUNT = "other_account"
    """It serves other accounts than the one in the request."""


class Unavailable(Transient):
    """The gateway may answer later: down, slow, incomplete, disagrees."""

    def __init__(self, state: State, message: str, way_out: str = "") -> None:
        self.state = state
        self.refusal: int | None = None
        """The broker's code, where it refused a request."""
        super().__init__(message, way_out)


class OtherAccount(Permanent):
    """The gateway is logged in for other accounts; asking again changes nothing."""

    state = State.OTHER_ACCOUNT
