"""The settings of witnesses: their names, and where a witness recomputes a trader's days."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from fntx_dagster.settings.groups import Group

_Address = Annotated[str, Field(pattern="^0x[0-9a-fA-F]{40}$")]


class WitnessSettings(Group):
    """Witnesses: those whose names a reader knows, and where one's own recomputed days lie."""

    home: Path | None = Field(
        default=None,
        description="folder in which a witness recomputes a trader's days; unset: `witness` in the home",
    )
    names: dict[_Address, str] = Field(
        default={},
        description="names of the witnesses that you know or count on, as JSON: address to name "
        '(`{"0x…": "Smith Audit"}`)',
    )
