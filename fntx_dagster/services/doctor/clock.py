"""This machine's clock, beside the clocks that it can be compared with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from fntx_dagster.adapters.flex.webservice import date_of
from fntx_dagster.errors import FntxError
from fntx_dagster.services.chain_of import connect
from fntx_dagster.services.doctor.checks import CheckResult, Circumstances, right, wrong
from fntx_dagster.store.health import server_facts

MOST = timedelta(seconds=60)
"""How far clocks may be apart: a record's lateness, a token's pace and freshness are measured in hours and minutes."""
_DATABASE = "the database"
_MOST_ON_SERVERS = timedelta(seconds=2)
"""Several machines on one database compare their clocks with each other."""


def is_right(circumstances: Circumstances) -> Iterator[CheckResult]:
    """Compare the clock with the database's, the broker's and the chain's, as far as the settings name such servers."""
    agreeing = []
    for name, ahead in _differences(circumstances):
        of_server = name == _DATABASE and circumstances.settings.database.url is not None
        if abs(ahead) > (_MOST_ON_SERVERS if of_server else MOST):
            word = "ahead of" if ahead > timedelta() else "behind"
            yield wrong(
                f"this machine's clock is {abs(ahead).total_seconds():.0f} seconds {word} that of {name}",
                "Set the clock by a time server (`timedatectl set-ntp true`)",
            )
        else:
            agreeing.append(name)
    if agreeing:
        yield right(f"agrees with {' and '.join(agreeing)}")


def _differences(circumstances: Circumstances) -> Iterator[tuple[str, timedelta]]:
    """Another clock's name → how far ours is ahead of it. A server that does not answer is another check's matter."""
    settings = circumstances.settings
    if circumstances.db is not None:
        yield _DATABASE, circumstances.now() - server_facts(circumstances.db).now
    if settings.flex.tokens and (answered_at := date_of(settings.flex.url)):
        yield "the Flex Web Service", circumstances.now() - answered_at
    if settings.chain.rpc_url is not None and (block := _newest_block(circumstances)):
        # a block may be old, and never from the future
        yield "the chain", min(circumstances.now() - block, timedelta())


def _newest_block(circumstances: Circumstances) -> datetime | None:
    try:
        with connect(circumstances.settings) as chain:
            return chain.settled_at(0)
    except FntxError:
        return None
