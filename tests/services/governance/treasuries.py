"""A treasury with three signers, for tests: its configuration, their registrations and decisions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from fntx_dagster.governance.decisions import Registration, registration_bytes
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import show
from fntx_dagster.services.governance.signers import enroll, instance_of
from fntx_dagster.settings import Settings
from fntx_dagster.settings.treasury import TreasurySettings
from fntx_dagster.store.database import Database
from tests.governance.keys import KEYS, Key, signed_by

PLATFORM: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "governance" / "vectors" / "platform.json").read_text(encoding="utf-8")
)
ISSUER = PLATFORM["xrpl"]["accounts"]["issuer"]["address"]
TREASURY = PLATFORM["xrpl"]["accounts"]["treasury"]["address"]


def intent(op: str, **params: Any) -> dict[str, Any]:
    """A payload of the issuer's account."""
    return {"ledger": "xrpl", "network_id": 1, "intent": {"op": op, "account": ISSUER, "params": params}}


ISSUE = intent(
    "payment", destination=TREASURY, amount={"currency": "OPTKAS.BOND", "issuer": ISSUER, "value": "250000.5"}
)
FREEZE = intent("trustline.freeze", currency="OPTKAS.BOND", holder=TREASURY)
ACCOUNTS = [account["address"] for ledger in ("xrpl", "stellar") for account in PLATFORM[ledger]["accounts"].values()]
ATTESTATION = PLATFORM["xrpl"]["accounts"]["attestation"]["address"]


def anchor(**params: Any) -> dict[str, Any]:
    """The payload of an anchor by the attestation account."""
    payload = intent("anchor", **params)
    payload["intent"]["account"] = ATTESTATION
    return payload


STANDING = {
    "template": anchor(destination=TREASURY),
    "per_day": 2,
    "fee_cap": "30",
    "days": 90,
    "key": ATTESTATION,
}
REASON = {"reason": "a key may be lost"}


def settings_in(home: Path, document: dict[str, Any] = PLATFORM) -> Settings:
    """Settings of a home whose configuration is this document."""
    config = home / "treasury.json"
    config.write_text(json.dumps(document), encoding="utf-8")
    return Settings(home=home, treasury=TreasurySettings(config=config))


def registered(settings: Settings, document: dict[str, Any] = PLATFORM, keys: dict[str, Key] = KEYS) -> dict[str, Any]:
    """The file of signers that `enroll` takes, each registration signed by its key."""
    rows = []
    for signer in document["signers"]:
        key = keys[signer["id"]]
        own = Registration(
            signer["id"], signer["role"], key.scheme, key.public.hex().upper(), signer["xrpl"], signer["stellar"]
        )
        signature = signed_by(key, registration_bytes(instance_of(settings), own)).hex().upper()
        rows.append(own._asdict() | {"signature": signature})
    return {"signers": rows}


def begun(home: Path, db: Database) -> Settings:
    """A treasury whose three signers are enrolled."""
    settings = settings_in(home)
    assert enroll(settings, db, registered(settings)) == 1
    return settings


def decision(
    db: Database, proposal_id: UUID, signer: str, word: str = "approve", key: Key | None = None
) -> dict[str, Any]:
    """The file that a signer hands in."""
    content = show(db, proposal_id).to_sign[word]
    signature = signed_by(key or KEYS[signer], content).hex()
    return {"proposal": str(proposal_id), "signer": signer, "decision": word, "signature": signature}


def frozen(settings: Settings, db: Database) -> UUID:
    """A proposal that waits for two decisions, compliance among them."""
    return propose(settings, db, "freeze", FREEZE)
