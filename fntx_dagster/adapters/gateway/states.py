"""What a gateway can be other than right, as errors that callers tell apart by `state`.

What belongs here: the states and their errors. Either a whole and consistent snapshot is returned or one of these is
raised; there is no half an answer.
"""

from __future__ import annotations

from enum import StrEnum

from fntx_dagster.errors import Permanent, Transient


class State(StrEnum):
    """Why there is no snapshot."""

    DOWN = "down"
    """Nobody listens there, or whoever does closes the connection."""
    SLOW = "slow"
    """It does not connect or greet within the timeout."""
    INCOMPLETE = "incomplete"
    """It greets, and something that belongs to a snapshot does not arrive, or not whole."""
    DISAGREES = "disagrees"
    """Everything arrives, and the parts of the NAV do not add up to it."""
    OTHER_ACCOUNT = "other_account"
    """It serves accounts, and not the one that was asked for."""


class Unavailable(Transient):
    """The gateway may answer later: down, slow, incomplete, disagrees."""

    def __init__(self, state: State, message: str, way_out: str = "") -> None:
        self.state = state
        super().__init__(message, way_out)


class OtherAccount(Permanent):
    """The gateway is logged in for other accounts; asking again changes nothing."""

    state = State.OTHER_ACCOUNT
