"""Signers: their first set, whom a set consists of, and what each signs to show that his key is his."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from fntx_dagster.audit.canonical import canonical
from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.approvals import Decider
from fntx_dagster.governance.config import TreasuryConfig
from fntx_dagster.governance.decisions import Registration, registration_bytes
from fntx_dagster.governance.fields import StrictFields
from fntx_dagster.governance.kinds import ROLES
from fntx_dagster.governance.signatures import SCHEMES, is_public_key, verifies
from fntx_dagster.services.auditing.keys import log_key
from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.services.governance.configuration import configured
from fntx_dagster.services.treasury.secrets import require_no_secret
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.platform import begin_platform, entered
from fntx_dagster.store.treasury.signer_sets import (
    SignerRow,
    SignerSetRow,
    add_signer_set,
    removed_before,
    signer_sets,
    signers_of,
)

TERMINAL = "operator:terminal"


class SetView(NamedTuple):
    """A signer set as it is shown."""

    version: int
    state: str
    threshold: int
    config_threshold: int
    config_hash: str
    effective_from: datetime
    signers: list[SignerRow]

    def as_dict(self) -> dict[str, Any]:
        """The same in plain values, for programs."""
        return self._asdict() | {"signers": [signer._asdict() for signer in self.signers]}


def instance_of(settings: Settings) -> str:
    """The 32 hex digits of this installation, which its audit log is named after."""
    return log_key(settings).verifier.origin.rpartition("/")[2]


def to_register(settings: Settings, document: Any) -> list[tuple[str, bytes]]:
    """Of each signer of a file his id, and the bytes that he signs to register. Raises Permanent without a
    configuration, which names the signers: nobody signs before it is there."""
    configured(settings)
    rows = read_signers(document)
    instance = instance_of(settings)
    return [(row.signer_id, registration_bytes(instance, _registration(row))) for row in rows]


def enroll(settings: Settings, db: Database, document: Any, by: str = TERMINAL) -> int:
    """Set up the first signers, with the configuration as it is; the version of their set, 1. Raises Permanent where
    there is a set, where a registration is not signed, and where the configuration names others."""
    config = configured(settings)
    require_no_secret([document, config.document])
    rows = read_signers(document)
    instance = instance_of(settings)
    check_signers(rows, config, instance)
    with entered(db, alone=True) as connection:
        if signer_sets(connection):
            raise Permanent("there are signers already", "They change by their own decision: `fntx treasury rotate`")
        begin_platform(connection, instance)
        version = add_signer_set(connection, _first(config), rows)
        append_all(settings, connection, set_events(version, rows, config.hash, by))
    return version


def list_sets(db: Database) -> list[SetView]:
    """Every version of the signer set, newest first."""
    with db.connect() as connection:
        return [
            SetView(
                row.version,
                row.state,
                row.threshold,
                row.config_threshold,
                row.config_hash,
                row.effective_from,
                signers_of(connection, row.version),
            )
            for row in signer_sets(connection)
        ]


def deciders(connection: Connection, version: int) -> list[Decider]:
    """Who may decide on proposals of a version of the set, and who once could."""
    current = [_decider(row) for row in signers_of(connection, version)]
    return current + [_decider(row)._replace(removed=True) for row in removed_before(connection, version)]


def read_signers(document: Any) -> list[SignerRow]:
    """The signers of a file, `{"signers": [...]}`. Raises Permanent that names the field that is wrong."""
    whole = StrictFields(document, "")
    rows = [_row(fields) for fields in whole.objects("signers")]
    whole.end()
    return rows


def check_signers(rows: Sequence[SignerRow], config: TreasuryConfig, instance: str) -> None:
    """Raise Permanent unless these are the signers of a configuration, each with a key of his own that signed his
    registration in this installation."""
    given = {(row.signer_id, row.role, row.xrpl, row.stellar) for row in rows}
    if given != {*config.signers} or len(rows) != len(config.signers):
        raise Permanent(
            "the signers are not those of the configuration",
            "Give each the id, the role and the two addresses that the file of FNTX_TREASURY_CONFIG has",
        )
    if len({row.public_key for row in rows}) < len(rows):
        raise Permanent("two signers have the same public key", "Each signer is a person with a key of their own")
    for row in rows:
        message = registration_bytes(instance, _registration(row))
        if not verifies(row.scheme, bytes.fromhex(row.public_key), message, bytes.fromhex(row.signature)):
            raise Permanent(
                f"the registration of the signer {row.signer_id} is not signed with its key",
                "`fntx treasury enroll --input FILE --sign` prints what each signs",
            )


def set_events(version: int, rows: Sequence[SignerRow], config_hash: str, by: str) -> list[NewAuditEvent]:
    """What the audit log says of a new set and of the signers who are new in it."""
    added = [
        NewAuditEvent(
            "signer_added",
            by,
            EventSubject("signer", row.signer_id),
            {"signer_set": version, "role": row.role, "scheme": row.scheme, "public_key": row.public_key}
            | {"xrpl": row.xrpl, "stellar": row.stellar, "signature": row.signature},
        )
        for row in rows
    ]
    changed = NewAuditEvent(
        "config_changed", by, EventSubject("signer_set", str(version)), {"config_hash": config_hash}
    )
    return [*added, changed]


def _first(config: TreasuryConfig) -> SignerSetRow:
    return SignerSetRow(
        0,
        "active",
        config.threshold,
        config.config_threshold,
        config.hash,
        canonical(config.document).decode(),
        None,
        datetime.now(UTC),
    )


def _row(fields: StrictFields) -> SignerRow:
    scheme = fields.one_of("scheme", SCHEMES)
    row = SignerRow(
        fields.text("id"),
        fields.one_of("role", ROLES),
        scheme,
        fields.checked(
            "public_key", lambda text: is_public_key(scheme, _hex(text)), f"a key of {scheme} in hex"
        ).upper(),
        fields.text("xrpl"),
        fields.text("stellar"),
        fields.checked("signature", lambda text: text == "" or bool(_hex(text)), "hex").upper()
        if fields.has("signature")
        else "",
    )
    fields.end()
    return row


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text) if text.isalnum() else b""
    except ValueError:
        return b""


def _registration(row: SignerRow) -> Registration:
    return Registration(*row[:6])


def _decider(row: SignerRow) -> Decider:
    return Decider(row.signer_id, row.role, row.scheme, bytes.fromhex(row.public_key))
