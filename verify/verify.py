#!/usr/bin/env python3
# ruff: noqa: T201, UP017 - it prints, and runs on Python 3.9 too
"""Checks an FNTX disclosure: does each metric in it belong to the record that a trader posted on a chain?

    python verify.py disclosure.json                      the file agrees with itself
    python verify.py disclosure.json --root 0x...         ... and with a root that you read on the chain yourself
    python verify.py disclosure.json --rpc https://...    ... and with the contract, asked through a node

Needs Python 3.9 or newer and nothing else; trusts no file or server of FNTX. Ends with 0 if the disclosure holds, 1 if
not, 2 for wrong usage, 75 if the node does not answer. README.md beside this file says what it proves and what not.

How a record is made: a metric's value is a whole number (its decimals are in the catalogue; null is the smallest
int256). Its leaf is keccak256(keccak256(schemaHash, chainId, contract, trader, date, index, value, salt)), each of 32
bytes. Leaves stand in 64 slots, the metric's index is its slot, and pairs are hashed as keccak256(0x01, left, right),
six times, up to one root. The trader posts the root. A disclosure shows value, salt and the six siblings on the way up.
"""

import argparse
import functools
import http.client
import json
import re
import sys
import urllib.request
from datetime import date, datetime, timezone

FORMAT = "fntx.disclosure/1"
MAX_BYTES = 1_000_000
NULL = -(2**255)

# keccak256 of each catalogue that FNTX published: the versions of what the slots mean (docs/catalogue.md).
SCHEMAS = {
    "0x1cda7eed0388f7daf57281ce7d7d595d743d9bbece5e7a65c768188e478f5b4d": 1,
    "0x0e007ac5d71a4a608134bc65c676b26540f161fc09d1d4c9f212cea6be71d3fe": 2,
}
# keccak256 of TrackRecord's code, with the address of the FNTX token in it replaced by zeros.
CODE = "0x003648da93b10afa11f2e7d843171ad329fb7cb06dd648236ea5383cd3bdeda0"

KEYS = "catalogue, chain_id, checksum, contract, date, format, metrics, root, trader, transaction, version"
METRIC_KEYS = "decimals, index, name, path, salt, scaled, unit, value"


class Refused(Exception):
    """Something in the file is not as FNTX writes it; the message names the field."""


class NodeAway(Exception):
    """The node did not answer, or not as a node does."""


def verify(text, root=None):
    """(holds, problems) of a disclosure's text (str or bytes), without a chain; `root`: 0x..., known from elsewhere."""
    try:
        problems = check(read(text), root)
    except Refused as refusal:
        problems = [str(refusal)]
    return not problems, problems


def read(text):
    """The disclosure as a dict, if every field of it has the right form; else Refused."""
    need(len(text) <= MAX_BYTES, f"the disclosure has more than {MAX_BYTES} bytes")
    need(text.isascii(), "the disclosure is not plain ASCII text")
    text = text if isinstance(text, str) else text.decode("ascii")
    # Texts (kept) and the space between tokens (dropped). Outside of texts there are no more than 130 brackets.
    text_or_space = r'("[^"\\]*(?:\\.[^"\\]*)*")|[ \t\r\n]+'
    need(len(re.findall(r"[\[{]", re.sub(text_or_space, "", text))) <= 130, "the disclosure is not JSON")
    try:
        content = json.loads(text)
        again = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    except (ValueError, RecursionError):
        raise Refused("the disclosure is not JSON") from None
    # Readers of JSON differ (which of two equal keys counts?), so there is one way to write it. Only space is free.
    compact = re.sub(text_or_space, lambda found: found[1] or "", text)
    need(
        compact == again,
        "the disclosure is not JSON as FNTX writes it: a key twice, or a number or text in another notation",
    )

    need_keys("the disclosure", content, KEYS)
    need(content["format"] == FORMAT, f"format is not {FORMAT}")
    chain_id = content["chain_id"]
    need(is_number(chain_id) and 0 < int(chain_id) < 2**256, "chain_id is no chain's number")
    for field in ("contract", "trader"):
        need(matches("0x[0-9a-fA-F]{40}", content[field]), f"{field} is not an address")
    need(is_day(content["date"]), "date is not a day from 1970-01-01 to 9999-12-31")
    version = content["version"]
    need(type(version) is int and 1 <= version < 2**32, "version is not a number from 1 to 4294967295")
    need(is_hash(content["root"]), "root is not a hash")
    need(content["transaction"] is None or is_hash(content["transaction"]), "transaction is neither a hash nor null")
    catalogue = content["catalogue"]
    need(type(catalogue) is str and schema_hash(content) in SCHEMAS, "catalogue is not one that FNTX published")
    slots = {slot["index"]: slot for slot in json.loads(catalogue)["metrics"]}
    metrics = content["metrics"]
    need(type(metrics) is list and 1 <= len(metrics) <= 64, "metrics is not a list of 1 to 64 metrics")
    seen = set()
    for place, metric in enumerate(metrics):
        read_metric(f"metrics[{place}]", metric, slots)
        need(metric["index"] not in seen, f"metrics[{place}].index is there twice")
        seen.add(metric["index"])
    # The checksum finds a change on the way. It is no proof of origin: whoever changes the file can compute it anew.
    rest = {key: content[key] for key in content if key != "checksum"}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    need(is_hash(content["checksum"]), "checksum is not a hash")
    need(content["checksum"] == hex_of(keccak256(canonical.encode())), "checksum is another one: the file was changed")
    return content


