"""A chain whose blocks have the times that a test wants, and on it five sessions of a trader, each of another fate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fntx_dagster.metrics.catalogue import CATALOGUE, letters
from fntx_dagster.proof.disclosure import disclose
from fntx_dagster.proof.packing import series_of
from fntx_dagster.proof.record import Record, build_record
from fntx_dagster.proof.salts import SaltForm

SECRET = bytes(range(32))
EARLIER = date(2025, 6, 30)
ON_TIME, LATE, CORRECTED, MISSING, LAST = DAYS = [date(2025, 7, day) for day in range(14, 19)]
REASON = "the broker <b>corrected</b> a fee\u202e"
METRICS = ["net_pnl", "base_currency"]


class Past(NamedTuple):
    """Disclosures of the days that have a record, by day; of the corrected one in its first version, and `second`."""

    node: Any
    documents: dict[date, str]
    second: str
    records: dict[date, Record]

    def series(self, *days: date, **others) -> str:
        """A series of some of the days, or of all, as a server would send it."""
        period = {"first": DAYS[0], "last": DAYS[-1], "calendar": "XNYS"} | others
        return series_of(documents=[self.documents[day] for day in days or self.documents], **period)


class Clock:
    """What the chain takes for the time, in seconds of Unix."""

    now = 0

    def set(self, moment: datetime) -> None:
        self.now = int(moment.timestamp())


@contextmanager
def chain_clock() -> Iterator[Clock]:
    """Blocks that are made meanwhile have the times of the clock."""
    from eth._utils import headers

    from fntx_dagster.adapters.evm import embedded

    clock, genesis = Clock(), embedded.get_default_genesis_params
    clock.set(datetime(2025, 6, 1, tzinfo=UTC))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "get_default_genesis_params", lambda: genesis() | {"timestamp": clock.now})
        patch.setattr(headers, "eth_now", lambda: clock.now)
        yield clock


@contextmanager
def a_past(folder: Path) -> Iterator[Past]:
    """One session posted in time, one late, one corrected later, one not at all, and another in time."""
    from eth_account import Account

    from fntx_dagster.adapters.evm.embedded import EmbeddedProvider
    from tests.verify.conftest import KEY, Node

    account = Account.from_key(KEY)
    with chain_clock() as clock:
        provider = EmbeddedProvider(folder / "chain.sqlite", account.address)
        node = Node(provider, account)
        records = {
            day: build_record(node.context(day), "U0000001", _values(place), SECRET, salt_form=SaltForm.RECORD)
            for place, day in enumerate([EARLIER, *DAYS])
            if day != MISSING
        }
        posted = {}
        for day, record in records.items():
            behind = timedelta(days=2) if day == LATE else timedelta(hours=3)
            clock.set(datetime(day.year, day.month, day.day, 20, tzinfo=UTC) + behind)
            posted[day] = node.post([record])
        corrected = records[CORRECTED]
        second = build_record(corrected.context, "U0000001", _values(9), SECRET, version=2, salt_form=SaltForm.RECORD)
        second_hash = node.amend(second, corrected, REASON)
        documents = {
            day: disclose(record, CATALOGUE, METRICS, posted[day]) for day, record in records.items() if day != EARLIER
        }
        yield Past(node, documents, disclose(second, CATALOGUE, METRICS, second_hash), records)
        provider.close()


def _values(place: int) -> dict[int, int | None]:
    return dict.fromkeys(range(59), 0) | {13: 10**8 * (place + 1), 57: letters("HKD")}
