"""The proof of a share: what one participant wished and got, under two roots that the audit trail holds.

Before the order leaves, the ledger of the strategy gets the entry `signal_rule`: the rule, the totals, and the root
over everybody's wish. After each step it gets `signal_shares`: the totals, and the root over everybody's share. A leaf
is canonical JSON (RFC 8785) with a salt of its own, so that nobody guesses another's from the hashes of a path.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from hashlib import blake2b
from typing import Any, NamedTuple

from fntx_dagster.ledger.entries import ORIGIN, canonical, hash_of
from fntx_dagster.ledger.kinds import SIGNAL_RULE, SIGNAL_SHARES
from fntx_dagster.proof.log_tree import leaf_hash, log_holds, log_path, log_root
from fntx_dagster.signals.amounts import minor_unit, read, written
from fntx_dagster.signals.shares import RULE
from fntx_dagster.signals.sharing import FAILED, ShareTexts

FORMAT = "fntx.share/1"


class ShareFault(NamedTuple):
    """What does not hold in a proof: which part, and why."""

    part: str
    reason: str


def wishes_root(shares: Sequence[ShareTexts], salt: bytes) -> bytes:
    """The root over what everybody wished, in their order."""
    salts = _Salts(salt, b"wish")
    return log_root([leaf_hash(_wish(share, salts)) for share in shares])


def shares_root(shares: Sequence[ShareTexts], salt: bytes) -> bytes:
    """The root over what everybody has now, in their order."""
    salts = _Salts(salt, b"share")
    return log_root([leaf_hash(_share(share, salts)) for share in shares])


def proof_of(
    shares: Sequence[ShareTexts],
    user_id: str,
    salt: bytes,
    rule_entry: Mapping[str, Any],
    shares_entry: Mapping[str, Any],
) -> dict[str, Any]:
    """The proof of a user's share, from all shares as they are now. Raises KeyError where he has none."""
    index = next((at for at, share in enumerate(shares) if share.user_id == user_id), None)
    if index is None:
        raise KeyError(user_id)
    parts = {}
    for name, leaf_of in (("wish", _wish), ("share", _share)):
        salts = _Salts(salt, name.encode())
        leaves = [leaf_of(share, salts) for share in shares]
        path = log_path([leaf_hash(leaf) for leaf in leaves], index)
        parts[name] = {
            "leaf": json.loads(leaves[index]),
            "index": index,
            "size": len(leaves),
            "path": [each.hex() for each in path],
        }
    return {"format": FORMAT, "rule_entry": {**rule_entry}, "shares_entry": {**shares_entry}, **parts}


def faults_of_proof(proof: Mapping[str, Any]) -> list[ShareFault]:
    """What does not hold in a proof of a share; empty where all of it does.

    That its two entries are the ledger's is for the reader to compare: their numbers and hashes stand in the audit
    trail of the strategy's book. Raises ValueError for what is no such proof.
    """
    try:
        return _faults(proof)
    except (KeyError, TypeError, AttributeError, ValueError, ZeroDivisionError) as error:
        raise ValueError(f"not a proof of a share: {error!r}") from error


def _faults(proof: Mapping[str, Any]) -> list[ShareFault]:
    if proof["format"] != FORMAT:
        raise ValueError(f"the format is {proof['format']!r}, not {FORMAT}")
    rule, shares = proof["rule_entry"], proof["shares_entry"]
    found = []
    for name, entry, kind in (("rule_entry", rule, SIGNAL_RULE), ("shares_entry", shares, SIGNAL_SHARES)):
        if entry["event_type"] != kind:
            found.append(ShareFault(name, f"it is a {entry['event_type']}, not a {kind}"))
        if hash_of(entry, str(entry.get("prev_hash", ORIGIN))) != entry["hash"]:
            found.append(ShareFault(name, "its content has another hash than it states"))
    for name, root, entry in (("wish", rule["wishes_root"], rule), ("share", shares["shares_root"], shares)):
        part = proof[name]
        path = [bytes.fromhex(each) for each in part["path"]]
        leaf = leaf_hash(canonical(part["leaf"]))
        size = int(entry["participants"])
        if type(part["index"]) is not int or type(part["size"]) is not int:  # true is no place
            raise ValueError("a place in a tree is a whole number")
        if part["leaf"]["kind"] != name or part["size"] != size:
            found.append(ShareFault(name, "it is a leaf of another tree"))
        elif not log_holds(bytes.fromhex(root), leaf, part["index"], size, path):
            found.append(ShareFault(name, "it does not lead to the root that the entry states"))
    return [*found, *_arithmetic(rule, shares, proof["wish"], proof["share"])]


