#!/usr/bin/env python3
# ruff: noqa: T201, UP017 - it prints, and runs on Python 3.9 too
"""Checks an FNTX disclosure: does each metric in it belong to the record that a trader posted on a chain?

    python verify.py disclosure.json                      the file agrees with itself
    python verify.py disclosure.json --root 0x...         ... and with a root that you read on the chain yourself
    python verify.py disclosure.json --rpc https://...    ... and with the contract, asked through a node

Needs Python 3.9 or newer and nothing else; trusts no file or server of FNTX. Ends with 0 if the disclosure holds, 1 if
not, 2 for wrong usage, 75 if the chain could not be asked. README.md beside this file says what it proves and what not.

How to read it: PART 1, some 140 lines, is the proof: its first 20 lines for one metric, the rest for the record on the
chain. PART 2 refuses files that are not exactly as FNTX writes them, so that no two readers understand one file
differently. PART 3 is the command and how a node is asked. PART 4 says whether a record was posted late. PART 5 is
forms, encodings and Keccak-256; its last 60 lines can be skipped if you compare `keccak256` with another one.

How a record is made: a metric's value is a whole number (its decimals are in the catalogue; null is the smallest
int256). Its leaf is keccak256(keccak256(schemaHash, chainId, contract, trader, date, index, value, salt)), each of 32
bytes. Leaves stand in 64 slots, the metric's index is its slot, and pairs are hashed as keccak256(0x01, left, right),
six times, up to one root. The trader posts the root. A disclosure shows value, salt and the six siblings on the way up.
Slot 63 is the root of a second tree of the day, the extension: made alike, under a catalogue of its own.
"""

import argparse
import functools
import http.client
import json
import re
import sys
import threading
import urllib.request
from datetime import date, datetime, timezone
from typing import Any

# keccak256 of each catalogue that FNTX published: the versions of what the slots mean (docs/catalogue.md).
SCHEMAS = {
    "0x1cda7eed0388f7daf57281ce7d7d595d743d9bbece5e7a65c768188e478f5b4d": 1,
    "0x0e007ac5d71a4a608134bc65c676b26540f161fc09d1d4c9f212cea6be71d3fe": 2,
    "0x5512ddf6470936d5035d7c7224d7244e2cdd4b3874346e073c956cfe27b33908": 3,
    "0x908f3e578665de7d609ee81bd2ce8e117e74df733b1fe2fe6ec788e1ba426d74": 4,
}
# The same of the catalogues of extensions.
EXTENSION_SCHEMAS = {
    "0xecd78649125695a450353a769ee5ce0595bd8da10b4b942d544d0f5bf1e8a291": 1,
}
# keccak256 of each TrackRecord that FNTX published, with the address of the FNTX token in its code replaced by zeros.
CODES = {
    "0x003648da93b10afa11f2e7d843171ad329fb7cb06dd648236ea5383cd3bdeda0": 2,
}
NULL = -(2**255)
FINAL_AFTER = 12  # blocks on top of a record's, where the chain calls none final

# What only a chain can say.
STEPS = {
    "code": "whether the contract's rules are FNTX's",
    "record": "whether this root is on the chain, and the contract itself finds each metric in it",
    "posting": "who posted it, when, and whether that was late",
    "latest": "whether a later version corrects it",
}


# PART 1: THE PROOF


def leads_to_root(disclosure, metric, tree):
    """From value and salt to the leaf, from the leaf up to the root of `tree`: the disclosure, or its extension."""
    leaf = keccak256(keccak256(
        bytes_of(schema_hash(tree))
        + word(int(disclosure["chain_id"]))
        + word(disclosure["contract"])
        + word(disclosure["trader"])
        + word(yyyymmdd(disclosure))
        + word(metric["index"])
        + word(scaled_of(metric))
        + bytes_of(metric["salt"])
    ))  # fmt: skip
    node = leaf
    for level, sibling in enumerate(map(bytes_of, metric["path"])):
        is_right = metric["index"] >> level & 1  # the index's bits say on which side the node stands
        node = keccak256(b"\x01" + (sibling + node if is_right else node + sibling))
    return hex_of(node) == tree["root"]