def read_metric(where, metric, slots):
    """Refused unless a metric has the right form, is the catalogue's, and its text says what was signed."""
    need_keys(where, metric, METRIC_KEYS)
    index, scaled = metric["index"], metric["scaled"]
    need(type(index) is int and index in slots, f"{where}.index is not a slot of the catalogue")
    for field in ("name", "unit", "decimals"):
        expected = slots[index][field]
        need(
            type(metric[field]) is type(expected) and metric[field] == expected,
            f"{where}.{field} is not the catalogue's",
        )
    fits = scaled is None or (is_number(scaled) and NULL < int(scaled) < -NULL)
    need(fits, f"{where}.scaled is neither null nor a whole number that int256 holds")
    value = None if scaled is None else text_of(int(scaled), metric["unit"], metric["decimals"])
    need(value != "", f"{where}.scaled stands for no letters")
    need(type(metric["value"]) is type(value) and metric["value"] == value, f"{where}.value is not what scaled says")
    need(is_hash(metric["salt"]), f"{where}.salt is not a hash")
    path = metric["path"]
    need(type(path) is list and len(path) == 6 and all(map(is_hash, path)), f"{where}.path is not 6 hashes")


def check(disclosure, root=None):
    """The problems of a disclosure that was read: metrics that do not lead to its root, and another root than yours."""
    problems = []
    if root is not None and root.lower() != disclosure["root"]:
        problems.append("root is not the one that was given")
    for metric in disclosure["metrics"]:
        if not leads_to_root(disclosure, metric):
            problems.append(f"{metric['name']} (slot {metric['index']}) does not lead to the root")
    return problems


def leads_to_root(disclosure, metric):
    """The proof itself: from value and salt to the leaf, from the leaf up to the root."""
    scaled = NULL if metric["scaled"] is None else int(metric["scaled"])
    leaf = keccak256(keccak256(
        bytes_of(schema_hash(disclosure))
        + word(int(disclosure["chain_id"]))
        + word(disclosure["contract"])
        + word(disclosure["trader"])
        + word(yyyymmdd(disclosure))
        + word(metric["index"])
        + word(scaled)
        + bytes_of(metric["salt"])
    ))  # fmt: skip
    node = leaf
    for level, sibling in enumerate(map(bytes_of, metric["path"])):
        is_right = metric["index"] >> level & 1  # the index's bits say on which side the node stands
        node = keccak256(b"\x01" + (sibling + node if is_right else node + sibling))
    return hex_of(node) == disclosure["root"]


def check_on_chain(disclosure, url):
    """(problems, notes) of what a node says about the record; NodeAway if it says nothing."""
    chain_id, contract, version = int(disclosure["chain_id"]), disclosure["contract"], disclosure["version"]
    served = int(ask(url, "eth_chainId"), 16)
    if served != chain_id:
        return [f"the node serves chain {served}, the disclosure is of chain {chain_id}"], []

    # 1. The contract is the one whose rules are known: nobody can change or delete a record in it. Deployments
    # differ by the token's address alone, which stands in the code behind the instruction PUSH32 (0x7f).
    code = bytes_of(ask(url, "eth_getCode", contract, "latest"))
    token = call(url, contract, "fntx()")[:32] if code else b""
    if hex_of(keccak256(code.replace(b"\x7f" + token, b"\x7f" + bytes(len(token))))) != CODE:
        return [f"the contract {contract} is not FNTX's TrackRecord"], []

    # 2. It holds this root and this catalogue for this trader, day and version, and itself finds each metric in it.
    day = word(disclosure["trader"]) + word(yyyymmdd(disclosure))
    stored = call(url, contract, "versionOf(address,uint32,uint32)", day + word(version))
    posted_at, stored_version = number(stored, 2), number(stored, 3)
    if stored_version != version:
        return [f"the contract has no version {version} of this trader's record of {disclosure['date']}"], []
    problems = []
    if hex_of(stored[:32]) != disclosure["root"]:
        problems.append("the contract has another root")
    if hex_of(stored[32:64]) != schema_hash(disclosure):
        problems.append("the contract has another catalogue's hash")
    for metric in disclosure["metrics"]:
        scaled = NULL if metric["scaled"] is None else int(metric["scaled"])
        proof = (
            word(version)
            + word(metric["index"])
            + word(scaled)
            + b"".join(map(bytes_of, [metric["salt"], *metric["path"]]))
        )
        function = "verifyMetric(address,uint32,uint32,uint256,int256,bytes32,bytes32[6])"
        if number(call(url, contract, function, day + proof), 0) != 1:
            problems.append(f"the contract does not find {metric['name']} (slot {metric['index']}) in the record")

    # 3. The transaction that the discloser names has posted it.
    if disclosure["transaction"]:
        receipt = ask(url, "eth_getTransactionReceipt", disclosure["transaction"])
        if not any(is_posting(log, disclosure) for log in (receipt or {}).get("logs", [])):
            problems.append(f"the transaction {disclosure['transaction']} did not post this record")

    notes = [f"posted at {datetime.fromtimestamp(posted_at, timezone.utc):%Y-%m-%d %H:%M:%S} UTC, by the chain's clock"]
    latest = number(call(url, contract, "recordOf(address,uint32)", day), 3)
    if latest > version:
        notes.append(f"superseded by version {latest}")
    return problems, notes


