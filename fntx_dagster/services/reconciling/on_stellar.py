"""What Stellar shows of the treasury's accounts. Horizon answers for the newest ledger alone: where one closed while it
was asked, the accounts and the supply are asked again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fntx_dagster.adapters.stellar.connection import HorizonConnection
from fntx_dagster.adapters.stellar.history import read_envelope
from fntx_dagster.adapters.stellar.horizon import FLAGS, Horizon
from fntx_dagster.audit.anchor import DATA_NAME
from fntx_dagster.errors import FntxError
from fntx_dagster.services.reconciling.anchored import anchored
from fntx_dagster.services.reconciling.views import THREADS, LedgerLook, LedgerView, Part, answered, away, is_error

_SILENCE = 5
_MOST_ROUNDS = 4
"""A network that closes a ledger while everything is asked, so often in a row, is taken as it was last."""


def look_at_stellar(look: LedgerLook) -> LedgerView:
    """Everything, of the ledger that closed last. It raises nothing for what the server does."""
    try:
        _asked(look, Horizon.require_network)
    except FntxError as error:
        return away(error.message)
    anchor = look.config.stellar_anchor
    accounts = {anchor, *look.config.stellar_accounts.values()}
    with ThreadPoolExecutor(THREADS) as pool:
        written = pool.submit(answered, lambda: _anchors(look, anchor)) if look.with_anchors else None
        histories = [pool.submit(answered, lambda each=each: _history(look, each)) for each in accounts if look.deep]
        begins = pool.submit(answered, lambda: _asked(look, Horizon.check_network)) if look.deep else None
        state = answered(lambda: _state(look, pool))
        told = [each.result() for each in histories]
    anchors = written.result() if written is not None else {"error": "nobody asked for anchors"}
    transactions = _transactions(told, begins.result()) if begins is not None else {"rows": []}
    return LedgerView(state, anchors, transactions)


def _asked(look: LedgerLook, ask: Callable[[Horizon], Any]) -> Any:
    """What a Horizon answers over a connection of its own: threads do not share one."""
    connection = HorizonConnection(look.url, timeout=_SILENCE, until=look.until)
    try:
        return ask(Horizon(connection, look.config.passphrase))
    finally:
        connection.close()


def _state(look: LedgerLook, pool: ThreadPoolExecutor) -> Part:
    """Accounts and supply between two looks at the number of the last ledger that are equal."""
    before = _asked(look, Horizon.head)
    asset = look.config.document["stellar"]["asset"]
    state: Part = {}
    for _ in range(_MOST_ROUNDS):
        found = {role: pool.submit(_account, look, address) for role, address in look.config.stellar_accounts.items()}
        supply = pool.submit(_supply, look, asset) if look.deep else None
        state = {"accounts": {role: each.result() for role, each in found.items()}}
        if supply is not None:
            state["supply"] = supply.result()
        after = _asked(look, Horizon.head)
        if after == before:
            break
        before = after
    return {"ledger": before, **state}


def _account(look: LedgerLook, address: str) -> Part:
    found = answered(lambda: _asked(look, lambda horizon: horizon.account(address)))
    if is_error(found):
        return found
    if found is None:
        return {"found": False}
    weights = {**found.signers, address: found.thresholds.master}
    return {
        "found": True,
        "balance": f"{found.balance:f}",
        "subentries": found.subentries,
        "flags": {name: name in found.flags for name in FLAGS},
        "thresholds": found.thresholds._asdict(),
        "signers": [{"account": key, "weight": weight} for key, weight in weights.items()],
    }


def _supply(look: LedgerLook, asset: Mapping[str, str]) -> Part:
    found = answered(lambda: _asked(look, lambda horizon: horizon.supply(asset["code"], asset["issuer"])))
    return found if is_error(found) else {"total": f"{found.total:f}"}


def _anchors(look: LedgerLook, address: str) -> Part:
    def ask(horizon: Horizon) -> Part:
        if horizon.account(address) is None:
            return {"found": False}
        return {"rows": anchored(horizon.data_written(address, DATA_NAME))}

    return _asked(look, ask)


def _history(look: LedgerLook, address: str) -> Part:
    """The transactions that act for an account: its own, and those of others in which an operation is its own."""

    def ask(horizon: Horizon) -> Part:
        if horizon.account(address) is None:
            return {"rows": []}
        keys: Collection[str] = {*look.ids, *look.config.stellar_accounts.values(), address}
        rows: list[Part] = []
        for digest, source, xdr in horizon.envelopes_of(address):
            envelope = read_envelope(xdr, look.config.passphrase, keys)
            if envelope is None:
                if source == address:
                    rows.append({"hash": digest, "signers": [], "config_change": True})
            elif address in envelope.accounts:
                signers = [look.ids.get(key, key) for key in envelope.signers]
                rows.append({"hash": digest, "signers": signers, "config_change": envelope.is_config})
        return {"rows": rows}

    return _asked(look, ask)


def _transactions(histories: list[Part], begins: Any) -> Part:
    errors = [each for each in (*histories, begins) if is_error(each)]
    if errors:
        return {"error": errors[0]["error"]}
    rows = {row["hash"]: row for history in histories for row in history["rows"]}
    return {"begins": begins, "rows": [*rows.values()]}
