"""A token's requests over several machines: processes, homes apart, one database, against a broker that counts."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from fntx_dagster.adapters.flex.pace import PER_MINUTE, SPACING, Pace
from fntx_dagster.adapters.flex.token import Token
from fntx_dagster.simulate.documents import document, row, section, statement
from fntx_dagster.simulate.webservice import serve
from fntx_dagster.store.database import Database
from fntx_dagster.store.raw_flex.token_turns import TokenTurns
from tests.adapters.flex.clock import FakeClock

TOKEN, OTHER = "318642957703128465903217", "771122334455667788990011"
STATEMENT = document(statement(section("Trades", row("Trade", transactionID="1")))).encode()
CLIENT = """
import os, sys
from datetime import timedelta
from pathlib import Path
from fntx_dagster.adapters.flex.service import FlexService, Query
from fntx_dagster.adapters.flex.webservice import download
from fntx_dagster.store.database import Database
from fntx_dagster.store.raw_flex.token_turns import TokenTurns
url, database, home = sys.argv[1], Database(os.environ["DATABASE"]), Path(sys.argv[2])
service = FlexService(home / "limits", url, wait=timedelta(seconds=0.1), times=TokenTurns(database))
download(service, os.environ["FLEX"], Query("Trades", "900001"), None, home / "Trades.xml")
"""


def test_two_machines_together_ask_no_more_often_than_a_token_may(database: Database, tmp_path: Path) -> None:
    with serve(lambda *_: [STATEMENT], {TOKEN: {"900001"}}) as broker:
        machines = [
            subprocess.Popen(
                [sys.executable, "-c", CLIENT, broker.url, str(tmp_path / name)],
                env={**os.environ, "FLEX": TOKEN, "DATABASE": database.url},
                stderr=subprocess.PIPE,
            )
            for name in ("here", "there")
        ]
        for machine in machines:
            _, err = machine.communicate(timeout=120)
            assert machine.returncode == 0, err
        arrivals = sorted(asked.at for asked in broker.asked)
    assert len(arrivals) == 4  # each machine one reference and one statement
    assert min(later - earlier for earlier, later in pairwise(arrivals)) >= 1
    assert not [*tmp_path.glob("*/limits/*")]  # nothing of it is kept on a machine


def test_the_limits_of_a_minute_and_of_a_throttling_hold_for_every_machine(database: Database, tmp_path: Path) -> None:
    """The waits are those that the row of the database says; nobody sleeps them."""

    def pace(token: str) -> Pace:
        wait = timedelta(seconds=60)
        return Pace(tmp_path, Token(token), FakeClock(), throttled_wait=wait, timeout=wait, times=TokenTurns(database))

    def set_back(seconds: float) -> None:
        """As if the requests so far lay so many seconds before."""
        with database.connect() as connection:
            connection.execute(
                """update fntx.token_turns set throttled = throttled - %(s)s,
                    asked = (select array_agg(at - %(s)s order by at) from unnest(asked) as at)""",
                {"s": seconds},
            )

    here, there = pace(TOKEN), pace(TOKEN)
    for number in range(PER_MINUTE):
        assert (here, there)[number % 2].take() == 0
        if number < PER_MINUTE - 1:
            assert 0 < (there, here)[number % 2].take() <= SPACING
        set_back(SPACING)
    assert 30 < there.take() <= 60 + SPACING - PER_MINUTE * SPACING  # less what the test itself took
    assert pace(OTHER).take() == 0  # another token has its own turn
    set_back(120)
    assert there.take() == 0
    here.hold()
    assert 50 < there.take() <= 60
    with database.connect() as connection:
        kept = str(connection.execute("select * from fntx.token_turns").fetchall())
    assert TOKEN not in kept
