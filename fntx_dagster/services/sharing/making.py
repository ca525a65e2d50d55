"""Showing something: a link with its disclosures, or a file; both are kept as they were made. And ending a link."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from fntx_dagster.adapters.evm.client import EMBEDDED_CHAIN_ID
from fntx_dagster.errors import Permanent
from fntx_dagster.foreign import cleaned
from fntx_dagster.model.period import Period
from fntx_dagster.services.sharing.planning import SharePlan, plan
from fntx_dagster.services.signatures.disclosing import disclosure_of
from fntx_dagster.services.signatures.register import of_disclosure, refuse_isolated
from fntx_dagster.services.signatures.verifying import signed_day
from fntx_dagster.services.visitors.users import TERMINAL
from fntx_dagster.store.marts.summaries import first_session
from fntx_dagster.store.shares import making, reading
from fntx_dagster.store.shares.making import NewDisclosure, NewLink
from fntx_dagster.store.shares.reading import LinkRow, ShownRow

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database, Readable

__all__ = ["TERMINAL"]

OWN_NODE = "/chain"
"""In the place of a node's URL: the embedded chain, which this program serves itself. What it says, its owner says."""
LONGEST_NOTE = 200
_TOKEN_BYTES = 16
_URL = re.compile(r"[!-~]+").fullmatch
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}").fullmatch


class PlanChanged(Permanent):
    """What would be published is no longer what somebody agreed to: a day was signed, or corrected, since."""


class MadeLink(NamedTuple):
    """A link that was made. `token` is known to nobody else and cannot be shown again; `path` is what follows the
    address of the server."""

    share_id: int
    token: str
    expires_at: datetime | None
    plan: SharePlan

    @property
    def path(self) -> str:
        return f"/s/{self.token}"


class LinkTerms(NamedTuple):
    """How a link is made: the owner's note of whom it is for, for how long it lasts (None: until it is ended), and the
    node that its page proposes (None: none, or the embedded chain where the records are on it)."""

    note: str = ""
    lasts: timedelta | None = None
    node: str | None = None


def make_link(
    settings: Settings,
    db: Database,
    account: str,
    period: Period,
    metrics: Sequence[str],
    terms: LinkTerms,
    days: Sequence[date] | None = None,
    *,
    by: str,
    digest: str | None = None,
) -> MadeLink:
    """Make a link that shows the named metrics of the signed days of a period, or of `days` alone, in their newest
    versions. What it shows never changes. `by`: the user who makes it, or TERMINAL; `digest`: of the plan that he
    agreed to, if he saw one.

    Raises Permanent where `plan` or a disclosure does, for a note that is too long or a node that is no URL, and
    PlanChanged.
    """
    _refuse_terms(terms)
    with db.snapshot() as snapshot:
        planned = plan(snapshot, account, period, metrics, days)
        refuse_changed(planned, digest)
        signed = [signed_day(snapshot, account, day, version) for day, version in planned.days]
        disclosures = [
            NewDisclosure(
                record.trading_day, record.version, metrics, disclosure_of(settings, snapshot, record, metrics)
            )
            for record in signed
        ]
    if len({(record.chain_id, record.contract, record.trader) for record in signed}) > 1:
        raise Permanent(
            "the days were signed by several traders, or for several contracts", "Make a link for the days of each"
        )
    node = terms.node or (OWN_NODE if signed[0].chain_id == EMBEDDED_CHAIN_ID else None)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    expires_at = None if terms.lasts is None else datetime.now(UTC) + terms.lasts
    link = NewLink(account, digest_of(token), terms.note, period, planned.calendar, node, expires_at, by)
    return MadeLink(making.add_link(db, link, disclosures), token, expires_at, planned)


