"""What a stranger gets to see of a link: the disclosures as they were made, and how often a link was seen.

Reads the tables of links and no other, so that nothing can come out that was not chosen.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.adapters.evm.client import EMBEDDED_CHAIN_ID
from fntx_dagster.model.period import Period
from fntx_dagster.proof.packing import fragment_of, series_of
from fntx_dagster.services.sharing.making import OWN_NODE, digest_of, is_token
from fntx_dagster.store.shares import making, reading
from fntx_dagster.store.shares.reading import OpenLink

if TYPE_CHECKING:
    from fntx_dagster.store.database import Database, Readable

PLACES = ("page", "badge", "file")
"""Where a link can be seen."""
MOST_PUBLISHED = 10
"""Links on the page of a trader."""
_KEPT = 32
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}").fullmatch


class ShownMetric(NamedTuple):
    """A disclosed metric in words. `value` is None where it is not defined on that day."""

    name: str
    value: str | None
    unit: str


class ShownDay(NamedTuple):
    """A disclosed day, as its owner says it: nothing here is checked. `fragment` is the disclosure for a link to the
    page that checks a single one."""

    day: date
    version: int
    metrics: tuple[ShownMetric, ...]
    fragment: str


class SharedDays(NamedTuple):
    """All that a link shows. `series` is the file that a stranger's page or script checks; `node` is the one that is
    proposed; `is_own_node`: the owner serves it himself; `is_own_chain`: the records are on a chain that he alone runs,
    whoever serves it."""

    share_id: int
    period: Period
    trader: str
    contract: str
    chain_id: str
    days: tuple[ShownDay, ...]
    series: str
    node: str | None
    expires_at: datetime | None

    @property
    def is_own_node(self) -> bool:
        return self.node == OWN_NODE

    @property
    def is_own_chain(self) -> bool:
        return self.is_own_node or self.chain_id == f"{EMBEDDED_CHAIN_ID}"


class ShownLinks:
    """What links show, to one process: what it read and packed of the newest 32 is kept, for it never changes. Whether
    a link is still open is asked each time."""

    def __init__(self, db: Readable) -> None:
        self._db = db
        self._kept: dict[int, SharedDays] = {}
        self._guard = threading.Lock()

    def shown_by(self, token: str) -> SharedDays | None:
        """What the link with a token shows; None where there is none, it was ended or has expired: nobody is told
        which."""
        link = reading.open_link(self._db, digest_of(token)) if is_token(token) else None
        return self._days_of(link) if link else None

    def published_by(self, trader: str, share_id: int | None = None) -> list[SharedDays]:
        """What the links show that a trader (an address) published, newest first, ten at most; with `share_id` that one
        alone. Empty where he published none, or has ended all."""
        if not _ADDRESS(trader):
            return []
        return [
            self._days_of(link) for link in reading.published_links(self._db, trader.lower(), MOST_PUBLISHED, share_id)
        ]

    def _days_of(self, link: OpenLink) -> SharedDays:
        with self._guard:  # of many who ask at once, one reads
            if link.share_id not in self._kept:
                while len(self._kept) >= _KEPT:
                    self._kept.pop(next(iter(self._kept)))
                self._kept[link.share_id] = _shown(link, reading.documents(self._db, link.share_id))
            return self._kept[link.share_id]


def _shown(link: OpenLink, documents: Sequence[str]) -> SharedDays:
    contents = [json.loads(document) for document in documents]
    return SharedDays(
        link.share_id,
        link.period,
        contents[0]["trader"],
        contents[0]["contract"],
        contents[0]["chain_id"],
        tuple(
            ShownDay(
                date.fromisoformat(content["date"]), content["version"], tuple(_metrics(content)), fragment_of(document)
            )
            for content, document in zip(contents, documents, strict=True)
        ),
        series_of(*link.period, link.calendar, documents),
        link.node,
        link.expires_at,
    )


def count_view(db: Database, shown: SharedDays, place: str) -> None:
    """Count that a link was seen, in one of PLACES, today (of UTC)."""
    making.count_view(db, shown.share_id, datetime.now(UTC).date(), place)


def _metrics(content: dict) -> list[ShownMetric]:
    extension = content.get("extension") or {"metrics": []}
    letters = next((each["value"] for each in content["metrics"] if each["name"] == "base_currency"), None)
    undisclosed = "(in the account's base currency, which is not disclosed)"
    return [
        ShownMetric(
            each["name"], each["value"], (letters or undisclosed) if each["unit"] == "base_currency" else each["unit"]
        )
        for each in (*content["metrics"], *extension["metrics"])
    ]
