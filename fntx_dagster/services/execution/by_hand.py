"""Orders of the desk that people wrote, `trade.order` from its account: judged by the same limits as strategies, when
they are proposed and again when they are sent. Taking an offer back is always let through."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.execution.wishes import OrderWish, wish_of_offer
from fntx_dagster.governance.config import TreasuryConfig
from fntx_dagster.governance.kinds import TRADE
from fntx_dagster.services.execution.asking import DeskLedger, desk_ledger
from fntx_dagster.services.execution.entering import enter_moves
from fntx_dagster.services.execution.judging import OrderRefused, judged_wish
from fntx_dagster.services.execution.switching import DESK
from fntx_dagster.services.execution.watching import DeskLook, look, required
from fntx_dagster.services.governance.payloads import orders_asked
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.proposals import ProposalRow
from fntx_dagster.store.treasury.strategies import is_of_strategy


class LookedAt(NamedTuple):
    """Orders that people wrote, and how the desk stands."""

    at: DeskLedger
    stand: DeskLook
    wishes: Sequence[OrderWish]


def look_at_orders(
    settings: Settings, db: Database, config: TreasuryConfig, kind: str, payload: Any
) -> LookedAt | None:
    """The orders of a payload that its kind checked, and how the desk stands now; None where none is the desk's.

    Raises Permanent where nobody approved that it trades, where no server is named, and for an order that does not
    trade its currency; Transient where the server does not answer."""
    offers = _offers(config, kind, payload)
    if not offers:
        return None
    with db.connect() as connection:
        required(connection, config.xrpl_accounts[DESK])
    with desk_ledger(settings) as at:
        enter_moves(settings, db, at)
        stand = look(settings, db, at)
    wishes = [wish for each in offers if (wish := wish_of_offer(each, stand.quote)) is not None]
    if len(wishes) < len(offers):
        raise Permanent(
            f"an order does not trade {stand.quote.code}, the currency that the desk counts its limits in",
            "Trade against that currency, or propose another one in a `trade.live` (docs/execution.md)",
        )
    return LookedAt(at, stand, wishes)


def require_within_limits(connection: Connection, looked: LookedAt, row: ProposalRow | None = None) -> None:
    """Raise OrderRefused unless every order passes the limits, with those before it. `row`: their proposal, where it
    counts already. The desk is held until the transaction ends: whoever asks next sees these orders."""
    required(connection, looked.at.account)
    for place, wish in enumerate(looked.wishes):
        but = None if row is None else row.proposal_id
        decision = judged_wish(connection, looked.at, looked.stand, wish, looked.wishes[:place], but)
        if not decision.accepted:
            raise OrderRefused(decision)


def judge_again(settings: Settings, db: Database, config: TreasuryConfig, row: ProposalRow) -> None:
    """Judge an order that people wrote once more before it is sent. Raises as when it was proposed. A slice of a
    strategy is judged where its strategy goes on."""
    if row.kind != TRADE:
        return
    with db.connect() as connection:
        if is_of_strategy(connection, row.proposal_id):
            return
    looked = look_at_orders(settings, db, config, row.kind, json.loads(row.payload))
    if looked is not None:
        with db.connect() as connection:
            require_within_limits(connection, looked, row)


def _offers(config: TreasuryConfig, kind: str, payload: Any) -> list[Any]:
    """The parameters of the offers that a payload asks for from the desk's account."""
    return [
        each["intent"]["params"]
        for each in orders_asked(kind, payload)
        if each["ledger"] == "xrpl"
        and each["intent"]["op"] == "offer.create"
        and each["intent"]["account"] == config.xrpl_accounts.get(DESK)
    ]