def slot_63(extension):
    """The record's metric whose value is the extension's root."""
    shown = {"index": 63, "name": "the extension's root", "scaled": str(number_of(extension["root"]))}
    return {**shown, "salt": extension["salt"], "path": extension["path"]}


def check(disclosure, root=None):
    """The problems of a disclosure that was read: metrics that do not lead to its root, and another root than yours."""
    problems, extension = [], disclosure.get("extension")
    if root is not None and root.lower() != disclosure["root"]:
        problems.append("root is not the one that was given")
    for metric in disclosure["metrics"]:
        if not leads_to_root(disclosure, metric, disclosure):
            problems.append(f"{metric['name']} (slot {metric['index']}) does not lead to the root")
    for metric in extension["metrics"] if extension else []:
        if not leads_to_root(disclosure, metric, extension):
            name = f"{metric['name']} (slot {metric['index']} of the extension)"
            problems.append(f"{name} does not lead to the extension's root")
    if extension and not leads_to_root(disclosure, slot_63(extension), disclosure):
        problems.append("the extension's root (slot 63) does not lead to the root")
    return problems


class ChainCheck:
    """What a chain answered: `unchecked` has each of STEPS that was not made, and why; `latest` is a later version."""

    def __init__(self, why):
        self.problems, self.notes, self.unchecked = [], [], dict.fromkeys(STEPS, why)
        self.latest: int | None = None


def check_on_chain(disclosure, url):
    """What a node says about the record, as a ChainCheck; NoVerdict if it says nothing, or is of another chain."""
    chain_id, contract, version = int(disclosure["chain_id"]), disclosure["contract"], disclosure["version"]
    served = int(ask(url, "eth_chainId"), 16)
    if served != chain_id:
        raise NoVerdict(
            f"the node is of another chain: it serves chain {served}, the disclosure is of chain {chain_id}"
        )
    chain = ChainCheck("the check ended before it")

    # 1. The contract has the code whose rules are known: since its deployment nobody can change or delete a record in
    # it. What the deployment itself wrote, its code does not show: hence step 3, and hence you have to know the
    # contract's address. Deployments differ by the token's address alone, behind the instruction PUSH32 (0x7f).
    code = bytes_of(ask(url, "eth_getCode", contract, "latest"))
    token = call(url, contract, "fntx()")[:32] if code else b""
    bare = code.replace(b"\x7f" + token, b"\x7f" + bytes(len(token)))
    del chain.unchecked["code"]
    if hex_of(keccak256(bare)) not in CODES:
        chain.problems.append(f"the contract {contract} is not FNTX's TrackRecord")
        return chain

    # 2. It holds this root and this catalogue for this trader, day and version, and itself finds each metric in it. Of
    # an extension it finds the root, as slot 63; what lies below that was checked here.
    day = word(disclosure["trader"]) + word(yyyymmdd(disclosure))
    stored = call(url, contract, "versionOf(address,uint32,uint32)", day + word(version))
    posted_at, stored_version = number(stored, 2), number(stored, 3)
    if stored_version != version:
        chain.problems.append(f"the contract has no version {version} of this trader's record of {disclosure['date']}")
    else:
        if hex_of(stored[:32]) != disclosure["root"]:
            chain.problems.append("the contract has another root")
        if hex_of(stored[32:64]) != schema_hash(disclosure):
            chain.problems.append("the contract has another catalogue's hash")
        extension = disclosure.get("extension")
        for metric in disclosure["metrics"] + ([slot_63(extension)] if extension else []):
            proof = word(version) + word(metric["index"]) + word(scaled_of(metric))
            proof += b"".join(map(bytes_of, [metric["salt"], *metric["path"]]))
            function = "verifyMetric(address,uint32,uint32,uint256,int256,bytes32,bytes32[6])"
            if number(call(url, contract, function, day + proof), 0) != 1:
                name = f"{metric['name']} (slot {metric['index']})"
                chain.problems.append(f"the contract does not find {name} in the record")
    del chain.unchecked["record"]
    if chain.problems:
        return chain

    # 3. The transaction that the discloser names is the trader's own, and it posted this very record at that time.
    check_posting(disclosure, url, posted_at, chain)

    # 4. The contract holds no later version.
    latest = number(call(url, contract, "recordOf(address,uint32)", day), 3)
    chain.latest = latest if latest > version else None
    del chain.unchecked["latest"]
    return chain


