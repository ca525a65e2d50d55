"""When each Flex token sent its last requests: a row that all machines on the database lock in turn, by its clock."""

from __future__ import annotations

import hashlib

from fntx_dagster.adapters.flex.pace import Change
from fntx_dagster.store.database import Database
from fntx_dagster.store.queries import one_row, one_value


class TokenTurns:
    """The times of tokens' requests in a database: `SharedTimes` of the adapter."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def changed(self, token: str, change: Change) -> float:
        """Change the times of a token while nobody else does, on any machine; the result of `change`. Raises what
        `Database.connect` raises."""
        fingerprint = _fingerprint(token)
        with self._db.connect() as connection:
            connection.execute(
                "insert into fntx.token_turns (fingerprint) values (%s) on conflict do nothing", (fingerprint,)
            )
            asked, throttled = one_row(
                connection.execute(
                    "select asked, throttled from fntx.token_turns where fingerprint = %s for update", (fingerprint,)
                )
            )
            now = float(one_value(connection.execute("select extract(epoch from clock_timestamp())")))
            # the clock of a database that was restored elsewhere may be behind: times of the future count as now
            result, asked, throttled = change(now, [min(now, at) for at in asked], min(now, throttled))
            connection.execute(
                "update fntx.token_turns set asked = %s, throttled = %s where fingerprint = %s",
                (asked, throttled, fingerprint),
            )
            return result


def _fingerprint(token: str) -> str:
    """A token is a number, short enough to be found from a plain hash; this one takes a tenth of a second a try."""
    return hashlib.scrypt(token.encode(), salt=b"fntx flex token", n=1 << 14, r=8, p=1, dklen=16).hex()