def make_file(
    settings: Settings,
    db: Database,
    account: str,
    day: date,
    metrics: Sequence[str],
    version: int | None = None,
    *,
    by: str,
    isolate: bool = False,
) -> str:
    """The file (JSON) that shows the named metrics of a signed day, and keep that it was made, and by which user.

    Raises what `disclosure_of` raises, and Permanent where days would stand alone, unless `isolate` shows them."""
    with db.snapshot() as snapshot:
        signed = signed_day(snapshot, account, day, version)
        told = of_disclosure(day, metrics, first_session(snapshot, account) or day)
        document = disclosure_of(settings, snapshot, signed, metrics)

    def refuse(shown_before: Readable) -> None:
        if not isolate:
            refuse_isolated(shown_before, account, told)

    making.add_file(db, account, NewDisclosure(day, signed.version, metrics, document), by, refuse)
    return document


def list_links(
    db: Readable, accounts: Collection[str] | None = None, *, before: int | None = None, most: int | None = None
) -> list[LinkRow]:
    """The links of some accounts or of all, newest first, with how often each was seen: `most` of them, with numbers
    smaller than `before`."""
    return reading.links(db, accounts, before=before, most=most)


def link_numbered(db: Readable, share_id: int, accounts: Collection[str] | None = None) -> LinkRow:
    """One link. Raises Permanent where there is none of these accounts."""
    for link in reading.links(db, accounts, share_id):
        return link
    raise Permanent(f"there is no link {share_id}", "`fntx share list` lists them")


def shown_to_strangers(db: Readable, account: str, share_id: int | None = None) -> list[ShownRow]:
    """Everything that was ever shown of an account, oldest first: links, ended ones too, and files."""
    return reading.shown(db, account, share_id)


def end_link(db: Database, share_id: int, accounts: Collection[str] | None = None, *, by: str) -> LinkRow:
    """Let a user end a link now; what was seen through it stays seen. Raises Permanent where there is none of these
    accounts, or it was ended before."""
    link = link_numbered(db, share_id, accounts)
    if not making.end_link(db, share_id, by):
        raise Permanent(f"link {share_id} was ended before")
    return link


def publish_link(db: Database, share_id: int, accounts: Collection[str] | None = None, *, by: str) -> str:
    """Let a user show a link to everybody on the page of its trader, as long as the link lasts; the page's path. Raises
    Permanent where there is none of these accounts, or it has ended."""
    link = link_numbered(db, share_id, accounts)
    if not link.is_open(datetime.now(UTC)):
        raise Permanent(f"link {share_id} has ended", "Make another one, then publish that")
    trader = json.loads(reading.documents(db, share_id)[0])["trader"].lower()
    making.publish_link(db, share_id, trader, by)
    return f"/t/{trader}"


def refuse_changed(planned: SharePlan, digest: str | None) -> None:
    """Raise PlanChanged where `digest` is that of another plan; None is of no plan."""
    if digest is not None and digest != planned.digest:
        raise PlanChanged(
            "what would be shown has changed since you saw it: a day was signed or corrected",
            "Look again at what would be shown, then send the form",
        )


def digest_of(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("ascii")).digest()


def is_token(text: str) -> bool:
    """Whether a text has the form of a link's token."""
    return _TOKEN(text) is not None


def _refuse_terms(terms: LinkTerms) -> None:
    if len(terms.note) > LONGEST_NOTE or cleaned(terms.note) != terms.note:
        raise Permanent("the note is too long or not one line of text", f"Give at most {LONGEST_NOTE} characters")
    if terms.lasts is not None and not timedelta(0) < terms.lasts <= timedelta(days=36_500):
        raise Permanent("a link lasts for more than no time and at most a century", "Give a number of days")
    if terms.node is not None and terms.node != OWN_NODE and not _is_url(terms.node):
        raise Permanent(
            "the node to propose is no URL that strangers may know",
            "Give https://host/path, without a name or password in it; everybody who has the link reads it",
        )


def _is_url(text: str) -> bool:
    if len(text) > 500 or not _URL(text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        return False