def check_posting(disclosure, url, posted_at, chain):
    """Add to `chain` what the named transaction shows. Without it, trader and time are but the contract's word."""
    transaction = disclosure["transaction"]
    receipt = transaction and ask(url, "eth_getTransactionReceipt", transaction)
    if receipt is None:
        known = "this node does not know the transaction" if transaction else "the disclosure names no transaction"
        chain.unchecked["posting"] = known
        return
    time = int(ask(url, "eth_getBlockByHash", receipt["blockHash"], False)["timestamp"], 16)
    del chain.unchecked["posting"]
    parties = [str(receipt["from"]).lower(), str(receipt["to"]).lower()]
    if int(receipt["status"], 16) != 1 or not any(is_posting(log, disclosure) for log in receipt["logs"]):
        chain.problems.append(f"the transaction {transaction} did not post this record")
    elif parties != [disclosure["trader"].lower(), disclosure["contract"].lower()]:
        chain.problems.append(f"the transaction {transaction} was not sent by the trader to the contract")
    elif time != posted_at:
        chain.problems.append(f"the transaction {transaction} was mined at another time than the contract says")
    else:
        chain.notes.append(timing(disclosure["date"], posted_at))
        mined_in = int(receipt["blockNumber"], 16)
        depth = max(int(ask(url, "eth_blockNumber"), 16) - mined_in, 0)
        if depth < FINAL_AFTER and not is_finalized(url, mined_in):
            chain.notes.append(
                f"NOT FINAL: the record's block has {depth} blocks after it and is not finalized: "
                "the chain may still drop it"
            )


def is_posting(log, disclosure):
    """Whether a transaction's log says that the contract stored this very record."""
    event = keccak256(b"DailyRecordPosted(address,uint32,bytes32,bytes32,uint32)")
    topics = [hex_of(event), hex_of(word(disclosure["trader"])), hex_of(word(yyyymmdd(disclosure)))]
    data = schema_hash(disclosure) + disclosure["root"][2:] + word(disclosure["version"]).hex()
    return log["address"].lower() == disclosure["contract"].lower() and log["topics"] == topics and log["data"] == data


# PART 2: READING THE FILE

FORMAT = "fntx.disclosure/1"
FORMAT_WITH_EXTENSION = "fntx.disclosure/2"
MAX_BYTES = 1_000_000
KEYS = ["catalogue", "chain_id", "checksum", "contract", "date", "format", "metrics"]
KEYS += ["root", "trader", "transaction", "version"]
EXTENSION_KEYS = ["catalogue", "metrics", "path", "root", "salt"]
METRIC_KEYS = ["decimals", "index", "name", "path", "salt", "scaled", "unit", "value"]
# Texts (kept) and the space between tokens (dropped). A text that is not ended goes on to the end of the file: so the
# time to look through a file grows with its length, and not with the square of it.
TEXT_OR_SPACE = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z))|[ \t\r\n]+', re.DOTALL)


def verify(text, root=None):
    """(holds, problems) of a disclosure's text (str or bytes), without a chain; `root`: 0x..., known from elsewhere."""
    try:
        problems = check(read(text), root)
    except Refused as refusal:
        problems = [str(refusal)]
    return not problems, problems


class Refused(Exception):
    """Something in the file is not as FNTX writes it; the message names the field."""


