#!/usr/bin/env python3
# ruff: noqa: T201 - it prints
"""Checks a proof of a share of a signal: did a participant get what the rule gives him?

    python share.py share.json

Needs Python 3.9 or newer and nothing else. Ends with 0 if the proof holds, 1 if not, 2 for wrong usage.

What it checks: the two entries of the strategy's ledger have the hashes that they state; the wish is a leaf of the tree
whose root stood in the ledger before the order left, the share one of the tree after the last step; the share is the
wish's quota, rounded down or up to whole lots; money and P&L follow from it. What it cannot: compare the numbers and
hashes of the two entries, which it prints, with the strategy's audit trail or signed day yourself.

Trees are those of RFC 6962: sha256(0x00, leaf), sha256(0x01, left, right). An entry's hash is sha256(prev_hash, its
content); leaf and content are JSON with sorted keys and no spaces (RFC 8785).
"""

import hashlib
import json
import re
import sys
from fractions import Fraction

DIGITS = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "ISK": 0, "KWD": 3, "BHD": 3, "OMR": 3, "JOD": 3, "TND": 3}
DIGITS.update({"BTC": 8, "ETH": 8})


def problems(proof):
    """What does not hold, in words."""
    rule, shares, wish, share = (proof[name] for name in ("rule_entry", "shares_entry", "wish", "share"))
    for name, entry, kind in (("rule", rule, "signal_rule"), ("shares", shares, "signal_shares")):
        body = {key: value for key, value in entry.items() if key not in ("prev_hash", "hash")}
        if sha256(bytes.fromhex(entry["prev_hash"]) + canonical(body)).hex() != entry["hash"]:
            yield f"the entry of the {name} has another hash than it states"
        if entry["event_type"] != kind:
            yield f"the entry of the {name} is a {entry['event_type']}"
    for part, kind, entry, root in ((wish, "wish", rule, "wishes_root"), (share, "share", shares, "shares_root")):
        leaf = sha256(b"\x00" + canonical(part["leaf"]))
        if type(part["index"]) is not int or type(part["size"]) is not int:
            raise ValueError("a place in a tree is a whole number")
        if part["leaf"]["kind"] != kind or part["size"] != entry["participants"]:
            yield f"the {kind} is a leaf of another tree"
        elif rooted(leaf, part["index"], part["size"], part["path"]) != entry[root]:
            yield f"the {kind} does not lead to the root that the ledger states"
    mine, got = wish["leaf"], share["leaf"]
    if mine["user"] != got["user"] or wish["index"] != share["index"] or rule["signal"] != shares["signal"]:
        yield "the wish and the share are not of the same participant and signal"
    if proof["format"] != "fntx.share/1" or rule["rule"] != "deficit/1":
        yield "the format or the rule is not known here"
    yield from arithmetic(rule, shares, mine, got)


def number(text):
    """A plain number: an exponent would take for ever to compute."""
    if not re.fullmatch(r"-?[0-9]{1,200}(\.[0-9]{1,40})?", text, re.ASCII):
        raise ValueError(f"{text[:64]!r} is no plain number")
    return Fraction(text)


def arithmetic(rule, shares, mine, got):
    lot, wished, filled = (number(text) for text in (rule["lot_size"], rule["requested_qty"], shares["qty"]))
    wanted, have, closed = (number(text) for text in (mine["qty"], got["qty"], got["closed"]))
    if have > wanted or have % lot or (shares["entry_steps"] == 1 and abs(have - wanted * filled / wished) >= lot):
        yield f"{got['qty']} is not what a wish for {mine['qty']} gets of {shares['qty']} of {rule['requested_qty']}"
    paid, came, pnl = (number(got[name]) for name in ("money_in", "money_out", "pnl"))
    if (
        shares["same_price"]
        and filled
        and abs(paid - number(shares["entry_money"]) * have / filled) > Fraction(1, 10**18)
    ):
        yield "the money paid is not the average price of all"
    if have:
        gain = came - paid * closed / have
        gain = -gain if rule["signal_type"] == "SELL_ENTRY" else gain
        cents = Fraction(max(shares["exit_steps"], 1), 10 ** DIGITS.get(rule["currency"], 2))
        if abs(pnl - gain) > cents:
            yield "the P&L is not the money that came less the money that was paid"


def rooted(node, index, size, path):
    """The root, in hex, that a leaf's hash leads to (RFC 9162, 2.1.3.2); None where the path does not fit."""
    last = size - 1
    if not 0 <= index <= last:
        return None
    for sibling in map(bytes.fromhex, path):
        if not last:
            return None
        if index & 1 or index == last:
            node = sha256(b"\x01" + sibling + node)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            node = sha256(b"\x01" + node + sibling)
        index, last = index >> 1, last >> 1
    return None if last else node.hex()


def sha256(content):
    return hashlib.sha256(content).digest()


def canonical(value):
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def once(pairs):
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return dict(pairs)


def main(arguments):
    if len(arguments) != 1:
        print(__doc__)
        return 2
    try:
        with open(arguments[0], encoding="utf-8") as file:
            proof = json.load(file, object_pairs_hook=once)
        found = list(problems(proof))
        stated = [(entry["entry_no"], entry["hash"]) for entry in (proof["rule_entry"], proof["shares_entry"])]
        leaf, wish = proof["share"]["leaf"], proof["wish"]["leaf"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError, RecursionError) as error:
        print(ascii(f"not a proof of a share: {error!r}")[1:-1])
        return 1
    print(ascii(f"{leaf['user']}: {leaf['qty']} of {wish['qty']}, P&L {leaf['pnl']}, {leaf['status']}")[1:-1])
    for number, digest in stated:
        print(ascii(f"entry {number} of the strategy's ledger: {digest}")[1:-1])
    for words in found:
        print(f"WRONG: {ascii(words)[1:-1]}")
    print("The proof DOES NOT HOLD." if found else "The proof holds.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
