"""A witness checks a package: it recomputes the days from statements of its own and compares them slot by slot."""

from __future__ import annotations

from datetime import date
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple

from fntx_dagster.adapters.evm import keys
from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period
from fntx_dagster.model.witnesses import level_in_words
from fntx_dagster.services.signatures.values import day_values, published
from fntx_dagster.services.witnesses.figures import own_day, unlike
from fntx_dagster.services.witnesses.keeping import keep_made
from fntx_dagster.services.witnesses.signing import need_own
from fntx_dagster.services.witnesses.workspace import OnProgress, Way, compute, load_statements, workspace
from fntx_dagster.store.raw_flex.overview import loaded_statements
from fntx_dagster.witness.comparison import ComparedDay, Result, cannot, compared, need_roots, need_slots
from fntx_dagster.witness.package import MAX_BYTES, Package, PackagedDay, is_meant_as_a_package, parse
from fntx_dagster.witness.report import SeenStatement, WitnessReport, written
from fntx_dagster.witness.sealing import unsealed

if TYPE_CHECKING:
    from pathlib import Path

    from fntx_dagster.metrics.catalogue import Catalogue
    from fntx_dagster.services.signatures.values import Values
    from fntx_dagster.settings import Settings


_MOST_READ = MAX_BYTES + 1000
"""Bytes: the largest package, and what seals it."""


class CheckedPackage(NamedTuple):
    """What a witness found of a package. `unlike`: the settings of the trader that are not the witness's own and that
    the figures were computed with."""

    report: WitnessReport
    unlike: list[str]

    @property
    def agrees(self) -> bool:
        """Whether every day agrees."""
        return all(day.result is Result.AGREES for day in self.report.days)

    @property
    def written(self) -> str:
        """The report as a file: JSON, its last line ended."""
        return written(self.report)

    def as_dict(self) -> dict[str, Any]:
        """The same in plain values, for programs: no value of a day is in it."""
        days = [
            {"date": day.day, "version": day.version, "result": day.result.value, "differing": list(day.differing)}
            for day in self.report.days
        ]
        level = self.report.level
        return {
            "agrees": self.agrees,
            "level": level,
            "level_in_words": level_in_words(level),
            "evidence": f"0x{self.report.evidence.hex()}",
            "unlike_settings": self.unlike,
            "days": days,
        }


def read_package(settings: Settings, file: Path) -> Package:
    """A package from its file, sealed or not, for this home's witness, whose days lead to their roots. Permanent for
    anything else."""
    try:
        if file.stat().st_size > _MOST_READ:  # before its bytes are in memory
            raise Permanent(f"the package has more than {MAX_BYTES} bytes", "Ask for one of fewer days or statements")
        with file.open("rb") as stream:
            content = stream.read(_MOST_READ)
    except OSError as error:
        raise Permanent(f"cannot read {file.name}: {error.strerror}", "Name the package's file") from None
    if not is_meant_as_a_package(content):
        content = unsealed(content, keys.known_witness_key(settings.paths.keys))
    package = parse(content)
    need_own(settings, package.witness)
    need_roots(package)
    for day in package.days:
        need_slots(day, *_catalogues(day))
    return package


def check_package(
    settings: Settings,
    package: Package,
    way: Way,
    since: date | None = None,
    on_progress: OnProgress = lambda text: None,
) -> CheckedPackage:
    """Recompute the days of a package and compare them. `since`: the first day of which statements are fetched, where
    that is to be before the package's: the metrics over windows need all since the account's first session.

    Permanent for statements that cannot be had or built from, Transient where the broker is away; nothing is compared
    then; nor where another check of the days is running. `on_progress` gets each step in words.
    """
    first, last = package.days[0].day, package.days[-1].day
    with workspace(settings, package, way) as (ours, db):
        on_progress("getting the statements")
        period = Period(min(since or first, first), last)
        fetched_at = load_statements(ours, db, package, way, period, on_progress)
        on_progress("computing the days")
        compute(ours, db, period)
        on_progress("comparing")
        with db.snapshot() as snapshot:
            own = day_values(snapshot, Period(first, last), package.account, skip_incomplete=True)
            seen = loaded_statements(snapshot, package.account)
        source = way.source(settings, package, [digest for digest, _ in seen])
    days = tuple(_compared(package, day, own.get((package.account, day.day))) for day in package.days)
    report = WitnessReport(
        package.chain_id,
        package.contract,
        package.trader,
        package.witness,
        source,
        days,
        tuple(SeenStatement(digest, generated_at) for digest, generated_at in seen),
        fetched_at,
        version("fntx-dagster"),
    )
    keep_made(settings, report)
    return CheckedPackage(report, unlike(settings, package))


def _compared(package: Package, day: PackagedDay, own: Values | None) -> ComparedDay:
    if own is None:
        return cannot(day)
    catalogue, extension = _catalogues(day)
    return compared(day, own_day(own, catalogue, extension), catalogue, extension)


def _catalogues(day: PackagedDay) -> tuple[Catalogue, Catalogue | None]:
    """The catalogues that a day was signed by."""
    hashes = [day.record.schema_hash, *([day.extension.schema_hash] if day.extension else [])]
    if unknown := [each for each in hashes if each not in published()]:
        raise Permanent(
            f"{day.day} was signed by a catalogue that this program does not know (0x{unknown[0].hex()})",
            "Install the newer program that signed it",
        )
    catalogue, *extension = (published()[each] for each in hashes)
    return catalogue, extension[0] if extension else None