def read(text):
    """The disclosure as a dict, if every field of it has the right form; else Refused."""
    need(len(text) <= MAX_BYTES, f"the disclosure has more than {MAX_BYTES} bytes")
    need(text.isascii(), "the disclosure is not plain ASCII text")
    text = text if isinstance(text, str) else text.decode("ascii")
    # Python's JSON reader recurses: a disclosure has no more than 261 brackets outside of texts.
    need(len(re.findall(r"[\[{]", TEXT_OR_SPACE.sub("", text))) <= 261, "the disclosure is not JSON")
    try:
        content = json.loads(text)
        again = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    except (ValueError, RecursionError):
        raise Refused("the disclosure is not JSON") from None
    # Readers of JSON differ (which of two equal keys counts?), so there is one way to write it. Only space is free.
    compact = TEXT_OR_SPACE.sub(lambda match: match[1] or "", text)
    as_written = "a key twice, or a number or text in another notation"
    need(compact == again, f"the disclosure is not JSON as FNTX writes it: {as_written}")

    is_extended = type(content) is dict and content.get("format") == FORMAT_WITH_EXTENSION
    need_keys("the disclosure", content, sorted([*KEYS, "extension"]) if is_extended else KEYS)
    is_known = is_extended or content["format"] == FORMAT
    need(is_known, f"format is neither {FORMAT} nor {FORMAT_WITH_EXTENSION}")
    chain_id = content["chain_id"]
    need(is_number(chain_id) and 0 < int(chain_id) < 2**256, "chain_id is no chain's number")
    for field in ("contract", "trader"):
        need(matches("0x[0-9a-fA-F]{40}", content[field]), f"{field} is not an address")
    need(is_day(content["date"]), "date is not a day from 1970-01-01 to 9999-12-31")
    version = content["version"]
    need(type(version) is int and 1 <= version < 2**32, "version is not a number from 1 to 4294967295")
    need(is_hash(content["root"]), "root is not a hash")
    need(content["transaction"] is None or is_hash(content["transaction"]), "transaction is neither a hash nor null")
    slots = read_catalogue("catalogue", content, SCHEMAS)
    read_metrics("metrics", content["metrics"], slots, 0 if is_extended else 1)
    if is_extended:
        read_extension(content["extension"], slots)
    # The checksum finds a change on the way. It is no proof of origin: whoever changes the file can compute it anew.
    rest = {key: content[key] for key in content if key != "checksum"}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    need(is_hash(content["checksum"]), "checksum is not a hash")
    need(content["checksum"] == hex_of(keccak256(canonical.encode())), "checksum is another one: the file was changed")
    return content


def read_catalogue(where, tree, schemas):
    """The slots of a tree's catalogue, by index."""
    catalogue = tree["catalogue"]
    is_published = type(catalogue) is str and schema_hash(tree) in schemas
    need(is_published, f"{where} is not one that FNTX published")
    return {slot["index"]: slot for slot in json.loads(catalogue)["metrics"]}


def read_extension(extension, slots):
    """Refused unless an extension has the right form; `slots`: of the record, with one for the extension's root."""
    need_keys("extension", extension, EXTENSION_KEYS)
    need(63 in slots, "catalogue has no slot for an extension")
    its_slots = read_catalogue("extension.catalogue", extension, EXTENSION_SCHEMAS)
    is_root = is_hash(extension["root"]) and number_of(extension["root"]) != NULL
    need(is_root, "extension.root is not a hash that a slot can hold")
    need(is_hash(extension["salt"]), "extension.salt is not a hash")
    need_path("extension.path", extension["path"])
    read_metrics("extension.metrics", extension["metrics"], its_slots, 1)


def read_metrics(where, metrics, slots, least):
    """Refused unless it is a list of metrics of the right form, each slot once."""
    is_list = type(metrics) is list and least <= len(metrics) <= 64
    need(is_list, f"{where} is not a list of {least} to 64 metrics")
    seen = set()
    for place, metric in enumerate(metrics):
        read_metric(f"{where}[{place}]", metric, slots)
        need(metric["index"] not in seen, f"{where}[{place}].index is there twice")
        seen.add(metric["index"])


def read_metric(where, metric, slots):
    """Refused unless a metric has the right form, is the catalogue's, and its text says what was signed."""
    need_keys(where, metric, METRIC_KEYS)
    index, scaled = metric["index"], metric["scaled"]
    need(type(index) is int and index in slots, f"{where}.index is not a slot of the catalogue")
    for field in ("name", "unit", "decimals"):
        is_same = json.dumps(metric[field]) == json.dumps(slots[index][field])  # 1 is neither 1.0 nor true
        need(is_same, f"{where}.{field} is not the catalogue's")
    fits = scaled is None or (is_number(scaled) and NULL < int(scaled) < -NULL)
    need(fits, f"{where}.scaled is neither null nor a whole number that int256 holds")
    value = None if scaled is None else text_of(int(scaled), metric["unit"], metric["decimals"])
    need(value != "", f"{where}.scaled stands for no letters")
    need(metric["value"] == value, f"{where}.value is not what scaled says")
    need(is_hash(metric["salt"]), f"{where}.salt is not a hash")
    need_path(f"{where}.path", metric["path"])


