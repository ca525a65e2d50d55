#!/usr/bin/env python3
# ruff: noqa: T201, B905, RUF007 - it prints, and runs on Python 3.9 too
"""Checks a proof of an FNTX audit log: did this event stand in the log, under a root that the log's key signed, and do
the ledgers that the proof names hold that root?

    python audit.py proof.json                            the file agrees with itself
    python audit.py proof.json --xrpl URL --horizon URL --rpc URL      ... and with the ledgers, each asked at a server
    python audit.py proof.json --log-key KEY              ... and with the key that the log's owner publishes
    python audit.py proof.json --xrpl URL --history F     ... and no anchor before or after it contradicts another

Needs Python 3.9 or newer and nothing else; trusts no file or server of FNTX. Ends with 0 if everything was checked and
holds, 1 if something does not hold, 75 if a ledger was not checked, 2 for a file that is no proof or wrong usage.
README.md beside this file says what it proves and what not.

How to read it: PART 1, some 100 lines, is the proof. PART 2 refuses files that two readers could understand
differently. PART 3 asks the ledgers, PART 4 reads all anchors of an account. PART 5 is the command. PART 6 verifies
Ed25519 signatures (RFC 8032); skip it if you compare `is_signed` with another library.

How a proof is made: an event is a JSON object, written by RFC 8785. Its leaf is SHA-256(0x00, event), a node is
SHA-256(0x01, left, right), and a tree of n leaves has the largest power of two below n on its left (RFC 6962). The log
signs name, size, root and time of its tree. Onto a ledger goes root, size (8 bytes) and 8 bytes of SHA-256(name).
"""

import argparse
import base64
import hashlib
import http.client
import json
import re
import sys
import threading
import urllib.error
import urllib.request
from datetime import datetime
from typing import Any

# PART 1: THE PROOF


def check(proof):
    """What a proof says, as a Checked; Refused with the first thing in it that does not hold. No ledger is asked."""
    need_keys("the proof file", proof, "format event leaf_hash checkpoint log_key inclusion consistency anchors")
    need(proof["format"] == FORMAT, f"the format is not {FORMAT}")
    event = proof["event"]
    read_event(event)
    need(is_hash(proof["leaf_hash"]), "leaf_hash is not 64 hex digits")
    leaf = bytes.fromhex(proof["leaf_hash"])
    need(sha256(b"\x00" + canonical(event)) == leaf, "leaf_hash is not the hash of the event")
    key, note = proof["log_key"], proof["checkpoint"]
    need(type(key) is str and type(note) is str, "log_key or checkpoint is no text")
    checked = Checked(event, key, *read_checkpoint(note, *read_key(key)))

    inclusion = proof["inclusion"]
    need_keys("inclusion", inclusion, "leaf_index tree_size hashes")
    index, size = inclusion["leaf_index"], inclusion["tree_size"]
    need(is_count(index) and is_count(size), "leaf_index or tree_size is not a whole number from 0")
    path = read_hashes("inclusion", inclusion["hashes"])
    need(size == checked.size, "tree_size is not the size of the checkpoint")
    need(index == event["seq"], "leaf_index is not the number of the event")
    need(is_included(leaf, index, size, path, checked.root), "the event is not under the root of the checkpoint")

    need(type(proof["anchors"]) is list, "anchors is not a list")
    for anchor in proof["anchors"]:
        check_anchor(anchor, checked)
        checked.anchors.append(anchor)

    older = proof["consistency"]
    if older is not None:
        need_keys("consistency", older, "size root hashes")
        need(is_count(older["size"]) and is_hash(older["root"]), "size or root of consistency is not of its form")
        path = read_hashes("consistency", older["hashes"])
        goes_on = goes_on_from(older["size"], bytes.fromhex(older["root"]), checked.size, checked.root, path)
        need(goes_on, "the checkpoint does not go on from the older root")
    return checked


class Checked:
    """A proof that agrees with itself: the event, the log's key, the signed checkpoint, and the anchors of it."""

    def __init__(self, event, key, origin, size, root, at):
        self.event, self.key, self.origin, self.size, self.root, self.at = event, key, origin, size, root, at
        self.origin_hash, self.anchors = sha256(origin.encode()), []
        # What every ledger holds. A root alone would not show that a later tree goes on from it: hence the size.
        self.payload = root + size.to_bytes(8, "big") + self.origin_hash[:8]


def is_included(leaf, index, size, path, root):
    """Whether that leaf is the `index`-th of `size` under the root (RFC 9162, 2.1.3.2)."""
    if not index < size:
        return False
    last, node = size - 1, leaf
    for sibling in path:
        if not last:
            return False
        if index & 1 or index == last:
            node = sha256(b"\x01" + sibling + node)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            node = sha256(b"\x01" + node + sibling)
        index, last = index >> 1, last >> 1
    return not last and node == root


