"""Where Dagster finds the definitions (workspace.yaml names this module)."""

from fntx_dagster.defs.code_location import load

defs = load()

__all__ = ["defs"]