def is_posting(log, disclosure):
    """Whether a transaction's log says that the contract stored this very record."""
    event = keccak256(b"DailyRecordPosted(address,uint32,bytes32,bytes32,uint32)")
    topics = [hex_of(event), hex_of(word(disclosure["trader"])), hex_of(word(yyyymmdd(disclosure)))]
    data = schema_hash(disclosure) + disclosure["root"][2:] + word(disclosure["version"]).hex()
    return log["address"].lower() == disclosure["contract"].lower() and log["topics"] == topics and log["data"] == data


def call(url, contract, function, arguments=b""):
    """What a function of the contract answers, as bytes."""
    data = hex_of(keccak256(function.encode())[:4] + arguments)
    return bytes_of(ask(url, "eth_call", {"to": contract, "data": data}, "latest"))


def ask(url, method, *params):
    """A node's answer to one JSON-RPC question."""
    question = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "fntx-verify"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, question, headers), timeout=30) as response:
            answer = json.loads(response.read(10_000_000))
        if "revert" in str(answer.get("error", "")):
            return "0x"  # a contract that does not know the function
        return answer["result"]
    except (OSError, ValueError, KeyError, AttributeError, RecursionError, http.client.HTTPException) as error:
        raise NodeAway(f"the node does not answer {method} ({type(error).__name__})") from None


