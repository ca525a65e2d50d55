"""The tables of states, for whoever wants to read or draw them."""

from __future__ import annotations

from typing import Any

from fntx_dagster.errors import Permanent
from fntx_dagster.governance.machines import MACHINES, mermaid


def machine_tables() -> dict[str, list[dict[str, Any]]]:
    """Every table by its name: a list of its steps."""
    return {name: [step._asdict() for step in machine] for name, machine in MACHINES.items()}


def diagram(name: str) -> str:
    """A table as a state diagram in Mermaid's language. Raises Permanent for a name that no table has."""
    if name not in MACHINES:
        raise Permanent(f"there is no table {name}", f"It is one of {', '.join(MACHINES)}")
    return mermaid(MACHINES[name])
