"""Where Dagster finds the definitions (workspace.yaml names this module)."""

import gc

gc.disable()  # what is imported stays: looking for garbage meanwhile would take a fifth of a code server's start
try:
    from fntx_dagster.defs.code_location import load

    defs = load()
    gc.freeze()
finally:
    gc.enable()

__all__ = ["defs"]
