"""Lines of a Stellar ledger: opening, changing and deleting them, what their issuer allows, and clawing back."""

from __future__ import annotations

from dataclasses import replace

from stellar_sdk import ChangeTrust, Clawback, SetTrustLineFlags

from fntx_dagster.simulate.horizon.entries import (
    AUTHORIZED,
    CLAWBACK,
    CLAWED,
    MAINTAINS,
    REQUIRED,
    REVOCABLE,
    Draft,
    HeldLine,
)
from fntx_dagster.simulate.horizon.refusing import (
    OperationFailed,
    account_of,
    asset_key,
    issuer_of,
    refuse_if,
    stroops,
)


def check_trust(operation: ChangeTrust, source: str) -> None:
    """A limit that is not negative, and an asset of somebody else."""
    key = asset_key(operation.asset)
    refuse_if(stroops(operation.limit) < 0 or issuer_of(key) == source, "op_malformed")


def apply_trust(operation: ChangeTrust, source: str, draft: Draft) -> None:
    """Open a line, change its limit, or delete it with limit 0. A new line copies what its issuer demands."""
    key, limit = asset_key(operation.asset), stroops(operation.limit)
    holder, issuer = account_of(draft, source), draft.accounts.get(issuer_of(key))
    lines = dict(holder.lines)
    line = lines.get(key)
    if line is not None:
        refuse_if(limit < line.balance, "op_invalid_limit")
        if limit == 0:
            del lines[key]
        else:
            refuse_if(issuer is None, "op_no_issuer")
            lines[key] = line._replace(limit=limit)
    else:
        refuse_if(limit == 0, "op_invalid_limit")
        if issuer is None:
            raise OperationFailed("op_no_issuer")
        refuse_if(holder.balance < holder.reserve(draft.base_reserve, 1), "op_low_reserve")
        authorized = 0 if issuer.flags & REQUIRED else AUTHORIZED
        lines[key] = HeldLine(0, limit, authorized | (CLAWED if issuer.flags & CLAWBACK else 0))
    draft.accounts[source] = replace(holder, lines=lines)


def check_line_flags(operation: SetTrustLineFlags, source: str) -> None:
    """An asset of one's own, another's line, and flags that go together: clawback can be taken away, never given."""
    key = asset_key(operation.asset)
    sets, clears = int(operation.set_flags or 0), int(operation.clear_flags or 0)
    wrong = issuer_of(key) != source or operation.trustor == source or sets & clears or clears > 7
    refuse_if(bool(wrong) or sets & ~(AUTHORIZED | MAINTAINS) != 0 or _both(sets), "op_malformed")


def apply_line_flags(operation: SetTrustLineFlags, source: str, draft: Draft) -> None:
    """Authorise a line or take that back. Without auth_revocable nothing is taken back."""
    key = asset_key(operation.asset)
    sets, clears = int(operation.set_flags or 0), int(operation.clear_flags or 0)
    revokes = clears & (AUTHORIZED | MAINTAINS) and not sets & AUTHORIZED
    refuse_if(bool(revokes) and not account_of(draft, source).flags & REVOCABLE, "op_cant_revoke")
    holder = draft.accounts.get(operation.trustor)
    line = holder.lines.get(key) if holder else None
    if holder is None or line is None:
        raise OperationFailed("op_no_trustline")
    flags = line.flags & ~clears | sets
    refuse_if(_both(flags), "op_invalid_state")
    draft.accounts[operation.trustor] = replace(holder, lines={**holder.lines, key: line._replace(flags=flags)})


def check_clawback(operation: Clawback, source: str) -> None:
    """An amount above zero of an asset of one's own, from another."""
    key = asset_key(operation.asset)
    wrong = issuer_of(key) != source or operation.from_.account_id == source or stroops(operation.amount) <= 0
    refuse_if(wrong, "op_malformed")


def apply_clawback(operation: Clawback, source: str, draft: Draft) -> None:
    """Take an amount from a holder whose line allows it; it is gone."""
    key, amount = asset_key(operation.asset), stroops(operation.amount)
    holder = draft.accounts.get(operation.from_.account_id)
    line = holder.lines.get(key) if holder else None
    if holder is None or line is None:
        raise OperationFailed("op_no_trust")
    refuse_if(not line.flags & CLAWED, "op_not_clawback_enabled")
    refuse_if(line.balance < amount, "op_underfunded")
    changed = {**holder.lines, key: line._replace(balance=line.balance - amount)}
    draft.accounts[holder.account_id] = replace(holder, lines=changed)


def _both(flags: int) -> bool:
    return flags & AUTHORIZED != 0 and flags & MAINTAINS != 0