def goes_on_from(size, root, larger, larger_root, path):
    """Whether every leaf of the smaller tree stands, in its place, in the larger one (RFC 9162, 2.1.4.2)."""
    if not 0 < size <= larger:
        return False
    if size == larger:
        return not path and root == larger_root
    nodes = [root, *path] if size & (size - 1) == 0 else path
    if not nodes:
        return False
    at, last = size - 1, larger - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = nodes[0]
    for node in nodes[1:]:
        if not last:
            return False
        if at & 1 or at == last:
            before, after = sha256(b"\x01" + node + before), sha256(b"\x01" + node + after)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            after = sha256(b"\x01" + after + node)
        at, last = at >> 1, last >> 1
    return not last and before == root and after == larger_root


def read_key(key):
    """The log's name and the public key of `name+key id+key`; Refused unless the id is that of the key."""
    parts = key.split("+", 2)
    need(len(parts) == 3 and matches(ORIGIN, parts[0]), "log_key is no key of an audit log")
    content = exact_base64(parts[2], 33, "log_key")
    need(content[:1] == b"\x01", "log_key is no Ed25519 key")
    need(parts[1] == key_id(parts[0], content).hex(), "log_key does not have the id that it names")
    return parts[0], content


def read_checkpoint(note, name, key):
    """Name, size, root and time of a signed note (as Go's `note` tools write it); Refused unless that key signed it."""
    text, empty_line, signatures = note.partition("\n\n")
    need(bool(empty_line), "the checkpoint has no signature")
    lines = re.fullmatch(CHECKPOINT, text + "\n")
    if lines is None:
        raise Refused("the checkpoint does not have the four lines of its form")
    origin, size, root, at = lines.groups()
    need(int(size) <= MOST, "the checkpoint's size is beyond 2^53-1")
    need(is_time(at, "%Y-%m-%dT%H:%M:%SZ"), "the checkpoint's time is none")
    root = exact_base64(root, 32, "the checkpoint's root")
    signature = re.fullmatch(rf"— ({ORIGIN}) ([A-Za-z0-9+/=]+)\n", signatures)
    if signature is None:
        raise Refused("the checkpoint does not end with one signature")
    need(origin == name == signature[1], "the checkpoint is not of the log that the key names")
    signed = exact_base64(signature[2], 68, "the checkpoint's signature")
    need(signed[:4] == key_id(name, key), "the checkpoint is signed by another key")
    need(is_signed(key[1:], f"{text}\n".encode(), signed[4:]), "the checkpoint's signature is wrong")
    return origin, int(size), root, at


def key_id(name, key):
    return sha256(f"{name}\n".encode() + key)[:4]


def check_anchor(anchor, checked):
    """Refused unless an anchor is of a ledger that we know, and says that it holds this checkpoint."""
    need(type(anchor) is dict, "an anchor is not an object")
    ledger = anchor.get("ledger")
    need(type(ledger) is str and ledger in FIELDS, "the ledger of an anchor is none of xrpl, stellar, evm")
    need(anchor.keys() == {"ledger", *FIELDS[ledger]}, f"the anchor on {ledger} does not have exactly its fields")
    for name, form in FIELDS[ledger].items():
        held = is_count(anchor[name]) if form is None else matches(form, anchor[name])
        need(held, f"{name} of the anchor on {ledger} is not of its form")
    if ledger == "xrpl":
        holds = anchor["memo"].lower() == checked.payload.hex()
    elif ledger == "stellar":
        value = base64.b64encode(checked.payload).decode()
        holds = (anchor["data_name"], anchor["value"]) == (DATA_NAME, value)
    else:
        said = (anchor["origin_hash"], anchor["size"], anchor["root"])
        holds = said == (checked.origin_hash.hex(), checked.size, checked.root.hex())
    need(holds, f"the anchor on {ledger} does not hold the root of the checkpoint")


# PART 2: READING THE FILE

FORMAT = "fntx-audit-proof/1"
MAX_BYTES = 1_000_000
MOST = 2**53 - 1  # the largest whole number that every reader of JSON reads alike
DATA_NAME, MEMO_TYPE, MEMO_FORMAT = "fntx.audit", b"fntx/audit/v1".hex(), b"application/octet-stream".hex()
ORIGIN = r"fntx\.audit/[0-9a-f]{32}"
CHECKPOINT = (
    rf"({ORIGIN})\n(0|[1-9][0-9]{{0,15}})\n([A-Za-z0-9+/=]+)\n"
    r"time ([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)\n"
)
EVENT = "v seq time type actor subject ledger details prev_hash salt"
TEXT, HASH = r"[\x20-\x7e]{1,128}", "[0-9a-fA-F]{64}"
# of each ledger: name -> its form; None: a whole number from 0
FIELDS = {
    "xrpl": {
        "network_id": None,
        "account": "r[1-9A-HJ-NP-Za-km-z]{24,34}",
        "tx_hash": HASH,
        "ledger_index": None,
        "memo": "[0-9a-f]{96}|[0-9A-F]{96}",
    },
    "stellar": {
        "passphrase": TEXT,
        "account": "G[A-Z2-7]{55}",
        "tx_hash": HASH,
        "ledger_sequence": None,
        "data_name": TEXT,
        "value": TEXT,
    },
    "evm": {
        "chain_id": None,
        "contract": "0x[0-9a-fA-F]{40}",
        "tx_hash": f"0x{HASH}",
        "block": None,
        "origin_hash": "[0-9a-f]{64}",
        "size": None,
        "root": "[0-9a-f]{64}",
    },
}


