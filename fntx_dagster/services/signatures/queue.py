"""The queue of an account's records, posted on demand: what a person does who does not wait for the sensor."""

from __future__ import annotations

from datetime import date

from fntx_dagster.adapters.evm.client import connect
from fntx_dagster.errors import Transient
from fntx_dagster.model.period import Period
from fntx_dagster.services.signatures.posting import Posting, post
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox.sendings import unfinished


def post_queued(settings: Settings, db: Database, account: str, period: Period) -> Posting:
    """Post an account's queued records up to the end of a range. Those before the range are posted too, because
    records go out in order.

    Raises the first refusal or failure (Permanent), or Transient where the chain does not answer; the records stay
    queued then.
    """
    queued = unfinished(db, Period(date.min, period.last), account)
    first = min([period.first, *(record.trading_day for record in queued if record.state != "failed")])
    try:
        with connect(settings) as chain:
            posted = post(settings, db, chain, Period(first, period.last), account)
    except Transient as error:
        raise Transient(
            error.message, "Nothing is lost: it is queued, and the sensor `chain_queue` or this command posts it later"
        ) from None
    for refusal in posted.refused + posted.failed:
        raise refusal.error
    return posted