# PART 3: THE COMMAND, AND ASKING A NODE

SECONDS = 30  # that a node has for the whole of one answer


def main():
    parser = argparse.ArgumentParser(description="Check an FNTX disclosure.")
    parser.add_argument("file", help="the disclosure, a JSON file")
    parser.add_argument("--rpc", metavar="URL", help="a node of the disclosure's chain, to ask the contract")
    parser.add_argument("--root", metavar="0x...", help="the record's root, if you know it from the chain")
    given = parser.parse_args()
    if given.rpc is not None and not re.match("(?i)https?://", given.rpc):
        parser.error("--rpc: give a URL that begins with http:// or https://")
    if given.root is not None and not matches("0x[0-9a-fA-F]{64}", given.root):
        parser.error("--root: give 0x and 64 hex digits")
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
    extension = disclosure.get("extension")
    of_record = [(metric, leads_to_root(disclosure, metric, disclosure)) for metric in disclosure["metrics"]]
    leads_on = extension and leads_to_root(disclosure, slot_63(extension), disclosure)
    of_extension = [
        (metric, leads_on and leads_to_root(disclosure, metric, extension))
        for metric in (extension["metrics"] if extension else [])
    ]
    for metric, leads in of_record + of_extension:
        verdict = "leads to the root" if leads else "DOES NOT LEAD TO THE ROOT"
        value = "null (not defined)" if metric["value"] is None else f"{metric['value']} {unit_of(disclosure, metric)}"
        print(f"  {metric['name']}: {value}: {verdict}")
    problems = check(disclosure, given.root)
    chain = ChainCheck("the file by itself does not hold" if problems else "give --rpc")
    if given.root and not problems:
        chain.unchecked["record"] = "you gave the root; give --rpc for the rest"
    if given.rpc and not problems:
        try:
            chain = check_on_chain(disclosure, given.rpc)
        except (NoVerdict, ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError) as error:
            why = error if isinstance(error, NoVerdict) else "the node's answer is not a node's"
            print("- the file agrees with itself, and no more is known")
            print(f"NOT CHECKED ON THE CHAIN: {why}. Try again, or name another node")
            return 75
        problems = chain.problems
    for line in problems + chain.notes:
        print(f"- {line}")
    for step, why in chain.unchecked.items():
        print(f"NOT CHECKED: {STEPS[step]} ({why})")
    print("NOT CHECKED: whether the trader's and the contract's address are the ones you expect: compare them")
    print(verdict_of(problems, chain))
    return 1 if problems else 0


def verdict_of(problems, chain):
    if problems:
        return "DOES NOT HOLD"
    holds = "HOLDS, as far as checked" if chain.unchecked else "HOLDS"
    return f"{holds}, but is superseded by version {chain.latest}" if chain.latest else holds


def unit_of(disclosure, metric):
    """The unit as people read it: an amount needs the letters of its currency, which are a metric of their own."""
    if metric["unit"] != "base_currency":
        return metric["unit"]
    letters = [other["value"] for other in disclosure["metrics"] if other["name"] == "base_currency"]
    return (letters and letters[0]) or "(in the account's base currency, which is not disclosed)"


class NoVerdict(Exception):
    """The node did not answer, or not as a node of the disclosure's chain does."""


def is_finalized(url, block_number):
    """Whether the chain calls that block final; a node that does not know the word says nothing."""
    try:
        return int(ask(url, "eth_getBlockByNumber", "finalized", False)["number"], 16) >= block_number
    except (NoVerdict, ValueError, TypeError, KeyError):
        return False


def call(url, contract, function, arguments=b""):
    """What a function of the contract answers, as bytes."""
    data = hex_of(keccak256(function.encode())[:4] + arguments)
    return bytes_of(ask(url, "eth_call", {"to": contract, "data": data}, "latest"))