class Refused(Exception):
    """Something in the file does not hold; the message says what."""


class Unreadable(Exception):
    """It is no file of the kind that was expected."""


def verify(content):
    """(holds, reason) of the bytes of a proof file, without a ledger."""
    try:
        check(read(content))
    except (Refused, Unreadable) as refusal:
        return False, str(refusal)
    return True, None


def read(content):
    """The document of a proof file. Unreadable: it is no JSON in UTF-8, or of another kind. Refused: it could be read
    in two ways."""
    need(len(content) <= MAX_BYTES, f"the proof file has more than {MAX_BYTES} bytes")
    document = read_json(content)
    said = document.get("format") if type(document) is dict else None
    if type(said) is str and not said.startswith("fntx-audit-proof/"):
        raise Unreadable("it is a file of another kind, not a proof of an audit log")
    return document


def read_json(content):
    """JSON that nobody understands in another way: each name once, whole numbers that all readers read alike."""
    try:
        document = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=Pairs,
            parse_int=whole,
            parse_float=NotWhole,
            parse_constant=NotWhole,
        )
    except (ValueError, RecursionError):
        raise Unreadable("it is not JSON in UTF-8") from None
    return checked_value(document)


class Pairs(list):
    """An object as it was read: its names may stand in it twice."""


class NotWhole(str):
    """A number that is not whole."""


class Beyond(str):
    """A number beyond what every reader of JSON reads alike."""


def whole(digits):
    return int(digits) if len(digits) < 18 and abs(int(digits)) <= MOST else Beyond(digits)


def checked_value(value, depth=0):
    """A value that was read, with dicts for Pairs; Refused for what could be read in two ways."""
    need(depth < 100, "it is nested deeper than 100")
    if type(value) is Pairs:
        for name, _ in value:
            need_text(name)
        need(len(dict(value)) == len(value), "a name stands twice in one object")
        return {name: checked_value(each, depth + 1) for name, each in value}
    if type(value) is list:
        return [checked_value(each, depth + 1) for each in value]
    need(type(value) is not NotWhole, "a number is not whole: write it as a text")
    need(type(value) is not Beyond, "a number is beyond 2^53-1: write it as a text")
    if type(value) is str:
        need_text(value)
    return value


def need_text(text):
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise Refused("a text holds half of a pair of surrogates") from None


def canonical(value):
    """A value's bytes by RFC 8785; numbers are whole, so Python writes them as JavaScript does."""
    if type(value) is dict:
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return b"{" + b",".join(canonical(name) + b":" + canonical(value[name]) for name in names) + b"}"
    if type(value) is list:
        return b"[" + b",".join(map(canonical, value)) + b"]"
    return json.dumps(value, ensure_ascii=False).encode("utf-8")


