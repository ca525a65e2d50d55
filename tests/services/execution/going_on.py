"""What a program of the desk does in the tests of kills: it goes on, again and again, until somebody kills it."""

from __future__ import annotations

from multiprocessing.connection import Connection

from fntx_dagster.errors import FntxError
from fntx_dagster.services.execution.advancing import advance
from tests.services.transactions.sending import Office


def goes_on(office: Office, began: Connection) -> None:
    """Advance without end."""
    settings, db = office.opened()
    began.send(None)
    while True:
        try:
            advance(settings, db)
        except FntxError:
            continue
