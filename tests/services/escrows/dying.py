"""A process that finishes an escrow and is killed at a point of that: after a function of ours, before the next."""

from __future__ import annotations

import importlib
import os
import signal
from uuid import UUID

from fntx_dagster.services.escrows.finishing import finish_escrow
from tests.services.transactions.sending import Office

_ESCROWS = "fntx_dagster.services.escrows"
POINTS = (
    (f"{_ESCROWS}.finishing", "require_conditions"),
    (f"{_ESCROWS}.finishing", "opened_fulfillment"),
    (f"{_ESCROWS}.moving", "under_way"),
    (f"{_ESCROWS}.moving", "cover_one"),
    (f"{_ESCROWS}.moving", "link_proposal"),
    (f"{_ESCROWS}.moving", "keep_prepared"),
    (f"{_ESCROWS}.moving", "taken"),
    (f"{_ESCROWS}.finishing", "prepare_covered"),
    (f"{_ESCROWS}.finishing", "escrow_step"),
    (f"{_ESCROWS}.finishing", "append_all"),
)


def finishes_until(office: Office, escrow_id: UUID, place: str, name: str) -> None:
    """Finish an escrow, and die by SIGKILL as soon as that function has returned."""
    module = importlib.import_module(place)
    function = getattr(module, name)

    def last(*arguments: object, **named: object) -> None:
        function(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(module, name, last)
    settings, db = office.opened()
    finish_escrow(settings, db, escrow_id)