def ask(url, method, *params) -> Any:
    """A node's answer to one JSON-RPC question: any JSON."""
    question = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    try:
        answer = json.loads(fetched(url, question))
        if "revert" in str(answer.get("error", "")):
            return "0x"  # a contract that does not know the function
        return answer["result"]
    except (OSError, ValueError, KeyError, AttributeError, RecursionError, http.client.HTTPException) as error:
        raise NoVerdict(f"the node does not answer {method} ({type(error).__name__})") from None


def fetched(url, question):
    """The body of a node's answer, of 10 MB at most, all of it within SECONDS; else OSError or HTTPException."""
    ended = []

    def fetch():
        headers = {"Content-Type": "application/json", "User-Agent": "fntx-verify"}
        try:
            request = urllib.request.Request(url, question, headers)
            with urllib.request.build_opener(NoRedirect).open(request, timeout=SECONDS) as response:
                ended.append(response.read(10_000_000))
        except Exception as error:  # raised again in the thread that waits
            ended.append(error)

    # A socket's timeout is for each read: a node that drips bytes, of its headers too, would hold us for ever.
    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    thread.join(SECONDS)
    result = ended[0] if ended else TimeoutError()
    if isinstance(result, Exception):
        raise result
    return result


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Asks the node that was named, and no other."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        return None


# PART 4: WHETHER IT WAS POSTED LATE

LATE_AFTER = 24 * 3600  # seconds behind the session's close
# The days from Monday to Friday, as mmdd, on which the New York Stock Exchange is closed / closes at 13:00 and not at
# 16:00. It publishes them on its site; what lies ahead is by its rules.
HOLIDAYS = {
    "2007": "0101 0102 0115 0219 0406 0528 0704 0903 1122 1225 / 0703 1123 1224",
    "2008": "0101 0121 0218 0321 0526 0704 0901 1127 1225 / 0703 1128 1224",
    "2009": "0101 0119 0216 0410 0525 0703 0907 1126 1225 / 1127 1224",
    "2010": "0101 0118 0215 0402 0531 0705 0906 1125 1224 / 1126",
    "2011": "0117 0221 0422 0530 0704 0905 1124 1226 / 1125",
    "2012": "0102 0116 0220 0406 0528 0704 0903 1029 1030 1122 1225 / 0703 1123 1224",
    "2013": "0101 0121 0218 0329 0527 0704 0902 1128 1225 / 0703 1129 1224",
    "2014": "0101 0120 0217 0418 0526 0704 0901 1127 1225 / 0703 1128 1224",
    "2015": "0101 0119 0216 0403 0525 0703 0907 1126 1225 / 1127 1224",
    "2016": "0101 0118 0215 0325 0530 0704 0905 1124 1226 / 1125",
    "2017": "0102 0116 0220 0414 0529 0704 0904 1123 1225 / 0703 1124",
    "2018": "0101 0115 0219 0330 0528 0704 0903 1122 1205 1225 / 0703 1123 1224",
    "2019": "0101 0121 0218 0419 0527 0704 0902 1128 1225 / 0703 1129 1224",
    "2020": "0101 0120 0217 0410 0525 0703 0907 1126 1225 / 1127 1224",
    "2021": "0101 0118 0215 0402 0531 0705 0906 1125 1224 / 1126",
    "2022": "0117 0221 0415 0530 0620 0704 0905 1124 1226 / 1125",
    "2023": "0102 0116 0220 0407 0529 0619 0704 0904 1123 1225 / 0703 1124",
    "2024": "0101 0115 0219 0329 0527 0619 0704 0902 1128 1225 / 0703 1129 1224",
    "2025": "0101 0109 0120 0217 0418 0526 0619 0704 0901 1127 1225 / 0703 1128 1224",
    "2026": "0101 0119 0216 0403 0525 0619 0703 0907 1126 1225 / 1127 1224",
    "2027": "0101 0118 0215 0326 0531 0618 0705 0906 1125 1224 / 1126",
    "2028": "0117 0221 0414 0529 0619 0704 0904 1123 1225 / 0703 1124",
    "2029": "0101 0115 0219 0330 0528 0619 0704 0903 1122 1225 / 0703 1123 1224",
    "2030": "0101 0121 0218 0419 0527 0619 0704 0902 1128 1225 / 0703 1129 1224",
    "2031": "0101 0120 0217 0411 0526 0619 0704 0901 1127 1225 / 0703 1128 1224",
    "2032": "0101 0119 0216 0326 0531 0618 0705 0906 1125 1224 / 1126",
    "2033": "0117 0221 0415 0530 0620 0704 0905 1124 1226 / 1125",
    "2034": "0102 0116 0220 0407 0529 0619 0704 0904 1123 1225 / 0703 1124",
    "2035": "0101 0115 0219 0323 0528 0619 0704 0903 1122 1225 / 0703 1123 1224",
    "2036": "0101 0121 0218 0411 0526 0619 0704 0901 1127 1225 / 0703 1128 1224",
    "2037": "0101 0119 0216 0403 0525 0619 0703 0907 1126 1225 / 1127 1224",
    "2038": "0101 0118 0215 0423 0531 0618 0705 0906 1125 1224 / 1126",
    "2039": "0117 0221 0408 0530 0620 0704 0905 1124 1226 / 1125",
    "2040": "0102 0116 0220 0330 0528 0619 0704 0903 1122 1225 / 0703 1123 1224",
}