def main():
    parser = argparse.ArgumentParser(description="Check an FNTX disclosure.")
    parser.add_argument("file", help="the disclosure, a JSON file")
    parser.add_argument(
        "--rpc", type=http_url, metavar="URL", help="a node of the disclosure's chain, to ask the contract"
    )
    parser.add_argument(
        "--root", type=root_hash, metavar="0x...", help="the record's root, if you know it from the chain"
    )
    given = parser.parse_args()
    try:
        with open(given.file, "rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        parser.error(f"cannot read {given.file}: {error.strerror}")
    try:
        disclosure = read(text)
    except Refused as refusal:
        print(f"DOES NOT HOLD: {refusal}")
        return 1

    print("Record of {date}, version {version}, of trader {trader}".format(**disclosure))
    print("in contract {contract} on chain {chain_id}".format(**disclosure))
    for metric in disclosure["metrics"]:
        verdict = "leads to the root" if leads_to_root(disclosure, metric) else "DOES NOT LEAD TO THE ROOT"
        value = "null (not defined)" if metric["value"] is None else f"{metric['value']} {metric['unit']}"
        print(f"  {metric['name']}: {value}: {verdict}")
    problems, notes = check(disclosure, given.root), []
    if given.rpc:
        try:
            found, notes = check_on_chain(disclosure, given.rpc)
        except (NodeAway, ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError) as error:
            away = error if isinstance(error, NodeAway) else "the node's answer is not a node's"
            print(f"NOT CHECKED ON THE CHAIN: {away}. Try again, or name another node")
            return 75
        problems += found
    for line in problems + notes:
        print(f"- {line}")
    for line in not_checked(given.rpc, given.root):
        print(f"NOT CHECKED: {line}")
    superseded = "".join(f", but is {note}" for note in notes if note.startswith("superseded"))
    print("DOES NOT HOLD" if problems else f"HOLDS{superseded}" if given.rpc else "HOLDS, as far as checked")
    return 1 if problems else 0


def not_checked(rpc, root):
    if not rpc and not root:
        yield "whether this root is on the chain (give --rpc or --root): the file agrees with itself, and no more"
    if not rpc:
        yield "the contract, when the record was posted, and whether a later version corrects it (give --rpc)"
    yield "whether the trader's and the contract's address are the ones you expect: compare them with what you know"


# Small things: forms, encodings, the hash.


def http_url(text):
    if not re.match("https?://", text):
        raise argparse.ArgumentTypeError("give a URL that begins with http:// or https://")
    return text


def root_hash(text):
    if not is_hash(text.lower()):
        raise argparse.ArgumentTypeError("give 0x and 64 hex digits")
    return text


def need(condition, otherwise):
    if not condition:
        raise Refused(otherwise)


def need_keys(where, content, keys):
    need(type(content) is dict and ", ".join(sorted(content)) == keys, f"{where} does not have exactly the keys {keys}")


def matches(pattern, value):
    return type(value) is str and re.fullmatch(pattern, value) is not None


def is_hash(value):
    return matches("0x[0-9a-f]{64}", value)


def is_number(value):
    return matches("0|-?[1-9][0-9]{0,77}", value)


def is_day(value):
    try:
        return matches("[0-9]{4}-[0-9]{2}-[0-9]{2}", value) and date.fromisoformat(value).year >= 1970
    except ValueError:
        return False


def yyyymmdd(disclosure):
    return int(disclosure["date"].replace("-", ""))


def schema_hash(disclosure):
    """keccak256 of the catalogue: what its slots mean is part of every leaf."""
    return hex_of(keccak256(disclosure["catalogue"].encode("ascii")))


def text_of(scaled, unit, decimals):
    """A signed number as people read it; "" where it stands for no letters."""
    if unit == "sha256":
        return word(scaled).hex()
    if unit == "ascii_letters":
        letters = word(scaled).lstrip(b"\0")
        return letters.decode("ascii") if all(0x20 <= letter <= 0x7E for letter in letters) else ""
    digits = str(abs(scaled)).rjust(decimals + 1, "0")
    point = len(digits) - decimals
    return ("-" if scaled < 0 else "") + digits[:point] + ("." + digits[point:] if decimals else "")


def word(value):
    """32 bytes: a number in two's complement, or an address."""
    if isinstance(value, str):
        return bytes(12) + bytes_of(value)
    return (value % 2**256).to_bytes(32, "big")


def number(words, place):
    return int.from_bytes(words[32 * place : 32 * place + 32], "big")


def bytes_of(text):
    return bytes.fromhex(text[2:])


def hex_of(content):
    return "0x" + content.hex()


@functools.lru_cache(maxsize=16)  # the catalogue's is asked for again and again
def keccak256(data):
    """Keccak-256 as Ethereum uses it (hashlib's sha3_256 pads otherwise)."""
    padded = bytearray(data) + bytes(136 - len(data) % 136)
    padded[len(data)] ^= 0x01
    padded[-1] ^= 0x80
    state = [0] * 25
    for start in range(0, len(padded), 136):
        for lane in range(17):
            state[lane] ^= int.from_bytes(padded[start + 8 * lane : start + 8 * lane + 8], "little")
        state = keccak_f(state)
    return b"".join(lane.to_bytes(8, "little") for lane in state[:4])


def keccak_f(a):
    """The permutation: 24 rounds over 25 lanes of 64 bits, lane x + 5y."""
    for constant in ROUNDS:
        c = [a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20] for x in range(5)]
        d = [c[x - 1] ^ rotated(c[(x + 1) % 5], 1) for x in range(5)]
        b = [rotated(a[source] ^ d[source % 5], turns) for source, turns in MOVES]
        a = [b[i] ^ (~b[i - i % 5 + (i + 1) % 5] & b[i - i % 5 + (i + 2) % 5]) for i in range(25)]
        a[0] ^= constant
    return a


def rotated(lane, turns):
    return (lane << turns | lane >> (64 - turns)) & (2**64 - 1)


def round_constants():
    register, constants = 1, []
    for _ in range(24):
        constant = 0
        for power in range(7):
            constant |= (register & 1) << (2**power - 1)
            register = register << 1 ^ (0x171 if register & 0x80 else 0)
        constants.append(constant)
    return constants


def lane_moves():
    """For each lane of the result: which lane goes there, and turned by how many bits."""
    moves = [(0, 0)] * 25
    x, y, turns = 1, 0, 0
    for step in range(24):
        turns += step + 1
        moves[y + 5 * ((2 * x + 3 * y) % 5)] = (x + 5 * y, turns % 64)
        x, y = y, (2 * x + 3 * y) % 5
    return moves


ROUNDS, MOVES = round_constants(), lane_moves()


if __name__ == "__main__":
    sys.exit(main())
