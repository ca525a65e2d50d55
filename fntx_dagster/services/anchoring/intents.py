"""What an anchor is on the XRP Ledger and on Stellar: from which account it goes, and the intent of a checkpoint."""

from __future__ import annotations

from typing import Any, NamedTuple

from fntx_dagster.audit.checkpoint import Checkpoint
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.config import TreasuryConfig
from fntx_dagster.services.auditing.checkpointing import checked_row
from fntx_dagster.services.auditing.keys import log_key
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection
from fntx_dagster.store.treasury.checkpoints import checkpoint_of


class AnchorSource(NamedTuple):
    """From which account the log is anchored on a ledger. `network`: the network id, or the passphrase; `destination`:
    who gets the drop on the XRP Ledger."""

    ledger: str
    network: int | str
    account: str
    destination: str | None


def anchor_source(config: TreasuryConfig, ledger: str) -> AnchorSource:
    """The source on `xrpl` or `stellar`: the attestation account pays the treasury a drop; the anchor account writes
    its data."""
    if ledger == "xrpl":
        accounts = config.xrpl_accounts
        return AnchorSource(ledger, config.network_id, accounts["attestation"], accounts["treasury"])
    return AnchorSource(ledger, config.passphrase, config.stellar_anchor, None)


def anchor_payload(source: AnchorSource, checkpoint: Checkpoint) -> dict[str, Any]:
    """The payload of the proposal that anchors a checkpoint."""
    params: dict[str, Any] = {"origin": checkpoint.origin, "root": checkpoint.root.hex(), "size": checkpoint.size}
    if source.destination is not None:
        params["destination"] = source.destination
    intent = {"op": "anchor", "account": source.account, "params": params}
    return {"ledger": source.ledger, "network_id": source.network, "intent": intent}


def signed_checkpoint(settings: Settings, connection: Connection, size: Any) -> Checkpoint:
    """The checkpoint over exactly so many events, whose note verifies. Permanent where there is none."""
    row = checkpoint_of(connection, size) if type(size) is int else None
    if row is None:
        raise Permanent(
            f"the log has no checkpoint over {size} events", "`fntx audit anchor` makes the anchor of the newest one"
        )
    checkpoint, _ = checked_row(row, log_key(settings))
    return checkpoint


def require_anchor(settings: Settings, connection: Connection, payload: Any, config: TreasuryConfig) -> None:
    """Raise Permanent unless a payload of the kind is the anchor of a checkpoint of this log, as this program makes
    it."""
    params = payload["intent"]["params"]
    checkpoint = signed_checkpoint(settings, connection, params.get("size"))
    if payload != anchor_payload(anchor_source(config, payload["ledger"]), checkpoint):
        raise Permanent(
            "this is not the anchor of the log's checkpoint over so many events",
            "`fntx audit anchor` makes the anchor of the newest one",
        )
