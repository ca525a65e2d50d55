"""The definitions as the UI, the daemon and the runs that they start load them: with partitions from the first loaded
session on.

A command (`fntx run`) does not come by here: its range may begin before anything that is loaded.
"""

from datetime import UTC, datetime

import dagster as dg

from fntx_dagster.services.sessions import first_partition
from fntx_dagster.settings import export, load_settings, write_privately


def load() -> dg.Definitions:
    """The definitions, for this process and the runs that it starts. Older statements that are loaded later have
    partitions when the code location is loaded again."""
    write_privately()
    settings = load_settings()
    if settings.dagster.first_session is None:
        export({"FNTX_FIRST_SESSION": first_partition(settings, datetime.now(UTC)).isoformat()})
    from fntx_dagster.defs.definitions import defs  # it reads the setting

    return defs
