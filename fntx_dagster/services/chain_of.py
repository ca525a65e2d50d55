"""The chain of the settings, for what sends: the turn of a key is also that of the other machines on the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from fntx_dagster.adapters.evm import client

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.client import Chain, Turns
    from fntx_dagster.settings import Settings


def connect(settings: Settings) -> Chain:
    """What `adapters.evm.client.connect` gives and raises."""
    return client.connect(settings, turns(settings))


def turns(settings: Settings) -> Turns:
    """The turns of keys on all machines that share the database of the settings. An embedded database is on this one
    alone, and is not asked."""

    @contextmanager
    def turn(address: str) -> Iterator[None]:
        from fntx_dagster.store.opening import open_database  # a stranger who reads a chain loads no database
        from fntx_dagster.store.outbox.nonces import turn_of

        with turn_of(open_database(settings), address):
            yield

    return nullcontext if settings.database.url is None else turn
