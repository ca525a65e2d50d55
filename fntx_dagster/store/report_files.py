"""The HTML reports that runs wrote, so that every machine on the database can show them: the newest of each range."""

from __future__ import annotations

from hashlib import sha256

from fntx_dagster.model.period import Period
from fntx_dagster.store.database import Database, Readable


def keep(db: Database, period: Period, content: bytes) -> None:
    """Keep the report of a range, in place of the one before."""
    with db.connect() as connection:
        connection.execute(
            """insert into fntx.report_files (first_day, last_day, sha256, content) values (%s, %s, %s, %s)
            on conflict (first_day, last_day) do update
                set sha256 = excluded.sha256, content = excluded.content, written_at = excluded.written_at""",
            (*period, sha256(content).hexdigest(), content),
        )


def kept(db: Readable, period: Period) -> bytes | None:
    """The report of exactly that range; None where no run wrote it."""
    with db.connect() as connection:
        row = connection.execute(
            "select content from fntx.report_files where (first_day, last_day) = (%s, %s)", (*period,)
        ).fetchone()
    return row[0] if row else None


def ranges(db: Readable) -> list[Period]:
    """The ranges that have a report, the newest first."""
    with db.connect() as connection:
        rows = connection.execute("select first_day, last_day from fntx.report_files order by 2 desc, 1 desc")
        return [Period(*row) for row in rows]