def read_event(event):
    """Refused unless it has exactly the fields of an event, each of its form."""
    is_whole = type(event) is dict and event.keys() == set(EVENT.split())
    names = ", ".join(sorted(EVENT.split()))
    need(is_whole, f"the event's field event: it does not have exactly the fields {names}")
    need(type(event["v"]) is int and event["v"] == 1, "the event's field v: it is not 1")
    need(is_count(event["seq"]), "the event's field seq: it is not a whole number from 0")
    at = event["time"]
    is_form = matches(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z", at)
    need(
        is_form and is_time(at, "%Y-%m-%dT%H:%M:%S.%fZ"),
        "the event's field time: it is not of the form 2026-11-29T01:02:03.000000Z",
    )
    forms = {
        "type": "[a-z][a-z0-9_]*",
        "actor": "(signer|operator|system):(?s:.+)",
        "prev_hash": "[0-9a-f]{64}",
        "salt": "[0-9a-f]{32}",
    }
    for name, form in forms.items():
        need(matches(form, event[name]), f"the event's field {name}: it is not of its form")
    subject, ledger = event["subject"], event["ledger"]
    is_form = type(subject) is dict and subject.keys() == {"kind", "id"} and all(map(is_word, subject.values()))
    need(is_form, "the event's field subject: it is not a kind and an id")
    is_form = ledger is None or (type(ledger) is dict and ledger.keys() == {"name", "network", "tx", "index"})
    if is_form and ledger is not None:
        is_form = is_word(ledger["name"]) and is_word(ledger["tx"]) and is_count(ledger["index"])
        is_form = is_form and (is_count(ledger["network"]) or is_word(ledger["network"]))
    need(is_form, "the event's field ledger: it is neither null nor a name, a network, a transaction and an index")
    need(type(event["details"]) is dict, "the event's field details: it is not an object")


def read_hashes(where, hashes):
    need(type(hashes) is list and all(map(is_hash, hashes)), f"{where}: a hash is not 64 hex digits")
    return [bytes.fromhex(each) for each in hashes]


def exact_base64(text, length, what):
    """So many bytes from base64 that has no other way to be written."""
    try:
        content = base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        raise Refused(f"{what} is not base64") from None
    is_exact = len(content) == length and base64.b64encode(content).decode() == text
    need(is_exact, f"{what} has not {length} bytes in base64")
    return content


def need(condition, otherwise):
    if not condition:
        raise Refused(otherwise)


def need_keys(what, content, names):
    is_exact = type(content) is dict and content.keys() == set(names.split())
    need(is_exact, f"{what} does not have exactly {', '.join(sorted(names.split()))}")


def matches(form, value):
    return type(value) is str and re.fullmatch(form, value) is not None


def is_hash(value):
    return matches("[0-9a-f]{64}", value)


def is_count(value):
    return type(value) is int and 0 <= value <= MOST


def is_word(value):
    return type(value) is str and value != ""


def is_time(text, form):
    try:
        datetime.strptime(text, form)
    except ValueError:
        return False
    return True


def sha256(data):
    return hashlib.sha256(data).digest()


# PART 3: THE LEDGERS

SECONDS = 30  # that a server has for the whole of one answer
MAX_ANSWER = 10_000_000
# SHA-256 of the code of each AuditAnchor that FNTX published: nobody can take an anchor back in it.
CODES = {
    "f14cbf571bcebbe04f1d76561dacce5e925faca57193a06823d17368135e5e93": 1,
}
# keccak256 of Anchored(address,bytes32,uint64,bytes32)
ANCHORED = "0x3d0c97912257c6ad70e8f6fc81ae518ad3e14734d308b512c2729cc637a4b0b1"
HEAD_OF = "0xcc92a9ed"  # the first bytes of keccak256 of headOf(address,bytes32)


class NoVerdict(Exception):
    """A server did not answer, or does not know what only it could say."""


class Declined(NoVerdict):
    """The server answered that it does not answer this question, or too much to be read; another one it may."""


def ask_ledger(anchor, checked, url):
    """What a server adds, as a note or None; Refused: the anchor does not hold, NoVerdict: the server cannot tell."""
    asked = {"xrpl": ask_xrpl, "stellar": ask_stellar, "evm": ask_evm}[anchor["ledger"]]
    try:
        return asked(anchor, checked, url)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError):
        raise NoVerdict("the server's answer is not of its form") from None


def ask_xrpl(anchor, checked, url):
    """The transaction is validated and succeeded, was sent by the account, and its one memo is the payload."""
    need_xrpl_network(anchor, url)
    index = anchor["ledger_index"]
    asked = {"transaction": anchor["tx_hash"].upper(), "binary": False, "min_ledger": index, "max_ledger": index}
    found = ask_rippled(url, "tx", asked)
    if found.get("error") == "txnNotFound":
        need(found.get("searched_all") is not True, f"ledger {index} does not hold the transaction")
        raise NoVerdict("the server does not have that ledger's transactions")
    if found.get("error"):
        raise NoVerdict(f"the server answers {shown(found['error'])}")
    sent = found.get("tx_json", found)
    need(found.get("validated") is True, "the transaction is not validated")
    result = found["meta"]["TransactionResult"]
    need(result == "tesSUCCESS", f"the transaction failed with {shown(result)}")
    need(found.get("hash", sent.get("hash")) == asked["transaction"], "the server shows another transaction")
    need(sent["Account"] == anchor["account"], f"the transaction was sent by {shown(sent['Account'])}")
    need(memo_of(sent) == checked.payload, "the transaction's memo is not that of the checkpoint")
    held = found.get("ledger_index", sent.get("ledger_index"))
    need(held == index, f"the transaction is in ledger {shown(held)}")


def need_xrpl_network(anchor, url):
    served = ask_rippled(url, "server_info", {})["info"].get("network_id", 0)
    if served != anchor["network_id"]:
        raise NoVerdict(f"the server is of another network: it serves {shown(served)}")


def memo_of(sent):
    """The payload in the one memo of a transaction, or None."""
    memos = sent.get("Memos", [])
    memo = memos[0]["Memo"] if len(memos) == 1 else {}
    if str(memo.get("MemoType")).lower() != MEMO_TYPE or str(memo.get("MemoFormat")).lower() != MEMO_FORMAT:
        return None
    data = str(memo.get("MemoData"))
    return bytes.fromhex(data) if matches("[0-9a-fA-F]{96}", data) else None


