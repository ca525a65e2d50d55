"""A trustee who is killed between the note of the sums and the share gives that share when he comes back, once."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from fntx_dagster.adapters.evm.client import connect
from fntx_dagster.adapters.evm.trustee_files import served_days
from fntx_dagster.errors import Permanent
from fntx_dagster.services.aggregation import trading, trustees
from fntx_dagster.services.aggregation.pool import pool_of
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from tests import by_hand
from tests.services.aggregation.test_submitting import ACCOUNT, ROOT, formed, post_day

DAY = date(2025, 7, 17)


@pytest.mark.slow
def test_a_trustee_killed_between_note_and_share_gives_it_once(home: Path, database: Database) -> None:
    settings = formed(home, submit_seconds=20, challenge_seconds=1)
    built = by_hand.create_marts(database)
    trading.register(settings, ACCOUNT)
    with connect(settings) as chain:
        pool = pool_of(settings, chain)
        post_day(settings, chain, built, DAY)
        trading.submit(settings, built, ACCOUNT, DAY)
        while time.time() <= pool.book.day(DAY).freezes_at + 1:
            time.sleep(0.2)
        file = settings.aggregation.trustee_file
        assert file is not None
        assert _killed(settings, file, database) == -9
        assert (served_days(file), pool.book.shares(DAY)) == ({DAY}, [])
        first = trustees.serve_share(settings, built, DAY)
        assert trustees.serve_share(settings, built, DAY) == first
        assert first.state == "final"
        [(number, _)] = pool.book.shares(DAY)
        assert (pool.book.shared_by(number), pool.book.shared_by(number + 1)) == ({DAY}, set())
        next(file.parent.glob("trustee-*.served")).unlink()
        with pytest.raises(Permanent, match="is missing"):
            trustees.serve_share(settings, built, DAY)


def _killed(settings: Settings, file: Path, db: Database) -> int:
    """How a trustee's process ends that is killed when the note is written."""
    password = settings.keys.keystore_password
    assert password is not None
    words = [db.url, f"{settings.home}", f"{settings.aggregation.aggregator}", f"{file}", DAY.isoformat()]
    command = [sys.executable, "-m", "tests.services.aggregation.killed_trustee", *words]
    return subprocess.run(command, cwd=ROOT, input=password.get_secret_value(), text=True, timeout=300).returncode