def _arithmetic(
    rule: Mapping[str, Any], shares: Mapping[str, Any], wish: Mapping[str, Any], share: Mapping[str, Any]
) -> list[ShareFault]:
    """Whether the share follows from the wish, the totals and the rule."""
    found = []
    mine, got = wish["leaf"], share["leaf"]
    if (mine["user"], wish["index"]) != (got["user"], share["index"]) or rule["signal"] != shares["signal"]:
        found.append(ShareFault("share", "the wish and the share are not of the same user and signal"))
    if rule["rule"] != RULE:
        return [*found, ShareFault("rule_entry", f"the rule {rule['rule']!r} is not known here")]
    lot = read(rule["lot_size"])
    wished, filled = read(rule["requested_qty"]), read(shares["qty"])
    wanted, have = read(mine["qty"]), read(got["qty"])
    quota = Fraction(wanted * filled, wished)
    if have % lot or have > wanted or (shares["entry_steps"] == 1 and abs(have - quota) >= lot):
        words = (
            f"{written(have)} is not what a wish for {mine['qty']} gets of {shares['qty']} of {rule['requested_qty']}"
        )
        found.append(ShareFault("share", words))
    money_in, money_out, pnl = (read(got[name]) for name in ("money_in", "money_out", "pnl"))
    if shares["same_price"] and filled and abs(money_in * filled - read(shares["entry_money"]) * have) > filled:
        found.append(ShareFault("share", "the money paid is not the average price of all"))
    closed = read(got["closed"])
    if have:
        gain = money_out - Fraction(money_in * closed, have)
        gain = -gain if rule["signal_type"] == "SELL_ENTRY" else gain
        if abs(pnl - gain) > minor_unit(rule["currency"]) * max(shares["exit_steps"], 1):
            found.append(ShareFault("share", "the P&L is not the money that came less the money that was paid"))
    return found


def _wish(share: ShareTexts, salts: _Salts) -> bytes:
    wished = "0" if share.status == FAILED else share.requested_qty
    most = "null" if share.max_notional is None else f'"{share.max_notional}"'
    return (
        f'{{"fee_bps":"{share.fee_bps}","fee_fixed":"{share.fee_fixed}","kind":"wish","max_notional":{most},'
        f'"qty":"{wished}","salt":"{salts.of(share.user_id)}","user":{_json(share.user_id)}}}'
    ).encode()


def _share(share: ShareTexts, salts: _Salts) -> bytes:
    user_id, _, _, _, _, _, qty, closed, money_in, money_out, pnl, entry_fee, exit_fee, status, why = share
    reason = "null" if why is None else f'"{why}"'
    return (
        f'{{"closed":"{closed}","entry_fee":"{entry_fee}","exit_fee":"{exit_fee}",'
        f'"kind":"share","money_in":"{money_in}","money_out":"{money_out}","pnl":"{pnl}",'
        f'"qty":"{qty}","reason":{reason},"salt":"{salts.of(user_id)}",'
        f'"status":"{status}","user":{_json(user_id)}}}'
    ).encode()


class _Salts:
    """The participants' salts of a tree: keyed hashes, so that one who knows his own learns nobody else's."""

    def __init__(self, secret: bytes, kind: bytes) -> None:
        self._begun = blake2b(key=secret, person=kind, digest_size=_SALT_BYTES).copy

    def of(self, user_id: str) -> str:
        salt = self._begun()
        salt.update(user_id.encode())
        return salt.hexdigest()


_SALT_BYTES = 32
_json = json.encoder.encode_basestring