def ask_stellar(anchor, checked, url):
    """The transaction succeeded, its memo is the root, and an operation of the account wrote the payload."""
    need_stellar_network(anchor, url)
    found = ask_horizon(url, f"/transactions/{anchor['tx_hash'].lower()}")
    if found is None:
        state, held = ask_horizon(url, "/"), anchor["ledger_sequence"]
        is_there = state["history_elder_ledger"] <= held <= state["history_latest_ledger"]
        need(not is_there, f"ledger {held} does not hold the transaction")
        raise NoVerdict("the server does not have that ledger's transactions")
    need(found["successful"] is True, "the transaction failed")
    need(found["hash"] == anchor["tx_hash"].lower(), "the server shows another transaction")
    is_root = (found.get("memo_type"), found.get("memo")) == ("hash", base64.b64encode(checked.root).decode())
    need(is_root, "the transaction's memo is not the root of the checkpoint")
    need(found["ledger"] == anchor["ledger_sequence"], f"the transaction is in ledger {shown(found['ledger'])}")
    operations = ask_horizon(url, f"/transactions/{anchor['tx_hash'].lower()}/operations?limit=200")
    written = [each for each in records(operations) if is_data_of(each, anchor["account"])]
    need(written, f"no operation of {anchor['account']} wrote {DATA_NAME}")
    need(all(each["value"] == anchor["value"] for each in written), "the value written is not that of the checkpoint")


def need_stellar_network(anchor, url):
    served = (ask_horizon(url, "/") or {})["network_passphrase"]
    if served != anchor["passphrase"]:
        raise NoVerdict(f"the server is of another network: it serves {shown(served)}")


def is_data_of(operation, account):
    said = (operation["type"], operation.get("name"), operation["source_account"])
    return said == ("manage_data", DATA_NAME, account)


def records(page):
    found = page["_embedded"]["records"]
    if type(found) is not list:
        raise NoVerdict("the server's answer is not of its form")
    return found


def ask_evm(anchor, checked, url):
    """The transaction succeeded, the contract is AuditAnchor, and it told that a poster anchored this checkpoint."""
    receipt, poster = need_evm_chain(anchor, url), None
    if receipt is None:
        block = ask_node(url, "eth_getBlockByNumber", hex(anchor["block"]), False)
        if block is None:
            raise NoVerdict("the node does not know the transaction")
        is_there = anchor["tx_hash"].lower() in [each.lower() for each in block["transactions"]]
        need(is_there, f"block {anchor['block']} does not hold the transaction")
        raise NoVerdict("the node does not have the transaction's receipt")
    need(int(receipt["status"], 16) == 1, "the transaction failed")
    is_asked = receipt["transactionHash"].lower() == anchor["tx_hash"].lower()
    need(is_asked, "the node shows another transaction")
    for log in receipt["logs"]:
        if log["address"].lower() == anchor["contract"].lower() and is_anchor_of(log, checked):
            poster = "0x" + log["topics"][1][-40:].lower()
    if poster is None:
        raise Refused("the transaction did not anchor the checkpoint in the contract")
    mined = int(receipt["blockNumber"], 16)
    need(mined == anchor["block"], f"the transaction is in block {mined}")
    data = HEAD_OF + poster[2:].rjust(64, "0") + checked.origin_hash.hex()
    head = bytes.fromhex(ask_node(url, "eth_call", {"to": anchor["contract"], "data": data}, "latest")[2:])
    if len(head) != 64:
        raise NoVerdict("the node's answer is not of its form")
    size, root = int.from_bytes(head[:32], "big"), head[32:]
    is_behind = size > checked.size or (size == checked.size and root == checked.root)
    need(is_behind, "the contract does not hold the checkpoint, or a later one")
    depth = max(int(ask_node(url, "eth_blockNumber"), 16) - mined, 0)
    if depth < FINAL_AFTER and not is_finalized(url, mined):
        note = f"NOT FINAL: its block has {depth} blocks after it and is not finalized: the chain may still drop it"
        return f"posted by {poster}. {note}"
    return f"posted by {poster}"


FINAL_AFTER = 12  # blocks on top of an anchor's, where the chain calls none final


def need_evm_chain(anchor, url):
    """The receipt of an anchor's transaction, or None; the node is of its chain, and the contract is AuditAnchor."""
    served = int(ask_node(url, "eth_chainId"), 16)
    if served != anchor["chain_id"]:
        raise NoVerdict(f"the node is of another chain: it serves chain {served}")
    code = bytes.fromhex(ask_node(url, "eth_getCode", anchor["contract"], "latest")[2:])
    need(sha256(code).hex() in CODES, f"the contract {anchor['contract']} is not FNTX's AuditAnchor")
    return ask_node(url, "eth_getTransactionReceipt", anchor["tx_hash"])


def is_anchor_of(log, checked):
    """Whether an event says that somebody anchored this checkpoint."""
    topics = [each.lower() for each in log["topics"]]
    data = checked.size.to_bytes(32, "big").hex() + checked.root.hex()
    is_event = len(topics) == 3 and (topics[0], topics[2]) == (ANCHORED, "0x" + checked.origin_hash.hex())
    return is_event and log["data"].lower() == "0x" + data


def is_finalized(url, block_number):
    """Whether the chain calls that block final; a node that does not know the word says nothing."""
    try:
        return int(ask_node(url, "eth_getBlockByNumber", "finalized", False)["number"], 16) >= block_number
    except (NoVerdict, ValueError, TypeError, KeyError):
        return False


def ask_rippled(url, method, asked) -> Any:
    """The `result` of a rippled's answer, of errors too."""
    return fetched(url, {"method": method, "params": [{**asked, "api_version": 2}]})["result"]


