"""A database whose marts are written by hand, and a home with a deployed chain of its own."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from fntx_dagster.adapters.evm.client import Chain, connect
from fntx_dagster.adapters.evm.keys import key_ring
from fntx_dagster.metrics.catalogue import CATALOGUES
from fntx_dagster.model.chain import SignedDay
from fntx_dagster.model.period import Period
from fntx_dagster.proof.leaves import schema_hash_of
from fntx_dagster.services.signatures.freezing import rebuilt
from fntx_dagster.services.signatures.signing import amend, proposals
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from tests import by_hand
from tests.verify.conftest import node, shown  # noqa: F401 - fixtures of the strangers' verifiers


@pytest.fixture
def built(database: Database) -> Database:
    """A database with the marts that signing reads, empty."""
    return by_hand.create_marts(database)


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(home=home)


@pytest.fixture
def chain(settings: Settings) -> Iterator[Chain]:
    with connect(settings) as connected:
        yield connected


def as_before(settings: Settings, signed: SignedDay) -> SignedDay:
    """A record as it was frozen before there was an extension: by the third version of the catalogue."""
    older = CATALOGUES[2]
    bare = signed._replace(
        schema_hash=schema_hash_of(older.canonical()),
        values={name: signed.values[name] for name in older.by_name},
        extension=None,
    )
    return bare._replace(root=rebuilt(bare, key_ring(settings)).root)


def amended(db: Database, settings: Settings, first: date, last: date, reason: str) -> list[SignedDay]:
    """The next versions of a range's drifted days, frozen and queued."""
    return amend(settings, db, proposals(settings, db, "U7000001", Period(first, last)), reason)
