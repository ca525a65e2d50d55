"""What a witness keeps beside its database: the homes in which it recomputes, and the reports that it made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fntx_dagster.services.reporting import write_whole
from fntx_dagster.witness.report import WitnessReport, written

if TYPE_CHECKING:
    from pathlib import Path

    from fntx_dagster.settings import Settings


def kept_in(settings: Settings) -> Path:
    """The folder of all of it."""
    return (settings.witness.home or settings.paths.home / "witness").expanduser().resolve()


def keep_made(settings: Settings, report: WitnessReport) -> None:
    """Keep a report that this witness made; none other is signed (`is_made_here`)."""
    file = _file(settings, report)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(file, written(report).encode("ascii"), private=True)


def is_made_here(settings: Settings, report: WitnessReport) -> bool:
    """Whether this witness made that report, to the letter."""
    return _file(settings, report).is_file()


def _file(settings: Settings, report: WitnessReport) -> Path:
    return kept_in(settings) / "reports" / f"{report.evidence.hex()}.json"
