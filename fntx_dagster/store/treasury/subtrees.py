"""The kept roots of whole subtrees of the audit log: appended with checkpoints, read for a proof."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import psycopg

from fntx_dagster.audit.subtrees import Subtree


def keep_subtrees(connection: psycopg.Connection, subtrees: Iterable[Subtree]) -> None:
    """Append the roots of subtrees; those that are kept already stay as they are."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into treasury.audit_subtree (height, place, root) values (%s, %s, %s) on conflict do nothing",
            subtrees,
        )


def kept_roots(connection: psycopg.Connection, places: Collection[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
    """Height and place → the root that is kept; without those that are not."""
    heights, numbers = [height for height, _ in places], [place for _, place in places]
    rows = connection.execute(
        """select height, place, root from treasury.audit_subtree
        join unnest(%s::smallint[], %s::bigint[]) as asked (height, place) using (height, place)""",
        (heights, numbers),
    )
    return {(height, place): root for height, place, root in rows}


def all_subtrees(connection: psycopg.Connection) -> dict[tuple[int, int], bytes]:
    """Height and place → root, of every subtree that is kept."""
    rows = connection.execute("select height, place, root from treasury.audit_subtree")
    return {(height, place): root for height, place, root in rows}
