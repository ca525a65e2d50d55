"""Settings of the compliance gate: which sanctions lists count, how old they may be, when the travel rule applies."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from pydantic import Field

from fntx_dagster.settings.groups import Group


class ComplianceSettings(Group):
    """The compliance gate, which nobody is paid without."""

    lists: list[str] = Field(
        default=[],
        description=(
            'names of the sanctions lists that must be loaded, as a JSON list (`["ofac", "eu"]`); unset: every list '
            "that was ever loaded counts"
        ),
    )
    list_files: dict[str, Path] = Field(
        default={},
        description="files of sanctions lists that Dagster loads by itself when they change, as JSON: name of the list "
        "to file (`targets.simple.csv`, or `sdn.csv` with the others beside it)",
    )
    lists_max_age: float = Field(
        default=48, gt=0, description="hours after which a list is too old to clear anybody (48)"
    )
    travel_rule_amount: Decimal = Field(
        default=Decimal(1000),
        ge=0,
        description="amount, in the currency of the token, above which a payment names who pays and who is paid (1000)",
    )
