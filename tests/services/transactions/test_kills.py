"""The submitter is killed at random while a ledger loses answers: every transaction is validated exactly once, with the
bytes that were signed, and every event is in the log once. FNTX_TEST_KILLS says how many kills; ten without it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from uuid import UUID

from xrpl.models import Transaction
from xrpl.transaction import sign

from fntx_dagster.services.transactions.confirming import SEND_AGAIN, confirm
from fntx_dagster.services.transactions.importing import import_part
from fntx_dagster.services.transactions.preparing import prepare
from fntx_dagster.services.transactions.submitting import submit
from fntx_dagster.simulate.xrpl.server import serve_xrpl
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.transactions import LedgerTxRow, transaction_of
from tests.services.transactions.worlds import approved, begun, events, issue, town
from tests.simulate.xrpl.people import wallet

KILLS, TRANSACTIONS = int(os.environ.get("FNTX_TEST_KILLS", "10")), 5
_SUBMITTER = """
import sys
from datetime import timedelta
from pathlib import Path
from uuid import UUID
from pydantic import SecretStr
from fntx_dagster.errors import FntxError
from fntx_dagster.services.transactions.confirming import confirm
from fntx_dagster.services.transactions.submitting import submit
from fntx_dagster.settings import Settings
from fntx_dagster.settings.treasury import TreasurySettings
from fntx_dagster.store.database import Database
home, url, database, ready, *ids = sys.argv[1:]
treasury = TreasurySettings(config=Path(home) / "treasury.json", xrpl_url=SecretStr(url))
settings, db = Settings(home=Path(home), treasury=treasury), Database(database)
Path(ready).touch()
while True:
    for each in ids:
        try:
            submit(settings, db, UUID(each))
        except FntxError:
            pass
    confirm(settings, db, send_again=timedelta())
"""


def test_a_submitter_that_is_killed_sends_everything_exactly_once(database: Database, tmp_path: Path) -> None:
    rng, here, home = random.Random(19), town(), tmp_path / "home"
    with serve_xrpl(here.ledger, closes_every=0.5) as server:
        settings = begun(home, database, xrpl=server.url)
        ids: list[UUID] = []
        for number in range(TRANSACTIONS):
            proposal = approved(settings, database, "iou.issue", issue(str(2**number)))
            tx = Transaction.from_blob(prepare(settings, database, proposal).unsigned)
            for name in ("s1", "s3"):
                import_part(settings, database, sign(tx, wallet(name), multisign=True).blob().encode())
            ids.append(proposal)
        signed = {each: _row(database, each).signed for each in ids}
        ready = tmp_path / "ready"
        arguments = [str(home), server.url, database.url, str(ready), *map(str, ids)]
        for _ in range(KILLS):
            ready.unlink(missing_ok=True)
            if rng.random() < 0.7:
                server.fail(on="submit", do="cut", taken=rng.random() < 0.5)
            with subprocess.Popen([sys.executable, "-c", _SUBMITTER, *arguments], cwd=Path.cwd()) as process:
                while not ready.exists():
                    assert process.poll() is None
                    time.sleep(0.02)
                time.sleep(rng.uniform(0, 0.6))
                process.kill()
        deadline = time.monotonic() + 60
        while any(_row(database, each).state != "confirmed" for each in ids) and time.monotonic() < deadline:
            for each in ids:
                if _row(database, each).state == "ready_to_submit":
                    submit(settings, database, each)
            confirm(settings, database, send_again=SEND_AGAIN * 0)
            time.sleep(0.3)
    assert {each: (_row(database, each).state, _row(database, each).signed) for each in ids} == {
        each: ("confirmed", bytes_) for each, bytes_ in signed.items()
    }
    line = here.line("treasury", "issuer")
    assert line
    assert line["balance"] == str(2**TRANSACTIONS - 1)
    said = Counter(events(database))
    names = ("transaction_submit", "transaction_confirm", "proposal_submit", "proposal_confirm", "iou_issued")
    assert {name: said[name] for name in names} == dict.fromkeys(names, TRANSACTIONS)


def _row(database: Database, proposal: UUID) -> LedgerTxRow:
    with database.connect() as connection:
        row = transaction_of(connection, proposal)
    assert row
    return row
