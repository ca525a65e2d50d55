"""Starting a strategy: dry, which answers with the transactions that it would send, or live, which keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from fntx_dagster.adapters.xrpl.building import build
from fntx_dagster.adapters.xrpl.network import base_fee_to_take, fees
from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.execution.assets import LedgerAsset
from fntx_dagster.execution.offers import slice_offer, worst_price
from fntx_dagster.execution.risk import ACTIVE
from fntx_dagster.execution.slices import Slice
from fntx_dagster.intents.preparing import prepared
from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.services.execution.asking import DeskLedger, desk_ledger
from fntx_dagster.services.execution.batches import intent_payload
from fntx_dagster.services.execution.calculator import slice_document
from fntx_dagster.services.execution.entering import enter_moves
from fntx_dagster.services.execution.judging import OrderRefused, judged_wish, wish_of_slice
from fntx_dagster.services.execution.plans import AskedStrategy, ends_of, planned, read_strategy
from fntx_dagster.services.execution.switching import TradingStopped
from fntx_dagster.services.execution.watching import look, required
from fntx_dagster.services.governance.configuration import approved_config
from fntx_dagster.services.governance.rejudging import require_approved
from fntx_dagster.services.governance.signers import TERMINAL
from fntx_dagster.services.governance.steps import held
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.desks import desk
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.strategies import (
    ProfileRow,
    SliceRow,
    StrategyRow,
    add_strategy,
    newest_profile,
    profile,
    slices_of,
    strategy,
)

_DRY_SIGNERS = 2
_DRY_LEDGERS = 100
_NO_SLIPPAGE_GIVEN = Fraction(2)


class OtherStrategy(Permanent):
    """The id of a request names a strategy of other terms. `fields`: those that differ."""

    def __init__(self, fields: Sequence[str]) -> None:
        self.fields = tuple(fields)
        super().__init__(f"the strategy of this request has another {fields[0]}", "Start it with a key of its own")


class DryRun(NamedTuple):
    """What a strategy would do: its slices, and the unsigned transaction of each at the prices of now. Nothing is kept
    of it."""

    slices: list[dict[str, Any]]
    transactions: list[dict[str, Any]]


def dry_run(settings: Settings, db: Database, document: Any) -> DryRun:
    """The slices of a strategy, and their unsigned transactions. Raises Permanent for one that is refused."""
    asked = read_strategy(document)
    with desk_ledger(settings) as at:
        with db.connect() as connection:
            slices = planned(asked, _profile(connection, asked))
            known = desk(connection, at.account)
        price = price_of(at, asked, Fraction(known.limits["max_slippage_pct"]) if known else _NO_SLIPPAGE_GIVEN)
        base = base_fee_to_take(fees(at.rpc), _DRY_SIGNERS, None, settings.treasury.xrpl_fee_cap)
        account = at.rpc.ask("account_info", account=at.account, ledger_index=at.head.ledger_index)
        sequence = account.inner("account_data").whole("Sequence")
        fills: dict[str, Any] = {"base_fee": base, "signers": _DRY_SIGNERS}
        fills["last_ledger_sequence"] = at.head.ledger_index + _DRY_LEDGERS
        transactions = []
        for place, (each, end) in enumerate(zip(slices, ends_of(slices, asked.ends_at), strict=True)):
            offer = slice_offer(asked.pair, asked.kind, asked.side, Fraction(each.quantity), price, end)
            payload = intent_payload(at, "offer.create", offer)
            unsigned = build(prepared(payload, fills | {"sequence": sequence + place}), settings.treasury.xrpl_fee_cap)
            transactions.append(
                {"n": each.n, "unsigned_blob": unsigned.unsigned_blob, "tx_json": dict(unsigned.tx_json)}
            )
    return DryRun([slice_document(each) for each in slices], transactions)


def start(settings: Settings, db: Database, document: Any, by: str = TERMINAL, strategy_id: UUID | None = None) -> UUID:
    """Keep a strategy that trades live, once its first slice passes the limits. Raises Permanent where nobody approved
    live trading, OrderRefused where a limit says no, TradingStopped where the desk is halted or killed. One that has
    the id already is not started again; OtherStrategy where it is of other terms."""
    asked = read_strategy(document)
    if strategy_id is not None:
        with db.connect() as connection:
            if _is_there(connection, asked, strategy_id):
                return strategy_id
    with desk_ledger(settings) as at:
        if asked.ends_at <= at.now:
            raise Permanent("end is before the ledger's time", "Name a later end")
        enter_moves(settings, db, at)
        with entered(db) as connection:
            _require_live(settings, connection, at)
        stand = look(settings, db, at)
        if stand.row.state != ACTIVE:
            raise TradingStopped(
                f"the desk is {stand.row.state}: {stand.row.reason}", "`fntx strategy resume` proposes to go on"
            )
        price = price_of(at, asked, stand.limits.max_slippage_pct)
        with entered(db) as connection:
            required(connection, at.account)  # one strategy at a time is judged: the next one sees it
            if strategy_id is not None and _is_there(connection, asked, strategy_id):
                return strategy_id
            known = _profile(connection, asked)
            slices = planned(asked, known)
            row = _row(at, asked, known, by)
            row = row._replace(strategy_id=strategy_id or row.strategy_id)
            decision = judged_wish(connection, at, stand, wish_of_slice(row, Fraction(slices[0].quantity), price))
            if not decision.accepted:
                raise OrderRefused(decision)
            rows = [
                SliceRow(row.strategy_id, each.n, each.at, end, each.quantity)
                for each, end in zip(slices, ends_of(slices, asked.ends_at), strict=True)
            ]
            add_strategy(connection, row, rows)
            details = {"kind": row.kind, "side": row.side, "quantity": f"{row.quantity:f}", "slices": len(rows)}
            details |= {"base": row.base_code, "quote": row.quote_code, "profile": row.profile_hash or ""}
            subject = EventSubject("strategy", str(row.strategy_id))
            append_all(settings, connection, [NewAuditEvent("strategy_approved", by, subject, details)])
    return row.strategy_id


def price_of(at: DeskLedger, asked: AskedStrategy, max_slippage_pct: Fraction) -> Fraction:
    """The worst price that an offer takes: the strategy's own, or so far from the middle of the book. Raises Permanent
    where neither says one."""
    if asked.limit_price is not None:
        return Fraction(asked.limit_price)
    mid = at.book(asked.pair).mid
    if mid is None:
        raise Permanent("nobody offers anything in this market", "Give limit_price, or wait until somebody does")
    return worst_price(asked.side, mid, max_slippage_pct)


def _require_live(settings: Settings, connection: Connection, at: DeskLedger) -> None:
    """Raise Permanent unless the approval of live trading is signed as it says, under the present configuration."""
    row = held(connection, required(connection, at.account).live_proposal)
    approved_config(settings, connection)
    require_approved(connection, row)


def _is_there(connection: Connection, asked: AskedStrategy, strategy_id: UUID) -> bool:
    """Whether a strategy was started with the id. Raises OtherStrategy where it is of other terms."""
    kept = strategy(connection, strategy_id)
    if kept is None:
        return False
    base, quote = (kept.base_code, kept.base_issuer), (kept.quote_code, kept.quote_issuer)
    terms = {"strategy": kept.kind, "side": kept.side, "base": base, "quote": quote, "quantity": kept.quantity}
    terms |= {"decimals": kept.decimals, "start": kept.starts_at, "end": kept.ends_at, "batch": kept.batch}
    terms |= {"limit_price": kept.limit_price, "slices": len(slices_of(connection, strategy_id))}
    now = {"strategy": asked.kind, "side": asked.side, "base": asked.pair.base, "quote": asked.pair.quote}
    now |= {"quantity": asked.quantity, "decimals": asked.decimals, "start": asked.starts_at, "end": asked.ends_at}
    now |= {"batch": asked.batch, "limit_price": asked.limit_price, "slices": len(_planned(connection, asked))}
    if differing := [name for name in terms if terms[name] != now[name]]:
        raise OtherStrategy(differing)
    return True


def _planned(connection: Connection, asked: AskedStrategy) -> list[Slice]:
    return planned(asked, _profile(connection, asked))


def _profile(connection: Connection, asked: AskedStrategy) -> ProfileRow | None:
    if asked.kind != "vwap":
        return None
    if asked.profile is None:
        return newest_profile(connection, [*asked.pair.base, *asked.pair.quote])
    known = profile(connection, asked.profile)
    if known is None:
        raise Permanent("there is no volume profile of that hash", "`fntx strategy profile` makes one")
    if (
        LedgerAsset(known.base_code, known.base_issuer),
        LedgerAsset(known.quote_code, known.quote_issuer),
    ) != asked.pair:
        raise Permanent("the volume profile is of another market", "Name one of this market")
    return known


def _row(at: DeskLedger, asked: AskedStrategy, known: ProfileRow | None, by: str) -> StrategyRow:
    return StrategyRow(
        uuid4(),
        at.account,
        asked.kind,
        asked.side,
        *asked.pair.base,
        *asked.pair.quote,
        asked.quantity,
        asked.decimals,
        asked.limit_price,
        asked.starts_at,
        asked.ends_at,
        asked.batch,
        known.hash if known else None,
        "running",
        "",
        by,
    )
