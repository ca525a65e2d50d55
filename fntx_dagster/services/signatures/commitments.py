"""What a signed day commits to: in slot 62 for totals over several traders, in slot 32 of the extension for proofs of
periods.

Both follow from the day's other figures and the salt secret. So they are computed where a day is frozen, and what is
behind them is computed again where a proof needs it; it is never stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from fntx_dagster.aggregate.commitments import FIELDS, Commitments, CommittedDay, committed, scale_of
from fntx_dagster.metrics.catalogue import AGGREGATION_COMMITMENTS, CATALOGUE, PERIOD_COMMITMENTS, digest_value
from fntx_dagster.model.chain import SignedDay
from fntx_dagster.periods.commitment import CURRENCY, DayCommitment, day_commitment
from fntx_dagster.services.signatures.values import catalogue_of, extension_catalogue_of


class FrozenFigures(NamedTuple):
    """A day's scaled figures by slot, None for null, of the record and its extension, and the catalogues' hashes."""

    account_id: str
    day: date
    version: int
    schema_hash: bytes
    extension_schema_hash: bytes
    record: Mapping[int, int | None]
    extension: Mapping[int, int | None]

    def __repr__(self) -> str:
        return f"FrozenFigures({self.day})"

    @property
    def currency(self) -> str | None:
        """The account's base currency; None where it is no code of three capital letters."""
        text = CATALOGUE.by_name["base_currency"].text_of(self.record[_slot("base_currency")])
        return text if text is not None and CURRENCY.fullmatch(text) else None


def figures_of(signed: SignedDay) -> FrozenFigures | None:
    """The figures of a signed day; None where it was signed before the extension. Permanent where a catalogue is not
    known here."""
    catalogue, its_catalogue = catalogue_of(signed), extension_catalogue_of(signed)
    if signed.extension is None or its_catalogue is None:
        return None
    return FrozenFigures(
        signed.account_id,
        signed.trading_day,
        signed.version,
        signed.schema_hash,
        signed.extension.schema_hash,
        {catalogue.by_name[name].index: value for name, value in signed.values.items()},
        {its_catalogue.by_name[name].index: value for name, value in signed.extension.values.items()},
    )


def aggregation_of(secret: bytes, figures: FrozenFigures) -> Commitments | None:
    """What slot 62 is the digest of; None where a figure is null or beyond what a pool takes."""
    if figures.currency is None:
        return None
    day = CommittedDay(figures.schema_hash, figures.account_id, figures.day, figures.version)
    signed = {name: figures.record[_slot(name)] for name in FIELDS}
    return committed(secret, day, figures.currency, scale_of(figures.currency), signed)


def period_of(secret: bytes, figures: FrozenFigures) -> DayCommitment | None:
    """What slot 32 of the extension is the digest of; None where the day can be in no period."""
    return day_commitment(
        secret,
        figures.extension_schema_hash,
        figures.account_id,
        figures.day,
        figures.version,
        record=figures.record,
        extension=figures.extension,
        session=figures.record[_slot("trading_day_num")],
        currency=figures.currency,
    )


def digests_of(secret: bytes, figures: FrozenFigures) -> dict[str, int | None]:
    """The values of the two slots by name, as they are signed."""
    found = {AGGREGATION_COMMITMENTS: aggregation_of(secret, figures), PERIOD_COMMITMENTS: period_of(secret, figures)}
    return {name: None if made is None else digest_value(made.digest) for name, made in found.items()}


def is_provable(signed: SignedDay) -> bool:
    """Whether a day can be in a proof of a period: it was signed with its commitment."""
    return signed.extension is not None and signed.extension.values.get(PERIOD_COMMITMENTS) is not None


def lacks_commitments(secret: bytes, signed: SignedDay) -> bool:
    """Whether a day was signed without commitments that its figures allow: before they were computed."""
    figures = figures_of(signed)
    if figures is None:
        return True
    held = {**signed.values, **(signed.extension.values if signed.extension else {})}
    if None not in (held.get(AGGREGATION_COMMITMENTS), held.get(PERIOD_COMMITMENTS)):
        return False
    return any(held.get(name) is None and value is not None for name, value in digests_of(secret, figures).items())


def _slot(name: str) -> int:
    return CATALOGUE.by_name[name].index