def ask_horizon(url, path) -> Any:
    """What Horizon answers; None for 404."""
    return fetched(url.rstrip("/") + path, None)


def ask_node(url, method, *params) -> Any:
    """A node's answer to one JSON-RPC question: any JSON."""
    answer = fetched(url, {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    if "result" not in answer:
        raise Declined(f"the node does not answer {method}")
    return answer["result"]


def fetched(url, question) -> Any:
    """The object that a server answers, all of it within SECONDS; None for 404 of a path; NoVerdict without one."""
    ended = []

    def fetch():
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "fntx-verify"}
        body = None if question is None else json.dumps(question).encode()
        try:
            request = urllib.request.Request(url, body, headers)
            with urllib.request.build_opener(NoRedirect).open(request, timeout=SECONDS) as response:
                ended.append(response.read(MAX_ANSWER + 1))
        except Exception as error:  # raised again in the thread that waits
            ended.append(error)

    # A socket's timeout is for each read: a server that drips bytes, of its headers too, would hold us for ever.
    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    thread.join(SECONDS)
    result = ended[0] if ended else TimeoutError()
    if isinstance(result, urllib.error.HTTPError) and result.code == 404 and question is None:
        return None
    try:
        if isinstance(result, Exception):
            raise result
        answer = json.loads(result) if len(result) <= MAX_ANSWER else None
        if type(answer) is not dict:
            raise ValueError
        return answer
    except (OSError, ValueError, RecursionError, http.client.HTTPException) as error:
        kind = Declined if isinstance(error, (urllib.error.HTTPError, ValueError)) else NoVerdict
        raise kind(f"the server does not answer ({type(error).__name__})") from None


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Asks the server that was named, and no other."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        return None


def shown(text):
    """What somebody else wrote, fit for a terminal."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in str(text)[:80])


# PART 4: ALL ANCHORS OF AN ACCOUNT
#
# Whoever keeps a log could keep two of them and show each to others. Both would have to be anchored by one account: the
# sizes would not rise, or no consistency proof would lead from one root to the next. So a fork, and a log that was cut
# off, is seen by everybody who reads all anchors.

HISTORY_BYTES = 100_000_000
PAGES = 200  # that are asked of a server; of more anchors no verdict is given
FEWEST_BLOCKS = 500  # that one question about events reaches over: no node is known to allow fewer
MOST_QUESTIONS = 2000  # about the events of one anchor's log


def ask_history(anchor, checked, url):
    """The size and root of each anchor of this log by the account of `anchor`, in the ledger's order."""
    asked = {"xrpl": history_of_xrpl, "stellar": history_of_stellar, "evm": history_of_evm}[anchor["ledger"]]
    try:
        return asked(anchor, checked, url)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError):
        raise NoVerdict("the server's answer is not of its form") from None


def history_of_xrpl(anchor, checked, url):
    need_xrpl_network(anchor, url)
    heads, marker = [], None
    for _ in range(PAGES):
        asked = {"account": anchor["account"], "ledger_index_min": -1, "ledger_index_max": -1, "forward": True}
        page = ask_rippled(url, "account_tx", {**asked, "limit": 200, **({"marker": marker} if marker else {})})
        if page.get("error"):
            raise NoVerdict(f"the server answers {shown(page['error'])}")
        for each in page["transactions"]:
            sent = each.get("tx_json", each.get("tx"))
            is_done = each["validated"] is True and each["meta"]["TransactionResult"] == "tesSUCCESS"
            if is_done and sent["Account"] == anchor["account"]:
                add_head(heads, memo_of(sent), checked)
        marker = page.get("marker")
        if not marker:
            return heads
    raise NoVerdict("the account has too many transactions")


def history_of_stellar(anchor, checked, url):
    need_stellar_network(anchor, url)
    heads, cursor, asked = [], "", 0
    while asked < PAGES:
        query = "order=asc&limit=200" + (f"&cursor={cursor}" if cursor else "")
        page = ask_horizon(url, f"/accounts/{anchor['account']}/transactions?{query}")
        found, asked = records(page) if page is not None else [], asked + 1
        for each in found:
            if each["successful"] is not True or each.get("memo_type") != "hash" or not matches(HASH, each["hash"]):
                continue
            operations, asked = ask_horizon(url, f"/transactions/{each['hash']}/operations?limit=200"), asked + 1
            for operation in records(operations):
                if is_data_of(operation, anchor["account"]):
                    add_head(heads, base64.b64decode(operation["value"]), checked)
        if len(found) < 200:
            return heads
        cursor = found[-1]["paging_token"]
        if not matches("[0-9A-Za-z-]{1,60}", cursor):
            raise NoVerdict("the server's answer is not of its form")
    raise NoVerdict("the account has too many transactions")


