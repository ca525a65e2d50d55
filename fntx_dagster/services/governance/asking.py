"""What a ledger is asked of a proposal before anybody votes, whichever way the proposal comes: whether it would take
the transaction now, and whom an escrow pays that the payload only points at.

Preparing asks again. Where no server is named nothing is asked before the vote, except of what could not be screened.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fntx_dagster.governance.config import TreasuryConfig
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.services.governance.tokens import check_released
from fntx_dagster.services.screening.addresses import addressed_parties
from fntx_dagster.services.transactions.ledgers import HeldEscrow, TreasuryLedger
from fntx_dagster.services.transactions.opening import opened
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection

FINISH = "escrow.finish"
"""Pays whom the escrow names, who is not in the payload."""
ASKED = (
    *("trustline.set", "trustline.authorize", "iou.issue", "iou.redeem", "distribution.pay", "freeze"),
    *("escrow.create", FINISH, "escrow.cancel"),
)
"""Kinds whose transactions `terms` of a ledger judges. An account is configured step by step, and an anchor is made
when its own conditions hold: both are judged when they are prepared."""


def ask_ledger(settings: Settings, config: TreasuryConfig, kind: str, payload: dict[str, Any]) -> HeldEscrow | None:
    """Ask the ledger about a payload that is one of its kind; the escrow that it finishes, where it does.

    Raises TransactionRefused for what would fail, Transient where the server does not answer, Permanent for one of
    another network, and where none is named although it has to say who is paid."""
    if kind not in ASKED or (kind != FINISH and not _is_named(settings, payload["ledger"])):
        return None
    with opened(settings, config, payload["ledger"]) as ledger:
        escrow = finished_escrow(ledger, config, kind, payload)
        ledger.terms(payload, 1)
    return escrow


def unasked_server(settings: Settings, kind: str, payload: Any) -> str:
    """The setting that names no server, so that the ledger of a proposal was not asked; empty where it was, or is not
    before a vote."""
    if kind not in ASKED or _is_named(settings, payload["ledger"]):
        return ""
    return "FNTX_XRPL_URL" if payload["ledger"] == "xrpl" else "FNTX_HORIZON_URL"


def _is_named(settings: Settings, ledger: str) -> bool:
    return (settings.treasury.xrpl_url if ledger == "xrpl" else settings.treasury.horizon_url) is not None


def finished_escrow(
    ledger: TreasuryLedger, config: TreasuryConfig, kind: str, payload: dict[str, Any]
) -> HeldEscrow | None:
    """The escrow that a payload finishes, as its ledger holds it; None of another kind. Refused where its token may
    not go where it pays."""
    if kind != FINISH:
        return None
    intent = payload["intent"]
    escrow = ledger.escrow(intent["params"]["owner"], intent["params"]["offer_sequence"])
    check_released(escrow, payload, config)
    return escrow


def paid_parties(
    connection: Connection, config: TreasuryConfig, kind: str, payload: Any, escrow: HeldEscrow | None
) -> list[str]:
    """The parties of the addresses in a payload, and of those that the escrow pays which it finishes. Raises Permanent
    for an address that is nobody's; refused where nobody looked whom the escrow pays."""
    if kind == FINISH and escrow is None:
        raise TransactionRefused("no_escrow", "nobody asked the ledger whom the escrow pays: nobody can be screened")
    held = {} if escrow is None else escrow._asdict()
    ours: Collection[str] = {*config.xrpl_accounts.values(), *config.stellar_accounts.values()}
    return addressed_parties(connection, [payload, held], ours)


def require_parties(
    connection: Connection, config: TreasuryConfig, kind: str, payload: Any, escrow: HeldEscrow | None, known: list[str]
) -> None:
    """Raise TransactionRefused where an escrow pays whom nobody screened for the proposal."""
    if kind == FINISH and not {*paid_parties(connection, config, kind, payload, escrow)} <= {*known}:
        raise TransactionRefused(
            "other_destination",
            "the escrow pays somebody else than when it was proposed: ask another server, and make a new proposal",
        )
