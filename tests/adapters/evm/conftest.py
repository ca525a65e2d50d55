"""A home with a deployed chain and a funded trader, made once and copied for each test that asks for one."""

import shutil
from datetime import date, timedelta

import pytest

from fntx_dagster.adapters.evm.client import connect
from fntx_dagster.adapters.evm.track_record import transport_for
from fntx_dagster.model.chain import QueuedRecord
from fntx_dagster.outbox import sender
from fntx_dagster.outbox.sender import Policy
from fntx_dagster.settings import Settings
from tests.outbox.memory import MemoryJournal

ACCOUNT = "U0000001"
SCHEMA = b"\x11" * 32
DAY = date(2025, 7, 18)
POLICY = Policy(batch=100, stuck_after=60, seen_within=60, poll=0.01)
FEE_CAP = 500 * 10**9


@pytest.fixture(scope="session")
def deployed(tmp_path_factory):
    home = tmp_path_factory.mktemp("deployed")
    with connect(Settings(home=home)) as chain:
        chain.trader(ACCOUNT)
    return home


@pytest.fixture
def settings(deployed, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(deployed, home)
    return Settings(home=home)


@pytest.fixture
def chain(settings):
    with connect(settings) as chain:
        yield chain


@pytest.fixture
def trader(chain):
    return chain.trader(ACCOUNT)


def first(n=0, root=None):
    """The first version of the record of the n-th day; its root is made of the day unless one is given."""
    return QueuedRecord(DAY + timedelta(n), 1, SCHEMA, root or (n + 1).to_bytes(32, "big"))


def amended(entry, reason="the broker corrected a fee"):
    """The version that follows on an entry."""
    root = bytes([entry.version]) + entry.root[1:]
    return QueuedRecord(entry.day, entry.version + 1, SCHEMA, root, entry.root, reason)


def send(chain, signer, journal, policy=POLICY, fee_cap=FEE_CAP, confirmations=0):
    """Send what a journal has, to the chain's TrackRecord."""
    sender.send(transport_for(chain, signer, fee_cap, confirmations), journal, policy)


def post(chain, signer, *entries, policy=POLICY):
    """Send entries with a journal of their own; what was mined for the first of them, which may be failed."""
    journal = MemoryJournal(*entries)
    send(chain, signer, journal, policy)
    return journal.receipts.get(entries[0])
