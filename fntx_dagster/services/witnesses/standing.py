"""Whether the attestations that a trader counts on still stand: those of the witnesses that the settings name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from fntx_dagster.adapters.evm.attestations import AttestationBook
from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import EVER
from fntx_dagster.model.witnesses import AttestedDay
from fntx_dagster.services.chain_of import connect
from fntx_dagster.services.witnesses.reading import names_of
from fntx_dagster.store.labels import account_labels
from fntx_dagster.store.outbox.signatures import posted_days

if TYPE_CHECKING:
    from fntx_dagster.model.chain import PostedDay
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database


def lost_attestations(settings: Settings, db: Database) -> list[Finding]:
    """One finding for each day and named witness that has attested the day and does not attest the version of it that
    is posted last: it was revoked, or an earlier version was attested. A day that a witness never attested is none.

    Asks nothing where no witness is named. Permanent where the settings and the chain do not fit together, Transient
    where the node does not answer.
    """
    names = names_of(settings)
    if not names:
        return []
    posted, labels = posted_days(db, EVER), account_labels(db)
    by_trader: dict[str, list[PostedDay]] = {}
    found: list[Finding] = []
    with connect(settings) as chain:
        book = AttestationBook(chain)
        for day in posted:
            if (day.chain_id, day.contract) == (chain.chain_id, chain.contract):
                by_trader.setdefault(day.trader, []).append(day)
        if not by_trader or not book.is_deployed():
            return []
        for days in by_trader.values():
            for address, name in names.items():
                witness = chain.web3.to_checksum_address(address)
                for day, text in _lost(book, witness, days):
                    label = f"{labels[day.account_id]} {day.trading_day}"
                    said = f"{label}: {name} ({witness}) {text}"
                    found.append(Finding(f"{label} {witness}", said, day.trading_day))
    return found


def _lost(book: AttestationBook, witness: str, days: Sequence[PostedDay]) -> Iterator[tuple[PostedDay, str]]:
    """A trader's days, oldest first, that a witness has attested and attests no longer, each with why and what to do.
    An attestation whose level is 0 was revoked."""
    said = {day for _, day in book.said(trader=days[0].trader, witness=witness, since=days[0].trading_day)}
    if not said:
        return
    latest = [AttestedDay(day.trader, day.trading_day, day.version, day.root) for day in days]
    for posted, now, level in zip(days, latest, book.levels_of(witness, latest), strict=True):
        earlier = max((was.version for was in said if was.day == now.day and was.version < now.version), default=0)
        if not level and now in said:
            text = f"has revoked its attestation of version {now.version}, for ever. Ask it why: "
            yield posted, text + "it can attest a later version, if the day is to be amended"
        elif not level and earlier:
            text = f"attested version {earlier}, and version {now.version} is posted. Ask it again: "
            again = f"--from {now.day} --to {now.day} --witness {witness} -o FILE"
            yield posted, f"{text}`fntx attest package {again}`"
