"""Profiles of a market's volume by the hour of the day: read from the ledger, over the last 20 days, or from a file.

A profile is named by the hash of what it says, and never changes: a strategy keeps the hash of the one that it went by.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from fntx_dagster.adapters.xrpl.codec import RIPPLE_EPOCH
from fntx_dagster.adapters.xrpl.markets import traces
from fntx_dagster.adapters.xrpl.network import first_ledger_since, kept_ledgers
from fntx_dagster.audit.canonical import canonical
from fntx_dagster.errors import Permanent
from fntx_dagster.execution.assets import LedgerAsset, LedgerPair
from fntx_dagster.governance.decisions import moment, moment_text
from fntx_dagster.governance.fields import StrictFields
from fntx_dagster.ledger.exact import decimal
from fntx_dagster.services.execution.asking import DeskLedger, desk_ledger
from fntx_dagster.services.governance.payloads import read_asset
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.strategies import ProfileRow, add_profile, profiled_pairs

SPAN = timedelta(days=20)
LEDGER, FILE = "the XRP Ledger", "a file"
_HOURS = 24


class KeptProfile(NamedTuple):
    """A profile, and whether it is new."""

    row: ProfileRow
    is_new: bool


def make_profile(settings: Settings, db: Database, document: Any) -> KeptProfile:
    """The profile of a document: of a market (`base`, `quote`) as the ledger has it, or with `hours`, `first` and
    `last` as it says itself. Raises Permanent for a document of another form, and for a market without volume."""
    whole = StrictFields(document, "", "docs/execution.md")
    pair = LedgerPair(*(LedgerAsset(*read_asset(whole.object(name))) for name in ("base", "quote")))
    if not whole.has("hours"):
        whole.end()
        with desk_ledger(settings) as at:
            return _kept(db, on_ledger(at, pair))
    hours = whole.any("hours")
    if type(hours) is not list or len(hours) != _HOURS:
        raise Permanent(f"hours is not a list of {_HOURS}", "Write the volume of each hour of the day, from 0 on")
    volumes = StrictFields({f"{hour}": value for hour, value in enumerate(hours)}, "hours")
    read = [Decimal(volumes.decimal(f"{hour}")) for hour in range(_HOURS)]
    window = (moment(whole.text("first")), moment(whole.text("last")))
    whole.end()
    return _kept(db, _row(pair, *window, read, FILE))


def profile_markets(settings: Settings, db: Database) -> list[KeptProfile | tuple[tuple[str, ...], str]]:
    """A new profile of every market that a strategy ever traded or that has one; of a market without volume, the market
    and why it has none."""
    with db.connect() as connection:
        pairs = profiled_pairs(connection)
    if not pairs:
        return []
    done: list[KeptProfile | tuple[tuple[str, ...], str]] = []
    with desk_ledger(settings) as at:
        for base, base_issuer, quote, quote_issuer in pairs:
            pair = LedgerPair(LedgerAsset(base, base_issuer), LedgerAsset(quote, quote_issuer))
            try:
                done.append(_kept(db, on_ledger(at, pair)))
            except Permanent as error:
                done.append(((base, base_issuer, quote, quote_issuer), error.message))
    return done


def on_ledger(at: DeskLedger, pair: LedgerPair) -> ProfileRow:
    """What was traded in a market in the last 20 days, or since the server's first ledger, by the hour in which its
    ledger closed. An offer that is consumed touches the issuer's account, which names all of them."""
    kept, last = kept_ledgers(at.rpc)
    last = min(last, at.head.ledger_index)
    since = int((at.now - SPAN).timestamp()) - RIPPLE_EPOCH
    first = first_ledger_since(at.rpc, since, kept, last)
    hours = [Fraction(0)] * _HOURS
    began = at.now - SPAN
    for trace in traces(at.rpc, pair.base.issuer or pair.quote.issuer, first, last):
        when = datetime.fromtimestamp(trace.close_time + RIPPLE_EPOCH, UTC)
        for offer in trace.offers:
            if (offer.gave_asset, offer.got_asset) == pair:
                hours[when.hour] += offer.gave
            elif (offer.got_asset, offer.gave_asset) == pair:
                hours[when.hour] += offer.got
    return _row(pair, began, at.now, [decimal(each) for each in hours], LEDGER)


def _row(pair: LedgerPair, first: datetime, last: datetime, hours: Sequence[Decimal], source: str) -> ProfileRow:
    if not any(hours):
        raise Permanent(
            f"nobody traded {pair.base.code} for {pair.quote.code} in that time", "Trade by twap, or give a file"
        )
    if last <= first:
        raise Permanent("last is not after first", "Say of which time the profile is")
    said = {"base": [*pair.base], "quote": [*pair.quote], "first": moment_text(first), "last": moment_text(last)}
    digest = hashlib.sha256(canonical(said | {"hours": [f"{each:f}" for each in hours]})).hexdigest()
    return ProfileRow(digest, *pair.base, *pair.quote, first, last, [*hours], source)


def _kept(db: Database, row: ProfileRow) -> KeptProfile:
    with db.connect() as connection:
        return KeptProfile(row, add_profile(connection, row))
