"""Versions of the set of signers, each with the configuration that was approved with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import args_row

from fntx_dagster.store.database import Connection
from fntx_dagster.store.queries import columns, one_value


class SignerSetRow(NamedTuple):
    """A version; `state`: pending, active or retired."""

    version: int
    state: str
    threshold: int
    config_threshold: int
    config_hash: str
    config: str
    proposal_id: UUID | None
    effective_from: datetime


class SignerRow(NamedTuple):
    """A signer of a version. The key and his signature over his registration are in upper-case hex."""

    signer_id: str
    role: str
    scheme: str
    public_key: str
    xrpl: str
    stellar: str
    signature: str


def signer_sets(connection: Connection, state: str | None = None) -> list[SignerSetRow]:
    """The versions, newest first; of one state, or all."""
    with connection.cursor(row_factory=args_row(SignerSetRow)) as cursor:
        return cursor.execute(
            f"""select {columns(SignerSetRow._fields)} from treasury.signer_set
            where %(state)s::text is null or state = %(state)s order by version desc""",
            {"state": state},
        ).fetchall()


def signers_of(connection: Connection, version: int) -> list[SignerRow]:
    """The signers of a version, by their ids."""
    with connection.cursor(row_factory=args_row(SignerRow)) as cursor:
        return cursor.execute(
            f"select {columns(SignerRow._fields)} from treasury.signer where version = %s order by signer_id",
            [version],
        ).fetchall()


def removed_before(connection: Connection, version: int) -> list[SignerRow]:
    """Who belonged to an earlier version, and to this one no longer; each as last registered."""
    with connection.cursor(row_factory=args_row(SignerRow)) as cursor:
        return cursor.execute(
            f"""select distinct on (signer_id) {columns(SignerRow._fields)} from treasury.signer as earlier
            where version < %(version)s and not exists (
                select from treasury.signer where version = %(version)s and signer_id = earlier.signer_id)
            order by signer_id, version desc""",
            {"version": version},
        ).fetchall()


def add_signer_set(connection: Connection, new: SignerSetRow, signers: Sequence[SignerRow]) -> int:
    """Add a version after the last, in a transaction that entered alone; its number. That of `new` does not count."""
    version = one_value(connection.execute("select coalesce(max(version), 0) + 1 from treasury.signer_set"))
    connection.execute(
        """insert into treasury.signer_set (version, state, threshold, config_threshold, config_hash, config,
            proposal_id, effective_from) values (%s, %s, %s, %s, %s, %s, %s, %s)""",
        [version, *new[1:]],
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            """insert into treasury.signer (version, signer_id, role, scheme, public_key, xrpl, stellar, signature)
            values (%s, %s, %s, %s, %s, %s, %s, %s)""",
            [(version, *signer) for signer in signers],
        )
    return version


def retire_active(connection: Connection) -> None:
    """End the version that is active."""
    connection.execute(
        "update treasury.signer_set set state = 'retired', ended_at = clock_timestamp() where state = 'active'"
    )


def make_active(connection: Connection, version: int) -> None:
    """Let a pending version be the active one."""
    connection.execute("update treasury.signer_set set state = 'active' where version = %s", [version])