def timing(day, posted_at):
    """When a day's record was posted, in words; `posted_at` is Unix time."""
    said = f"posted at {datetime.fromtimestamp(posted_at, timezone.utc):%Y-%m-%d %H:%M:%S} UTC, by the chain's clock"
    if day[:4] not in HOLIDAYS:
        return f"{said}; whether that was late is NOT CHECKED: the exchange's sessions of {day[:4]} are not known here"
    closed_at, end = closing(day), "the session's close"
    if closed_at is None:  # only a market that never closes has a session then
        closed_at = int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()) + 24 * 3600
        end = "the end of the day in UTC, which is no day of the New York Stock Exchange"
    behind = posted_at - closed_at
    if behind < 0:
        return f"{said}, before the session was over: the figures cannot be that session's"
    late = ", late: it does not show that the figures were fixed on the day" if behind > LATE_AFTER else ""
    return f"{said}, {in_words(behind)} after {end}{late}"


def closing(day):
    """When the exchange's session of a day ends, as Unix time; None if it has none."""
    then = date.fromisoformat(day)
    closed, early = (days.split() for days in HOLIDAYS[day[:4]].split("/"))
    mmdd = f"{then:%m%d}"
    if then.weekday() > 4 or mmdd in closed:
        return None
    is_summer = sunday(then.year, 3, 2) <= then < sunday(then.year, 11, 1)
    hour = (13 if mmdd in early else 16) + (4 if is_summer else 5)  # New York's hour, and how far it is behind UTC
    return int(datetime(then.year, then.month, then.day, hour, tzinfo=timezone.utc).timestamp())


def sunday(year, month, nth):
    first = date(year, month, 1)
    return date(year, month, 1 + (6 - first.weekday()) + 7 * (nth - 1))


def in_words(seconds):
    """Hours to a tenth, from two days on days."""
    unit, name = (3600, "hours") if seconds < 48 * 3600 else (86400, "days")
    tenths = (seconds * 10 + unit // 2) // unit
    return f"{tenths // 10:,}.{tenths % 10} {name}"


# PART 5: FORMS, ENCODINGS, THE HASH


def need(condition, otherwise):
    if not condition:
        raise Refused(otherwise)


def need_keys(where, content, keys):
    is_so = type(content) is dict and sorted(content) == keys
    need(is_so, f"{where} does not have exactly the keys {', '.join(keys)}")


def need_path(where, path):
    need(type(path) is list and len(path) == 6 and all(map(is_hash, path)), f"{where} is not 6 hashes")


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


def schema_hash(tree):
    """keccak256 of a tree's catalogue: what its slots mean is part of every leaf."""
    return hex_of(keccak256(tree["catalogue"].encode("ascii")))


def number_of(root):
    """A root as the number that a slot holds."""
    return int.from_bytes(bytes_of(root), "big", signed=True)


def scaled_of(metric):
    """The number that was signed."""
    return NULL if metric["scaled"] is None else int(metric["scaled"])


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


@functools.lru_cache(maxsize=16)  # the catalogues' are asked for again and again
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