def history_of_evm(anchor, checked, url):
    receipt = need_evm_chain(anchor, url)
    logs = [log for log in (receipt or {}).get("logs", ()) if is_anchor_of(log, checked)]
    if not logs:
        raise NoVerdict("the node does not know who posted the anchor")
    topics = [ANCHORED, logs[0]["topics"][1], "0x" + checked.origin_hash.hex()]
    heads = []
    for log in logs_of({"address": anchor["contract"], "topics": topics}, url):
        data = bytes.fromhex(log["data"][2:])
        heads.append((int.from_bytes(data[:32], "big"), data[32:64]))
    return heads


def logs_of(wanted, url):
    """The events that are wanted, in their order. Nodes bound how many blocks one question may reach over: where one
    declines, fewer are asked for at a time."""
    last, first, found = int(ask_node(url, "eth_blockNumber"), 16), 0, []
    at_once = last + 1
    for _ in range(MOST_QUESTIONS):
        if first > last:
            return found
        end = min(last, first + at_once - 1)
        try:
            found += ask_node(url, "eth_getLogs", {**wanted, "fromBlock": hex(first), "toBlock": hex(end)})
        except Declined:
            if at_once <= FEWEST_BLOCKS:
                raise
            at_once = max(at_once // 2, FEWEST_BLOCKS)
        else:
            first = end + 1
    raise NoVerdict("the node shows the events of too few blocks at a time")


def add_head(heads, payload, checked):
    """Add an anchor, if it is one of this log."""
    if payload is not None and len(payload) == 48 and payload[40:] == checked.origin_hash[:8]:
        heads.append((int.from_bytes(payload[32:40], "big"), payload[:32]))


def check_history(heads, proofs, checked):
    """What was not checked of an account's anchors, in words or None; Refused where two of them contradict each other.
    `proofs`: head -> head -> consistency proof, a head being a size and a root."""
    if (checked.size, checked.root) not in heads:
        raise NoVerdict("the server's list does not have this anchor")
    lacking = []
    for (size, root), (next_size, next_root) in zip(heads, heads[1:]):
        if (size, root) == (next_size, next_root):
            continue
        need(
            next_size > size,
            f"behind an anchor of {size} events is another one of {next_size}: the log was forked or cut",
        )
        path = proofs.get((size, root), {}).get((next_size, next_root))
        holds = path is None or goes_on_from(size, root, next_size, next_root, path)
        need(holds, f"the log of {next_size} events does not go on from that of {size}: it was forked")
        if path is None and not leads_on((size, root), (next_size, next_root), proofs):
            lacking.append(f"{size} to {next_size}")
    return f"no consistency proof from {', '.join(lacking[:5])}{' …' if lacking[5:] else ''}" if lacking else None


def leads_on(head, end, proofs):
    """Whether proofs lead from one anchor to the next over checkpoints that no ledger holds."""
    while head != end:
        steps = [
            following
            for following, path in proofs.get(head, {}).items()
            if head[0] < following[0] <= end[0] and goes_on_from(*head, *following, path)
        ]
        if not steps:
            return False
        head = max(steps)
    return True


def read_proofs(content):
    """Head -> head -> consistency proof, of a file of `fntx audit export --checkpoints`, which has a checkpoint in each
    line; or of cases as `fntx audit check` takes them."""
    lines = [line for line in content.splitlines() if line.strip()]
    if lines and b'"checkpoint"' in lines[0]:
        return read_checkpoints([read_json(line) for line in lines])
    document = read_json(content)
    cases = document.get("cases") if type(document) is dict else None
    if type(cases) is not list:
        raise Unreadable("it holds no consistency proofs")
    proofs = {}
    for case in cases:
        if type(case) is not dict or case.get("kind") != "consistency":
            continue
        if not (is_count(case.get("size1")) and is_count(case.get("size2"))):
            raise Unreadable("a consistency proof has no sizes")
        root, next_root = read_hashes("a consistency proof", [case.get("root1"), case.get("root2")])
        path = read_hashes("a consistency proof", case.get("proof"))
        proofs.setdefault((case["size1"], root), {})[case["size2"], next_root] = path
    return proofs


def read_checkpoints(lines):
    proofs = {}
    for line in lines:
        if type(line) is not dict or type(line.get("checkpoint")) is not str or type(line.get("log_key")) is not str:
            raise Unreadable("a line is no checkpoint")
        _, size, root, _ = read_checkpoint(line["checkpoint"], *read_key(line["log_key"]))
        older = line.get("consistency")
        if older is not None:
            need_keys("consistency", older, "size root hashes")
            [older_root] = read_hashes("consistency", [older["root"]])
            need(is_count(older["size"]), "a consistency proof has no sizes")
            path = read_hashes("consistency", older["hashes"])
            proofs.setdefault((older["size"], older_root), {})[size, root] = path
    return proofs


# PART 5: THE COMMAND

OPTIONS = {"xrpl": "xrpl", "stellar": "horizon", "evm": "rpc"}
KEY_UNCHECKED = "whether log_key is the key that the log's owner publishes: compare it, or give that with --log-key"
SERVER_TRUSTED = "whether a server that was asked tells the truth: checking against one server trusts that server"


def main():
    parser = argparse.ArgumentParser(description="Check a proof of an FNTX audit log.")
    parser.add_argument("file", help="the proof, a JSON file")
    parser.add_argument("--xrpl", metavar="URL", help="a rippled of the XRP Ledger network (JSON-RPC)")
    parser.add_argument("--horizon", metavar="URL", help="a Horizon of the Stellar network")
    parser.add_argument("--rpc", metavar="URL", help="a node of the EVM chain")
    parser.add_argument("--log-key", metavar="KEY", help="the key that the log's owner publishes, to compare")
    parser.add_argument(
        "--history",
        metavar="FILE",
        action="append",
        help="read all anchors of the account too; the file has consistency proofs; again for more",
    )
    given = parser.parse_args()
    for option in OPTIONS.values():
        url = getattr(given, option)
        if url is not None and not re.match("(?i)https?://", url):
            parser.error(f"--{option}: give a URL that begins with http:// or https://")
    proofs = {}
    for name in given.history or ():
        try:
            for head, following in read_proofs(content_of(name, parser, HISTORY_BYTES)).items():
                proofs.setdefault(head, {}).update(following)
        except (Refused, Unreadable) as refusal:
            parser.error(f"--history: {name}: {refusal}")
    content = content_of(given.file, parser)
    try:
        checked = check(read(content))
        need(given.log_key in (None, checked.key), "log_key is not the key that you gave")
    except Unreadable as refusal:
        parser.error(f"{given.file}: {refusal}")
    except Refused as refusal:
        print(f"- {refusal}")
        print("DOES NOT HOLD")
        return 1
    event = checked.event
    print(f"Event {event['seq']}, {event['type']}, {event['time']}, {shown(event['actor'])}")
    print(f"in the log {checked.origin}, under its root of {checked.size} events at {checked.at}")
    print(f"log_key {checked.key}")
    return conclude(checked, given, proofs)


def content_of(name, parser, most=MAX_BYTES):
    try:
        with open(name, "rb") as file:
            return file.read(most + 1)
    except OSError as error:
        parser.error(f"cannot read {name}: {error.strerror}")


def conclude(checked, given, proofs):
    """Ask the ledgers, print what they say and the verdict; the exit code."""
    away, does_hold, is_asked = [], True, False
    for anchor in checked.anchors:
        url, where = getattr(given, OPTIONS[anchor["ledger"]]), f"{anchor['ledger']}, {anchor['tx_hash']}"
        is_asked = is_asked or url is not None
        try:
            if url is None:
                raise NoVerdict(f"give --{OPTIONS[anchor['ledger']]}")
            note = ask_ledger(anchor, checked, url)
            lacking = None
            if given.history is not None:
                lacking = check_history(ask_history(anchor, checked, url), proofs, checked)
            print(f"- {where}: HOLDS{f' ({note})' if note else ''}")
            if lacking is not None:
                print(f"NOT CHECKED: of the other anchors of that account, {lacking}")
                away.append(anchor["ledger"])
        except NoVerdict as why:
            print(f"- {where}: NOT CHECKED: {why}")
            away.append(anchor["ledger"])
        except Refused as why:
            print(f"- {where}: DOES NOT HOLD: {why}")
            does_hold = False
    if given.log_key is None:
        print(f"NOT CHECKED: {KEY_UNCHECKED}")
    if is_asked:
        print(f"NOT CHECKED: {SERVER_TRUSTED}")
    if not checked.anchors:
        print("NOT CHECKED: whether a ledger holds the root: the proof names none")
    if not does_hold:
        print("DOES NOT HOLD")
        return 1
    if away:
        print(f"NOT CHECKED ON A LEDGER: {', '.join(dict.fromkeys(away))}. Otherwise it holds")
        return 75
    print("HOLDS" if checked.anchors else "HOLDS, as far as checked")
    return 0


# PART 6: ED25519 (RFC 8032, section 6, which has this arithmetic)

P, Q = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def is_signed(key, message, signature):
    """Whether that key (32 bytes) made this signature (64 bytes) of a message."""
    public, scalar = point_of(key), int.from_bytes(signature[32:], "little")
    if public is None or scalar >= Q:
        return False
    hashed = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % Q
    x, y, z, t = public
    return bytes_of(added(multiple(scalar, BASE), multiple(hashed, (-x % P, y, z, -t % P)))) == signature[:32]


def point_of(key):
    """The point of 32 bytes, as x, y, z, t = xy/z; None where there is none."""
    y = int.from_bytes(key, "little")
    is_odd, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and is_odd):
        return None
    x = P - x if x & 1 != is_odd else x
    return x, y, 1, x * y % P


def bytes_of(point):
    x, y, z, _ = point
    inverse = pow(z, P - 2, P)
    x, y = x * inverse % P, y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def added(one, other):
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c, d = 2 * one[3] * other[3] * D % P, 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiple(scalar, point):
    total = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = added(total, point)
        point, scalar = added(point, point), scalar >> 1
    return total


BASE = point_of(bytes([0x58]) + bytes([0x66]) * 31)

if __name__ == "__main__":
    sys.exit(main())
