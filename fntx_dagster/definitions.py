"""Where Dagster finds the definitions (workspace.yaml names this module)."""

from fntx_dagster.defs.definitions import defs

__all__ = ["defs"]
